"""Whether a running case fits another version of its template, and what moving it does: one reason for each misfit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from tests.engine_world import JUDGED, MONDAY, SUPPLIER, Play, human, people, service, shipped, small, to_the_end
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import fold, replay
from workflow_jobs.engine.migration import Fit, fits, migrate
from workflow_jobs.engine.refusal import EngineError, Refused
from workflow_jobs.engine.template import Template, load_template

NEXT = "version: 2"


def again(template: Template, *changes: tuple[str, str]) -> Template:
    """The next version of a template; every change must hit."""
    text = template.text
    for old, new in (("version: 1", NEXT), *changes):
        assert old in text, old
        text = text.replace(old, new)
    return load_template(text, file=template.file)


def supply(*changes: tuple[str, str]) -> tuple[Template, Template]:
    old = shipped("supply_exception")
    number = f"version: {old.version}"
    text = old.text.replace(number, "version: 99")
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return old, load_template(text, file=old.file)


def move(play: Play, new: Template) -> tuple[e.Event, ...]:
    old = play.template
    play.template = new
    events = migrate(play.state, old, new, play.now, play.env, "im")
    play.current = fold(play.state, events)
    play.log += events
    return events


def test_a_version_that_changes_nothing_takes_every_open_case_wherever_it_stands() -> None:
    old, new = supply()
    log = to_the_end(Play(old)).log
    stood = 0
    for length in range(1, len(log) + 1):
        state = replay(log[:length])
        fit = fits(state, old, new)
        assert (not fit.reasons) == state.is_open, (length, fit)
        if not state.is_open:
            assert "only open cases" in fit.reasons[0]
            continue
        play = Play(old, now=log[length - 1].at, log=list(log[:length]), current=state)
        events = move(play, new)
        assert [type(event) for event in events] == [e.TemplateMigrated]
        assert replay(play.log) == play.state
        assert play.state.template_hash == new.hash
        assert (play.state.tasks, play.state.steps, play.state.data) == (state.tasks, state.steps, state.data)
        stood += 1
    assert stood > 20


def test_a_case_does_not_move_to_where_who_has_its_task_may_not_decide_it() -> None:
    old = small(f"- {human('a')}\n- {human('b')}\n")
    new = again(old, ("id: b, kind: human", "id: b, separate_from: [a], kind: human"))
    play = Play(old).open()
    first = play.task("a").assignee
    play.choose("a", "ok")
    assert play.task("b").assignee == first
    assert fits(play.state, old, new).reasons == (f"step b is with {first}, who may not decide it in the new version",)
    play.directory = people({first or "": ((date(2026, 11, 16), date(2026, 11, 16)),)})
    play.do(c.ReassignAbsent())
    assert fits(play.state, old, new).reasons == ()


def test_a_moved_case_goes_on_by_the_new_version() -> None:
    old, new = supply(("data.impact_amount < 50000.0", "data.impact_amount < 20000.0"))
    play = Play(old).open()
    play.choose("judge", "confirm", **JUDGED)
    move(play, new)
    play.choose("supplier", "agreed", **SUPPLIER)
    play.choose("protect", "covered")
    play.do(c.CompleteService(step_id="replan", run_id="r1", result={}))
    assert play.task("assess").role == "finance_manager", "30,000 is the second tier of the new version"
    with pytest.raises(Refused):
        play.choose("assess", "approve", "f1", measure_cost="1", cost_bearer="supplier")


def test_another_time_for_an_open_task_is_computed_anew_and_no_rung_fires_twice() -> None:
    old, new = supply(
        ("    sla: PT4H\n    outcomes:\n      - {id: confirm", "    sla: P1D\n    outcomes:\n      - {id: confirm")
    )
    play = Play(old).open().wait(hours=3, minutes=25)  # working time: a good 1 h 55
    play.wait(hours=2)
    play.do(c.FireRungs())
    fired = [event.percent for event in play.log if isinstance(event, e.RungFired)]
    assert fired == [80]
    task = play.task("judge")
    (moved, clock) = move(play, new)
    assert isinstance(moved, e.TemplateMigrated) and isinstance(clock, e.ClockRecomputed)
    after = play.task("judge")
    assert (after.sla_seconds, task.sla_seconds) == (7.5 * 3600, 4 * 3600)
    assert after.due_at == clock.due_at > task.due_at and clock.previous_due_at == task.due_at
    assert after.version == task.version, "the card that people have still decides"
    assert replay(play.log) == play.state
    play.now = after.due_at + timedelta(seconds=1)
    play.do(c.FireRungs())
    fired = [event.percent for event in play.log if isinstance(event, e.RungFired)]
    assert fired == [80, 100]


def steps(*entries: str) -> str:
    return "".join(f"  - {entry}\n" for entry in entries)


def side_by_side(*branches: str) -> str:
    inside = "".join(f"        - - {branch}\n" for branch in branches)
    return f"fork:\n      id: both\n      join: all\n      branches:\n{inside}".rstrip("\n")


A, B, C, D, Y, Z = (human(name) for name in "abcdyz")
AMOUNT = ", form: [{name: amount, type: decimal, title: {en: A, zh: 甲}, required: true}]"
ASKS = human("a", extra=AMOUNT)
ONLY_GO = human("a", outcomes="[{id: go, title: {en: Go, zh: 去}}]")
OK_ENDS = human(
    "a", outcomes="[{id: ok, title: {en: Ok, zh: 好}, ends_case: no_action}, {id: go, title: {en: Go, zh: 去}}]"
)
SIZE = (
    "decision: {id: size, title: {en: Size, zh: 大小}, accountable: cfo, "
    "rules: [{id: big, when: 'data.amount > 5.0'}, {id: small, default: true}]}"
)
BRANCHES = (
    "decision: {id: size, title: {en: Size, zh: 大小}, accountable: cfo, "
    f"rules: [{{id: big, when: 'data.amount > 5.0', steps: [{C}]}}, {{id: small, default: true, steps: [{D}]}}]}}"
)
PARALLEL = steps(A, side_by_side(B, D), Z)


@pytest.mark.parametrize(
    ("old", "new", "done", "said"),
    [
        pytest.param(steps(A), steps(Y), "", "step a (under way) is not in", id="gone"),
        pytest.param(steps(A, Z), steps(Z), "a", "step a (completed) is not in", id="done and gone"),
        pytest.param(steps(A), steps(service("a")), "", "is human here and service", id="kind"),
        pytest.param(
            PARALLEL,
            steps(A, B, side_by_side(C, D), Z),
            "a",
            "in branch 1 of both, in the new version in the main sequence",
            id="out of a block",
        ),
        pytest.param(
            steps(A, B),
            steps(side_by_side(A, B)),
            "",
            "in the main sequence, in the new version in branch 1 of both",
            id="into a block",
        ),
        pytest.param(PARALLEL, PARALLEL.replace("join: all", "join: any"), "a", "another join", id="join"),
        pytest.param(steps(A, B), steps(B, A), "a", "step a is done, and would come again", id="done twice"),
        pytest.param(steps(A), steps(ONLY_GO), "", "offers 'ok', the new version does not", id="outcome gone"),
        pytest.param(steps(A, B), steps(OK_ENDS, B), "", "'ok' leads elsewhere", id="outcome leads elsewhere"),
        pytest.param(
            steps(ASKS, B),
            steps(ASKS.replace("decimal", "text"), B),
            "a",
            "field amount holds decimal, the new version takes text",
            id="type of a field",
        ),
        pytest.param(steps(A, B), steps(ASKS, SIZE, B), "a", "", id="a decision passed over asks nothing"),
        pytest.param(
            steps(A, B, Z),
            steps(ASKS, B, SIZE, Z),
            "a",
            "step size goes by data.amount, which this case will never know",
            id="condition without its field",
        ),
        pytest.param(
            steps(service("a")),
            steps(service("a")).replace("replan_production", "shadow_definition"),
            "",
            "waits for replan_production_job",
            id="job",
        ),
    ],
)
def test_what_does_not_fit_is_said(old: str, new: str, done: str, said: str) -> None:
    before, after = small(old), again(small(new))
    play = Play(before).open()
    for step in done:
        form = {"amount": "1"} if AMOUNT in old and step == "a" else {}
        play.choose(step, "ok", **form)
    fit = fits(play.state, before, after)
    if not said:
        assert fit.reasons == ()
        return
    assert any(said in reason for reason in fit.reasons), fit.reasons
    unchanged = play.state
    play.template = after
    with pytest.raises(Refused, match="does_not_fit") as refused:
        migrate(play.state, before, after, play.now, play.env, "im")
    assert said in refused.value.sentence
    assert play.state is unchanged


def test_tiers_votes_signals_inputs_and_closing_count_as_well() -> None:
    tiers = ", tiers: [{when: 'case.breaches > 3', responsible: cfo}, {default: true, responsible: finance_manager}]"
    asked = human("a").replace("responsible: buyer, ", "")[:-1] + tiers + "}"
    before = small(f"  - {asked}\n")
    assert "by its tiers" in _said(before, again(before, ("breaches > 3", "breaches > 4")))
    wait = (
        "  - {id: w, kind: wait, title: {en: W, zh: 等}, raci: {accountable: plant_manager}, "
        "until: {working: P1D}, signal: came}\n"
    )
    before = small(wait)
    assert "another signal" in _said(before, again(before, ("signal: came", "signal: went")))
    before = small(f"  - {human('a')}\n")
    needed = "inputs: [{name: who, type: text, title: {en: W, zh: 谁}, required: true}]\nsteps:"
    assert "needs the input who" in _said(before, again(before, ("steps:", needed)))
    resolved = again(before, ("steps:", "closes: on_resolution\nsteps:"))
    assert "closes on resolution" in _said(before, resolved)
    play = Play(before).open()
    assert fits(play.state, before, before).reasons == ("it follows version 1 already",)
    with pytest.raises(EngineError):
        fits(play.state, resolved, before)


def _said(before: Template, after: Template) -> str:
    return "; ".join(fits(Play(before).open().state, before, after).reasons)


def test_steps_that_are_passed_over_and_new_times_are_noted() -> None:
    before = small(f"  - {human('a')}\n  - {human('b')}\n")
    after = again(before, (f"  - {human('b')}", f"  - {human('x')}\n  - {human('b').replace('PT4H', 'P2D')}"))
    play = Play(before).open()
    play.choose("a", "ok")
    fit = fits(play.state, before, after)
    assert fit.reasons == ()
    assert fit.notes == (
        "step x of the new version stands before where the case is: it is passed over",
        "step b has P2D instead of PT4H: its due time is computed anew",
    )


def test_a_step_that_is_inserted_before_the_place_within_a_branch_is_noted_where_the_case_went_that_way() -> None:
    before = small(PARALLEL)
    inner = f"- - {human('x')}\n          - {B}\n"
    after = again(before, (f"- - {B}\n", inner))
    play = Play(before).open()
    assert fits(play.state, before, after).notes == (), "the whole block is still to come"
    play.choose("a", "ok")
    passed = "step x of the new version stands before where the case is: it is passed over"
    assert fits(play.state, before, after) == Fit((), (passed,))
    play.choose("b", "ok")
    play.choose("d", "ok")
    assert fits(play.state, before, after) == Fit((), (passed,)), "also where the block is done"
    before = small(steps(ASKS, BRANCHES, Z))
    ways = {one: again(before, (f"steps: [{one}]", f"steps: [{human('x')}, {one}]")) for one in (C, D)}
    play = Play(before).open()
    play.choose("a", "ok", amount="9")
    assert fits(play.state, before, ways[C]) == Fit((), (passed,))
    assert fits(play.state, before, ways[D]) == Fit(()), "the case did not take this branch"


def test_a_step_that_comes_later_in_a_branch_of_the_case_is_no_note() -> None:
    before = small(PARALLEL)
    after = again(before, (f"- - {B}\n", f"- - {B}\n          - {human('x')}\n"))
    play = Play(before).open()
    play.choose("a", "ok")
    assert fits(play.state, before, after) == Fit(())


@pytest.mark.parametrize(
    ("old", "new", "asked"),
    [
        ("responsible: buyer", "responsible: cfo", "cfo (plant_manager answers for it)"),
        ("accountable: plant_manager", "accountable: cfo", "buyer (cfo answers for it)"),
        ("responsible: buyer, ", "", "plant_manager"),
    ],
)
def test_an_open_step_that_others_are_asked_now_keeps_its_case_where_it_is(old: str, new: str, asked: str) -> None:
    before = small(steps(A, Z))
    after = again(before, (A, A.replace(old, new)))
    play = Play(before).open()
    said = f"step a is asked of buyer (plant_manager answers for it), in the new version of {asked}"
    assert fits(play.state, before, after) == Fit((said,))
    with pytest.raises(Refused, match="does_not_fit"):
        migrate(play.state, before, after, play.now, replace(play.env, template=after), "im")
    play.choose("a", "ok")
    assert fits(play.state, before, after) == Fit(()), "once it is decided the case can move"


def test_other_roles_of_a_step_to_come_or_of_those_informed_do_not_matter() -> None:
    before = small(steps(A, B))
    told = again(before, (A, A.replace("accountable: plant_manager", "accountable: plant_manager, informed: [ceo]")))
    later = again(before, (B, B.replace("responsible: buyer", "responsible: cfo")))
    play = Play(before).open()
    assert fits(play.state, before, told) == fits(play.state, before, later) == Fit(())
    play.template = before
    move(play, later)
    play.choose("a", "ok")
    assert (play.task("b").role, play.task("b").assignee) == ("cfo", "cfo")


WAITS = "{id: w, kind: wait, title: {en: W, zh: 等}, raci: {accountable: plant_manager}, pauses_case: true, until: "
DAYS = "inputs: [{name: first, type: date, title: {en: F, zh: 一}, required: true}, " + (
    "{name: second, type: date, title: {en: S, zh: 二}}]\nopened_by: [people]\nsla: P9D\n"
)


@pytest.mark.parametrize(
    ("old", "new", "ends", "said"),
    [
        ("clock: P3D", "clock: P30D", "2026-12-16 01:30", "P30D of clock time instead of P3D of clock time"),
        ("working: P3D", "clock: P1D", "2026-11-17 01:30", "P1D of clock time instead of P3D of working time"),
        ("clock: P3D", "clock: PT1H", "2026-11-16 03:30", "PT1H of clock time instead of P3D of clock time"),
        ("date: first", "date: second", "2026-11-27 01:00", "for the date second instead of for the date first"),
        ("clock: P3D", "date: first", "2026-11-24 01:00", "for the date first instead of P3D of clock time"),
    ],
)
def test_a_wait_that_takes_another_time_is_reckoned_anew_and_that_is_noted(
    old: str, new: str, ends: str, said: str
) -> None:
    before = small(f"  - {WAITS}{{{old}}}}}\n{steps(A)}", DAYS)
    after = again(before, (f"{{{old}}}", f"{{{new}}}"))
    play = Play(before).open(data={"first": "2026-11-24", "second": "2026-11-27"}).wait(hours=2)
    was = play.state.next_timer_at
    noted = f"step w waits {said}: when it is over is computed anew from its beginning"
    assert fits(play.state, before, after) == Fit((), (noted,))
    told = [event for event in move(play, after) if isinstance(event, e.WaitRecomputed)]
    ends_at = datetime.fromisoformat(f"{ends}+00:00")
    assert [(one.previous_wake_at, one.wake_at, one.reason) for one in told] == [
        (was, ends_at, "version 2 of the template")
    ]
    assert play.state.steps["w"].wake_at == play.state.paused_until == play.state.ledger[0].until == ends_at
    assert replay(play.log) == play.state
    play.now = ends_at
    play.do(c.FireTimers())
    assert play.task("a")


def test_a_wait_for_a_date_that_the_case_was_not_given_does_not_fit() -> None:
    before = small(f"  - {WAITS}{{clock: P3D}}}}\n{steps(A)}", DAYS)
    after = again(before, ("{clock: P3D}", "{date: second}"))
    play = Play(before).open(data={"first": "2026-11-24"})
    assert fits(play.state, before, after).reasons == (
        "step w waits for the date second, which this case was not given",
    )
    before = small(f"{steps(A)}  - {WAITS}{{clock: P3D}}}}\n", DAYS)
    after = again(before, ("{clock: P3D}", "{date: second}"))
    play = Play(before).open(data={"first": "2026-11-24"})
    assert fits(play.state, before, after).reasons == ("step w goes by data.second, which this case will never know",)


def test_what_rests_goes_on_resting_with_the_new_time() -> None:
    snooze = ", actions: {snooze: {at_most: P2D}}"
    before = small(f"  - {human('a', extra=snooze)}\n")
    after = again(before, ("sla: PT4H", "sla: P1D"))
    play = Play(before).open().wait(hours=1)
    task = play.task("a")
    until = play.now + timedelta(hours=24)
    play.do(c.SnoozeTask(task_id=task.task_id, task_version=1, person_id="b1", until=until, reason="waits"))
    move(play, after)
    moved = play.task("a")
    assert (moved.next_rung_at, moved.paused_until) == (until, until)
    play.now = until
    play.do(c.FireRungs())
    assert play.task("a").due_at == moved.due_at, "the pause was counted when the case moved"


def test_a_task_that_rested_when_it_was_late_stays_due_when_it_was() -> None:
    extra = ", actions: {snooze: {at_most: P5D}}, ladder: [{at: 80, action: remind, to: assignee}]"
    before = small(f"  - {human('a', extra=extra)}\n")
    play = Play(before).open()
    due = play.task("a").due_at
    play.wait(days=1).do(c.FireRungs())
    until = play.now + timedelta(days=2)
    play.do(c.SnoozeTask(task_id="c1.a.1", task_version=1, person_id="b1", until=until, reason="waits"))
    play.wait(days=2).do(c.FireRungs())
    assert play.task("a").due_at == due
    move(play, again(before, ("at: 80", "at: 90")))
    assert play.task("a").due_at == due, "only a rung is another"


def test_a_rest_that_began_when_it_was_late_counts_for_no_new_time_either() -> None:
    before = small(f"  - {human('a', extra=', actions: {snooze: {at_most: P5D}}')}\n")
    play = Play(before).open().wait(days=1)
    until = play.now + timedelta(days=2)
    play.do(c.SnoozeTask(task_id="c1.a.1", task_version=1, person_id="b1", until=until, reason="waits"))
    play.wait(days=2).do(c.FireRungs())
    move(play, again(before, ("sla: PT4H", "sla: PT2H")))
    assert play.task("a").due_at == MONDAY + timedelta(hours=2)


def test_a_step_without_rungs_of_its_own_keeps_its_clock_when_the_templates_ladder_changes() -> None:
    ladder = "ladder: [{at: 80, action: remind, to: assignee}]\n"
    before = small(f"  - {human('a', extra=', ladder: []')}\n", ladder)
    play = Play(before).open()
    assert [type(event) for event in move(play, again(before, ("at: 80", "at: 90")))] == [e.TemplateMigrated]


def test_the_time_of_a_case_that_began_anew_goes_on_from_there() -> None:
    head = (
        "sla: P5D\ncase_ladder: [{at: 100, action: escalate, to: owner}]\n"
        "effect: {metric_from: trigger, window: P30D, rule: 'value >= threshold', on_failure: reopen}\n"
    )
    before = small(f"  - {human('a')}\n", head)
    play = Play(before).open()
    play.choose("a", "ok")
    play.wait(days=30).do(c.JudgeEffect(observed="0.5", snapshot_id="s9"))
    due = play.state.due_at
    assert due is not None and due > play.now
    first = again(before, ("at: 100", "at: 90"))
    move(play, first)
    assert play.state.due_at == due
    assert play.state.rung_at is not None and play.now < play.state.rung_at < due
    move(play, load_template(first.text.replace(NEXT, "version: 3").replace("sla: P5D", "sla: P1D"), file=first.file))
    assert play.state.due_at == play.now + timedelta(days=1), "a working day from when it began anew"
    assert play.do(c.FireTimers()) == ()
    assert replay(play.log) == play.state


def voted(kind: str, required: str = "false") -> str:
    form = f"form: [{{name: cost, type: {kind}, title: {{en: C, zh: 费}}, required: {required}}}]"
    return f"  - {human('a', extra=f', actions: {{add_approver: true}}, {form}')}\n"


def agreed_by_one(form: dict[str, str]) -> Play:
    """A play whose first person has decided, and whose added approver has not."""
    play = Play(small(voted("text"))).open()
    task = play.task("a")
    play.do(c.AddApprover(task_id=task.task_id, task_version=task.version, person_id="b1", to="f1", reason="large"))
    task = next(one for one in play.state.open_tasks if one.assignee == "b1")
    play.do(c.DecideTask(task_id=task.task_id, task_version=task.version, person_id="b1", outcome="ok", form=form))
    return play


def test_what_was_typed_before_all_have_agreed_must_be_of_the_types_that_the_new_version_takes() -> None:
    play = agreed_by_one({"cost": "very dear"})
    assert "cost" not in play.state.data, "it is data only when all have agreed"
    (reason,) = fits(play.state, play.template, again(play.template, ("type: text", "type: decimal"))).reasons
    assert reason == "step a: cost was typed as text, the new version takes decimal"


def test_an_outcome_that_was_chosen_must_have_what_the_new_version_requires_of_it() -> None:
    play = agreed_by_one({})
    new = again(play.template, ("required: false", "required: true"))
    (reason,) = fits(play.state, play.template, new).reasons
    assert reason == "step a: 'ok' was chosen without cost, which it needs there"
    assert fits(agreed_by_one({"cost": "5"}).state, play.template, new).reasons == ()
