"""The way through a template: decisions, waits, other cases, joins, returns, withdrawal; what each leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.engine_world import MONDAY, Play, human, service, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.refusal import Refused

T = "{en: T, zh: 题}"
AMOUNT = f"inputs:\n- {{name: amount, type: decimal, title: {T}, required: true}}\n"
DAY = f"inputs:\n- {{name: day, type: date, title: {T}}}\n"
BACK = f"[{{id: go, title: {T}}}, {{id: back, title: {T}, returns_to: a}}]"
WHY = f", form: [{{name: why, type: text, title: {T}, required: [back]}}]"


def decision(rules: str, policy: str = "first", name: str = "d") -> str:
    return f"decision: {{id: {name}, title: {T}, accountable: cfo, policy: {policy}, rules: [{rules}]}}"


def fork(join: str, *branches: str, name: str = "f") -> str:
    inner = ", ".join(f"[{branch}]" for branch in branches)
    return f"fork: {{id: {name}, join: {join}, branches: [{inner}]}}"


def nested(item: str) -> str:
    """A block as an entry of a flow-style sequence."""
    return "{" + item + "}"


def wait(name: str, until: str, extra: str = "") -> str:
    return f"{{id: {name}, kind: wait, title: {T}, raci: {{accountable: plant_manager}}, until: {{{until}}}{extra}}}"


def process(name: str, extra: str = "") -> str:
    return f"{{id: {name}, kind: process, title: {T}, raci: {{accountable: cfo}}, template: other{extra}}}"


def play(*items: str, head: str = "", **opening: Any) -> Play:
    return Play(small("".join(f"- {item}\n" for item in items), head)).open(**opening)


def status(case: Play) -> dict[str, str]:
    return {step.step_id: step.status for step in case.state.steps.values()}


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        work()
    return caught.value.code


BIG = "{id: big, when: 'data.amount >= 100.0', set: {level: high}, steps: [" + human("look") + "]}"
SMALL = "{id: small, when: 'data.amount >= 10.0', set: {level: low}}"
OTHER = "{id: otherwise, default: true, set: {level: none}}"


@pytest.mark.parametrize(
    ("amount", "rule", "level", "asked"),
    [("500", "big", "high", "look"), ("50", "small", "low", "z"), ("5", "otherwise", "none", "z")],
)
def test_the_first_rule_that_holds_is_taken(amount: str, rule: str, level: str, asked: str) -> None:
    case = play(decision(f"{BIG}, {SMALL}, {OTHER}"), human("z"), head=AMOUNT, data={"amount": amount})
    (applied,) = [event for event in case.log if isinstance(event, e.RulesApplied)]
    assert (applied.rules, applied.data, applied.note) == ((rule,), {"level": level}, "")
    assert case.state.data["level"] == level
    assert [task.step_id for task in case.state.open_tasks] == [asked]
    if asked == "look":
        case.choose("look", "ok")
    assert case.state.steps["d"].outcome == rule
    case.choose("z", "ok")
    assert case.state.outcome == "completed"


def test_all_rules_that_hold_are_done_side_by_side_and_what_they_set_is_a_list() -> None:
    two = f"{{id: two, when: 'data.amount >= 10.0', set: {{level: low, flag: true}}, steps: [{human('b')}]}}"
    case = play(decision(f"{BIG}, {two}, {OTHER}", "collect"), human("z"), head=AMOUNT, data={"amount": "100"})
    assert case.state.data["level"] == ["high", "low"]
    assert case.state.data["flag"] == [True]
    assert {task.step_id for task in case.state.open_tasks} == {"look", "b"}
    case.choose("b", "ok")
    case.choose("look", "ok")
    assert case.state.steps["d"].outcome == "big+two"
    assert case.task("z")


def test_collect_without_a_rule_that_holds_takes_the_default_and_sets_empty_lists() -> None:
    rules = f"{BIG}, {{id: otherwise, default: true}}"
    case = play(decision(rules, "collect"), human("z"), head=AMOUNT, data={"amount": "1"})
    assert case.state.data["level"] == []
    assert (case.state.steps["d"].branches, case.state.steps["d"].outcome) == (1, "otherwise")


def test_a_condition_without_an_answer_leads_to_the_default_and_is_said() -> None:
    rules = f"{{id: odd, when: 'results.s.count > 3'}}, {OTHER}"
    case = play(service("s"), decision(rules), human("z"))
    case.do(c.CompleteService(step_id="s", run_id="r", result={}))
    known = case.state.steps["d"]
    assert known.outcome == "otherwise"
    assert "no answer here" in known.note


def test_decisions_that_lead_nowhere_end_the_case_at_once() -> None:
    case = play(decision(OTHER), decision(OTHER, name="d2"))
    assert case.state.outcome == "completed"


@pytest.mark.parametrize(
    ("until", "day", "wakes"),
    [
        ("working: P1D", None, datetime(2026, 11, 17, 1, 30, tzinfo=UTC)),
        ("clock: PT5H", None, datetime(2026, 11, 16, 6, 30, tzinfo=UTC)),
        ("date: day", "2026-11-20", datetime(2026, 11, 20, 1, 0, tzinfo=UTC)),
        ("date: day", "2026-11-21", datetime(2026, 11, 23, 1, 0, tzinfo=UTC)),  # a Saturday: Monday morning
    ],
)
def test_a_wait_ends_when_its_time_has_come_and_not_before(until: str, day: str | None, wakes: datetime) -> None:
    case = play(wait("w", until), human("z"), head=DAY, data={} if day is None else {"day": day})
    assert case.state.next_timer_at == case.state.steps["w"].wake_at == wakes
    case.now = wakes.replace(microsecond=0)
    case.wait(seconds=-1)
    assert case.do(c.FireTimers()) == ()
    case.wait(seconds=1)
    case.do(c.FireTimers())
    assert case.state.steps["w"].outcome == "elapsed"
    assert case.task("z")
    assert case.state.next_timer_at is None
    assert case.do(c.FireTimers()) == ()


@pytest.mark.parametrize(("data", "says"), [({"day": "2026-11-01"}, ""), ({}, "there is no date day")])
def test_a_date_that_is_past_or_missing_is_over_at_once(data: dict[str, str], says: str) -> None:
    case = play(wait("w", "date: day"), human("z"), head=DAY, data=data)
    assert case.state.steps["w"].outcome == "elapsed"
    assert says in case.state.steps["w"].note
    assert case.task("z")


def test_a_signal_ends_the_wait_and_brings_what_its_form_asks_for() -> None:
    form = f", signal: goods_back, form: [{{name: pieces, type: integer, title: {T}, required: [signalled]}}]"
    case = play(wait("w", "clock: P30D", form), human("z"))
    assert refused(lambda: case.do(c.SendSignal(signal="other"))) == "signal_not_awaited"
    assert refused(lambda: case.do(c.SendSignal(signal="goods_back"))) == "form_incomplete"
    assert refused(lambda: case.do(c.SendSignal(signal="goods_back", data={"colour": 1}))) == "unknown_field"
    seller = c.SendSignal(signal="goods_back", data={"pieces": "12"}, person_id="s1")
    assert refused(lambda: case.do(seller)) == "not_allowed"
    case.do(c.SendSignal(signal="goods_back", data={"pieces": "12"}, person_id="pm"))
    assert (case.state.data["pieces"], case.state.steps["w"].outcome) == (12, "signalled")
    assert refused(lambda: case.do(seller)) == "signal_not_awaited"


def test_another_case_is_asked_for_and_its_outcome_and_fields_come_back() -> None:
    step = process("p", ", passes: {limit: amount, note: text}, brings: {found: cause}")
    case = play(
        step, decision("{id: bad, when: 'outcomes.p == \"rejected\"'}, " + OTHER), head=AMOUNT, data={"amount": "7"}
    )
    (asked,) = [event for event in case.log if isinstance(event, e.ChildRequested)]
    assert (asked.child_case_id, asked.template_id, asked.data) == ("c1-1", "other", {"limit": "7"})
    assert refused(lambda: case.do(c.EndChild(child_case_id="c1-2", outcome="x"))) == "child_not_awaited"
    case.do(c.EndChild(child_case_id="c1-1", outcome="rejected", data={"cause": "mould", "other": 1}))
    assert (case.state.data["found"], case.state.steps["d"].outcome) == ("mould", "bad")
    assert refused(lambda: case.do(c.EndChild(child_case_id="c1-1", outcome="x"))) in ("child_not_awaited",)


def test_a_join_of_any_withdraws_everything_that_is_under_way_in_the_others() -> None:
    inner = nested(fork("all", human("b"), service("s"), wait("w", "clock: P30D"), process("p"), name="g"))
    case = play(fork("any", human("a"), inner), human("z"))
    case.choose("a", "ok")
    assert status(case) == {
        "f": "completed", "a": "completed", "g": "cancelled", "b": "cancelled", "s": "cancelled", "w": "cancelled",
        "p": "cancelled", "z": "active",
    }  # fmt: skip
    assert case.state.next_timer_at is None
    assert {task.step_id for task in case.state.open_tasks} == {"z"}
    late = [c.CompleteService(step_id="s", run_id="r"), c.EndChild(child_case_id="c1-1", outcome="x")]
    assert [refused(lambda command=command: case.do(command)) for command in late] == [  # type: ignore[misc]
        "step_not_waiting",
        "child_not_awaited",
    ]
    reasons = {event.reason for event in case.log if isinstance(event, (e.TaskCancelled, e.StepCancelled))}
    assert reasons == {"f goes on without it"}


def test_two_of_three_branches_are_enough() -> None:
    case = play(fork("2", human("a"), human("b"), human("x")), human("z"))
    case.choose("x", "ok")
    assert [event.remaining for event in case.log if isinstance(event, e.BranchJoined)] == [1]
    case.choose("a", "ok")
    assert status(case)["b"] == "cancelled"
    assert case.state.steps["f"].joined == (2, 0)
    case.choose("z", "ok")
    assert case.state.outcome == "completed"


def test_a_branch_that_is_over_at_once_starts_no_other_one_where_one_is_enough() -> None:
    over = wait("w", "date: day")
    case = play(fork("any", over, human("a")), human("z"), head=DAY)
    assert status(case) == {"f": "completed", "w": "completed", "z": "active"}


def test_a_return_undoes_what_came_after_its_target_and_begins_it_anew() -> None:
    head = human("b", outcomes=BACK, extra=WHY)
    case = play(human("a"), fork("all", head, service("s"), human("x")), human("z"))
    case.choose("a", "ok")
    case.choose("x", "ok")
    assert refused(lambda: case.choose("b", "back")) == "form_incomplete"
    case.choose("b", "back", why="the figure is wrong")
    (back,) = [event for event in case.log if isinstance(event, e.CaseReturned)]
    assert (back.from_step, back.to_step, back.reason, back.person_id) == ("b", "a", "the figure is wrong", "b1")
    assert set(back.undone) == {"a", "b", "x"}
    assert status(case) == {"a": "active", "f": "cancelled", "b": "undone", "s": "cancelled", "x": "undone"}
    assert (case.state.steps["a"].visit, case.state.returns) == (2, 1)
    assert case.state.steps["x"].outcome is None
    assert refused(lambda: case.do(c.CompleteService(step_id="s", run_id="r"))) == "step_not_waiting"
    case.choose("a", "ok")
    assert (case.state.steps["f"].visit, case.state.steps["f"].joined) == (2, ())
    assert case.state.steps["s"].idempotency_key == "c1.s.2"
    case.choose("b", "go")
    case.choose("x", "ok")
    case.do(c.CompleteService(step_id="s", run_id="r2", idempotency_key="c1.s.2"))
    case.choose("z", "ok")
    assert case.state.outcome == "completed"
    assert replay(case.log) == case.state


@pytest.mark.parametrize(
    ("day", "ends", "note"),
    [
        ("2041-01-01", datetime(2040, 12, 31, 16, tzinfo=UTC), "does not reach 2041-01-01"),
        ("9999-12-31", datetime(9999, 12, 30, 16, tzinfo=UTC), "does not reach 9999-12-31"),
        ("2022-12-31", MONDAY, ""),
        ("0001-01-01", MONDAY, ""),
    ],
)
def test_a_wait_for_a_date_that_the_calendar_does_not_reach_ends_at_its_midnight(
    day: str, ends: datetime, note: str
) -> None:
    case = play(wait("w", "date: day"), human("b"), head=DAY, data={"day": day})
    step = case.state.steps["w"]
    assert step.wake_at == ends
    assert note in step.note
    case.now = max(MONDAY, ends - timedelta(seconds=1))
    case.do(c.FireTimers())
    assert (case.state.steps["w"].status == "completed") == (ends == MONDAY)


def test_a_wait_of_more_working_time_than_the_calendar_has_counts_as_clock_time() -> None:
    case = play(wait("w", "working: P4000D"), human("b"))
    assert case.state.steps["w"].wake_at == MONDAY + timedelta(days=4000)
    assert "P4000D is counted as clock time" in case.state.steps["w"].note


def test_a_return_inside_a_branch_leaves_the_other_branches_alone() -> None:
    case = play(fork("all", human("a") + ", " + human("b", outcomes=BACK, extra=WHY), human("x")))
    case.choose("a", "ok")
    case.choose("b", "back", why="again")
    assert status(case) == {"f": "active", "a": "active", "b": "undone", "x": "active"}
    assert len([task for task in case.state.open_tasks if task.step_id == "x"]) == 1


def test_a_return_drops_what_only_undone_steps_had_filled() -> None:
    def step(name: str, field: str, outcomes: str = "", needs: str = "true") -> str:
        form = f", form: [{{name: {field}, type: text, title: {T}, required: {needs}}}]"
        return human(name, outcomes=outcomes, extra=form)

    rule = "{id: small, when: 'data.size == \"s\"', set: {level: low}, steps: [" + step("price", "cost") + "]}"
    case = play(
        step("before", "kept"),
        step("a", "size"),
        decision(rule + ", {id: other, default: true}"),
        step("same", "kept"),
        wait("w", "clock: P1D", f", signal: go, form: [{{name: said, type: text, title: {T}}}]"),
        process("p", ", brings: {found: fault}"),
        step("b", "why", BACK, "[back]"),
        head=f"inputs:\n- {{name: note, type: text, title: {T}}}\n",
        data={"note": "n", "other": 1},
    )
    case.choose("before", "ok", kept="k")
    case.choose("a", "ok", size="s")
    case.choose("price", "ok", cost="5")
    case.choose("same", "ok", kept="k2")
    case.do(c.SendSignal(signal="go", data={"said": "yes"}))
    case.do(c.EndChild(child_case_id="c1-1", outcome="completed", data={"fault": "mould"}))
    case.choose("b", "back", why="it is a big one")
    assert case.state.data == {"note": "n", "other": 1, "kept": "k2", "why": "it is a big one"}
    assert case.state.tasks["c1.price.1"].form == {"cost": "5"}, "what was said is kept with the task"
    case.choose("a", "ok", size="l")
    assert "cost" not in case.state.data
    assert replay(case.log) == case.state


def test_a_result_is_that_of_the_latest_visit_of_its_step() -> None:
    case = play(human("a"), service("s", attempts=1), human("b", outcomes=BACK, extra=WHY))
    case.choose("a", "ok")
    case.do(c.CompleteService(step_id="s", run_id="r1", result={"token": "old"}))
    assert case.state.results == {"s": {"token": "old"}}
    case.choose("b", "back", why="again")
    assert case.state.results == {}
    case.choose("a", "ok")
    case.do(c.FailService(step_id="s", run_id="r2", error="no", final=True))
    case.choose("s", "done_by_hand", comment="made by hand")
    assert case.state.results == {}
    assert replay(case.log) == case.state


def test_a_person_may_return_many_times() -> None:
    case = play(human("a"), human("b", outcomes=BACK, extra=WHY))
    for round_ in range(1, 5):
        case.choose("a", "ok")
        case.choose("b", "back", why="again")
        assert case.state.returns == round_
    assert case.state.steps["a"].visit == 5
    case.choose("a", "ok")
    case.choose("b", "go")
    assert case.state.outcome == "completed"


@pytest.mark.parametrize(
    ("who", "asked_by", "may"),
    [("s1", "s1", True), ("pm", "s1", True), ("b1", "s1", False), ("s1", None, False)],
)
def test_who_may_take_a_case_back(who: str, asked_by: str | None, may: bool) -> None:
    case = play(fork("all", human("a"), process("p"), service("s")), requested_by=asked_by)
    command = c.WithdrawCase(person_id=who, reason="no longer needed")
    if not may:
        assert refused(lambda: case.do(command)) == "not_allowed"
        return
    case.do(command)
    assert (case.state.status, case.state.outcome, case.state.withdrawn_by) == ("closed", "withdrawn", who)
    assert set(status(case).values()) == {"cancelled"}
    assert refused(lambda: case.do(command)) == "case_closed"


def test_a_withdrawal_needs_a_reason_and_a_template_that_lets_it() -> None:
    case = play(human("a"), requested_by="s1")
    assert refused(lambda: case.do(c.WithdrawCase(person_id="s1", reason="  "))) == "form_incomplete"
    assert refused(lambda: case.do(c.WithdrawCase(person_id="s1", reason="x" * 501))) == "form_invalid"
    never = play(human("a"), head="withdrawn_by: []\n", requested_by="s1")
    assert refused(lambda: never.do(c.WithdrawCase(person_id="s1", reason="x"))) == "not_withdrawable"
    incident = play(human("a"), head="closes: on_resolution\n", requested_by="s1")
    assert refused(lambda: incident.do(c.WithdrawCase(person_id="s1", reason="x"))) == "not_withdrawable"


def test_a_withdrawn_case_has_no_effect_to_watch() -> None:
    effect = "effect: {metric_from: trigger, window: P7D, rule: 'value >= threshold', on_failure: reopen}\n"
    case = play(human("a"), head=effect, requested_by="s1")
    case.do(c.WithdrawCase(person_id="s1", reason="x"))
    assert (case.state.status, case.state.effect_due_at) == ("closed", None)


def test_only_its_parent_takes_a_case_back_without_a_person() -> None:
    case = play(human("a"), parent_case_id="c0", parent_step_id="p")
    other = c.EndWithParent(parent_case_id="c9", reason="x")
    assert refused(lambda: case.do(other)) == "not_allowed"
    case.do(c.EndWithParent(parent_case_id="c0", reason="c0 went on"))
    assert (case.state.outcome, case.state.withdrawn_by) == ("withdrawn", "")


def test_an_incident_that_is_back_goes_on_in_all_its_branches() -> None:
    head = "closes: on_resolution\nreopens_within: P1D\n"
    inner = nested(fork("all", service("s"), wait("w", "clock: P2D"), process("p"), name="g"))
    case = play(fork("all", human("a"), inner), head=head)
    case.do(c.ResolveIncident())
    assert set(status(case).values()) == {"cancelled"}
    case.do(c.ReopenIncident(observed=None, snapshot_id="s2"))
    assert set(status(case).values()) == {"active"}
    assert case.state.steps["s"].idempotency_key == "c1.s.2"
    assert case.state.steps["p"].child_case_id == "c1-2"
    case.choose("a", "ok")
    case.do(c.CompleteService(step_id="s", run_id="r"))
    case.do(c.EndChild(child_case_id="c1-2", outcome="completed"))
    case.now = case.state.next_timer_at or MONDAY
    case.do(c.FireTimers())
    assert case.state.awaiting_resolution
    assert replay(case.log) == case.state
