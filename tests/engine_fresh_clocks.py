"""When a clock is due and when a wait ends, worked out anew from the log alone: for the laws about changed calendars.

A rest moves the due time where it began before the clock was late, by the working time that was measured when it ended;
one that is under way by that until its end. Nothing is asked of the engine's state.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from workflow_jobs.engine import events as e
from workflow_jobs.engine.parts import Duration
from workflow_jobs.engine.template import Until
from workflow_jobs.engine.working_time import WorkingCalendar


def fresh_due(log: Iterable[e.Event], task_id: str | None, sla: Duration, calendar: WorkingCalendar) -> datetime | None:
    """The due time of a task, or of the case (None), by this calendar; None for a case without a clock."""
    clock: _Clock | None = None
    for event in log:
        if isinstance(event, (e.TaskCreated, e.CaseClockStarted)) and _of(event) == task_id:
            clock = _Clock(event.at, event.due_at)
        elif clock is not None:
            clock.take(event, task_id)
    return None if clock is None else clock.due_by(sla, calendar)


def fresh_wake(log: Iterable[e.Event], step_id: str, until: Until, calendar: WorkingCalendar) -> datetime:
    """When the last wait of the step ends, by this calendar; a date is the one that was stated when it became one."""
    log = [event for event in log if getattr(event, "step_id", "") == step_id]
    began = [event for event in log if isinstance(event, e.WaitStarted)][-1]
    stated = [event.day for event in log if isinstance(event, (e.WaitStarted, e.WaitRecomputed)) and event.day]
    if until.working is not None:
        return calendar.add_working(began.at, until.working.working(calendar.day_length))
    if until.clock is not None:
        return began.at + until.clock.clock()
    morning = datetime.combine(date.fromisoformat(stated[-1]), time(), calendar.time_zone)
    return max(began.at, calendar.next_working(morning))


def told_wakes(log: Iterable[e.Event]) -> dict[str, datetime]:
    """When the last wait of each step ends, as the log tells it."""
    return {event.step_id: event.wake_at for event in log if isinstance(event, (e.WaitStarted, e.WaitRecomputed))}


def _of(event: e.Event) -> str | None:
    task_id = getattr(event, "task_id", None)
    assert task_id is None or isinstance(task_id, str)
    return task_id


class _Clock:
    """One clock as its log tells it so far."""

    def __init__(self, began: datetime, due: datetime) -> None:
        self.began, self.due = began, due
        self.rest: tuple[datetime, datetime | None] | None = None
        self.late = False
        self.counted = self.measured = 0

    def take(self, event: e.Event, task_id: str | None) -> None:
        match event:
            case e.TaskPaused(task_id=one) if one == task_id:
                self.stop(event.at, event.until)
                self.due = event.due_at
            case e.CasePaused() if task_id is None:
                self.stop(event.at, None)
            case e.TaskCancelled(task_id=one) if one == task_id:
                self.stop(event.at, None)
            case e.CaseClosed() if task_id is None:
                self.stop(event.at, None)
            case e.TaskResumed(task_id=one) if one == task_id:
                self.go_on(event.paused_seconds, event.due_at)
            case e.CaseResumed() if task_id is None:
                self.go_on(event.paused_seconds, event.due_at)
            case e.ClockRecomputed(task_id=one) if one == task_id:
                self.due = event.due_at

    def stop(self, at: datetime, until: datetime | None) -> None:
        self.rest, self.late = (at, until), self.due <= at

    def go_on(self, paused_seconds: int, due: datetime) -> None:
        if not self.late:
            self.counted += paused_seconds - self.measured
        self.measured, self.due, self.rest, self.late = paused_seconds, due, None, False

    def due_by(self, sla: Duration, calendar: WorkingCalendar) -> datetime:
        used = sla.working(calendar.day_length) + timedelta(seconds=self.counted)
        if self.rest is not None and self.rest[1] is not None and not self.late:
            used += calendar.working_between(self.rest[0], self.rest[1])
        return calendar.add_working(self.began, used)
