"""Days, streams of chance and document numbers.

Belongs here: how a day is numbered, which days share a history file, how busy a day is, and the seeded random
stream of a day. Does not belong here: anything about a particular system. Days are proleptic ordinals
(``date.toordinal``); times are naive local times of Asia/Shanghai.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta

MAX_LAG_DAYS = 100
"""No event lies further than this after the day on which it was decided."""
NUMBERS_PER_DAY = 2700
"""Document numbers reserved for each day: 366 of them fit into six digits."""
RESERVED_NUMBER = 2600
"""From here on a day's numbers are for the disputes, the story and codes that do not exist."""
DAILY_DAYS = 14
"""The last days of the history that come as one file a day."""

_WEEKDAY_ORDERS = (1.22, 1.25, 1.18, 1.15, 1.2, 0.7, 0.3)


def stream(seed: int, name: str, day: int) -> random.Random:
    """The random stream of one subject on one day; the same on every machine and in every process."""
    return random.Random(f"trueloop/dongchen/{seed}/{name}/{day}")


def moment(day: int, second: int) -> datetime:
    """The local time ``second`` seconds after midnight of ``day``."""
    return datetime.fromordinal(day) + timedelta(seconds=second)


def number(day: int, sequence: int) -> str:
    """Ten digits: the year and a number that no other day of the year has."""
    if not 0 <= sequence < NUMBERS_PER_DAY:
        raise ValueError(f"{sequence} documents on one day: only {NUMBERS_PER_DAY} numbers a day; use a smaller scale")
    on = date.fromordinal(day)
    return f"{on.year}{on.timetuple().tm_yday * NUMBERS_PER_DAY + sequence:06d}"


def weekday(day: int) -> int:
    """0 for Monday."""
    return (day - 1) % 7


def order_pressure(day: int) -> float:
    """How busy the order desk is on a day; 1 on average over a year. Weekly and yearly waves."""
    return _WEEKDAY_ORDERS[weekday(day)] * (1.0 + 0.08 * math.sin(day * 2 * math.pi / 365.25))


def drift(day: int) -> float:
    """A slow wave in -1..1 with a period of about 14 months, for trends that the charts should show."""
    return math.sin(day * 2 * math.pi / 430.0)


def workdays_until(day: int) -> int:
    """Number of Mondays to Fridays since day 1, ``day`` included: a closed form, so that any day can be asked."""
    return (day // 7) * 5 + min(day % 7, 5)


def is_month_start(day: int) -> bool:
    """Whether a day is the first of its month."""
    return date.fromordinal(day).day == 1


def chunks(start: int, until: int, *, weekly: bool) -> Iterator[tuple[int, int]]:
    """The spans of days that share one file a table: months (or ISO weeks), then single days at the end."""
    first_daily = max(start, until - DAILY_DAYS + 1)
    day = start
    while day < first_daily:
        if weekly:
            last = day + 6 - weekday(day)
        else:
            on = date.fromordinal(day)
            following = date(on.year + on.month // 12, on.month % 12 + 1, 1)
            last = following.toordinal() - 1
        last = min(last, first_daily - 1)
        yield day, last
        day = last + 1
    while day <= until:
        yield day, day
        day += 1
