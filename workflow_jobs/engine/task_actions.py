"""What people do with one task that stays where it is: acknowledge, snooze, wake; and who may.

Belongs here: the rules of these commands, and the look-up that every command on a task starts with. Does not belong
here: decisions, and what a whole case does (`decide`), tasks that change hands (`hand_overs`), and how a clock is
computed (`clocks`).
"""

from __future__ import annotations

from datetime import UTC
from typing import Final

from workflow_jobs.engine import clocks, rungs, separation, whom
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.parts import Actions
from workflow_jobs.engine.refusal import EngineError, Refused
from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.template import HumanStep
from workflow_jobs.engine.texts import read_text

LONGEST_REASON: Final = 500


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
        raise Refused("action_not_offered", "This task cannot be snoozed.")
    name, local = flow.env.directory.name, flow.env.calendar.time_zone
    if task.paused_until is not None:
        until = f"{task.paused_until.astimezone(local):%Y-%m-%d %H:%M}"
        raise Refused("pause_invalid", f"{name(task.paused_by or '')} snoozed this already, until {until}.")
    snoozed = sum(entry.task_id == task.task_id and not entry.reason_id for entry in flow.state.ledger)
    if snoozed >= offered.times:
        raise Refused("pause_invalid", f"This was snoozed {snoozed} times already; more is not foreseen.")
    reason = read_reason(command.reason)
    if not reason:
        raise Refused("form_incomplete", "Please fill in: Reason.")
    if command.until.utcoffset() is None:
        raise EngineError(f"{command.until!r} is a naive time: the engine takes aware instants")
    until_at, latest = command.until.astimezone(UTC), flow.now + offered.at_most.clock()
    if not flow.now < until_at <= latest:
        last = f"{latest.astimezone(local):%Y-%m-%d %H:%M}"
        raise Refused("pause_invalid", f"Choose a time after now and not after {last}.")
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
        raise Refused("not_allowed", f"{owner} asked you for advice; the task stays with {owner}.")


def read_reason(text: str) -> str:
    """The reason without blanks around it; refused where it is too long or cannot be read."""
    return read_text("Reason", text, longest=LONGEST_REASON)


def _open_task(flow: Flow, task_id: str, person_id: str | None) -> TaskState:
    task = flow.state.tasks.get(task_id)
    if task is None:
        raise Refused("unknown_task", "This case has no such task.")
    if task.status == "decided":
        who = "You" if task.decided_by == person_id else flow.env.directory.name(task.decided_by or "")
        raise Refused("already_decided", f"{who} decided this already: {task.outcome}.")
    if task.status != "open":
        raise Refused("task_closed", f"This task was withdrawn; the case is {flow.state.status}.")
    return task


def current_task(flow: Flow, task_id: str, version: int, person_id: str | None) -> TaskState:
    """The open task as of the version that the person saw, if he may decide it; None asks for nobody in particular."""
    task = _open_task(flow, task_id, person_id)
    if version != task.version:
        raise Refused("stale_task", "This task has changed since the card was drawn. Please use the latest card.")
    if person_id is not None:
        _may(flow, task, person_id)
    return task


def actions_of(flow: Flow, task: TaskState) -> Actions:
    """What the task offers besides its own question."""
    step = flow.layout.places[task.step_id].node
    return step.actions if isinstance(step, HumanStep) and task.purpose == "decide" else Actions()


def _may(flow: Flow, task: TaskState, person_id: str) -> None:
    code = separation.objection(flow.env.template, flow.state, task, person_id)
    if code is not None:
        raise Refused(code, separation.sentence(code, flow.env.directory.name(person_id), own=True))
    if not whom.may_decide(flow, task, person_id):
        name = flow.env.directory.name
        whose = f"It is with {name(task.assignee)}" if task.assignee else "Nobody is assigned yet"
        roles = " or ".join(dict.fromkeys((task.role, task.accountable)))
        raise Refused("not_allowed", f"{name(person_id)} may not decide this. {whose}; it takes the role {roles}.")
