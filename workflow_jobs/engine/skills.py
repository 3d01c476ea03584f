"""What skills a task takes, and who may claim it because of them while nobody has it.

Belongs here: claims. Whom the engine itself asks is `assignment`, which goes by the same: those who are there and have
the skills come first, and where nobody there has them, the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import chain

from workflow_jobs.engine.environment import PeopleView
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.separation import excluded
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import HumanStep, Template


def skills_wanted(template: Template, task: TaskState) -> frozenset[str]:
    """What whoever has this task should be able to do."""
    step = layout_of(template).places[task.step_id].node
    return frozenset(step.skills) if isinstance(step, HumanStep) and task.purpose == "decide" else frozenset()


def skills_lacking(
    template: Template,
    state: CaseState,
    task: TaskState,
    people: PeopleView,
    away: Callable[[str], bool],
    person_id: str,
    also: Collection[str] = (),
) -> frozenset[str]:
    """The skills for want of which this person may not claim the task; empty where he may, as far as skills go.

    He may without them where nobody who could claim it has them and is there: a holder of its roles, or one of `also`
    in the place of such a one. Who gave the task back is left out.
    """
    wanted = skills_wanted(template, task)
    lacking = wanted - people.skills_of(person_id)
    if not lacking:
        return lacking
    kept = excluded(template, state, task) | {task.assigned_by}
    holders = (one for role in (task.role, task.accountable) for one in people.candidates(role))
    others = chain(holders, also)
    able = any(wanted <= people.skills_of(one) and one not in kept and not away(one) for one in others)
    return lacking if able else frozenset()
