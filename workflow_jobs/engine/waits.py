"""When a wait step is over by itself.

Belongs here: the instant, and another one where calendar or template changed meanwhile. What follows it is `routing`;
signals and timers that end a wait are `case_actions`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from workflow_jobs.engine import events as e
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.state import StepState
from workflow_jobs.engine.template import WaitStep
from workflow_jobs.engine.working_time import OutsideCalendar


def stated_day(flow: Flow, step: WaitStep) -> str:
    """The date that the case states for the wait now, as it stands in the data; empty where the wait goes by none."""
    value = flow.state.data.get(step.until.date) if step.until.date is not None else None
    return str(value) if value is not None else ""


def wake_time(flow: Flow, step: WaitStep, began: datetime, day: str) -> tuple[datetime, str]:
    """When the wait that began then ends at the latest (aware UTC), and what is to be said about it.

    Working time goes by the calendar of the template. A date, which is `day`, means the first working instant of that
    day, or of the next working day. A date that is past, or that nobody stated, is over at once. What the calendar does
    not reach is counted without it: a date means its midnight, working time clock time of the same length.
    """
    calendar = flow.env.calendar_named(flow.env.calendar_name())
    until = step.until
    if until.working is not None:
        try:
            return calendar.add_working(began, until.working.working(calendar.day_length)), ""
        except OutsideCalendar:
            wake_at = began + until.working.clock()
            return wake_at, f"the calendar does not reach so far: {until.working} is counted as clock time"
    if until.clock is not None:
        return began + until.clock.clock(), ""
    try:
        stated = date.fromisoformat(day)
    except ValueError:
        return began, f"there is no date {until.date}: the wait is over at once"
    midnight = datetime.combine(stated, time.min, tzinfo=calendar.time_zone)
    try:
        return max(calendar.next_working(midnight), began), ""
    except OutsideCalendar:
        if stated < calendar.local_date(began):
            return began, ""
        note = f"the calendar does not reach {stated}: the wait is over when that day begins, worked or not"
        return midnight.astimezone(UTC), note


def is_confirmed(flow: Flow, step: WaitStep, wake_at: datetime) -> bool:
    """Whether the instant that `wake_time` gave is certain: clock time always is, working days as far as published."""
    calendar = flow.env.calendar_named(flow.env.calendar_name())
    return step.until.clock is not None or calendar.confirmed(wake_at)


def recompute(flow: Flow, known: StepState, reason: str, *, same_date: bool = True) -> None:
    """Reckon anew, from its beginning, when a wait under way ends; the log says so where that is another time.

    The date stays the one that was stated when it began; without `same_date` it is what the case states now. A wait
    that would be over already is over now: nobody knew it before.
    """
    step = _step(flow, known)
    if known.wake_at is None:
        return
    day = (known.day if same_date else "") or stated_day(flow, step)
    wake_at, note = wake_time(flow, step, known.entered_at, day)
    wake_at = max(wake_at, min(known.wake_at, flow.now))
    confirmed = is_confirmed(flow, step, wake_at)
    if (wake_at, note, confirmed) == (known.wake_at, known.note, known.calendar_confirmed):
        return
    flow.emit(
        e.WaitRecomputed,
        step_id=step.id,
        wake_at=wake_at,
        previous_wake_at=known.wake_at,
        reason=reason,
        note=note,
        day=day,
        rests_until=_rests_until(flow, step, wake_at),
        calendar_confirmed=confirmed,
    )


def _rests_until(flow: Flow, step: WaitStep, wake_at: datetime) -> datetime | None:
    """Until when the clock of the case rests at the latest if this step waits so long; None where it does not rest."""
    if not step.pauses_case or flow.state.paused_at is None:
        return None
    others = [one.wake_at for one in flow.state.waits if one.step_id != step.id and _step(flow, one).pauses_case]
    return max([wake_at, *(at for at in others if at is not None)])


def _step(flow: Flow, known: StepState) -> WaitStep:
    step = flow.layout.places[known.step_id].node
    assert isinstance(step, WaitStep)
    return step
