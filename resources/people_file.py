"""``people.toml``: what HR systems rarely keep about people and departments.

Capacity, skills, substitutes, a calendar of one's own; a department's plant and channel, and its parent and manager
where reporting lines do not give them. People are named by id, login or e-mail address.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class PeopleFileError(ValueError):
    """A people file that cannot be used; the sentence says which entry and how to mend it."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class SubstituteEntry(_Part):
    """Whom a person named for when he is away, between two local dates, both inclusive."""

    person: str
    starts_on: date = Field(default=date.min, alias="from")
    ends_on: date = Field(default=date.max, alias="to")

    @model_validator(mode="after")
    def _forwards(self) -> SubstituteEntry:
        if self.ends_on < self.starts_on:
            raise ValueError(f"`to` ({self.ends_on}) is before `from` ({self.starts_on})")
        return self


class PersonEntry(_Part):
    """``capacity`` is the most open work, in weights of tasks (a normal one is 1), that a person should have."""

    capacity: float | None = Field(None, gt=0)
    skills: tuple[str, ...] = ()
    calendar: str = ""
    substitutes: tuple[SubstituteEntry, ...] = ()


class DepartmentEntry(_Part):
    """What is stated here wins over what the reporting lines give."""

    parent: str | None = None
    manager: str | None = None
    plant: str = ""
    channel: str = ""


class PeopleFile(_Part):
    """The whole file. ``capacity`` is everybody's who has none of his own."""

    capacity: float | None = Field(None, gt=0)
    people: dict[str, PersonEntry] = Field(default_factory=dict)
    departments: dict[str, DepartmentEntry] = Field(default_factory=dict)


def read_people_file(path: Path, calendars: Collection[str]) -> PeopleFile:
    """Read the file; ``calendars`` are the names that the pack knows. Raises PeopleFileError, OSError."""
    try:
        read = PeopleFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PeopleFileError(f"{path}: not valid TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PeopleFileError(f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}.") from error
    for person, entry in read.people.items():
        if entry.calendar and entry.calendar not in calendars:
            known = ", ".join(sorted(calendars))
            raise PeopleFileError(f"{path}: people.{person}.calendar: {entry.calendar!r} is none of {known}.")
    return read
