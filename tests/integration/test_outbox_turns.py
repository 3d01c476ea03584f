"""What waits or fails in the outbox holds back nothing else: busy channels, pictures and payloads that raise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from tests.process_world import World
from tests.slack_server import SlackServer
from workflow_jobs.delivery import outbox
from workflow_jobs.delivery.outbox import Delivered, deliver_due
from workflow_jobs.outgoing_message import CARD, MESSAGE, STEP_COMPLETED, Outgoing
from workflow_jobs.store import outbox_rows
from workflow_jobs.store.tables import outbox as outbox_table


@pytest.fixture
def slack(slack: SlackServer) -> SlackServer:
    slack.channels["C2"] = "other"
    return slack


def put(world: World, *messages: Outgoing) -> None:
    with world.engine.begin() as connection:
        outbox_rows.put(connection, "C-1", messages, world.clock.now())


def message(key: str, channel: str = "ops", **more: Any) -> Outgoing:
    payload = {"text": key, "blocks": [{"type": "divider"}], "to": {"channel": channel}}
    return Outgoing(MESSAGE, key, {**payload, **more})


def deliver(world: World, slack: SlackServer, **options: Any) -> Delivered:
    given = {"report": lambda _batch: None, **options}
    return deliver_due(world.engine, clock=world.clock, slack=slack.client(), **given)


def test_a_channel_with_very_much_to_say_holds_back_no_other(ops_engine: Engine, slack: SlackServer) -> None:
    world = World(ops_engine)
    put(world, *(message(f"{n:02}") for n in range(8)))
    world.clock.advance(timedelta(seconds=1))
    put(world, message("elsewhere", "other"))
    deliver(world, slack, limit=5, channel_gap=1.0)
    assert [m["text"] for m in slack.messages] == ["00", "elsewhere"]
    for second in range(1, 4):
        world.clock.advance(timedelta(seconds=1))
        done = deliver(world, slack, limit=5, channel_gap=1.0)
        assert (done.sent, done.paced) == (1, 0), "each has its own turn: nothing is looked at twice"
        assert slack.messages[-1]["text"] == f"{second:02}", "and they stay in order"


def test_a_round_asks_slack_no_more_often_than_it_may_send(ops_engine: Engine, slack: SlackServer) -> None:
    world = World(ops_engine)
    many = 300
    put(world, *(message(f"{n:03}") for n in range(many)))
    with ops_engine.begin() as connection:
        # As after an hour in which Slack did not answer: nobody knows how these attempts ended.
        connection.execute(outbox_table.update().values(outcome_unknown=True))
    world.clock.advance(timedelta(seconds=1))
    put(world, message("elsewhere", "other"))
    done = deliver(world, slack, limit=5, channel_gap=1.0)
    assert (done.sent, done.paced) == (2, many - 1)
    assert [m["text"] for m in slack.messages] == ["000", "elsewhere"]
    # One for what was sent before it is posted, and one after, whether another attempt has posted it meanwhile.
    assert slack.count("conversations.history") == 2
    for second in range(1, 4):
        world.clock.advance(timedelta(seconds=1))
        done = deliver(world, slack, limit=5, channel_gap=1.0)
        assert (done.sent, done.paced) == (1, 0)
        assert slack.messages[-1]["text"] == f"{second:03}"
    assert slack.count("conversations.history") == 8


def test_each_round_puts_back_what_the_next_need_not_look_at(ops_engine: Engine, slack: SlackServer) -> None:
    world = World(ops_engine)
    slack.users = {f"p{n}@small.example": f"U{n}" for n in range(12)}
    persons = [{"person": f"p{n}", "name": f"p{n}", "email": f"p{n}@small.example"} for n in range(12)]
    put(world, *(message(f"{n}-{time}", to=persons[n]) for time in range(3) for n in range(12)))
    world.clock.advance(timedelta(milliseconds=1))
    put(world, message("elsewhere", "other"))
    for _ in range(10):
        done = deliver(world, slack, limit=5, channel_gap=1.0)
        assert done.sent <= 5
    assert [m["text"] for m in slack.messages] == [*(f"{n}-0" for n in range(12)), "elsewhere"]


def test_a_reply_below_a_card_elsewhere_does_not_wait_for_the_channel(ops_engine: Engine, slack: SlackServer) -> None:
    world = World(ops_engine)
    put(world, Outgoing(CARD, "card", message("card", "other").payload, "C-1/card"))
    deliver(world, slack, channel_gap=1.0)
    world.clock.advance(timedelta(seconds=1))
    reply = Outgoing(MESSAGE, "reply", message("reply").payload, "C-1/card")
    put(world, message("first"), message("second"), reply)
    done = deliver(world, slack, channel_gap=1.0)
    assert (done.sent, done.paced) == (2, 1)
    assert [(m["channel"], m["text"]) for m in slack.messages[1:]] == [("C1", "first"), ("C2", "reply")]


def test_a_round_ends_after_a_while_and_the_next_goes_on(ops_engine: Engine, slack: SlackServer) -> None:
    world = World(ops_engine)
    put(world, *(message(f"{n}") for n in range(5)))

    def slow(method: str, _form: Mapping[str, Any]) -> None:
        if method == "chat.postMessage":
            world.clock.advance(outbox.ROUND / 2 + timedelta(seconds=1))

    slack.trouble = slow
    rounds = [deliver(world, slack).sent for _ in range(3)]
    assert rounds == [2, 2, 1]
    assert [m["text"] for m in slack.messages] == [str(n) for n in range(5)]


def test_what_raises_while_a_card_is_drawn_is_a_failed_attempt_of_this_card(
    ops_engine: Engine, slack: SlackServer
) -> None:
    world = World(ops_engine)
    card = message("card", picture={"metric": "m", "after": 0})
    put(world, Outgoing(CARD, "card", card.payload, "C-1/card"), message("next"))

    def picture(_asked: Mapping[str, Any]) -> dict[str, Any]:
        raise AttributeError("no such figure")

    done = deliver(world, slack, pictures=picture)
    assert (done.sent, done.retried, [m["text"] for m in slack.messages]) == (1, 1, ["next"])
    for _ in range(outbox.MOST_ATTEMPTS - 1):
        world.clock.advance(timedelta(hours=1))
        deliver(world, slack, pictures=picture)
    with world.engine.connect() as connection:
        assert outbox_rows.status(connection, world.clock.now()).dead == 1, "it is given up like any other"


def test_reports_that_always_fail_let_later_ones_pass(ops_engine: Engine, slack: SlackServer) -> None:
    world = World(ops_engine)
    case_id = world.open().case_id
    world.decide(case_id, "judge")
    told: list[str] = []

    def report(batch: list[Any]) -> None:
        if any(one.step_id == "judge" for one in batch):
            raise RuntimeError("no such step")
        told.extend(one.step_id for one in batch)

    deliver(world, slack, report=report)
    world.decide(case_id, "supplier")
    assert told == []
    deliver(world, slack, report=report)
    assert told == ["supplier"]
    with world.engine.connect() as connection:
        assert not outbox_rows.more_than(connection, STEP_COMPLETED, 1)
