"""What is typed before all have agreed: kept with its task, shown as such, the case's only once it is settled."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from tests.engine_world import MONDAY, Play, human, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.votes import not_yet_agreed
from workflow_jobs.slack.cards import case_card, task_card
from workflow_jobs.slack.wording import CardContext

CHOICES = (
    "[{id: approve, style: primary, title: {en: A, zh: 批}}, {id: partly, title: {en: P, zh: 部}}, "
    "{id: reject, style: danger, title: {en: R, zh: 驳}, ends_case: rejected}, "
    "{id: back, title: {en: B, zh: 退}, returns_to: before}]"
)
FORM = (
    ", actions: {add_approver: true}, form: ["
    "{name: amount, type: decimal, title: {en: Amount, zh: 金额}, required: [approve]}, "
    "{name: note, type: text, title: {en: Note, zh: 说明}}, "
    "{name: why, type: text, title: {en: Why, zh: 因}, required: [back]}]"
)
STEPS = f"- {human('before')}\n- {human('look', extra=FORM, outcomes=CHOICES)}\n- {human('after')}\n"


@pytest.fixture
def play() -> Play:
    """The buyer has added finance, and said yes with an amount and a note."""
    play = Play(small(STEPS), now=MONDAY).open()
    play.choose("before", "ok")
    added(play)
    return play


def added(play: Play, *, first_decides: bool = True) -> None:
    task = play.task("look")
    who = task.assignee or ""
    play.do(c.AddApprover(task_id=task.task_id, task_version=1, person_id=who, to="f1", reason="dear"))
    if first_decides:
        decide(play, who, "approve", amount="100", note="as offered")


def decide(play: Play, person: str, outcome: str, **form: str) -> None:
    task = next(one for one in play.state.open_tasks if one.assignee == person and one.step_id == "look")
    play.do(c.DecideTask(task_id=task.task_id, task_version=1, person_id=person, outcome=outcome, form=form))


def first(play: Play) -> str:
    return next(event.task_id for event in play.log if isinstance(event, e.TaskDecided) and event.step_id == "look")


def test_what_the_first_typed_is_shown_and_logged_but_not_the_cases_before_all_have_agreed(play: Play) -> None:
    task = play.state.tasks[first(play)]
    assert task.form == {"amount": "100", "note": "as offered"}
    assert not_yet_agreed(play.state, task)
    assert play.state.data.keys().isdisjoint(task.form)
    decide(play, "f1", "approve", amount="100")
    assert not not_yet_agreed(play.state, task)
    assert play.state.data == {"amount": "100", "note": "as offered"}
    assert replay(play.log) == play.state


def test_of_those_who_agree_the_later_one_corrects_the_earlier(play: Play) -> None:
    decide(play, "f1", "approve", amount="90")
    assert play.state.data == {"amount": "90", "note": "as offered"}


@pytest.mark.parametrize("outcome", ["reject", "back", "partly"])
def test_another_choice_leaves_nothing_of_the_first_behind(play: Play, outcome: str) -> None:
    decide(play, "f1", outcome, **({"why": "too dear"} if outcome == "back" else {}))
    assert play.state.steps["look"].outcome in (outcome, None)
    assert play.state.data == ({"why": "too dear"} if outcome == "back" else {})
    assert play.state.tasks[first(play)].form["amount"] == "100", "the log keeps it"
    assert not not_yet_agreed(play.state, play.state.tasks[first(play)])


def test_a_later_round_begins_with_nothing_agreed(play: Play) -> None:
    decide(play, "f1", "back", why="too dear")
    play.choose("before", "ok")
    added(play)
    assert play.state.data == {}
    decide(play, "f1", "approve", amount="80")
    assert play.state.data == {"amount": "80", "note": "as offered"}


def test_what_sent_the_case_back_is_known_until_its_own_step_is_asked_again() -> None:
    play = Play(small(STEPS), now=MONDAY).open()
    play.choose("before", "ok")
    play.choose("look", "back", why="too dear", amount="100", note="as offered")
    assert play.state.data == {"why": "too dear", "amount": "100", "note": "as offered"}, "who is asked now may read it"
    play.choose("before", "ok")
    assert play.state.data == {}
    play.choose("look", "partly", note="half of it")
    assert play.state.data == {"note": "half of it"}, "the figure of the refused round is not what was agreed to"
    assert replay(play.log) == play.state


def test_an_added_approver_who_is_first_waits_for_the_assignee_too() -> None:
    play = Play(small(STEPS), now=MONDAY).open()
    play.choose("before", "ok")
    added(play, first_decides=False)
    decide(play, "f1", "approve", amount="100")
    assert play.state.data == {}
    decide(play, play.task("look").assignee or "", "approve", amount="100", note="late")
    assert play.state.data == {"amount": "100", "note": "late"}


def test_a_case_taken_back_before_all_have_agreed_knows_nothing_of_it(play: Play) -> None:
    play.do(c.WithdrawCase(person_id="pm", reason="not needed"))
    assert play.state.data == {}
    assert not not_yet_agreed(play.state, play.state.tasks[first(play)])


def test_logs_of_before_keep_what_they_came_to(play: Play) -> None:
    """Then an event did not say that others were asked, and what the first typed was the case's at once."""
    old = [replace(event, one_of_several=False) if isinstance(event, e.TaskDecided) else event for event in play.log]
    assert replay(old).data == {"amount": "100", "note": "as offered"}


@pytest.mark.parametrize(
    ("language", "words", "amount"),
    [("en", "typed, not yet agreed", "Amount: 100"), ("zh", "已填写，尚待同意", "金额: 100")],
)
def test_who_is_asked_to_agree_sees_what_was_typed_and_that_it_is_not_agreed(
    play: Play, language: str, words: str, amount: str
) -> None:
    context = CardContext(language=language, zone=ZoneInfo("Asia/Shanghai"), name=play.directory.name)
    card = str(task_card(play.state, play.task("look"), play.template, context).blocks)
    assert words in card and amount in card and "as offered" in card
    decide(play, "f1", "approve", amount="100")
    assert words not in str(case_card(play.state, play.template, context).blocks)
