"""Who may claim a task in the place of a holder of its role who is away: whom he named, or that one's substitute.

Belongs here: this question, for the command and for who is told of it. Whom the engine itself asks in somebody's place
is `assignment`, which goes the same bounded way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from workflow_jobs.engine import assignment
from workflow_jobs.engine.environment import PeopleView
from workflow_jobs.engine.separation import excluded
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Template


def stand_ins(
    template: Template,
    state: CaseState,
    task: TaskState,
    people: PeopleView,
    work_day: Callable[[str], date],
    away: Callable[[str], bool],
) -> Mapping[str, str]:
    """Who stands in for an absent holder of the task's role today, by his id: whose place he takes.

    Nobody who is kept from the task (see `separation`), and nobody in the place of such a one. In a tiered step nobody:
    who holds none of the tier's roles must not decide there.
    """
    if task.tier is not None:
        return {}
    kept = excluded(template, state, task)
    staff = assignment.Staff(
        work_day=work_day,
        away=away,
        manager_of=people.manager_of,
        substitutes_of=lambda person: people.substitutes_on(person, work_day(person)),
        exclude=kept,
    )
    return assignment.stand_ins(set(people.candidates(task.role)) - kept, staff)
