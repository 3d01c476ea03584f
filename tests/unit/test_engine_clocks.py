"""Clocks of tasks and cases: calendars of departments, stated pauses and their ledger, the case's own time, changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from resources.people import Substitute
from tests.engine_world import MONDAY, Play, calendar, human, people, service, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.working_time import WorkingCalendar

PAUSES = (
    ", actions: {snooze: {at_most: P2D, times: 1}, pauses: ["
    "{id: supplier, title: {en: Waiting for the supplier, zh: 等供应商}, at_most: P5D, times: 2}]}"
)
THREE = (
    "[{id: all_, style: primary, title: {en: All, zh: 全}}, {id: partly, title: {en: Partly, zh: 部分}}, "
    "{id: none, style: danger, title: {en: None, zh: 否}}]"
)
TWO = "[{id: ok, title: {en: Ok, zh: 好}}, {id: late, title: {en: Late, zh: 晚}}]"


@cache
def plant(**changes: Any) -> WorkingCalendar:
    week = {"mon-sat": ["06:00-14:00", "14:00-22:00", "22:00-06:00"]}
    return WorkingCalendar("CN", week=week, first_year=2024, last_year=2028, **changes)


def office(*days_off: date) -> WorkingCalendar:
    return WorkingCalendar("CN", days_off=days_off, first_year=2024, last_year=2028)


def play_of(steps: str, head: str = "", **given: Any) -> Play:
    return Play(small(steps, head), **given)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00")


def pause(play: Play, step: str = "a", **more: Any) -> tuple[e.Event, ...]:
    task = play.task(step)
    fields = {"person_id": task.assignee or "", "reason_id": "supplier", **more}
    return play.do(c.PauseTask(task_id=task.task_id, task_version=task.version, **fields))


def of(play: Play, kind: type[e.Event]) -> list[Any]:
    return [event for event in play.log if isinstance(event, kind)]


# -- whose calendar ------------------------------------------------------------------------------------------------


def follow(names: Mapping[str, str]) -> Any:
    return replace(people(), calendars=names)


def test_a_task_runs_by_the_calendar_of_its_assignee_else_by_the_templates() -> None:
    branches = f"    - - {human('a', 'buyer')}\n    - - {human('b', 'sales_rep')}\n"
    play = play_of(f"- fork:\n    id: f\n    join: all\n    branches:\n{branches}", "calendar: night\n")
    play.directory = follow({"b1": "plant"})
    play.calendars = {"plant": plant(), "night": office(date(2026, 11, 16)), "default": calendar()}
    play.open()
    a, b = play.task("a"), play.task("b")
    assert (a.assignee, a.calendar, a.due_at) == ("b1", "plant", at("2026-11-16 13:30"))
    assert (b.assignee, b.calendar, b.due_at) == ("s1", "night", at("2026-11-17 14:30"))


def test_handing_a_task_on_leaves_its_clock() -> None:
    directory = replace(follow({"b1": "plant"}), absences={"b1": ((date(2026, 11, 17), date(2026, 11, 20)),)})
    play = play_of(f"- {human('a').replace('PT4H', 'P2D')}\n", directory=directory, calendars={"plant": plant()})
    before = play.open().task("a")
    play.wait(days=1).do(c.ReassignAbsent())
    after = play.task("a")
    assert (after.assignee, after.calendar, after.due_at) == ("b2", "plant", before.due_at)


def test_a_day_is_a_day_of_the_calendar_and_its_night_shift_counts() -> None:
    play = play_of(f"- {human('a').replace('PT4H', 'P1D')}\n", directory=follow({"b1": "plant"}))
    play.calendars = {"plant": plant()}
    task = play.open().task("a")
    assert task.sla_seconds == 24 * 3600
    assert task.due_at == at("2026-11-17 09:30")


# -- stated pauses -------------------------------------------------------------------------------------------------


def test_a_clock_waits_for_a_stated_reason_and_the_ledger_says_so() -> None:
    play = play_of(f"- {human('a', extra=PAUSES)}\n").open()
    before = play.task("a")
    play.wait(hours=1)
    pause(play, until=at("2026-11-18 10:30"), comment=" Waiting for S1 ")
    resting = play.task("a")
    assert resting.next_rung_at == at("2026-11-18 10:30"), "its clock goes on by itself"
    assert resting.due_at == at("2026-11-18 15:00")
    (entry,) = play.state.ledger
    assert (entry.reason_id, entry.reason, entry.person_id, entry.ended_at) == (
        "supplier",
        "Waiting for S1",
        "b1",
        None,
    )
    # The scan that finds it over comes a day late: the clock has run since the time that was asked for.
    play.now = at("2026-11-19 10:30")
    play.do(c.FireRungs())
    (entry,) = play.state.ledger
    assert entry.ended_at == at("2026-11-18 10:30")
    assert entry.working_seconds == play.task("a").paused_seconds == 15 * 3600
    assert play.task("a").due_at == calendar().add_working(before.due_at, timedelta(hours=15))


def test_a_decision_ends_the_rest_and_the_ledger_says_how_long_it_was() -> None:
    play = play_of(f"- {human('a', extra=PAUSES)}\n- {human('b')}\n").open()
    before = play.task("a").due_at
    play.wait(hours=1)
    pause(play, until=at("2026-11-18 10:30"))
    play.now = at("2026-11-17 10:30")
    play.choose("a", "ok")
    task = play.state.tasks["c1.a.1"]
    (entry,) = play.state.ledger
    assert (entry.ended_at, entry.working_seconds) == (at("2026-11-17 10:30"), 27000)
    assert (task.status, task.paused_seconds, task.paused_until, task.late) == ("decided", 27000, None, False)
    assert task.due_at == calendar().add_working(before, timedelta(seconds=27000))
    (resumed,) = of(play, e.TaskResumed)
    assert (resumed.because, resumed.person_id) == ("decided", "b1")


def test_a_pause_without_a_time_lasts_as_long_as_its_reason_allows_and_may_end_before() -> None:
    play = play_of(f"- {human('a', extra=PAUSES)}\n").open()
    before = play.task("a").due_at
    pause(play)
    assert play.task("a").paused_until == MONDAY + timedelta(days=5)
    play.wait(hours=1).do(c.WakeTask(task_id="c1.a.1", person_id="b1"))
    assert play.task("a").due_at == calendar().add_working(before, timedelta(hours=1))


def test_a_pause_is_bounded_in_length_and_number_and_apart_from_snoozing() -> None:
    play = play_of(f"- {human('a', extra=PAUSES)}\n- {human('b')}\n").open()
    with pytest.raises(Refused, match="pause_invalid"):
        pause(play, until=MONDAY + timedelta(days=6))
    with pytest.raises(Refused, match="pause_invalid"):
        pause(play, until=MONDAY)
    with pytest.raises(Refused, match="'weather' is no reason of this step"):
        pause(play, reason_id="weather")
    with pytest.raises(Refused, match="not_allowed"):
        pause(play, person_id="s1")
    for _ in range(2):
        pause(play)
        with pytest.raises(Refused, match="rests already"):
            pause(play)
        play.wait(hours=1).do(c.WakeTask(task_id="c1.a.1", person_id="b1"))
    with pytest.raises(Refused, match="2 times for this reason"):
        pause(play)
    until = play.now + timedelta(days=1)
    play.do(c.SnoozeTask(task_id="c1.a.1", task_version=1, person_id="b1", until=until, reason="Holiday"))
    assert [entry.reason_id for entry in play.state.ledger] == ["supplier", "supplier", ""]
    play.wait(days=2).do(c.FireRungs())
    play.choose("a", "ok")
    with pytest.raises(Refused, match="action_not_offered"):
        pause(play, "b")


# -- the ladder ----------------------------------------------------------------------------------------------------


def ladder(*rungs: str) -> str:
    return "".join(["ladder:\n", *(f"- {{{rung}}}\n" for rung in rungs)])


def test_a_rung_hands_a_late_task_on_and_the_ladder_goes_on_with_the_new_assignee() -> None:
    head = ladder("at: 100, action: reassign, to: manager", "at: 150, action: escalate, to: manager")
    play = play_of(f"- {human('a')}\n", head).open()
    play.now = at("2026-11-16 15:00")
    play.do(c.FireRungs())
    task = play.task("a")
    assert (task.assignee, task.version) == ("bm", 2)
    assert task.assigned_because == "100 % of the time had passed: goes to manager"
    with pytest.raises(Refused, match="stale_task"):
        play.do(c.DecideTask(task_id="c1.a.1", task_version=1, person_id="b1", outcome="ok"))
    play.wait(days=1).do(c.FireRungs())
    assert [(r.percent, r.to_person) for r in of(play, e.RungFired)] == [(100, "bm"), (150, "ceo")]
    play.choose("a", "ok")
    assert replay(play.log) == play.state


def test_a_late_task_is_not_handed_to_who_asked_for_it_nor_to_somebody_away() -> None:
    head = ladder("at: 100, action: reassign, to: 'role:ceo'")
    own = play_of(f"- {human('a')}\n", head).open(requested_by="ceo").wait(days=1)
    own.do(c.FireRungs())
    assert (own.task("a").assignee, of(own, e.RungFired)[0].to_person) == ("b1", None)
    gone = people({"ceo": ((date(2026, 11, 1), date(2026, 12, 1)),)})
    away = play_of(f"- {human('a')}\n", head, directory=gone).open().wait(days=1)
    away.do(c.FireRungs())
    assert away.task("a").assignee == "b1"
    assert away.do(c.FireRungs()) == (), "the rung has fired all the same"


def test_no_rung_hands_an_approval_below_its_tier() -> None:
    step = (
        "{id: a, kind: human, title: {en: A, zh: 步}, raci: {accountable: cfo}, sla: PT4H, "
        "tiers: [{default: true, responsible: finance_manager, accountable: cfo}], "
        "outcomes: [{id: ok, title: {en: Ok, zh: 好}}]}"
    )
    play = play_of(f"- {step}\n", ladder("at: 100, action: reassign, to: 'role:buyer'")).open().wait(days=1)
    play.do(c.FireRungs())
    assert play.task("a").assignee == "fm"


def test_no_rung_hands_a_pooled_approval_below_its_tier() -> None:
    step = (
        "{id: a, kind: human, title: {en: A, zh: 步}, raci: {accountable: cfo}, sla: PT4H, pool: true, "
        "tiers: [{default: true, responsible: finance_manager, accountable: cfo}], "
        "outcomes: [{id: ok, title: {en: Ok, zh: 好}}]}"
    )
    # Nobody has it, so the manager is who answers for it; whom that one named as his substitute has no such role.
    week = (date(2026, 11, 16), date(2026, 11, 22))
    company = replace(people({"cfo": (week,)}), substitutes={"cfo": (Substitute("f1", *week),)})
    head = ladder("at: 40, action: reassign, to: manager")
    play = play_of(f"- {step}\n", head, directory=company).open().wait(hours=2)
    play.do(c.FireRungs())
    assert (play.task("a").assignee, play.task("a").pooled) == (None, True)
    play.do(c.ClaimTask(task_id="c1.a.1", task_version=1, person_id="fm"))
    assert play.task("a").assignee == "fm"


def test_no_rung_hands_on_what_an_added_approver_is_asked() -> None:
    head = ladder("at: 100, action: reassign, to: manager")
    play = play_of(f"- {human('a', extra=', actions: {add_approver: true}', outcomes=THREE)}\n", head).open()
    add_approver(play, "f1")
    play.wait(days=1).do(c.FireRungs())
    assert [task.assignee for task in play.state.open_tasks] == ["bm", "f1"]
    assert [(r.task_id, r.to_person) for r in of(play, e.RungFired)] == [("c1.a.1", "bm"), ("c1.a.2", None)]


@pytest.mark.parametrize(
    ("own", "settled"), [("partly", "partly"), ("all_", "all_"), (None, "all_")], ids=["less", "same", "nobody"]
)
def test_a_default_is_one_choice_beside_those_that_people_made(own: str | None, settled: str) -> None:
    """Where approvers were added, what one of them leaves open does not undo what another has decided."""
    own_ladder = ", actions: {add_approver: true}, ladder: [{at: 100, action: default, to: owner, outcome: all_}]"
    play = play_of(f"- {human('a', extra=own_ladder, outcomes=THREE)}\n").open()
    add_approver(play, "f1")
    if own is not None:
        play.choose("a", own, "b1")
    play.wait(days=1).do(c.FireRungs())
    assert play.state.steps["a"].outcome == settled
    assert [(task.outcome, task.by_default) for task in play.state.tasks.values()] == [
        (own or "all_", own is None),
        ("all_", True),
    ]
    assert replay(play.log) == play.state


def test_a_default_waits_for_the_approver_who_was_added_later() -> None:
    own_ladder = ", actions: {add_approver: true}, ladder: [{at: 100, action: default, to: owner, outcome: all_}]"
    play = play_of(f"- {human('a', extra=own_ladder, outcomes=THREE)}\n").open().wait(hours=2)
    add_approver(play, "f1")
    play.now = at("2026-11-16 15:00")
    play.do(c.FireRungs())
    (left,) = play.state.open_tasks
    assert (left.assignee, play.state.steps["a"].status) == ("f1", "active")
    play.choose("a", "none", "f1")
    assert play.state.steps["a"].outcome == "none"


def add_approver(play: Play, person: str) -> None:
    task = play.task("a")
    play.do(c.AddApprover(task_id=task.task_id, task_version=task.version, person_id="b1", to=person, reason="x"))


def test_a_rung_takes_the_outcome_that_the_template_states_and_the_case_goes_on() -> None:
    head = ladder("at: 100, action: remind, to: assignee", "at: 200, action: default, outcome: late, to: owner")
    play = play_of(f"- {human('a', outcomes=TWO)}\n- {human('b', outcomes=TWO)}\n", head).open()
    play.wait(days=3).do(c.FireRungs())
    taken = play.state.tasks["c1.a.1"]
    assert (taken.status, taken.outcome, taken.decided_by, taken.by_default) == ("decided", "late", None, True)
    assert play.state.steps["a"].outcome == "late"
    assert play.task("b").due_at > play.now, "the next step has its whole time"
    assert [(r.percent, r.action) for r in of(play, e.RungFired)] == [(100, "remind"), (200, "default")]
    with pytest.raises(Refused, match="already_decided"):
        play.do(c.DecideTask(task_id="c1.a.1", task_version=1, person_id="b1", outcome="ok"))
    assert replay(play.log) == play.state


def test_a_default_that_a_step_does_not_offer_is_told_about_and_nothing_else() -> None:
    head = ladder("at: 100, action: default, outcome: late, to: owner")
    play = play_of(f"- {service('s', attempts=1)}\n- {human('b')}\n", head).open()
    play.do(c.FailService(step_id="s", run_id="r1", error="boom"))
    play.wait(days=2).do(c.FireRungs())
    assert play.task("s").assignee == "o1"
    assert (len(of(play, e.RungFired)), of(play, e.DefaultTaken)) == (1, [])


def test_a_department_is_told_as_a_whole() -> None:
    play = play_of(f"- {human('a')}\n", ladder("at: 100, action: escalate, to: department")).open().wait(days=1)
    play.do(c.FireRungs())
    (fired,) = of(play, e.RungFired)
    assert (fired.to, fired.to_person) == ("department", None)


# -- the time of the whole case ------------------------------------------------------------------------------------

CASE = "sla: P2D\ncase_ladder:\n- {at: 50, action: remind, to: owner}\n- {at: 100, action: escalate, to: 'role:ceo'}\n"
WAIT = (
    "{id: w, kind: wait, title: {en: Samples, zh: 样品}, raci: {accountable: plant_manager}, "
    "until: {clock: P3D}, signal: arrived, pauses_case: true}"
)


def case_rungs(play: Play) -> list[tuple[int, str | None]]:
    return [(rung.percent, rung.to_person) for rung in of(play, e.CaseRungFired)]


def test_the_case_has_a_time_and_a_ladder_of_its_own() -> None:
    play = play_of(f"- {human('a')}\n", CASE).open()
    assert (play.state.due_at, play.state.next_timer_at) == (at("2026-11-18 09:30"), at("2026-11-17 09:30"))
    play.now = at("2026-11-17 09:29")
    assert play.do(c.FireTimers()) == ()
    play.wait(minutes=1).do(c.FireTimers())
    assert play.do(c.FireTimers()) == ()
    assert case_rungs(play) == [(50, "pm")]
    play.wait(days=30).do(c.FireTimers())
    assert case_rungs(play) == [(50, "pm"), (100, "ceo")]
    assert play.state.next_timer_at is None
    plain = play_of(f"- {human('a')}\n").open()
    assert (plain.state.due_at, plain.state.next_timer_at, of(plain, e.CaseClockStarted)) == (None, None, [])


@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=2)])
def test_the_clock_of_the_case_rests_while_a_step_waits_however_late_the_scan_comes(late: timedelta) -> None:
    play = play_of(f"- {WAIT}\n- {human('a')}\n", CASE).open()
    assert (play.state.paused_at, play.state.next_timer_at) == (MONDAY, MONDAY + timedelta(days=3))
    play.now = MONDAY + timedelta(days=3) + late
    play.do(c.FireTimers())
    rested = calendar().working_between(MONDAY, MONDAY + timedelta(days=3))
    assert play.state.due_at == calendar().add_working(at("2026-11-18 09:30"), rested)
    (entry,) = play.state.ledger
    assert (entry.task_id, entry.step_id, entry.working_seconds) == (None, "w", int(rested.total_seconds()))
    assert entry.ended_at == MONDAY + timedelta(days=3)
    assert play.task("a")


def test_a_signal_ends_the_rest_and_two_waits_are_one() -> None:
    other = WAIT.replace("id: w", "id: v").replace("signal: arrived", "signal: paid")
    fork = f"- fork:\n    id: f\n    join: all\n    branches:\n    - - {WAIT}\n    - - {other}\n- {human('a')}\n"
    play = play_of(fork, CASE).open()
    play.wait(hours=1).do(c.SendSignal(signal="arrived"))
    assert play.state.paused_at == MONDAY, "the other one waits still"
    play.wait(hours=1).do(c.SendSignal(signal="paid"))
    assert play.state.paused_at is None
    assert play.state.paused_seconds == 2 * 3600
    assert len(play.state.ledger) == 1


def test_a_case_that_ends_while_it_rests_leaves_no_rest_open() -> None:
    play = play_of(f"- {WAIT}\n", CASE).open(requested_by="s1")
    play.wait(hours=2).do(c.WithdrawCase(person_id="s1", reason="Not needed"))
    assert play.state.status == "closed"
    (entry,) = play.state.ledger
    assert (entry.ended_at, entry.working_seconds) == (play.now, 2 * 3600)
    assert play.state.next_timer_at is None


def test_a_case_that_is_opened_again_goes_on_where_its_cause_is_back_and_anew_where_it_had_no_effect() -> None:
    again = play_of(f"- {human('a')}\n", f"closes: on_resolution\nreopens_within: P1D\n{CASE}").open()
    again.wait(hours=1).do(c.ResolveIncident())
    assert again.state.next_timer_at is None
    again.wait(hours=2).do(c.ReopenIncident(observed=None, snapshot_id="s2"))
    gone = calendar().working_between(MONDAY + timedelta(hours=1), again.now)
    assert again.state.due_at == calendar().add_working(at("2026-11-18 09:30"), gone)
    effect = "effect: {metric_from: trigger, window: P7D, rule: 'value >= threshold', on_failure: reopen}\n"
    anew = play_of(f"- {human('a')}\n", f"{effect}{CASE}").open()
    anew.choose("a", "ok")
    anew.wait(days=7).do(c.JudgeEffect(observed="0.1", snapshot_id="s3"))
    assert (anew.state.due_at, anew.state.rung_index) == (calendar().add_working(anew.now, timedelta(hours=15)), 0)
    for play in (again, anew):
        assert replay(play.log) == play.state


# -- a changed calendar --------------------------------------------------------------------------------------------


def test_a_changed_calendar_moves_open_clocks_and_the_log_says_so() -> None:
    tuesday = date(2026, 11, 17)
    play = play_of(
        f"- {human('a').replace('PT4H', 'P2D')}\n", f"{CASE}{ladder('at: 80, action: remind, to: assignee')}"
    )
    play.calendars = {"default": office()}
    before = play.open().task("a")
    play.calendars = {"default": office(tuesday)}
    told = play.do(c.RecomputeClocks(reason="a day off"))
    assert [
        (event.task_id, event.previous_due_at, event.reason) for event in told if isinstance(event, e.ClockRecomputed)
    ] == [
        (None, at("2026-11-18 09:30"), "a day off"),
        ("c1.a.1", at("2026-11-18 09:30"), "a day off"),
    ]
    task = play.task("a")
    assert (before.due_at, task.due_at) == (at("2026-11-18 09:30"), at("2026-11-19 09:30"))
    assert task.next_rung_at == at("2026-11-18 15:30")
    assert (play.state.due_at, play.state.rung_at) == (at("2026-11-19 09:30"), at("2026-11-18 09:30"))
    assert play.do(c.RecomputeClocks(reason="a day off")) == (), "twice changes nothing"
    assert replay(play.log) == play.state


def test_a_department_that_gets_a_calendar_takes_its_open_tasks_along() -> None:
    play = play_of(f"- {human('a').replace('PT4H', 'P1D')}\n", calendars={"plant": plant()}).open()
    play.directory = follow({"b1": "plant"})
    play.do(c.RecomputeClocks(reason="the plant's own"))
    task = play.task("a")
    assert (task.calendar, task.sla_seconds, task.due_at) == ("plant", 24 * 3600, at("2026-11-17 09:30"))


def test_what_rests_wakes_when_it_was_to_and_what_fired_does_not_fire_again() -> None:
    head = ladder("at: 50, action: remind, to: assignee", "at: 100, action: escalate, to: manager")
    play = play_of(f"- {human('a', extra=PAUSES)}\n", head, calendars={"default": office()}).open()
    play.wait(hours=2).do(c.FireRungs())
    pause(play, until=at("2026-11-18 10:00"))
    play.calendars = {"default": office(date(2026, 11, 18))}
    play.do(c.RecomputeClocks(reason="a day off"))
    assert play.task("a").next_rung_at == at("2026-11-18 10:00")
    play.now = at("2026-11-19 18:00")
    play.do(c.FireRungs())
    assert [rung.percent for rung in of(play, e.RungFired)] == [50, 100]
    assert of(play, e.RungFired)[1].scheduled_at == at("2026-11-19 11:00")


def test_a_case_that_is_over_has_no_clock_to_move() -> None:
    play = play_of(f"- {human('a')}\n", CASE).open()
    play.choose("a", "ok")
    play.calendars = {"default": office(date(2026, 11, 17))}
    assert play.do(c.RecomputeClocks(reason="a day off")) == ()


def test_a_calendar_that_is_not_published_so_far_is_marked_on_the_case_too() -> None:
    play = play_of(f"- {human('a')}\n", CASE, now=at("2026-12-31 09:30")).open()
    assert play.task("a").calendar_confirmed and not play.state.calendar_confirmed
