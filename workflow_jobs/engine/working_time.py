"""Working time: instants in, instants out, by one calendar of working days and shifts.

Prefix sums over days make every question a binary search, so that a due date years away costs what one hour costs.
Nothing here reads a clock. Which days are off comes from `public_days`, which hours are worked from `work_week`; a
calendar knows to which date it can be relied on, and `confirmed` says it of an instant. Behind its last year, where it
knows no days, every 24 hours count as one day of work: a clock that reaches so far has a due time, though none that is
confirmed.

A shift belongs to the day on which it begins, so Friday's night shift ends on Saturday and is worked although Saturday
is off. A local time that occurs twice, when summer time ends, means its first occurrence; one that does not occur means
the instant at which the clocks jump.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import accumulate
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from workflow_jobs.engine.public_days import public_days
from workflow_jobs.engine.work_week import DAY_MINUTES, DEFAULT_HOURS, Spans, length, read_hours, read_week, usual_day

FIRST_YEAR: Final = 2020
LAST_YEAR: Final = 2040
_REMEMBERED_DAYS: Final = 1000
_MINUTE: Final = 60_000_000
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)
# Far enough for everybody, and every time zone can still show it.
FARTHEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class OutsideCalendar(ValueError):
    """The instant lies outside the years that the calendar was built for, and what is asked takes its days."""


class WorkingCalendar:
    """Working days and shifts of one country, department or plant. Immutable and safe to share between threads.

    `country` is an ISO code ("CN", "DE-BY") whose public holidays and make-up days count, or "" for none. `week` maps
    weekdays to shifts ("mon-fri": ["06:00-14:00", "22:00-06:00"]); without it every working day of the country has
    `hours`. `days_off` and `extra_days` are the company's own holidays and working days, and win over all else; on an
    extra or make-up day whose weekday has no shifts of its own the week's usual ones are worked. `time_zone` is where
    hours are read. `confirmed_through` is the last date known for certain: None takes what is published (see
    `public_days`). Raises ValueError for a country, hours or zone that cannot be used.
    """

    def __init__(
        self,
        country: str = "CN",
        *,
        hours: Sequence[str] = DEFAULT_HOURS,
        week: Mapping[str, Sequence[str]] | None = None,
        time_zone: str = "Asia/Shanghai",
        days_off: Collection[date] = (),
        extra_days: Collection[date] = (),
        confirmed_through: date | None = None,
        first_year: int = FIRST_YEAR,
        last_year: int = LAST_YEAR,
    ) -> None:
        self.country = country
        try:
            self.time_zone = ZoneInfo(time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"unknown time zone {time_zone!r}: use a name such as Asia/Shanghai") from error
        self._first = date(first_year, 1, 1)
        self._last = date(last_year, 12, 31)
        both = sorted(set(days_off) & set(extra_days))
        if both:
            raise ValueError(f"{both[0]} is listed both as a day off and as an extra working day")
        known = public_days(country, first_year, last_year)
        shifts = {day: read_hours(hours) for day in range(7) if day not in known.weekend} if week is None else {}
        self._week: Mapping[int, Spans] = shifts if week is None else read_week(week)
        self._usual = usual_day(self._week)
        self.day_length = timedelta(minutes=length(self._usual))
        self.confirmed_through = known.confirmed_through if confirmed_through is None else confirmed_through
        works = (known.make_up | frozenset(extra_days)) - frozenset(days_off)
        rests = (known.off | frozenset(days_off)) - works
        count = (self._last - self._first).days + 1
        days = tuple(self._first + timedelta(days=number) for number in range(count))
        self._works = tuple(day in works or (day.weekday() in self._week and day not in rests) for day in days)
        # _midnights[n]: local midnight before day n, as microseconds since the epoch.
        self._midnights = array("q", (self._at(day, 0) for day in (*days, self._last + timedelta(days=1))))
        self._known_spans: dict[int, Spans] = {}
        # _before[n]: working microseconds before local midnight of day n.
        totals = (sum(closes - opens for opens, closes in self._read_day(index)) for index in range(count))
        self._before = array("q", accumulate(totals, initial=0))

    @cached_property
    def digest(self) -> str:
        """What the calendar amounts to, as text: equal for equal answers. A newer list of holidays changes it too."""
        told = f"{self.time_zone.key} {self._first} {sorted(self._week.items())} {self.confirmed_through}"
        made = hashlib.sha256(told.encode())
        for part in (bytes(self._works), self._midnights.tobytes(), self._before.tobytes()):
            made.update(part)
        return "sha256:" + made.hexdigest()

    def is_working_day(self, day: date) -> bool:
        """Whether a shift begins on the local date."""
        return self._works[self._index(day)]

    def local_date(self, instant: datetime) -> date:
        """The calendar's local date at an aware instant."""
        return _aware(instant).astimezone(self.time_zone).date()

    def work_date(self, instant: datetime) -> date:
        """The day whose shift runs at the instant, or begins next: whose absences matter.

        At two in the morning of Friday's night shift it is Friday. Behind the last year it is the day of the instant.
        Raises OutsideCalendar before the first year.
        """
        try:
            begins = self.next_working(instant)
        except OutsideCalendar:
            if self.local_date(instant) < self._first:
                raise
            return self.local_date(instant)
        day = self.local_date(begins)
        index = self._index(day)
        if index and self._works[index - 1]:
            end = self._shifts(index - 1)[-1][1]
            if end > DAY_MINUTES and (begins - _EPOCH) // _MICROSECOND < self._at(day, end - DAY_MINUTES):
                return day - timedelta(days=1)
        return day

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

    def due_after(self, start: datetime, duration: timedelta) -> datetime:
        """As `add_working`, and where that ends behind the last year, by clock time from there on.

        Never later than `FARTHEST`. Raises OutsideCalendar before the first year.
        """
        try:
            return self.add_working(start, duration)
        except OutsideCalendar:
            begin = max(start, _EPOCH + self._midnights[-1] * _MICROSECOND)
            days = (duration - self.working_between(start, begin)) / self.day_length
            # Compared as numbers: an instant of such a year may be none.
            return FARTHEST if days > (FARTHEST - begin).days else (begin + timedelta(days=days)).astimezone(UTC)

    def working_between(self, start: datetime, end: datetime) -> timedelta:
        """Working time from `start` to `end`; negative if `end` is earlier. Behind the last year 24 hours of clock time
        count as one working day. Raises OutsideCalendar before the first year.
        """
        return (self._position(end) - self._position(start)) * _MICROSECOND

    def next_working(self, instant: datetime) -> datetime:
        """The instant itself (UTC) during working hours, else when they next begin. Raises OutsideCalendar."""
        return self.add_working(instant, _MICROSECOND) - _MICROSECOND

    def _position(self, instant: datetime) -> int:
        """Working microseconds from the calendar's first day to the instant."""
        now = (_aware(instant) - _EPOCH) // _MICROSECOND
        if now >= self._midnights[-1]:
            return self._before[-1] + int((now - self._midnights[-1]) * (self.day_length / _DAY))
        index = self._index(self.local_date(instant))
        within = sum(max(0, min(now, closes) - opens) for opens, closes in self._instants(index))
        return self._before[index] + within

    def _index(self, day: date) -> int:
        index = (day - self._first).days
        if not 0 <= index < len(self._works):
            raise OutsideCalendar(f"{day} is outside the calendar, which covers {self._first} to {self._last}")
        return index

    def _shifts(self, index: int) -> Spans:
        return self._week.get((self._first + timedelta(days=index)).weekday(), self._usual)

    def _instants(self, index: int) -> Spans:
        """What is worked between two midnights, as microseconds since the epoch. Days in use are remembered."""
        known = self._known_spans.get(index)
        if known is None:
            known = self._read_day(index)
            if len(self._known_spans) >= _REMEMBERED_DAYS:
                self._known_spans = {}
            self._known_spans[index] = known
        return known

    def _read_day(self, index: int) -> Spans:
        """The day's shifts up to midnight, after what the shift over the midnight before still takes of the day."""
        spans: list[tuple[int, int]] = []
        if index and self._works[index - 1]:
            over = self._shifts(index - 1)[-1][1] - DAY_MINUTES
            if over > 0:
                spans.append((0, over))
        if self._works[index]:
            for start, end in self._shifts(index):
                # A make-up day may begin while the shift before it still runs.
                begin = max(start, spans[-1][1]) if spans else start
                if begin < min(end, DAY_MINUTES):
                    spans.append((begin, min(end, DAY_MINUTES)))
        midnight, following = self._midnights[index], self._midnights[index + 1]
        if following - midnight == DAY_MINUTES * _MINUTE:
            return tuple((midnight + start * _MINUTE, midnight + end * _MINUTE) for start, end in spans)
        # Asked of the zone, because a span over a change to summer time is an hour shorter or longer.
        day = self._first + timedelta(days=index)
        return tuple((self._at(day, start), self._at(day, end)) for start, end in spans)

    def _at(self, day: date, minute: int) -> int:
        """The first instant at which the local clock shows the minute of the day or a later one."""
        moved = day + timedelta(days=minute // DAY_MINUTES)
        hour, rest = divmod(minute % DAY_MINUTES, 60)
        wall = datetime(moved.year, moved.month, moved.day, hour, rest)  # noqa: DTZ001 - a wall clock's reading
        late = (wall.replace(tzinfo=self.time_zone) - _EPOCH) // _MICROSECOND
        early = (wall.replace(tzinfo=self.time_zone, fold=1) - _EPOCH) // _MICROSECOND
        if late <= early:
            return late
        # The clocks jump over this time, somewhere between the two readings of it.
        while late - early > 1:
            middle = (early + late) // 2
            shown = (_EPOCH + middle * _MICROSECOND).astimezone(self.time_zone).replace(tzinfo=None)
            early, late = (early, middle) if shown >= wall else (middle, late)
        return late


def _aware(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise ValueError(f"{instant!r} is a naive time: give an aware instant")
    return instant
