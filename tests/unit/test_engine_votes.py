"""Several people decide a step: all of them, any of them, n of m; each once, and the count agrees with a slow one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine_world import MONDAY, STAFF, Play, human, people, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.template import Template

CHOICES = "[{id: approve, style: primary, title: {en: A, zh: 批}}, {id: reject, style: danger, title: {en: R, zh: 驳}}]"
ENDING = CHOICES.replace("驳}}", "驳}, ends_case: rejected}")
NOTE = ", form: [{name: note, type: text, title: {en: Note, zh: 说明}, required: true}]"
TODAY = (date(2026, 11, 16), date(2026, 11, 16))


def ballot(
    needed: int | str, voters: Sequence[str] = (), *, outcomes: str = CHOICES, extra: str = "", role: str = "buyer"
) -> Template:
    ends = "" if needed == "any" else ", approves: approve, rejects: reject"
    vote = f", vote: {{voters: [{', '.join(voters)}], needed: {needed}{ends}}}{extra}"
    return small(f"- {human('sign', role, vote, outcomes)}\n- {human('after')}\n")


THREE = ("quality_manager", "sales_manager", "it_manager")


def opened(template: Template, **given: object) -> Play:
    return Play(template, now=MONDAY).open(**given)


def of_person(play: Play, person: str) -> TaskState:
    return next(task for task in play.state.open_tasks if task.assignee == person)


def vote(play: Play, person: str, outcome: str, on: str | None = None, **form: object) -> tuple[e.Event, ...]:
    task = of_person(play, on or person)
    return play.do(
        c.DecideTask(
            task_id=task.task_id, task_version=task.version, person_id=person, outcome=outcome, form=dict(form)
        )
    )


def asked(play: Play) -> list[str | None]:
    return [task.assignee for task in play.state.tasks.values() if task.step_id == "sign"]


def counts(play: Play) -> list[tuple[int, int, int, int, str | None]]:
    found = [event for event in play.log if isinstance(event, e.VoteCounted)]
    return [(one.approvals, one.rejections, one.needed, one.voters, one.outcome) for one in found]


def test_all_of_asks_each_voter_and_goes_on_when_all_have_approved() -> None:
    play = opened(ballot("all", THREE))
    assert asked(play) == ["qm", "sm", "im"]
    assert [task.voter for task in play.state.open_tasks] == [0, 1, 2]
    vote(play, "sm", "approve")
    vote(play, "qm", "approve")
    assert play.state.steps["sign"].status == "active"
    vote(play, "im", "approve")
    assert play.state.steps["sign"].outcome == "approve"
    assert counts(play) == [(1, 0, 3, 3, None), (2, 0, 3, 3, None), (3, 0, 3, 3, "approve")]
    assert play.task("after").assignee == "b1"


def test_all_of_is_lost_with_the_first_rejection_and_the_others_are_asked_no_more() -> None:
    play = opened(ballot("all", THREE))
    vote(play, "sm", "approve")
    vote(play, "qm", "reject")
    assert play.state.steps["sign"].outcome == "reject"
    withdrawn = [event for event in play.log if isinstance(event, e.TaskCancelled)]
    assert [play.state.tasks[one.task_id].assignee for one in withdrawn] == ["im"]
    assert withdrawn[0].reason == "the step is decided without it: reject"
    with pytest.raises(Refused) as refused:
        task = withdrawn[0].task_id
        play.do(c.DecideTask(task_id=task, task_version=1, person_id="im", outcome="approve"))
    assert refused.value.code == "task_closed"


def test_any_of_takes_the_first_choice() -> None:
    play = opened(ballot("any", THREE))
    vote(play, "im", "reject")
    assert play.state.steps["sign"].outcome == "reject"
    assert counts(play) == [(1, 0, 1, 3, "reject")]
    assert [task.step_id for task in play.state.open_tasks] == ["after"]


@pytest.mark.parametrize(
    ("choices", "settled"),
    [
        (("approve", "approve"), "approve"),
        (("approve", "reject", "approve"), "approve"),
        (("reject", "reject"), "reject"),
        (("reject", "approve", "reject"), "reject"),
        (("reject", "approve"), None),
    ],
)
def test_two_of_three_settles_as_soon_as_it_can(choices: tuple[str, ...], settled: str | None) -> None:
    play = opened(ballot(2, THREE))
    for person, choice in zip(("qm", "sm", "im"), choices, strict=False):
        vote(play, person, choice)
    assert play.state.steps["sign"].outcome == settled
    assert [one[-1] for one in counts(play)] == [None] * (len(choices) - 1) + [settled]


def test_what_one_voter_chooses_does_not_end_the_case() -> None:
    play = opened(ballot(2, THREE, outcomes=ENDING))
    vote(play, "qm", "reject")
    assert play.state.is_open
    vote(play, "sm", "reject")
    assert (play.state.status, play.state.outcome) == ("closed", "rejected")


def test_a_return_is_done_by_the_settled_outcome_and_everybody_votes_again() -> None:
    back = CHOICES.replace("驳}}", "驳}, returns_to: first}")
    vote_of = ", vote: {voters: [quality_manager, sales_manager], needed: all, approves: approve, rejects: reject}"
    template = small(f"- {human('first')}\n- {human('sign', 'buyer', vote_of + NOTE, back)}\n")
    play = opened(template)
    play.choose("first", "ok")
    vote(play, "qm", "reject", note="too dear")
    assert [task.step_id for task in play.state.open_tasks] == ["first"]
    (returned,) = (event for event in play.log if isinstance(event, e.CaseReturned))
    assert (returned.to_step, returned.person_id, returned.reason) == ("first", "qm", "too dear")
    play.choose("first", "ok")
    assert {task.assignee for task in play.state.open_tasks} == {"qm", "sm"}
    vote(play, "qm", "approve", note="fine")
    assert counts(play)[-1] == (1, 0, 2, 2, None)
    vote(play, "sm", "approve", note="fine too")
    assert play.state.outcome == "completed"


def test_a_voter_has_one_voice_whatever_roles_he_holds() -> None:
    play = opened(ballot("all", ("logistics_manager", "warehouse_manager")))
    # One person holds both roles; who answers for the step is asked in his second place.
    assert asked(play) == ["lm", "pm"]
    with pytest.raises(Refused) as refused:
        vote(play, "lm", "approve", on="pm")
    assert refused.value.code == "has_a_voice"
    vote(play, "lm", "approve")
    with pytest.raises(Refused) as refused:
        vote(play, "lm", "approve", on="pm")
    assert refused.value.code == "decided_before"


def test_who_answers_for_the_step_may_vote_in_somebodys_place_but_once() -> None:
    play = opened(ballot(3, THREE))
    vote(play, "pm", "approve", on="qm")
    decided = next(event for event in play.log if isinstance(event, e.TaskDecided))
    assert (decided.person_id, decided.acting_for) == ("pm", "qm")
    with pytest.raises(Refused) as refused:
        vote(play, "pm", "approve", on="sm")
    assert refused.value.code == "decided_before"
    assert refused.value.sentence.startswith("You decided here before")


def test_the_role_with_the_fewest_holders_is_served_first() -> None:
    company = replace(people(), roles={"buyer": ("b1", "b2"), "cfo": ("b1",), "plant_manager": ("pm",)})
    play = Play(ballot("all", ("buyer", "cfo")), directory=company).open()
    assert asked(play) == ["b2", "b1"]


def test_nobody_is_asked_twice_when_somebody_is_away() -> None:
    # The manager of the absent voter is a voter himself: the next one up is asked.
    play = Play(ballot("all", ("quality_manager", "plant_manager")), directory=people({"qm": (TODAY,)})).open()
    assert asked(play) == ["ceo", "pm"]
    assert play.state.open_tasks[0].substitute_for == "qm"


def test_a_voter_who_becomes_absent_is_replaced_by_somebody_without_a_voice() -> None:
    play = opened(ballot("all", ("quality_manager", "plant_manager")))
    assert asked(play) == ["qm", "pm"]
    play.directory = people({"qm": (TODAY,)})
    play.do(c.ReassignAbsent())
    assert asked(play) == ["ceo", "pm"]
    vote(play, "pm", "approve")
    play.directory = people({"ceo": (TODAY,), "qm": (TODAY,)})
    play.do(c.ReassignAbsent())
    assert asked(play)[0] not in ("pm", None)


def test_every_holder_of_the_role_votes_and_the_absent_are_stood_in_for() -> None:
    assert asked(opened(ballot("all"))) == ["b1", "b2"]
    play = Play(ballot("all"), directory=people({"b2": (TODAY,)})).open()
    assert asked(play) == ["b1", "bm"]
    assert [task.substitute_for for task in play.state.open_tasks] == [None, "b2"]


def test_more_votes_than_holders_are_filled_by_who_answers_for_the_step() -> None:
    play = opened(ballot(3))
    assert asked(play) == ["b1", "b2", "bm"]


def test_the_requester_does_not_vote() -> None:
    play = opened(ballot("all"), requested_by="b1")
    assert asked(play) == ["b2"]
    with pytest.raises(Refused) as refused:
        vote(play, "b1", "approve", on="b2")
    assert refused.value.code == "own_request"


def test_where_nobody_is_left_a_vote_is_left_open_and_the_others_can_end_it() -> None:
    template = ballot(2, ("ceo", "ceo", "ceo"), role="ceo")
    crowd = people()
    few = {i: person for i, person in crowd.people.items() if i in ("ceo", "pm")}
    lonely = replace(crowd, people=few, roles={"ceo": ("ceo",), "plant_manager": ("pm",)})
    play = Play(template, directory=lonely).open()
    assert asked(play) == ["ceo", "pm", None]
    assert play.state.open_tasks[2].assigned_because == (
        "nobody may be asked: Zhou Ceo is asked already; Sun Plant is asked already"
    )
    vote(play, "ceo", "approve")
    vote(play, "pm", "approve")
    assert play.state.steps["sign"].outcome == "approve"


def test_forms_stay_with_their_voters_and_the_last_that_counts_goes_into_the_case() -> None:
    play = opened(ballot(2, THREE, extra=NOTE))
    vote(play, "im", "approve", note="first")
    assert "note" not in play.state.data
    vote(play, "sm", "reject", note="against")
    vote(play, "qm", "approve", note="last")
    # All at one instant: the one whose decision settled it was the last.
    assert play.state.data["note"] == "last"
    assert [task.form["note"] for task in play.state.tasks.values() if task.step_id == "sign"] == [
        "last",
        "against",
        "first",
    ]


def test_a_voice_is_not_handed_to_another_voter() -> None:
    play = opened(ballot("all", ("purchasing_manager", "buyer"), extra=", actions: {assign: [buyer]}"))
    assert asked(play) == ["bm", "b1"]
    task = of_person(play, "bm")

    def hand(to: str) -> c.AssignTask:
        return c.AssignTask(task_id=task.task_id, task_version=task.version, person_id="bm", to=to)

    with pytest.raises(Refused) as refused:
        play.do(hand("b1"))
    assert refused.value.sentence == "Wu One has a task of this step already: nobody decides it twice."
    play.do(hand("b2"))
    assert asked(play) == ["b2", "b1"]


def test_who_delegated_his_voice_keeps_it_and_who_was_voted_for_may_still_be_asked() -> None:
    actions = ", actions: {delegate: true, assign: [quality_manager]}"
    play = opened(ballot("all", THREE, extra=actions))
    first, second, _ = play.state.open_tasks

    def hand(version: int = 1) -> c.AssignTask:
        return c.AssignTask(task_id=second.task_id, task_version=version, person_id="sm", to="qm")

    play.do(c.DelegateTask(task_id=first.task_id, task_version=1, person_id="qm", to="f1", reason="x"))
    with pytest.raises(Refused) as refused:
        play.do(hand())
    assert refused.value.sentence.startswith("Li Quality has a task of this step already")
    # Once the accountable has decided in his place he himself has not voted: he may be asked for another voice.
    play.do(c.DecideTask(task_id=first.task_id, task_version=2, person_id="pm", outcome="approve"))
    play.do(hand())
    assert play.state.tasks[second.task_id].assignee == "qm"


ROLES = ("quality_manager", "sales_manager", "it_manager", "buyer", "finance_analyst", "plant_manager", "ceo")
PERSONS = tuple(STAFF)


def slowly(needed: int | str, cast: Mapping[int, str], voters: int) -> str | None:
    """The settled outcome by trying every way in which those who have not voted could still vote."""
    if needed == "any":
        return next(iter(cast.values()), None)
    least = voters if needed == "all" else int(needed)
    missing = [number for number in range(voters) if number not in cast]
    ends = set()
    for rest in product(("approve", "reject"), repeat=len(missing)):
        whole = {**cast, **dict(zip(missing, rest, strict=True))}
        ends.add("approve" if sum(one == "approve" for one in whole.values()) >= least else "reject")
    return ends.pop() if len(ends) == 1 else None


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_any_order_of_any_clicks_settles_as_the_slow_count_says(data: st.DataObject) -> None:
    voters = data.draw(st.lists(st.sampled_from(ROLES), min_size=1, max_size=5))
    needed = data.draw(st.sampled_from(["all", "any", *range(1, len(voters) + 1)]))
    away = data.draw(st.sets(st.sampled_from(PERSONS), max_size=8))
    play = Play(ballot(needed, voters), directory=people(dict.fromkeys(away, (TODAY,))))
    play.open(requested_by=data.draw(st.none() | st.sampled_from(PERSONS)))
    tasks = [task.task_id for task in play.state.open_tasks]
    assert len(tasks) == len(voters)
    assigned = [person for person in asked(play) if person is not None]
    assert len(set(assigned)) == len(assigned)
    cast: dict[int, str] = {}
    by: list[str] = []
    clicks = st.tuples(st.integers(0, len(tasks) - 1), st.sampled_from(("approve", "reject")), st.booleans())
    strangers = st.sampled_from(PERSONS)
    for number, outcome, own in data.draw(st.lists(clicks, max_size=14)):
        task = play.state.tasks[tasks[number]]
        person = task.assignee if own and task.assignee is not None else data.draw(strangers)
        try:
            play.do(c.DecideTask(task_id=task.task_id, task_version=1, person_id=person, outcome=outcome))
        except Refused:
            continue
        assert slowly(needed, cast, len(voters)) is None, "nothing is decided once the vote is settled"
        assert number not in cast and person not in by and person != play.state.requested_by
        cast[number] = outcome
        by.append(person)
        assert play.state.steps["sign"].outcome == slowly(needed, cast, len(voters))
    for number, task_id in enumerate(tasks):
        task = play.state.tasks[task_id]
        if task.status != "open":
            continue
        free = task.assignee if task.assignee not in by else None
        if free is not None:
            play.do(c.DecideTask(task_id=task_id, task_version=1, person_id=free, outcome="reject"))
            cast[number] = "reject"
            by.append(free)
    settled = [one[-1] for one in counts(play) if one[-1] is not None]
    assert settled == [found for found in [slowly(needed, cast, len(voters))] if found is not None]
    if len(cast) == len(voters):
        assert settled and not any(task.step_id == "sign" for task in play.state.open_tasks)


THREE_WAYS = (
    "[{id: approve, title: {en: A, zh: 批}}, {id: reject, title: {en: Back, zh: 退}, returns_to: first}, "
    "{id: abstain, title: {en: Abstain, zh: 弃}}]"
)


def three_ways(required: str) -> Play:
    ends = "needed: 2, approves: approve, rejects: reject"
    form = f", form: [{{name: why, type: text, title: {{en: Why, zh: 由}}, required: [{required}]}}]"
    sign = human("sign", "buyer", f", vote: {{voters: [{', '.join(THREE)}], {ends}}}{form}", THREE_WAYS)
    play = opened(small(f"- {human('first')}\n- {sign}\n"))
    play.choose("first", "ok")
    return play


def reason(play: Play) -> str:
    return next(event.reason for event in play.log if isinstance(event, e.CaseReturned))


def test_what_settles_a_vote_is_told_by_one_who_chose_it_though_a_further_choice_came_last() -> None:
    play = three_ways("reject")
    vote(play, "qm", "reject", why="Too dear")
    vote(play, "sm", "abstain")
    assert play.state.data["why"] == reason(play) == "Too dear"


def test_where_nobody_chose_the_rejection_the_last_further_choice_tells_and_the_log_says_so_if_it_is_silent() -> None:
    play = three_ways("reject, abstain")
    vote(play, "qm", "abstain", why="Not mine")
    vote(play, "sm", "abstain", why="Nor mine")
    assert play.state.data["why"] == reason(play) == "Nor mine"
    older = three_ways("reject")
    vote(older, "qm", "abstain")
    vote(older, "sm", "abstain")
    assert reason(older) == "Back by count: Abstain"


def test_a_further_choice_of_a_vote_requires_what_its_rejection_requires() -> None:
    def says(required: str) -> list[str]:
        return [finding.message for finding in lint(three_ways(required).template)]

    assert says("reject") == ["'abstain' counts as 'reject' and may settle it: require why for it"]
    assert says("reject, abstain") == []
