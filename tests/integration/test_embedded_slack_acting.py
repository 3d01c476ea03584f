"""What a person does on the embedded Slack's page, without a browser: requests as the page sends them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from slack_sdk.signature import SignatureVerifier

from gateway.embedded_slack.app import create_embedded_slack
from gateway.embedded_slack.errors import SlackError
from gateway.embedded_slack.interactions import AppLink
from gateway.embedded_slack.members import BOT_USER, Member, member_id
from gateway.embedded_slack.workspace import Workspace
from resources.clock import FixedClock
from resources.slack_connection import embedded_secrets
from tests.gateway_stack import free_port, serving

LI = Member(member_id("E003"), "E003", "e003", "Li Na", "e003@x.example", "Quality engineer", "Quality")
WEI = Member(member_id("E005"), "E005", "e005", "Zhang Wei", "e005@x.example", "Buyer", "Purchasing")
PAGE = {"HX-Request": "true"}
CARD: list[dict[str, Any]] = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "Press"}},
    {"type": "actions", "block_id": "decision", "elements": [
        {"type": "button", "action_id": "go", "value": "42", "text": {"type": "plain_text", "text": "Go"}}]},
]  # fmt: skip
MODAL = {
    "type": "modal",
    "callback_id": "ask",
    "private_metadata": "secret",
    "title": {"type": "plain_text", "text": "Ask"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [{"type": "input", "block_id": "why", "label": {"type": "plain_text", "text": "Why"},
                "element": {"type": "plain_text_input", "action_id": "text"}}],
}  # fmt: skip


class RecordingApp:
    """An app in Slack's sense: keeps what it is sent and answers what the test says."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.answer: tuple[int, Any] = (200, None)

    def application(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.post("/slack/events")
        async def events(request: Request) -> Response:
            self.received.append((dict(request.headers), await request.body()))
            status, body = self.answer
            return Response(json.dumps(body) if body is not None else "", status)

        return app

    @property
    def payloads(self) -> list[dict[str, Any]]:
        return [json.loads(parse_qs(body.decode())["payload"][0]) for _, body in self.received]


class Desk:
    """The embedded Slack with a recording app behind it."""

    def __init__(self, folder: Path, clock: FixedClock, port: int) -> None:
        self.app = RecordingApp()
        self.url = f"http://127.0.0.1:{port}"
        self.workspace = Workspace(
            folder / "embedded.db",
            clock=clock,
            secrets=embedded_secrets(folder),
            people=lambda: ("1", lambda: [LI, WEI]),
        )
        self.workspace.refresh_members()

    def press(self, **fields: str) -> httpx.Response:
        return self.post("act", {"as": LI.id, "element": "v-1-2"} | fields)

    def post(self, what: str, fields: dict[str, str]) -> httpx.Response:
        return httpx.post(f"{self.url}/embedded-slack/{what}", data=fields, headers=PAGE)

    def card(self) -> Any:
        channel, _ = self.workspace.conversations.direct(LI.id)
        return self.workspace.messages.post(channel.id, BOT_USER, "card", CARD)


@pytest.fixture
def desk(tmp_path: Path, clock: FixedClock) -> Iterator[Desk]:
    port = free_port()
    desk = Desk(tmp_path, clock, port)
    app = desk.app.application()
    embedded = create_embedded_slack(
        desk.workspace,
        events_url=f"{desk.url}/slack/events",
        public_url=f"{desk.url}/embedded-slack",
        zone=ZoneInfo("Asia/Shanghai"),
    )
    app.mount("/embedded-slack", embedded)
    with serving(app, port):
        yield desk
    desk.workspace.close()


def test_a_press_is_sent_signed_and_in_slack_s_shape(desk: Desk) -> None:
    card = desk.card()
    assert desk.press(channel=card.channel, ts=card.ts).text == ""
    headers, body = desk.app.received[0]
    verifier = SignatureVerifier(desk.workspace.secrets.signing_secret)
    assert verifier.is_valid(body, headers["x-slack-request-timestamp"], headers["x-slack-signature"])
    payload = desk.app.payloads[0]
    action = payload["actions"][0]
    assert payload["type"] == "block_actions"
    assert payload["user"]["id"] == LI.id
    assert payload["container"] == {
        "type": "message", "message_ts": card.ts, "channel_id": card.channel, "is_ephemeral": False,
    }  # fmt: skip
    assert (action["action_id"], action["block_id"], action["value"], action["type"]) == (
        "go",
        "decision",
        "42",
        "button",
    )
    assert payload["message"]["blocks"] == card.blocks
    assert payload["trigger_id"]
    assert payload["response_url"].startswith(f"{desk.url}/embedded-slack/response/")


def test_a_signature_of_another_secret_is_not_valid(desk: Desk) -> None:
    card = desk.card()
    desk.press(channel=card.channel, ts=card.ts)
    headers, body = desk.app.received[0]
    other = SignatureVerifier("0" * 32)
    assert not other.is_valid(body, headers["x-slack-request-timestamp"], headers["x-slack-signature"])


def test_nothing_acts_on_a_get_or_from_a_foreign_page(desk: Desk) -> None:
    card = desk.card()
    fields = {"as": LI.id, "channel": card.channel, "ts": card.ts, "element": "v-1-2"}
    for what in ("act", "submit", "close", "write", "read"):
        assert httpx.get(f"{desk.url}/embedded-slack/{what}", params=fields).status_code == 405
        assert httpx.post(f"{desk.url}/embedded-slack/{what}", data=fields).status_code == 403
    assert desk.app.received == []


def test_a_foreign_name_for_this_machine_is_refused(desk: Desk) -> None:
    answer = httpx.get(f"{desk.url}/embedded-slack/", headers={"Host": "evil.example:8180"})
    assert answer.status_code == 403
    assert "loopback" in answer.text


def test_nobody_presses_in_a_conversation_that_he_cannot_see(desk: Desk) -> None:
    card = desk.card()
    answer = desk.press(channel=card.channel, ts=card.ts, **{"as": WEI.id})
    assert "not there" in answer.text
    assert desk.app.received == []


def test_an_app_that_refuses_is_said_to_the_person(desk: Desk) -> None:
    card = desk.card()
    desk.app.answer = (500, None)
    assert "HTTP 500" in desk.press(channel=card.channel, ts=card.ts).text


def test_a_retry_carries_slack_s_retry_headers(desk: Desk) -> None:
    link = AppLink(desk.workspace, events_url=f"{desk.url}/slack/events", public_url=desk.url, ack_limit=3)
    asyncio.run(link.deliver({"type": "block_actions"}, retry_num=2, retry_reason="http_error"))
    headers, _ = desk.app.received[0]
    assert (headers["x-slack-retry-num"], headers["x-slack-retry-reason"]) == ("2", "http_error")


def open_modal(desk: Desk, **more: Any) -> Any:
    return desk.workspace.views.open(desk.workspace.views.new_trigger(LI.id), MODAL | more, push=False)


def test_a_trigger_opens_one_modal_within_three_seconds(desk: Desk, clock: FixedClock) -> None:
    views = desk.workspace.views
    trigger = views.new_trigger(LI.id)
    views.open(trigger, MODAL, push=False)
    with pytest.raises(SlackError, match="exchanged_trigger_id"):
        views.open(trigger, MODAL, push=False)
    late = views.new_trigger(LI.id)
    clock.advance(timedelta(seconds=3.1))
    with pytest.raises(SlackError, match="expired_trigger_id"):
        views.open(late, MODAL, push=False)


def test_a_submission_carries_the_state_and_closes_the_modal(desk: Desk) -> None:
    view = open_modal(desk)
    desk.post("submit", {"as": LI.id, "view": view.id, "v-0-0": "because"})
    sent = desk.app.payloads[0]
    assert sent["type"] == "view_submission"
    assert sent["view"]["state"]["values"] == {"why": {"text": {"type": "plain_text_input", "value": "because"}}}
    assert (sent["view"]["private_metadata"], sent["view"]["callback_id"]) == ("secret", "ask")
    assert desk.workspace.views.top(LI.id) is None


def test_an_empty_required_field_never_reaches_the_app(desk: Desk) -> None:
    view = open_modal(desk)
    desk.post("submit", {"as": LI.id, "view": view.id, "v-0-0": " "})
    assert desk.app.received == []
    page = httpx.get(f"{desk.url}/embedded-slack/part/modal", params={"as": LI.id}).text
    assert "Please complete this required field." in page


def test_errors_of_the_app_stand_at_their_field_and_what_was_typed_stays(desk: Desk) -> None:
    view = open_modal(desk)
    desk.app.answer = (200, {"response_action": "errors", "errors": {"why": "Say more."}})
    desk.post("submit", {"as": LI.id, "view": view.id, "v-0-0": "short"})
    page = httpx.get(f"{desk.url}/embedded-slack/part/modal", params={"as": LI.id}).text
    assert "Say more." in page
    assert 'value="short"' in page


def test_errors_of_a_field_that_is_not_there_are_said_to_the_person(desk: Desk) -> None:
    view = open_modal(desk)
    desk.app.answer = (200, {"response_action": "errors", "errors": {"other": "?"}})
    assert "does not have" in desk.post("submit", {"as": LI.id, "view": view.id, "v-0-0": "x"}).text


@pytest.mark.parametrize(("action", "title"), [("update", "Second"), ("push", "Second")])
def test_the_app_may_change_or_stack_modals(desk: Desk, action: str, title: str) -> None:
    view = open_modal(desk)
    second = MODAL | {"title": {"type": "plain_text", "text": title}}
    desk.app.answer = (200, {"response_action": action, "view": second})
    desk.post("submit", {"as": LI.id, "view": view.id, "v-0-0": "x"})
    top = desk.workspace.views.top(LI.id)
    assert top is not None
    assert top.body["title"]["text"] == title
    assert (top.previous_view_id == view.id) is (action == "push")


def test_clear_closes_the_whole_stack(desk: Desk) -> None:
    view = open_modal(desk)
    desk.workspace.views.push_over(LI.id, MODAL)
    desk.app.answer = (200, {"response_action": "clear"})
    desk.post("submit", {"as": LI.id, "view": view.id, "v-0-0": "x"})
    assert desk.workspace.views.top(LI.id) is None


def test_closing_tells_the_app_only_where_it_wants_to_know(desk: Desk) -> None:
    desk.post("close", {"as": LI.id, "view": open_modal(desk).id})
    assert desk.app.received == []
    desk.post("close", {"as": LI.id, "view": open_modal(desk, notify_on_close=True).id})
    assert desk.app.payloads[0]["type"] == "view_closed"


def test_nobody_submits_the_modal_of_another(desk: Desk) -> None:
    view = open_modal(desk)
    assert "closed already" in desk.post("submit", {"as": WEI.id, "view": view.id, "v-0-0": "x"}).text
    assert desk.app.received == []


def test_the_response_address_answers_replaces_and_is_used_up(desk: Desk) -> None:
    card = desk.card()
    desk.press(channel=card.channel, ts=card.ts)
    address = desk.app.payloads[0]["response_url"]
    assert httpx.post(address, json={"text": "for you"}).json() == {"ok": True}
    assert httpx.post(address, json={"text": "new", "replace_original": True}).status_code == 200
    shown = desk.workspace.messages.shown(card.channel, LI.id)
    assert [(message.text, message.only_for) for message in shown] == [("new", None), ("for you", LI.id)]
    assert httpx.post(address, json={}).json()["error"] == "no_text"
    assert httpx.post(address, json={"delete_original": True}).status_code == 200
    assert httpx.post(address, json={"text": "fifth", "response_type": "in_channel"}).status_code == 200
    assert httpx.post(address, json={"text": "sixth"}).status_code == 404
    assert httpx.post(f"{desk.url}/embedded-slack/response/guess", json={"text": "x"}).status_code == 404


def test_reading_marks_and_the_pulse(desk: Desk) -> None:
    card = desk.card()
    pulse = httpx.get(f"{desk.url}/embedded-slack/pulse", params={"seen": "0"})
    assert pulse.headers["HX-Trigger"] == "slack-changed"
    seen = {"seen": str(desk.workspace.database.changes())}
    assert httpx.get(f"{desk.url}/embedded-slack/pulse", params=seen).status_code == 204
    assert desk.workspace.conversations.unread(LI.id) == {card.channel: 1}
    desk.post("read", {"as": LI.id, "channel": card.channel, "ts": card.ts})
    assert desk.workspace.conversations.unread(LI.id) == {}
    httpx.get(f"{desk.url}/embedded-slack/", params={"as": WEI.id})
    assert desk.workspace.conversations.unread(LI.id) == {}


def test_looking_at_a_page_changes_nothing(desk: Desk) -> None:
    card = desk.card()
    before = desk.workspace.database.changes()
    parts = ("", "part/sidebar", "part/messages", "part/modal", "people", "part/thread")
    for part in parts:
        params = {"as": LI.id, "channel": card.channel, "thread": card.ts}
        assert httpx.get(f"{desk.url}/embedded-slack/{part}", params=params).status_code in (200, 204)
    assert desk.workspace.database.changes() == before
