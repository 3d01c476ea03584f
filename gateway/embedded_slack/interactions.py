"""What Slack sends to an app when a person acts: the payloads, their signature, their delivery over HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from gateway.embedded_slack.conversations import Channel
from gateway.embedded_slack.inputs import state_values
from gateway.embedded_slack.members import APP_ID, BOT_USER, TEAM_ID, Member
from gateway.embedded_slack.messages import Message, message_object
from gateway.embedded_slack.views import ResponseTarget, View, view_object
from gateway.embedded_slack.workspace import Workspace
from resources.clock import SystemClock

ACK_LIMIT_SECONDS = 3.0
_TEAM = {"id": TEAM_ID, "domain": "embedded-slack"}


@dataclass(frozen=True)
class Answer:
    """What the app answered. ``failure`` is a sentence for the person where it did not acknowledge."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)
    failure: str = ""


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Slack's request signature, version 0."""
    base = b"v0:" + str(timestamp).encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class AppLink:
    """The line from the embedded Slack to the app: signed form posts to ``events_url``.

    ``public_url`` is the address of the embedded Slack itself, for response addresses. ``ack_limit`` is in seconds.
    """

    def __init__(self, workspace: Workspace, *, events_url: str, public_url: str, ack_limit: float) -> None:
        self._workspace = workspace
        self._events_url = events_url
        self._public_url = public_url
        self._ack_limit = ack_limit

    async def deliver(
        self, payload: Mapping[str, Any], *, retry_num: int | None = None, retry_reason: str = "http_timeout"
    ) -> Answer:
        """Send one interaction and wait for its acknowledgement, as long as Slack would."""
        body = urlencode({"payload": json.dumps(payload, ensure_ascii=False)}).encode()
        return await self._post(body, "application/x-www-form-urlencoded", retry_num, retry_reason)

    async def deliver_command(self, form: Mapping[str, str]) -> Answer:
        """Send a typed command, whose payload is the form itself."""
        return await self._post(urlencode(form).encode(), "application/x-www-form-urlencoded")

    async def deliver_event(self, event: Mapping[str, Any]) -> Answer:
        """Send an event of the Events API, which is JSON."""
        return await self._post(json.dumps(event, ensure_ascii=False).encode(), "application/json")

    async def _post(self, body: bytes, kind: str, retry_num: int | None = None, retry_reason: str = "") -> Answer:
        # The receiver compares this with its machine's clock, never with the clock that a demo may advance.
        timestamp = int(SystemClock().now().timestamp())
        headers = {
            "Content-Type": kind,
            "User-Agent": "Slackbot 1.0 (embedded)",
            "X-Slack-Request-Timestamp": str(timestamp),
            "X-Slack-Signature": sign(self._workspace.secrets.signing_secret, timestamp, body),
        }
        if retry_num is not None:
            headers |= {"X-Slack-Retry-Num": str(retry_num), "X-Slack-Retry-Reason": retry_reason}
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=self._ack_limit) as client:
                response = await client.post(self._events_url, content=body, headers=headers)
        except httpx.TimeoutException:
            return Answer(0, failure="The app did not answer in time. It may still be working: look before you repeat.")
        except httpx.HTTPError as error:
            return Answer(0, failure=f"The app cannot be reached ({type(error).__name__}). Is the gateway running?")
        if response.status_code != 200:
            return Answer(response.status_code, failure=f"The app refused the request (HTTP {response.status_code}).")
        return Answer(200, _json_object(response.content))

    def message_action(
        self, member: Member, message: Message, element: Mapping[str, Any], block: Mapping[str, Any],
        given: Mapping[str, Any], state: Mapping[str, Any],
    ) -> dict[str, Any]:  # fmt: skip
        """The payload of a press on an element of a message."""
        channel = self._workspace.conversations.find(message.channel)
        name = "directmessage" if channel is None or channel.is_im else channel.name
        key = self._workspace.views.new_response_url(ResponseTarget(message.channel, message.ts, member.id))
        container = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel,
            "is_ephemeral": message.only_for is not None,
        }
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        payload = self._common("block_actions", member) | {
            "container": container,
            "channel": {"id": message.channel, "name": name},
            "message": message_object(message, with_metadata=True),
            "state": {"values": state},
            "response_url": f"{self._public_url}/response/{key}",
            "actions": [self._action(element, block, given)],
        }
        if message.only_for is not None:
            payload.pop("message")  # Slack sends no content of an ephemeral message back
        return payload

    def view_action(
        self, member: Member, view: View, element: Mapping[str, Any], block: Mapping[str, Any],
        given: Mapping[str, Any], state: Mapping[str, Any],
    ) -> dict[str, Any]:  # fmt: skip
        """The payload of a press on an element of a modal or home tab."""
        return self._common("block_actions", member) | {
            "container": {"type": "view", "view_id": view.id},
            "view": view_object(view, dict(state)),
            "actions": [self._action(element, block, given)],
        }

    def submission(self, member: Member, view: View, form: Mapping[str, list[str]]) -> dict[str, Any]:
        values = state_values(view.body["blocks"], form)
        return self._common("view_submission", member) | {"view": view_object(view, values), "response_urls": []}

    def command(self, member: Member, channel: Channel, typed: str) -> dict[str, str]:
        """The form of a slash command that was typed in a channel."""
        name, _, words = typed.strip().partition(" ")
        key = self._workspace.views.new_response_url(ResponseTarget(channel.id, "", member.id))
        return {
            "token": "",
            "team_id": TEAM_ID,
            "team_domain": str(_TEAM["domain"]),
            "channel_id": channel.id,
            "channel_name": "directmessage" if channel.is_im else channel.name,
            "user_id": member.id,
            "user_name": member.name,
            "command": name,
            "text": words.strip(),
            "api_app_id": APP_ID,
            "is_enterprise_install": "false",
            "response_url": f"{self._public_url}/response/{key}",
            "trigger_id": self._workspace.views.new_trigger(member.id),
        }

    def home_opened(self, member: Member) -> dict[str, Any]:
        """The event that Slack sends when somebody opens the app's Home tab."""
        at = self._workspace.clock.now().timestamp()
        view = self._workspace.views.home(member.id)
        event: dict[str, Any] = {
            "type": "app_home_opened",
            "user": member.id,
            "channel": self._workspace.conversations.direct(member.id)[0].id,
            "tab": "home",
            "event_ts": f"{at:.6f}",
        }
        if view is not None:
            event["view"] = view_object(view)
        return {
            "token": "",
            "team_id": TEAM_ID,
            "api_app_id": APP_ID,
            "type": "event_callback",
            "event": event,
            "event_id": f"Ev{secrets.token_hex(5).upper()}",
            "event_time": int(at),
            "authorizations": [{"team_id": TEAM_ID, "user_id": BOT_USER, "is_bot": True}],
        }

    def closing(self, member: Member, view: View, *, cleared: bool) -> dict[str, Any]:
        payload = self._common("view_closed", member) | {"view": view_object(view), "is_cleared": cleared}
        payload.pop("trigger_id")
        return payload

    def _common(self, kind: str, member: Member) -> dict[str, Any]:
        return {
            "type": kind,
            "team": _TEAM,
            "user": {"id": member.id, "username": member.name, "name": member.name, "team_id": TEAM_ID},
            "api_app_id": APP_ID,
            "token": "",
            "trigger_id": self._workspace.views.new_trigger(member.id),
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _action(self, element: Mapping[str, Any], block: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        action = {
            "type": element["type"],
            "action_id": element["action_id"],
            "block_id": block["block_id"],
            "action_ts": f"{self._workspace.clock.now().timestamp():.6f}",
        }
        if element["type"] == "button":
            action |= {key: element[key] for key in ("text", "value", "style", "url") if key in element}
        return action | dict(given)


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content) if content.strip() else {}
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
