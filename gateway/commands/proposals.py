"""`./trueloop metrics propose|proposals|rollback|versions`: changing what a figure means, with its owner's approval."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer

from gateway.commands.context import JSON_OPTION, open_platform, published
from gateway.terminal import fail, one_sentence_errors, print_json, show
from ops_assets.catalog import CatalogError, load_catalog
from ops_assets.definition_change.candidate import (
    CandidateError,
    changes_in_files,
    changes_in_folder,
    changes_on_branch,
)
from ops_assets.definition_change.proposals import Proposal, Proposals, UnknownProposalError
from ops_assets.definition_change.register import Register, UnknownVersionError
from ops_assets.definition_change.review import review
from ops_assets.definition_change.rollback import RollbackError, RolledBack, restore_files, roll_back
from ops_assets.definition_change.shadow import ShadowError, try_empty
from ops_assets.refresh import audit_and_publish, build, load_definitions
from resources.dbt import DbtError
from resources.platform import Platform
from workflow_jobs.definition_cases import open_cases
from workflow_jobs.wiring import process_service

_AS = typer.Option(..., "--as", help="Your login in the people directory.")
_REASON = typer.Option(..., "--reason", help="Why, in a sentence; it stays in the history.")


@one_sentence_errors(CandidateError, ShadowError, CatalogError, DbtError)
def propose(
    metric: str | None = typer.Argument(None, help="The metric whose definition changes; `metric_` may be left out."),
    project: Path | None = typer.Option(None, help="Another copy of the dbt project: what differs is proposed."),
    branch: str = typer.Option("", help="A git branch: what it changed in the dbt project is proposed."),
    file: list[str] = typer.Option([], help="An edited file of the project (.sql, .yml); repeatable."),
    everything: bool = typer.Option(False, "--all", help="All metrics whose meaning the checkout changes."),
    reason: str = _REASON,
    login: str = _AS,
    as_json: bool = JSON_OPTION,
) -> None:
    """Propose that a figure means something else. Without --project, --branch or --file: what the checkout says.

    Compiles old and new, shows what changes, and asks the owner of every changed metric.
    """
    if (metric is None) != everything:
        fail("Name the metric whose definition changes, or say --all.")
    if sum((project is not None, bool(branch), bool(file))) > 1:
        fail("Give one of --project, --branch and --file.")
    if not reason.strip():
        fail("A proposal needs a reason.")
    platform = open_platform()
    person, _ = person_of(platform, login)
    changed: Mapping[str, str] = {}
    if project is not None:
        changed = changes_in_folder(platform, project.resolve())
    elif branch:
        changed = changes_on_branch(platform, branch)
    elif file:
        changed = changes_in_files(platform, [Path(entry) for entry in file])
    compiled, reviewed = review(platform, metric, changed)
    names = [entry["metric"] for entry in reviewed["metrics"]]
    seconds = try_empty(platform, compiled, names)
    proposal = Proposals(platform.ops_engine).add(
        proposed_by=person,
        reason=reason.strip(),
        at=platform.clock.now(),
        files=changed,
        new_project=platform.projects.keep(compiled.folder),
        review=reviewed,
    )
    cases = open_cases(platform, process_service(platform), proposal)
    if as_json:
        print_json({"proposal": proposal.proposal_id, "cases": cases, "lock_seconds": seconds, **reviewed})
        return
    _print_review(proposal)
    print(f"\nTried without rows in {seconds} s of the warehouse; unit tests and contracts hold.")
    for role, case in cases.items():
        print(f"{proposal.proposal_id}: case {case} asks {role}")
    print(f"{platform.settings.gateway_url}/proposals/{proposal.proposal_id}")


@one_sentence_errors(UnknownProposalError)
def proposals(
    proposal_id: str | None = typer.Argument(None, help="One proposal in full; all when left out."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Proposed definitions: what they change, how figures would move, who has approved."""
    platform = open_platform()
    kept = Proposals(platform.ops_engine)
    if proposal_id is not None:
        proposal = kept.get(proposal_id)
        approvals = [vars(approval) for approval in kept.approvals(proposal_id)]
        if as_json:
            print_json({**vars(proposal), "approvals": approvals})
            return
        _print_review(proposal)
        for name, found in (proposal.shadow.get("metrics") or {}).items():
            print(f"\n{name}: {found['old']['text']} -> {found['new']['text']}")
        for approval in approvals:
            print(f"{approval['role']}: {approval['approved_by'] or 'not yet'} (case {approval['case_id']})")
        print(f"status: {proposal.status}" + (f" ({proposal.note})" if proposal.note else ""))
        return
    people = process_service(platform).directory()
    rows = [
        {
            "proposal": proposal.proposal_id,
            "metrics": list(proposal.metrics),
            "by": people.name(proposal.proposed_by),
            "at": proposal.at,
            "status": proposal.status,
            "reason": proposal.reason,
        }
        for proposal in kept.all()
    ]
    columns = {"proposal": "PROPOSAL", "metrics": "METRICS", "by": "BY", "at": "AT (UTC)", "status": "STATUS",
               "reason": "REASON"}  # fmt: skip
    show(rows, columns, as_json=as_json, empty="Nothing was proposed yet.")
    lying_over = sorted(platform.projects.overlays())
    if lying_over and not as_json:
        print(f"\nIn force, but not in the checkout yet: {', '.join(lying_over)} (in {platform.projects.in_force()})")


@one_sentence_errors(CatalogError)
def versions(
    metric: str = typer.Argument(help="Name of the metric; `metric_` may be left out."), as_json: bool = JSON_OPTION
) -> None:
    """The history of a metric's definition: which version came when, by whom, and why."""
    platform = open_platform()
    name = load_catalog(platform.models_dir).metric(metric).name
    people = process_service(platform).directory()
    rows = [
        {
            **vars(change),
            "by": people.name(change.by) if change.by else None,
            "approved_by": people.name(change.approved_by) if change.approved_by else None,
        }
        for change in Register(platform.ops_engine).history(name)
    ]
    columns = {"version": "VERSION", "kind": "WHAT", "at": "AT (UTC)", "by": "BY", "approved_by": "APPROVED BY",
               "case_id": "CASE", "reason": "REASON"}  # fmt: skip
    show(rows, columns, as_json=as_json, empty="No version was published yet.")


@one_sentence_errors(RollbackError, UnknownVersionError, CatalogError, DbtError)
def rollback(
    metric: str = typer.Argument(help="Name of the metric; `metric_` may be left out."),
    to: int | None = typer.Option(None, help="The version to go back to; the one before when left out."),
    reason: str = _REASON,
    login: str = _AS,
    refresh: bool = typer.Option(True, help="Compute the earlier version on today's data afterwards."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Put an earlier version of a definition in force again; its last figures are served by the next request."""
    platform = open_platform()
    person, roles = person_of(platform, login)
    name = load_catalog(platform.models_dir).metric(metric).name
    done = roll_back(platform, name, to, reason=reason, by=person, roles=roles)
    if not as_json:
        where = f"snapshot {done.snapshot_id}, figures of {done.figures_of}" if done.snapshot_id else "no kept figures"
        print(f"{name}: version {done.version} is in force instead of {done.left} ({where}).", flush=True)
    done = restore_files(platform, done)
    if refresh and not done.obstacle:
        definitions = load_definitions(platform)
        build(platform, definitions)
        audit_and_publish(platform, definitions)
    if as_json:
        print_json(vars(done))
    else:
        print(done.obstacle or _recomputed(done, refreshed=refresh))


def person_of(platform: Platform, login: str) -> tuple[str, frozenset[str]]:
    """Person id and roles of a login; ends with a sentence where the people directory does not have it."""
    snapshot = published(platform)
    found = snapshot.rows("select person_id from people where login = ?", [login])
    if len(found) != 1:
        logins = [str(row["login"]) for row in snapshot.rows("select login from people where login is not null")]
        near = get_close_matches(login, logins, n=3)
        meant = f"Did you mean {' or '.join(near)}? " if near else ""
        fail(f"The people directory has no login {login!r}. {meant}`./trueloop people` lists all.")
    person = str(found[0]["person_id"])
    roles = snapshot.rows("select role from person_roles where person_id = ?", [person])
    return person, frozenset(row["role"] for row in roles)


def _recomputed(done: RolledBack, *, refreshed: bool) -> str:
    return (
        f"Version {done.version} is computed on today's data."
        if refreshed
        else "The next refresh computes it on today's data."
    )


def _print_review(proposal: Proposal) -> None:
    for entry in proposal.review["metrics"]:
        print(f"\n{entry['metric']} (version {entry['old_version']} in force; {entry['accountable']} answers for it)")
        for field in entry["fields"]:
            print(f"  {field['field']}: {field['old']} -> {field['new']}")
        for model, lines in entry["models"].items():
            print(f"  {model}:")
            for mark, text in lines:
                print(f"  {mark} {text}")
    print("\nTouches:")
    for what, names in _listed(proposal.review["impact"]):
        print(f"  {what}: {', '.join(names) or '-'}")


def _listed(impact: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    return [(key.replace("_", " "), list(names)) for key, names in impact.items()]
