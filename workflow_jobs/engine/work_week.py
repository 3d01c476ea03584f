"""The hours of a week: which shifts begin on which weekday. Read from text, checked, and nothing else.

Which days are holidays is `public_days`; arithmetic on instants is `working_time`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

DEFAULT_HOURS: Final = ("09:00-12:00", "13:30-18:00")
DAY_MINUTES: Final = 24 * 60
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Spans = tuple[tuple[int, int], ...]
"""Shifts of one day, ascending and apart: (begin, end) in minutes from the midnight before the day. Only the last may
end after the next midnight, so above 1440."""

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")


def read_hours(hours: Sequence[str]) -> Spans:
    """Shifts of one day, such as "09:00-12:00" or, over midnight, "22:00-06:00". Raises ValueError with a sentence."""
    spans: list[tuple[int, int]] = []
    for text in hours:
        match = _SPAN.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f"working hours {text!r} cannot be read: write for example 09:00-12:00")
        start = int(match[1]) * 60 + int(match[2])
        end = int(match[3]) * 60 + int(match[4]) if match[3] else DAY_MINUTES
        if end == start:
            raise ValueError(f"working hours {text!r} begin and end at once: a whole day is 00:00-24:00")
        if spans and start < spans[-1][1]:
            raise ValueError(f"working hours {text!r} must begin after the hours before them have ended")
        spans.append((start, end if end > start else end + DAY_MINUTES))
    if not spans:
        raise ValueError("a working day needs at least one span of hours")
    return tuple(spans)


def read_week(week: Mapping[str, Sequence[str]]) -> dict[int, Spans]:
    """Shifts by weekday (Monday is 0), from keys such as "mon-fri", "sat" or "mon-sun".

    A weekday without a key is off. Raises ValueError where a day is named twice, or a shift over midnight runs into the
    next day's first.
    """
    found: dict[int, Spans] = {}
    for key, hours in week.items():
        spans = read_hours(hours)
        for day in _days(key):
            if day in found:
                raise ValueError(f"{WEEKDAYS[day]} has hours twice")
            found[day] = spans
    if not found:
        raise ValueError("a working week needs at least one day with hours")
    for day, spans in found.items():
        following = found.get((day + 1) % 7)
        if following is not None and spans[-1][1] - DAY_MINUTES > following[0][0]:
            raise ValueError(f"the last shift of {WEEKDAYS[day]} runs into the first of {WEEKDAYS[(day + 1) % 7]}")
    return dict(sorted(found.items()))


def usual_day(week: Mapping[int, Spans]) -> Spans:
    """The shifts that most days of the week have; of equally many the longest."""
    return max(week.values(), key=lambda spans: (sum(1 for other in week.values() if other == spans), length(spans)))


def length(spans: Spans) -> int:
    """Minutes of work in a day's shifts."""
    return sum(end - start for start, end in spans)


def _days(key: str) -> range:
    first, dash, last = key.strip().lower().partition("-")
    if first not in WEEKDAYS or (dash and last not in WEEKDAYS):
        raise ValueError(f"{key!r} names no weekdays: write for example mon-fri, or sat")
    begin = WEEKDAYS.index(first)
    end = WEEKDAYS.index(last) if dash else begin
    if end < begin:
        raise ValueError(f"{key!r} runs backwards: a week begins on mon")
    return range(begin, end + 1)
