"""The virtual clock, and what is to happen at which instant. Nothing but the agenda moves the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from heapq import heappop, heappush
from itertools import count


class Agenda:
    """Runs actions in order of time; those of one instant in the order in which they were put down.

    It is the clock of all that it runs (see resources.clock.Clock): between two actions no time passes elsewhere.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._waiting: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count()

    def now(self) -> datetime:
        """The instant of the action that runs."""
        return self._now

    def at(self, when: datetime, action: Callable[[], None]) -> None:
        """Put an action down. One for an instant that is over runs at once, next."""
        heappush(self._waiting, (max(when, self._now), next(self._numbers), action))

    def run(self) -> int:
        """Run until nothing is left; returns the number of actions."""
        done = 0
        while self._waiting:
            self._now, _, action = heappop(self._waiting)
            action()
            done += 1
        return done
