"""The ladder of a task: what happens when a rung is due.

Belongs here: firing, in the order in which rungs were due, each exactly once: a rung's number is part of the state, and
its event moves it on. When rungs are due, and the case's own ladder, which only tells, is `clocks`.
"""

from __future__ import annotations

from datetime import timedelta

from workflow_jobs.engine import clocks, votes, whom
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.parts import Rung
from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.template import HumanStep


def fire_rungs(flow: Flow, _command: c.FireRungs) -> None:
    """Fire every rung of every open task that is due, and let those go on whose rest is over."""
    while True:
        due = [
            (task.next_rung_at, task.task_id)
            for task in flow.state.open_tasks
            if task.next_rung_at is not None and task.next_rung_at <= flow.now
        ]
        if not due:
            return
        task = flow.state.tasks[min(due)[1]]
        if task.paused_until is not None:
            clocks.resume(flow, task, "over")
        else:
            _fire(flow, task)


def fire_due(flow: Flow, task_id: str) -> None:
    """Fire what is due of one task before its clock is stopped: a rest moves only what comes after it began."""
    while True:
        task = flow.state.tasks[task_id]
        due = task.status == "open" and task.paused_until is None and task.next_rung_at
        if not due or due > flow.now:
            return
        _fire(flow, task)


def _fire(flow: Flow, task: TaskState) -> None:
    """Fire the task's next rung, or pass over it where it has nothing to say any more."""
    assert task.next_rung_at is not None
    rung = clocks.ladder_of_step(flow, clocks.step_of(flow, task))[task.rung_index]
    following = clocks.rung_time(flow, task, task.rung_index + 1, timedelta(seconds=task.paused_seconds))
    if rung.unless == "acknowledged" and task.acknowledged_by is not None:
        flow.emit(
            e.RungSkipped,
            task_id=task.task_id,
            rung_index=task.rung_index,
            percent=rung.at,
            scheduled_at=task.next_rung_at,
            next_rung_at=following,
        )
        return
    to = whom.successor(flow, task, rung.to) if rung.action == "reassign" else whom.person_for(flow, rung.to, task)
    channel = None
    if rung.to == "department":
        channel = (task.assignee and flow.env.directory.channel_of(task.assignee)) or ""
    flow.emit(
        e.RungFired,
        task_id=task.task_id,
        rung_index=task.rung_index,
        percent=rung.at,
        action=rung.action,
        to=rung.to,
        to_person=to,
        scheduled_at=task.next_rung_at,
        next_rung_at=following,
        channel=channel,
    )
    if rung.action == "reassign":
        _reassign(flow, task, rung, to)
    elif rung.action == "default":
        _take_default(flow, task, rung)


def _reassign(flow: Flow, task: TaskState, rung: Rung, to: str | None) -> None:
    """Hand the late task on. Where there is nobody to hand it to it stays, and the ladder goes on."""
    if to is None or to == task.assignee:
        return
    flow.emit(
        e.TaskReassigned,
        task_id=task.task_id,
        version=task.version + 1,
        assignee=to,
        assigned_because=f"{rung.at} % of the time had passed: goes to {rung.to}",
        previous=task.assignee,
    )


def _take_default(flow: Flow, task: TaskState, rung: Rung) -> None:
    """Take the outcome that the template states as this task's choice; what others of the step chose counts too."""
    step = clocks.step_of(flow, task)
    outcome = step.outcome(rung.outcome or "") if isinstance(step, HumanStep) else None
    if outcome is None or not isinstance(step, HumanStep):
        # The template's ladder is for all its steps; one that lacks this outcome is only told about.
        return
    flow.emit(
        e.DefaultTaken,
        task_id=task.task_id,
        step_id=step.id,
        version=task.version,
        outcome=outcome.id,
        rung_index=task.rung_index,
    )
    votes.conclude(flow, task.task_id)
