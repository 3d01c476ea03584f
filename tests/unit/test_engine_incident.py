"""An incident's task: acknowledged, snoozed, handed over; the case opened again, and joined to another."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from tests.engine_world import MONDAY, Play, calendar, human, people, shipped, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.refusal import EngineError, Refused
from workflow_jobs.engine.state import TaskState

DAY = timedelta(days=1)


@pytest.fixture
def play() -> Play:
    return Play(shipped("data_incident")).open(data={"owner_role": "data_owner", "failed": []})


def task(play: Play) -> TaskState:
    return play.task("explain")


def snooze(play: Play, until: datetime, person: str = "d1", reason: str = "waiting for the export") -> Any:
    one = task(play)
    return play.do(
        c.SnoozeTask(task_id=one.task_id, task_version=one.version, person_id=person, until=until, reason=reason)
    )


def assign(play: Play, to: str, person: str = "d1", reason: str = "") -> Any:
    one = task(play)
    return play.do(c.AssignTask(task_id=one.task_id, task_version=one.version, person_id=person, to=to, reason=reason))


def refused(code: str) -> Any:
    return pytest.raises(Refused, match=code)


def test_a_snoozed_task_waits_and_comes_back_by_itself(play: Play) -> None:
    before = task(play)
    until = MONDAY + timedelta(hours=26)
    snooze(play, until)
    resting = task(play)
    assert (resting.paused_until, resting.next_rung_at, resting.pause_reason) == (
        until, until, "waiting for the export",
    )  # fmt: skip
    rest = calendar().working_between(MONDAY, until)
    assert rest > timedelta(hours=7)
    assert calendar().working_between(before.due_at, resting.due_at) == rest
    play.now = until - timedelta(minutes=1)
    assert play.do(c.FireRungs()) == ()
    # The scan comes three hours late: the task rested no longer for that, and what fell due since fires at once.
    play.now = until + timedelta(hours=3)
    events = play.do(c.FireRungs())
    assert [type(event).__name__ for event in events] == ["TaskResumed", "RungFired"]
    awake = task(play)
    assert (awake.paused_until, awake.paused_seconds) == (None, int(rest.total_seconds()))
    assert awake.due_at == resting.due_at
    assert replay(play.log) == play.state


def test_a_task_woken_early_gets_only_the_time_that_it_rested(play: Play) -> None:
    before = task(play)
    snooze(play, MONDAY + 2 * DAY)
    play.wait(hours=1)
    task_id = task(play).task_id
    play.do(c.WakeTask(task_id=task_id, person_id="d1"))
    assert task(play).due_at == calendar().add_working(before.due_at, timedelta(hours=1))
    assert play.do(c.WakeTask(task_id=task_id, person_id="d1")) == ()
    with refused("not_allowed"):
        play.do(c.WakeTask(task_id=task_id, person_id="s1"))


def test_a_snooze_is_bounded_and_gives_its_reason(play: Play) -> None:
    for until in (MONDAY, MONDAY - DAY, MONDAY + 3 * DAY + timedelta(seconds=1)):
        with refused("pause_invalid"):
            snooze(play, until)
    with refused("form_incomplete"):
        snooze(play, MONDAY + DAY, reason="  ")
    with refused("form_invalid"):
        snooze(play, MONDAY + DAY, reason="x" * 501)
    with refused("not_allowed"):
        snooze(play, MONDAY + DAY, person="s1")
    with pytest.raises(EngineError, match="naive"):
        snooze(play, datetime(2026, 11, 17))
    assert task(play).pauses == 0
    for _ in range(3):
        snooze(play, play.now + timedelta(hours=1))
        with refused("pause_invalid"):
            snooze(play, play.now + timedelta(hours=2))
        play.wait(hours=1)
        play.do(c.FireRungs())
    with refused("more is not foreseen"):
        snooze(play, play.now + timedelta(hours=1))


def test_a_snoozed_task_can_be_decided_and_its_rest_is_over_then(play: Play) -> None:
    snooze(play, MONDAY + DAY)
    play.choose("explain", "stated", incident_cause="delivery", remedy="load it again")
    (decided,) = play.state.tasks.values()
    assert (decided.status, decided.paused_until, decided.late) == ("decided", None, False)
    assert play.state.awaiting_resolution


def test_rungs_that_ask_for_attention_are_passed_over_once_somebody_has_it() -> None:
    def rungs(acknowledged: bool) -> list[str]:
        play = Play(shipped("data_incident")).open(data={"owner_role": "data_owner"})
        if acknowledged:
            play.do(c.Acknowledge(task_id=task(play).task_id, person_id="d1"))
        play.wait(hours=6)
        return [type(event).__name__ for event in play.do(c.FireRungs())]

    assert rungs(acknowledged=False) == ["RungFired", "RungFired"]
    assert rungs(acknowledged=True) == ["RungSkipped", "RungSkipped"]


def test_a_task_is_handed_to_somebody_who_may_and_is_there() -> None:
    play = Play(shipped("data_incident")).open(data={"owner_role": "quality_engineer"})
    first = task(play)
    other = {"q1": "q2", "q2": "q1"}[first.assignee or ""]
    with refused("It is with"):
        assign(play, first.assignee or "")
    with refused("transfer_invalid"):
        assign(play, "s1")
    with refused("not_allowed"):
        assign(play, other, person="s1")
    play.directory = people({other: ((date(2026, 11, 16), date(2026, 11, 17)),)})
    with refused("is away on 2026-11-16"):
        assign(play, other)
    play.directory = people()
    due = first.due_at
    (event,) = assign(play, other, reason="you know the mill")
    assert (event.by, event.reason, event.previous) == ("d1", "you know the mill", first.assignee)
    now = task(play)
    assert (now.assignee, now.version, now.assigned_by, now.due_at) == (other, first.version + 1, "d1", due)
    with refused("stale_task"):
        play.do(c.AssignTask(task_id=now.task_id, task_version=1, person_id="d1", to="d1"))
    assert assign(play, "d1", person=other)


def test_a_step_offers_only_what_its_template_says() -> None:
    play = Play(small(f"- {human('a')}\n")).open()
    one = play.task("a")
    given: dict[str, Any] = {"task_id": one.task_id, "task_version": 1, "person_id": one.assignee or ""}
    with refused("action_not_offered"):
        play.do(c.SnoozeTask(**given, until=MONDAY + DAY, reason="x"))
    with refused("action_not_offered"):
        play.do(c.AssignTask(**given, to="pm"))
    with refused("not_resolvable"):
        play.do(c.JoinIncident(into="c2"))
    with refused("not_reopenable"):
        play.do(c.ReopenIncident(observed=None, snapshot_id="s2"))


def test_what_comes_back_soon_is_the_same_incident_with_the_same_task_and_clock(play: Play) -> None:
    play.wait(hours=2)
    play.do(c.FireRungs())
    before = task(play)
    assert before.rung_index == 2
    play.do(c.ResolveIncident(snapshot_id="s2"))
    assert play.state.tasks[before.task_id].status == "cancelled"
    play.wait(hours=3)
    play.do(c.ReopenIncident(observed=None, snapshot_id="s3", data={"symptoms": ["fct_x"]}))
    again = task(play)
    assert (again.task_id, again.version, again.rung_index) == (before.task_id, before.version, 2)
    gone = calendar().working_between(MONDAY + timedelta(hours=2), play.now)
    assert again.paused_seconds == int(gone.total_seconds())
    assert calendar().working_between(before.due_at, again.due_at) == gone
    state = play.state
    assert (state.status, state.reopened, state.breaches, state.outcome, state.closed_at) == ("open", 1, 2, None, None)
    assert state.data["symptoms"] == ["fct_x"]
    assert state.steps["explain"].status == "active"
    assert replay(play.log) == state


def test_what_comes_back_after_its_cause_was_stated_asks_again(play: Play) -> None:
    play.choose("explain", "stated", incident_cause="delivery", remedy="load it again")
    play.do(c.ResolveIncident())
    play.do(c.ReopenIncident(observed=None, snapshot_id="s3"))
    assert task(play).task_id == "c1.explain.2"
    assert not play.state.awaiting_resolution or play.state.open_tasks


def test_what_a_return_withdrew_at_the_same_instant_is_not_asked_again() -> None:
    title = "{en: T, zh: 题}"
    back = f"[{{id: ok, title: {title}}}, {{id: back, title: {title}, returns_to: a}}]"
    why = f", form: [{{name: why, type: text, title: {title}, required: [back]}}]"
    fork = (
        f"fork: {{id: f, join: 1, branches: [[{human('x')}, {human('y')}], [{human('z', outcomes=back, extra=why)}]]}}"
    )
    play = Play(small(f"- {human('a')}\n- {fork}\n", head="closes: on_resolution\nreopens_within: PT12H\n")).open()
    play.choose("a", "ok")
    play.choose("x", "ok")
    play.choose("z", "back", why="not yet")
    play.choose("a", "ok")
    asked = [task.task_id for task in play.state.open_tasks]
    assert asked == ["c1.x.2", "c1.z.2"]
    play.do(c.ResolveIncident())
    play.do(c.ReopenIncident(observed=None, snapshot_id="s2"))
    assert [task.task_id for task in play.state.open_tasks] == asked
    assert {step.step_id: step.status for step in play.state.steps.values() if step.status != "completed"} == {
        "f": "active",
        "x": "active",
        "y": "cancelled",
        "z": "active",
    }


def test_a_log_that_does_not_say_what_was_withdrawn_goes_on_all_the_same(play: Play) -> None:
    before = task(play).task_id
    play.do(c.ResolveIncident())
    *_, closed = play.log
    assert isinstance(closed, e.CaseClosed)
    assert closed.withdrawn == ("explain",)
    play.log[-1] = replace(closed, withdrawn=None)
    play.current = replay(play.log)
    play.wait(hours=1)
    play.do(c.ReopenIncident(observed=None, snapshot_id="s2"))
    assert task(play).task_id == before


def test_what_comes_back_later_or_was_never_over_is_not_reopened(play: Play) -> None:
    with refused("not_reopenable"):
        play.do(c.ReopenIncident(observed=None, snapshot_id="s2"))
    play.do(c.ResolveIncident())
    play.wait(hours=24, seconds=1)
    with refused("not_reopenable"):
        play.do(c.ReopenIncident(observed=None, snapshot_id="s2"))


def test_a_task_that_rested_when_its_case_ended_rests_no_more_when_it_is_back(play: Play) -> None:
    snooze(play, MONDAY + timedelta(hours=2))
    play.wait(hours=1)
    play.do(c.ResolveIncident())
    play.wait(hours=4)
    play.do(c.ReopenIncident(observed=None, snapshot_id="s2"))
    gone = calendar().working_between(MONDAY, play.now)
    assert (task(play).paused_until, task(play).paused_seconds) == (None, int(gone.total_seconds()))


def test_a_symptom_becomes_part_of_its_root(play: Play) -> None:
    with pytest.raises(EngineError, match="itself"):
        play.do(c.JoinIncident(into="c1"))
    play.do(c.JoinIncident(into="C-000009"))
    assert (play.state.status, play.state.outcome, play.state.joined) == ("closed", "joined", "C-000009")
    with refused("case_closed"):
        play.do(c.JoinIncident(into="C-000009"))
    play.do(c.ReopenIncident(observed=None, snapshot_id="s2"))
    assert (play.state.status, play.state.joined) == ("open", "")


def test_a_repeated_sighting_changes_nothing_and_a_new_one_says_what_changed(play: Play) -> None:
    assert play.do(c.RecordBreach(observed=None, snapshot_id="s1", data={"symptoms": ["a"]})) == ()
    (seen,) = play.do(c.RecordBreach(observed=None, snapshot_id="s2", data={"symptoms": ["a"], "failed": []}))
    assert isinstance(seen, e.BreachRecorded)
    assert (seen.breaches, seen.data) == (2, {"symptoms": ["a"]})
    same = {"symptoms": ["a"], "failed": []}
    assert play.do(c.RecordBreach(observed=None, snapshot_id="s3", data=same)) == (), "seen again as it was"
    play.do(c.RecordBreach(observed=None, snapshot_id="s3", times=40))
    assert play.state.breaches == 40
    assert play.state.data["symptoms"] == ["a"]


def test_times_before_the_opening_count() -> None:
    assert Play(shipped("data_incident")).open(times=7).state.breaches == 7
    assert MONDAY.tzinfo is UTC
