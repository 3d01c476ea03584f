"""A changed working calendar: waits move with it as clocks do, and a task keeps the calendar of who was asked first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from tests.engine_world import MONDAY, Play, human, people, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.working_time import WorkingCalendar

HOLIDAYS = (date(2026, 11, 17), date(2026, 11, 18))
DAY = "inputs: [{name: day, type: date, title: {en: Day, zh: 日}, required: true}]\nopened_by: [people]\n"


def office(*days_off: date, **more: Any) -> WorkingCalendar:
    return WorkingCalendar("CN", days_off=days_off, **{"first_year": 2026, "last_year": 2027, **more})


def waiting(until: str, more: str = "", head: str = "", **opened: Any) -> Play:
    wait = "{id: w, kind: wait, title: {en: W, zh: 等}, raci: {accountable: plant_manager}, "
    play = Play(small(f"- {wait}until: {{{until}}}{more}}}\n- {human('a')}\n", head))
    play.calendars = {"default": office()}
    return play.open(**opened)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)


def change(play: Play, *days_off: date, **more: Any) -> list[e.WaitRecomputed]:
    play.calendars = {**play.calendars, "default": office(*days_off, **more)}
    told = play.do(c.RecomputeClocks(reason="holidays"))
    assert play.do(c.RecomputeClocks(reason="holidays")) == (), "twice changes nothing"
    assert replay(play.log) == play.state
    return [event for event in told if isinstance(event, e.WaitRecomputed)]


def test_a_wait_moves_and_with_it_the_rest_that_stands_on_it() -> None:
    play = waiting("working: P3D", ", pauses_case: true", "sla: P2D\n")
    before, after = local("2026-11-19 09:30"), local("2026-11-23 09:30")
    assert play.state.next_timer_at == before
    (told,) = change(play.wait(hours=1), *HOLIDAYS)
    assert (told.previous_wake_at, told.wake_at, told.rests_until, told.reason) == (before, after, after, "holidays")
    assert play.state.next_timer_at == play.state.paused_until == play.state.ledger[0].until == after
    play.now = before
    assert play.do(c.FireTimers()) == ()
    play.now = after + timedelta(hours=2)
    play.do(c.FireTimers())
    (rest,) = play.state.ledger
    assert (rest.ended_at, rest.working_seconds) == (after, 3 * 27_000), "three days of work lay in it"
    assert play.state.due_at == local("2026-11-25 09:30")


def test_a_date_stays_the_one_that_was_stated_and_means_the_next_morning_that_is_worked() -> None:
    play = waiting("date: day", head=DAY, data={"day": "2026-11-17"})
    assert play.state.next_timer_at == local("2026-11-17 09:00")
    play.do(c.RecordBreach(observed=None, snapshot_id="s2", data={"day": "2026-12-24"}))
    (told,) = change(play, *HOLIDAYS)
    assert (told.wake_at, told.day) == (local("2026-11-19 09:00"), "2026-11-17")


def test_a_log_that_does_not_keep_the_date_goes_by_what_the_case_states() -> None:
    play = waiting("date: day", head=DAY, data={"day": "2026-11-17"})
    play.log = [structs.replace(event, day="") if isinstance(event, e.WaitStarted) else event for event in play.log]
    play.current = replay(play.log)
    (told,) = change(play, *HOLIDAYS)
    assert (told.wake_at, told.day) == (local("2026-11-19 09:00"), "2026-11-17")


def test_a_wait_of_clock_time_is_left_alone() -> None:
    assert change(waiting("clock: P1D"), *HOLIDAYS) == []


def test_a_wait_that_would_be_over_already_is_over_now() -> None:
    play = waiting("working: P1D")
    change(play, *HOLIDAYS)
    play.now = local("2026-11-18 15:00")
    (told,) = change(play)
    assert told.wake_at == play.now > local("2026-11-17 09:30")
    play.wait(hours=1)
    assert play.do(c.RecomputeClocks(reason="looked at later")) == ()
    play.do(c.FireTimers())
    assert play.state.steps["w"].outcome == "elapsed"


def test_a_wait_that_the_calendar_did_not_reach_goes_by_it_once_it_does() -> None:
    play = waiting("working: P40D")
    change(play, last_year=2026)
    step = play.state.steps["w"]
    assert (step.wake_at, step.note[:27]) == (MONDAY + timedelta(days=40), "the calendar does not reach")
    (told,) = change(play)
    assert (told.wake_at, told.note) == (office().add_working(MONDAY, 40 * timedelta(hours=7.5)), "")


@pytest.mark.parametrize("pausing", [("w", "v"), ("v", "w")])
def test_two_waits_are_one_rest_as_long_as_the_longer_one(pausing: tuple[str, str]) -> None:
    spans = dict(zip(pausing, ("P2D", "P4D"), strict=True))
    waits = "".join(
        f"    - - {{id: {name}, kind: wait, title: {{en: W, zh: 等}}, raci: {{accountable: plant_manager}}, "
        f"until: {{working: {spans[name]}}}, pauses_case: true}}\n"
        for name in "wv"
    )
    play = Play(small(f"- fork:\n    id: f\n    join: all\n    branches:\n{waits}- {human('a')}\n", "sla: P2D\n"))
    play.calendars = {"default": office()}
    play.open()
    assert play.state.paused_until == local("2026-11-20 09:30")
    change(play, *HOLIDAYS)
    assert play.state.paused_until == play.state.ledger[0].until == local("2026-11-24 09:30")
    play.wait(days=20).do(c.FireTimers())
    assert play.state.ledger[0].ended_at == local("2026-11-24 09:30")


@pytest.mark.parametrize(
    ("person", "latest"), [("b1", "11-18 09:30 (Asia/Shanghai)"), ("b2", "11-18 02:30 (Europe/Berlin)")]
)
@pytest.mark.parametrize("action", [c.SnoozeTask, c.PauseTask])
def test_how_long_a_task_may_rest_is_said_in_the_zone_of_who_asks(person: str, latest: str, action: Any) -> None:
    rests = ", actions: {snooze: {at_most: P2D}, pauses: [{id: p, title: {en: P, zh: 停}, at_most: P2D, times: 2}]}"
    play = Play(small(f"- {human('a', extra=rests)}\n"))
    play.calendars = {"berlin": WorkingCalendar("DE", time_zone="Europe/Berlin", first_year=2026, last_year=2027)}
    play.directory = replace(people(), calendars={"b2": "berlin"})
    play.open()
    fields: dict[str, Any] = {"reason": "x"} if action is c.SnoozeTask else {"reason_id": "p"}
    asked = action(task_id="c1.a.1", task_version=1, person_id=person, until=MONDAY + timedelta(days=3), **fields)
    with pytest.raises(Refused) as refused:
        play.do(asked)
    assert f"not after 2026-{latest}" in refused.value.sentence
    play.do(replace(asked, until=MONDAY + timedelta(days=2)))
    with pytest.raises(Refused) as refused:
        play.do(asked)
    assert f"until 2026-{latest}" in refused.value.sentence


def test_a_task_that_was_handed_on_keeps_its_calendar_unless_that_of_who_was_asked_first_changes() -> None:
    berlin = WorkingCalendar("DE", time_zone="Europe/Berlin", first_year=2026, last_year=2027)
    actions = ", actions: {assign: true}"
    play = Play(small(f"- {human('a', extra=actions).replace('PT4H', 'P1D')}\n"))
    play.calendars = {"default": office(), "berlin": berlin}
    play.directory = replace(people(), calendars={"b2": "berlin"})
    task = play.open().task("a")
    assert (task.assignee, task.calendar, task.due_at) == ("b1", "default", local("2026-11-17 09:30"))
    play.do(c.AssignTask(task_id=task.task_id, task_version=1, person_id="b1", to="b2", reason="yours"))
    play.calendars = {**play.calendars, "plant": office(*HOLIDAYS)}
    assert play.do(c.RecomputeClocks(reason="another plant's")) == ()
    play.directory = replace(people(), calendars={"b1": "plant", "b2": "berlin"})
    play.do(c.RecomputeClocks(reason="his department's"))
    assert (play.task("a").calendar, play.task("a").due_at) == ("plant", local("2026-11-19 09:30"))
    stayed = {person_id: one for person_id, one in people().people.items() if person_id != "b1"}
    play.directory = replace(people(), people=stayed, calendars={"b2": "berlin"})
    assert play.do(c.RecomputeClocks(reason="he left")) == ()
