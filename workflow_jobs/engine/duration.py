"""ISO-8601 durations as templates write them. Calendars and arithmetic on instants live in working_time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_ISO = re.compile(r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?")
_MOST: Final = timedelta(days=36_525)


@dataclass(frozen=True, slots=True)
class IsoDuration:
    """A positive duration: whole days, and seconds beside them.

    In working time a day is one working day of the calendar (P1D with 7.5 working hours is PT7H30M); in clock time
    it is 24 hours. Years, months and weeks are refused: they have no fixed length in working time. What lasts longer
    than a hundred years is counted as that long, so that no stored version of a template leads beyond what a date can
    be; a new one is refused long before (`lint_bounds`).
    """

    days: int
    seconds: int

    def clock(self) -> timedelta:
        """The duration in clock time, 24 hours a day."""
        return _bounded(self.days, timedelta(days=1), self.seconds)

    def working(self, day_length: timedelta) -> timedelta:
        """The duration in working time, `day_length` of work a day."""
        return _bounded(self.days, day_length, self.seconds)

    def __str__(self) -> str:
        hours, rest = divmod(self.seconds, 3600)
        minutes, seconds = divmod(rest, 60)
        clock = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n)
        return "P" + (f"{self.days}D" if self.days else "") + (f"T{clock}" if clock else "")


def _bounded(days: int, day_length: timedelta, seconds: int) -> timedelta:
    return day_length * min(days, _MOST.days) + timedelta(seconds=min(seconds, _MOST.days * 86_400))


def parse_duration(text: str) -> IsoDuration:
    """Read `PT4H`, `P1D`, `P1DT2H`, `PT30M`. Raises ValueError with a sentence for anything else, zero included."""
    match = _ISO.fullmatch(text) if isinstance(text, str) else None
    if match is None or text.endswith("T"):
        raise ValueError(f"{str(text)!r} is no ISO-8601 duration: write for example PT4H, PT30M, P1D or P1DT2H")
    part = {unit: int(value or 0) for unit, value in match.groupdict().items()}
    duration = IsoDuration(
        days=part["days"],
        seconds=part["hours"] * 3600 + part["minutes"] * 60 + part["seconds"],
    )
    if duration.days == 0 and duration.seconds == 0:
        raise ValueError(f"{text!r} lasts no time: write for example PT4H")
    return duration
