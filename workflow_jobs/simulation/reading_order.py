"""Reading a busy group chat in its order: when a person comes to a message, if he ever does. Pure.

Messages come in at a steady rate while the company works, also while the person is away. At each look he reads so many,
oldest first; when too many are unread he skips to the newest, and never sees those between.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from workflow_jobs.simulation.office import Office

_HOUR = timedelta(hours=1)


@dataclass
class ReadingOrder:
    """How far one person has read, look by look, from the first day of the simulation on."""

    office: Office
    person: str
    begins: datetime
    _looks: list[datetime] = field(default_factory=list)
    _from: list[float] = field(default_factory=list)
    _until: list[float] = field(default_factory=list)
    _more: Iterator[datetime] | None = None

    def read_at(self, posted: datetime) -> datetime | None:
        """When the person reads a message posted then; None if he skips it."""
        place = self._position(posted)
        while not self._until or self._until[-1] < place or self._looks[-1] < posted:
            self._look_again()
        look = max(bisect_left(self._until, place), bisect_left(self._looks, posted))
        return self._looks[look] if self._from[look] <= place else None

    def _look_again(self) -> None:
        chat = self.office.assumed.chat
        if self._more is None:
            self._more = self._all_looks()
        at = next(self._more)
        done = self._until[-1] if self._until else 0.0
        newest = self._position(at)
        begin = max(done, newest - chat.reads_at_once.value) if newest - done > chat.gives_up_above.value else done
        self._looks.append(at)
        self._from.append(begin)
        self._until.append(min(newest, begin + chat.reads_at_once.value))

    def _all_looks(self) -> Iterator[datetime]:
        day = self.office.calendar.local_date(self.begins)
        while True:
            yield from (look for look in self.office.looks_on(self.person, day) if look >= self.begins)
            day += timedelta(days=1)

    def _position(self, at: datetime) -> float:
        """How many messages have come in by then."""
        worked = self.office.calendar.working_between(self.begins, at)
        return self.office.assumed.chat.messages_an_hour.value * (worked / _HOUR)
