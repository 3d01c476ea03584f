"""Messages about waits that a signal ends: who gets one, and that it says how the wait ended, whichever way it did."""

from __future__ import annotations

import json
from datetime import date

import pytest

from resources.people import Person, directory
from tests.engine_world import MONDAY, Play, calendar, human, people, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.template import Template
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.outgoing import messages
from workflow_jobs.outgoing_message import CARD, UPDATE, Outgoing
from workflow_jobs.outgoing_waits import MOST_PEOPLE
from workflow_jobs.outgoing_writer import Telling
from workflow_jobs.slack.button_seal import seal_of
from workflow_jobs.slack.wait_messages import WaitValue
from workflow_jobs.slack.wording import CardContext

TITLE = "{en: Goods come, zh: 到货}"
RACI = "{responsible: buyer, accountable: it_manager}"
TODAY = ((date(2026, 11, 16),) * 2,)


def wait(step: str = "rest", more: str = "") -> str:
    return (
        f"{{id: {step}, kind: wait, title: {TITLE}, description: {TITLE}, raci: {RACI}, until: {{working: P5D}}, "
        f"signal: come{more}}}"
    )


def resting() -> Template:
    return small(f"- {wait()}\n- {human('look')}\n")


def sent(play: Play, command: c.Command, language: str = "en", via: str = "") -> list[Outgoing]:
    """The messages that the command causes; the cards about waits that are over are those that everybody got."""
    before, events = play.current, play.do(command)
    telling = Telling(
        template=play.template,
        people=play.directory,
        context=CardContext(
            language=language, zone=calendar().time_zone, name=play.directory.name, seal=seal_of(b"key")
        ),
        address=lambda person: f"{person}@small.example",
        channel="ops",
        today=date(2026, 11, 16),
        working_minutes=lambda _task: None,
        via=via,
    )
    out = messages(before, play.state, events, telling, {"wait:c1:rest.1:": ["wait:c1:rest.1:b1", "wait:c1:rest.1:b2"]})
    return [one for one in out if (one.card_key or "").startswith("wait:")]


def begun(play: Play, language: str = "en") -> list[Outgoing]:
    return sent(play, c.OpenCase(case_id="c1", rule_id="r", requested_by="s1"), language)


@pytest.mark.parametrize(
    ("away", "asked"),
    [
        ((), ["b1", "b2"]),
        (("b1",), ["b2"]),
        (("b1", "b2"), ["im"]),
        (("b1", "b2", "im"), ["pm"]),
        (("b1", "b2", "im", "pm"), ["b1", "b2"]),
    ],
)
def test_those_responsible_who_are_there_are_asked_else_who_answers_for_it(
    away: tuple[str, ...], asked: list[str]
) -> None:
    play = Play(resting(), now=MONDAY, directory=people(dict.fromkeys(away, TODAY)))
    out = begun(play)
    assert [(one.kind, one.card_key) for one in out] == [(CARD, f"wait:c1:rest.1:{person}") for person in asked]
    assert not any({"with_case", "thread_of"} & one.payload.keys() for one in out), "it asks, so it stands by itself"


@pytest.mark.parametrize(
    ("buyers", "it_managers", "owners", "asked"),
    [
        (MOST_PEOPLE, 1, 1, ["buyer"] * MOST_PEOPLE),
        (MOST_PEOPLE + 1, 2, 1, ["it_manager"] * 2),
        (MOST_PEOPLE + 1, 0, 1, ["plant_manager"]),
        (MOST_PEOPLE + 1, MOST_PEOPLE + 1, 3, ["plant_manager"] * 3),
        (MOST_PEOPLE + 1, MOST_PEOPLE + 1, MOST_PEOPLE + 1, ["#"]),
    ],
)
def test_a_role_that_many_hold_is_not_told_one_by_one(
    buyers: int, it_managers: int, owners: int, asked: list[str]
) -> None:
    held = {"buyer": buyers, "it_manager": it_managers, "plant_manager": owners}
    crowd = [(f"{role}-{number}", role) for role, count in held.items() for number in range(count)]
    world = directory(
        [Person(person_id=one, name=one, manager_id=None) for one in ("s1", *(one for one, _ in crowd))], crowd, []
    )
    play = Play(resting(), now=MONDAY, directory=world)
    out = begun(play)
    told = [one.card_key.removeprefix("wait:c1:rest.1:") for one in out if one.card_key is not None]
    assert [name.rpartition("-")[0] or name for name in told] == asked
    assert len(set(told)) == len(told)
    for one, name in zip(out, told, strict=True):
        assert "wait:happened" in json.dumps(one.payload)
        if name == "#":
            assert (one.payload["to"], one.payload["thread_of"]) == ({"channel": "ops"}, "case:c1")
        else:
            assert one.payload["to"]["person"] == name


def test_the_messages_about_a_wait_that_a_changed_calendar_moves_are_brought_up_to_date() -> None:
    play = Play(resting())
    first = begun(play)[0]
    assert "2026-11-23 09:30" in json.dumps(first.payload)
    days_off = [date(2026, 11, 17)]
    play.calendars = {"default": WorkingCalendar("CN", days_off=days_off, first_year=2026, last_year=2027)}
    told = sent(play, c.RecomputeClocks(reason="a holiday"))
    assert [(one.kind, one.card_key) for one in told] == [(UPDATE, f"wait:c1:rest.1:{one}") for one in ("b1", "b2")]
    assert all("2026-11-24 09:30" in json.dumps(one.payload) for one in told)
    assert all("wait:happened" in json.dumps(one.payload) for one in told)
    assert sent(play, c.RecordBreach(observed=None, snapshot_id="s2")) == []


@pytest.mark.parametrize(("language", "words"), [("en", "It has happened"), ("zh", "已经发生")])
def test_the_message_says_what_is_waited_for_until_when_and_has_one_sealed_button(language: str, words: str) -> None:
    first = begun(Play(resting()), language)[0]
    shown = json.dumps(first.payload, ensure_ascii=False)
    assert ("Goods come" if language == "en" else "到货") in shown and "2026-11-23" in shown
    (buttons,) = [block["elements"] for block in first.payload["blocks"] if block["type"] == "actions"]
    assert [(one["text"]["text"], one["action_id"]) for one in buttons] == [(words, "wait:happened")]
    value = buttons[0]["value"]
    assert WaitValue.read(value, seal_of(b"key")) == WaitValue("c1", "rest.1", "come")
    for other in ({"wait": "rest.2"}, {"case_id": "c2"}, {"signal": "go"}, {"nonce": None}, {"wait": 1}):
        with pytest.raises(ValueError, match=r"nonce|no button"):
            WaitValue.read(json.dumps(json.loads(value) | other), seal_of(b"key"))


@pytest.mark.parametrize(
    ("command", "later", "says"),
    [
        (c.SendSignal(signal="come", person_id="b2"), 0, "it has happened, says Wu Two"),
        (c.SendSignal(signal="come"), 0, "it has happened, says a program (token:t1)"),
        (c.FireTimers(), 9, "the time for it is over"),
        (c.WithdrawCase(person_id="s1", reason="Not needed"), 0, "the case ended or went on without it"),
    ],
)
def test_a_wait_that_is_over_says_how_on_every_message_and_has_no_button(
    command: c.Command, later: int, says: str
) -> None:
    play = Play(resting())
    begun(play)
    out = sent(play.wait(days=later), command, via="token:t1")
    assert [(one.kind, one.card_key) for one in out] == [(UPDATE, f"wait:c1:rest.1:{one}") for one in ("b1", "b2")]
    for one in out:
        assert says in json.dumps(one.payload) and "wait:happened" not in json.dumps(one.payload)


def test_a_wait_that_others_make_superfluous_or_that_is_over_at_once_asks_nobody_for_long() -> None:
    fork = f"- fork:\n    id: f\n    join: any\n    branches: [[{wait()}], [{human('call')}]]\n"
    play = Play(small(fork))
    assert len(begun(play)) == 2
    task = play.task("call")
    decide = c.DecideTask(task_id=task.task_id, task_version=1, person_id=task.assignee or "", outcome="ok")
    assert "went on without it" in json.dumps([one.payload for one in sent(play, decide)])
    silent = wait().replace("working: P5D", "date: day")
    head = f"inputs: [{{name: day, type: date, title: {TITLE}}}]\n"
    past = Play(small(f"- {silent}\n- {human('look')}\n", head))
    assert sent(past, c.OpenCase(case_id="c1", rule_id="r", data={"day": "2026-01-05"})) == []


def test_every_visit_has_a_message_of_its_own() -> None:
    back = f"[{{id: ok, title: {TITLE}}}, {{id: again, title: {TITLE}, returns_to: rest}}]"
    why = f", form: [{{name: why, type: text, title: {TITLE}, required: [again]}}]"
    play = Play(small(f"- {wait()}\n- {human('look', 'quality_engineer', why, back)}\n"))
    begun(play)
    sent(play, c.SendSignal(signal="come", person_id="b1"))
    task = play.task("look")
    again = c.DecideTask(
        task_id=task.task_id, task_version=1, person_id=task.assignee or "", outcome="again", form={"why": "x"}
    )
    assert [one.card_key for one in sent(play, again)] == ["wait:c1:rest.2:b1", "wait:c1:rest.2:b2"]
