"""Puts approved definitions in force: register and files in one transaction, then build, audit and publish.

All of it under one hold of the warehouse, so that no refresh comes between the register and the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ops_assets.definition_change.candidate import CandidateError, Compiled, candidate_project, compile_project
from ops_assets.definition_change.meaning import Meaning
from ops_assets.definition_change.proposals import Approval, Proposal, Proposals, set_proposal
from ops_assets.definition_change.register import Register, Version, next_version, put_in_force
from ops_assets.refresh import audit_and_publish, build, load_definitions
from resources.fault_points import fault_point
from resources.platform import Platform
from resources.project_folders import lay_over


@dataclass(frozen=True)
class Outcome:
    """What became of an approved proposal: ``published`` metrics with their version, or why nothing was published."""

    published: Mapping[str, int] = field(default_factory=dict)
    waits_for: tuple[str, ...] = ()
    refused: str = ""
    snapshot_id: str = ""


def publish_approved(
    platform: Platform, proposal_id: str, role: str, *, progress: Callable[[str], None] | None = None
) -> Outcome:
    """Publish what ``role`` approved. Files take effect when every role has approved; safe to repeat.

    Where the checkout has the change already, each role's metrics are released by its own approval.
    """
    proposals = Proposals(platform.ops_engine)
    proposal = proposals.get(proposal_id)
    approvals = {approval.role: approval for approval in proposals.approvals(proposal_id)}
    waiting = tuple(sorted(name for name, approval in approvals.items() if approval.approved_at is None))
    if role in waiting or (proposal.files and waiting):
        return Outcome(waits_for=waiting)
    if proposal.status not in {"compared", "published"}:
        return Outcome(refused=f"The proposal is {proposal.status}. {proposal.note}".strip())
    metrics = proposal.metrics if proposal.files else proposal.metrics_of(role)
    with platform.warehouse.exclusive():
        try:
            compiled = _as_reviewed(platform, proposal, metrics)
        except CandidateError as error:
            proposals.mark_stale(proposal_id, str(error))
            return Outcome(refused=str(error))
        done = _register(platform, proposal, metrics, compiled, approvals, last=not waiting)
        fault_point("definition.registered")
        definitions = load_definitions(platform)
        build(platform, definitions, progress=progress)
        _, published = audit_and_publish(platform, definitions, progress=progress)
    current = platform.snapshots.current()
    return Outcome(
        published=done,
        snapshot_id=published.info.id if published is not None else current.id if current is not None else "",
    )


def _as_reviewed(platform: Platform, proposal: Proposal, metrics: Sequence[str]) -> Compiled:
    """The project as it would be in force, if its metrics mean what was reviewed. Raises CandidateError."""
    folder = candidate_project(platform, proposal.files) if proposal.files else platform.projects.in_force()
    compiled = compile_project(platform, folder)
    reviewed = {entry["metric"]: entry for entry in proposal.review["metrics"]}
    in_force = Register(platform.ops_engine).in_force()
    for metric in metrics:
        entry, meaning = reviewed[metric], compiled.meanings.get(metric)
        if meaning is None or meaning.digest != entry["new_digest"]:
            raise CandidateError(
                f"{metric} would not mean what was reviewed: the project changed since. Propose it again."
            )
        if in_force[metric].version != entry["old_version"] and not in_force[metric].means(meaning):
            raise CandidateError(
                f"{metric} is at version {in_force[metric].version} now, and was compared with {entry['old_version']}. "
                "Propose it again."
            )
    unreviewed = [
        name
        for name, meaning in compiled.meanings.items()
        if proposal.files
        and name not in reviewed
        and name in in_force
        and not in_force[name].means(meaning)
        # What the checkout changed without approval is held back anyway, with or without this proposal.
        and _differs(platform, in_force[name], meaning, proposal)
    ]
    if unreviewed:
        raise CandidateError(
            f"It would change {', '.join(sorted(unreviewed))} too, which nobody reviewed. Propose it again."
        )
    return compiled


def _differs(platform: Platform, version: Version, meaning: Meaning, proposal: Proposal) -> bool:
    touched = {path.rpartition("/")[2].removesuffix(".sql") for path in proposal.files}
    changed = {model for model, sql in meaning.sql.items() if version.meaning.sql.get(model) != sql}
    return bool(changed & touched) or any(path.startswith("macros/") for path in proposal.files)


def _register(
    platform: Platform,
    proposal: Proposal,
    metrics: Sequence[str],
    compiled: Compiled,
    approvals: Mapping[str, Approval],
    *,
    last: bool,
) -> dict[str, int]:
    """One transaction: files, versions, history, the proposal's state. Returns the version of each metric."""
    now = platform.clock.now()
    project = platform.projects.keep(compiled.folder)
    accountable = {entry["metric"]: entry["accountable"] for entry in proposal.review["metrics"]}
    in_force = Register(platform.ops_engine).in_force()
    versions = {}
    with platform.ops_engine.begin() as connection:
        for metric in metrics:
            meaning = compiled.meanings[metric]
            if in_force[metric].means(meaning):
                versions[metric] = in_force[metric].version
                continue
            approval = approvals[accountable[metric]]
            version = Version(
                metric,
                next_version(connection, metric),
                meaning.digest,
                meaning,
                project,
                platform.pack.today(now),
            )
            put_in_force(
                connection,
                version,
                new=True,
                kind="published",
                now=now,
                reason=proposal.reason,
                by=proposal.proposed_by,
                approved_by=approval.approved_by,
                case_id=approval.case_id,
                proposal_id=proposal.proposal_id,
            )
            versions[metric] = version.version
        lay_over(connection, proposal.files, change_id=proposal.proposal_id, since=now)
        if last:
            set_proposal(connection, proposal.proposal_id, status="published", note="")
    return versions
