"""Fold events into state. Total and mechanical: no decision, no template, no calendar, no directory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from workflow_jobs.engine import events as e
from workflow_jobs.engine.refusal import EngineError
from workflow_jobs.engine.state import Advice, Answer, CaseState, PauseEntry, Rating, StepState, TaskState

V = TypeVar("V")
Changes = dict[str, Any]
_AWAKE: Final[Mapping[str, Any]] = {
    "paused_at": None,
    "paused_until": None,
    "paused_by": None,
    "pause_reason": "",
    "pause_reason_id": "",
    "late_rest": False,
}
# What ends when a task goes to another person.
_ANOTHER: Final[Mapping[str, Any]] = {
    "acknowledged_by": None,
    "acknowledged_at": None,
    "pooled": False,
    "delegated_by": None,
    "advice": None,
}


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
    return replace(state, **changes, seq=event.seq)


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


def _task(state: CaseState, task_id: str, **changes: Any) -> Changes:
    return {"tasks": _with(state.tasks, task_id, replace(state.tasks[task_id], **changes))}


def _step(state: CaseState, step_id: str, **changes: Any) -> Changes:
    return {"steps": _with(state.steps, step_id, replace(state.steps[step_id], **changes))}


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
        parent_case_id=event.parent_case_id,
        parent_step_id=event.parent_step_id,
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
        earlier_tasks=before.tasks if before else 0,
        branches=event.branches,
        needed=event.needed,
    )
    # What a job found in an earlier visit is no result of this one, which may be done by hand.
    results = {name: value for name, value in state.results.items() if name != event.step_id}
    return {"steps": _with(state.steps, event.step_id, step), "results": results} | _without(state, event.dropped)


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
        calendar=event.calendar,
        voter=event.voter,
        added_by=event.added_by,
        pooled=event.pooled,
        clock_of=event.assignee,
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
        **_ANOTHER,
    )


def _paused(state: CaseState, event: e.TaskPaused) -> Changes:
    task = state.tasks[event.task_id]
    entry = PauseEntry(
        task_id=task.task_id,
        step_id=task.step_id,
        reason=event.reason,
        began_at=event.at,
        until=event.until,
        reason_id=event.reason_id,
        person_id=event.person_id,
    )
    return {"ledger": (*state.ledger, entry)} | _task(
        state,
        event.task_id,
        paused_at=event.at,
        paused_until=event.until,
        paused_by=event.person_id,
        pause_reason=event.reason,
        pause_reason_id=event.reason_id,
        pauses=task.pauses + 1,
        due_at=event.due_at,
        next_rung_at=event.until,
        late_rest=task.due_at <= event.at,
        **_confirmed(event),
    )


def _confirmed(event: e.TaskPaused | e.TaskResumed | e.CaseResumed) -> Changes:
    """Whether the due time is certain, where the log says so: one of before it was kept leaves it as it was."""
    return {} if event.calendar_confirmed is None else {"calendar_confirmed": event.calendar_confirmed}


def _entry_ended(state: CaseState, task_id: str | None, at: datetime, working_seconds: int) -> Changes:
    """The ledger with the pause of that clock ended; unchanged where none is under way."""
    for number, entry in enumerate(state.ledger):
        if entry.task_id == task_id and entry.ended_at is None:
            # The clock may have been set back meanwhile: no pause ends before it began.
            ended_at = max(entry.began_at, min(at, entry.until))
            ended = replace(entry, ended_at=ended_at, working_seconds=working_seconds)
            return {"ledger": (*state.ledger[:number], ended, *state.ledger[number + 1 :])}
    return {}


def _resumed(state: CaseState, event: e.TaskResumed) -> Changes:
    task = state.tasks[event.task_id]
    rested = event.paused_seconds - task.paused_seconds
    changes = _entry_ended(state, event.task_id, event.at, rested)
    changes |= _task(
        state,
        event.task_id,
        status="open",
        closed_at=None,
        withdrawn_because="",
        **_AWAKE,
        paused_seconds=event.paused_seconds,
        late_rest_seconds=task.late_rest_seconds + (rested if task.late_rest else 0),
        due_at=event.due_at,
        next_rung_at=event.next_rung_at,
        **_confirmed(event),
    )
    if state.steps[task.step_id].status == "cancelled":
        # A job that had failed for good does not run again by itself: its rescue is what is asked again.
        status = "failed" if task.purpose == "rescue" else "active"
        changes |= _step(state, task.step_id, status=status, completed_at=None)
    return changes


def _decided(state: CaseState, event: e.TaskDecided) -> Changes:
    task = state.tasks[event.task_id]
    # What one of several says counts for the case only once the step is settled: VoteCounted brings it. Logs of before
    # the event said so had it of voters and added approvers alone, and keep what they came to.
    several = event.one_of_several or task.voter is not None or task.added_by is not None
    alone = task.purpose == "decide" and not several
    data: Changes = {"data": {**state.data, **event.form}} if alone else {}
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
    task = state.tasks[event.task_id]
    late = task.late_rest if task.paused_at is not None else task.due_at <= event.at
    closed: Changes = {"status": "cancelled", "closed_at": event.at, "withdrawn_because": event.reason}
    changes = _task(state, event.task_id, **closed, next_rung_at=None, late_rest=late)
    if event.asked_afresh:
        known = state.steps[event.step_id]
        changes |= _step(state, event.step_id, earlier_tasks=known.tasks, approvals=0, rejections=0)
    return changes


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


def _step_resumed(state: CaseState, event: e.StepResumed) -> Changes:
    return _step(state, event.step_id, status="active", completed_at=None)


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
        "withdrawn": event.withdrawn,
        "late_rest": state.due_at is not None and state.due_at <= event.at,
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
        "withdrawn": None,
    } | _undone(state, event.undone, event.dropped)


def _applied(state: CaseState, event: e.RulesApplied) -> Changes:
    data: Changes = {"data": {**state.data, **event.data}} if event.data else {}
    return data | _step(state, event.step_id, rules=tuple(event.rules), started=tuple(event.branches), note=event.note)


def _wait_started(state: CaseState, event: e.WaitStarted) -> Changes:
    waits = _step(state, event.step_id, signal=event.signal, **_until(event))
    # Several waits are one rest of the case, which lasts as long as any of them.
    longer = event.pauses_case and state.paused_until is not None and event.wake_at > state.paused_until
    return waits | (_rests_until(state, event.wake_at) if longer else {})


def _wait_recomputed(state: CaseState, event: e.WaitRecomputed) -> Changes:
    waits = _step(state, event.step_id, **_until(event))
    return waits | (_rests_until(state, event.rests_until) if event.rests_until is not None else {})


def _until(event: e.WaitStarted | e.WaitRecomputed) -> Changes:
    return {
        "wake_at": event.wake_at,
        "note": event.note,
        "day": event.day,
        "calendar_confirmed": event.calendar_confirmed,
    }


def _rests_until(state: CaseState, until: datetime) -> Changes:
    """The rest of the case that is under way, until another time."""
    ledger = tuple(
        replace(entry, until=until) if entry.task_id is None and entry.ended_at is None else entry
        for entry in state.ledger
    )
    return {"paused_until": until, "ledger": ledger}


def _signalled(state: CaseState, event: e.SignalReceived) -> Changes:
    return {"data": {**state.data, **event.data}} if event.data else {}


def _child_requested(state: CaseState, event: e.ChildRequested) -> Changes:
    under_way = {"status": "active", "error": None, "child_case_id": event.child_case_id}
    return {"children": state.children + 1} | _step(state, event.step_id, **under_way)


def _child_refused(state: CaseState, event: e.ChildRefused) -> Changes:
    return _step(state, event.step_id, status="failed", error=event.reason, child_case_id=None)


def _child_ended(state: CaseState, event: e.ChildEnded) -> Changes:
    return {"data": {**state.data, **event.data}} if event.data else {}


def _returned(state: CaseState, event: e.CaseReturned) -> Changes:
    return {"returns": state.returns + 1} | _undone(state, event.undone, event.dropped)


def _undone(state: CaseState, undone: Collection[str], dropped: Collection[str]) -> Changes:
    steps = dict(state.steps)
    for step_id in undone:
        steps[step_id] = replace(steps[step_id], status="undone", outcome=None)
    results = {name: value for name, value in state.results.items() if name not in undone}
    return {"steps": steps, "results": results} | _without(state, dropped)


def _without(state: CaseState, dropped: Collection[str]) -> Changes:
    if not dropped:
        return {}
    return {"data": {name: value for name, value in state.data.items() if name not in dropped}}


def _withdrawn(state: CaseState, event: e.CaseWithdrawn) -> Changes:
    return {"withdrawn_by": event.person_id}


def _migrated(state: CaseState, event: e.TemplateMigrated) -> Changes:
    return {"template_hash": event.to_hash}


def _claimed(state: CaseState, event: e.TaskClaimed) -> Changes:
    taken = {"version": event.version, "assignee": event.person_id, "assigned_because": "claimed", "assigned_by": None}
    return _task(state, event.task_id, **{**_ANOTHER, **taken, "substitute_for": event.substitute_for})


def _released(state: CaseState, event: e.TaskReleased) -> Changes:
    free = {"version": event.version, "assignee": None, "assigned_because": "released", "assigned_by": event.person_id}
    return _task(state, event.task_id, **{**_ANOTHER, **free, "substitute_for": None, "pooled": True})


def _delegated(state: CaseState, event: e.TaskDelegated) -> Changes:
    changes = {**_ANOTHER, "version": event.version, "assignee": event.to, "delegated_by": event.person_id}
    return _task(state, event.task_id, **changes, assigned_by=event.person_id, assigned_because="delegated")


def _advised(state: CaseState, event: e.TaskAdvised) -> Changes:
    advice = Advice(person_id=event.person_id, outcome=event.outcome, at=event.at, form=dict(event.form))
    changes = {**_ANOTHER, "version": event.version, "assignee": event.back_to, "advice": advice}
    advisers = tuple(dict.fromkeys((*state.tasks[event.task_id].advisers, event.person_id)))
    changes |= {"advisers": advisers, "substitute_for": event.substitute_for}
    return _task(state, event.task_id, **changes, assigned_by=event.person_id, assigned_because="advised")


def _counted(state: CaseState, event: e.VoteCounted) -> Changes:
    data: Changes = {"data": {**state.data, **event.data}} if event.data else {}
    return data | _step(state, event.step_id, approvals=event.approvals, rejections=event.rejections)


def _answered(state: CaseState, event: e.ConsultationAnswered) -> Changes:
    answer = Answer(person_id=event.person_id, text=event.text, at=event.at)
    return _task(state, event.task_id, answers=(*state.tasks[event.task_id].answers, answer))


def _defaulted(state: CaseState, event: e.DefaultTaken) -> Changes:
    return _task(
        state,
        event.task_id,
        status="decided",
        decided_at=event.at,
        closed_at=event.at,
        outcome=event.outcome,
        late=event.at > state.tasks[event.task_id].due_at,
        by_default=True,
        next_rung_at=None,
        **_AWAKE,
    )


def _recomputed(state: CaseState, event: e.ClockRecomputed) -> Changes:
    clock = {"due_at": event.due_at, "calendar": event.calendar, "calendar_confirmed": event.calendar_confirmed}
    stated = {"sla_seconds": event.sla_seconds, "rung_index": event.rung_index}
    clock |= {name: value for name, value in stated.items() if value is not None}
    if event.task_id is None:
        return {**clock, "rung_at": event.next_rung_at}
    return _task(state, event.task_id, **clock, next_rung_at=event.next_rung_at)


def _case_clock(state: CaseState, event: e.CaseClockStarted) -> Changes:
    return {
        "due_at": event.due_at,
        "sla_seconds": event.sla_seconds,
        "calendar": event.calendar,
        "calendar_confirmed": event.calendar_confirmed,
        "rung_at": event.next_rung_at,
        "clock_started_at": event.at,
        "rung_index": 0,
        "paused_at": None,
        "paused_until": None,
        "paused_seconds": 0,
        "late_rest": False,
        "late_rest_seconds": 0,
    }


def _case_rung(state: CaseState, event: e.CaseRungFired) -> Changes:
    return {"rung_index": event.rung_index + 1, "rung_at": event.next_rung_at}


def _case_paused(state: CaseState, event: e.CasePaused) -> Changes:
    entry = PauseEntry(task_id=None, step_id=event.step_id, reason=event.reason, began_at=event.at, until=event.until)
    rest = {"paused_at": event.at, "paused_until": event.until, "rung_at": None}
    return rest | {"ledger": (*state.ledger, entry), "late_rest": state.due_at is not None and state.due_at <= event.at}


def _case_resumed(state: CaseState, event: e.CaseResumed) -> Changes:
    rested = event.paused_seconds - state.paused_seconds
    return (
        _entry_ended(state, None, event.at, rested)
        | _confirmed(event)
        | {
            "paused_at": None,
            "paused_until": None,
            "paused_seconds": event.paused_seconds,
            "late_rest": False,
            "late_rest_seconds": state.late_rest_seconds + (rested if state.late_rest else 0),
            "due_at": event.due_at,
            "rung_at": event.next_rung_at,
        }
    )


def _rated(state: CaseState, event: e.CaseRated) -> Changes:
    rating = Rating(score=event.score, comment=event.comment, at=event.at)
    return {"ratings": _with(state.ratings, event.person_id, rating)}


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
    e.StepResumed: _step_resumed,
    e.BranchJoined: _joined,
    e.ResolutionAwaited: _awaited,
    e.RungFired: _rung,
    e.RungSkipped: _rung,
    e.CaseClosed: _closed,
    e.EffectDue: _effect_due,
    e.EffectJudged: _judged,
    e.CaseReopened: _reopened,
    e.EffectEscalated: _unchanged,
    e.RulesApplied: _applied,
    e.WaitStarted: _wait_started,
    e.WaitRecomputed: _wait_recomputed,
    e.SignalReceived: _signalled,
    e.ChildRequested: _child_requested,
    e.ChildRefused: _child_refused,
    e.ChildEnded: _child_ended,
    e.CaseReturned: _returned,
    e.CaseWithdrawn: _withdrawn,
    e.TemplateMigrated: _migrated,
    e.TaskClaimed: _claimed,
    e.TaskReleased: _released,
    e.TaskDelegated: _delegated,
    e.TaskAdvised: _advised,
    e.ApproverAdded: _unchanged,
    e.VoteCounted: _counted,
    e.ConsultationAnswered: _answered,
    e.DefaultTaken: _defaulted,
    e.ClockRecomputed: _recomputed,
    e.CaseClockStarted: _case_clock,
    e.CaseRungFired: _case_rung,
    e.CasePaused: _case_paused,
    e.CaseResumed: _case_resumed,
    e.CaseRated: _rated,
}
