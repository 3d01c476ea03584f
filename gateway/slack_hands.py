"""Acts in the embedded Slack as a person would on its page: presses a card's button, fills in the modal, submits.

For the demo and for tests. Everything goes over HTTP through the page's own endpoints, so the platform receives the
same signed requests as from a click.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpx

from gateway.embedded_slack.inputs import elements
from gateway.embedded_slack.members import member_id
from gateway.embedded_slack.views import View
from gateway.embedded_slack.workspace import Workspace
from resources.clock import Clock
from resources.settings import Settings
from resources.slack_connection import embedded_secrets

_PAGE = {"HX-Request": "true"}
_MODAL_SECONDS = 20


class NoSuchCardError(LookupError):
    """The person has no open card with this button (yet)."""


class SlackHands:
    """The hands of every person of the directory, on the embedded Slack of a running gateway."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._http = httpx.Client(base_url=settings.gateway_url, timeout=30, trust_env=False)
        self._workspace = Workspace(
            settings.home / "embedded_slack.db",
            clock=clock,
            secrets=embedded_secrets(settings.home),
            people=lambda: ("", list),
        )

    def close(self) -> None:
        self._http.close()
        self._workspace.close()

    def press(self, person_id: str, task_id: str, outcome: str) -> str:
        """Press a button of the person's card about a task; returns what the page says, empty where all is well."""
        user = member_id(person_id)
        channel, _ = self._workspace.conversations.direct(user)
        for message in reversed(self._workspace.messages.shown(channel.id, user)):
            for name, _, element in elements(message.blocks):
                if element["action_id"] == f"decide:{outcome}" and f'"{task_id}"' in element.get("value", ""):
                    fields = {"as": user, "channel": channel.id, "ts": message.ts, "element": name}
                    return self._http.post("/embedded-slack/act", data=fields, headers=_PAGE).raise_for_status().text
        raise NoSuchCardError(f"{person_id} has no card about {task_id} with the button {outcome!r}.")

    def fill(self, person_id: str, form: Mapping[str, str]) -> str:
        """Fill the modal that is open in front of the person and submit it."""
        view = self._modal(member_id(person_id))
        if view is None:
            return ""
        fields = {"as": member_id(person_id), "view": view.id}
        for name, block, _ in elements(view.body["blocks"]):
            value = form.get(block["block_id"].removeprefix("field:"))
            if value is not None:
                fields[name] = value
        return self._http.post("/embedded-slack/submit", data=fields, headers=_PAGE).raise_for_status().text

    def _modal(self, user: str) -> View | None:
        deadline = time.monotonic() + _MODAL_SECONDS
        while time.monotonic() < deadline:
            view = self._workspace.views.top(user)
            if view is not None:
                return view
            time.sleep(0.1)
        return None
