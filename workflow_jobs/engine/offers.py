"""How a task may change hands as it stands, and whom to offer: what buttons and lists of people are drawn from.

Belongs here: answers for cards and pages. Does not belong here: the rules themselves (`hand_overs`), which look again
when somebody acts. Pure.
"""

from __future__ import annotations

from typing import Final, Literal

from workflow_jobs.engine import separation, whom
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.hand_overs import MOST_ADDED
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.parts import Actions, RoleFromInput, RoleRef
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import HumanStep, Template

Hand = Literal["claim", "release", "assign", "delegate", "add_approver"]
HANDS: Final[tuple[Hand, ...]] = ("claim", "release", "assign", "delegate", "add_approver")


def hands(template: Template, state: CaseState, task: TaskState) -> tuple[Hand, ...]:
    """How the task may change hands now, in the order of `HANDS`.

    A task that nobody has can be claimed. While it is delegated, the delegate can do nothing but advise.
    """
    step = layout_of(template).places[task.step_id].node
    if task.status != "open":
        return ()
    actions = step.actions if isinstance(step, HumanStep) and task.purpose == "decide" else Actions()
    asked = separation.tasks_of_visit(state, task.step_id)
    own = task.voter is None and task.added_by is None
    pool = isinstance(step, HumanStep) and step.pool and task.purpose == "decide"
    first_counts = isinstance(step, HumanStep) and step.vote is not None and step.vote.needed == "any"
    added = sum(one.added_by is not None for one in asked)
    held = task.assignee is not None
    possible: dict[Hand, bool] = {
        "claim": not held,
        "release": held and own and task.delegated_by is None and (pool or actions.release),
        "assign": held and bool(actions.assign) and task.added_by is None,
        "delegate": held and bool(actions.delegate) and task.delegated_by is None,
        "add_approver": held
        and bool(actions.add_approver)
        and task.added_by is None
        and not first_counts
        and added < MOST_ADDED,
    }
    return tuple(one for one in HANDS if possible[one])


def may_be_asked(flow: Flow, task: TaskState, hand: Literal["delegate", "add_approver"]) -> tuple[str, ...]:
    """Ids of whom to offer for advice or a further approval: present, and not kept from it.

    Where the step names no roles for it, anybody may be asked; offered are then those who have to do with the process:
    the holders of the roles that its template names, and the manager of who has the task.
    """
    step = flow.layout.places[task.step_id].node
    roles = getattr(step.actions, hand) if isinstance(step, HumanStep) else False
    if roles is False:
        return ()
    people = flow.env.directory
    if isinstance(roles, bool):
        found = [person for role in _roles(flow) for person in people.candidates(role)]
        above = people.manager_of(task.assignee) if task.assignee is not None else None
        found += [above] if above is not None else []
    else:
        found = [person for role in roles for person in people.candidates(role)]
    kept = separation.excluded(flow.env.template, flow.state, task) | separation.voices(flow.state, task.step_id)
    return tuple(dict.fromkeys(one for one in found if one not in kept and not whom.is_away(flow, one)))


def _roles(flow: Flow) -> list[str]:
    """All roles that the template names for its steps, and the owner's, each once."""
    named: dict[str, None] = {flow.env.template.owner_role: None}
    for step in flow.layout.steps():
        references: list[RoleRef | None] = [step.raci.responsible, step.raci.accountable, *step.raci.consulted]
        if isinstance(step, HumanStep):
            references += [role for tier in step.tiers for role in (tier.responsible, tier.accountable)]
            references += step.vote.voters if step.vote is not None else ()
        for one in references:
            if one is not None:
                named[whom.named(flow, one) if isinstance(one, RoleFromInput) else one] = None
    return list(named)
