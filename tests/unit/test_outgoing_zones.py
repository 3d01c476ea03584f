"""Whoever works by a calendar of another time zone reads his own: cards, questions and reminders name it."""

from __future__ import annotations

import json
from datetime import date, timedelta, tzinfo
from zoneinfo import ZoneInfo

from tests.engine_world import MONDAY, Play, calendar, human, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.signals import awaited, wait_key
from workflow_jobs.outgoing import messages
from workflow_jobs.outgoing_message import Outgoing
from workflow_jobs.outgoing_writer import Telling
from workflow_jobs.slack.ladders import Rung
from workflow_jobs.slack.wording import CardContext

BERLIN = ZoneInfo("Europe/Berlin")
ABROAD = {"b1": BERLIN, "lm": BERLIN}
HEAD = "ladder: [{at: 80, action: remind, to: assignee}]\n"
WAIT = (
    "{id: w, kind: wait, title: {en: W, zh: 等}, raci: {responsible: buyer, accountable: plant_manager}, "
    "until: {working: P5D}, signal: come}"
)


def zone_of(person: str) -> tzinfo:
    return ABROAD.get(person, calendar().time_zone)


def sent(play: Play, command: c.Command, fired: tuple[Rung, ...] = ()) -> dict[str, Outgoing]:
    """The messages of the command, by whom they reach."""
    before, events = play.current, play.do(command)
    telling = Telling(
        template=play.template,
        people=play.directory,
        context=CardContext(language="en", zone=calendar().time_zone, name=play.directory.name),
        address=lambda person: f"{person}@small.example",
        channel="ops",
        today=date(2026, 11, 16),
        working_minutes=lambda _task: None,
        zone_of=zone_of,
    )
    waits = {f"wait:c1:{wait_key(step)}:": [f"wait:c1:{wait_key(step)}:b1"] for step in awaited(before or play.state)}
    out = messages(before, play.state, events, telling, waits, fired)
    return {(one.payload.get("to") or {}).get("person") or one.card_key or "": one for one in out}


def words(one: Outgoing) -> str:
    return json.dumps(one.payload, ensure_ascii=False)


def opened(steps: str) -> tuple[Play, dict[str, Outgoing]]:
    play = Play(small(steps, HEAD))
    return play, sent(play, c.OpenCase(case_id="c1", rule_id="r", requested_by="s1"))


def test_who_is_asked_and_who_is_consulted_read_when_it_is_due_in_their_own_zone() -> None:
    consulted = "consulted: [sales_manager, logistics_manager], accountable:"
    _, out = opened(f"- {human('a').replace('accountable:', consulted)}\n")
    assert "Mon 2026-11-16 08:00 (Europe/Berlin)" in words(out["b1"])
    assert "Mon 2026-11-16 08:00 (Europe/Berlin)" in words(out["lm"])
    assert "Mon 2026-11-16 15:00 (Asia/Shanghai)" in words(out["sm"])
    assert "Mon 2026-11-16 15:00 (Asia/Shanghai)" in words(out["case:c1"]), "the channel's card is the company's"


def test_a_reminder_and_the_card_that_is_brought_up_to_date_keep_to_it() -> None:
    play, _ = opened(f"- {human('a')}\n")
    play.wait(hours=5)
    out = sent(play, c.FireRungs())
    assert "Mon 2026-11-16 07:30 (Europe/Berlin)" in words(out["b1"])
    assert "Mon 2026-11-16 08:00 (Europe/Berlin)" in words(out["task:c1.a.1:1"])
    assert "Europe/Berlin" not in words(out["ladder:c1.a.1"]), "what stands in the channel is the company's"
    (rung,) = [event for event in play.log if isinstance(event, e.RungFired)]
    out = sent(play, c.DecideTask(task_id="c1.a.1", task_version=1, person_id="b1", outcome="ok"), (rung,))
    assert "Mon 2026-11-16 07:30 (Europe/Berlin)" in words(out["task:c1.a.1:1"])


def test_the_message_about_a_wait_says_its_end_in_the_zone_of_whom_it_asks() -> None:
    play, out = opened(f"- {WAIT}\n- {human('a')}\n")
    assert "Mon 2026-11-23 02:30 (Europe/Berlin)" in words(out["b1"])
    assert "Mon 2026-11-23 09:30 (Asia/Shanghai)" in words(out["b2"])
    play.now = MONDAY + timedelta(hours=1)
    out = sent(play, c.SendSignal(signal="come"))
    assert "Mon 2026-11-16 03:30 (Europe/Berlin)" in words(out["wait:c1:w.1:b1"])
