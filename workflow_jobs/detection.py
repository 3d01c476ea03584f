"""What a published snapshot asks for: breaches open cases, root causes of red lines open incidents, mended ones close.

Called by the sensor on every new snapshot, and by the command line after a refresh without the sensors. Safe to repeat.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

from ops_assets.breach import Breach
from ops_assets.catalog import Watch
from ops_assets.failures import Incident, find_incidents
from ops_assets.root_causes import SourceTrouble
from ops_assets.silences import Silence
from ops_assets.watching import find_breaches
from resources.serving import Snapshot
from workflow_jobs.attempts import Attempts
from workflow_jobs.cases import OpenRequest
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.texts import readable, readable_text
from workflow_jobs.incidents import (
    DELIVERY_RULE,
    INCIDENT_TEMPLATE,
    RED_LINE_RULE,
    UNOPENED_RULE,
    Finding,
    Kept,
    keep_incidents,
)
from workflow_jobs.service import ProcessService
from workflow_jobs.template_library import UnknownTemplate

logger = logging.getLogger(__name__)
Contributors = Callable[[Snapshot, Watch, Breach, float], Mapping[str, Any]]
"""What moved the figure of a breach, as plain JSON, within so many seconds; never raises."""
# For all cases that one snapshot opens together: the others must not wait long.
_SECONDS_FOR_EVIDENCE = 30.0
_RULES = {"asset": RED_LINE_RULE, "source": DELIVERY_RULE}


def read_snapshot(
    service: ProcessService,
    snapshot: Snapshot,
    watches: Sequence[Watch],
    set_aside: Sequence[SourceTrouble] = (),
    contributors: Contributors | None = None,
) -> str:
    """Open and close what a snapshot asks for; safe to repeat. Returns a sentence for the tick.

    A breach or incident that fails keeps no other from its case; the failures are raised together at the end. Where
    the process that a rule names refuses the case, trying again changes nothing: an incident about the rule says why,
    and ends when none of its breaches is refused any more.

    ``set_aside`` are files of the landing ledger that wait for a decision: the root of what is stale below them.
    ``contributors`` tells what moved the figure of a breach; it is asked once, when the case begins.
    """
    breaches = find_breaches(watches, snapshot)
    troubles = [breach for breach in breaches if breach.template == INCIDENT_TEMPLATE]
    rules = {(watch.metric, watch.id): watch for watch in watches}
    ends = monotonic() + _SECONDS_FOR_EVIDENCE
    opened = 0
    attempts = Attempts("the breaches and incidents")
    unopened: dict[str, tuple[Breach, str]] = {}
    for breach in breaches:
        if breach in troubles:
            continue
        with attempts.at(f"breach {breach.rule_id} {breach.subject_id}"):
            try:
                request = _breach_request(breach, snapshot)
                if service.opens_a_case(request):
                    _require_rules_open(service, breach)
                    watch = rules.get((breach.metric, breach.rule_id))
                    if contributors is not None and watch is not None:
                        found = contributors(snapshot, watch, breach, max(ends - monotonic(), 0.0))
                        more = {"contributors": readable(dict(found))} if found else {}
                        request = replace(request, data={**request.data, **more})
                opened += service.open_case(request).created
            except (Refused, UnknownTemplate) as refusal:
                if breach.rule_id not in unopened:
                    unopened[breach.rule_id] = (breach, _why(breach, refusal))
    silences = {_silence(breach): breach for breach in troubles if breach.kind == "missing"}
    incidents = find_incidents(snapshot, set_aside, silences)
    findings = [_finding(incident, snapshot) for incident in incidents]
    part_of = {id(silences[one]) for incident in incidents for one in incident.silences}
    findings += [_data_finding(breach, snapshot) for breach in troubles if id(breach) not in part_of]
    findings += [_unopened(breach, why, snapshot) for breach, why in unopened.values()]
    # A rule that opens incidents is about the data: its incident ends when the rule is no longer breached.
    about_data = {watch.id for watch in watches if watch.rule.template == INCIDENT_TEMPLATE}
    kept = Kept()
    with attempts.at("incidents"):
        kept = keep_incidents(service, findings, {*_RULES.values(), *about_data, UNOPENED_RULE}, sighting=snapshot.id)
    attempts.end()
    refused = "".join(f"; {why}" for _, why in unopened.values())
    return f"{len(breaches)} breaches, {opened} cases opened, {kept}{refused}"


def _require_rules_open(service: ProcessService, breach: Breach) -> None:
    template = service.template_in_force(breach.template)
    if "rules" not in template.opened_by:
        raise Refused.to_program("may_not_open", f"Watch rules do not open it (`opened_by` of {template.id}).")


def _why(breach: Breach, refusal: Exception) -> str:
    said = refusal.sentence if isinstance(refusal, Refused) else str(refusal)
    why = f"The watch rule {breach.rule_id} is breached, but no case of {breach.template} could be opened: {said}"
    logger.error("%s", why)
    return why


def _unopened(breach: Breach, why: str, snapshot: Snapshot) -> Finding:
    """About the rule, not the subject: what is wrong with the rule is wrong for all of them."""
    finding = _data_finding(breach, snapshot)
    return replace(
        finding,
        rule_id=UNOPENED_RULE,
        subject_id=breach.rule_id,
        kind="rule",
        label=breach.rule_id,
        failed=[(breach.rule_id, why)],
    )


def _breach_request(breach: Breach, snapshot: Snapshot) -> OpenRequest:
    return OpenRequest(
        template_id=breach.template,
        rule_id=breach.rule_id,
        subject_kind=breach.subject_kind,
        subject_id=breach.subject_id,
        subject_label=readable_text(breach.subject_label),
        metric=breach.metric,
        direction=breach.direction,
        observed=breach.observed,
        threshold=breach.threshold,
        snapshot_id=snapshot.id,
        as_of=snapshot.as_of,
        data={name: readable(value) for name, value in breach.case_data().items()},
    )


def _silence(breach: Breach) -> Silence:
    return Silence(breach.metric, breach.rule_id, breach.subject_id, breach.why.en if breach.why else "")


def _data_finding(breach: Breach, snapshot: Snapshot) -> Finding:
    (row,) = snapshot.rows(
        "select label_en, label_zh, owner_role, as_of from metrics where metric = ?", [breach.metric]
    )
    return Finding(
        rule_id=breach.rule_id,
        subject_id=breach.subject_id or breach.metric,
        kind=breach.subject_kind or "metric",
        label=breach.subject_label or row["label_en"],
        owner_role=row["owner_role"],
        failed=[(breach.rule_id, breach.why.en if breach.why else "")],
        sighting=snapshot.id,
        metric=breach.metric,
        as_of=snapshot.as_of,
    )


def _finding(incident: Incident, snapshot: Snapshot) -> Finding:
    cause = incident.cause
    names = {metric.name for metric in incident.metrics}
    return Finding(
        rule_id=_RULES[cause.kind],
        subject_id=cause.id,
        kind=cause.kind,
        label=cause.label,
        owner_role=incident.owner_role,
        failed=[(failure.check, failure.sentence) for failure in cause.failures],
        sighting=snapshot.id,
        # Also the subjects: an incident about one of them becomes part of this one.
        symptoms=(*cause.symptoms, *sorted({one.subject for one in incident.silences if one.subject})),
        held=[
            {
                "metric": metric.name,
                "en": metric.label_en,
                "zh": metric.label_zh,
                "as_of": metric.as_of.isoformat() if metric.as_of else None,
            }
            for metric in incident.held
        ],
        affected_roles=incident.affected_roles,
        metric=cause.id if cause.id in names else "",
        as_of=snapshot.as_of,
    )
