"""Working time against an independent count of minutes, make-up days included, and its own laws."""

from __future__ import annotations

import random
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
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


def test_every_day_of_three_years_is_known() -> None:
    day = START.date()
    while day < END.date():
        assert china().is_working_day(day) == worked(day), day
        day += timedelta(days=1)


@dataclass
class Clockwork:
    """Working time the slow way: one byte for each `step` minutes from the start of `first` to the end of `last`, 1
    while people work. A shift runs from when the wall clock first shows its begin until it first shows its end.
    """

    zone: ZoneInfo
    first: date
    last: date
    shifts: Callable[[date], Sequence[tuple[str, str]]]
    step: int = 1
    table: bytes = b""

    def __post_init__(self) -> None:
        self.start = datetime.combine(self.first, time(0), tzinfo=self.zone).astimezone(UTC)
        end = datetime.combine(self.last + timedelta(days=1), time(0), tzinfo=self.zone)
        ahead = sorted(self._spans(), reverse=True)
        running: list[datetime] = []
        shown = datetime(1970, 1, 1)
        made = bytearray()
        for number in range(int((end - self.start) / timedelta(minutes=self.step))):
            wall = (self.start + timedelta(minutes=number * self.step)).astimezone(self.zone).replace(tzinfo=None)
            shown = max(shown, wall)
            while ahead and ahead[-1][0] <= shown:
                running.append(ahead.pop()[1])
            if running:
                running = [until for until in running if until > shown]
            made.append(bool(running))
        self.table = bytes(made)

    def _spans(self) -> Iterator[tuple[datetime, datetime]]:
        day = self.first - timedelta(days=1)
        while day <= self.last:
            for begin, end in self.shifts(day):
                over = end == "24:00" or end < begin
                closes = time(0) if end == "24:00" else time.fromisoformat(end)
                opens = datetime.combine(day, time.fromisoformat(begin))
                yield opens, datetime.combine(day + timedelta(days=over), closes)
            day += timedelta(days=1)

    def at(self, number: int) -> datetime:
        return self.start + timedelta(minutes=number * self.step)

    def number(self, day: str) -> int:
        begins = datetime.combine(date.fromisoformat(day), time(0), tzinfo=self.zone)
        return int((begins - self.start) / timedelta(minutes=self.step))

    def agree(self, calendar: WorkingCalendar, chance: random.Random, count: int, near: Sequence[str] = ()) -> None:
        """Compare `count` random intervals; every third begins in the days before one of `near`."""
        longest = (600, 5_000, 50_000, 1_600_000)
        for number in range(count):
            first = chance.randrange(len(self.table))
            if near and number % 3 == 0:
                first = max(0, self.number(chance.choice(near)) - chance.randrange(4 * 1440 // self.step))
            last = min(len(self.table), first + chance.randrange(max(2, chance.choice(longest) // self.step)))
            worked = self.table.count(1, first, last)
            expected = timedelta(minutes=worked * self.step)
            said = calendar.working_between(self.at(first), self.at(last))
            assert said == expected, (self.at(first), self.at(last))
            if worked:
                # The earliest instant at which the work is done: right after the last counted piece.
                done = self.table.rindex(1, first, last) + 1
                assert calendar.add_working(self.at(first), expected) == self.at(done), (self.at(first), expected)


def office(day: date) -> Sequence[tuple[str, str]]:
    return (("09:00", "12:00"), ("13:30", "18:00")) if worked(day) else ()


def test_random_intervals_agree_with_counting_minutes(pytestconfig: pytest.Config) -> None:
    count = 100_000 if pytestconfig.getoption("--soak", default=False) else 10_000
    slow = Clockwork(SHANGHAI, START.date(), date(2026, 12, 31), office)
    slow.agree(china(), random.Random(20260101), count, near=MAKE_UP)
    print(f"{count} intervals of 2024 to 2026, China")


# Public holidays written down by hand, apart from `holidays`: North Rhine-Westphalia, and the federal ones of the USA.
ABROAD = {
    "DE-NW": (
        *("2025-01-01", "2025-04-18", "2025-04-21", "2025-05-01", "2025-05-29", "2025-06-09", "2025-06-19"),
        *("2025-10-03", "2025-11-01", "2025-12-25", "2025-12-26", "2026-01-01", "2026-04-03", "2026-04-06"),
        *("2026-05-01", "2026-05-14", "2026-05-25", "2026-06-04", "2026-10-03", "2026-11-01", "2026-12-25"),
        "2026-12-26",
    ),
    "US": (
        *("2025-01-01", "2025-01-20", "2025-02-17", "2025-05-26", "2025-06-19", "2025-07-04", "2025-09-01"),
        *("2025-10-13", "2025-11-11", "2025-11-27", "2025-12-25", "2026-01-01", "2026-01-19", "2026-02-16"),
        *("2026-05-25", "2026-06-19", "2026-07-03", "2026-07-04", "2026-09-07", "2026-10-12", "2026-11-11"),
        *("2026-11-26", "2026-12-25"),
    ),
}


@pytest.mark.parametrize(("country", "zone"), [("DE-NW", "Europe/Berlin"), ("US", "America/Los_Angeles")])
def test_offices_of_other_countries_agree_with_counting_quarters(country: str, zone: str) -> None:
    def shifts(day: date) -> Sequence[tuple[str, str]]:
        return (("08:00", "16:45"),) if day.weekday() < 5 and day.isoformat() not in ABROAD[country] else ()

    calendar = WorkingCalendar(country, hours=["08:00-16:45"], time_zone=zone, first_year=2024, last_year=2027)
    slow = Clockwork(ZoneInfo(zone), date(2025, 1, 2), date(2026, 12, 31), shifts, step=15)
    slow.agree(calendar, random.Random(country), 1_000)


def test_a_plant_with_shifts_over_midnight_own_holidays_and_extra_days_agrees_with_counting_minutes() -> None:
    # The Saturday after Tomb Sweeping is in the notice; nothing but the weekend tells it from any other Saturday.
    off, extra = ("2025-04-05", "2025-08-11", "2025-08-12"), ("2025-06-29", "2025-11-02")

    def shifts(day: date) -> Sequence[tuple[str, str]]:
        text = day.isoformat()
        holiday = any(first <= text <= last for first, last in DAYS_OFF) and text not in MAKE_UP
        if text not in extra and (text in off or holiday or (day.weekday() == 6 and text not in MAKE_UP)):
            return ()
        if day.weekday() == 5:
            return (("08:00", "12:30"),)
        return (("06:00", "14:00"), ("14:30", "22:00"), ("22:15", "05:15"))

    calendar = WorkingCalendar(
        "CN",
        week={"mon-fri": ["06:00-14:00", "14:30-22:00", "22:15-05:15"], "sat": ["08:00-12:30"]},
        days_off=[date.fromisoformat(day) for day in off],
        extra_days=[date.fromisoformat(day) for day in extra],
        first_year=2024,
        last_year=2026,
    )
    assert calendar.day_length == timedelta(hours=22.5), "what most days of the week have"
    slow = Clockwork(SHANGHAI, date(2025, 1, 2), date(2025, 12, 31), shifts)
    slow.agree(calendar, random.Random(4), 1_000, near=(*off, *extra, *(day for day in MAKE_UP if day[:4] == "2025")))


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Australia/Lord_Howe", "America/Havana", "Africa/Cairo"])
@pytest.mark.parametrize(
    "hours",
    [
        ("22:00", "06:00"),
        ("00:00", "24:00"),
        ("01:30", "02:30"),
        ("02:30", "01:45"),
        ("00:00", "00:30"),
        ("23:30", "03:00"),
    ],
)
def test_shifts_over_a_change_to_and_from_summer_time(zone: str, hours: tuple[str, str]) -> None:
    week = {"mon-sun": ["-".join(hours)]}
    calendar = WorkingCalendar("", week=week, time_zone=zone, first_year=2024, last_year=2026)
    chance = random.Random(zone)
    for month in (3, 4, 10, 11):
        # The months in which one of these zones changes.
        slow = Clockwork(ZoneInfo(zone), date(2025, month, 1), date(2025, month, 28), lambda _day: [hours], step=15)
        slow.agree(calendar, chance, 40)


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


def test_a_night_shift_belongs_to_the_day_on_which_it_begins() -> None:
    plant = WorkingCalendar("CN", week={"mon-fri": ["14:00-22:00", "22:00-06:00"]}, first_year=2025, last_year=2027)
    friday, saturday = date(2026, 11, 20), date(2026, 11, 21)
    night = datetime(2026, 11, 21, 2, 0, tzinfo=SHANGHAI)
    assert plant.is_working_day(friday) and not plant.is_working_day(saturday)
    assert plant.working_between(night, night + timedelta(hours=1)) == timedelta(hours=1)
    assert (plant.work_date(night), plant.local_date(night)) == (friday, saturday)
    assert plant.work_date(night + timedelta(hours=4)) == date(2026, 11, 23), "the weekend's work date is Monday"
    assert china().work_date(night) == date(2026, 11, 23)


@given(instants)
@settings(max_examples=200, deadline=None)
def test_in_an_office_the_work_date_is_the_date_on_which_work_next_goes_on(instant: datetime) -> None:
    assert china().work_date(instant) == china().local_date(china().next_working(instant))


def test_the_digest_changes_with_the_answers_alone() -> None:
    def made(**given: Any) -> str:
        return WorkingCalendar("CN", first_year=2025, last_year=2027, **given).digest

    usual = made()
    assert made(week={"mon-fri": ["09:00-12:00", "13:30-18:00"]}) == usual
    assert made(days_off=[date(2026, 10, 1)]) == usual, "a public holiday anyway"
    others = [
        made(days_off=[date(2026, 11, 20)]),
        made(extra_days=[date(2026, 11, 21)]),
        made(hours=["09:00-17:00"]),
        made(confirmed_through=date(2027, 12, 31)),
        made(time_zone="Asia/Tokyo"),
    ]
    assert len({usual, *others}) == 6


def test_the_calendar_knows_to_which_date_it_can_be_relied_on() -> None:
    calendar = WorkingCalendar("CN")
    assert calendar.confirmed_through == date(2026, 12, 31)
    assert calendar.confirmed(datetime(2026, 12, 31, 15, 59, tzinfo=UTC))
    assert not calendar.confirmed(datetime(2026, 12, 31, 16, 0, tzinfo=UTC)), "midnight in Shanghai"
    assert WorkingCalendar("CN", confirmed_through=date(2025, 6, 30)).confirmed_through == date(2025, 6, 30)
    by_rules = WorkingCalendar("DE", time_zone="Europe/Berlin", last_year=2030)
    assert by_rules.confirmed_through == date(2030, 12, 31)
    by_the_moon = WorkingCalendar("AE", time_zone="Asia/Dubai", last_year=2040)
    assert date(2026, 12, 31) <= by_the_moon.confirmed_through < date(2040, 12, 31), "estimated holidays"
    assert WorkingCalendar("", last_year=2030).confirmed_through == date(2030, 12, 31)


def test_what_cannot_be_answered_is_said() -> None:
    with pytest.raises(OutsideCalendar):
        china().working_between(datetime(2022, 12, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC))
    with pytest.raises(OutsideCalendar):
        china().add_working(datetime(2028, 12, 1, tzinfo=UTC), timedelta(hours=2000))
    with pytest.raises(ValueError, match="naive"):
        china().add_working(datetime(2026, 1, 1), timedelta(hours=1))
    with pytest.raises(ValueError, match="negative"):
        china().add_working(datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=-1))
    for hours in ((), ("9-12",), ("12:00-12:00",), ("09:00-12:00", "11:00-13:00"), ("22:00-06:00", "23:00-24:00")):
        with pytest.raises(ValueError):
            WorkingCalendar("CN", hours=hours)
    for country in ("XX", "DE-XX"):
        with pytest.raises(ValueError, match=f"'{country}'"):
            WorkingCalendar(country)
    with pytest.raises(ValueError, match="Asia/Nowhere"):
        WorkingCalendar("CN", time_zone="Asia/Nowhere")
    with pytest.raises(ValueError, match="2026-11-20 is listed both"):
        WorkingCalendar("CN", days_off=[date(2026, 11, 20)], extra_days=[date(2026, 11, 20)])


@pytest.mark.parametrize(
    ("week", "sentence"),
    [
        ({}, "at least one day"),
        ({"mon-fri": []}, "at least one span"),
        ({"monday": ["09:00-12:00"]}, "names no weekdays"),
        ({"sun-mon": ["09:00-12:00"]}, "runs backwards"),
        ({"mon-fri": ["09:00-12:00"], "fri": ["09:00-11:00"]}, "fri has hours twice"),
        ({"sun": ["22:00-09:30"], "mon": ["09:00-12:00"]}, "the last shift of sun runs into the first of mon"),
    ],
)
def test_a_week_that_cannot_be_is_refused(week: dict[str, list[str]], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        WorkingCalendar("CN", week=week)


@pytest.mark.filterwarnings("ignore:something else")
def test_what_another_thread_warns_of_makes_no_year_uncertain() -> None:
    enough = threading.Event()

    def warn() -> None:
        while not enough.is_set():
            warnings.warn("something else", stacklevel=1)

    other = threading.Thread(target=warn)
    other.start()
    try:
        assert WorkingCalendar("CN", last_year=2030).confirmed_through == date(2026, 12, 31)
    finally:
        enough.set()
        other.join()
