"""The working calendars that a pack declares, and which department, plant or country has which.

Belongs here: what ``pack.toml`` may say about calendars, and the rule of who has which. What a calendar answers is the
process engine's (``workflow_jobs.calendars`` builds it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from pydantic import BaseModel, ConfigDict, Field, model_validator

from resources.departments import Department

DEFAULT = "default"


class CalendarSpec(BaseModel):
    """One ``[calendars.<name>]`` table of ``pack.toml``.

    ``country`` and ``time_zone`` are the pack's where they are left out; ``country = ""`` is a calendar without public
    holidays. ``week`` maps weekdays to shifts (``"mon-fri" = ["06:00-14:00", "22:00-06:00"]``), ``hours`` are those of
    every working day of the country. ``departments`` (ids, their sub-departments included), ``plants`` and
    ``countries`` say who follows it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    country: str | None = None
    time_zone: str | None = None
    hours: tuple[str, ...] | None = None
    week: Mapping[str, tuple[str, ...]] | None = None
    days_off: tuple[date, ...] = ()
    extra_working_days: tuple[date, ...] = ()
    confirmed_through: date | None = None
    departments: tuple[str, ...] = Field(default=())
    plants: tuple[str, ...] = Field(default=())
    countries: tuple[str, ...] = Field(default=())

    @model_validator(mode="after")
    def _one_way_to_say_hours(self) -> CalendarSpec:
        if self.hours is not None and self.week is not None:
            raise ValueError("write either `hours` or `week`, not both")
        return self


def check_calendars(calendars: Mapping[str, CalendarSpec]) -> None:
    """Raise ValueError where two calendars claim the same department, plant or country."""
    owner: dict[tuple[str, str], str] = {}
    for name, spec in calendars.items():
        claimed = [("department", one) for one in spec.departments]
        claimed += [("plant", one) for one in spec.plants]
        claimed += [("country", one) for one in spec.countries]
        for kind, one in claimed:
            other = owner.setdefault((kind, one), name)
            if other != name:
                raise ValueError(f"{kind} {one!r} is in the calendars {other!r} and {name!r}; leave it in one")


def calendar_of(calendars: Mapping[str, CalendarSpec], chain: Sequence[Department]) -> str | None:
    """Name of the calendar of a department, given with those above it, its own first; None where none is stated.

    The nearest department that a calendar names wins, then the plant, then the country.
    """
    for department in chain:
        for name, spec in calendars.items():
            if department.department_id in spec.departments:
                return name
    for kind in ("plant", "country"):
        for department in chain:
            value = getattr(department, kind)
            for name, spec in calendars.items():
                if value and value in (spec.plants if kind == "plant" else spec.countries):
                    return name
    return None
