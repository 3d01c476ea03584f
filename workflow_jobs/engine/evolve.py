"""Fold events into state. Total and mechanical: no decision, no template, no calendar, no directory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from workflow_jobs.engine import events as e
from workflow_jobs.engine.refusal import EngineError
from workflow_jobs.engine.state import CaseState, StepState, TaskState

T = TypeVar("T", CaseState, StepState, TaskState)
V = TypeVar("V")
Changes = dict[str, Any]
_AWAKE: Final[Mapping[str, Any]] = {"paused_at": None, "paused_until": None, "paused_by": None, "pause_reason": ""}


def evolve(state: CaseState | None, event: e.Event) -> CaseState:
    """The state after the event. Raises EngineError when the event does not follow the state (gap, other case)."""
    if state is None:
        if not isinstance(event, e.CaseOpened) or event.seq != 1:
            raise EngineError(f"a log starts with CaseOpened at 1, not with {type(event).__name__} at {event.seq}")
        return _opened(event)
    if event.case_id != state.case_id or event.seq != state.seq + 1:
        raise EngineError(
            f"event {event.seq} of case {event.case_id} does not follow event {state.seq} of case {state.case_id}"
        )
    apply = _APPLY.get(type(event))
    if apply is None:
        raise EngineError(f"{type(event).__name__} cannot happen to a case that is open already")
    try:
        changes = apply(state, event)
    except KeyError as missing:
        raise EngineError(
            f"event {event.seq} of case {event.case_id} names {missing}, which it does not have"
        ) from None
    return _changed(state, {**changes, "seq": event.seq})


def fold(state: CaseState | None, events: Iterable[e.Event]) -> CaseState:
    """The state after all events. Raises EngineError for an empty log."""
    for event in events:
        state = evolve(state, event)
    if state is None:
        raise EngineError("an empty log is no case")
    return state


def replay(events: Iterable[e.Event]) -> CaseState:
    """The state that a whole log gives."""
    return fold(None, events)


def _with(items: Mapping[str, V], key: str, value: V) -> dict[str, V]:
    return {**items, key: value}


def _changed(old: T, changes: Changes) -> T:
    """`dataclasses.replace` for frozen slotted classes, at a tenth of its cost: it is most of what a fold does."""
    cls = type(old)
    names = cls.__slots__
    new = object.__new__(cls)
    for name in names:
        object.__setattr__(new, name, changes.pop(name) if name in changes else getattr(old, name))
    if changes:
        raise TypeError(f"{cls.__name__} has no field {', '.join(changes)}")
    return new


def _task(state: CaseState, task_id: str, **changes: Any) -> Changes:
    return {"tasks": _with(state.tasks, task_id, _changed(state.tasks[task_id], changes))}


def _step(state: CaseState, step_id: str, **changes: Any) -> Changes:
    return {"steps": _with(state.steps, step_id, _changed(state.steps[step_id], changes))}


def _opened(event: e.CaseOpened) -> CaseState:
    return CaseState(
        case_id=event.case_id,
        template_id=event.template_id,
        template_hash=event.template_hash,
        status="open",
        seq=event.seq,
        opened_at=event.at,
        priority=event.priority,
        rule_id=event.rule_id,
        subject_kind=event.subject_kind,
        subject_id=event.subject_id,
        subject_label=event.subject_label,
        metric=event.metric,
        direction=event.direction,
        observed=event.observed,
        threshold=event.threshold,
        snapshot_id=event.snapshot_id,
        requested_by=event.requested_by,
        latest_observed=event.observed,
        latest_snapshot_id=event.snapshot_id,
        breaches=event.breaches,
        data=dict(event.data),
    )


def _breach(state: CaseState, event: e.BreachRecorded) -> Changes:
    data: Changes = {"data": {**state.data, **event.data}} if event.data else {}
    return data | {
        "breaches": event.breaches,
        "latest_observed": event.observed,
        "latest_snapshot_id": event.snapshot_id,
    }


def _entered(state: CaseState, event: e.StepEntered) -> Changes:
    before = state.steps.get(event.step_id)
    step = StepState(
        step_id=event.step_id,
        kind=event.kind,
        status="active",
        visit=event.visit,
        entered_at=event.at,
        note=event.note,
        tasks=before.tasks if before else 0,
        branches=event.branches,
    )
    return {"steps": _with(state.steps, event.step_id, step)}


def _asked(state: CaseState, event: e.TaskCreated) -> Changes:
    task = TaskState(
        task_id=event.task_id,
        step_id=event.step_id,
        role=event.role,
        accountable=event.accountable,
        assignee=event.assignee,
        assigned_because=event.assigned_because,
        status="open",
        version=event.version,
        created_at=event.at,
        due_at=event.due_at,
        sla_seconds=event.sla_seconds,
        calendar_confirmed=event.calendar_confirmed,
        next_rung_at=event.next_rung_at,
        purpose=event.purpose,
        tier=event.tier,
        substitute_for=event.substitute_for,
    )
    return {
        "tasks": _with(state.tasks, event.task_id, task),
        **_step(state, event.step_id, tasks=state.steps[event.step_id].tasks + 1),
    }


def _acknowledged(state: CaseState, event: e.TaskAcknowledged) -> Changes:
    return _task(state, event.task_id, acknowledged_by=event.person_id, acknowledged_at=event.at)


def _reassigned(state: CaseState, event: e.TaskReassigned) -> Changes:
    return _task(
        state,
        event.task_id,
        version=event.version,
        assignee=event.assignee,
        assigned_because=event.assigned_because,
        substitute_for=event.substitute_for,
        assigned_by=event.by,
        acknowledged_by=None,
        acknowledged_at=None,
    )


def _paused(state: CaseState, event: e.TaskPaused) -> Changes:
    return _task(
        state,
        event.task_id,
        paused_at=event.at,
        paused_until=event.until,
        paused_by=event.person_id,
        pause_reason=event.reason,
        pauses=state.tasks[event.task_id].pauses + 1,
        due_at=event.due_at,
        next_rung_at=event.until,
    )


def _resumed(state: CaseState, event: e.TaskResumed) -> Changes:
    task = state.tasks[event.task_id]
    changes = _task(
        state,
        event.task_id,
        status="open",
        closed_at=None,
        **_AWAKE,
        paused_seconds=event.paused_seconds,
        due_at=event.due_at,
        next_rung_at=event.next_rung_at,
    )
    if state.steps[task.step_id].status == "cancelled":
        changes |= _step(state, task.step_id, status="active", completed_at=None)
    return changes


def _decided(state: CaseState, event: e.TaskDecided) -> Changes:
    decides = state.tasks[event.task_id].purpose == "decide"
    data: Changes = {"data": {**state.data, **event.form}} if decides else {}
    return data | _task(
        state,
        event.task_id,
        status="decided",
        decided_by=event.person_id,
        decided_at=event.at,
        closed_at=event.at,
        acting_for=event.acting_for,
        outcome=event.outcome,
        late=event.late,
        form=dict(event.form),
        next_rung_at=None,
        **_AWAKE,
    )


def _task_cancelled(state: CaseState, event: e.TaskCancelled) -> Changes:
    return _task(state, event.task_id, status="cancelled", closed_at=event.at, next_rung_at=None)


def _requested(state: CaseState, event: e.ServiceRequested) -> Changes:
    return _step(
        state,
        event.step_id,
        status="active",
        job=event.job,
        idempotency_key=event.idempotency_key,
        attempt=event.attempt,
        timeout_at=event.timeout_at,
    )


def _service_completed(state: CaseState, event: e.ServiceCompleted) -> Changes:
    return {
        "results": _with(state.results, event.step_id, dict(event.result)),
        **_step(state, event.step_id, run_id=event.run_id, timeout_at=None, error=None),
    }


def _service_failed(state: CaseState, event: e.ServiceFailed) -> Changes:
    status = "failed" if event.final else "active"
    return _step(state, event.step_id, status=status, run_id=event.run_id, error=event.error, timeout_at=None)


def _completed(state: CaseState, event: e.StepCompleted) -> Changes:
    return _step(
        state, event.step_id, status="completed", completed_at=event.at, outcome=event.outcome, timeout_at=None
    )


def _step_cancelled(state: CaseState, event: e.StepCancelled) -> Changes:
    return _step(state, event.step_id, status="cancelled", completed_at=event.at, timeout_at=None)


def _joined(state: CaseState, event: e.BranchJoined) -> Changes:
    return _step(state, event.fork_id, joined=(*state.steps[event.fork_id].joined, event.branch))


def _awaited(state: CaseState, event: e.ResolutionAwaited) -> Changes:
    return {"awaiting_resolution": True}


def _rung(state: CaseState, event: e.RungFired | e.RungSkipped) -> Changes:
    return _task(state, event.task_id, rung_index=event.rung_index + 1, next_rung_at=event.next_rung_at)


def _closed(state: CaseState, event: e.CaseClosed) -> Changes:
    return {
        "status": "closed",
        "outcome": event.outcome,
        "closed_at": event.at,
        "awaiting_resolution": False,
        "joined": event.joined,
    }


def _effect_due(state: CaseState, event: e.EffectDue) -> Changes:
    return {"status": "watching_effect", "effect_due_at": event.due_at, "effect_attempt": event.attempt}


def _judged(state: CaseState, event: e.EffectJudged) -> Changes:
    status = {True: "effective", False: "ineffective", None: "closed"}[event.effective]
    return {"status": status, "effect_due_at": None, "effect_observed": event.observed}


def _reopened(state: CaseState, event: e.CaseReopened) -> Changes:
    return {
        "status": "open",
        "outcome": None,
        "closed_at": None,
        "effect_attempt": 0,
        "reopened": event.reopened,
        "joined": "",
    }


def _unchanged(state: CaseState, event: e.Event) -> Changes:
    return {}


_APPLY: Final[Mapping[type[e.Event], Callable[[CaseState, Any], Changes]]] = {
    e.BreachRecorded: _breach,
    e.StepEntered: _entered,
    e.TaskCreated: _asked,
    e.TaskAcknowledged: _acknowledged,
    e.TaskReassigned: _reassigned,
    e.TaskPaused: _paused,
    e.TaskResumed: _resumed,
    e.TaskDecided: _decided,
    e.TaskCancelled: _task_cancelled,
    e.ServiceRequested: _requested,
    e.ServiceCompleted: _service_completed,
    e.ServiceFailed: _service_failed,
    e.StepCompleted: _completed,
    e.StepCancelled: _step_cancelled,
    e.BranchJoined: _joined,
    e.ResolutionAwaited: _awaited,
    e.RungFired: _rung,
    e.RungSkipped: _rung,
    e.CaseClosed: _closed,
    e.EffectDue: _effect_due,
    e.EffectJudged: _judged,
    e.CaseReopened: _reopened,
    e.EffectEscalated: _unchanged,
}
