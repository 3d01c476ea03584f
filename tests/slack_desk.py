"""What a person does in the embedded Slack of a running gateway, for tests: type, press, fill in, look."""

from __future__ import annotations

import json
import secrets
from typing import Any
from urllib.parse import urlencode

import httpx

from gateway.embedded_slack.inputs import elements
from gateway.embedded_slack.interactions import sign
from resources.clock import SystemClock
from tests.gateway_stack import Stack, wait_until

PAGE = {"HX-Request": "true"}


def typed(stack: Stack, person: str, words: str, *, channel: str = "") -> str:
    """Type a line into a conversation (the app's direct messages by default); the page's notice."""
    fields = {"as": stack.user(person), "channel": channel or stack.dm(person), "text": words}
    return stack.http.post("/embedded-slack/write", data=fields, headers=PAGE).text


def answers(stack: Stack, person: str, *, channel: str = "") -> list[str]:
    """Everything that only this person sees in a conversation: text and blocks as JSON, oldest first."""
    shown = stack.workspace.messages.shown(channel or stack.dm(person), stack.user(person))
    return [
        message.text + json.dumps(message.blocks, ensure_ascii=False)
        for message in shown
        if message.only_for == stack.user(person)
    ]


def asked(stack: Stack, person: str, words: str) -> str:
    """The answer to a typed command."""
    before = len(answers(stack, person))
    assert typed(stack, person, words) == ""
    wait_until(lambda: len(answers(stack, person)) > before)
    return answers(stack, person)[-1]


def modal(stack: Stack, person: str) -> Any:
    """The modal in front of a person, once it is there."""
    wait_until(lambda: stack.workspace.views.top(stack.user(person)))
    return stack.workspace.views.top(stack.user(person))


def submit(stack: Stack, person: str, form: dict[str, str], files: Any = None) -> str:
    """Fill the open modal and submit it; the page's notice."""
    view = modal(stack, person)
    fields = {"as": stack.user(person), "view": view.id}
    for name, block, _ in elements(view.body["blocks"]):
        value = form.get(block["block_id"].removeprefix("field:"))
        if value is not None:
            fields[name] = value
    return stack.http.post("/embedded-slack/submit", data=fields, files=files, headers=PAGE).text


def act(stack: Stack, person: str, action_id: str, blocks: list[dict[str, Any]], **where: str) -> str:
    """Press the element with this action id; ``where`` is the message (channel, ts) or the view."""
    for name, _, element in elements(blocks):
        if element["action_id"] == action_id:
            fields = {"as": stack.user(person), "element": name, **where}
            return stack.http.post("/embedded-slack/act", data=fields, headers=PAGE).text
    raise AssertionError(f"nothing here has the action {action_id}")


def signed(stack: Stack, form: dict[str, str]) -> httpx.Response:
    """A form posted as Slack signs it."""
    body = urlencode(form).encode()
    timestamp = int(SystemClock().now().timestamp())
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": str(timestamp),
        "X-Slack-Signature": sign(stack.workspace.secrets.signing_secret, timestamp, body),
    }
    return stack.http.post("/slack/events", content=body, headers=headers)


def interact(stack: Stack, payload: dict[str, Any]) -> httpx.Response:
    """An interaction as Slack sends it, with a trigger of its own."""
    return signed(stack, {"payload": json.dumps(payload | {"trigger_id": secrets.token_hex(8)})})
