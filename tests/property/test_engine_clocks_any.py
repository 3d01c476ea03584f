"""Rungs at any moment: each fires once and at its working time, whatever rests, restarts or jumps of the clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine_world import MONDAY, Play, calendar, human, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.state import state_from_json, state_to_json
from workflow_jobs.engine.template import Template
from workflow_jobs.engine.working_time import WorkingCalendar

RUNGS = (30, 80, 100, 170)
PAUSES = (
    ", actions: {snooze: {at_most: P3D, times: 20}, "
    "pauses: [{id: supplier, title: {en: Waiting, zh: 等}, at_most: P5D, times: 20}]}"
)
HEAD = (
    "ladder:\n"
    + "".join(f"- {{at: {percent}, action: remind, to: assignee}}\n" for percent in RUNGS)
    + "sla: P3D\ncase_ladder:\n"
    + "".join(f"- {{at: {percent}, action: remind, to: owner}}\n" for percent in RUNGS)
)
MINUTE = timedelta(minutes=1)


@cache
def template() -> Template:
    return small(f"- {human('a', extra=PAUSES)}\n", HEAD)


@cache
def worked_minutes() -> frozenset[int]:
    """Minutes after MONDAY at which people work, for 40 days: nothing is asked of the calendar's arithmetic."""
    zone = calendar().time_zone
    found = set()
    for number in range(40 * 24 * 60):
        local = (MONDAY + number * MINUTE).astimezone(zone)
        clock = local.hour * 60 + local.minute
        if calendar().is_working_day(local.date()) and (540 <= clock < 720 or 810 <= clock < 1080):
            found.add(number)
    return frozenset(found)


def instant(number: int) -> datetime:
    return MONDAY + number * MINUTE


def used_up(percent: int, sla_minutes: int, rests: list[tuple[int, int]]) -> datetime:
    """The slow way: count worked minutes that lie in no rest until the share is used; right after the last one."""
    wanted = sla_minutes * percent // 100
    number = 0
    while wanted:
        if number in worked_minutes() and not any(first <= number < last for first, last in rests):
            wanted -= 1
        number += 1
    return instant(number)


steps = st.lists(
    st.tuples(
        st.sampled_from(["scan", "scan", "pause", "snooze", "wake", "back", "restart", "timers"]),
        st.integers(1, 600),
        st.integers(1, 3 * 24 * 60),
    ),
    min_size=1,
    max_size=14,
)


@given(steps)
@settings(max_examples=250, deadline=None)
def test_every_rung_fires_once_at_its_working_time(moves: list[tuple[str, int, int]]) -> None:
    play = Play(template()).open()
    minute, rests = 0, []
    for move, passes, length in moves:
        minute += passes
        play.now = instant(minute)
        task = play.task("a")
        try:
            if move == "pause":
                play.do(pause(task.version, min(length, 5 * 24 * 60), minute))
                rests.append((minute, minute + length))
            elif move == "snooze":
                until = instant(minute + length)
                play.do(
                    c.SnoozeTask(task_id="c1.a.1", task_version=task.version, person_id="b1", until=until, reason="x")
                )
                rests.append((minute, minute + length))
        except Refused as refused:
            assert refused.code == "pause_invalid", "it rests already"
            assert task.paused_until is not None
        if move == "wake":
            if task.paused_until is not None and task.paused_until > play.now:
                rests[-1] = (rests[-1][0], minute)
            play.do(c.WakeTask(task_id="c1.a.1", person_id="b1"))
        elif move == "scan":
            play.do(c.FireRungs())
            assert play.do(c.FireRungs()) == (), "a second scan at the same moment finds nothing"
        elif move == "timers":
            play.do(c.FireTimers())
        elif move == "back":
            # The clock of the machine is set back: what was not due then is not due now.
            play.now -= timedelta(minutes=length)
            assert [r for r in play.do(c.FireRungs()) if isinstance(r, e.RungFired) and r.scheduled_at > play.now] == []
        elif move == "restart":
            play.current = state_from_json(json.loads(json.dumps(state_to_json(play.state))))
    play.now = instant(40 * 24 * 60)
    play.do(c.FireRungs())
    play.do(c.FireTimers())
    task_rungs = [event for event in play.log if isinstance(event, e.RungFired)]
    assert [(rung.rung_index, rung.percent) for rung in task_rungs] == list(enumerate(RUNGS))
    for rung in task_rungs:
        # Rests that began before the rung count; one that began after it moved only what follows.
        before = [rest for rest in rests if instant(rest[0]) < rung.scheduled_at]
        assert rung.scheduled_at == used_up(rung.percent, 240, before)
        assert rung.at >= rung.scheduled_at
    case_rungs = [event for event in play.log if isinstance(event, e.CaseRungFired)]
    assert [(rung.percent, rung.scheduled_at) for rung in case_rungs] == [
        (percent, used_up(percent, 3 * 450, [])) for percent in RUNGS
    ], "a task's rest is not the case's"
    hundred = task_rungs[RUNGS.index(100)]
    assert play.task("a").due_at == hundred.scheduled_at, "a rest that begins when it is late does not move it"
    assert sum(entry.working_seconds for entry in play.state.ledger) == play.task("a").paused_seconds
    assert all(entry.ended_at is not None for entry in play.state.ledger)
    assert replay(play.log) == play.state


def pause(version: int, length: int, minute: int) -> c.PauseTask:
    return c.PauseTask(
        task_id="c1.a.1",
        task_version=version,
        person_id="b1",
        reason_id="supplier",
        until=instant(minute + length),
    )


days = st.frozensets(st.dates(datetime(2026, 11, 16).date(), datetime(2026, 11, 30).date()), max_size=4)


@given(st.lists(st.tuples(days, st.integers(0, 3_000)), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_a_case_under_changing_calendars_stands_as_one_that_began_under_the_last_and_no_rung_fires_twice(
    changes: list[tuple[frozenset[Any], int]],
) -> None:
    play = Play(template()).open()
    moved: WorkingCalendar = calendar()
    for off, passes in changes:
        play.now += timedelta(minutes=passes)
        play.do(c.FireRungs())
        play.do(c.FireTimers())
        moved = WorkingCalendar("CN", days_off=off, first_year=2026, last_year=2027)
        play.calendars = {"default": moved}
        told = play.do(c.RecomputeClocks(reason="changed"))
        assert all(isinstance(event, e.ClockRecomputed) for event in told)
        assert play.do(c.RecomputeClocks(reason="changed")) == ()
    assert play.task("a").due_at == moved.add_working(MONDAY, timedelta(hours=4))
    assert play.state.due_at == moved.add_working(MONDAY, timedelta(hours=22.5))
    play.now = datetime(2027, 2, 1, tzinfo=UTC)
    play.do(c.FireRungs())
    play.do(c.FireTimers())
    assert [event.percent for event in play.log if isinstance(event, e.RungFired)] == list(RUNGS)
    assert [event.percent for event in play.log if isinstance(event, e.CaseRungFired)] == list(RUNGS)
    assert replay(play.log) == play.state
