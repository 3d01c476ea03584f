"""Working time against an independent count of minutes, make-up days included, and its own laws."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_jobs.engine.working_time import OutsideCalendar, WorkingCalendar

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2024, 1, 1, tzinfo=SHANGHAI)
END = datetime(2027, 1, 1, tzinfo=SHANGHAI)

# From the yearly notices of the State Council's General Office; written down here by hand, apart from `holidays`.
DAYS_OFF = (
    ("2024-01-01", "2024-01-01"),
    ("2024-02-10", "2024-02-17"),
    ("2024-04-04", "2024-04-06"),
    ("2024-05-01", "2024-05-05"),
    ("2024-06-10", "2024-06-10"),
    ("2024-09-15", "2024-09-17"),
    ("2024-10-01", "2024-10-07"),
    ("2025-01-01", "2025-01-01"),
    ("2025-01-28", "2025-02-04"),
    ("2025-04-04", "2025-04-06"),
    ("2025-05-01", "2025-05-05"),
    ("2025-05-31", "2025-06-02"),
    ("2025-10-01", "2025-10-08"),
    ("2026-01-01", "2026-01-03"),
    ("2026-02-15", "2026-02-23"),
    ("2026-04-04", "2026-04-06"),
    ("2026-05-01", "2026-05-05"),
    ("2026-06-19", "2026-06-21"),
    ("2026-09-25", "2026-09-27"),
    ("2026-10-01", "2026-10-07"),
)
MAKE_UP = (
    *("2024-02-04", "2024-02-18", "2024-04-07", "2024-04-28", "2024-05-11", "2024-09-14", "2024-09-29", "2024-10-12"),
    *("2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11"),
    *("2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"),
)


@cache
def china() -> WorkingCalendar:
    return WorkingCalendar("CN", first_year=2023, last_year=2028)


def worked(day: date) -> bool:
    if day.isoformat() in MAKE_UP:
        return True
    return day.weekday() < 5 and not any(first <= day.isoformat() <= last for first, last in DAYS_OFF)


@cache
def minutes() -> bytes:
    """One byte for each minute from START to END: 1 while people work. Slow and simple on purpose."""
    table = bytearray()
    day = START.date()
    while day < END.date():
        open_today = worked(day)
        for minute in range(24 * 60):
            table.append(open_today and (540 <= minute < 720 or 810 <= minute < 1080))
        day += timedelta(days=1)
    return bytes(table)


def at(minute: int) -> datetime:
    return (START + timedelta(minutes=minute)).astimezone(UTC)


def test_every_day_of_three_years_is_known() -> None:
    day = START.date()
    while day < END.date():
        assert china().is_working_day(day) == worked(day), day
        day += timedelta(days=1)


def test_random_intervals_agree_with_counting_minutes(pytestconfig: pytest.Config) -> None:
    count = 10_000 if pytestconfig.getoption("--soak", default=False) else 300
    chance = random.Random(20260101)
    table = minutes()
    make_up = [int((datetime.fromisoformat(day + "T00:00+08:00") - START).total_seconds()) // 60 for day in MAKE_UP]
    for number in range(count):
        # Every third interval begins in the days before a make-up day, so that these are well covered.
        near = max(0, chance.choice(make_up) - chance.randrange(4 * 1440))
        first = near if number % 3 == 0 else chance.randrange(len(table))
        length = chance.choice((600, 5_000, 50_000, 1_600_000))
        last = min(len(table), first + chance.randrange(length))
        expected = table[first:last].count(1)
        assert china().working_between(at(first), at(last)) == timedelta(minutes=expected), (at(first), at(last))
        if expected:
            # The earliest minute at which the work is done: right after the last counted one.
            done = table.rindex(1, first, last) + 1
            assert china().add_working(at(first), timedelta(minutes=expected)) == at(done), (at(first), expected)
    print(f"{count} intervals")


instants = st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))
# Two of them, begun at the last instant, still end inside the calendar.
spans = st.timedeltas(timedelta(microseconds=1), timedelta(hours=1500))


@given(instants, spans)
@settings(max_examples=300, deadline=None)
def test_adding_and_measuring_are_inverse_to_the_microsecond(start: datetime, span: timedelta) -> None:
    end = china().add_working(start, span)
    assert china().working_between(start, end) == span
    assert china().working_between(start, end - timedelta(microseconds=1)) < span, "the earliest such instant"


@given(instants, instants, instants)
@settings(max_examples=200, deadline=None)
def test_intervals_add_up_and_turn_around(a: datetime, b: datetime, c: datetime) -> None:
    between = china().working_between
    assert between(a, b) + between(b, c) == between(a, c)
    assert between(a, b) == -between(b, a)


@given(instants, spans, spans)
@settings(max_examples=200, deadline=None)
def test_adding_in_two_steps_is_adding_at_once(start: datetime, one: timedelta, two: timedelta) -> None:
    add = china().add_working
    assert add(add(start, one), two) == add(start, one + two)


@given(instants)
@settings(max_examples=200, deadline=None)
def test_the_next_working_instant_is_worked_and_nothing_lies_before_it(instant: datetime) -> None:
    following = china().next_working(instant)
    assert china().working_between(instant, following) == timedelta(0)
    assert china().working_between(following, following + timedelta(seconds=1)) == timedelta(seconds=1)
    assert china().next_working(following) == following


@pytest.mark.parametrize("year", [2025, 2026])
def test_night_shifts_over_a_change_to_and_from_summer_time(year: int) -> None:
    zone = ZoneInfo("America/Los_Angeles")
    hours = ("00:00-06:00", "22:00-24:00")
    calendar = WorkingCalendar("US", hours=hours, time_zone=str(zone), first_year=year - 1, last_year=year + 1)
    start = datetime(year, 1, 1, tzinfo=UTC)
    table = bytearray()
    for minute in range(366 * 1440):
        local = (start + timedelta(minutes=minute)).astimezone(zone)
        table.append(calendar.is_working_day(local.date()) and (local.hour < 6 or local.hour >= 22))
    chance = random.Random(year)
    for _ in range(200):
        first, last = sorted(chance.sample(range(len(table)), 2))
        expected = timedelta(minutes=table.count(1, first, last))
        assert calendar.working_between(start + timedelta(minutes=first), start + timedelta(minutes=last)) == expected


def test_the_calendar_knows_to_which_date_it_can_be_relied_on() -> None:
    calendar = WorkingCalendar("CN")
    assert calendar.confirmed_through == date(2026, 12, 31)
    assert calendar.confirmed(datetime(2026, 12, 31, 15, 59, tzinfo=UTC))
    assert not calendar.confirmed(datetime(2026, 12, 31, 16, 0, tzinfo=UTC)), "midnight in Shanghai"
    assert WorkingCalendar("CN", confirmed_through=date(2025, 6, 30)).confirmed_through == date(2025, 6, 30)
    by_rules = WorkingCalendar("DE", time_zone="Europe/Berlin", last_year=2030)
    assert by_rules.confirmed_through == date(2030, 12, 31)


def test_what_cannot_be_answered_is_said() -> None:
    with pytest.raises(OutsideCalendar):
        china().working_between(datetime(2022, 12, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC))
    with pytest.raises(OutsideCalendar):
        china().add_working(datetime(2028, 12, 1, tzinfo=UTC), timedelta(hours=2000))
    with pytest.raises(ValueError, match="naive"):
        china().add_working(datetime(2026, 1, 1), timedelta(hours=1))
    with pytest.raises(ValueError, match="negative"):
        china().add_working(datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=-1))
    for hours in ((), ("9-12",), ("12:00-09:00",), ("09:00-12:00", "11:00-13:00"), ("09:00-25:00",)):
        with pytest.raises(ValueError):
            WorkingCalendar("CN", hours=hours)
    with pytest.raises(ValueError, match="'XX'"):
        WorkingCalendar("XX")
