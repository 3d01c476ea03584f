"""Order change: what each kind needs, both feasibilities, the tiers at their bounds, the customer's answer."""

from __future__ import annotations

import pytest

from tests.engine_world import Play, shipped
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.refusal import Refused


def requested(kind: str = "other", requested_by: str = "q1") -> Play:
    return Play(shipped("order_change")).open(
        rule_id="order_change", subject_kind="", metric="", direction="", observed=None, threshold=None,
        requested_by=requested_by, data={"order_no": "SO1", "asked_by": "customer", "change_kind": kind},
    )  # fmt: skip


def taken(play: Play) -> Play:
    play.choose("take_in", "taken", change_detail="Ten more", change_cause="customer_need")
    return play


def feasible(play: Play, loss: str = "100") -> Play:
    play.choose("can_make", "possible")
    play.choose("can_buy", "possible")
    play.choose("margin", "stated", margin_loss=loss)
    return play


def approved(play: Play) -> Play:
    feasible(taken(play)).choose("approve", "approved")
    return play


@pytest.mark.parametrize(
    ("kind", "step", "depends_on"),
    [
        ("quantity", "stock", "stock"),
        ("date", "capacity", "capacity"),
        ("spec", "design_check", "design"),
        ("other", None, "nothing"),
    ],
)
def test_the_kind_decides_what_is_looked_at_first(kind: str, step: str | None, depends_on: str) -> None:
    play = taken(requested(kind))
    both = {"can_make", "can_buy"}
    assert {t.step_id for t in play.state.open_tasks} == ({step} if step else both)
    assert play.state.data["depends_on"] == depends_on
    if step == "stock":
        play.choose(step, "to_make", in_stock=0)
    elif step == "capacity":
        play.choose(step, "others_move", orders_moved=2)
    elif step is not None:
        play.choose(step, "fits")
    assert {t.step_id for t in play.state.open_tasks} == both


def test_finance_waits_for_production_and_purchasing_both() -> None:
    play = taken(requested())
    play.choose("can_buy", "dearer", extra_cost="120.50")
    assert "margin" not in play.state.steps
    play.choose("can_make", "later", earliest_date="2026-12-20")
    assert play.task("margin").role == "finance_analyst"


@pytest.mark.parametrize(
    ("loss", "role"),
    [
        ("0", "sales_manager"),
        ("4999.99", "sales_manager"),
        ("5000", "finance_manager"),
        ("49999.99", "finance_manager"),
        ("50000", "cfo"),
    ],
)
def test_the_lost_margin_decides_who_approves_exactly_at_its_bounds(loss: str, role: str) -> None:
    play = feasible(taken(requested()), loss)
    assert play.task("approve").role == role
    if role == "cfo":
        with pytest.raises(Refused, match="not_allowed"):
            play.choose("approve", "approved", "fm")


def test_who_stated_the_loss_does_not_approve_it() -> None:
    play = taken(requested())
    play.choose("can_make", "possible")
    play.choose("can_buy", "possible")
    play.choose("margin", "stated", "fm", margin_loss="6000")
    assert play.task("approve").assignee != "fm"
    with pytest.raises(Refused, match="decided_before"):
        play.choose("approve", "approved", "fm")


def test_sent_back_it_starts_again_and_everything_is_asked_anew() -> None:
    play = feasible(taken(requested()))
    play.choose("approve", "revise", approval_note="Ask for less")
    assert [t.step_id for t in play.state.open_tasks] == ["take_in"]
    assert play.state.steps["take_in"].visit == 2
    approved(play)
    assert play.state.steps["can_make"].visit == 2
    assert play.state.waits[0].step_id == "customer"


def test_the_customers_confirmation_leads_straight_to_the_entry() -> None:
    play = approved(requested())
    assert play.state.paused_until is not None, "the case's own clock rests while the customer thinks"
    play.do(c.SendSignal(signal="customer_confirmed", data={"confirmation": "Yes please"}, person_id="s1"))
    assert play.state.steps["answered"].rules == ("confirmed",)
    play.choose("enter", "entered", promised_date="2026-12-20")
    assert (play.state.outcome, play.state.data["confirmation"]) == ("completed", "Yes please")


@pytest.mark.parametrize(("outcome", "then"), [("confirmed", "enter"), ("otherwise", "take_in"), ("dropped", None)])
def test_a_silent_customer_is_asked_again_after_three_working_days(outcome: str, then: str | None) -> None:
    play = approved(requested())
    play.wait(days=2).do(c.FireTimers())
    assert play.state.waits
    play.wait(days=1, hours=1).do(c.FireTimers())
    form = {} if outcome == "confirmed" else {"customer_note": "He changed his mind"}
    play.choose("ask_again", outcome, **form)
    assert [t.step_id for t in play.state.open_tasks] == ([then] if then else [])
    if then is None:
        assert (play.state.status, play.state.outcome) == ("closed", "dropped")


@pytest.mark.parametrize(
    ("step", "outcome", "form", "ended"),
    [
        ("take_in", "declined", {"change_detail": "It has left"}, "declined"),
        ("can_make", "impossible", {"production_note": "No line"}, "not_feasible"),
        ("can_buy", "impossible", {"purchasing_note": "No steel"}, "not_feasible"),
        ("approve", "refused", {"approval_note": "Too dear"}, "refused"),
    ],
)
def test_it_may_end_before(step: str, outcome: str, form: dict[str, str], ended: str) -> None:
    play = requested()
    if step != "take_in":
        taken(play)
    if step == "approve":
        feasible(play)
    play.choose(step, outcome, **form)
    assert (play.state.status, play.state.outcome) == ("closed", ended)
    assert not play.state.open_tasks


def test_a_design_that_cannot_be_made_ends_it() -> None:
    play = taken(requested("spec"))
    play.choose("design_check", "impossible", design_findings="Too thin")
    assert play.state.outcome == "not_feasible"


def test_purchasing_may_stop_its_clock_while_the_supplier_thinks() -> None:
    play = taken(requested())
    task = play.task("can_buy")
    play.do(
        c.PauseTask(
            task_id=task.task_id, task_version=task.version, person_id=str(task.assignee),
            reason_id="waiting_for_supplier",
        )
    )  # fmt: skip
    assert play.task("can_buy").due_at > task.due_at
    assert play.state.ledger[-1].reason_id == "waiting_for_supplier"


def test_the_requester_and_the_owner_may_take_it_back() -> None:
    for person in ("q1", "sm"):
        play = taken(requested())
        play.do(c.WithdrawCase(person_id=person, reason="Not needed any more"))
        assert play.state.withdrawn_by == person
        assert not play.state.open_tasks
