"""The clocks of tasks and of the case: due times, rungs and pauses, in working time.

Belongs here: when something is due, resting, and the case's own ladder, which only tells. What happens when a task's
rung is due is `rungs`; arithmetic of working time is `working_time`. A task's clock runs by the calendar of whoever was
asked first, and is not changed by handing the task on; the case's runs by its template's calendar. A rest moves what
comes after it began: what was late before stays due when it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from workflow_jobs.engine import events as e
from workflow_jobs.engine import whom
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.parts import Rung
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import AskingStep, HumanStep, ProcessStep, ServiceStep, WaitStep
from workflow_jobs.engine.working_time import WorkingCalendar

# When this share of a pooled task's working time is used and nobody has claimed it, somebody is asked by name.
CLAIM_WITHIN_PERCENT: Final = 50
Clock = tuple[WorkingCalendar, int]
"""A calendar, and the agreed working time in seconds."""


def started(flow: Flow, step: AskingStep, assignee: str | None) -> dict[str, Any]:
    """The fields of a TaskCreated that are its clock: calendar, agreed working time, due time, first rung."""
    name = flow.env.calendar_name(assignee)
    calendar = flow.env.calendar_named(name)
    sla = step.sla.working(calendar.day_length)
    due = calendar.due_after(flow.now, sla)
    return {
        "calendar": name,
        "sla_seconds": int(sla.total_seconds()),
        "due_at": due,
        "calendar_confirmed": calendar.confirmed(due),
        "next_rung_at": _rung_at(calendar, flow.now, sla, ladder_of_step(flow, step), 0),
    }


def pause(flow: Flow, task: TaskState, person_id: str, until: datetime, reason: str, reason_id: str = "") -> None:
    """Let the task rest until then: its due time, unless it is past, moves by the working time in between."""
    calendar = _calendar(flow, task)
    counted = moving_rests(task) + _working(calendar, flow.now, until)
    due = task.due_at if task.due_at <= flow.now else at_percent(flow, task, 100, counted)
    flow.emit(
        e.TaskPaused,
        task_id=task.task_id,
        person_id=person_id,
        until=until,
        reason=reason,
        due_at=due,
        reason_id=reason_id,
        calendar_confirmed=calendar.confirmed(due),
    )


def resume(flow: Flow, task: TaskState, because: str, person_id: str | None = None) -> None:
    """Let the task's clock run again, and open the task again where it was withdrawn with its case."""
    began = min(at for at in (task.paused_at, task.closed_at) if at is not None)
    # The clock waited until the time that was asked for, however late the scan comes that finds it over.
    ended = flow.now if task.paused_until is None or task.closed_at else min(flow.now, task.paused_until)
    calendar = _calendar(flow, task)
    rested = _measured(calendar, began, ended)
    resting = timedelta(seconds=task.paused_seconds) + rested
    due = task.due_at if task.late_rest else at_percent(flow, task, 100, moving_rests(task) + rested)
    flow.emit(
        e.TaskResumed,
        task_id=task.task_id,
        because=because,
        paused_seconds=int(resting.total_seconds()),
        due_at=due,
        next_rung_at=rung_time(flow, task, task.rung_index, resting),
        person_id=person_id,
        calendar_confirmed=calendar.confirmed(due),
    )


def rung_time(
    flow: Flow, task: TaskState, index: int, resting: timedelta, clock: Clock | None = None
) -> datetime | None:
    """When the task's rung of that number is due; None past its ladder's end. `clock` None: by its own."""
    ladder = ladder_of_step(flow, step_of(flow, task))
    return at_percent(flow, task, ladder[index].at, resting, clock) if index < len(ladder) else None


def at_percent(flow: Flow, task: TaskState, percent: int, resting: timedelta, clock: Clock | None = None) -> datetime:
    """When that share of the task's working time is used, `resting` not counted. `clock` None: by its own."""
    calendar, seconds = clock or (_calendar(flow, task), task.sla_seconds)
    return _at(calendar, task.created_at, timedelta(seconds=seconds), percent, resting)


def claim_until(task: TaskState, calendar: WorkingCalendar) -> datetime | None:
    """Until when a task that nobody has may be claimed before somebody is asked by name, by the calendar of its clock;
    None where somebody has it, while it rests, and once it is over.
    """
    if task.status != "open" or not task.pooled or task.assignee is not None or task.paused_until is not None:
        return None
    sla, resting = timedelta(seconds=task.sla_seconds), timedelta(seconds=task.paused_seconds)
    return _at(calendar, task.created_at, sla, CLAIM_WITHIN_PERCENT, resting)


def ladder_of_step(flow: Flow, step: AskingStep) -> tuple[Rung, ...]:
    """The step's own ladder, else the template's."""
    return step.ladder if step.ladder is not None else flow.env.template.ladder


def step_of(flow: Flow, task: TaskState) -> AskingStep:
    """The step that asks."""
    step = flow.layout.places[task.step_id].node
    assert isinstance(step, HumanStep | ServiceStep | ProcessStep)
    return step


def start_case(flow: Flow) -> None:
    """Let the working time for the whole case begin, where the template states one."""
    template = flow.env.template
    if template.sla is None:
        return
    name = flow.env.calendar_name()
    calendar = flow.env.calendar_named(name)
    sla = template.sla.working(calendar.day_length)
    due = calendar.due_after(flow.now, sla)
    flow.emit(
        e.CaseClockStarted,
        due_at=due,
        sla_seconds=int(sla.total_seconds()),
        calendar=name,
        calendar_confirmed=calendar.confirmed(due),
        next_rung_at=_rung_at(calendar, flow.now, sla, template.case_ladder, 0),
    )


def fire_case(flow: Flow) -> None:
    """Fire the next rung of the case's own ladder, which is due."""
    state = flow.state
    assert state.rung_at is not None
    rung = flow.env.template.case_ladder[state.rung_index]
    flow.emit(
        e.CaseRungFired,
        rung_index=state.rung_index,
        percent=rung.at,
        action=rung.action,
        to=rung.to,
        to_person=whom.person_for(flow, rung.to, None),
        scheduled_at=state.rung_at,
        next_rung_at=case_rung_time(flow, state.rung_index + 1, timedelta(seconds=state.paused_seconds)),
    )


def pause_case(flow: Flow, step: WaitStep, until: datetime) -> None:
    """Let the clock of the case rest while `step` waits, until then at the latest. Several waits are one rest.

    What is due is told before.
    """
    while flow.state.rung_at is not None and flow.state.rung_at <= flow.now:
        fire_case(flow)
    state = flow.state
    if state.due_at is not None and state.paused_at is None:
        flow.emit(e.CasePaused, step_id=step.id, reason=f"waits: {step.title.en}", until=until)


def resume_case(flow: Flow, step: WaitStep) -> None:
    """Let the clock of the case run again, because `step` waits no more; while no other wait lets it rest."""
    state = flow.state
    nodes = {one.step_id: flow.layout.places[one.step_id].node for one in state.waits if one.step_id != step.id}
    if state.paused_at is None or any(isinstance(node, WaitStep) and node.pauses_case for node in nodes.values()):
        return
    # As with a task: the clock waited as long as the step, however late the scan comes that finds it over.
    known = state.steps[step.id]
    over = known.wake_at if known.status == "active" and known.wake_at is not None else flow.now
    _go_on(flow, state.paused_at, min(flow.now, over))


def reopen_case(flow: Flow, closed_at: datetime | None) -> None:
    """Let the clock go on where the case is opened again because its cause is back: the time in between was a rest."""
    if flow.state.due_at is not None and closed_at is not None:
        _go_on(flow, closed_at, flow.now)


def _go_on(flow: Flow, began: datetime, ended: datetime) -> None:
    assert flow.state.due_at is not None
    calendar = flow.env.calendar_named(flow.state.calendar)
    rested = _measured(calendar, began, ended)
    resting = timedelta(seconds=flow.state.paused_seconds) + rested
    late = flow.state.late_rest
    due = flow.state.due_at if late else case_at_percent(flow, 100, moving_rests(flow.state) + rested)
    flow.emit(
        e.CaseResumed,
        paused_seconds=int(resting.total_seconds()),
        due_at=due,
        next_rung_at=case_rung_time(flow, flow.state.rung_index, resting),
        calendar_confirmed=calendar.confirmed(due),
    )


def case_rung_time(flow: Flow, index: int, resting: timedelta, clock: Clock | None = None) -> datetime | None:
    """When the case's rung of that number is due; None past its ladder's end. `clock` None: by its own."""
    ladder = flow.env.template.case_ladder
    return case_at_percent(flow, ladder[index].at, resting, clock) if index < len(ladder) else None


def case_at_percent(flow: Flow, percent: int, resting: timedelta, clock: Clock | None = None) -> datetime:
    """When that share of the case's working time is used, `resting` not counted. `clock` None: by its own."""
    state = flow.state
    calendar, seconds = clock or (flow.env.calendar_named(state.calendar), state.sla_seconds)
    return _at(calendar, state.clock_started_at or state.opened_at, timedelta(seconds=seconds), percent, resting)


def moving_rests(clock: TaskState | CaseState) -> timedelta:
    """Working time of the rests that are over and move the due time: those that began before it was late."""
    return timedelta(seconds=clock.paused_seconds - clock.late_rest_seconds)


def counted_rests(task: TaskState, calendar: WorkingCalendar) -> timedelta:
    """The rests that move the task's due time, the one under way included."""
    counted = moving_rests(task)
    if task.paused_at is not None and task.paused_until is not None and not task.late_rest:
        counted += calendar.working_between(task.paused_at, task.paused_until)
    return counted


def _measured(calendar: WorkingCalendar, start: datetime, end: datetime) -> timedelta:
    """The working time of a rest that is over, in whole seconds as the log keeps it: computed anew it is the same."""
    return timedelta(seconds=int(_working(calendar, start, end).total_seconds()))


def _calendar(flow: Flow, task: TaskState) -> WorkingCalendar:
    return flow.env.calendar_named(task.calendar)


def _at(calendar: WorkingCalendar, began: datetime, sla: timedelta, percent: int, resting: timedelta) -> datetime:
    return calendar.due_after(began, sla * percent / 100 + resting)


def _working(calendar: WorkingCalendar, start: datetime, end: datetime) -> timedelta:
    return calendar.working_between(start, end) if end > start else timedelta(0)


def _rung_at(
    calendar: WorkingCalendar, start: datetime, sla: timedelta, ladder: Sequence[Rung], index: int
) -> datetime | None:
    return _at(calendar, start, sla, ladder[index].at, timedelta(0)) if index < len(ladder) else None
