"""Every message about a case stands with its card: in the channel's thread, in each person's thread, one a ladder."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from tests.process_world import World
from tests.slack_server import SlackServer
from workflow_jobs.delivery.outbox import deliver_due
from workflow_jobs.outgoing_message import CARD, MESSAGE, Outgoing
from workflow_jobs.store import outbox_rows


@pytest.fixture
def world(ops_engine: Engine, slack: SlackServer) -> World:
    world = World(ops_engine)
    slack.knows(world.directory)
    return world


def deliver(world: World, slack: SlackServer) -> None:
    done = deliver_due(world.engine, clock=world.clock, slack=slack.client(), report=lambda _steps: None, limit=300)
    assert done.dead == 0


def fire_all(world: World, slack: SlackServer) -> int:
    """Let every rung fire by itself, delivering after each; how many fired."""
    fired = 0
    for _ in range(200):
        world.clock.advance(timedelta(hours=1))
        now = world.service.fire_due_rungs()
        if now:
            deliver(world, slack)
        fired += now
    return fired


def ladders(messages: list[dict[str, Any]], of: str = "Judge the exception") -> list[dict[str, Any]]:
    """The messages about the rungs of a task, not those of the case."""
    found = [m for m in messages if m["text"].startswith((f"Reminder: {of}", f"Escalation: {of}"))]
    found = [m for m in found if not has_buttons(m)]
    return [m for m in found if "Reminded" in str(m) or "Escalated to" in str(m)]


def has_buttons(message: dict[str, Any]) -> bool:
    return any(block["type"] == "actions" for block in message["blocks"])


def test_all_rungs_of_a_task_are_one_message_that_is_kept_up_to_date(world: World, slack: SlackServer) -> None:
    case_id = world.open().case_id
    task = world.task(case_id, "judge")
    deliver(world, slack)
    # Besides the task's rungs there is the one of the case.
    rungs = fire_all(world, slack) - 1
    assert rungs == 4
    (root,) = [m for m in slack.messages if m["channel"] == "C1" and "thread_ts" not in m]
    (ladder,) = ladders([m for m in slack.messages if m["channel"] == "C1"])
    assert ladder["thread_ts"] == root["ts"]
    assert ladder["edits"] == rungs - 1
    text = ladder["blocks"][0]["text"]["text"]
    last, before = text.split("Before:")
    # The last rung stands on top with whom it reached and when; the earlier ones are listed below it.
    assert "Escalated to Zhou Ceo" in last and "Wang" not in last
    assert before.count("•") == rungs - 1 and "Reminded Wang One" in before and "Escalated to Li Quality" in before
    # The person has one reminder, in the thread of his card; whoever was escalated to has one notice each.
    own = f"DU{(task.assignee or '').upper()}"
    (card,) = [m for m in slack.messages if m["channel"] == own and "thread_ts" not in m]
    assert [m["thread_ts"] for m in ladders([m for m in slack.messages if m["channel"] == own])] == [card["ts"]]
    notices = Counter(m["channel"] for m in slack.messages if m["text"].startswith("Escalation:") and has_buttons(m))
    assert notices and set(notices.values()) == {1}


def test_rungs_that_are_due_together_are_one_message_too(world: World, slack: SlackServer) -> None:
    world.open()
    deliver(world, slack)
    world.clock.advance(timedelta(days=30))
    while world.service.fire_due_rungs():
        pass
    deliver(world, slack)
    assert len(ladders([m for m in slack.messages if m["channel"] == "C1"])) == 1


def test_what_follows_in_a_case_stands_in_the_thread_of_its_card(world: World, slack: SlackServer) -> None:
    case_id = world.open(requested_by="o1").case_id
    deliver(world, slack)
    for step in ("judge", "supplier", "protect"):
        world.decide(case_id, step)
        world.clock.advance(timedelta(hours=30))
        world.service.fire_due_rungs()
        deliver(world, slack)
    world.serve(case_id)
    world.decide(case_id, "assess")
    world.decide(case_id, "promise")
    deliver(world, slack)
    channel = [m for m in slack.messages if m["channel"] == "C1"]
    assert {m.get("thread_ts") for m in channel[1:]} == {channel[0]["ts"]}
    # A person's messages of the case: what he must act on stands alone, everything else in the thread of his first.
    for place in {m["channel"] for m in slack.messages} - {"C1"}:
        own = [m for m in slack.messages if m["channel"] == place]
        alone = [m for m in own[1:] if "thread_ts" not in m and not was_card(m)]
        assert not alone, (place, [m["text"] for m in alone])


def was_card(message: dict[str, Any]) -> bool:
    """A card that asks or asked something of its person: it has a header, which no notice has."""
    return any(block["type"] == "header" for block in message["blocks"])


def test_a_card_waits_for_the_card_above_it_and_stands_alone_where_there_is_none(
    world: World, slack: SlackServer
) -> None:
    def card(key: str, above: str | None = None) -> Outgoing:
        payload: dict[str, Any] = {"text": key, "blocks": [{"type": "divider"}], "to": {"channel": "ops"}}
        return Outgoing(CARD, key, payload | ({"thread_of": above} if above else {}), key)

    slack.trouble = lambda method, form: "500" if method == "chat.postMessage" and form["text"] == "above" else None
    with world.engine.begin() as connection:
        outbox_rows.put(
            connection, "C-1", [card("above"), card("below", "above"), card("other", "none")], world.clock.now()
        )
    deliver(world, slack)
    assert [m["text"] for m in slack.messages] == ["other"]
    slack.trouble = lambda _method, _form: None
    for _ in range(3):
        world.clock.advance(timedelta(minutes=1))
        deliver(world, slack)
    above, below = (next(m for m in slack.messages if m["text"] == text) for text in ("above", "below"))
    assert below["thread_ts"] == above["ts"]
    reply = Outgoing(MESSAGE, "reply", {"text": "reply", "blocks": [], "to": {"channel": "ops"}}, "above")
    with world.engine.begin() as connection:
        outbox_rows.put(connection, "C-1", [reply], world.clock.now())
    deliver(world, slack)
    assert slack.messages[-1]["thread_ts"] == above["ts"]
