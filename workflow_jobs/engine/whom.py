"""Who is meant: roles of a step in this case, the person whom presence and load choose, the target of a rung.

Belongs here: questions about people that change nothing. The choice among candidates itself is `assignment`.
"""

from __future__ import annotations

from datetime import date

from workflow_jobs.engine import assignment
from workflow_jobs.engine.conditions import ConditionError, case_variables, compile_condition
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.parts import Raci, RoleRef, Tier
from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.template import HumanStep, Step


def person_for(flow: Flow, to: str, task: TaskState | None) -> str | None:
    """Who a rung's target is today: somebody present where possible."""
    day = working_day(flow)
    if to == "requester":
        return flow.state.requested_by
    if to in ("assignee", "manager") and task is not None and task.assignee is not None:
        if to == "assignee":
            return task.assignee
        above = assignment.choose_substitute(
            (task.assignee,), day, {}, flow.env.directory.absent_on, flow.env.directory.manager_of
        )
        return above.person_id if above else flow.env.directory.manager_of(task.assignee)
    if to == "owner":
        role = flow.env.template.owner_role
    elif to.startswith("role:"):
        role = to.removeprefix("role:")
    else:  # accountable; also the assignee and his manager while nobody is assigned
        role = _answerable(flow, task)
    choice = _choice(flow, [role], exclude=())
    return choice.person_id if choice else None


def may_decide(flow: Flow, task: TaskState, person_id: str) -> bool:
    """Whether the person is the assignee or holds a role of the task. Whose request it is is asked elsewhere."""
    holders = flow.env.directory.candidates
    return person_id == task.assignee or any(person_id in holders(r) for r in (task.role, task.accountable))


def _answerable(flow: Flow, task: TaskState | None) -> str:
    if task is None:
        return flow.env.template.owner_role
    step = flow.layout.places[task.step_id].node
    if task.tier is None or not isinstance(step, HumanStep):
        return task.accountable
    return step.tiers[task.tier].accountable or _named(flow, step.raci.accountable)


def tier_of(flow: Flow, step: Step) -> tuple[int | None, str]:
    """Index of the first tier that holds. A condition without an answer leads to the default tier, and is said."""
    if not isinstance(step, HumanStep) or not step.tiers:
        return None, ""
    variables = case_variables(flow.env.template, flow.state)
    try:
        for index, tier in enumerate(step.tiers):
            if tier.when is None or compile_condition(tier.when).holds(variables):
                return index, f"tier {index + 1}: {tier.when or 'default'}"
    except ConditionError as error:
        return len(step.tiers) - 1, f"default tier, because {error}"
    return len(step.tiers) - 1, "default tier"


def roles_of(flow: Flow, step: Step, tier: int | None) -> tuple[str, str]:
    """(responsible, accountable). In a tiered step only the tier's own roles count: no approval below its tier."""
    if tier is not None and isinstance(step, HumanStep):
        chosen: Tier = step.tiers[tier]
        return chosen.responsible, chosen.accountable or chosen.responsible
    raci: Raci = step.raci
    accountable = _named(flow, raci.accountable)
    return (_named(flow, raci.responsible) if raci.responsible else accountable), accountable


def _named(flow: Flow, role: RoleRef) -> str:
    if isinstance(role, str):
        return role
    named = flow.state.data.get(role.input)
    return named if isinstance(named, str) and flow.env.directory.candidates(named) else role.default


def choice_for(flow: Flow, role: str, accountable: str, *, tiered: bool) -> assignment.Choice | None:
    roles = [role, accountable] if tiered else [role, accountable, flow.env.template.owner_role]
    requester = flow.state.requested_by
    return _choice(flow, roles, exclude=() if requester is None else (requester,))


def _choice(flow: Flow, roles: list[str], exclude: tuple[str, ...]) -> assignment.Choice | None:
    people = flow.env.directory
    groups = [(role, people.candidates(role)) for role in dict.fromkeys(roles)]
    return assignment.assign(groups, working_day(flow), flow.loads, people.absent_on, people.manager_of, exclude)


def working_day(flow: Flow) -> date:
    """The day on which work next goes on: on a Friday night it is Monday's absences that matter."""
    return flow.env.calendar.local_date(flow.env.calendar.next_working(flow.now))
