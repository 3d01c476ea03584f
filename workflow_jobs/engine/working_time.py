"""Working time: instants in, instants out, by one calendar of working days and hours.

Prefix sums over days make every question a binary search, so that a due date years away costs what one hour costs.
Nothing here reads a clock. Which days are worked comes from the `holidays` package, China's make-up days included; it
returns none of them, silently, for years whose notice is not published yet. `confirmed_through` is the guard: a
calendar knows to which date it can be relied on, and `confirmed` says it of an instant.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import Final
from zoneinfo import ZoneInfo

import holidays

DEFAULT_HOURS: Final = ("09:00-12:00", "13:30-18:00")
FIRST_YEAR: Final = 2020
LAST_YEAR: Final = 2040
_REMEMBERED_DAYS: Final = 1000
_DAY_MINUTES: Final = 24 * 60
_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")


class OutsideCalendar(ValueError):
    """The instant lies outside the years that the calendar was built for."""


class WorkingCalendar:
    """Working days and hours of one country. Immutable and safe to share between threads.

    `country` is an ISO code that `holidays` knows; `hours` are local spans of a working day ("09:00-12:00", up to
    "24:00"), ascending and apart; `time_zone` is where they are read. `confirmed_through` is the last date known for
    certain: None takes the end of the last year with published make-up days, or, for countries whose holidays follow
    rules alone, the end of the calendar. Raises ValueError for a country, hours or zone that cannot be used.
    """

    def __init__(
        self,
        country: str = "CN",
        *,
        hours: Sequence[str] = DEFAULT_HOURS,
        time_zone: str = "Asia/Shanghai",
        confirmed_through: date | None = None,
        first_year: int = FIRST_YEAR,
        last_year: int = LAST_YEAR,
    ) -> None:
        self.country = country
        self.time_zone = ZoneInfo(time_zone)
        self._spans = _read_hours(hours)
        self._first = date(first_year, 1, 1)
        self._last = date(last_year, 12, 31)
        self.day_length = timedelta(minutes=sum(end - start for start, end in self._spans))
        try:
            known = holidays.country_holidays(country, years=range(first_year, last_year + 1))
        except NotImplementedError as error:
            raise ValueError(f"no holidays are known for the country {country!r}") from error
        make_up = [day for day in known.weekend_workdays if self._first <= day <= self._last]
        published = date(max(day.year for day in make_up), 12, 31) if make_up else self._last
        self.confirmed_through = confirmed_through if confirmed_through is not None else published
        days = (self._first + timedelta(days=n) for n in range((self._last - self._first).days + 1))
        self._works = tuple(known.is_working_day(day) for day in days)
        self._known_spans: dict[int, tuple[tuple[int, int], ...]] = {}
        # _before[n]: working microseconds before local midnight of day n.
        self._before = tuple(accumulate(map(self._day_total, range(len(self._works))), initial=0))

    def is_working_day(self, day: date) -> bool:
        """Whether people work on the local date."""
        return self._works[self._index(day)]

    def local_date(self, instant: datetime) -> date:
        """The calendar's local date at an aware instant."""
        return _aware(instant).astimezone(self.time_zone).date()

    def confirmed(self, instant: datetime) -> bool:
        """Whether every working day up to the instant is known for certain."""
        return self.local_date(instant) <= self.confirmed_through

    def add_working(self, start: datetime, duration: timedelta) -> datetime:
        """The earliest instant (UTC) at which `duration` of working time has passed since `start`.

        A zero duration gives `start`. Raises OutsideCalendar past the last year, ValueError for a negative duration.
        """
        if duration < timedelta(0):
            raise ValueError(f"a working duration cannot be negative: {duration}")
        if not duration:
            return _aware(start).astimezone(UTC)
        wanted = self._position(start) + duration // _MICROSECOND
        # The first day whose end reaches the wanted sum: `bisect_left` keeps 12:00 from becoming 13:30, and 18:00 from
        # becoming 09:00 of the next day.
        index = bisect_left(self._before, wanted) - 1
        if index >= len(self._works):
            raise OutsideCalendar(f"{duration} of working time after {start} ends past {self._last}")
        rest = wanted - self._before[index]
        for opens, closes in self._instants(index):
            if rest <= closes - opens:
                return _EPOCH + (opens + rest) * _MICROSECOND
            rest -= closes - opens
        raise AssertionError("prefix sums and spans disagree")

    def working_between(self, start: datetime, end: datetime) -> timedelta:
        """Working time from `start` to `end`; negative if `end` is earlier. Raises OutsideCalendar."""
        return (self._position(end) - self._position(start)) * _MICROSECOND

    def next_working(self, instant: datetime) -> datetime:
        """The instant itself (UTC) during working hours, else when they next begin. Raises OutsideCalendar."""
        return self.add_working(instant, _MICROSECOND) - _MICROSECOND

    def _position(self, instant: datetime) -> int:
        """Working microseconds from the calendar's first day to the instant."""
        index = self._index(self.local_date(instant))
        now = (instant - _EPOCH) // _MICROSECOND
        within = sum(max(0, min(now, closes) - opens) for opens, closes in self._instants(index))
        return self._before[index] + within

    def _index(self, day: date) -> int:
        index = (day - self._first).days
        if not 0 <= index < len(self._works):
            raise OutsideCalendar(f"{day} is outside the calendar, which covers {self._first} to {self._last}")
        return index

    def _instants(self, index: int) -> tuple[tuple[int, int], ...]:
        """Spans of a day as microseconds since the epoch; none on a day off. Days in use are remembered."""
        known = self._known_spans.get(index)
        if known is None:
            known = self._read_day(index)
            if len(self._known_spans) >= _REMEMBERED_DAYS:
                self._known_spans = {}
            self._known_spans[index] = known
        return known

    def _read_day(self, index: int) -> tuple[tuple[int, int], ...]:
        if not self._works[index]:
            return ()
        return tuple((self._local(index, start), self._local(index, end)) for start, end in self._spans)

    def _local(self, index: int, minute: int) -> int:
        day = self._first + timedelta(days=index + minute // _DAY_MINUTES)
        hour, rest = divmod(minute % _DAY_MINUTES, 60)
        local = datetime(day.year, day.month, day.day, hour, rest, tzinfo=self.time_zone)
        return (local - _EPOCH) // _MICROSECOND

    def _day_total(self, index: int) -> int:
        # Asked of the zone day by day, because a span over a change to summer time is an hour shorter or longer.
        return sum(closes - opens for opens, closes in self._read_day(index))


def _aware(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise ValueError(f"{instant!r} is a naive time: give an aware instant")
    return instant


def _read_hours(hours: Sequence[str]) -> tuple[tuple[int, int], ...]:
    spans: list[tuple[int, int]] = []
    for text in hours:
        match = _SPAN.fullmatch(text)
        if match is None:
            raise ValueError(f"working hours {text!r} cannot be read: write for example 09:00-12:00")
        start = int(match[1]) * 60 + int(match[2])
        end = int(match[3]) * 60 + int(match[4]) if match[3] else _DAY_MINUTES
        if end <= start or (spans and start < spans[-1][1]):
            raise ValueError(f"working hours {text!r} must end after they start, and after the span before them")
        spans.append((start, end))
    if not spans:
        raise ValueError("a working day needs at least one span of hours")
    return tuple(spans)
