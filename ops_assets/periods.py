"""Calendar periods of figures: days, weeks (from Monday) and months, whole ones before a day, and how they are written.

Pure date arithmetic on local calendar days; no time zone and no SQL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Grain = Literal["day", "week", "month"]
_MONTH = re.compile(r"^\d{4}-\d{2}$")


class PeriodError(ValueError):
    """A text that is no period; the sentence says how to write one."""


def following_month(month: date) -> date:
    """The first day of the month after the one that begins on ``month``."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Local days from ``first`` to ``last``, both included."""

    first: date
    last: date

    @property
    def label(self) -> str:
        """A month as 2026-10, a week from Monday as 2026-W43, else the days."""
        if self.first.day == 1 and self.last == month_of(self.first).last:
            return f"{self.first:%Y-%m}"
        if self.first.weekday() == 0 and (self.last - self.first).days == 6:
            return f"{self.first:%G-W%V}"
        return self.first.isoformat() if self.first == self.last else f"{self.first}..{self.last}"

    def moved(self, days: int) -> Period:
        return Period(self.first + timedelta(days=days), self.last + timedelta(days=days))


def month_of(day: date) -> Period:
    first = day.replace(day=1)
    return Period(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))


def period_of(grain: Grain, day: date) -> Period:
    """The period of ``grain`` in which ``day`` lies."""
    if grain == "month":
        return month_of(day)
    first = day - timedelta(days=day.weekday() if grain == "week" else 0)
    return Period(first, first + timedelta(days=6 if grain == "week" else 0))


def before(grain: Grain, period: Period) -> Period:
    """The period of ``grain`` just before."""
    return period_of(grain, period.first - timedelta(days=1))


def last_whole(grain: Grain, as_of: date) -> Period:
    """The newest period that is over on ``as_of``. The day itself may still be running, so it ends none."""
    return before(grain, period_of(grain, as_of))


def year_before(month: Period) -> Period:
    """The same month of the year before."""
    return month_of(month.first.replace(year=month.first.year - 1))


def window(as_of: date, days: int) -> Period:
    """The ``days`` days up to ``as_of``."""
    return Period(as_of - timedelta(days=days - 1), as_of)


def parse_period(text: str) -> Period:
    """A period as people write it: a month (2026-10), a day (2026-10-05), or days (2026-10-01..2026-10-15).

    Raises PeriodError.
    """
    try:
        if _MONTH.match(text):
            return month_of(date.fromisoformat(f"{text}-01"))
        first, _, last = text.partition("..")
        period = Period(date.fromisoformat(first), date.fromisoformat(last or first))
    except ValueError:
        raise PeriodError(
            f"{text!r} is no period; write a month (2026-10), a day (2026-10-05) or days (2026-10-01..2026-10-15)."
        ) from None
    if period.last < period.first:
        raise PeriodError(f"{text!r} ends before it begins.")
    return period
