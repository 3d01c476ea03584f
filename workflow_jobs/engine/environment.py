"""What a decision may look at besides the case: template, calendar, people, their load. Handed in by the caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from workflow_jobs.engine.template import Template
from workflow_jobs.engine.working_time import WorkingCalendar


class PeopleView(Protocol):
    """The people directory as the engine needs it. Dates are local dates of the working calendar."""

    def __contains__(self, person_id: object) -> bool:
        """Whether the directory knows the person."""
        ...

    def candidates(self, role: str) -> tuple[str, ...]:
        """Ids of all who hold the role; empty for a role that nobody holds."""
        ...

    def manager_of(self, person_id: str) -> str | None:
        """Id of the person's manager, None at the top or for an unknown id."""
        ...

    def absent_on(self, person_id: str, day: date) -> bool:
        """Whether the person is away that day."""
        ...

    def name(self, person_id: str) -> str:
        """What people call the person; the id where no name is known."""
        ...

    def substitutes_on(self, person_id: str, day: date) -> tuple[str, ...]:
        """Whom the person named to stand in for him that day, in his order."""
        ...

    def capacity_of(self, person_id: str) -> float | None:
        """The most open weighted work that the person should have; None: no limit is known."""
        ...

    def skills_of(self, person_id: str) -> frozenset[str]:
        """What the person is able to do, as steps name it."""
        ...

    def channel_of(self, person_id: str) -> str | None:
        """Name of the channel of the person's department; None where it has none of its own."""
        ...

    def calendar_of(self, person_id: str) -> str | None:
        """Name of the person's working calendar; None where no own one is stated."""
        ...


@dataclass(frozen=True, slots=True)
class Environment:
    """`loads` is each person's open weighted work (see assignment.task_weight) over all cases; absent means none. It is
    looked at only where somebody is to be chosen.

    `calendar` is the default one, `calendars` those that have a name.
    """

    template: Template
    calendar: WorkingCalendar
    directory: PeopleView
    loads: Mapping[str, float] = field(default_factory=dict)
    calendars: Mapping[str, WorkingCalendar] = field(default_factory=dict)

    def calendar_named(self, name: str) -> WorkingCalendar:
        """The calendar of that name; the default one where there is none (any more)."""
        return self.calendars.get(name, self.calendar)

    def calendar_name(self, person_id: str | None = None) -> str:
        """Name of the calendar by which the person works; the template's where he has none of his own."""
        own = self.directory.calendar_of(person_id) if person_id is not None else None
        if own is not None and own in self.calendars:
            return own
        return self.template.calendar if self.template.calendar in self.calendars else "default"
