"""When a wait step is over by itself.

Belongs here: the instant. What follows it is `routing`; signals and timers that end a wait are `case_actions`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.template import WaitStep
from workflow_jobs.engine.working_time import OutsideCalendar


def wake_time(flow: Flow, step: WaitStep) -> tuple[datetime, str]:
    """When the wait that begins now ends at the latest (aware UTC), and what is to be said about it.

    Working time goes by the calendar of the template. A date means the first working instant of that day, or of the
    next working day. A date that is past, or that nobody stated, is over at once. What the calendar does not reach is
    counted without it: a date means its midnight, working time clock time of the same length.
    """
    calendar = flow.env.calendar_named(flow.env.calendar_name())
    until = step.until
    if until.working is not None:
        try:
            return calendar.add_working(flow.now, until.working.working(calendar.day_length)), ""
        except OutsideCalendar:
            wake_at = flow.now + until.working.clock()
            return wake_at, f"the calendar does not reach so far: {until.working} is counted as clock time"
    if until.clock is not None:
        return flow.now + until.clock.clock(), ""
    stated = flow.state.data.get(until.date or "")
    try:
        day = date.fromisoformat(str(stated))
    except ValueError:
        return flow.now, f"there is no date {until.date}: the wait is over at once"
    midnight = datetime.combine(day, time.min, tzinfo=calendar.time_zone)
    try:
        return max(calendar.next_working(midnight), flow.now), ""
    except OutsideCalendar:
        if day < calendar.local_date(flow.now):
            return flow.now, ""
        note = f"the calendar does not reach {day}: the wait is over when that day begins, worked or not"
        return midnight.astimezone(UTC), note
