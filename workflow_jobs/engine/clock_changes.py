"""A changed working calendar: open clocks and waits are computed anew, and the log says so.

Belongs here: which clocks move, and to when. Who notices that a calendar changed is outside of the engine.
"""

from __future__ import annotations

from datetime import timedelta

from workflow_jobs.engine import clocks, waits
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.state import TaskState


def recompute(flow: Flow, command: c.RecomputeClocks) -> None:
    """Compute the clocks of the case and of its open tasks, and the waits under way, by the calendars as they are now.

    A task follows the calendar of whoever was asked first; "one working day" is a day of that calendar. What rested
    stays as it was measured, and rungs that fired stay fired. A clock or wait that comes out as it was is left alone.
    """
    if not flow.state.is_open:
        return
    _case(flow, command.reason)
    for task in flow.state.open_tasks:
        _task(flow, task, command.reason)
    for step in flow.state.waits:
        waits.recompute(flow, step, command.reason)


def _task(flow: Flow, task: TaskState, reason: str) -> None:
    name = _calendar_of(flow, task)
    calendar = flow.env.calendar_named(name)
    sla = int(clocks.step_of(flow, task).sla.working(calendar.day_length).total_seconds())
    clock = (calendar, sla)
    resting = timedelta(seconds=task.paused_seconds)
    following = clocks.rung_time(flow, task, task.rung_index, resting, clock)
    if task.paused_at is not None and task.paused_until is not None:
        following = task.paused_until
    due = clocks.at_percent(flow, task, 100, clocks.counted_rests(task, calendar), clock)
    now = (name, sla, due, following, calendar.confirmed(due))
    if now == (task.calendar, task.sla_seconds, task.due_at, task.next_rung_at, task.calendar_confirmed):
        return
    flow.emit(
        e.ClockRecomputed,
        task_id=task.task_id,
        due_at=due,
        next_rung_at=following,
        calendar=name,
        calendar_confirmed=calendar.confirmed(due),
        previous_due_at=task.due_at,
        reason=reason,
        sla_seconds=sla,
    )


def _calendar_of(flow: Flow, task: TaskState) -> str:
    """The calendar of whoever was asked first, whoever has the task now; where he has left, the one that it has."""
    left = task.clock_of is not None and task.clock_of not in flow.env.directory
    return task.calendar if left and task.calendar in flow.env.calendars else flow.env.calendar_name(task.clock_of)


def _case(flow: Flow, reason: str) -> None:
    state, template = flow.state, flow.env.template
    if state.due_at is None or template.sla is None:
        return
    name = flow.env.calendar_name()
    calendar = flow.env.calendar_named(name)
    sla = int(template.sla.working(calendar.day_length).total_seconds())
    resting = timedelta(seconds=state.paused_seconds)
    due = clocks.case_at_percent(flow, 100, clocks.moving_rests(state), (calendar, sla))
    following = None
    if state.paused_at is None:
        following = clocks.case_rung_time(flow, state.rung_index, resting, (calendar, sla))
    now = (name, sla, due, following, calendar.confirmed(due))
    if now == (state.calendar, state.sla_seconds, state.due_at, state.rung_at, state.calendar_confirmed):
        return
    flow.emit(
        e.ClockRecomputed,
        task_id=None,
        due_at=due,
        next_rung_at=following,
        calendar=name,
        calendar_confirmed=calendar.confirmed(due),
        previous_due_at=state.due_at,
        reason=reason,
        sla_seconds=sla,
    )
