"""A rest that began when a clock was late does not move its due time, whatever is computed anew afterwards."""

from __future__ import annotations

from datetime import date, timedelta

from tests.engine_world import MONDAY, Play, calendar, human, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.working_time import WorkingCalendar

SNOOZE = ", actions: {snooze: {at_most: P9D, times: 3}}"
HEAD = "closes: on_resolution\nreopens_within: P2D\nsla: PT8H\n"


def opened() -> Play:
    return Play(small(f"- {human('a', extra=SNOOZE)}\n", HEAD)).open()


def snooze(play: Play, until: timedelta) -> None:
    task = play.task("a")
    who = task.assignee or ""
    at = play.now + until
    play.do(c.SnoozeTask(task_id=task.task_id, task_version=task.version, person_id=who, until=at, reason="later"))


def recompute(play: Play) -> tuple[e.Event, ...]:
    return play.do(c.RecomputeClocks(reason="changed"))


def test_a_case_that_was_late_when_it_closed_is_late_since_then_when_it_is_back() -> None:
    play = opened().wait(days=2)
    due = (play.task("a").due_at, play.state.due_at)
    play.do(c.ResolveIncident())
    play.wait(hours=5).do(c.ReopenIncident(observed=None, snapshot_id="s2"))
    assert (play.task("a").due_at, play.state.due_at) == due
    assert recompute(play) == (), "the calendar is the same"
    assert replay(play.log) == play.state


def test_a_rest_that_moved_the_due_time_moves_it_also_where_the_calendar_makes_the_task_late_before() -> None:
    play = opened().wait(hours=5)
    snooze(play, timedelta(minutes=30))
    earlier = WorkingCalendar("CN", hours=("00:00-24:00",), first_year=2026, last_year=2027)
    play.calendars = {"default": earlier}
    recompute(play)
    task = play.task("a")
    assert task.due_at == MONDAY + timedelta(hours=4, minutes=30)
    assert recompute(play) == (), "twice changes nothing"
    play.wait(hours=3).do(c.FireRungs())
    play.do(c.WakeTask(task_id=task.task_id, person_id=task.assignee or ""))
    assert play.task("a").due_at == MONDAY + timedelta(hours=4, minutes=30)
    assert recompute(play) == ()


def test_what_rested_while_it_was_late_does_not_count_when_more_time_is_given() -> None:
    play = opened().wait(days=1)
    snooze(play, timedelta(days=1))
    play.wait(days=1)
    task = play.task("a")
    play.do(c.WakeTask(task_id=task.task_id, person_id=task.assignee or ""))
    off = WorkingCalendar("CN", days_off=(date(2026, 11, 16), date(2026, 11, 17)), first_year=2026, last_year=2027)
    play.calendars = {"default": off}
    recompute(play)
    due = off.add_working(MONDAY, timedelta(hours=4))
    assert play.task("a").due_at == due > play.now
    snooze(play, timedelta(hours=1))
    assert play.task("a").due_at == off.add_working(due, off.working_between(play.now, play.now + timedelta(hours=1)))


def test_a_rest_of_a_broken_second_leaves_nothing_to_correct() -> None:
    play = opened().wait(minutes=1)
    snooze(play, timedelta(hours=1))
    play.wait(minutes=10, seconds=0.7)
    task = play.task("a")
    play.do(c.WakeTask(task_id=task.task_id, person_id=task.assignee or ""))
    assert play.task("a").due_at == calendar().add_working(MONDAY, timedelta(hours=4, minutes=10))
    assert recompute(play) == ()
