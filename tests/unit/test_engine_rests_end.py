"""A task that is withdrawn while it rests rests no longer: the ledger of pauses says until when, and why it ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.engine_world import MONDAY, Play, calendar, human, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay

SNOOZE = ", actions: {snooze: {at_most: P5D, times: 2}}"
ALONE = f"- {human('a', extra=SNOOZE)}\n"
SIDE_BY_SIDE = (
    f"- fork:\n    id: f\n    join: any\n    branches:\n    - - {human('a', extra=SNOOZE)}\n    - - {human('b')}\n"
    f"- {human('z')}\n"
)
VOTE = (
    f"- {human('a', extra=SNOOZE + ', vote: {voters: [quality_manager, sales_manager], needed: any}')}\n"
    f"- {human('z')}\n"
)
# From 10:30 to 12:30, with the midday break in it.
RESTED = timedelta(minutes=90)
INCIDENT = "closes: on_resolution\nreopens_within: P7D\n"


def resting(steps: str, head: str = "") -> Play:
    play = Play(small(steps, head), now=MONDAY).open(requested_by="s1").wait(hours=1)
    task = play.task("a")
    until = play.now + timedelta(days=2)
    who = task.assignee or ""
    play.do(c.SnoozeTask(task_id=task.task_id, task_version=1, person_id=who, until=until, reason="later"))
    return play.wait(hours=2)


def withdraw(play: Play) -> None:
    play.do(c.WithdrawCase(person_id="s1", reason="Not needed"))


def decide_beside(play: Play) -> None:
    other = next(task for task in play.state.open_tasks if task.paused_until is None)
    play.do(c.DecideTask(task_id=other.task_id, task_version=1, person_id=other.assignee or "", outcome="ok"))


@pytest.mark.parametrize(
    ("steps", "end"),
    [(ALONE, withdraw), (SIDE_BY_SIDE, decide_beside), (VOTE, decide_beside)],
)
def test_a_withdrawn_task_rests_no_longer(steps: str, end: Callable[[Play], None]) -> None:
    play = resting(steps)
    before = play.task("a")
    end(play)
    task = play.state.tasks[before.task_id]
    assert (task.status, task.paused_until, task.paused_seconds) == ("cancelled", None, 5400)
    (entry,) = play.state.ledger
    assert (entry.ended_at, entry.working_seconds) == (play.now, 5400)
    assert task.due_at == calendar().add_working(MONDAY, timedelta(hours=4) + RESTED), "not two days later"
    ended, taken_back = [one for one in play.log if getattr(one, "task_id", "") == task.task_id][-2:]
    assert isinstance(ended, e.TaskResumed)
    assert (ended.because, type(taken_back)) == ("withdrawn", e.TaskCancelled)
    assert replay(play.log) == play.state


def test_a_rest_that_was_over_is_not_made_longer_by_a_late_withdrawal() -> None:
    play = resting(ALONE)
    until = play.task("a").paused_until
    play.wait(days=10)
    withdraw(play)
    (entry,) = play.state.ledger
    assert entry.ended_at == until


def test_a_rest_that_ends_after_the_clock_was_set_back_had_no_length() -> None:
    play = resting(ALONE)
    began = play.state.ledger[0].began_at
    play.now = began - timedelta(minutes=8)
    withdraw(play)
    (entry,) = play.state.ledger
    assert (entry.ended_at, entry.working_seconds) == (began, 0)


def test_a_case_that_comes_back_counts_the_time_in_between_once_and_rests_no_more() -> None:
    play = resting(ALONE, INCIDENT)
    began = play.now
    play.do(c.ResolveIncident())
    play.wait(days=1).do(c.ReopenIncident(observed=None, snapshot_id="s2"))
    task = play.task("a")
    away = calendar().working_between(began, play.now)
    assert (task.status, task.paused_until) == ("open", None)
    assert timedelta(seconds=task.paused_seconds) == RESTED + away
    assert task.due_at == calendar().add_working(MONDAY, timedelta(hours=4) + RESTED + away)
    assert [entry.ended_at for entry in play.state.ledger] == [began]
