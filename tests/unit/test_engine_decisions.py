"""Who may decide what, and what the engine refuses, with its code."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from resources.people import Person, directory
from tests.engine_world import JUDGED, MONDAY, Play, human, people, shipped, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.decide import decide
from workflow_jobs.engine.refusal import EngineError, Refused


def refused(play: Play, command: c.Command) -> Refused:
    before, length = play.current, len(play.log)
    with pytest.raises(Refused) as caught:
        play.do(command)
    assert play.current is before
    assert len(play.log) == length
    assert caught.value.sentence.endswith(".")
    return caught.value


def click(play: Play, **changes: Any) -> c.DecideTask:
    task = play.task("judge")
    fields: dict[str, Any] = {
        "task_id": task.task_id,
        "task_version": task.version,
        "person_id": task.assignee,
        "outcome": "confirm",
        "form": JUDGED,
    }
    return c.DecideTask(**{**fields, **changes})


@pytest.fixture
def play() -> Play:
    return Play(shipped("supply_exception")).open()


def test_a_double_click_is_refused_and_says_who_decided(play: Play) -> None:
    first = click(play)
    play.do(first)
    assert refused(play, first).code == "already_decided"
    by_another = c.DecideTask(task_id=first.task_id, task_version=1, person_id="q2", outcome="reject")
    assert "Wang One" in refused(play, by_another).sentence


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"task_id": "c1.judge.9"}, "unknown_task"),
        ({"task_version": 0}, "stale_task"),
        ({"task_version": 2}, "stale_task"),
        ({"person_id": "b1"}, "not_allowed"),
        ({"person_id": "nobody"}, "not_allowed"),
        ({"outcome": "approve"}, "unknown_outcome"),
        ({"form": {**JUDGED, "salary": "1"}}, "unknown_field"),
        ({"form": {"exception_cause": "transport"}}, "form_incomplete"),
        ({"form": {**JUDGED, "impact_amount": "  "}}, "form_incomplete"),
        ({"form": {**JUDGED, "impact_amount": "a lot"}}, "form_invalid"),
        ({"form": {**JUDGED, "impact_amount": "-1"}}, "form_invalid"),
        ({"form": {**JUDGED, "exception_cause": "weather"}}, "form_invalid"),
        ({"outcome": "reject", "form": {}}, "form_incomplete"),
    ],
)
def test_refusals(play: Play, changes: dict[str, Any], code: str) -> None:
    assert refused(play, click(play, **changes)).code == code


def test_a_holder_of_the_role_may_act_for_the_assignee_and_it_is_logged(play: Play) -> None:
    assert play.task("judge").assignee == "q1"
    play.do(click(play, person_id="q2"))
    decided = next(event for event in play.log if isinstance(event, e.TaskDecided))
    assert (decided.person_id, decided.acting_for) == ("q2", "q1")


def test_the_accountable_role_may_act_and_the_assignee_acts_for_nobody(play: Play) -> None:
    other = Play(shipped("supply_exception")).open()
    other.do(click(other, person_id="qm"))
    assert other.state.tasks["c1.judge.1"].acting_for == "q1"
    play.do(click(play))
    assert play.state.tasks["c1.judge.1"].acting_for is None


def test_nobody_is_asked_for_or_decides_his_own_request() -> None:
    play = Play(shipped("supply_exception")).open(requested_by="q1")
    assert play.task("judge").assignee == "q2"
    assert refused(play, click(play, person_id="q1")).code == "own_request"
    alone = Play(shipped("supply_exception"), directory=people({"q2": ((date(2026, 1, 1), date(2027, 1, 1)),)}))
    alone.open(requested_by="q1")
    task = alone.task("judge")
    assert (task.assignee, task.substitute_for) == ("qm", "q1")


def test_a_manager_stands_in_when_everybody_is_away() -> None:
    away = (date(2026, 11, 16), date(2026, 11, 20))
    play = Play(shipped("supply_exception"), directory=people({"q1": (away,), "q2": (away,)})).open()
    task = play.task("judge")
    assert (task.assignee, task.substitute_for) == ("qm", "q1")
    play.do(click(play, person_id="qm"))


def test_load_chooses_among_those_present_and_counts_within_one_decision() -> None:
    play = Play(shipped("supply_exception"), loads={"q1": 5.0, "q2": 1.0}).open()
    assert play.task("judge").assignee == "q2"
    fork = small(f"- fork:\n    id: f\n    join: all\n    branches:\n    - - {human('a')}\n    - - {human('b')}\n")
    both = Play(fork).open()
    assert {t.assignee for t in both.state.open_tasks} == {"b1", "b2"}


def test_on_a_weekend_the_absences_of_the_next_working_day_count() -> None:
    # Saturday; the first one is away on Monday, the second one only on the weekend itself.
    saturday = datetime.fromisoformat("2026-11-14T10:00:00+08:00")
    absent = {"q1": ((date(2026, 11, 16), date(2026, 11, 16)),), "q2": ((date(2026, 11, 14), date(2026, 11, 15)),)}
    play = Play(shipped("supply_exception"), now=saturday, directory=people(absent)).open()
    assert play.task("judge").assignee == "q2"


def test_a_task_moves_on_when_its_assignee_is_away_and_old_cards_become_stale(play: Play) -> None:
    card = click(play)
    assert play.do(c.ReassignAbsent()) == ()
    play.directory = people({"q1": ((date(2026, 11, 17), date(2026, 11, 18)),)})
    play.wait(days=1)
    due = play.task("judge").due_at
    play.do(c.ReassignAbsent())
    task = play.task("judge")
    assert (task.assignee, task.version, task.substitute_for, task.due_at) == ("q2", 2, "q1", due)
    assert refused(play, card).code == "stale_task"
    assert play.do(c.ReassignAbsent()) == ()
    play.do(click(play))


def test_a_role_that_nobody_holds_goes_to_the_accountable_one_then_to_the_owner() -> None:
    step = human("judge", role="astronaut")
    assert Play(small(f"- {step}\n")).open().task("judge").assignee == "pm"
    orphan = step.replace("accountable: plant_manager", "accountable: astronaut")
    assert Play(small(f"- {orphan}\n")).open().task("judge").assignee == "pm"


def test_a_task_for_which_there_is_nobody_waits_for_the_first_holder() -> None:
    lost = small(f"- {human('judge', role='astronaut').replace('plant_manager', 'astronaut')}\n")
    play = Play(lost, directory=directory(()))
    play.open()
    assert play.task("judge").assignee is None
    assert play.do(c.ReassignAbsent()) == ()
    assert refused(play, click(play, person_id="pm", outcome="ok", form={})).code == "not_allowed"
    play.directory = directory((Person("neil"),), (("neil", "astronaut"),))
    play.do(c.ReassignAbsent())
    play.choose("judge", "ok")
    assert play.state.outcome == "completed"


def test_acknowledging_is_for_those_who_may_decide_and_counts_once(play: Play) -> None:
    task_id = play.task("judge").task_id
    assert refused(play, c.Acknowledge(task_id=task_id, person_id="b1")).code == "not_allowed"
    play.do(c.Acknowledge(task_id=task_id, person_id="q1"))
    assert play.do(c.Acknowledge(task_id=task_id, person_id="q2")) == ()
    assert play.task("judge").acknowledged_by == "q1"


def test_commands_for_the_wrong_case_are_refused_or_are_the_callers_mistake(play: Play) -> None:
    assert refused(play, c.OpenCase(case_id="c1", rule_id="r")).code == "case_exists"
    assert refused(play, c.ResolveIncident()).code == "not_resolvable"
    assert refused(play, c.CompleteService(step_id="judge", run_id="r")).code == "unknown_step"
    assert refused(play, c.CompleteService(step_id="replan", run_id="r")).code == "step_not_waiting"
    assert refused(play, c.JudgeEffect(observed=1, snapshot_id="s")).code == "effect_not_due"
    with pytest.raises(Refused, match="no_such_case"):
        decide(None, c.FireRungs(), MONDAY, play.env)
    with pytest.raises(EngineError, match="naive"):
        decide(play.state, c.FireRungs(), MONDAY.replace(tzinfo=None), play.env)
    play.template = shipped("data_incident")
    with pytest.raises(EngineError, match="pinned"):
        play.do(c.FireRungs())


def test_inputs_are_checked_and_undeclared_keys_are_kept() -> None:
    play = Play(shipped("supply_exception"))
    with pytest.raises(Refused, match="input_invalid"):
        play.open(data={"as_of": "yesterday"})
    with pytest.raises(Refused, match="input_invalid"):
        play.open(data={"anything": object()})
    play.open(data={"as_of": date(2026, 11, 15), "note": ["x", Decimal("1.50")]}, observed=0.1)
    assert play.state.data == {"as_of": "2026-11-15", "note": ["x", "1.50"]}
    assert play.state.observed == "0.1"
