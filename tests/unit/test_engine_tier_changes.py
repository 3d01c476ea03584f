"""A case that becomes another one while an approval waits: never decided below the tier that it needs then."""

from __future__ import annotations

from dataclasses import replace as changed
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.engine_world import Play, people, shipped, small
from tests.unit.test_outgoing_people import sent
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.slack.case_lines import decision_line
from workflow_jobs.slack.wording import CardContext
from workflow_jobs.step_visits import step_visits

T = "{en: T, zh: 题}"
AMOUNT = f"inputs:\n- {{name: amount, type: decimal, required: true, title: {T}}}\n"
LOW, HIGH, TOP = (
    "{when: 'data.amount < 10000.0', responsible: finance_analyst}",
    "{when: 'data.amount < 500000.0', responsible: finance_manager, accountable: cfo}",
    "{default: true, responsible: ceo}",
)
FIGURE = ("{when: 'case.observed != null && case.observed < 0.1', responsible: finance_analyst}", TOP)
BY_KIND = ("{when: 'data.amount < 5.0', responsible: buyer}", "{default: true, responsible: sales_rep}")
ACTIONS = ", actions: {delegate: true, add_approver: true, snooze: {at_most: P2D}}"
CHOICES = f"[{{id: ok, style: primary, title: {T}}}, {{id: nay, style: danger, title: {T}}}]"


def play(*tiers: str, extra: str = ACTIONS, head: str = AMOUNT, **given: Any) -> Play:
    step = (
        f"- {{id: approve, kind: human, title: {T}, raci: {{accountable: plant_manager}}, sla: PT4H, "
        f"tiers: [{', '.join(tiers or (LOW, HIGH, TOP))}], outcomes: {CHOICES}{extra}}}\n"
    )
    return Play(small(step, head)).open(**{"data": {"amount": "500"}, **given})


def worse(case: Play, amount: str = "900000", **given: Any) -> tuple[e.Event, ...]:
    return case.do(c.RecordBreach(**{"snapshot_id": "s2", "observed": "0.7", "data": {"amount": amount}, **given}))


def kinds(events: tuple[e.Event, ...]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_an_input_that_grows_takes_the_question_to_the_tier_that_it_needs() -> None:
    case = play()
    old = case.wait(hours=3).task("approve")
    assert (old.tier, old.assignee) == (0, "f1")
    assert kinds(worse(case)) == ["BreachRecorded", "TaskCancelled", "TaskCreated"]
    new = case.task("approve")
    assert (new.tier, new.assignee, new.created_at) == (2, "ceo", case.now), "with its whole time"
    gone = case.state.tasks[old.task_id]
    assert (gone.status, gone.next_rung_at) == ("cancelled", None)
    with pytest.raises(Refused) as refused:
        case.do(c.DecideTask(task_id=old.task_id, task_version=old.version, person_id="f1", outcome="ok", form={}))
    assert "it takes the role ceo now" in refused.value.sentence and "角色 ceo" in refused.value.chinese
    assert len(case.state.steps) == 1 and case.state.steps["approve"].visit == 1
    case.wait(hours=1).choose("approve", "ok")
    assert (case.state.status, case.state.steps["approve"].outcome) == ("closed", "ok")
    assert replay(case.log) == case.state
    (visit,), fates = step_visits(
        [e.to_json(event) for event in case.log], lambda _calendar: lambda start, end: end - start
    )
    assert (visit.role, visit.assignee, visit.working, visit.again) == ("ceo", "ceo", timedelta(hours=4), "")
    assert [fate.status for fate in fates.values()] == ["cancelled", "decided"]


def test_a_figure_that_is_worse_does_the_same_and_one_that_says_nothing_is_asked_of_the_highest() -> None:
    for observed in ("0.60", None):
        case = play(*FIGURE, observed="0.09")
        assert case.task("approve").assignee == "f1"
        worse(case, observed=observed, data={})
        assert case.task("approve").assignee == "ceo"


def test_what_makes_no_difference_to_the_tier_changes_no_task() -> None:
    case = play()
    assert kinds(worse(case, "9999.99")) == ["BreachRecorded"]
    assert case.task("approve").tier == 0


def test_a_case_that_is_less_stays_with_the_higher_tier_that_has_it() -> None:
    """Whoever may decide the larger one may decide this one: a figure that flaps moves no task to and fro."""
    case = play(data={"amount": "900000"})
    assert kinds(worse(case, "1")) == ["BreachRecorded"]
    assert case.task("approve").assignee == "ceo"


def test_another_tier_that_is_as_high_is_asked_either_way() -> None:
    case = play(*BY_KIND, data={"amount": "1"})
    for amount, role in (("9", "sales_rep"), ("2", "buyer")):
        worse(case, amount, snapshot_id=amount)
        assert case.task("approve").role == role


def test_approvals_and_advice_of_the_tier_below_do_not_count() -> None:
    case = play()
    task = case.task("approve")
    case.do(c.AddApprover(task_id=task.task_id, task_version=1, person_id="f1", to="s1", reason="two see"))
    added = next(one for one in case.state.open_tasks if one.added_by)
    case.choose("approve", "ok", "f1")
    assert case.state.is_open, "the added approver has not decided"
    assert kinds(worse(case, "20000")) == ["BreachRecorded", "TaskCancelled", "TaskCreated"]
    assert case.state.tasks[added.task_id].status == "cancelled"
    task = case.task("approve")
    assert (task.tier, task.assignee) == (1, "fm")
    case.do(c.DelegateTask(task_id=task.task_id, task_version=1, person_id="fm", to="s1", reason="look"))
    case.choose("approve", "ok", "s1")
    case.wait(hours=1)
    worse(case, snapshot_id="s3")
    task = case.task("approve")
    assert (task.assignee, task.advice) == ("ceo", None)
    assert kinds(case.choose("approve", "ok")) == ["TaskDecided", "StepCompleted", "CaseClosed"], "his decision alone"


def test_who_decided_in_the_tier_below_may_decide_in_the_one_above() -> None:
    case = play(LOW, "{default: true, responsible: finance_manager, accountable: cfo}")
    task = case.task("approve")
    case.do(c.AddApprover(task_id=task.task_id, task_version=1, person_id="f1", to="fm", reason="two see"))
    added = next(one for one in case.state.open_tasks if one.added_by)
    case.do(c.DecideTask(task_id=added.task_id, task_version=1, person_id="fm", outcome="ok", form={}))
    worse(case)
    assert case.task("approve").assignee == "fm"
    case.choose("approve", "ok", "fm")
    assert case.state.outcome == "completed"


def test_a_task_that_rests_is_taken_away_with_its_rest() -> None:
    case = play()
    task = case.task("approve")
    until = case.now.replace(hour=9)
    case.do(c.SnoozeTask(task_id=task.task_id, task_version=1, person_id="f1", until=until, reason="later"))
    assert kinds(worse(case)) == ["BreachRecorded", "TaskResumed", "TaskCancelled", "TaskCreated"]
    assert all(entry.ended_at is not None for entry in case.state.ledger)


def test_a_pool_is_asked_as_a_pool() -> None:
    case = play("{when: 'data.amount < 10000.0', responsible: finance_analyst}", TOP, extra=", pool: true")
    assert case.task("approve").pooled
    worse(case)
    assert (case.task("approve").pooled, case.task("approve").role) == (True, "ceo")


def test_an_incident_that_is_back_asks_the_tier_that_it_needs_now() -> None:
    case = play(head=AMOUNT + "closes: on_resolution\nreopens_within: P1D\n")
    case.do(c.ResolveIncident())
    events = case.do(c.ReopenIncident(observed=None, snapshot_id="s2", data={"amount": "900000"}))
    assert kinds(events)[-3:] == ["TaskResumed", "TaskCancelled", "TaskCreated"]
    assert [task.assignee for task in case.state.open_tasks] == ["ceo"]
    assert replay(case.log) == case.state


def test_steps_without_tiers_keep_their_people() -> None:
    case = Play(shipped("supply_exception")).open()
    case.choose("judge", "confirm", impact_amount="30000", exception_cause="transport")
    asked = case.state.open_tasks
    assert kinds(worse(case, data={})) == ["BreachRecorded"]
    assert case.state.open_tasks == asked


def test_whose_task_was_taken_away_reads_why_in_his_language() -> None:
    case = play()
    old = case.task("approve")
    out = sent(case, c.RecordBreach(snapshot_id="s2", observed="0.7", data={"amount": "900000"}))
    closed = next(one for one in out if one.card_key == f"task:{old.task_id}:1")
    assert "Withdrawn: the case has changed" in str(closed.payload)
    assert any(one.card_key == f"task:{case.task('approve').task_id}:1" for one in out)
    english = CardContext(language="en", zone=ZoneInfo("Asia/Shanghai"), name=people().name)
    gone = case.state.tasks[old.task_id]
    assert "now needs approval by: general manager" in decision_line(gone, case.template, english)
    assert "*已撤回*：事件单内容已变化，须改由总经理审批" in decision_line(
        gone, case.template, changed(english, language="zh")
    )
