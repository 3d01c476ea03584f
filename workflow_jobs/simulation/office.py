"""The people: when they look at their messages, how long they need, when they are away. The same in both arms.

Belongs here: what does not depend on how work reaches a person. Does not belong here: that (chat, cards). Pure; all
chance is named (see draws), and people do not wait for each other: nobody has a queue of work in this model.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from resources.people import Directory
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.simulation.assumptions import Assumptions
from workflow_jobs.simulation.draws import Draws

_LONGEST_ABSENCE: Final = timedelta(days=120)


@dataclass(frozen=True)
class Office:
    """People, calendar and chance of one simulated company. Instants are aware UTC."""

    directory: Directory
    calendar: WorkingCalendar
    draws: Draws
    assumed: Assumptions
    _looks: dict[tuple[str, date], tuple[datetime, ...]] = field(default_factory=dict)

    def next_look(self, person: str, after: datetime) -> datetime:
        """When the person looks at messages next, not before ``after``; on days at work only."""
        at = after
        while at - after < _LONGEST_ABSENCE:
            day = self.calendar.local_date(self.calendar.next_working(at))
            looks = self.looks_on(person, day)
            place = bisect_left(looks, at)
            if place < len(looks):
                return looks[place]
            at = self._end_of(day)
        raise ValueError(f"{person} is away for more than {_LONGEST_ABSENCE.days} days after {after.isoformat()}")

    def looks_on(self, person: str, day: date) -> tuple[datetime, ...]:
        """The person's looks at messages on a local day; none where he is away."""
        known = self._looks.get((person, day))
        if known is None:
            known = self._looks[person, day] = self._draw_looks(person, day)
        return known

    def _draw_looks(self, person: str, day: date) -> tuple[datetime, ...]:
        if not self.calendar.is_working_day(day) or self.directory.absent_on(person, day):
            return ()
        opens, closes = self._start_of(day), self._end_of(day)
        length = self.calendar.working_between(opens, closes)
        mean = self.assumed.people.looks_every.value
        found: list[datetime] = []
        passed = timedelta()
        while True:
            passed += timedelta(minutes=self.draws.exponential(mean, "look", person, day, len(found)))
            if passed >= length:
                break
            found.append(self.calendar.add_working(opens, passed))
        # Everybody looks at least once on a day at work: at its end.
        return tuple(found) or (self.calendar.add_working(opens, length),)

    def finish(self, person: str, start: datetime, needed: timedelta) -> datetime:
        """When the person has worked ``needed`` from ``start`` on; days away do not count."""
        at = start
        while at - start < _LONGEST_ABSENCE:
            at = self.calendar.next_working(at)
            day = self.calendar.local_date(at)
            ends = self._end_of(day)
            if not self.directory.absent_on(person, day):
                left = self.calendar.working_between(at, ends)
                if needed <= left:
                    return self.calendar.add_working(at, needed)
                needed -= left
            at = ends
        raise ValueError(f"{person} does not finish {needed} within {_LONGEST_ABSENCE.days} days")

    def effort(self, person: str, agreed: timedelta, *task: object) -> timedelta:
        """Working time from knowing of a task to having done it. ``task`` names it; ``agreed`` is its agreed time."""
        people = self.assumed.people
        pace = self.draws.lognormal(1.0, people.pace_sigma.value, "pace", person)
        share = self.draws.lognormal(people.effort.value, people.effort_sigma.value, "effort", *task)
        return agreed * (share * pace)

    def forgets(self, person: str, asked: int, *task: object) -> bool:
        """Whether the person forgets the task after reading of it for the ``asked``-th time."""
        return self.draws.chance(self.assumed.people.forgets.value, "forgets", person, asked, *task)

    def present(self, people: tuple[str, ...], at: datetime) -> tuple[str, ...]:
        """Those of the people who are at work on the next working day."""
        day = self.calendar.local_date(self.calendar.next_working(at))
        return tuple(person for person in people if not self.directory.absent_on(person, day))

    def _start_of(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.calendar.time_zone).astimezone(UTC)

    def _end_of(self, day: date) -> datetime:
        return self._start_of(day + timedelta(days=1))
