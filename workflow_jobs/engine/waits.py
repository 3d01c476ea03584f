"""When a wait step is over by itself.

Belongs here: the instant. What follows it is `routing`; signals and timers that end a wait are `case_actions`.
"""

from __future__ import annotations

from datetime import date, datetime, time

from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.template import WaitStep


def wake_time(flow: Flow, step: WaitStep) -> tuple[datetime, str]:
    """When the wait that begins now ends at the latest (aware UTC), and what is to be said about it.

    Working time goes by the calendar of the template. A date means the first working instant of that day, or of the
    next working day. A date that is past, or that nobody stated, is over at once.
    """
    calendar = flow.env.calendar_named(flow.env.calendar_name())
    until = step.until
    if until.working is not None:
        return calendar.add_working(flow.now, until.working.working(calendar.day_length)), ""
    if until.clock is not None:
        return flow.now + until.clock.clock(), ""
    stated = flow.state.data.get(until.date or "")
    try:
        day = date.fromisoformat(str(stated))
    except ValueError:
        return flow.now, f"there is no date {until.date}: the wait is over at once"
    morning = calendar.next_working(datetime.combine(day, time.min, tzinfo=calendar.time_zone))
    return max(morning, flow.now), ""
