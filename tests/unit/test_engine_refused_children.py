"""A process step whose other case cannot be opened asks a person: try again, or say that it was done by hand."""

from __future__ import annotations

import pytest

from tests.engine_world import MONDAY, Play, calendar, human, people, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.environment import Environment
from workflow_jobs.engine.migration import fits
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.replaying import replay_case
from workflow_jobs.engine.template import load_template

PROCESS = (
    "{id: p, kind: process, title: {en: Try, zh: 试}, raci: {accountable: cfo}, template: trial, "
    "passes: {limit: amount}, brings: {found: fault}}"
)
AMOUNT = ", form: [{name: amount, type: decimal, title: {en: Amount, zh: 金额}, required: true}]"
WHY = "The process 'trial' cannot be opened from here. The input more (T) is missing."


@pytest.fixture
def play() -> Play:
    play = Play(small(f"- {human('a', extra=AMOUNT)}\n- {PROCESS}\n- {human('z')}\n"), now=MONDAY).open()
    play.choose("a", "ok", amount="5")
    refuse(play)
    return play


def refuse(play: Play) -> None:
    play.do(c.RefuseChild(child_case_id=play.state.steps["p"].child_case_id or "", reason=WHY))


def test_who_answers_for_the_step_is_asked_and_the_decision_before_it_stands(play: Play) -> None:
    assert play.state.steps["a"].outcome == "ok" and play.state.data == {"amount": "5"}
    step, task = play.state.steps["p"], play.task("p")
    assert (step.status, step.error, step.child_case_id) == ("failed", WHY, None)
    assert (task.purpose, task.assignee, task.role) == ("rescue", "cfo", "cfo")
    question = question_of(play.template, task)
    assert question.title.en == "Try: the other process cannot be opened"
    assert [one.id for one in question.outcomes] == ["retry", "done_by_hand"]


def test_it_is_tried_again_with_what_the_case_knows_then(play: Play) -> None:
    play.wait(hours=1).choose("p", "retry")
    asked = [event for event in play.log if isinstance(event, e.ChildRequested)]
    assert [one.child_case_id for one in asked] == ["c1-1", "c1-2"]
    step = play.state.steps["p"]
    assert (step.status, step.error, step.child_case_id, step.visit) == ("active", None, "c1-2", 1)
    refuse(play)
    assert play.task("p").task_id == "c1.p.2", "refused again, it is asked again"
    play.choose("p", "retry")
    play.do(c.EndChild(child_case_id="c1-3", outcome="completed", data={"fault": "wear"}))
    assert play.state.data["found"] == "wear" and play.task("z")


def test_done_by_hand_it_goes_on_with_that_outcome_and_needs_a_word_about_it(play: Play) -> None:
    with pytest.raises(Refused, match="What was done"):
        play.choose("p", "done_by_hand")
    play.choose("p", "done_by_hand", comment="tried in the workshop")
    assert play.state.steps["p"].outcome == "done_by_hand"
    assert play.state.data == {"amount": "5"} and play.task("z")
    with pytest.raises(Refused) as refused:
        play.do(c.EndChild(child_case_id="c1-1", outcome="completed"))
    assert refused.value.code == "child_not_awaited"


def test_only_what_is_waited_for_can_be_refused(play: Play) -> None:
    for child in ("c1-1", "c9"):
        with pytest.raises(Refused) as refused:
            play.do(c.RefuseChild(child_case_id=child, reason=WHY))
        assert refused.value.code == "child_not_awaited"


def test_the_question_goes_with_the_case_and_comes_back_with_it() -> None:
    template = small(f"- {PROCESS}\n", "closes: on_resolution\nreopens_within: P1D\n")
    play = Play(template, now=MONDAY).open()
    refuse(play)
    play.wait(hours=1).do(c.ResolveIncident())
    assert play.state.steps["p"].status == "cancelled" and not play.state.open_tasks
    play.wait(hours=1).do(c.ReopenIncident(observed=None, snapshot_id="s2"))
    assert play.state.steps["p"].status == "failed"
    assert play.task("p").purpose == "rescue"


def test_another_version_that_opens_it_otherwise_takes_the_case_and_is_replayed(play: Play) -> None:
    other = load_template(play.template.text.replace("template: trial", "template: trial_two"), file="small.yaml")
    assert fits(play.state, play.template, other).reasons == ()
    play.choose("p", "retry")
    assert "waits for another process" in fits(play.state, play.template, other).reasons[0]
    play.do(c.EndChild(child_case_id="c1-2", outcome="completed"))
    play.choose("z", "ok")
    played = replay_case(
        play.log, play.template, play.template, lambda version: Environment(version, calendar(), people())
    )
    assert played.same and played.notes == ()
