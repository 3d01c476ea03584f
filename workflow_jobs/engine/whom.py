"""Who is meant: roles of a step in this case, the person whom presence and load choose, the target of a rung.

Belongs here: questions about people that change nothing. The choice among candidates itself is `assignment`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from functools import partial

from workflow_jobs.engine import assignment, separation
from workflow_jobs.engine.environment import PeopleView
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.parts import Raci, RoleRef, Tier
from workflow_jobs.engine.stand_ins import stand_ins as stand_ins_of
from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.template import HumanStep, Step
from workflow_jobs.engine.values import Plain


def person_for(flow: Flow, to: str, task: TaskState | None, exclude: frozenset[str] = frozenset()) -> str | None:
    """Who a rung's target is today: somebody present where possible. A department's channel is nobody."""
    if to == "department":
        return None
    if to == "requester":
        return flow.state.requested_by
    if to in ("assignee", "manager") and task is not None and task.assignee is not None:
        if to == "assignee":
            return task.assignee
        # A delegate only advises: the manager is that of whoever is to decide.
        owner = task.delegated_by or task.assignee
        above = assignment.choose_substitute((owner,), staff(flow, exclude))
        return above.person_id if above else flow.env.directory.manager_of(owner)
    if to == "owner":
        role = flow.env.template.owner_role
    elif to.startswith("role:"):
        role = to.removeprefix("role:")
    else:  # accountable; also the assignee and his manager while nobody is assigned
        role = _answerable(flow, task)
    choice = assignment.assign([(role, flow.env.directory.candidates(role))], staff(flow, exclude))
    return choice.person_id if choice else None


def successor(flow: Flow, task: TaskState, to: str) -> str | None:
    """To whom the ladder hands a late task: the target, if he may decide it and is there.

    Nobody for an added approver's: this very person's approval was asked for.
    """
    if task.added_by is not None:
        return None
    barred = separation.excluded(flow.env.template, flow.state, task)
    found = person_for(flow, to, task, barred)
    if found is None or found in barred or is_away(flow, found):
        return None
    # No approval below its tier; the manager of who has it is not below it. While nobody has it, nobody's manager is.
    above = to == "manager" and task.assignee is not None
    holders = (flow.env.directory.candidates(role) for role in (task.role, task.accountable))
    if task.tier is not None and not above and not any(found in those for those in holders):
        return None
    return found


def may_decide(flow: Flow, task: TaskState, person_id: str) -> bool:
    """Whether the person is the assignee (or delegated the task) or holds a role of it.

    For an added approver nobody else decides. What keeps one from it all the same is said by `separation`.
    """
    if person_id in (task.assignee, task.delegated_by):
        return True
    holders = flow.env.directory.candidates
    return task.added_by is None and any(person_id in holders(role) for role in (task.role, task.accountable))


def stand_ins(flow: Flow, task: TaskState) -> Mapping[str, str]:
    """Who may claim the task in the place of an absent holder of its role, and in whose."""
    work, away = partial(work_day, flow), partial(is_away, flow)
    return stand_ins_of(flow.env.template, flow.state, task, flow.env.directory, work, away)


def _answerable(flow: Flow, task: TaskState | None) -> str:
    if task is None:
        return flow.env.template.owner_role
    step = flow.layout.places[task.step_id].node
    if task.tier is None or not isinstance(step, HumanStep):
        return task.accountable
    return step.tiers[task.tier].accountable or named(flow, step.raci.accountable)


def roles_of(flow: Flow, step: Step, tier: int | None) -> tuple[str, str]:
    """(responsible, accountable). In a tiered step only the tier's own roles count: no approval below its tier."""
    if tier is not None and isinstance(step, HumanStep):
        chosen: Tier = step.tiers[tier]
        return chosen.responsible, chosen.accountable or chosen.responsible
    raci: Raci = step.raci
    accountable = named(flow, raci.accountable)
    return (named(flow, raci.responsible) if raci.responsible else accountable), accountable


def named(flow: Flow, role: RoleRef) -> str:
    """The role that is meant in this case."""
    return meant(role, flow.state.data, flow.env.directory)


def meant(role: RoleRef, data: Mapping[str, Plain], people: PeopleView) -> str:
    """The role that is meant by a case with this data: the one that an input names, where anybody holds it."""
    if isinstance(role, str):
        return role
    value = data.get(role.input)
    return value if isinstance(value, str) and people.candidates(value) else role.default


def choice_for(
    flow: Flow,
    step: Step,
    role: str,
    accountable: str,
    tier: int | None,
    *,
    instead_of: str | None = None,
    besides: Collection[str] = (),
    only: Collection[str] | None = None,
) -> assignment.Choice | None:
    """Whom to ask for the step, of the role, else of who answers for it; in whose place, and who not besides others.

    `only`: of the role just these are meant.
    """
    roles = [role, accountable] if tier is not None else [role, accountable, flow.env.template.owner_role]
    holders = {one: flow.env.directory.candidates(one) for one in roles}
    if only is not None:
        holders[role] = tuple(only)
    # Where the tier decides who may approve, a substitute of a lower rank must not.
    bound = None if tier is None else frozenset((*holders[role], *holders[accountable]))
    need = assignment.Need(
        weight=assignment.task_weight(flow.state.priority),
        skills=frozenset(step.skills) if isinstance(step, HumanStep) else frozenset(),
    )
    exclude = excluded(flow, step) | frozenset(besides)
    return assignment.assign(holders.items(), staff(flow, exclude, bound), need, instead_of)


def excluded(flow: Flow, step: Step) -> frozenset[str]:
    """Who must not decide the step, see `separation`."""
    return frozenset(separation.barred(flow.env.template, flow.state, step.id))


def staff(flow: Flow, exclude: frozenset[str] = frozenset(), bound: frozenset[str] | None = None) -> assignment.Staff:
    """The company as it is now. With `bound`, only those may be asked because somebody named them."""
    people = flow.env.directory
    return assignment.Staff(
        work_day=lambda person: work_day(flow, person),
        away=lambda person: is_away(flow, person),
        manager_of=people.manager_of,
        substitutes_of=lambda person: people.substitutes_on(person, work_day(flow, person)),
        capacity_of=people.capacity_of,
        skills_of=people.skills_of,
        may_stand_in=lambda person: bound is None or person in bound,
        loads=flow.loads,
        exclude=exclude,
    )


def is_away(flow: Flow, person_id: str) -> bool:
    """Whether the person is absent on the day on which he works next, or has left."""
    people = flow.env.directory
    return person_id not in people or people.absent_on(person_id, work_day(flow, person_id))


def local_time(flow: Flow, person_id: str, at: datetime) -> str:
    """An instant as the person reads it: by the zone of his own calendar, else of the company's, which is named."""
    zone = flow.env.calendar_named(flow.env.directory.calendar_of(person_id) or "default").time_zone
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M} ({zone})"


def work_day(flow: Flow, person_id: str | None = None) -> date:
    """The day on which the person's work next goes on: on a Friday night it is Monday's absences that matter."""
    name = flow.env.calendar_name(person_id)
    known = flow.work_days.get(name)
    if known is None:
        known = flow.work_days[name] = flow.env.calendar_named(name).work_date(flow.now)
    return known
