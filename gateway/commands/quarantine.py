"""`./trueloop quarantine`: rows that failed a rule, and files that were set aside."""

from __future__ import annotations

import getpass
from dataclasses import asdict

import typer

from gateway.commands.context import JSON_OPTION, open_platform
from gateway.terminal import fail, one_sentence_errors, print_json, show, show_one
from ops_assets.ingestion import quarantine
from ops_assets.ingestion.quarantine import STATUSES, QuarantineError

app = typer.Typer(no_args_is_help=True, help="Rows and files that were kept out, with the reason.")
_ROWS = {
    "id": "ID",
    "table": "TABLE",
    "source_ref": "FILE",
    "line": "LINE",
    "rule": "RULE",
    "column": "COLUMN",
    "value": "VALUE",
    "status": "STATUS",
}
_FILES = {"id": "ID", "table_name": "TABLE", "path": "FILE", "reason": "REASON", "sentence": "WHAT WAS WRONG"}


@app.command("list")
def list_rows(
    status: str = typer.Option("open", help=f"{', '.join(STATUSES)} or all."),
    table: str | None = typer.Option(None, help="Only this source table, as <system>__<table>."),
    limit: int = typer.Option(100, min=1),
    files: bool = typer.Option(False, "--files", help="Show the files that were set aside whole instead of rows."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Quarantined rows, the open ones by default."""
    engine = open_platform().ops_engine
    if files:
        show(quarantine.list_set_aside(engine), _FILES, as_json=as_json, empty="No file is set aside.")
        return
    if status not in {*STATUSES, "all"}:
        fail(f"There is no status {status!r}; use one of {', '.join(STATUSES)} or all.")
    rows = quarantine.list_rows(engine, status=None if status == "all" else status, table=table, limit=limit)
    show([asdict(row) for row in rows], _ROWS, as_json=as_json, empty=f"No row is {status} in quarantine.")


@app.command("show")
@one_sentence_errors(QuarantineError)
def show_row(row_id: str, as_json: bool = JSON_OPTION) -> None:
    """One quarantined row whole: its text, every rule that it failed, and what was decided."""
    show_one(asdict(quarantine.show(open_platform().ops_engine, row_id)), as_json=as_json)


@app.command("retry")
@one_sentence_errors(QuarantineError)
def retry(
    row_id: str = typer.Argument(help="Row id, or the id of a set-aside file with --file."),
    edit: list[str] = typer.Option([], "--set", help="column=value to repair before the retry; repeatable."),
    file: bool = typer.Option(False, "--file", help="Release a file that was set aside."),
    reason: str = typer.Option("", help="Why a file is released all the same."),
    by: str = typer.Option("", help="Who decides; default: your login."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Load the row (or the file) again with the next refresh, after a repair."""
    platform = open_platform()
    who = by or getpass.getuser()
    if file:
        if not row_id.isdigit():
            fail("A file's id is a number; `./trueloop quarantine list --files` shows it.")
        quarantine.release_file(platform.ops_engine, int(row_id), reason=reason, by=who, clock=platform.clock)
    else:
        wrong = [part for part in edit if "=" not in part]
        if wrong:
            fail(f"--set takes column=value, and {wrong[0]!r} has no =.")
        edits = dict(part.partition("=")[::2] for part in edit)
        quarantine.retry(platform.ops_engine, row_id, by=who, clock=platform.clock, edits=edits)
    if as_json:
        print_json({"id": row_id, "retry": "requested"})
        return
    print("It will be loaded by the next refresh: ./trueloop refresh")


@app.command("discard")
@one_sentence_errors(QuarantineError)
def discard(
    row_id: str,
    reason: str = typer.Option(help="Why this row will never be loaded; kept with it."),
    by: str = typer.Option("", help="Who decides; default: your login."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Discard a row for good. Its text and your reason stay."""
    platform = open_platform()
    row = quarantine.discard(
        platform.ops_engine, row_id, reason=reason, by=by or getpass.getuser(), clock=platform.clock
    )
    if as_json:
        print_json(asdict(row))
        return
    print(f"{row_id} is discarded.")
