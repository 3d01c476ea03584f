"""Messages about a task that several people have to do with: who gets a card, and who is told what, once."""

from __future__ import annotations

from datetime import date

import pytest

from tests.engine_world import MONDAY, Play, calendar, human, people, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.template import Template
from workflow_jobs.outgoing import messages
from workflow_jobs.outgoing_message import CARD, UPDATE, Outgoing
from workflow_jobs.outgoing_writer import Telling
from workflow_jobs.slack.wording import CardContext

CHOICES = "[{id: yes_, style: primary, title: {en: Y, zh: 是}}, {id: no_, style: danger, title: {en: N, zh: 否}}]"
VOTE = ", vote: {voters: [quality_manager, it_manager, cfo], needed: 2, approves: yes_, rejects: no_}"


def sent(play: Play, command: c.Command) -> list[Outgoing]:
    """The messages that the command causes."""
    before = play.current
    events = play.do(command)
    directory = play.directory
    telling = Telling(
        template=play.template,
        people=directory,
        context=CardContext(language="en", zone=calendar().time_zone, name=directory.name, figure=None),
        address=lambda person: f"{person}@small.example",
        channel="ops",
        today=date(2026, 11, 16),
        working_minutes=lambda _task: None,
    )
    return messages(before, play.state, events, telling, {})


def to_whom(out: list[Outgoing], what: str) -> list[str]:
    """Persons (or #channels) who get a card whose key tells `what`."""
    cards = [one.payload["to"] for one in out if one.kind == CARD and f"/{CARD}/{what}" in one.dedupe_key]
    return [to.get("person") or f"#{to['channel']}" for to in cards]


def begun(template: Template) -> tuple[Play, list[Outgoing]]:
    play = Play(template, now=MONDAY)
    opening = c.OpenCase(case_id="c1", rule_id="r", requested_by="s1")
    return play, sent(play, opening)


def step(extra: str, raci: str = "") -> Template:
    made = human("look", "buyer", extra, CHOICES)
    return small("- " + made.replace("accountable: plant_manager", f"accountable: plant_manager{raci}") + "\n")


def test_each_voter_gets_a_card_and_the_others_hear_of_the_step_once() -> None:
    raci = ", consulted: [quality_engineer], informed: [sales_rep], informs_at: [asked, decided]"
    play, out = begun(step(VOTE, raci))
    assert to_whom(out, "c1.look.") == ["qm", "im", "cfo"]
    assert to_whom(out, "consulted/") == ["q1", "q2"]
    assert to_whom(out, "informed/asked/") == ["s1", "s2"]
    first = c.DecideTask(task_id="c1.look.1", task_version=1, person_id="qm", outcome="yes_")
    second = c.DecideTask(task_id="c1.look.2", task_version=1, person_id="im", outcome="yes_")
    assert to_whom(sent(play, first), "informed/") == [], "the vote is not settled"
    assert to_whom(sent(play, second), "informed/") == ["pm", "s1", "s2"]


def test_whoever_has_a_task_now_gets_its_card_and_the_old_one_says_so() -> None:
    offered = ", actions: {delegate: true, release: true}"
    play, _ = begun(step(offered, ", consulted: [quality_engineer]"))
    hands: list[tuple[c.Command, list[str]]] = [
        (c.DelegateTask(task_id="c1.look.1", task_version=1, person_id="b1", to="f1", reason="x"), ["f1"]),
        (c.DecideTask(task_id="c1.look.1", task_version=2, person_id="f1", outcome="yes_"), ["b1"]),
        (c.ReleaseTask(task_id="c1.look.1", task_version=3, person_id="b1"), ["#ops"]),
        (c.ClaimTask(task_id="c1.look.1", task_version=4, person_id="b2"), ["b2"]),
    ]
    for version, (command, persons) in enumerate(hands, start=1):
        out = sent(play, command)
        assert to_whom(out, "c1.look.1") == persons
        assert [one.card_key for one in out if one.kind == UPDATE and one.dedupe_key.endswith("/moved")] == [
            f"task:c1.look.1:{version}"
        ]
        assert to_whom(out, "consulted/") == [], "they were asked in the beginning"
        assert to_whom(out, "claim/") == (["b1", "b2"] if persons == ["#ops"] else [])


def test_who_is_to_hear_something_hears_it_once_also_when_he_is_away() -> None:
    """On the day on which half of them are away, and the one who answers for the step."""
    away = dict.fromkeys(("q1", "s1", "pm"), ((date(2026, 11, 16),) * 2,))
    raci = ", consulted: [quality_engineer], informed: [sales_rep], informs_at: [asked, decided]"
    play = Play(step("", raci), now=MONDAY, directory=people(away))
    out = sent(play, c.OpenCase(case_id="c1", rule_id="r"))
    assert to_whom(out, "consulted/") == ["q1", "q2"]
    assert to_whom(out, "informed/asked/") == ["s1", "s2"]
    out = sent(play, c.DecideTask(task_id="c1.look.1", task_version=1, person_id="b1", outcome="yes_"))
    assert to_whom(out, "informed/") == ["pm", "s1", "s2"]


def test_those_who_may_claim_a_pooled_task_are_told_and_nobody_else() -> None:
    play = Play(step(", pool: true"), now=MONDAY, directory=people({"b2": ((date(2026, 11, 16),) * 2,)}))
    out = sent(play, c.OpenCase(case_id="c1", rule_id="r"))
    assert to_whom(out, "c1.look.1") == ["#ops"]
    assert to_whom(out, "claim/") == ["b1"], "the other is away"
    (card,) = [one for one in out if one.card_key == "task:c1.look.1:1"]
    assert "*Who must act*: Waits to be claimed" in str(card.payload["blocks"])
    _, out = begun(step(", pool: true"))
    assert to_whom(out, "claim/") == ["b1", "b2"]


@pytest.mark.parametrize(("informs", "told"), [("[late]", ["s1", "s2"]), ("[decided]", [])])
def test_those_informed_hear_once_that_a_task_is_late(informs: str, told: list[str]) -> None:
    ladder = ", ladder: [{at: 50, action: remind, to: assignee}, {at: 100, action: remind, to: assignee}]"
    play, _ = begun(step(ladder, f", informed: [sales_rep], informs_at: {informs}"))
    play.wait(hours=2)
    assert to_whom(sent(play, c.FireRungs()), "informed/") == []
    play.wait(hours=6)
    assert to_whom(sent(play, c.FireRungs()), "informed/late/") == told
