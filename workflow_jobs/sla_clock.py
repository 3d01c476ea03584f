"""How much of its agreed working time a task has used, as a share and as a light. Pure: no clock, no I/O."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal

from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.working_time import WorkingCalendar

Light = Literal["green", "amber", "red"]
AMBER_FROM: Final = 0.8


def used_share(task: TaskState, now: datetime, calendar: WorkingCalendar) -> float:
    """Working time used, as a share of the agreed one: 1.0 at the due time, more after it, never below 0.

    Pauses do not count: a paused task's due time is that of resuming at `paused_until`, so what remains is read from
    there; of one that was late before it rests, the due time has not moved. Raises OutsideCalendar for instants that
    the calendar does not cover.
    """
    end = now if task.status == "open" else task.decided_at or task.closed_at or now
    if task.status == "open" and task.paused_until is not None and task.paused_at is not None:
        end = max(now, task.paused_until) if task.paused_at < task.due_at else task.paused_at
    agreed = timedelta(seconds=task.sla_seconds)
    if not agreed:
        return 1.0
    return max(0.0, 1.0 - calendar.working_between(end, task.due_at) / agreed)


def light_of(share: float, *, overdue: bool) -> Light:
    """Red from the due time on, amber from `AMBER_FROM` of the time, else green.

    `overdue` decides at the end: between working hours the share stands at 1 although the due time is not over.
    """
    if overdue:
        return "red"
    return "amber" if share >= AMBER_FROM else "green"
