"""One clock for all processes.

Nothing else in Trueloop asks the operating system for the time of day. ``ShiftedClock`` keeps its offset in a file, so
that every process of a demo sees the same instant after it was advanced.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from resources.durable_files import write_json_atomically
from resources.settings import Settings


class Clock(Protocol):
    """Tells the time as a timezone-aware instant in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """Stands still until advanced; for tests in one process. ``instant`` must be timezone-aware."""

    def __init__(self, instant: datetime) -> None:
        if instant.tzinfo is None:
            raise ValueError("FixedClock needs a timezone-aware instant.")
        self._instant = instant.astimezone(UTC)

    def now(self) -> datetime:
        return self._instant

    def advance(self, by: timedelta) -> datetime:
        self._instant += by
        return self._instant


class ShiftedClock:
    """The machine's clock plus an offset in seconds kept in a JSON file, shared by all processes of a demo.

    Time can only be moved forward: clocks that run back would let a rung fire twice.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def offset(self) -> timedelta:
        try:
            text = self._path.read_text()
        except FileNotFoundError:
            return timedelta(0)
        return timedelta(seconds=float(json.loads(text)["offset_seconds"]))

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset()

    def advance_to(self, instant: datetime) -> datetime:
        """Move the clock forward so that it shows at least ``instant``; returns the new now."""
        missing = instant - self.now()
        if missing > timedelta(0):
            seconds = (self.offset() + missing).total_seconds()
            write_json_atomically(self._path, {"offset_seconds": seconds})
        return self.now()


def clock_from_settings(settings: Settings) -> Clock:
    """The clock that the settings choose."""
    return ShiftedClock(settings.clock_path) if settings.clock == "shifted" else SystemClock()
