"""The clock of a task: its rungs, its due time, and its pauses, in working time.

Belongs here: what passes with time. Arithmetic of working time is `working_time`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from workflow_jobs.engine import events as e
from workflow_jobs.engine import whom
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.parts import Rung
from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.template import AskingStep, HumanStep, ServiceStep, WaitStep


def pause(flow: Flow, task: TaskState, person_id: str, until: datetime, reason: str) -> None:
    """Let the task rest until then: its due time moves by the working time in between."""
    resting = timedelta(seconds=task.paused_seconds) + working_between(flow, flow.now, until)
    flow.emit(
        e.TaskPaused,
        task_id=task.task_id,
        person_id=person_id,
        until=until,
        reason=reason,
        due_at=at_percent(flow, task, 100, resting),
    )


def resume(flow: Flow, task: TaskState, because: str, person_id: str | None = None) -> None:
    """Let the task's clock run again, and open the task again where it was withdrawn with its case."""
    began = min(at for at in (task.paused_at, task.closed_at) if at is not None)
    # The clock waited until the time that was asked for, however late the scan comes that finds it over.
    ended = flow.now if task.paused_until is None or task.closed_at else min(flow.now, task.paused_until)
    resting = timedelta(seconds=task.paused_seconds) + working_between(flow, began, ended)
    ladder = ladder_of(flow, task)
    at_rung = ladder[task.rung_index].at if task.rung_index < len(ladder) else None
    flow.emit(
        e.TaskResumed,
        task_id=task.task_id,
        because=because,
        paused_seconds=int(resting.total_seconds()),
        due_at=at_percent(flow, task, 100, resting),
        next_rung_at=None if at_rung is None else at_percent(flow, task, at_rung, resting),
        person_id=person_id,
    )


def fire(flow: Flow, task: TaskState) -> None:
    """Fire the task's next rung, or pass over it where it has nothing to say any more."""
    assert task.next_rung_at is not None
    ladder = ladder_of(flow, task)
    rung = ladder[task.rung_index]
    resting = timedelta(seconds=task.paused_seconds)
    after = ladder[task.rung_index + 1].at if task.rung_index + 1 < len(ladder) else None
    following = None if after is None else at_percent(flow, task, after, resting)
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
    flow.emit(
        e.RungFired,
        task_id=task.task_id,
        rung_index=task.rung_index,
        percent=rung.at,
        action=rung.action,
        to=rung.to,
        to_person=whom.person_for(flow, rung.to, task),
        scheduled_at=task.next_rung_at,
        next_rung_at=following,
    )


def ladder_of_step(flow: Flow, step: AskingStep) -> tuple[Rung, ...]:
    """The step's own ladder, else the template's."""
    return step.ladder if step.ladder is not None else flow.env.template.ladder


def ladder_of(flow: Flow, task: TaskState) -> tuple[Rung, ...]:
    return ladder_of_step(flow, step_of(flow, task))


def step_of(flow: Flow, task: TaskState) -> AskingStep:
    """The step that asks."""
    step = flow.layout.places[task.step_id].node
    assert isinstance(step, HumanStep | ServiceStep)
    return step


def at_percent(flow: Flow, task: TaskState, percent: int, resting: timedelta) -> datetime:
    """When that share of the task's working time is used, `resting` not counted."""
    sla = timedelta(seconds=task.sla_seconds)
    return flow.env.calendar.add_working(task.created_at, sla * percent / 100 + resting)


def working_between(flow: Flow, start: datetime, end: datetime) -> timedelta:
    return flow.env.calendar.working_between(start, end) if end > start else timedelta(0)


def rung_time(flow: Flow, start: datetime, sla: timedelta, ladder: tuple[Rung, ...], index: int) -> datetime | None:
    if index >= len(ladder):
        return None
    return flow.env.calendar.add_working(start, sla * ladder[index].at / 100)


def start_case(flow: Flow) -> None:
    """Let the working time for the whole case begin, where the template states one."""


def pause_case(flow: Flow, step: WaitStep, until: datetime) -> None:
    """Let the clock of the case rest while `step` waits, until then at the latest."""


def resume_case(flow: Flow, step: WaitStep) -> None:
    """Let the clock of the case run again, because `step` waits no more."""


def fire_case(flow: Flow) -> None:
    """Fire the next rung of the case's own ladder, which is due."""
