"""Proposals of definitions as cases: one case for each role that must approve, and what its service steps do.

Belongs here: the hand-over between the process and ops_assets.definition_change. Does not belong here: Dagster (jobs),
compiling, figures and publication.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ops_assets.definition_change.proposals import Proposal, Proposals
from ops_assets.definition_change.publication import Outcome, publish_approved
from ops_assets.definition_change.shadow import compute
from ops_assets.figures import with_unit
from resources.platform import Platform
from workflow_jobs.cases import OpenRequest
from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.texts import readable_text
from workflow_jobs.service import ProcessService

TEMPLATE = "metric_definition_change"
_MOVERS_TOLD = 3


def open_cases(platform: Platform, service: ProcessService, proposal: Proposal) -> dict[str, str]:
    """Ask every role that answers for a changed metric; the case of each role. Safe to repeat."""
    snapshot = platform.snapshots.current()
    proposals = Proposals(platform.ops_engine)
    cases = {}
    for role in proposal.roles:
        metrics = proposal.metrics_of(role)
        labels = {entry["metric"]: entry["label_en"] for entry in proposal.review["metrics"]}
        opened = service.open_case(
            OpenRequest(
                template_id=TEMPLATE,
                rule_id=f"definition_change:{proposal.proposal_id}",
                subject_kind="definition",
                subject_id=role,
                subject_label=", ".join(labels[metric] for metric in metrics[:3])
                + (f" (+{len(metrics) - 3})" if len(metrics) > 3 else ""),
                metric=metrics[0],
                snapshot_id=snapshot.id if snapshot is not None else "",
                as_of=snapshot.as_of if snapshot is not None else None,
                requested_by=proposal.proposed_by,
                data={
                    "owner_role": role,
                    "proposal": proposal.proposal_id,
                    "proposal_reason": readable_text(proposal.reason[:2000]),
                },
            ),
            via="command",
        )
        proposals.note_case(proposal.proposal_id, role, opened.case_id)
        cases[role] = opened.case_id
    return cases


def run_shadow(platform: Platform, case: CaseState) -> dict[str, Any]:
    """Compute the proposal's figures once, however many roles are asked. Raises ShadowError and CandidateError."""
    proposals = Proposals(platform.ops_engine)
    proposal = proposals.get(str(case.data["proposal"]))
    if not proposal.shadow:
        try:
            proposals.note_shadow(proposal.proposal_id, compute(platform, proposal))
        except Exception as error:
            proposals.give_back(proposal.proposal_id, str(error))
            raise
        proposal = proposals.get(proposal.proposal_id)
    role = str(case.data["owner_role"])
    return {
        "summary": summary(platform, proposal, role),
        "proposal": proposal.proposal_id,
        "lock_seconds": str(proposal.shadow["lock_seconds"]),
    }


def run_publish(
    platform: Platform, case: CaseState, *, progress: Callable[[str], None] | None = None
) -> tuple[Outcome, dict[str, Any]]:
    """Note the approval of the case and publish what may be published by now; the step's result."""
    proposals = Proposals(platform.ops_engine)
    proposal_id, role = str(case.data["proposal"]), str(case.data["owner_role"])
    decided = [task for task in case.tasks.values() if task.step_id == "approve" and task.outcome == "approve"]
    decision = decided[-1]
    assert decision.decided_by is not None, "the publish step follows an approval"
    proposals.approve(proposal_id, role, decision.decided_by, decision.decided_at or platform.clock.now())
    outcome = publish_approved(platform, proposal_id, role, progress=progress)
    return outcome, {"summary": _told(outcome), "snapshot": outcome.snapshot_id}


def summary(platform: Platform, proposal: Proposal, role: str) -> str:
    """A few lines for a card: old and new figure of each metric, what moves most, and where the rest stands."""
    lines = []
    labels = {entry["metric"]: entry["label_en"] for entry in proposal.review["metrics"]}
    for metric in proposal.metrics_of(role):
        found = proposal.shadow["metrics"][metric]
        old, new = (with_unit(found["unit"], found[side]["text"]) for side in ("old", "new"))
        lines.append(f"{labels[metric]}: {old} → {new}")
        for dimension, body in found["dimensions"].items():
            movers = [row for row in body["subjects"] if row["change"] or (row["old"] is None) != (row["new"] is None)]
            told = [_mover(row, found["unit"]) for row in movers[:_MOVERS_TOLD]]
            if told:
                lines.append(f"  {dimension}: {'; '.join(told)}")
    lines.append(f"{platform.settings.gateway_url}/proposals/{proposal.proposal_id}")
    return "\n".join(lines)


def _mover(row: Mapping[str, Any], unit: str) -> str:
    return f"{row['label']} {with_unit(unit, row['old'])} → {with_unit(unit, row['new'])}"


def _told(outcome: Outcome) -> str:
    if outcome.refused:
        return f"Not published. {outcome.refused}"
    if outcome.waits_for:
        return f"Waits for the approval of {', '.join(outcome.waits_for)}."
    return "In force: " + ", ".join(f"{metric} version {version}" for metric, version in outcome.published.items())
