"""The embedded Slack's Web API, asked by slack_sdk over HTTP, as the platform asks it."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from slack_sdk.errors import SlackApiError

from gateway.embedded_slack.faults import Fault
from gateway.embedded_slack.members import BOT_USER
from resources.clock import FixedClock
from resources.slack import SlackClient, SlackRateLimited, SlackUnreachable
from tests.gateway_stack import PEOPLE, Stack, publish_snapshot, running_stack

BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "*Hello*"}}]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    clock = FixedClock(datetime(2026, 11, 16, 1, 30, tzinfo=UTC))
    with running_stack(tmp_path_factory.mktemp("slack") / "home", clock) as running:
        yield running


@pytest.fixture
def room(stack: Stack) -> str:
    """A channel of the test's own."""
    return stack.workspace.conversations.create(f"room-{uuid.uuid4().hex[:8]}").id


def refused(call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        call(*args, **kwargs)
    return str(caught.value.response["error"])


def api(stack: Stack) -> str:
    return stack.settings.slack_api_base_url


def test_channels_are_found_by_name(stack: Stack) -> None:
    names = {channel["name"] for channel in stack.slack.conversations_list(types="public_channel")["channels"]}
    assert {"general", "supply", stack.settings.slack_channel} <= names
    assert stack.slack.chat_postMessage(channel="#general", text="x")["ok"]
    assert stack.slack.chat_postMessage(channel="production", text="x")["ok"]


def test_who_the_bot_is(stack: Stack) -> None:
    answer = stack.slack.auth_test()
    assert (answer["user_id"], answer["ok"]) == (BOT_USER, True)


def test_everyone_of_the_directory_is_a_member_and_is_found_by_address(stack: Stack) -> None:
    users = stack.slack.users_list(limit=5)
    names = [user["name"] for page in users for user in page["members"]]
    assert sorted(names) == sorted([person.lower() for person, *_ in PEOPLE] + ["trueloop"])
    found = stack.slack.users_lookupByEmail(email="E003@dongchen.example")
    assert found["user"]["id"] == stack.user("E003")
    assert stack.slack.users_info(user=stack.user("E003"))["user"]["profile"]["title"] == "Quality engineer"
    assert refused(stack.slack.users_lookupByEmail, email="nobody@dongchen.example") == "users_not_found"
    assert refused(stack.slack.users_info, user="U404") == "user_not_found"


def test_a_message_is_posted_changed_read_back_and_deleted(stack: Stack) -> None:
    slack, channel = stack.slack, stack.dm("E003")
    metadata = {"event_type": "trueloop_outbox", "event_payload": {"delivery_id": "d1"}}
    posted = slack.chat_postMessage(channel=stack.user("E003"), text="Hello", blocks=BLOCKS, metadata=metadata)
    assert posted["channel"] == channel
    seconds, _, micros = str(posted["ts"]).partition(".")
    assert (len(seconds), len(micros)) == (10, 6)

    plain = slack.conversations_history(channel=channel)["messages"][0]
    assert "metadata" not in plain
    full = slack.conversations_history(channel=channel, include_all_metadata=True)["messages"][0]
    assert full["metadata"] == metadata
    assert full["blocks"][0]["block_id"]

    slack.chat_update(channel=channel, ts=posted["ts"], text="Changed")
    kept = slack.conversations_history(channel=channel)["messages"][0]
    assert (kept["text"], kept["blocks"][0]["text"], kept["edited"]["user"]) == ("Changed", BLOCKS[0]["text"], BOT_USER)
    slack.chat_update(channel=channel, ts=posted["ts"], text="Bare", blocks=[])
    assert "blocks" not in slack.conversations_history(channel=channel)["messages"][0]

    slack.chat_delete(channel=channel, ts=posted["ts"])
    assert slack.conversations_history(channel=channel)["messages"] == []
    assert refused(slack.chat_update, channel=channel, ts=posted["ts"], text="x") == "message_not_found"


def test_timestamps_grow_although_the_clock_stands(stack: Stack, room: str) -> None:
    posted = [stack.slack.chat_postMessage(channel=room, text=str(n))["ts"] for n in range(5)]
    assert posted == sorted(set(posted))


def test_messages_posted_at_once_from_many_threads_are_all_kept(stack: Stack, room: str) -> None:
    threads = [
        threading.Thread(target=stack.slack.chat_postMessage, kwargs={"channel": room, "text": f"{n}"})
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    messages = stack.slack.conversations_history(channel=room)["messages"]
    assert sorted(int(message["text"]) for message in messages) == list(range(12))


def test_history_is_paged_newest_first(stack: Stack, room: str) -> None:
    channel = room
    posted = [stack.slack.chat_postMessage(channel=channel, text=str(n))["ts"] for n in range(7)]
    pages = [page["messages"] for page in stack.slack.conversations_history(channel=channel, limit=3)]
    assert [[message["ts"] for message in page] for page in pages] == [posted[:3:-1], posted[3:0:-1], posted[:1]]
    middle = stack.slack.conversations_history(channel=channel, oldest=posted[2], latest=posted[4])["messages"]
    assert [message["ts"] for message in middle] == [posted[3]]
    inclusive = stack.slack.conversations_history(channel=channel, oldest=posted[2], latest=posted[4], inclusive=True)
    assert len(inclusive["messages"]) == 3
    assert refused(stack.slack.conversations_history, channel=channel, cursor="rubbish") == "invalid_cursor"


def test_replies_stay_out_of_the_history_and_are_read_by_thread(stack: Stack, room: str) -> None:
    channel = room
    head = stack.slack.chat_postMessage(channel=channel, text="head")["ts"]
    stack.slack.chat_postMessage(channel=channel, text="reply", thread_ts=head)
    history = stack.slack.conversations_history(channel=channel)["messages"]
    assert [(message["text"], message["reply_count"]) for message in history] == [("head", 1)]
    thread = stack.slack.conversations_replies(channel=channel, ts=head)["messages"]
    assert [message["text"] for message in thread] == ["head", "reply"]
    assert refused(stack.slack.conversations_replies, channel=channel, ts="1.000000") == "thread_not_found"
    assert refused(stack.slack.chat_postMessage, channel=channel, text="x", thread_ts="1.000000") == "thread_not_found"


def test_an_ephemeral_message_is_seen_by_one_person_and_never_in_the_history(stack: Stack, room: str) -> None:
    channel = room
    stack.slack.chat_postEphemeral(channel=channel, user=stack.user("E003"), text="only you")
    assert stack.slack.conversations_history(channel=channel)["messages"] == []
    for person, seen in (("E003", True), ("E005", False)):
        page = stack.http.get("/embedded-slack/", params={"as": stack.user(person), "channel": channel}).text
        assert ("only you" in page) is seen
    wrong = refused(stack.slack.chat_postEphemeral, channel=stack.dm("E005"), user=stack.user("E003"), text="x")
    assert wrong == "user_not_in_channel"


def test_calls_that_slack_refuses_are_refused_with_its_codes(stack: Stack, room: str) -> None:
    slack = stack.slack
    assert refused(slack.chat_postMessage, channel="C404", text="x") == "channel_not_found"
    assert refused(slack.api_call, "chat.postMessage", json={"channel": room, "text": ""}) == "no_text"
    assert refused(slack.chat_postMessage, channel=room, text="x" * 40_001) == "msg_too_long"
    assert refused(slack.chat_postMessage, channel=room, text="x", blocks=[{"type": "nope"}]) == "invalid_blocks"
    assert refused(slack.chat_postMessage, channel=room, text="x", metadata={"a": 1}) == "invalid_metadata_format"
    assert refused(slack.conversations_open, users=["U404"]) == "user_not_found"
    assert refused(slack.conversations_info, channel="C404") == "channel_not_found"
    assert refused(slack.api_call, "chat.shout") == "unknown_method"
    ts = slack.chat_postMessage(channel=room, text="x")["ts"]
    channel = room
    slack.reactions_add(channel=channel, name="eyes", timestamp=ts)
    assert refused(slack.reactions_add, channel=channel, name="eyes", timestamp=ts) == "already_reacted"
    assert refused(slack.views_open, trigger_id="1.2.3", view={"type": "modal"}) == "invalid_arguments"


def test_a_token_is_needed_and_must_be_the_right_one(stack: Stack, room: str) -> None:
    address = f"{api(stack)}chat.postMessage"
    body = {"channel": room, "text": "x"}
    assert httpx.post(address, json=body).json()["error"] == "not_authed"
    wrong = {"Authorization": "Bearer xoxb-wrong"}
    assert httpx.post(address, json=body, headers=wrong).json()["error"] == "invalid_auth"
    token = stack.workspace.secrets.bot_token
    assert httpx.post(address, params={"token": token}, json=body).json()["error"] == "not_authed"
    assert httpx.post(address, data=body | {"token": token}).json()["ok"] is True


def test_json_and_forms_mean_the_same(stack: Stack, room: str) -> None:
    headers = {"Authorization": f"Bearer {stack.workspace.secrets.bot_token}"}
    address = f"{api(stack)}chat.postMessage"
    one = httpx.post(address, headers=headers, json={"channel": room, "text": "x", "blocks": BLOCKS}).json()
    form = {"channel": room, "text": "x", "blocks": json.dumps(BLOCKS)}
    two = httpx.post(address, headers=headers, data=form).json()
    assert one["message"]["blocks"] == two["message"]["blocks"]
    bad = httpx.post(address, headers=headers | {"Content-Type": "application/json"}, content="{")
    assert bad.json()["error"] == "invalid_json"


def test_nothing_is_posted_by_a_get(stack: Stack, room: str) -> None:
    headers = {"Authorization": f"Bearer {stack.workspace.secrets.bot_token}"}
    before = stack.workspace.database.changes()
    answer = httpx.get(f"{api(stack)}chat.postMessage", params={"channel": room, "text": "x"}, headers=headers)
    assert answer.status_code == 405
    assert stack.workspace.database.changes() == before


def test_planned_faults_reach_the_platform_s_client(stack: Stack, room: str) -> None:
    client = SlackClient(stack.workspace.secrets.bot_token, base_url=api(stack))
    plan = stack.workspace.faults.plan
    plan("chat.postMessage", Fault("rate_limited", retry_after=7), Fault("lost_answer"), Fault("server_error"))
    with pytest.raises(SlackRateLimited) as limited:
        client.post_message(room, "first")
    assert limited.value.retry_after == 7
    with pytest.raises(SlackUnreachable):
        client.post_message(room, "lost")
    with pytest.raises(SlackUnreachable):
        client.post_message(room, "never")
    client.post_message(room, "last")
    messages = stack.slack.conversations_history(channel=room)["messages"]
    assert [message["text"] for message in messages] == ["last", "lost"]


def test_the_workspace_survives_a_restart_and_people_who_left_keep_their_name(
    tmp_path: Path, clock: FixedClock
) -> None:
    home = tmp_path / "home"
    with running_stack(home, clock) as first:
        first.slack.chat_postMessage(channel=first.user("E003"), text="kept")
        token = first.workspace.secrets.bot_token
    with running_stack(home, clock, published=False) as second:
        assert second.workspace.secrets.bot_token == token
        assert second.cards("E003")[0]["text"] == "kept"


def test_new_people_appear_with_a_new_snapshot(tmp_path: Path, clock: FixedClock) -> None:
    with running_stack(tmp_path / "home", clock, published=False) as stack:
        assert len(stack.slack.users_list()["members"]) == 1
        assert "nothing was published yet" in stack.http.get("/embedded-slack/").text
        publish_snapshot(stack.context.snapshots, clock=clock)
        assert len(stack.slack.users_list()["members"]) == len(PEOPLE) + 1
