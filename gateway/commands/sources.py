"""`./trueloop sources`: the source tables of the pack, and a dry run over what waits."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

from gateway.commands.context import JSON_OPTION, open_platform
from gateway.terminal import fail, one_sentence_errors, print_json, show
from ops_assets.ingestion.landing_files import LandingFolderError
from ops_assets.ingestion.landing_schema import LandingSchemaError
from ops_assets.ingestion.source_check import SourceCheck, check_sources, list_sources
from ops_assets.landing import landing_schema

app = typer.Typer(no_args_is_help=True, help="Source systems and their files.")
_LIST = {
    "system": "SYSTEM",
    "table": "TABLE",
    "loaded_files": "FILES",
    "loaded_rows": "ROWS",
    "set_aside_files": "SET ASIDE",
    "globs": "FROM",
}
_CHECK = {
    "system": "SYSTEM",
    "table": "TABLE",
    "files": "FILES WAITING",
    "rows": "ROWS",
    "quarantine": "WOULD BE QUARANTINED",
    "set_aside": "WOULD BE SET ASIDE",
}


@app.command("list")
@one_sentence_errors(LandingSchemaError)
def list_tables(as_json: bool = JSON_OPTION) -> None:
    """Every source table of the pack, with what was loaded of it."""
    platform = open_platform()
    rows = [asdict(check) for check in list_sources(platform.ops_engine, landing_schema(platform))]
    show(rows, _LIST, as_json=as_json, empty="The pack declares no source tables.")


@app.command("check")
@one_sentence_errors(LandingSchemaError, LandingFolderError)
def check(as_json: bool = JSON_OPTION) -> None:
    """Judge what waits in the landing folder without loading anything; exit code 1 if something would be refused."""
    platform = open_platform()
    if not platform.settings.landing_dir.is_dir():
        if platform.settings.source_dir is not None:
            fail(f"TRUELOOP_SOURCE_DIR is {platform.settings.landing_dir}, which is no folder.")
        if as_json:
            print_json([])
            return
        print(f"The landing folder {platform.settings.landing_dir} does not exist yet; `./trueloop refresh` makes it.")
        return
    report = check_sources(
        engine=platform.ops_engine,
        schema=landing_schema(platform),
        landing_dir=platform.settings.landing_dir,
        clock=platform.clock,
        zone=platform.pack.zone,
    )
    shown = [_row(entry) for entry in report.tables if entry.files or as_json]
    show(shown, _CHECK, as_json=as_json, empty="Nothing waits in the landing folder.")
    if not as_json:
        for entry in report.tables:
            for sentence in entry.examples:
                print(f"  {sentence}")
        for path in report.unclaimed:
            print(f"  {path}: no source table of the pack claims this file")
    if not report.clean:
        raise typer.Exit(1)


def _row(entry: SourceCheck) -> dict[str, Any]:
    return {
        **asdict(entry),
        "quarantine": ", ".join(f"{rule}: {count}" for rule, count in sorted(entry.would_quarantine.items())),
        "set_aside": ", ".join(f"{path} ({reason})" for path, reason, _ in entry.would_set_aside),
    }
