"""Public holidays and make-up working days of a country, and until when they are known for certain.

The `holidays` package knows them. It says nothing where it does not know: it gives no make-up days for years whose
notice is not published yet, and estimates what hangs on sightings of the moon. Hence `confirmed_through`. It lists no
Saturday within a week of holidays, since that is off anyway; for those who work on Saturdays it is added here.
"""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import holidays

# What is warned of is caught for the whole process: two threads at once would take each other's place.
_CATCHING: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class PublicDays:
    """`off` are public holidays, `make_up` days of a weekend on which people work, `weekend` weekdays (Monday is 0).

    `confirmed_through` is the last date up to which all of this is known for certain.
    """

    off: frozenset[date]
    make_up: frozenset[date]
    weekend: frozenset[int]
    confirmed_through: date


def public_days(country: str, first_year: int, last_year: int) -> PublicDays:
    """The days of the years asked for, of an ISO code ("CN"), of one with its subdivision ("DE-BY"), or of none ("").

    Raises ValueError for a country or subdivision that is not known.
    """
    end = date(last_year, 12, 31)
    if not country:
        return PublicDays(frozenset(), frozenset(), frozenset((5, 6)), end)
    code, _, part = country.partition("-")
    off: set[date] = set()
    make_up: set[date] = set()
    weekend: set[int] = {5, 6}
    confirmed = end
    for year in range(first_year, last_year + 1):
        # Some countries are known for a few years only, and say so in a warning.
        with _CATCHING, warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                known = holidays.country_holidays(code, subdiv=part or None, years=year, language="en_US")
            except NotImplementedError as error:
                raise ValueError(f"no holidays are known for the country {country!r}") from error
        weekend = set(known.weekend)
        off |= {day for day in known if day.year == year}
        make_up |= {day for day in known.weekend_workdays if day.year == year}
        # Another thread may warn of something else meanwhile: that once made a year that is certain look uncertain.
        unsure = any("holiday" in str(one.message).casefold() for one in said)
        if unsure or any("estimated" in name for name in known.values()):
            confirmed = min(confirmed, date(year - 1, 12, 31))
    if make_up:
        confirmed = min(confirmed, date(max(day.year for day in make_up), 12, 31))
    off |= _enclosed(off, make_up, weekend)
    return PublicDays(frozenset(off), frozenset(make_up), frozenset(weekend), confirmed)


def _enclosed(off: set[date], make_up: set[date], weekend: set[int]) -> set[date]:
    """Weekends within a run of holidays: after a holiday, and before another or a make-up day; or the other way."""
    found: set[date] = set()
    for holiday in off:
        for step in (timedelta(days=1), timedelta(days=-1)):
            day = holiday + step
            run: set[date] = set()
            while day.weekday() in weekend and day not in off and day not in make_up:
                run.add(day)
                day += step
            if day in off or day in make_up:
                found |= run
    return found
