"""`./trueloop templates versions|rollback|release|migrate|replay`: the version in force, and what another would do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

from gateway.commands.context import JSON_OPTION, open_platform
from gateway.commands.proposals import person_of
from gateway.terminal import fail, one_sentence_errors, print_json, show
from resources.platform import Platform
from workflow_jobs.engine.replaying import Replayed
from workflow_jobs.template_library import UnknownTemplate
from workflow_jobs.template_versions import Moved, Version, VersionError
from workflow_jobs.wiring import library, process_service, template_versions

_TEMPLATE = typer.Argument(help="Template id.")
_AS = typer.Option(..., "--as", help="Your login in the people directory; you hold the role that owns the template.")
_TO = typer.Option(None, "--to", help="Hash of the version, or its beginning.")
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
    """Every known version of a template, which one is in force, and who changed that."""
    platform = open_platform()
    service, names = template_versions(platform), process_service(platform).directory()
    found = service.versions(name)
    changes = [{**one._asdict(), "person": names.name(one.person_id)} for one in service.changes(name)]
    if as_json:
        print_json({"versions": [asdict(one) for one in found], "changes": changes})
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


@one_sentence_errors(UnknownTemplate, VersionError)
def rollback(name: str = _TEMPLATE, to: str | None = _TO, login: str = _AS, as_json: bool = JSON_OPTION) -> None:
    """Put an earlier version in force for new cases: the one before, or `--to`. Running cases keep theirs."""
    platform = open_platform()
    person = _answering(platform, name, login)
    _say(template_versions(platform).roll_back(name, person, to), name, as_json=as_json)


@one_sentence_errors(UnknownTemplate, VersionError)
def release(name: str = _TEMPLATE, login: str = _AS, as_json: bool = JSON_OPTION) -> None:
    """Put the newest version of the folder in force again, after a rollback."""
    platform = open_platform()
    person = _answering(platform, name, login)
    _say(template_versions(platform).release(name, person), name, as_json=as_json)


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
    platform = open_platform()
    person = _answering(platform, name, login)
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
    replayed = template_versions(open_platform()).replay(name, to=to, limit=cases)
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


def _answering(platform: Platform, name: str, login: str) -> str:
    """Id of the person of a login, who answers for the template. Where nobody does, anybody known may, by name."""
    person, roles = person_of(platform, login)
    owner = library().get(name).owner_role
    if owner not in roles and process_service(platform).directory().candidates(owner):
        fail(f"{login} does not answer for {name}: that takes the role {owner}.")
    return person


def _say(version: Version, name: str, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(version))
        return
    print(f"Version {version.version} of {name} ({_short(version.hash)}) is in force for new cases.")
    for note in version.notes:
        print(f"Mind: {note}")


def _state(version: Version) -> str:
    return ", ".join(word for word, holds in (("in force", version.in_force), ("newest", version.newest)) if holds)


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
