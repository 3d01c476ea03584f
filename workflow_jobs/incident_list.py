"""Incidents as a list for people: what each is about, how often it was seen, who looks after it, how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workflow_jobs.engine.state import CaseState
from workflow_jobs.incidents import INCIDENT_TEMPLATE
from workflow_jobs.service import ProcessService


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """One incident. Instants are UTC.

    ``seen`` counts how often it was recorded: when it began, came back or changed, and each time that a run or sensor
    failed. ``last_seen_at`` is when its cause was last found; None for one of before that was noted.

    ``standing`` is open, acknowledged, snoozed, waiting (the cause is stated, the check does not pass yet), resolved or
    joined. ``failed`` are maps with check and sentence, ``held`` with metric, en, zh and as_of (ISO date or None).
    ``took_in`` are the incidents that became part of it. ``metric`` is the metric whose figure it is about, "" for one
    about something else.
    """

    case_id: str
    metric: str
    kind: str
    subject_id: str
    label: str
    standing: str
    opened_at: datetime
    closed_at: datetime | None
    seen: int
    last_seen_at: datetime | None
    reopened: int
    owner_role: str
    assignee: str | None
    due_at: datetime | None
    snoozed_until: datetime | None
    failed: tuple[Mapping[str, Any], ...]
    held: tuple[Mapping[str, Any], ...]
    symptoms: tuple[str, ...]
    cause: str | None
    part_of: str | None
    took_in: tuple[str, ...] = ()


def incident_list(service: ProcessService, *, closed: bool = False, limit: int = 200) -> list[IncidentLine]:
    """Incidents, newest first; only open ones unless ``closed``."""
    recent = service.cases(template=INCIDENT_TEMPLATE, limit=limit)
    asked = recent if closed else service.cases(status="open", template=INCIDENT_TEMPLATE, limit=limit)
    shown = [case.case_id for case in asked]
    parts = [case.case_id for case in recent if case.outcome == "joined"]
    known = service.states([*shown, *parts])
    states = [known[case_id] for case_id in shown if case_id in known]
    joined: dict[str, list[str]] = {}
    for case_id in parts:
        if case_id in known:
            joined.setdefault(known[case_id].joined, []).append(case_id)
    seen = service.last_seen(shown)
    return [_line(state, tuple(sorted(joined.get(state.case_id, ()))), seen.get(state.case_id)) for state in states]


def _line(state: CaseState, took_in: tuple[str, ...], last_seen_at: datetime | None) -> IncidentLine:
    task = next(iter(state.open_tasks), None)
    return IncidentLine(
        case_id=state.case_id,
        metric=state.metric,
        kind=state.subject_kind,
        subject_id=state.subject_id,
        label=state.subject_label or state.subject_id,
        standing=_standing(state),
        opened_at=state.opened_at,
        closed_at=state.closed_at,
        seen=state.breaches,
        last_seen_at=last_seen_at,
        reopened=state.reopened,
        owner_role=task.role if task is not None else str(state.data.get("owner_role") or ""),
        assignee=task.assignee if task is not None else None,
        due_at=task.due_at if task is not None else None,
        snoozed_until=task.paused_until if task is not None else None,
        failed=_maps(state.data.get("failed")),
        held=_maps(state.data.get("held")),
        symptoms=_names(state.data.get("symptoms")),
        cause=str(state.data["incident_cause"]) if state.data.get("incident_cause") else None,
        part_of=state.joined or None,
        took_in=took_in,
    )


def _standing(state: CaseState) -> str:
    if not state.is_open:
        return state.outcome or state.status
    if state.awaiting_resolution and not state.open_tasks:
        return "waiting"
    if any(task.paused_until is not None for task in state.open_tasks):
        return "snoozed"
    return "acknowledged" if any(task.acknowledged_by for task in state.open_tasks) else "open"


def _maps(value: object) -> tuple[Mapping[str, Any], ...]:
    return tuple(one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else ()
