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


@dataclass(frozen=True, slots=True)
class Environment:
    """`loads` is each person's open weighted work (see assignment.task_weight) over all cases; absent means none."""

    template: Template
    calendar: WorkingCalendar
    directory: PeopleView
    loads: Mapping[str, float] = field(default_factory=dict)
