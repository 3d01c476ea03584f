"""Builds the working calendars that a pack declares; each is computed once a process.

Belongs here: from what `pack.toml` says to what the engine works with. Who has which calendar is `resources.calendars`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from resources.packs import PackError, SourcePack
from workflow_jobs.engine.work_week import DEFAULT_HOURS
from workflow_jobs.engine.working_time import WorkingCalendar


def build_calendars(pack: SourcePack) -> dict[str, WorkingCalendar]:
    """The pack's calendars by name, "default" among them. Raises PackError: which calendar, and what is wrong."""
    found: dict[str, WorkingCalendar] = {}
    for name, spec in pack.calendars.items():
        try:
            found[name] = _built(
                pack.calendar if spec.country is None else spec.country,
                spec.time_zone or pack.time_zone,
                spec.hours,
                None if spec.week is None else tuple(spec.week.items()),
                spec.days_off,
                spec.extra_working_days,
                spec.confirmed_through,
            )
        except ValueError as error:
            raise PackError(f"{pack.folder / 'pack.toml'}: calendars.{name}: {error}.") from error
    return found


def digest_of(calendars: Mapping[str, WorkingCalendar], assignments: Mapping[str, str]) -> str:
    """What clocks depend on: the answers of every calendar, and who follows which (person id to calendar)."""
    made = hashlib.sha256()
    for name, calendar in sorted(calendars.items()):
        made.update(f"{name} {calendar.digest}\n".encode())
    for person_id, name in sorted(assignments.items()):
        made.update(f"{person_id} {name}\n".encode())
    return "sha256:" + made.hexdigest()


@lru_cache(maxsize=100)
def _built(
    country: str,
    time_zone: str,
    hours: tuple[str, ...] | None,
    week: tuple[tuple[str, tuple[str, ...]], ...] | None,
    days_off: tuple[date, ...],
    extra_days: tuple[date, ...],
    confirmed_through: date | None,
) -> WorkingCalendar:
    return WorkingCalendar(
        country,
        time_zone=time_zone,
        week=None if week is None else dict(week),
        days_off=days_off,
        extra_days=extra_days,
        confirmed_through=confirmed_through,
        hours=DEFAULT_HOURS if hours is None else hours,
    )
