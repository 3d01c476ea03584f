"""What people do with one task that stays where it is: acknowledge, snooze, wake; and who may.

Belongs here: the rules of these commands, and the look-up that every command on a task starts with. Does not belong
here: decisions, and what a whole case does (`decide`), tasks that change hands (`hand_overs`), and how a clock is
computed (`clocks`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC
from typing import Final

from workflow_jobs.engine import clocks, rungs, separation, whom
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.parts import Actions
from workflow_jobs.engine.refusal import EngineError, Refused
from workflow_jobs.engine.shared_refusals import (
    REASON,
    decided_already,
    missing,
    no_such_task,
    stale_task,
    task_withdrawn,
)
from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.template import HumanStep
from workflow_jobs.engine.texts import read_text

LONGEST_REASON: Final = 500


def _nobody(_task: TaskState) -> tuple[str, ...]:
    return ()


def acknowledge(flow: Flow, command: c.Acknowledge) -> None:
    """Note that somebody looks after the task."""
    task = _open_task(flow, command.task_id, command.person_id)
    _may(flow, task, command.person_id)
    not_as_delegate(flow, task, command.person_id)
    if task.acknowledged_by is None:
        flow.emit(e.TaskAcknowledged, task_id=task.task_id, person_id=command.person_id)


def snooze(flow: Flow, command: c.SnoozeTask) -> None:
    """Let the task rest, within the bounds that its template states."""
    task = current_task(flow, command.task_id, command.task_version, command.person_id)
    not_as_delegate(flow, task, command.person_id)
    offered = actions_of(flow, task).snooze
    if offered is None:
        raise Refused("action_not_offered", "This task cannot be snoozed.", "该任务不可暂缓。")
    if task.paused_until is not None:
        until = whom.local_time(flow, command.person_id, task.paused_until)
        who = flow.env.directory.name(task.paused_by or "")
        raise Refused(
            "pause_invalid", f"{who} snoozed this already, until {until}.", f"{who} 已将该任务暂缓至 {until}。"
        )
    snoozed = sum(entry.task_id == task.task_id and not entry.reason_id for entry in flow.state.ledger)
    if snoozed >= offered.times:
        raise Refused(
            "pause_invalid",
            f"This was snoozed {snoozed} times already; more is not foreseen.",
            f"该任务已暂缓 {snoozed} 次，不可再暂缓。",
        )
    reason = stated_reason(command.reason)
    if command.until.utcoffset() is None:
        raise EngineError(f"{command.until!r} is a naive time: the engine takes aware instants")
    until_at, latest = command.until.astimezone(UTC), flow.now + offered.at_most.clock()
    if not flow.now < until_at <= latest:
        last = whom.local_time(flow, command.person_id, latest)
        raise Refused(
            "pause_invalid",
            f"Choose a time after now and not after {last}.",
            f"请选择晚于当前、不晚于 {last} 的时间。",
            fields=("until",),
        )
    rungs.fire_due(flow, task.task_id)
    task = current_task(flow, command.task_id, command.task_version, command.person_id)
    clocks.pause(flow, task, command.person_id, until_at, reason)


def wake(flow: Flow, command: c.WakeTask) -> None:
    """End the rest now."""
    task = _open_task(flow, command.task_id, command.person_id)
    _may(flow, task, command.person_id)
    not_as_delegate(flow, task, command.person_id)
    if task.paused_until is not None:
        clocks.resume(flow, task, "woken", command.person_id)


def is_advice(task: TaskState, person_id: str) -> bool:
    """Whether this person's choice is advice to who delegated the task, and no decision."""
    return task.delegated_by is not None and person_id == task.assignee


def not_as_delegate(flow: Flow, task: TaskState, person_id: str) -> None:
    """Refuse what only the assignee may do to one whom he asked for advice."""
    if is_advice(task, person_id):
        owner = flow.env.directory.name(task.delegated_by or "")
        raise Refused(
            "not_allowed",
            f"{owner} asked you for advice; the task stays with {owner}.",
            f"{owner} 仅请您提供建议，任务仍由 {owner} 处理。",
        )


def read_reason(text: str, field: str = "reason") -> str:
    """The reason without blanks around it; refused where it is too long or cannot be read."""
    return read_text(REASON, text, longest=LONGEST_REASON, field=field)


def stated_reason(text: str) -> str:
    """The reason where there must be one."""
    reason = read_reason(text)
    if not reason:
        raise missing("reason", REASON)
    return reason


def _open_task(flow: Flow, task_id: str, person_id: str | None) -> TaskState:
    task = flow.state.tasks.get(task_id)
    if task is None:
        raise no_such_task()
    if task.status == "decided":
        raise decided_already(flow.env.template, task, flow.env.directory.name, person_id)
    if task.status != "open":
        raise task_withdrawn(flow.state, task)
    return task


def current_task(
    flow: Flow,
    task_id: str,
    version: int,
    person_id: str | None,
    also: Callable[[TaskState], Collection[str]] = _nobody,
) -> TaskState:
    """The open task as of the version that the person (None: nobody) saw, if he may decide it or is one of `also`."""
    task = _open_task(flow, task_id, person_id)
    if version != task.version:
        raise stale_task()
    if person_id is not None:
        _may(flow, task, person_id, also)
    return task


def actions_of(flow: Flow, task: TaskState) -> Actions:
    """What the task offers besides its own question."""
    step = flow.layout.places[task.step_id].node
    return step.actions if isinstance(step, HumanStep) and task.purpose == "decide" else Actions()


def _may(flow: Flow, task: TaskState, person_id: str, also: Callable[[TaskState], Collection[str]] = _nobody) -> None:
    code = separation.objection(flow.env.template, flow.state, task, person_id)
    if code is not None:
        raise Refused(code, *separation.sentences(code, flow.env.directory.name(person_id), own=True))
    if not whom.may_decide(flow, task, person_id) and person_id not in also(task):
        name, roles = flow.env.directory.name, tuple(dict.fromkeys((task.role, task.accountable)))
        whose = f"It is with {name(task.assignee)}" if task.assignee else "Nobody is assigned yet"
        whose_zh = f"现由 {name(task.assignee)} 处理" if task.assignee else "尚未分配处理人"
        raise Refused(
            "not_allowed",
            f"{name(person_id)} may not decide this. {whose}; it takes the role {' or '.join(roles)}.",
            f"{name(person_id)} 无权决定该任务。{whose_zh}；须由角色 {' 或 '.join(roles)} 决定。",
        )
