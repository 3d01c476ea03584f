"""``people.toml``: what HR systems rarely keep about people and departments.

Capacity, skills, substitutes, a calendar and a language of one's own; a department's plant, channel and language, and
its parent and manager where reporting lines do not give them. People are named by id, login or e-mail address.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from resources.toml_lines import line_of

Language = Literal["en", "zh"]


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
    """``capacity`` is the most open work, in weights of tasks (a normal one is 1), that a person should have;
    ``language`` is that in which he reads, None: his department's.
    """

    capacity: float | None = Field(None, gt=0)
    skills: tuple[str, ...] = ()
    calendar: str = ""
    language: Language | None = None
    substitutes: tuple[SubstituteEntry, ...] = ()


class DepartmentEntry(_Part):
    """What is stated here wins over what the reporting lines give. ``language`` is that of its people and of
    those under it; None: that of the department above.
    """

    parent: str | None = None
    manager: str | None = None
    plant: str = ""
    channel: str = ""
    language: Language | None = None


class PeopleFile(_Part):
    """The whole file. ``capacity`` is everybody's who has none of his own."""

    capacity: float | None = Field(None, gt=0)
    people: dict[str, PersonEntry] = Field(default_factory=dict)
    departments: dict[str, DepartmentEntry] = Field(default_factory=dict)


def read_people_file(path: Path, calendars: Collection[str]) -> PeopleFile:
    """Read the file; ``calendars`` are the names that the pack knows. Raises PeopleFileError, OSError."""
    try:
        text = path.read_text(encoding="utf-8")
        stated = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PeopleFileError(f"{path}: not valid TOML: {error}.") from error

    def wrong(where: tuple[str | int, ...], what: str) -> PeopleFileError:
        named = ".".join(str(part) for part in where)
        return PeopleFileError(f"{path}: line {line_of(text, where)}: {named}: {what}.")

    try:
        read = PeopleFile.model_validate(stated)
    except ValidationError as error:
        first = error.errors()[0]
        raise wrong(first["loc"], first["msg"].removeprefix("Value error, ")) from error
    for person, entry in read.people.items():
        if entry.calendar and entry.calendar not in calendars:
            known = ", ".join(sorted(calendars))
            raise wrong(("people", person, "calendar"), f"{entry.calendar!r} is none of {known}")
    return read
