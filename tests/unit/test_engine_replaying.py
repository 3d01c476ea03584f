"""Past cases played on another version: the same version gives no difference, and each kind of change shows as one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.engine_world import JUDGED, SUPPLIER, Play, calendar, human, people, service, shipped, small, to_the_end
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.environment import Environment
from workflow_jobs.engine.refusal import EngineError
from workflow_jobs.engine.replaying import Difference, Replayed, replay_case
from workflow_jobs.engine.template import Template, load_template


def played(log: Sequence[e.Event], old: Template, new: Template) -> Replayed:
    return replay_case(log, old, new, lambda template: Environment(template, calendar(), people()))


def changed(template: Template, *changes: tuple[str, str]) -> Template:
    text = template.text
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return load_template(text, file=template.file)


def supply_log() -> list[e.Event]:
    """A case with nearly everything in it: rungs, acknowledgement, a failed job, work by hand, a judged effect."""
    play = Play(shipped("supply_exception")).open().wait(hours=5)
    play.do(c.FireRungs())
    play.choose("judge", "confirm", **JUDGED)
    play.wait(hours=2)
    play.do(c.RecordBreach(observed="0.70", snapshot_id="s2"))
    play.choose("protect", "short", orders_at_risk=3)
    play.choose("supplier", "agreed", **SUPPLIER)
    for attempt in (1, 2, 3):
        play.do(c.FailService(step_id="replan", run_id=f"r{attempt}", error="no memory"))
    play.choose("replan", "done_by_hand", comment="By telephone")
    play.wait(hours=20)
    play.do(c.FireRungs())
    play.choose("assess", "approve", measure_cost="1200", cost_bearer="supplier")
    play.choose("promise", "kept")
    play.wait(days=7)
    play.do(c.JudgeEffect(observed="0.9", snapshot_id="s9"))
    return play.log


def test_the_same_version_makes_no_difference() -> None:
    template = shipped("supply_exception")
    number = f"version: {template.version}"
    for log in (supply_log(), to_the_end(Play(template)).log):
        for other in (template, changed(template, (number, "version: 77"))):
            result = played(log, template, other)
            assert result.same and result.notes == (), result


def test_a_tier_that_moves_shows_with_its_roles_and_who_decides_then() -> None:
    template = shipped("supply_exception")
    result = played(supply_log(), template, changed(template, ("impact_amount < 50000.0", "impact_amount < 20000.0")))
    assert result.differences == (
        Difference("tier", "assess", "tier 1", "tier 2"),
        Difference("roles", "assess", "finance_analyst, finance_manager", "finance_manager, cfo"),
    )
    assert result.stopped == ()
    assert result.notes == ("step assess: Wei One may not decide it, Chu Finance may",)


def test_another_time_shows_as_another_due_time_and_nothing_else() -> None:
    template = shipped("supply_exception")
    head = "consulted: [buyer]\n      informed: [purchasing_manager]\n    sla: "
    result = played(supply_log(), template, changed(template, (f"{head}PT4H", f"{head}PT8H")))
    assert [(one.kind, one.step) for one in result.differences] == [("due", "judge")]
    assert result.differences[0].before < result.differences[0].after


def test_a_step_that_nobody_ever_decided_stops_the_play() -> None:
    before = small(f"  - {human('a')}\n  - {human('b')}\n")
    play = Play(before).open()
    play.choose("a", "ok")
    play.wait(hours=1).choose("b", "ok")
    after = small(f"  - {human('a')}\n  - {human('x')}\n  - {human('b')}\n")
    result = played(play.log, before, after)
    assert not result.same
    assert result.stopped == (
        "nothing waits for the choice 'ok' in step b",
        "step x: nobody decided it in the past",
    )
    assert Difference("path", "x", "not there", "reached") in result.differences
    assert Difference("path", "b", "done", "not reached") in result.differences
    assert Difference("outcome", "", "completed", "open") in result.differences


def test_decisions_are_followed_in_another_order_too() -> None:
    before = small(f"  - {human('a')}\n  - {human('b')}\n  - {human('z')}\n")
    play = Play(before).open()
    for step in "abz":
        play.wait(hours=1).choose(step, "ok")
    result = played(play.log, before, small(f"  - {human('b')}\n  - {human('a')}\n  - {human('z')}\n"))
    assert result.stopped == ()
    assert Difference("path", "", "a > b > z", "b > a > z") in result.differences


def test_an_outcome_or_a_field_that_is_no_longer_offered_is_said() -> None:
    two = "[{id: ok, title: {en: Ok, zh: 好}}, {id: odd, title: {en: Odd, zh: 怪}}]"
    before = small(f"  - {human('a', outcomes=two)}\n")
    play = Play(before).open()
    play.choose("a", "odd")
    result = played(play.log, before, small(f"  - {human('a')}\n"))
    assert result.stopped[0].startswith("the choice 'odd' in step a: 'odd' is no choice")
    needs = ", form: [{name: why, type: text, title: {en: Why, zh: 为何}, required: true}]"
    result = played(play.log, before, small(f"  - {human('a', outcomes=two, extra=needs)}\n"))
    assert result.stopped[0] == "the choice 'odd' in step a: Please fill in: Why."
    typed = Play(small(f"  - {human('a', outcomes=two, extra=needs)}\n")).open()
    typed.choose("a", "ok", why="because")
    assert played(typed.log, typed.template, before).same, "a field that is asked no more makes no difference"


def test_jobs_signals_and_waits_happen_at_their_times() -> None:
    wait = (
        "{id: w, kind: wait, title: {en: W, zh: 等}, raci: {accountable: plant_manager}, "
        "until: {clock: P3D}, signal: came}"
    )
    before = small(f"  - {human('a')}\n  - {wait}\n  - {service('s')}\n  - {human('z')}\n")
    for signalled in (True, False):
        play = Play(before).open()
        play.choose("a", "ok")
        play.wait(days=2 if signalled else 3)
        play.do(c.SendSignal(signal="came", person_id="pm") if signalled else c.FireTimers())
        play.do(c.CompleteService(step_id="s", run_id="r", result={}))
        play.choose("z", "ok")
        assert play.state.status == "closed"
        assert played(play.log, before, before).same
        shorter = changed(before, ("clock: P3D", "clock: P1D"))
        result = played(play.log, before, shorter)
        assert result.stopped == (("nothing waits for the signal 'came'",) if signalled else ())
        kinds = {(one.kind, one.step) for one in result.differences}
        assert kinds == ({("outcome", "w")} if signalled else set())


def test_a_log_must_begin_with_its_case() -> None:
    log = supply_log()
    with pytest.raises(EngineError):
        played(log[1:], shipped("supply_exception"), shipped("supply_exception"))
    with pytest.raises(EngineError):
        played([], shipped("supply_exception"), shipped("supply_exception"))


def test_a_case_that_the_new_version_would_not_open_is_said() -> None:
    before = small(f"  - {human('a')}\n")
    play = Play(before).open().wait(hours=1)
    needed = "inputs: [{name: who, type: text, title: {en: Who, zh: 谁}, required: true}]\nsteps:"
    result = played(play.log, before, changed(before, ("steps:", needed)))
    assert result.stopped == ("the case would not be opened: The input who (Who) is missing.",)


WAIT = (
    "{id: w, kind: wait, title: {en: W, zh: 等}, raci: {accountable: plant_manager}, until: {clock: P3D}, signal: came}"
)


def test_what_came_before_a_late_look_at_the_timers_comes_first_again() -> None:
    late = ", ladder: [{at: 100, action: default, to: owner, outcome: ok}]"
    two = "[{id: ok, title: {en: Ok, zh: 好}}, {id: odd, title: {en: Odd, zh: 怪}}]"
    template = small(f"  - {human('a', outcomes=two, extra=late)}\n  - {WAIT}\n  - {human('z')}\n")
    play = Play(template).open()
    # Both times the due time is over, nobody has looked yet, and somebody is faster.
    play.wait(days=1).choose("a", "odd")
    play.wait(days=4).do(c.SendSignal(signal="came", person_id="pm"))
    play.do(c.FireRungs())
    play.do(c.FireTimers())
    play.choose("z", "ok")
    assert [play.state.steps[step].outcome for step in "aw"] == ["odd", "signalled"]
    result = played(play.log, template, template)
    assert result.same and result.notes == ()
    # Of a step that the past did not have nothing is known of late looks: its timers fire when they are due.
    other = WAIT.replace("id: w", "id: v").replace("P3D", "PT1H").replace("came", "gone")
    longer = changed(template, ("steps:\n", f"steps:\n  - {other}\n"))
    result = played(play.log, template, longer)
    assert result.stopped == ()
    assert [(one.kind, one.step) for one in result.differences] == [("path", "v"), ("due", "a")]


def test_a_late_look_finds_late_what_it_found_late() -> None:
    both = (
        f"  - fork:\n      id: both\n      join: all\n      branches:\n        - - {human('a')}\n        - - {WAIT}\n"
    )
    template = small(f"{both}  - {human('z')}\n")
    play = Play(template).open()
    play.wait(days=4).choose("a", "ok")
    play.wait(hours=5).do(c.FireTimers())
    result = played(play.log, template, template)
    assert result.same and result.notes == (), "the step behind begins when the wait was found to be over"
    sooner = played(play.log, template, changed(template, ("clock: P3D", "clock: P1D")))
    assert [(one.kind, one.step) for one in sooner.differences] == [("due", "z")], (
        "between days 1 and 3 somebody looked"
    )


def test_an_added_approver_is_added_again_and_is_nobodys_voice_where_none_is_added() -> None:
    template = small(f"  - {human('a', extra=', actions: {add_approver: true}')}\n  - {human('b')}\n")
    play = Play(template).open()
    task = play.task("a")
    play.do(c.AddApprover(task_id=task.task_id, task_version=1, person_id=task.assignee or "", to="f1", reason="dear"))
    play.wait(hours=1).choose("a", "ok")
    play.wait(hours=1).choose("a", "ok", "f1")
    play.wait(hours=1).choose("b", "ok")
    assert played(play.log, template, template).notes == ()
    result = played(play.log, template, changed(template, (", actions: {add_approver: true}", "")))
    assert result.stopped == () and [one.kind for one in result.differences] == ["due"]
    assert "step a: Wei One is not added to decide" in result.notes


def test_a_case_ends_with_the_case_that_opened_it() -> None:
    template = small(f"  - {human('a')}\n  - {human('b')}\n")
    play = Play(template).open(case_id="c1-1", parent_case_id="c1", parent_step_id="p", requested_by="o1")
    play.choose("a", "ok")
    play.wait(hours=1).do(c.EndWithParent(parent_case_id="c1", reason="c1: the case closed: withdrawn"))
    result = played(play.log, template, template)
    assert result.same and result.notes == ()


def test_another_case_that_is_taken_back_on_the_new_version_is_not_waited_for() -> None:
    inner = "{id: p, kind: process, title: {en: P, zh: 程}, raci: {accountable: plant_manager}, template: other}"
    block = f"  - fork:\n      id: f\n      join: all\n      branches:\n        - - {inner}\n        - - {human('a')}\n"
    template = small(f"{block}  - {human('z')}\n")
    play = Play(template).open()
    play.wait(hours=1).choose("a", "ok")
    play.wait(hours=1).do(c.EndChild(child_case_id="c1-1", outcome="completed"))
    play.choose("z", "ok")
    assert played(play.log, template, template).notes == ()
    result = played(play.log, template, changed(template, ("join: all", "join: any")))
    assert result.stopped == ()
    assert result.notes == ("step p: the other process is taken back before it ends",)
    assert [(one.kind, one.step) for one in result.differences] == [("due", "z"), ("outcome", "p")]


def test_what_today_makes_of_a_past_case_is_said_where_it_is_not_what_happened() -> None:
    template = small(f"  - {human('a')}\n  - {human('b')}\n")
    play = Play(template).open()
    play.wait(hours=1).choose("a", "ok")
    reformed = [replace(event, due_at=event.due_at + timedelta(days=1)) if isinstance(event, e.TaskCreated) else event
                for event in play.log]  # fmt: skip
    result = played(reformed, template, template)
    assert result.same, "both plays have the calendar of today"
    assert len(result.notes) == 2 and all(note.startswith("played again, the old version is") for note in result.notes)
