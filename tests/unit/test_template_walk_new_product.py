"""New product introduction: tiers at their bounds, all-of and four-of-five votes, returns, what each leads to."""

from __future__ import annotations

from datetime import date

import pytest

from tests.engine_world import Play, people, shipped
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.refusal import Refused

VOTERS = ("quality_manager", "production_manager", "finance_manager", "purchasing_manager")
GATE = ("quality_manager", "production_manager", "purchasing_manager", "logistics_manager", "sales_manager")


def requested() -> Play:
    return Play(shipped("new_product_introduction")).open(
        rule_id="new_product", subject_kind="", metric="", direction="", observed=None, threshold=None,
        requested_by="s1", data={"product_name": "Pump"},
    )  # fmt: skip


def worked_out(play: Play, investment: str = "100000", *, tools: bool = False, supplier: bool = False) -> Play:
    play.choose(
        "feasibility", "worked_out",
        investment=investment, yearly_quantity=1000, needs_tooling=tools, new_supplier=supplier,
    )  # fmt: skip
    return play


def vote(play: Play, step: str, *outcomes: str, **form: str) -> Play:
    """The step's open tasks are decided in order, each by its assignee."""
    for outcome in outcomes:
        task = next(t for t in play.state.open_tasks if t.step_id == step)
        needs = form if outcome in ("objected", "no_go") else {}
        who = str(task.assignee)
        play.do(
            c.DecideTask(task_id=task.task_id, task_version=task.version, person_id=who, outcome=outcome, form=needs)
        )
    return play


def approved(play: Play) -> Play:
    vote(play, "countersign", *["agreed"] * 4)
    play.choose("approve", "approved", budget="100000")
    return play


def to_the_gate(play: Play) -> Play:
    play.choose("trial", "made", trial_quantity=20, trial_record=["E1"])
    play.do(c.SendSignal(signal="samples_tested"))
    play.choose("evaluate", "passed", first_pass_yield="97.5")
    return play


def test_all_four_departments_countersign_each_once() -> None:
    play = worked_out(requested())
    tasks = [t for t in play.state.open_tasks if t.step_id == "countersign"]
    assert [t.role for t in tasks] == list(VOTERS)
    assert len({t.assignee for t in tasks}) == 4
    vote(play, "countersign", "agreed", "agreed", "agreed")
    assert "approve" not in play.state.steps, "three of four is not all"
    vote(play, "countersign", "agreed")
    assert play.task("approve").role == "plant_manager"


def test_one_objection_sends_it_back_with_its_reason_and_withdraws_the_others() -> None:
    play = vote(worked_out(requested()), "countersign", "agreed", "objected", objection="The tool is too dear")
    assert [t.step_id for t in play.state.open_tasks] == ["feasibility"]
    assert play.state.steps["feasibility"].visit == 2
    assert play.state.steps["countersign"].status in ("undone", "cancelled")
    assert play.state.returns == 1
    approved(worked_out(play, "150000"))
    assert play.state.data["investment"] == "150000"
    assert play.state.steps["approve"].outcome == "approved"


@pytest.mark.parametrize(
    ("investment", "role"),
    [
        ("0", "plant_manager"),
        ("199999.99", "plant_manager"),
        ("200000", "cfo"),
        ("1999999.99", "cfo"),
        ("2000000.00", "ceo"),
    ],
)
def test_the_investment_decides_the_tier_exactly_at_its_bounds(investment: str, role: str) -> None:
    play = vote(worked_out(requested(), investment), "countersign", *["agreed"] * 4)
    assert play.task("approve").role == role
    if role != "plant_manager":
        with pytest.raises(Refused, match="not_allowed"):
            play.choose("approve", "approved", "pm", budget="1")


def test_who_countersigned_does_not_approve_as_well() -> None:
    """The plant manager stands in for an absent head of quality, and is not asked to approve after that."""
    play = Play(
        shipped("new_product_introduction"),
        directory=people({"qm": ((date(2026, 11, 16), date(2026, 11, 20)),)}),
    ).open(rule_id="n", metric="", direction="", observed=None, threshold=None, data={"product_name": "Pump"})
    worked_out(play)
    first = next(t for t in play.state.open_tasks if t.role == "quality_manager")
    assert first.assignee == "pm"
    vote(play, "countersign", *["agreed"] * 4)
    task = play.task("approve")
    assert task.assignee != "pm"
    with pytest.raises(Refused, match="decided_before"):
        play.choose("approve", "approved", "pm", budget="1")
    play.choose("approve", "approved", budget="1")


@pytest.mark.parametrize(
    ("tools", "supplier", "steps"),
    [
        (True, True, {"order_tools", "qualify_supplier"}),
        (True, False, {"order_tools"}),
        (False, True, {"qualify_supplier"}),
        (False, False, {"trial"}),
    ],
)
def test_what_is_prepared_follows_from_the_feasibility(tools: bool, supplier: bool, steps: set[str]) -> None:
    play = approved(worked_out(requested(), tools=tools, supplier=supplier))
    assert {t.step_id for t in play.state.open_tasks} == steps


def test_the_trial_waits_for_tools_and_supplier_both() -> None:
    play = approved(worked_out(requested(), tools=True, supplier=True))
    play.choose("order_tools", "ordered", tool_supplier="Tools Ltd", tools_due="2026-12-15")
    play.choose("qualify_supplier", "conditionally", supplier_conditions="First lots are inspected")
    assert "trial" not in play.state.steps
    assert play.state.paused_until is not None, "the case's own clock rests while tools are awaited"
    play.do(c.SendSignal(signal="tools_arrived", person_id="b1"))
    assert play.task("trial").role == "production_planner"
    assert play.state.paused_until is None


def test_tools_and_samples_are_waited_for_until_their_day() -> None:
    play = approved(worked_out(requested(), tools=True))
    play.choose("order_tools", "ordered", tool_supplier="Tools Ltd", tools_due="2026-11-18")
    assert play.do(c.FireTimers()) == ()
    play.wait(days=2).do(c.FireTimers())
    assert play.state.steps["tools_arrive"].outcome == "elapsed"
    play.choose("trial", "made", trial_quantity=20, trial_record=["E1"])
    play.wait(days=4).do(c.FireTimers())
    assert play.state.waits, "five working days are not over"
    play.wait(days=4).do(c.FireTimers())
    assert play.task("evaluate").role == "quality_engineer"


def test_a_trial_without_its_record_is_not_made() -> None:
    play = approved(worked_out(requested()))
    with pytest.raises(Refused, match="form_incomplete"):
        play.choose("trial", "made", trial_quantity=20)


def test_a_failed_trial_is_made_again_as_often_as_needed() -> None:
    play = approved(worked_out(requested()))
    for visit in (1, 2):
        assert play.state.steps["trial"].visit == visit
        play.choose("trial", "made", trial_quantity=20, trial_record=["E1"])
        play.do(c.SendSignal(signal="samples_tested", data={"test_result": "Two leak"}))
        play.choose("evaluate", "repeat", first_pass_yield="80", trial_findings="Leaks")
    assert play.state.returns == 2
    to_the_gate(play)
    assert len([t for t in play.state.open_tasks if t.step_id == "gate"]) == 5


def test_four_of_five_let_the_series_through_and_two_stop_it() -> None:
    play = to_the_gate(approved(worked_out(requested())))
    assert [t.role for t in play.state.open_tasks] == list(GATE)
    vote(play, "gate", "no_go", "go", "go", "go", gate_reason="No capacity")
    assert "ramp_up" not in play.state.steps
    vote(play, "gate", "no_go", gate_reason="No boxes")
    assert play.state.steps["trial"].visit == 2, "four cannot be had any more"
    vote(to_the_gate(play), "gate", "go", "no_go", "go", "go", "go", gate_reason="No boxes")
    assert play.task("ramp_up").role == "production_manager"
    play.choose("ramp_up", "unstable", ramp_up_trouble="Scrap")
    assert play.state.steps["trial"].visit == 3


def test_the_close_out_states_cause_and_remedy() -> None:
    play = vote(to_the_gate(approved(worked_out(requested()))), "gate", *["go"] * 4)
    play.choose("ramp_up", "stable")
    play.choose("close_out", "closed", final_cost="120000", deviation_cause="tooling", lesson="Order tools earlier")
    assert (play.state.status, play.state.outcome) == ("watching_effect", "completed")
    learning = play.template.learning
    assert learning is not None
    assert learning.cause is not None
    assert learning.remedy is not None
    assert (play.state.data[learning.cause], play.state.data[learning.remedy]) == ("tooling", "Order tools earlier")
    play.do(c.RateCase(person_id="s1", score=5))
    assert play.state.ratings["s1"].score == 5


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        ("not_feasible", "not_feasible"),
        ("refused", "refused"),
        ("no_supplier", "no_supplier"),
        ("abandoned", "abandoned"),
    ],
)
def test_it_may_end_before(ending: str, outcome: str) -> None:
    play = requested()
    if ending == "not_feasible":
        play.choose("feasibility", "not_feasible", feasibility_note="No machine")
    else:
        worked_out(play, supplier=ending == "no_supplier")
        vote(play, "countersign", *["agreed"] * 4)
        if ending == "refused":
            play.choose("approve", "refused", approval_note="Too dear")
        else:
            play.choose("approve", "approved", budget="1")
            if ending == "no_supplier":
                play.choose("qualify_supplier", "unsuitable", supplier_conditions="No certificate")
            else:
                play.choose("trial", "made", trial_quantity=1, trial_record=["E1"])
                play.do(c.SendSignal(signal="samples_tested"))
                play.choose("evaluate", "abandon", trial_findings="It never works")
    assert (play.state.status, play.state.outcome) == ("closed", outcome)


def test_the_requester_may_take_it_back_and_a_stranger_may_not() -> None:
    play = worked_out(requested())
    with pytest.raises(Refused):
        play.do(c.WithdrawCase(person_id="b1", reason="I do not like it"))
    play.do(c.WithdrawCase(person_id="s1", reason="The customer went away"))
    assert play.state.withdrawn_by == "s1"
    assert not play.state.open_tasks
