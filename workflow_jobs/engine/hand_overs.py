"""A task goes from hand to hand: transfer (转办), delegate (委派) and advice, claim, release, added approver (加签).

Belongs here: the rules of these commands. Does not belong here: whom the engine itself asks in somebody's place
(`asking`), and what a further approval counts (`votes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from workflow_jobs.engine import asking, separation, whom
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.skills import skills_lacking
from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.task_actions import actions_of, current_task, not_as_delegate, read_reason, stated_reason
from workflow_jobs.engine.template import HumanStep
from workflow_jobs.engine.values import Plain

MOST_ADDED: Final = 5


def assign(flow: Flow, command: c.AssignTask) -> None:
    """Transfer the task to somebody who may decide it and is there."""
    task = current_task(flow, command.task_id, command.task_version, command.person_id)
    if not actions_of(flow, task).assign:
        raise Refused("action_not_offered", "This task cannot be assigned to somebody else.", "该任务不可转办。")
    if task.added_by is not None:
        asked_by = flow.env.directory.name(task.added_by)
        raise Refused(
            "transfer_invalid",
            f"{asked_by} asked for this very person's approval: it is not handed on.",
            f"{asked_by} 指定由该人员加签，不可转办。",
        )
    not_as_delegate(flow, task, command.person_id)
    people = flow.env.directory
    name = people.name(command.to)
    if command.to == task.assignee:
        raise Refused("transfer_invalid", f"It is with {name} already.", f"该任务已由 {name} 处理。")
    _unobjected(flow, task, command.to)
    if command.to not in asking.assignable(flow, task):
        roles = tuple(dict.fromkeys((task.role, task.accountable)))
        raise Refused(
            "transfer_invalid",
            f"{name} may not decide this; it takes the role {' or '.join(roles)}.",
            f"{name} 无权决定该任务，须由角色 {' 或 '.join(roles)} 决定。",
        )
    _there(flow, command.to)
    flow.emit(
        e.TaskReassigned,
        task_id=task.task_id,
        version=task.version + 1,
        assignee=command.to,
        assigned_because=f"assigned by {people.name(command.person_id)}",
        previous=task.assignee,
        by=command.person_id,
        reason=read_reason(command.reason),
    )


def delegate(flow: Flow, command: c.DelegateTask) -> None:
    """Ask somebody to work on the task and to advise; the decision stays with its assignee."""
    task = current_task(flow, command.task_id, command.task_version, command.person_id)
    offered = actions_of(flow, task).delegate
    if not offered:
        raise Refused("action_not_offered", "This task cannot be delegated.", "该任务不可委派。")
    if task.delegated_by is not None:
        raise Refused(
            "transfer_invalid",
            "It is delegated already; a delegated task is not passed on.",
            "该任务已委派，不可再次委派。",
        )
    _own(flow, task, command.person_id)
    _asked(flow, task, command.person_id, command.to, offered)
    flow.emit(
        e.TaskDelegated,
        task_id=task.task_id,
        version=task.version + 1,
        person_id=command.person_id,
        to=command.to,
        reason=stated_reason(command.reason),
    )


def advise(flow: Flow, task: TaskState, person_id: str, outcome: str, form: Mapping[str, Plain]) -> None:
    """Give the task back with what the delegate would decide; to the assignee's substitute where he is away."""
    assert task.delegated_by is not None
    back_to, substitute_for = task.delegated_by, task.substitute_for
    if whom.is_away(flow, back_to):
        choice = asking.choice_instead(flow, task, back_to)
        if choice is not None and choice.present:
            back_to, substitute_for = choice.person_id, back_to
    flow.emit(
        e.TaskAdvised,
        task_id=task.task_id,
        version=task.version + 1,
        person_id=person_id,
        outcome=outcome,
        back_to=back_to,
        form=form,
        substitute_for=substitute_for,
    )


def claim(flow: Flow, command: c.ClaimTask) -> None:
    """Take a task that nobody has; whom an absent holder of its role named may in his place."""
    task = current_task(
        flow, command.task_id, command.task_version, command.person_id, also=partial(whom.stand_ins, flow)
    )
    if task.assignee is not None:
        name = flow.env.directory.name(task.assignee)
        who, who_zh = ("You have", "您") if task.assignee == command.person_id else (f"{name} has", f" {name} ")
        raise Refused("claim_invalid", f"{who} it already.", f"该任务已由{who_zh}处理。")
    people, away = flow.env.directory, partial(whom.is_away, flow)
    instead = whom.stand_ins(flow, task)
    missing = skills_lacking(flow.env.template, flow.state, task, people, away, command.person_id, instead)
    lacking = ", ".join(sorted(missing))
    if lacking:
        raise Refused(
            "claim_invalid",
            f"This takes skills that you do not have ({lacking}), and somebody is there who has all that it takes.",
            f"认领该任务所需的技能您尚不具备（{lacking}），而在岗人员中有人具备全部所需技能。",
        )
    own = whom.may_decide(flow, task, command.person_id)
    flow.emit(
        e.TaskClaimed,
        task_id=task.task_id,
        version=task.version + 1,
        person_id=command.person_id,
        substitute_for=None if own else instead[command.person_id],
    )


def release(flow: Flow, command: c.ReleaseTask) -> None:
    """Give the task back to all who hold its role."""
    task = current_task(flow, command.task_id, command.task_version, command.person_id)
    step = flow.layout.places[task.step_id].node
    shared = isinstance(step, HumanStep) and step.pool and task.purpose == "decide"
    if not (shared or actions_of(flow, task).release):
        raise Refused(
            "action_not_offered",
            "This task cannot be given back to all who hold its role.",
            "该任务不可退回待认领。",
        )
    if task.voter is not None or task.added_by is not None:
        raise Refused(
            "claim_invalid",
            "You were asked for your own voice: it cannot be given back to others.",
            "该任务须由您本人表决，不可退回待认领。",
        )
    _own(flow, task, command.person_id)
    others = [one for one in asking.claimants(flow, task) if one != command.person_id]
    if not others:
        raise Refused(
            "claim_invalid",
            f"Nobody else may claim it: nobody else holds {task.role}.",
            f"无人可认领：没有其他人担任角色 {task.role}。",
        )
    if all(whom.is_away(flow, one) for one in others):
        raise Refused(
            "claim_invalid",
            f"Nobody else who may claim it is there: all others who hold {task.role} are away.",
            f"无人可认领：其他担任角色 {task.role} 的人员均不在岗。",
        )
    flow.emit(
        e.TaskReleased,
        task_id=task.task_id,
        version=task.version + 1,
        person_id=command.person_id,
        reason=read_reason(command.reason),
    )


def add_approver(flow: Flow, command: c.AddApprover) -> None:
    """Ask one more person for his approval; the step goes on only with it."""
    task = current_task(flow, command.task_id, command.task_version, command.person_id)
    offered = actions_of(flow, task).add_approver
    step = flow.layout.places[task.step_id].node
    if not offered or not isinstance(step, HumanStep):
        raise Refused("action_not_offered", "No further approver can be added to this task.", "该任务不可加签。")
    if step.vote is not None and step.vote.needed == "any":
        raise Refused(
            "transfer_invalid",
            "Here the first decision counts: a further approval would not be waited for.",
            "该步骤为或签，一人决定即生效，不等待加签。",
        )
    if task.added_by is not None:
        raise Refused(
            "transfer_invalid",
            "An added approver does not add others: whoever asked you may.",
            "加签人不可再加签，可由加签发起人操作。",
        )
    _own(flow, task, command.person_id)
    asked = separation.tasks_of_visit(flow.state, step.id)
    if sum(one.added_by is not None for one in asked) >= MOST_ADDED:
        raise Refused(
            "transfer_invalid",
            f"{MOST_ADDED} approvers were added already; more is not foreseen.",
            f"已加签 {MOST_ADDED} 人，不可再加签。",
        )
    _asked(flow, task, command.person_id, command.to, offered)
    if command.to in separation.voices(flow.state, step.id):
        # Also who advises on this very task: his advice and his approval would be one voice.
        name = flow.env.directory.name(command.to)
        raise Refused("transfer_invalid", *separation.sentences(separation.HAS_A_VOICE, name, own=False))
    reason = stated_reason(command.reason)
    flow.emit(e.ApproverAdded, task_id=task.task_id, person_id=command.person_id, to=command.to, reason=reason)
    asking.ask_approver(flow, step, task, command.to, command.person_id)


def _own(flow: Flow, task: TaskState, person_id: str) -> None:
    owner = task.delegated_by or task.assignee
    if person_id != owner:
        name = flow.env.directory.name(owner) if owner else ""
        whose = f"it is with {name}" if owner else "nobody has it yet; claim it first"
        whose_zh = f"任务现由 {name} 处理" if owner else "任务尚无处理人，请先认领"
        raise Refused(
            "not_allowed", f"Only who has the task may do this: {whose}.", f"仅任务的处理人可以操作：{whose_zh}。"
        )


def _asked(flow: Flow, task: TaskState, by: str, to: str, roles: bool | tuple[str, ...]) -> None:
    """Refuse a delegate or approver who is the same person, unknown, of no offered role, kept from it, or away."""
    people = flow.env.directory
    if to == by:
        raise Refused("transfer_invalid", "Choose somebody else than yourself.", "请选择您以外的人员。")
    if to not in people:
        raise Refused("transfer_invalid", f"The people directory does not know {to!r}.", f"人员目录中没有 {to!r}。")
    if not isinstance(roles, bool) and not any(to in people.candidates(role) for role in roles):
        raise Refused(
            "transfer_invalid",
            f"{people.name(to)} may not be asked; it takes the role {' or '.join(roles)}.",
            f"不可选择 {people.name(to)}，须为角色 {' 或 '.join(roles)} 的人员。",
        )
    _unobjected(flow, task, to)
    _there(flow, to)


def _unobjected(flow: Flow, task: TaskState, to: str) -> None:
    code = separation.objection(flow.env.template, flow.state, task, to)
    if code is not None:
        raise Refused("transfer_invalid", *separation.sentences(code, flow.env.directory.name(to), own=False))


def _there(flow: Flow, to: str) -> None:
    if whom.is_away(flow, to):
        day, name = whom.work_day(flow, to).isoformat(), flow.env.directory.name(to)
        raise Refused("transfer_invalid", f"{name} is away on {day}.", f"{name} 在 {day} 不在岗。")
