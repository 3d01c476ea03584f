"""Asking people: a task is made, moved to somebody else, and who may be handed it.

Belongs here: the events of a question to a person. Whose turn it is by role and presence is `whom`.
"""

from __future__ import annotations

from workflow_jobs.engine import assignment, clocks, whom
from workflow_jobs.engine import events as e
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.template import AskingStep, HumanStep


def ask(flow: Flow, step: AskingStep, purpose: str = "decide") -> None:
    """Create a task for the person whom role, presence and load choose."""
    tier, note = whom.tier_of(flow, step)
    role, accountable = whom.roles_of(flow, step, tier)
    choice = whom.choice_for(flow, step, role, accountable, tier)
    sla = step.sla.working(flow.env.calendar.day_length)
    due = flow.env.calendar.add_working(flow.now, sla)
    reason = choice.reason if choice else f"nobody holds {role}"
    ladder = clocks.ladder_of_step(flow, step)
    if choice:
        flow.loads[choice.person_id] = flow.loads.get(choice.person_id, 0.0) + assignment.task_weight(
            flow.state.priority
        )
    flow.emit(
        e.TaskCreated,
        task_id=f"{flow.case_id}.{step.id}.{flow.state.steps[step.id].tasks + 1}",
        step_id=step.id,
        role=role,
        accountable=accountable,
        assignee=choice.person_id if choice else None,
        assigned_because=f"{reason}; {note}" if note else reason,
        substitute_for=choice.substitute_for if choice else None,
        due_at=due,
        sla_seconds=int(sla.total_seconds()),
        calendar_confirmed=flow.env.calendar.confirmed(due),
        next_rung_at=clocks.rung_time(flow, flow.now, sla, ladder, 0),
        version=1,
        tier=tier,
        purpose=purpose,
    )


def reassign(flow: Flow, task: TaskState) -> None:
    """Ask somebody present in place of an absent or missing assignee, if there is anybody."""
    step = clocks.step_of(flow, task)
    away = task.assignee if task.assignee is not None and whom.is_away(flow, task.assignee) else None
    choice = whom.choice_for(flow, step, task.role, task.accountable, task.tier, instead_of=away)
    if choice is None or choice.person_id == task.assignee or (task.assignee and not choice.present):
        return
    flow.emit(
        e.TaskReassigned,
        task_id=task.task_id,
        version=task.version + 1,
        assignee=choice.person_id,
        assigned_because=choice.reason,
        previous=task.assignee,
        substitute_for=choice.substitute_for or task.assignee,
    )


def assignable(flow: Flow, task: TaskState) -> tuple[str, ...]:
    """Who may be handed the task: holders of its roles; where no tier binds it also those of the template's owner
    role, and of the further roles that the step names.
    """
    roles = [task.role, task.accountable]
    if task.tier is None:
        roles.append(flow.env.template.owner_role)
        step = flow.layout.places[task.step_id].node
        if isinstance(step, HumanStep) and not isinstance(step.actions.assign, bool):
            roles += step.actions.assign
    holders = (person for role in roles for person in flow.env.directory.candidates(role))
    return tuple(dict.fromkeys(person for person in holders if person != flow.state.requested_by))
