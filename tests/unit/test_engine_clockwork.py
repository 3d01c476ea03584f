"""Ladders, service steps and the effect: what happens because time passes or a job answers."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from msgspec.structs import replace

from tests.engine_world import MONDAY, Play, calendar, human, people, service, shipped, small, to_the_end
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.refusal import Refused


def fired(play: Play) -> list[tuple[int, str, str | None]]:
    return [(r.percent, r.to, r.to_person) for r in play.log if isinstance(r, e.RungFired)]


def local(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00")


def test_the_ladder_climbs_in_working_time() -> None:
    # Monday 09:30, four working hours: 80 % at 14:12 (lunch is 12:00 to 13:30), 100 % at 15:00.
    play = Play(shipped("supply_exception")).open()
    task = play.task("judge")
    assert task.due_at == local("2026-11-16 15:00")
    assert task.next_rung_at == local("2026-11-16 14:12")
    play.now = local("2026-11-16 14:11:59")
    assert play.do(c.FireRungs()) == ()
    play.now = local("2026-11-16 14:12")
    assert len(play.do(c.FireRungs())) == 1
    assert play.do(c.FireRungs()) == ()
    play.now = local("2026-11-16 15:00")
    play.do(c.FireRungs())
    assert fired(play) == [(80, "assignee", "q1"), (100, "manager", "qm")]
    assert play.task("judge").next_rung_at == local("2026-11-16 17:00")


def test_a_late_scan_fires_every_passed_rung_once_and_in_order() -> None:
    play = Play(shipped("supply_exception")).open().wait(days=30)
    play.do(c.FireRungs())
    assert fired(play) == [
        (80, "assignee", "q1"),
        (100, "manager", "qm"),
        (150, "accountable", "qm"),
        (200, "role:ceo", "ceo"),
    ]
    assert play.do(c.FireRungs()) == ()
    times = [r.scheduled_at for r in play.log if isinstance(r, e.RungFired)]
    assert times == sorted(times)


def test_rungs_of_several_tasks_fire_in_the_order_in_which_they_were_due() -> None:
    slow = human("a").replace("sla: PT4H", "sla: PT8H")
    play = Play(
        small(
            f"- fork:\n    id: f\n    join: all\n    branches:\n    - - {slow}\n    - - {human('b')}\n",
            head="ladder:\n- {at: 50, action: remind, to: assignee}\n- {at: 150, action: escalate, to: owner}\n",
        )
    ).open()
    play.wait(days=3).do(c.FireRungs())
    order = [(r.task_id, r.percent) for r in play.log if isinstance(r, e.RungFired)]
    assert order == [("c1.b.1", 50), ("c1.a.1", 50), ("c1.b.1", 150), ("c1.a.1", 150)]


def test_an_absent_manager_is_passed_over_on_the_way_up() -> None:
    absent = people({"qm": ((date(2026, 11, 1), date(2026, 12, 31)),)})
    play = Play(shipped("supply_exception"), directory=absent).open().wait(days=1)
    play.do(c.FireRungs())
    assert (100, "manager", "pm") in fired(play)


def test_a_decided_task_fires_nothing_and_a_late_decision_is_marked() -> None:
    play = Play(shipped("supply_exception")).open().wait(days=1)
    play.choose("judge", "reject", judgement="No")
    assert play.state.tasks["c1.judge.1"].late
    assert play.do(c.FireRungs()) == ()


def test_a_failed_job_is_tried_again_under_the_same_key_then_a_person_is_asked() -> None:
    play = Play(small(f"- {service('s', attempts=2)}\n- {human('last')}\n")).open()
    play.do(c.FailService(step_id="s", run_id="r1", error="boom"))
    assert play.do(c.FailService(step_id="s", run_id="r1", error="boom")) == (), "the same run reported twice"
    assert play.do(c.FailService(step_id="s", run_id="r0", error="boom", attempt=1)) == (), "an earlier attempt"
    requests = [r for r in play.log if isinstance(r, e.ServiceRequested)]
    assert [(r.attempt, r.idempotency_key) for r in requests] == [(1, "c1.s.1"), (2, "c1.s.1")]
    play.do(c.FailService(step_id="s", run_id="r2", error="boom"))
    task = play.task("s")
    assert (task.purpose, task.assignee, play.state.steps["s"].status) == ("rescue", "o1", "failed")
    assert [o.id for o in question_of(play.template, task).outcomes] == ["retry", "done_by_hand"]
    play.choose("s", "retry")
    play.do(c.FailService(step_id="s", run_id="r3", error="boom"))
    assert play.task("s").task_id == "c1.s.2"
    with pytest.raises(Refused, match="form_incomplete"):
        play.choose("s", "done_by_hand")
    play.choose("s", "done_by_hand", comment="Moved the orders in MES")
    assert play.task("last")
    assert "comment" not in play.state.data
    with pytest.raises(Refused, match="step_not_waiting"):
        play.do(c.CompleteService(step_id="s", run_id="r3"))


def test_a_final_failure_asks_a_person_at_once_and_a_late_success_withdraws_the_question() -> None:
    play = Play(small(f"- {service('s', attempts=5)}\n")).open()
    play.do(c.FailService(step_id="s", run_id="r1", error="boom", final=True))
    rescue = play.task("s")
    play.do(c.CompleteService(step_id="s", run_id="r1", result={"n": 1}))
    assert play.state.tasks[rescue.task_id].status == "cancelled"
    assert play.state.outcome == "completed"


def test_a_failed_job_is_still_failed_when_its_incident_is_back() -> None:
    head = "closes: on_resolution\nreopens_within: P30D\n"
    play = Play(small(f"- {service('s', attempts=1)}\n- {human('after')}\n", head)).open()
    play.wait(minutes=31).do(c.TimeOutServices())
    play.do(c.ResolveIncident(snapshot_id="s2"))
    play.wait(minutes=5).do(c.ReopenIncident(observed="1", snapshot_id="s3"))
    assert play.state.steps["s"].status == "failed"
    key = play.state.steps["s"].idempotency_key
    late = c.FailService(step_id="s", run_id="run1", error="failed after all", attempt=1, idempotency_key=key)
    assert play.do(late) == ()
    assert [task.task_id for task in play.state.open_tasks] == ["c1.s.1"]
    play.choose("s", "done_by_hand", comment="x")
    assert [task.task_id for task in play.state.open_tasks] == ["c1.after.1"]


@pytest.mark.parametrize("outcome", ["retry", "done_by_hand"])
def test_a_failed_job_that_two_are_asked_about_is_rescued_once(outcome: str) -> None:
    play = Play(small(f"- {service('s', attempts=1)}\n- {human('after')}\n")).open()
    play.do(c.FailService(step_id="s", run_id="r1", error="boom", final=True))
    one = play.task("s")
    # A case of an earlier release may have a second question open.
    two = replace(one, task_id="c1.s.2")
    steps = {**play.state.steps, "s": replace(play.state.steps["s"], tasks=2)}
    play.current = replace(play.state, tasks={one.task_id: one, two.task_id: two}, steps=steps)
    play.choose("s", outcome, comment="x")
    assert play.state.tasks["c1.s.2"].status == "cancelled"
    play.current = replace(play.state, tasks={**play.state.tasks, "c1.s.2": two})
    if outcome == "done_by_hand":
        with pytest.raises(Refused, match="step_not_waiting"):
            play.choose("s", outcome, comment="x")
        assert play.state.steps["after"].visit == 1


def test_a_silent_job_runs_out_of_time() -> None:
    play = Play(small(f"- {service('s', attempts=2)}\n")).open()
    play.wait(minutes=29)
    assert play.do(c.TimeOutServices()) == ()
    play.wait(minutes=1)
    play.do(c.TimeOutServices())
    assert play.do(c.TimeOutServices()) == ()
    assert play.state.steps["s"].timeout_at == play.now + timedelta(minutes=30)
    play.wait(minutes=31).do(c.TimeOutServices())
    assert play.task("s").purpose == "rescue"


def test_an_effective_case_is_done() -> None:
    play = to_the_end(Play(shipped("supply_exception")))
    with pytest.raises(Refused, match="effect_not_due"):
        play.do(c.JudgeEffect(observed="0.9", snapshot_id="s5"))
    play.wait(days=7).do(c.JudgeEffect(observed="0.80", snapshot_id="s5"))
    assert play.state.status == "effective"
    with pytest.raises(Refused, match="effect_not_due"):
        play.do(c.JudgeEffect(observed="0.9", snapshot_id="s6"))


@pytest.mark.parametrize(("observed", "status"), [("0.08", "effective"), ("0.0801", "open"), ("0.02", "effective")])
def test_the_forbidden_side_of_the_limit_decides_the_direction(observed: str, status: str) -> None:
    play = to_the_end(Play(shipped("supply_exception")), direction="above", threshold="0.08", observed="0.1")
    play.wait(days=7).do(c.JudgeEffect(observed=observed, snapshot_id="s2"))
    assert play.state.status == status


def test_an_ineffective_case_starts_again_once_then_goes_to_its_owner() -> None:
    play = to_the_end(Play(shipped("supply_exception")))
    play.wait(days=7).do(c.JudgeEffect(observed="0.79", snapshot_id="s5"))
    assert (play.state.status, play.state.reopened, play.state.outcome) == ("open", 1, None)
    assert play.task("judge").task_id == "c1.judge.2"
    play.choose("judge", "confirm", impact_amount="600000", exception_cause="unknown")
    play.choose("protect", "covered")
    play.choose("supplier", "other_source", delivery_date="2026-12-20", supplier_measure="B")
    with pytest.raises(Refused, match="step_not_waiting"):
        play.do(c.CompleteService(step_id="replan", run_id="old", idempotency_key="c1.replan.1"))
    play.do(c.CompleteService(step_id="replan", run_id="r2", idempotency_key="c1.replan.2"))
    assert play.task("assess").role == "cfo"
    play.choose("assess", "decline", assessment="No")
    play.choose("promise", "kept")
    play.wait(days=7).do(c.JudgeEffect(observed="0.79", snapshot_id="s9"))
    assert play.state.status == "ineffective"
    handed_up = play.log[-1]
    assert isinstance(handed_up, e.EffectEscalated)
    assert (handed_up.to, handed_up.to_person) == ("role:purchasing_manager", "bm")


def test_a_breach_while_the_effect_is_watched_belongs_to_the_case_and_wakes_nobody() -> None:
    play = to_the_end(Play(shipped("supply_exception")))
    assert play.state.holds_key
    assert not play.state.is_open
    play.do(c.RecordBreach(observed="0.5", snapshot_id="s5"))
    assert (play.state.status, play.state.breaches, play.state.latest_observed) == ("watching_effect", 2, "0.5")
    assert play.state.open_tasks == ()
    play.wait(days=7).do(c.JudgeEffect(observed="0.99", snapshot_id="s9"))
    assert play.state.status == "effective"
    assert not play.state.holds_key


def test_an_effect_without_a_figure_is_looked_at_again_for_a_week_at_most() -> None:
    play = to_the_end(Play(shipped("supply_exception")))
    play.wait(days=7)
    for look in range(1, 7):
        play.do(c.JudgeEffect(observed=None, snapshot_id="s"))
        assert (play.state.effect_attempt, play.state.effect_due_at) == (look + 1, play.now + timedelta(days=1))
        play.wait(days=1)
    play.do(c.JudgeEffect(observed=None, snapshot_id="s"))
    assert play.state.status == "closed"


def test_a_figure_from_before_the_window_is_over_is_none() -> None:
    play = to_the_end(Play(shipped("supply_exception")))
    assert play.state.closed_at is not None
    over = calendar().local_date(play.state.closed_at + timedelta(days=7))
    play.wait(days=7).do(c.JudgeEffect(observed="0.99", snapshot_id="s", as_of=over - timedelta(days=1)))
    assert (play.state.status, play.state.effect_attempt) == ("watching_effect", 2)
    play.wait(days=1).do(c.JudgeEffect(observed="0.99", snapshot_id="s", as_of=over))
    judged = play.log[-1]
    assert isinstance(judged, e.EffectJudged)
    assert (judged.effective, judged.observed, judged.as_of) == (True, "0.99", over.isoformat())


def test_figures_that_stay_behind_the_window_judge_nothing() -> None:
    play = to_the_end(Play(shipped("supply_exception")))
    for _ in range(7):
        play.wait(days=7).do(c.JudgeEffect(observed="0.99", snapshot_id="s", as_of=MONDAY.date()))
    judged = play.log[-1]
    assert isinstance(judged, e.EffectJudged)
    assert (judged.effective, judged.observed, judged.as_of) == (None, None, MONDAY.date().isoformat())


def test_a_rule_without_a_threshold_cannot_be_judged_and_says_so() -> None:
    play = to_the_end_without_threshold()
    play.wait(days=7).do(c.JudgeEffect(observed="0.5", snapshot_id="s"))
    judged = play.log[-1]
    assert isinstance(judged, e.EffectJudged)
    assert judged.effective is None
    assert "no answer" in judged.note


def to_the_end_without_threshold() -> Play:
    play = Play(
        small(
            f"- {human('a')}\n",
            head="effect: {metric_from: trigger, window: P7D, rule: 'value >= threshold', on_failure: escalate}\n",
        )
    ).open(threshold=None)
    play.choose("a", "ok")
    return play


def test_one_working_day_is_seven_and_a_half_hours_here() -> None:
    play = Play(small(f"- {human('a')}\n".replace("PT4H", "P1D"))).open()
    assert play.task("a").sla_seconds == int(7.5 * 3600)
    assert play.task("a").due_at == local("2026-11-17 09:30")
    assert calendar().working_between(MONDAY, play.task("a").due_at) == timedelta(hours=7.5)
