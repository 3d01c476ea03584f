"""The two shipped templates and the block structure, walked branch by branch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.engine_world import JUDGED, MONDAY, SUPPLIER, Play, human, service, shipped, small, to_assessment, to_the_end
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.refusal import Refused


def test_supply_exception_from_breach_to_watching_its_effect() -> None:
    play = to_the_end(Play(shipped("supply_exception")))
    state = play.state
    assert state.status == "watching_effect"
    assert state.outcome == "completed"
    assert state.effect_due_at == MONDAY + timedelta(days=7)
    assert [s.status for s in state.steps.values()] == ["completed"] * 7
    assert state.steps["respond"].joined == (1, 0)
    assert state.data["impact_amount"] == "30000.00"
    assert state.results == {"replan": {"work_orders": 3}}
    assert replay(play.log) == state
    assert [event.seq for event in play.log] == list(range(1, len(play.log) + 1))


def test_production_is_replanned_only_after_purchasing_has_agreed() -> None:
    play = Play(shipped("supply_exception")).open()
    play.choose("judge", "confirm", **JUDGED)
    assert {t.step_id for t in play.state.open_tasks} == {"supplier", "protect"}
    assert not play.state.waiting_services
    play.choose("supplier", "agreed", **SUPPLIER)
    (waiting,) = play.state.waiting_services
    assert (waiting.job, waiting.idempotency_key, waiting.attempt) == ("replan_production_job", "c1.replan.1", 1)
    play.do(c.CompleteService(step_id="replan", run_id="r1"))
    assert "assess" not in play.state.steps, "the join waits for the other branch"
    play.choose("protect", "short", orders_at_risk=4)
    assert play.task("assess").role == "finance_analyst"


def test_no_action_ends_the_case_at_once_and_watches_nothing() -> None:
    play = Play(shipped("supply_exception")).open()
    play.choose("judge", "reject", judgement="Counted twice")
    assert (play.state.status, play.state.outcome, play.state.effect_due_at) == ("closed", "closed_no_action", None)
    assert not play.state.open_tasks


@pytest.mark.parametrize(
    "outcome", [("approve", {"measure_cost": "5", "cost_bearer": "shared"}), ("decline", {"assessment": "No"})]
)
def test_both_assessments_lead_to_the_promise(outcome: tuple[str, dict[str, str]]) -> None:
    play = to_assessment(Play(shipped("supply_exception")))
    play.choose("assess", outcome[0], **outcome[1])
    play.choose("promise", "kept")
    assert play.state.outcome == "completed"


@pytest.mark.parametrize(
    ("amount", "role"),
    [
        ("0", "finance_analyst"),
        ("49999.99", "finance_analyst"),
        ("50000", "finance_manager"),
        ("50000.00", "finance_manager"),
        ("50,000.00", "finance_manager"),
        ("499999.99", "finance_manager"),
        ("500000", "cfo"),
        ("99999999999.99", "cfo"),
    ],
)
def test_the_amount_decides_the_tier_exactly_at_its_bounds(amount: str, role: str) -> None:
    task = to_assessment(Play(shipped("supply_exception")), amount).task("assess")
    assert task.role == role


def test_a_lower_tier_cannot_approve_what_belongs_to_a_higher_one() -> None:
    play = to_assessment(Play(shipped("supply_exception")), "600000")
    for person in ("f1", "fm", "pm", "ceo"):
        with pytest.raises(Refused) as refused:
            play.choose("assess", "approve", person, measure_cost="1", cost_bearer="company")
        assert refused.value.code == "not_allowed"
    play.choose("assess", "approve", "cfo", measure_cost="1", cost_bearer="company")


def test_who_answers_for_a_tiered_step_may_not_approve_in_a_tier_that_does_not_name_him() -> None:
    amount = ", form: [{name: amount, type: decimal, required: true, title: {en: A, zh: 额}}]"
    tiers = ', tiers: [{when: "data.amount < 10.0", responsible: buyer}, {default: true, responsible: cfo}]'
    assess = human("assess", extra=tiers).replace("responsible: buyer, accountable: plant", "accountable: plant")
    play = Play(small(f"- {human('a', extra=amount)}\n- {assess}\n")).open()
    play.choose("a", "ok", amount="10")
    with pytest.raises(Refused, match="not_allowed"):
        play.choose("assess", "ok", "pm")
    play.choose("assess", "ok", "cfo")


def test_a_data_incident_closes_when_its_check_passes_whatever_people_did() -> None:
    early = Play(shipped("data_incident")).open(data={"owner_role": "quality_manager", "check_name": "x"})
    assert early.task("explain").assignee == "qm"
    early.do(c.ResolveIncident())
    assert (early.state.status, early.state.outcome) == ("closed", "resolved")
    assert [t.status for t in early.state.tasks.values()] == ["cancelled"]

    late = Play(shipped("data_incident")).open()
    assert late.task("explain").assignee == "d1"
    late.choose("explain", "stated", incident_cause="delivery", remedy="Load the file again")
    assert late.state.status == "open"
    assert late.state.awaiting_resolution
    late.do(c.ResolveIncident())
    assert late.state.status == "closed"
    with pytest.raises(Refused) as refused:
        late.do(c.ResolveIncident())
    assert refused.value.code == "case_closed"


def test_an_owner_role_that_nobody_holds_falls_back_to_the_data_owner() -> None:
    play = Play(shipped("data_incident")).open(data={"owner_role": "nobody_at_all"})
    assert play.task("explain").role == "data_owner"


def test_forks_nest_and_every_join_waits_for_all_of_its_own() -> None:
    play = Play(
        small(
            "- fork:\n"
            "    id: outer\n"
            "    join: all\n"
            "    branches:\n"
            f"    - - {human('a')}\n"
            "      - fork:\n"
            "          id: inner\n"
            "          join: all\n"
            "          branches:\n"
            f"          - - {human('b')}\n"
            f"          - - {human('x')}\n"
            f"            - {human('y')}\n"
            f"    - - {human('z')}\n"
            f"- {human('last')}\n"
        )
    ).open()
    assert {t.step_id for t in play.state.open_tasks} == {"a", "z"}
    play.choose("a", "ok")
    assert {t.step_id for t in play.state.open_tasks} == {"z", "b", "x"}
    play.choose("x", "ok")
    play.choose("b", "ok")
    play.choose("z", "ok")
    assert {t.step_id for t in play.state.open_tasks} == {"y"}
    play.choose("y", "ok")
    assert play.state.steps["inner"].outcome == play.state.steps["outer"].outcome == "joined"
    play.choose("last", "ok")
    assert play.state.outcome == "completed"


def test_an_ending_outcome_in_one_branch_withdraws_the_others() -> None:
    stop = "[{id: ok, title: {en: Ok, zh: 好}}, {id: stop, title: {en: Stop, zh: 停}, ends_case: stopped}]"
    play = Play(
        small(
            "- fork:\n    id: both\n    join: all\n    branches:\n"
            f"    - - {human('a', outcomes=stop)}\n    - - {human('b')}\n    - - {service('s')}\n"
        )
    ).open()
    other = play.task("b")
    play.choose("a", "stop")
    assert play.state.outcome == "stopped"
    assert play.state.tasks[other.task_id].status == "cancelled"
    assert {s.step_id: s.status for s in play.state.steps.values()} == {
        "both": "cancelled",
        "a": "completed",
        "b": "cancelled",
        "s": "cancelled",
    }
    for command in (
        c.DecideTask(task_id=other.task_id, task_version=1, person_id="b1", outcome="ok"),
        c.CompleteService(step_id="s", run_id="r"),
        c.FailService(step_id="s", run_id="r", error="x"),
        c.RecordBreach(observed="0.7", snapshot_id="s9"),
    ):
        with pytest.raises(Refused):
            play.do(command)
    assert play.wait(days=9).do(c.FireRungs()) == ()


def test_a_breach_is_recorded_once_a_snapshot() -> None:
    play = Play(shipped("supply_exception")).open()
    assert play.do(c.RecordBreach(observed="0.7", snapshot_id="s1")) == ()
    assert len(play.do(c.RecordBreach(observed=0.6, snapshot_id="s2"))) == 1
    assert play.do(c.RecordBreach(observed=0.6, snapshot_id="s2")) == ()
    assert (play.state.breaches, play.state.latest_observed, play.state.observed) == (2, "0.6", "0.7895")


def test_a_due_date_beyond_the_published_calendar_says_so() -> None:
    sure = Play(shipped("supply_exception"), now=datetime(2026, 12, 30, 2, tzinfo=UTC)).open()
    assert sure.task("judge").calendar_confirmed
    unsure = Play(shipped("supply_exception"), now=datetime(2026, 12, 31, 9, tzinfo=UTC)).open()
    assert unsure.task("judge").due_at > datetime(2026, 12, 31, 16, tzinfo=UTC)
    assert not unsure.task("judge").calendar_confirmed
