"""Stated pauses: the clock of a task waits for a reason that its step states, such as waiting for the supplier.

Belongs here: the rules of the command. How a clock rests is `clocks`; the ledger of all pauses is part of the state.
"""

from __future__ import annotations

from datetime import UTC

from workflow_jobs.engine import clocks, rungs, whom
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.refusal import EngineError, Refused
from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.task_actions import actions_of, current_task, not_as_delegate, read_reason


def pause_task(flow: Flow, command: c.PauseTask) -> None:
    """Stop the clock within the bounds that the step states for the reason."""
    task = current_task(flow, command.task_id, command.task_version, command.person_id)
    not_as_delegate(flow, task, command.person_id)
    offered = actions_of(flow, task).pauses
    if not offered:
        raise Refused("action_not_offered", "The clock of this task cannot be stopped.", "该任务不可暂停计时。")
    stated = next((one for one in offered if one.id == command.reason_id), None)
    if stated is None:
        known, known_zh = ", ".join(one.id for one in offered), "、".join(one.title.zh for one in offered)
        raise Refused(
            "pause_invalid",
            f"{command.reason_id!r} is no reason of this step (its reasons: {known}).",
            f"{command.reason_id!r} 不是该步骤的暂停原因（可选：{known_zh}）。",
            fields=("reason_id",),
        )
    if task.paused_until is not None:
        until = whom.local_time(flow, command.person_id, task.paused_until)
        raise Refused(
            "pause_invalid",
            f"The clock of this task rests already, until {until}.",
            f"该任务已暂停计时，至 {until}。",
        )
    before = times_paused(flow, task, stated.id)
    if before >= stated.times:
        raise Refused(
            "pause_invalid",
            f"The clock was stopped {before} times for this reason already; more is not foreseen.",
            f"该任务因此原因已暂停计时 {before} 次，不可再暂停。",
            fields=("reason_id",),
        )
    latest = flow.now + stated.at_most.clock()
    until_at = latest
    if command.until is not None:
        if command.until.utcoffset() is None:
            raise EngineError(f"{command.until!r} is a naive time: the engine takes aware instants")
        until_at = command.until.astimezone(UTC)
    if not flow.now < until_at <= latest:
        last = whom.local_time(flow, command.person_id, latest)
        raise Refused(
            "pause_invalid",
            f"Choose a time after now and not after {last}.",
            f"请选择晚于当前、不晚于 {last} 的时间。",
        )
    reason = read_reason(command.comment, field="comment") or stated.title.en
    rungs.fire_due(flow, task.task_id)
    task = current_task(flow, command.task_id, command.task_version, command.person_id)
    clocks.pause(flow, task, command.person_id, until_at, reason, stated.id)


def times_paused(flow: Flow, task: TaskState, reason_id: str) -> int:
    """How often the task's clock was stopped for this stated reason."""
    return sum(entry.task_id == task.task_id and entry.reason_id == reason_id for entry in flow.state.ledger)
