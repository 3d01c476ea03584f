"""`./trueloop templates versions|rollback|release|migrate|replay`: the version in force, and what another would do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import typer

from gateway.commands.context import JSON_OPTION, open_with_folder
from gateway.commands.proposals import person_of
from gateway.start_check import in_words
from gateway.terminal import fail, one_sentence_errors, print_json, show
from resources.packs import PackError
from resources.platform import Platform
from workflow_jobs.engine.replaying import Replayed
from workflow_jobs.template_library import TemplateLibrary, TemplateProblems, UnknownTemplate
from workflow_jobs.template_versions import Moved, Version, VersionError
from workflow_jobs.wiring import library, process_service, read_folder, template_versions

_TEMPLATE = typer.Argument(help="Template id.")
_AS = typer.Option(..., "--as", help="Your login in the people directory; you hold the role that owns the template.")
_TO = typer.Option(None, "--to", help="Hash of the version, or its beginning.")
_STARTED = "Trueloop runs with the templates that it started with."
_VERSIONS = {
    "hash": "HASH",
    "version": "VERSION",
    "state": "STATE",
    "first_used_at": "FIRST USED (UTC)",
    "open_cases": "OPEN CASES",
    "cases": "CASES",
    "set_by": "SET BY",
    "since": "SINCE (UTC)",
}
_CHANGES = {"action": "CHANGE", "hash": "TO", "person": "BY", "at": "AT (UTC)"}
_MOVED = {"case_id": "CASE", "result": "RESULT", "reasons": "WOULD NOT FIT", "notes": "NOTES"}
_REPLAYED = {"case_id": "CASE", "result": "RESULT", "differences": "DIFFERENCES", "stopped": "STOPS"}


@one_sentence_errors(UnknownTemplate, VersionError)
def versions(name: str = _TEMPLATE, as_json: bool = JSON_OPTION) -> None:
    """Every known version of a template, which one is in force, and who changed that.

    Beside a running stack: what it goes by, and what the folder has for its next start.
    """
    platform, folder = open_with_folder()
    service, names = template_versions(platform), process_service(platform).directory()
    ahead, trouble = _ahead(platform, folder)
    found = service.versions(name, ahead)
    if trouble:  # which one the folder has is not known
        found = [replace(one, newest=False) for one in found]
    changes = [{**one._asdict(), "person": names.name(one.person_id)} for one in service.changes(name)]
    coming = trouble or (_next_start(name, found) if ahead is not None else "")
    if as_json:
        print_json({"versions": [asdict(one) for one in found], "changes": changes, "next_start": coming or None})
        return
    rows = [
        asdict(one)
        | {"hash": _short(one.hash), "state": _state(one), "set_by": names.name(one.set_by) if one.set_by else ""}
        for one in found
    ]
    show(rows, _VERSIONS, as_json=False, empty="")
    if changes:
        print()
        show([one | {"hash": _short(one["hash"])} for one in changes], _CHANGES, as_json=False, empty="")
    if coming:
        print(f"\n{coming}")


@one_sentence_errors(UnknownTemplate, VersionError)
def rollback(name: str = _TEMPLATE, to: str | None = _TO, login: str = _AS, as_json: bool = JSON_OPTION) -> None:
    """Put an earlier version in force for new cases: the one before, or `--to`. Running cases keep theirs."""
    platform, folder = open_with_folder()
    person = _answering(platform, folder, name, login)
    _say(template_versions(platform).roll_back(name, person, to), name, as_json=as_json)


@one_sentence_errors(UnknownTemplate, VersionError)
def release(name: str = _TEMPLATE, login: str = _AS, as_json: bool = JSON_OPTION) -> None:
    """Put the newest version of the folder in force again, after a rollback; a running stack, that of its start."""
    platform, folder = open_with_folder()
    person = _answering(platform, folder, name, login)
    service = template_versions(platform)
    _say(service.release(name, person), name, as_json=as_json)
    ahead, trouble = _ahead(platform, folder)
    coming = trouble or (_next_start(name, service.versions(name, ahead)) if ahead is not None else "")
    if coming and not as_json:
        print(f"Mind: {coming}")


@one_sentence_errors(UnknownTemplate, VersionError)
def migrate(
    name: str = _TEMPLATE,
    to: str | None = typer.Option(None, "--to", help="Hash of the version; without it, the one in force."),
    case: list[str] = typer.Option([], "--case", help="Only this case; repeatable. Without it, every open one."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would fit and what would not."),
    login: str = _AS,
    as_json: bool = JSON_OPTION,
) -> None:
    """Move running cases to another version. A case moves whole or not at all; ends with 1 where one stayed."""
    platform, folder = open_with_folder()
    person = _answering(platform, folder, name, login)
    moved = template_versions(platform).migrate(name, person, to=to, cases=case or None, dry_run=dry_run)
    rows: list[dict[str, Any]] = [asdict(one) | {"result": _result(one, dry_run=dry_run)} for one in moved]
    show(rows, _MOVED, as_json=as_json, empty="Every open case follows that version already.")
    if any(one.reasons for one in moved):
        raise typer.Exit(1)


@one_sentence_errors(UnknownTemplate, VersionError)
def replay(
    name: str = _TEMPLATE,
    cases: int = typer.Option(50, "--cases", min=1, max=10_000, help="How many past cases, newest first."),
    to: str | None = typer.Option(None, "--to", help="Hash of the version; without it, the newest of the folder."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Play past cases on another version and show what would have gone another way. Changes nothing."""
    platform, folder = open_with_folder()
    ahead = read_folder(folder, platform.pack) if folder is not None else None
    replayed = template_versions(platform).replay(name, to=to, limit=cases, ahead=ahead)
    same = sum(one.same for one in replayed)
    stopped = sum(bool(one.stopped) for one in replayed)
    if as_json:
        print_json(
            {
                "cases": len(replayed),
                "same": same,
                "different": len(replayed) - same,
                "stopped": stopped,
                "replayed": [asdict(one) for one in replayed],
            }
        )
        return
    show([_replayed(one) for one in replayed if not one.same], _REPLAYED, as_json=False, empty="")
    print(
        f"{len(replayed)} cases played: {same} the same way, {len(replayed) - same} another way,"
        f" {stopped} of them stop where the old decisions lead no further."
    )


def _answering(platform: Platform, folder: Path | None, name: str, login: str) -> str:
    """Id of the person of a login, who answers for the template. Where nobody does, anybody known may, by name."""
    person, roles = person_of(platform, login)
    known = library(platform.settings.templates_dir)
    if folder is not None and name not in known.ids() and (folder / f"{name}.yaml").is_file():
        fail(
            f"{_STARTED} {name} waits for the next start: then new cases open with it, and nothing has to be released."
        )
    owner = known.get(name).owner_role
    if owner not in roles and process_service(platform).directory().candidates(owner):
        fail(f"{login} does not answer for {name}: that takes the role {owner}.")
    return person


def _ahead(platform: Platform, folder: Path | None) -> tuple[TemplateLibrary | None, str]:
    """What the next start takes from the folder where a stack runs; else why it would be refused. (None, ""): no stack
    runs, and the folder is in force.
    """
    if folder is None:
        return None, ""
    try:
        return read_folder(folder, platform.pack), ""
    except (OSError, PackError, TemplateProblems) as error:
        return None, f"{_STARTED} The next start would be refused: {in_words(error)}"


def _next_start(name: str, found: Sequence[Version]) -> str:
    """What the next start changes; empty where nothing."""
    newest = next((one for one in found if one.newest), None)
    if newest is None:
        return f"{_STARTED} The folder has {name} no more: from the next start on no case opens with it."
    if not newest.waits_for_start or newest.in_force:
        return ""
    when = "once the one that somebody chose is released" if any(one.set_by for one in found) else "for new cases"
    version = f"version {newest.version} of the folder ({_short(newest.hash)})"
    return f"{_STARTED} From the next start on {version} is in force {when}."


def _say(version: Version, name: str, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(version))
        return
    print(f"Version {version.version} of {name} ({_short(version.hash)}) is in force for new cases.")
    for note in version.notes:
        print(f"Mind: {note}")


def _state(version: Version) -> str:
    words = (
        ("in force", version.in_force),
        ("newest", version.newest),
        ("waits for the next start", version.waits_for_start),
    )
    return ", ".join(word for word, holds in words if holds)


def _result(moved: Moved, *, dry_run: bool) -> str:
    if moved.reasons:
        return "would stay" if dry_run else "stays"
    return "would move" if dry_run else "moved"


def _replayed(one: Replayed) -> dict[str, Any]:
    told = [f"{d.kind} {d.step}: {d.before} -> {d.after}".replace(" :", ":") for d in one.differences]
    return {"case_id": one.case_id, "result": "stops" if one.stopped else "differs", "differences": told,
            "stopped": list(one.stopped)}  # fmt: skip


def _short(content_hash: str) -> str:
    return content_hash.removeprefix("sha256:")[:12]
