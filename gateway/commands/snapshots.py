"""`./trueloop snapshots`: what was published, and going back to it."""

from __future__ import annotations

import typer

from gateway.commands.context import JSON_OPTION, open_platform
from gateway.terminal import one_sentence_errors, print_json, show
from resources.serving import UnknownSnapshotError

app = typer.Typer(no_args_is_help=True, help="Published snapshots.")
_COLUMNS = {
    "current": "",
    "id": "SNAPSHOT",
    "published_at": "PUBLISHED (UTC)",
    "as_of": "AS OF",
    "held": "HELD BACK",
    "note": "NOTE",
}


@app.command("list")
def list_snapshots(as_json: bool = JSON_OPTION) -> None:
    """The snapshots that are kept, newest first; * marks the one that readers see."""
    store = open_platform().snapshots
    pointer = store.pointer() or {"id": None, "pinned": False, "reason": ""}
    rows = [
        {
            "current": "*" if info.id == pointer["id"] else "",
            "id": info.id,
            "published_at": info.published_at,
            "as_of": info.as_of,
            "held": list(info.held),
            "note": f"rolled back: {pointer['reason']}" if pointer["pinned"] and info.id == pointer["id"] else "",
        }
        for info in store.list()
    ]
    show(rows, _COLUMNS, as_json=as_json, empty="Nothing was published yet; run `./trueloop refresh`.")


@app.command("rollback")
@one_sentence_errors(UnknownSnapshotError)
def rollback(
    snapshot: str | None = typer.Argument(None, help="The snapshot to go back to; default: the one before."),
    reason: str = typer.Option(help="Why; shown to everybody who lists the snapshots."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Show readers an earlier snapshot from now on. Refreshes go on publishing, but nobody sees them until `resume`."""
    info = open_platform().snapshots.rollback(snapshot, reason)
    if as_json:
        print_json(info.to_json())
        return
    print(f"Readers see snapshot {info.id} (as of {info.as_of}) until `./trueloop snapshots resume`.")


@app.command("resume")
@one_sentence_errors(UnknownSnapshotError)
def resume(as_json: bool = JSON_OPTION) -> None:
    """End a rollback: readers see the newest snapshot again."""
    info = open_platform().snapshots.resume()
    if as_json:
        print_json(info.to_json())
        return
    print(f"Readers see the newest snapshot {info.id} (as of {info.as_of}).")
