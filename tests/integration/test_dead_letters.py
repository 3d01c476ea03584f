"""Messages that were given up, in words, and sent again; and the pace at which a channel gets new ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from typer.testing import CliRunner

from gateway.cli import app
from gateway.tokens import EVENTS_WRITE, PROCESS_WRITE, READ, create_token
from resources.clock import FixedClock, SystemClock
from tests.gateway_stack import Stack, running_stack
from tests.process_world import World
from tests.slack_desk import PAGE
from tests.slack_server import SlackServer
from workflow_jobs.delivery import dead_letters
from workflow_jobs.delivery.outbox import CHANNEL_GAP, Delivered, deliver_due
from workflow_jobs.outgoing_message import MESSAGE, Outgoing
from workflow_jobs.store import outbox_rows


def message(key: str, channel: str = "ops") -> Outgoing:
    payload = {"text": key, "blocks": [{"type": "divider"}], "to": {"channel": channel}}
    return Outgoing(MESSAGE, key, payload)


@pytest.fixture
def slack(slack: SlackServer) -> SlackServer:
    slack.channels["C2"] = "other"
    return slack


def deliver(world: World, slack: SlackServer) -> Delivered:
    return deliver_due(
        world.engine, clock=world.clock, slack=slack.client(), report=lambda _s: None, channel_gap=CHANNEL_GAP
    )


def test_a_channel_gets_one_new_message_a_second_and_others_do_not_wait_for_it(
    ops_engine: Engine, slack: SlackServer
) -> None:
    world = World(ops_engine)
    with world.engine.begin() as connection:
        some = [message("a"), message("b"), message("c"), message("d", "other")]
        outbox_rows.put(connection, "C-1", some, world.clock.now())
    done = deliver(world, slack)
    assert (done.sent, done.retried, done.dead) == (2, 0, 0) and done.paced >= 2
    assert [(m["channel"], m["text"]) for m in slack.messages] == [("C1", "a"), ("C2", "d")]
    assert deliver(world, slack).sent == 0
    for seconds, texts in ((0.5, "ad"), (0.5, "adb"), (0.4, "adb"), (0.6, "adbc")):
        world.clock.advance(timedelta(seconds=seconds))
        deliver(world, slack)
        assert "".join(m["text"] for m in slack.messages) == texts
    # Waiting for a turn is no failed attempt.
    assert all(row["attempts"] == 1 for row in _rows(world))


def _rows(world: World) -> list[Any]:
    with world.engine.connect() as connection:
        return list(connection.exec_driver_sql("select attempts from process_outbox").mappings())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("Slack refused chat.postMessage: channel_not_found", "invite the app"),
        ("Slack refused users.lookupByEmail: users_not_found", "Slack users file"),
        ("Slack refused chat.postMessage: strange_new_code (x)", "strange_new_code"),
        ("no usable answer from Slack to chat.postMessage: HTTP 503", "could not be reached"),
        ("the card case:C-1 was never posted, so it cannot be updated", "Resend that card first"),
        ("ValueError: odd", "error says why"),
    ],
)
def test_the_reason_stands_in_words(error: str, words: str) -> None:
    english, chinese = dead_letters.reason(error)
    assert words in english
    assert chinese and not chinese.isascii()


@pytest.fixture
def stack(tmp_path: Path, clock: FixedClock) -> Iterator[Stack]:
    with running_stack(tmp_path / "home", clock) as running:
        yield running


def give_up(stack: Stack, *keys: str) -> list[int]:
    """Messages to a channel that is not there, tried until they are dead; their ids."""
    with stack.context.engine.begin() as connection:
        outbox_rows.put(connection, "C-000001", [message(key, "nowhere") for key in keys], stack.clock.now())
        connection.exec_driver_sql("update process_outbox set attempts = 9 where payload like '%nowhere%'")
    stack.deliver()
    return [one.outbox_id for one in dead_letters.dead_letters(stack.context.engine)]


def test_dead_letters_are_listed_and_sent_again(
    stack: Stack, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = give_up(stack, "one", "two", "three")
    listed = stack.http.get("/api/v1/outbox/dead").json()
    assert [one["outbox_id"] for one in listed["dead"]] == [first, second, third]
    assert listed["dead"][0]["to"] == "#nowhere" and "invite the app" in listed["dead"][0]["why_en"]
    page = stack.http.get("/outbox").text
    assert "invite the app" in page and f'data-letter="{first}"' in page
    assert "重发" in stack.http.get("/outbox?lang=zh").text
    stack.http.cookies.clear()
    # The cause is mended, and each way of resending sends what it names.
    stack.workspace.conversations.create("nowhere")
    assert stack.http.post("/outbox/resend", data={"ids": [first]}).status_code == 403
    assert "1 messages" in stack.http.post("/outbox/resend", data={"ids": [first]}, headers=PAGE).text
    token = create_token(stack.context.engine, name="ops", scopes=[PROCESS_WRITE], clock=stack.clock).text
    bearer = {"Authorization": f"Bearer {token}"}
    answer = stack.http.post("/api/v1/outbox/resend", json={"outbox_ids": [second]}, headers=bearer)
    assert answer.json() == {"resent": 1}
    monkeypatch.setenv("TRUELOOP_HOME", str(stack.settings.home))
    monkeypatch.setenv("TRUELOOP_SOURCE_PACK", "dongchen")
    shown = CliRunner().invoke(app, ["outbox", "dead", "--json"])
    assert shown.exit_code == 0 and f'"outbox_id": {third}' in shown.stdout, shown.output
    assert CliRunner().invoke(app, ["outbox", "resend"]).exit_code != 0
    assert "1 messages" in CliRunner().invoke(app, ["outbox", "resend", "--all"]).stdout
    assert CliRunner().invoke(app, ["outbox", "resend", str(third)]).exit_code != 0
    # The command line lives by the machine's clock.
    clock.advance(max(timedelta(0), SystemClock().now() - clock.now()))
    stack.deliver()
    channel = stack.workspace.conversations.find("nowhere")
    assert channel is not None
    history = stack.slack.conversations_history(channel=channel.id)["messages"]
    assert sorted(one["text"] for one in history) == ["one", "three", "two"]
    assert stack.http.get("/api/v1/outbox/dead").json()["dead"] == []


def test_the_page_s_buttons_are_for_this_machine_and_for_tokens_that_may_write(stack: Stack) -> None:
    first, _ = give_up(stack, "one", "two")

    def posted(*scopes: str, **form: object) -> int:
        token = create_token(stack.context.engine, name="t", scopes=scopes, clock=stack.clock).text if scopes else ""
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        shown = stack.http.get("/outbox", headers=bearer)
        assert ("hx-post" in shown.text) == (READ not in scopes or PROCESS_WRITE in scopes)
        return stack.http.post("/outbox/resend", data=form, headers=PAGE | bearer).status_code

    assert posted(READ, ids=first) == 403
    assert posted(READ, all=True) == 403
    assert posted() == 422, "which messages is said, or that all are meant"
    assert posted(ids=first, all=True) == 422
    assert len(dead_letters.dead_letters(stack.context.engine)) == 2
    assert posted(READ, PROCESS_WRITE, ids=first) == 200
    assert posted(all=True) == 200
    assert dead_letters.dead_letters(stack.context.engine) == []


def test_resending_over_the_api_needs_its_scope_and_a_choice(stack: Stack) -> None:
    assert stack.http.post("/api/v1/outbox/resend", json={"all": True}).status_code == 401
    token = create_token(stack.context.engine, name="feed", scopes=[EVENTS_WRITE], clock=stack.clock).text
    wrong = stack.http.post("/api/v1/outbox/resend", json={"all": True}, headers={"Authorization": f"Bearer {token}"})
    assert wrong.status_code == 403
    token = create_token(stack.context.engine, name="ops", scopes=[PROCESS_WRITE], clock=stack.clock).text
    for body in ({}, {"all": True, "outbox_ids": [1]}):
        answer = stack.http.post("/api/v1/outbox/resend", json=body, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 422
