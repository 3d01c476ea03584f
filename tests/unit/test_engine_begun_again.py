"""A case whose effect failed begins again as after a return: what its first life said and decided binds nobody."""

from __future__ import annotations

from tests.engine_world import Play, human, shipped, small, to_the_end
from tests.unit.test_engine_flow import decision, fork, nested, process, wait
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay

T = "{en: T, zh: 题}"
HEAD = "effect: {metric_from: trigger, window: P1D, rule: 'value >= threshold', on_failure: reopen}\n"
NOTE = f"inputs:\n- {{name: note, type: text, title: {T}}}\n"
CHOICES = f"[{{id: ok, title: {T}}}, {{id: nay, title: {T}}}]"
COST = f", form: [{{name: cost, type: decimal, title: {T}}}]"
VOTE = ", vote: {voters: [finance_analyst, cfo], needed: all, approves: ok, rejects: nay}"


def play(*items: str, head: str = "") -> Play:
    return Play(small("".join(f"- {item}\n" for item in items), HEAD + head)).open(data={"note": "n"} if head else {})


def in_vain(case: Play) -> e.CaseReopened:
    """The effect is looked at and failed: the event that opens the case again."""
    assert case.state.status == "watching_effect"
    events = case.wait(days=2).do(c.JudgeEffect(observed="0.1", snapshot_id="s9"))
    assert case.state.is_open and replay(case.log) == case.state
    return next(event for event in events if isinstance(event, e.CaseReopened))


def test_nothing_goes_by_what_the_first_life_said() -> None:
    rule = (
        "{id: big, when: 'has(data.cost) && data.cost > 1000.0', set: {level: high}, steps: [" + human("board") + "]}"
    )
    table = nested(decision(rule + ", {id: other, default: true}"))
    job = wait("w", "clock: P1D", f", signal: go, form: [{{name: said, type: text, title: {T}}}]")
    other = process("p", ", brings: {found: fault}")
    case = play(human("a", extra=COST), table, job, other, human("b"), head=NOTE)
    case.choose("a", "ok", cost="5000")
    case.choose("board", "ok")
    case.do(c.SendSignal(signal="go", data={"said": "yes"}))
    case.do(c.EndChild(child_case_id="c1-1", outcome="completed", data={"fault": "mould"}))
    case.choose("b", "ok")
    reopened = in_vain(case)
    assert case.state.data == {"note": "n"}, "what it was opened with stays"
    assert set(reopened.dropped) == {"cost", "level", "said", "found"}
    assert set(reopened.undone) == {"a", "d", "board", "w", "p", "b"}
    assert case.state.tasks["c1.a.1"].form == {"cost": "5000"}, "what was said is kept with the task"
    case.choose("a", "ok")
    assert {name: step.status for name, step in case.state.steps.items()} == {
        "a": "completed", "d": "completed", "board": "undone", "w": "active", "p": "undone", "b": "undone",
    }  # fmt: skip


def test_who_decided_what_is_not_done_again_may_decide_what_is_separate_from_it() -> None:
    """Also who voted where the case then went on without the vote."""
    beside = nested(fork("any", human("x"), human("beside", extra=VOTE, outcomes=CHOICES)))
    check = human("check", "finance_analyst")
    rule = "{id: big, when: 'data.big', steps: [" + f"{check}, {beside}" + "]}"
    say = human("say", extra=f", form: [{{name: big, type: boolean, required: true, title: {T}}}]")
    last = human("approve", "finance_analyst", ", separate_from: [check, beside]")
    case = play(say, nested(decision(rule + ", {id: rest, default: true}")), last)
    case.choose("say", "ok", big=True)
    case.choose("check", "ok", "f1")
    case.choose("beside", "ok", "f2")
    case.choose("x", "ok")
    assert case.task("approve").assignee not in ("f1", "f2")
    case.choose("approve", "ok")
    in_vain(case)
    case.choose("say", "ok", big=False)
    assert case.task("approve").assignee == "f1"
    case.choose("approve", "ok", "f2")
    assert case.state.status == "watching_effect"


def test_a_return_frees_also_who_voted_where_the_vote_was_withdrawn() -> None:
    back = f"[{{id: ok, title: {T}}}, {{id: back, title: {T}, returns_to: say}}]"
    why = f", form: [{{name: why, type: text, required: [back], title: {T}}}]"
    both = nested(fork("all", human("x", extra=why, outcomes=back), human("beside", extra=VOTE, outcomes=CHOICES)))
    rule = "{id: big, when: 'data.big', steps: [" + both + "]}"
    say = human("say", extra=f", form: [{{name: big, type: boolean, required: true, title: {T}}}]")
    last = human("approve", "finance_analyst", ", separate_from: [beside]")
    case = play(say, nested(decision(rule + ", {id: rest, default: true}")), last)
    case.choose("say", "ok", big=True)
    case.choose("beside", "ok", "f1")
    case.choose("x", "back", why="not so big")
    assert case.state.steps["beside"].status == "undone"
    case.choose("say", "ok", big=False)
    case.choose("approve", "ok", "f1")
    assert case.state.status == "watching_effect"


def test_a_supplier_who_delivers_late_again_keeps_no_promise_of_the_first_time() -> None:
    case = to_the_end(Play(shipped("supply_exception")))
    assert {"promised_date", "measure_cost", "cost_bearer"} <= case.state.data.keys()
    case.wait(days=7).do(c.JudgeEffect(observed="0.1", snapshot_id="later"))
    assert case.state.data == {} and case.state.results == {}
    assert [step for step, known in case.state.steps.items() if known.outcome is not None] == []


def test_an_incident_that_is_back_goes_on_with_what_was_said_of_it() -> None:
    """It is the same one: its explanation stands until it is given anew, also where all was done before."""
    case = Play(small(f"- {human('a', extra=COST)}\n", "closes: on_resolution\nreopens_within: P1D\n")).open()
    case.choose("a", "ok", cost="5")
    case.do(c.ResolveIncident())
    events = case.do(c.ReopenIncident(observed=None, snapshot_id="s2"))
    assert isinstance(events[0], e.CaseReopened)
    assert (events[0].undone, events[0].dropped, case.state.data) == ((), (), {"cost": "5"})
    assert case.task("a").task_id == "c1.a.2"
