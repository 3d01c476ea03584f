"""Asking people: a task is made, moved to somebody else, taken back, and who may be handed it.

Belongs here: the events of a question to a person. Whose turn it is by role and presence is `whom`, who is kept from it
`separation`, whom a vote asks `voters`.
"""

from __future__ import annotations

from dataclasses import replace

from workflow_jobs.engine import assignment, clocks, separation, tiers, voters, whom
from workflow_jobs.engine import events as e
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.template import AskingStep, HumanStep


def ask(flow: Flow, step: AskingStep, purpose: str = "decide") -> None:
    """Create a task for the person whom role, presence and load choose; in a vote one for each voter. A pooled one is
    nobody's until it is claimed, where anybody of its role is there to claim it.
    """
    tier, note = tiers.tier_of(flow, step)
    role, accountable = whom.roles_of(flow, step, tier)
    if isinstance(step, HumanStep) and step.vote is not None:
        for number, one in enumerate(voters.voters(flow, step, step.vote)):
            _create(flow, step, one.role, accountable, one.choice, voter=number)
        return
    pooled = isinstance(step, HumanStep) and step.pool
    holders = set(flow.env.directory.candidates(role)) - whom.excluded(flow, step) if pooled else set()
    if not all(whom.is_away(flow, one) for one in holders):
        _create(flow, step, role, accountable, None, tier=tier, note=note, pooled=True)
        return
    choice = whom.choice_for(flow, step, role, accountable, tier)
    if holders and choice is not None:
        choice = replace(choice, reason=f"nobody is there to claim it; {choice.reason}")
    _create(flow, step, role, accountable, choice, tier=tier, note=note, purpose=purpose)


def ask_approver(flow: Flow, step: HumanStep, task: TaskState, person_id: str, added_by: str) -> None:
    """Ask this very person for a further approval of the question that the task puts."""
    choice = assignment.Choice(person_id, f"added by {flow.env.directory.name(added_by)}")
    _create(flow, step, task.role, task.accountable, choice, added_by=added_by)


def _create(
    flow: Flow,
    step: AskingStep,
    role: str,
    accountable: str,
    choice: assignment.Choice | None,
    *,
    tier: int | None = None,
    note: str = "",
    purpose: str = "decide",
    voter: int | None = None,
    added_by: str | None = None,
    pooled: bool = False,
) -> None:
    if pooled:
        reason = f"whoever of {role} claims it"
    elif choice is None:
        reason = _nobody(flow, step, role, accountable)
    else:
        reason = choice.reason
        weight = assignment.task_weight(flow.state.priority)
        flow.loads[choice.person_id] = flow.loads.get(choice.person_id, 0.0) + weight
    flow.emit(
        e.TaskCreated,
        task_id=f"{flow.case_id}.{step.id}.{flow.state.steps[step.id].tasks + 1}",
        step_id=step.id,
        role=role,
        accountable=accountable,
        assignee=choice.person_id if choice else None,
        assigned_because=f"{reason}; {note}" if note else reason,
        substitute_for=choice.substitute_for if choice else None,
        version=1,
        tier=tier,
        purpose=purpose,
        voter=voter,
        added_by=added_by,
        pooled=pooled,
        **clocks.started(flow, step, choice.person_id if choice else None),
    )


def _nobody(flow: Flow, step: AskingStep, role: str, accountable: str) -> str:
    people = flow.env.directory
    holders = tuple(dict.fromkeys((*people.candidates(role), *people.candidates(accountable))))
    return separation.nobody_left(flow.env.template, flow.state, step.id, role, holders, people.name)


def reassign(flow: Flow, task: TaskState) -> None:
    """Ask somebody present in place of an absent or missing assignee, if there is anybody.

    Where a delegate is away, the task goes back to who had delegated it.
    """
    owner = task.delegated_by
    if owner is not None and not whom.is_away(flow, owner):
        _moved(flow, task, assignment.Choice(owner, f"{task.assignee}, who was to advise, is away"), None)
        return
    away = owner or task.assignee
    choice = choice_instead(flow, task, away if away is not None and whom.is_away(flow, away) else None)
    if choice is None or choice.person_id == task.assignee or (task.assignee and not choice.present):
        return
    _moved(flow, task, choice, away or choice.substitute_for)


def choice_instead(flow: Flow, task: TaskState, away: str | None) -> assignment.Choice | None:
    """Who is to be asked now in place of `away` (None: of nobody), by the same rules as in the beginning.

    For an added approver it is whoever stands in for this very person.
    """
    others = separation.voices(flow.state, task.step_id, task.task_id)
    step = clocks.step_of(flow, task)
    only = (away,) if away is not None and task.added_by is not None else None
    return whom.choice_for(
        flow, step, task.role, task.accountable, task.tier, instead_of=away, besides=others, only=only
    )


def hand_out(flow: Flow, task: TaskState) -> None:
    """Ask somebody by name where nobody has claimed a pooled task; who gave it back only if there is nobody else."""
    others = separation.voices(flow.state, task.step_id, task.task_id)
    gave_back = {task.assigned_by} if task.assigned_by is not None else set()
    step = clocks.step_of(flow, task)
    for besides in (others | gave_back, others):
        choice = whom.choice_for(flow, step, task.role, task.accountable, task.tier, besides=besides)
        if choice is not None and choice.present:
            reason = f"nobody claimed it; {choice.reason}"
            _moved(flow, task, assignment.Choice(choice.person_id, reason), choice.substitute_for)
            return


def _moved(flow: Flow, task: TaskState, choice: assignment.Choice, substitute_for: str | None) -> None:
    flow.emit(
        e.TaskReassigned,
        task_id=task.task_id,
        version=task.version + 1,
        assignee=choice.person_id,
        assigned_because=choice.reason,
        previous=task.assignee,
        substitute_for=substitute_for,
    )


def withdraw(flow: Flow, task: TaskState, reason: str, *, asked_afresh: bool = False) -> None:
    """Take the question back; where its clock rests, the rest ends with it.

    `asked_afresh`: its step is asked once more, and what was decided in this visit counts no more.
    """
    if task.paused_until is not None:
        clocks.resume(flow, task, "withdrawn")
    flow.emit(e.TaskCancelled, task_id=task.task_id, step_id=task.step_id, reason=reason, asked_afresh=asked_afresh)


def assignable(flow: Flow, task: TaskState) -> tuple[str, ...]:
    """Who may be handed the task: holders of its roles; where no tier binds it also those of the template's owner
    role, and of the further roles that the step names. Never who is kept from deciding it.
    """
    roles = [task.role, task.accountable]
    if task.tier is None:
        roles.append(flow.env.template.owner_role)
        step = flow.layout.places[task.step_id].node
        if isinstance(step, HumanStep) and not isinstance(step.actions.assign, bool):
            roles += step.actions.assign
    return _free(flow, task, roles)


def claimants(flow: Flow, task: TaskState) -> tuple[str, ...]:
    """Who may claim the task while nobody has it: the holders of its responsible role, and who stands in for one."""
    return tuple(dict.fromkeys((*_free(flow, task, [task.role]), *whom.stand_ins(flow, task))))


def _free(flow: Flow, task: TaskState, roles: list[str]) -> tuple[str, ...]:
    kept = separation.excluded(flow.env.template, flow.state, task)
    holders = (person for role in roles for person in flow.env.directory.candidates(role))
    return tuple(dict.fromkeys(person for person in holders if person not in kept))
