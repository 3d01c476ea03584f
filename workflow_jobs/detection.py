"""What a published snapshot asks for: breaches open cases, red lines open incidents, mended red lines close them.

Called by the sensor on every new snapshot, and by the command line after a refresh without the sensors. Safe to repeat.
"""

from __future__ import annotations

from collections.abc import Sequence

from ops_assets.catalog import Watch
from ops_assets.watching import RED_LINE_RULE, Breach, RedLine, find_breaches, find_red_lines
from resources.serving import Snapshot
from workflow_jobs.cases import OpenRequest
from workflow_jobs.service import ProcessService

INCIDENT_TEMPLATE = "data_incident"


def read_snapshot(service: ProcessService, snapshot: Snapshot, watches: Sequence[Watch]) -> str:
    """Open and close what a snapshot asks for; safe to repeat. Returns a sentence for the tick."""
    breaches = find_breaches(watches, snapshot)
    opened = sum(service.open_case(_breach_request(breach, snapshot)).created for breach in breaches)
    red_lines = find_red_lines(snapshot)
    incidents = sum(service.open_case(_incident_request(red_line, snapshot)).created for red_line in red_lines)
    red = {red_line.asset for red_line in red_lines}
    resolved = [
        case.case_id
        for case in service.cases(status="open", template=INCIDENT_TEMPLATE, limit=10_000)
        if case.rule_id == RED_LINE_RULE and case.subject_id not in red
        if service.resolve_incident(RED_LINE_RULE, case.subject_id, snapshot_id=snapshot.id)
    ]
    return f"{len(breaches)} breaches, {opened} cases opened, {incidents} incidents opened, {len(resolved)} closed"


def _breach_request(breach: Breach, snapshot: Snapshot) -> OpenRequest:
    return OpenRequest(
        template_id=breach.template,
        rule_id=breach.rule_id,
        subject_kind=breach.subject_kind,
        subject_id=breach.subject_id,
        subject_label=breach.subject_label,
        metric=breach.metric,
        direction=breach.direction,
        observed=breach.observed,
        threshold=breach.threshold,
        snapshot_id=snapshot.id,
        as_of=snapshot.as_of,
    )


def _incident_request(red_line: RedLine, snapshot: Snapshot) -> OpenRequest:
    return OpenRequest(
        template_id=INCIDENT_TEMPLATE,
        rule_id=RED_LINE_RULE,
        subject_kind="asset",
        subject_id=red_line.asset,
        subject_label=red_line.asset,
        metric=red_line.metrics[0] if red_line.metrics else "",
        snapshot_id=snapshot.id,
        as_of=snapshot.as_of,
        data={
            "owner_role": red_line.owner_role,
            "check_name": ", ".join(red_line.checks),
            "asset": f"{red_line.asset}: {red_line.sentence}"[:2000],
        },
    )
