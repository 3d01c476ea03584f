"""Different people for different duties; who is consulted, told and asked to rate; and what a case taught."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.engine_world import MONDAY, Play, human, people, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import consultations, learning
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.parts import Moment
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.template import Template, TemplateError
from workflow_jobs.template_words import case_facts

WHOLE_WEEK = (date(2026, 11, 16), date(2026, 11, 22))
WAYS = "[{id: ok, style: primary, title: {en: Ok, zh: 好}}, {id: back, title: {en: Back, zh: 退}, returns_to: propose}]"


def refusal(play: Play, command: c.Command) -> Refused:
    before = play.state
    with pytest.raises(Refused) as refused:
        play.do(command)
    assert play.state is before
    return refused.value


# --- separation of duties -------------------------------------------------------------------------------------------


def two_hands(extra: str = "", role: str = "buyer", outcomes: str = "") -> Template:
    """Who proposes may not check."""
    check = human("check", role, f", separate_from: [propose]{extra}", outcomes)
    return small(f"- {human('propose')}\n- {check}\n")


def deciding(play: Play, step: str, person: str, outcome: str = "ok") -> c.DecideTask:
    task = play.task(step)
    return c.DecideTask(task_id=task.task_id, task_version=task.version, person_id=person, outcome=outcome)


def test_who_decided_a_step_is_not_asked_for_the_one_that_is_separate_from_it() -> None:
    play = Play(two_hands(), now=MONDAY).open()
    play.choose("propose", "ok", "b1")
    assert play.task("check").assignee == "b2"
    refused = refusal(play, deciding(play, "check", "b1"))
    assert refused.code == "decided_before"
    assert refused.sentence == ("You decided here before, and nobody decides twice: somebody else must decide this.")


def test_who_acted_for_another_is_the_one_who_is_kept_away() -> None:
    play = Play(two_hands(), now=MONDAY).open()
    assert play.task("propose").assignee == "b1"
    play.choose("propose", "ok", "pm")
    decided = next(event for event in play.log if isinstance(event, e.TaskDecided))
    assert (decided.person_id, decided.acting_for) == ("pm", "b1")
    assert play.task("check").assignee == "b1"
    assert refusal(play, deciding(play, "check", "pm")).code == "decided_before"


def test_a_substitute_is_somebody_who_may_decide() -> None:
    play = Play(two_hands(), now=MONDAY).open()
    play.choose("propose", "ok", "b1")
    play.directory = people({"b2": (WHOLE_WEEK,)})
    play.do(c.ReassignAbsent())
    task = play.task("check")
    assert (task.assignee, task.substitute_for) == ("bm", "b2")


def test_separation_holds_for_transfer_delegation_claim_and_added_approvers() -> None:
    actions = ", actions: {assign: true, delegate: true, add_approver: true, release: true}"
    play = Play(two_hands(actions), now=MONDAY).open()
    play.choose("propose", "ok", "b1")
    task = play.task("check")
    same: dict[str, Any] = {"task_id": task.task_id, "task_version": 1, "person_id": "b2", "to": "b1"}
    for command in (
        c.AssignTask(**same),
        c.DelegateTask(**same, reason="x"),
        c.AddApprover(**same, reason="x"),
    ):
        assert "Wu One decided here before" in refusal(play, command).sentence
    released = c.ReleaseTask(task_id=task.task_id, task_version=1, person_id="b2")
    assert refusal(play, released).code == "claim_invalid", "only the one who may not could claim it"
    pooled = Play(two_hands(", pool: true"), now=MONDAY).open()
    pooled.choose("propose", "ok", "b1")
    claim = c.ClaimTask(task_id=pooled.task("check").task_id, task_version=1, person_id="b1")
    assert refusal(pooled, claim).code == "decided_before"


def test_separation_holds_for_voters() -> None:
    vote = ", vote: {needed: all, approves: ok, rejects: no_}"
    outcomes = "[{id: ok, title: {en: A, zh: 批}}, {id: no_, title: {en: R, zh: 驳}}]"
    play = Play(two_hands(vote, outcomes=outcomes), now=MONDAY).open()
    play.choose("propose", "ok", "b2")
    assert [task.assignee for task in play.state.open_tasks] == ["b1"]


def test_the_latest_visit_counts() -> None:
    play = Play(two_hands(outcomes=WAYS), now=MONDAY).open()
    play.choose("propose", "ok", "b1")
    play.choose("check", "back", "b2")
    play.choose("propose", "ok", "b2")
    # What b1 decided is undone, and what b2 checked too: now b2 has proposed and b1 checks.
    assert play.task("check").assignee == "b1"
    assert refusal(play, deciding(play, "check", "b2")).code == "decided_before"
    play.choose("check", "ok", "b1")
    assert play.state.outcome == "completed"


def test_what_is_undone_and_not_done_again_binds_nobody() -> None:
    size = ", form: [{name: big, type: boolean, title: {en: Big, zh: 大}, required: true}]"
    table = (
        "- decision:\n    id: sort\n    title: {en: Sort, zh: 分}\n    accountable: plant_manager\n    rules:\n"
        f"    - {{id: big, when: data.big, steps: [{human('check')}]}}\n    - {{id: small, default: true}}\n"
    )
    approve = human("approve", extra=", separate_from: [check]", outcomes=WAYS)
    play = Play(small(f"- {human('propose', extra=size)}\n{table}- {approve}\n"), now=MONDAY).open()
    play.choose("propose", "ok", big=True)
    play.choose("check", "ok", "b1")
    assert play.task("approve").assignee == "b2"
    play.choose("approve", "back")
    play.choose("propose", "ok", big=False)
    assert (play.state.steps["check"].status, play.task("approve").assignee) == ("undone", "b1")
    play.choose("approve", "ok", "b1")
    assert play.state.outcome == "completed"


def test_where_separation_leaves_nobody_the_task_says_so_and_waits_for_somebody() -> None:
    crowd = people()
    few = {i: crowd.people[i] for i in ("b1", "pm")}
    lonely = replace(crowd, people=few, roles={"buyer": ("b1",), "plant_manager": ("pm",)})
    play = Play(two_hands(), now=MONDAY, directory=lonely).open(requested_by="pm")
    play.choose("propose", "ok", "b1")
    task = play.task("check")
    assert task.assignee is None
    assert task.assigned_because == "nobody may be asked: Wu One decided here before; Sun Plant asked for it"
    play.directory = people()
    play.do(c.ReassignAbsent())
    assert play.task("check").assignee == "b2"


# --- consulted and informed ------------------------------------------------------------------------------------------


def asking_advice(informs: str = "") -> Template:
    step = (
        "{id: look, kind: human, title: {en: look, zh: 看}, raci: {responsible: buyer, "
        f"accountable: purchasing_manager, consulted: [quality_engineer], informed: [sales_rep]{informs}}}, sla: PT4H, "
        "actions: {assign: true, add_approver: true}, outcomes: [{id: ok, style: primary, title: {en: Ok, zh: 好}}]}"
    )
    learning_part = (
        "inputs:\n- {name: cause, type: choice, title: {en: Cause, zh: 原因}, options: "
        "[{value: storm, title: {en: Storm, zh: 暴风}}]}\n- {name: remedy, type: text, title: {en: R, zh: 措施}}\n"
        "learning: {cause: cause, remedy: remedy}\n"
    )
    return small(f"- {step}\n", learning_part)


def answer(play: Play, person: str, text: str, task_id: str = "c1.look.1") -> c.AnswerConsultation:
    return c.AnswerConsultation(task_id=task_id, person_id=person, text=text)


def test_the_consulted_answer_until_the_decision_and_not_after() -> None:
    play = Play(asking_advice(), now=MONDAY).open()
    play.do(answer(play, "q1", " Fine with me "))
    assert play.do(answer(play, "q1", "Fine with me")) == (), "the same again is a double click"
    play.wait(hours=1)
    play.do(answer(play, "q2", "Mind the batch"))
    play.do(answer(play, "q1", "On second thoughts, no"))
    said = consultations.answers(play.state, "look")
    assert [(one.person_id, one.text) for one in said] == [
        ("q1", "Fine with me"),
        ("q2", "Mind the batch"),
        ("q1", "On second thoughts, no"),
    ]
    for person, text, code in (
        ("s1", "x", "not_allowed"),
        ("q1", " ", "form_incomplete"),
        ("q1", "x" * 3001, "form_invalid"),
    ):
        assert refusal(play, answer(play, person, text)).code == code
    assert refusal(play, answer(play, "q1", "x", "c1.nothing.1")).code == "unknown_task"
    play.choose("look", "ok")
    refused = refusal(play, answer(play, "q1", "too late"))
    assert (refused.code, refused.sentence) == ("already_decided", "Wu One decided this already: ok.")
    assert replay(play.log) == play.state


def test_the_consulted_answer_while_an_added_approver_has_still_to_decide() -> None:
    play = Play(asking_advice(), now=MONDAY).open()
    play.do(c.AddApprover(task_id="c1.look.1", task_version=1, person_id="b1", to="q1", reason="x"))
    play.choose("look", "ok", "b1")
    play.do(answer(play, "q2", "wait"))
    assert refusal(play, answer(play, "q1", "x", "c1.look.2")).code == "not_allowed", "he decides, he is not consulted"


def test_a_withdrawn_question_takes_no_answer() -> None:
    play = Play(asking_advice(), now=MONDAY).open(requested_by="s1")
    play.do(c.WithdrawCase(person_id="s1", reason="mistake"))
    assert refusal(play, answer(play, "q1", "x")).code == "task_closed"


def test_who_is_told_when() -> None:
    every: tuple[Moment, ...] = ("asked", "late", "decided")
    for informs, moments in (("", {"decided"}), (", informs_at: [asked, late]", {"asked", "late"})):
        play = Play(asking_advice(informs), now=MONDAY).open()
        told = {moment: consultations.informed_roles(play.template, "look", moment) for moment in every}
        assert told == {moment: ("sales_rep",) if moment in moments else () for moment in every}
    assert consultations.consulted(play.template, play.directory, play.task("look")) == ("q1", "q2")
    assert consultations.consulted_roles(play.template, "unknown") == ()


# --- ratings and learning ---------------------------------------------------------------------------------------------


def rate(person: str, score: Any, comment: str = "") -> c.RateCase:
    return c.RateCase(person_id=person, score=score, comment=comment)


def test_those_who_took_part_rate_a_case_that_is_over() -> None:
    play = Play(asking_advice(), now=MONDAY).open(requested_by="s1")
    play.do(answer(play, "q2", "fine"))
    assert refusal(play, rate("s1", 3)).code == "rating_invalid"
    play.choose("look", "ok")
    assert learning.took_part(play.state) == ("s1", "b1", "q2")
    for person in ("s1", "b1", "q2"):
        play.do(rate(person, 4))
    assert refusal(play, rate("q1", 5)).code == "not_allowed"
    for score in (0, 6, True):
        assert refusal(play, rate("b1", score)).code == "rating_invalid"
    assert refusal(play, rate("b1", 1, "x" * 1001)).code == "form_invalid"
    assert play.do(rate("b1", 4)) == ()
    play.do(rate("b1", 2, " slow "))
    rating = play.state.ratings["b1"]
    assert (rating.score, rating.comment, len(play.state.ratings)) == (2, "slow", 3)
    assert replay(play.log) == play.state


def test_who_advised_took_part_although_the_task_was_handed_on() -> None:
    offered = ", actions: {delegate: true, assign: true}"
    play = Play(small(f"- {human('look', 'buyer', offered)}\n"), now=MONDAY).open()
    play.do(c.DelegateTask(task_id="c1.look.1", task_version=1, person_id="b1", to="f1", reason="x"))
    play.choose("look", "ok", "f1")
    play.do(c.AssignTask(task_id="c1.look.1", task_version=3, person_id="b1", to="b2"))
    play.choose("look", "ok")
    assert learning.took_part(play.state) == ("b2", "f1")
    assert refusal(play, rate("b2", 3)).code == "action_not_offered"


def test_cause_and_remedy_are_read_from_the_fields_that_the_template_names() -> None:
    play = Play(asking_advice(), now=MONDAY).open(data={"cause": "storm", "remedy": "A second source"})
    assert learning.learnt(play.template, play.state) == ("storm", "A second source")
    assert learning.stated(play.template, "cause", "storm", "zh-CN") == "暴风"
    assert learning.stated(play.template, "remedy", "A second source", "en") == "A second source"
    assert learning.stated(play.template, "remedy", None, "en") == ""
    assert learning.learnt_in_words(play.template, play.state, "zh-CN") == ("暴风", "A second source")
    other = small(f"- {human('look')}\n")
    assert learning.learnt(other, Play(other).open().state) == (None, None)


def test_a_rating_is_asked_for_without_cause_and_remedy() -> None:
    play = Play(small(f"- {human('look')}\n", "learning: {rating: true}\n"), now=MONDAY).open(requested_by="s1")
    play.choose("look", "ok")
    play.do(rate("s1", 4))
    assert play.state.ratings["s1"].score == 4
    assert learning.learnt_in_words(play.template, play.state, "en") == ("", "")
    assert case_facts(play.template)["learning"] == "rated"


@pytest.mark.parametrize(
    ("asked", "said"),
    [("{cause: note}", "`cause` and `remedy` go together"), ("{rating: false}", "this asks for nothing")],
)
def test_a_learning_that_cannot_be_says_what_it_lacks(asked: str, said: str) -> None:
    with pytest.raises(TemplateError, match=rf"small.yaml:6: learning: {said}"):
        small(f"- {human('look')}\n", f"learning: {asked}\n")
