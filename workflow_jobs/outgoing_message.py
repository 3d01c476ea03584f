"""The kinds of messages that leave with a commit, and the shape in which they are put into the outbox. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CARD = "slack.card"
UPDATE = "slack.update"
MESSAGE = "slack.message"
STEP_COMPLETED = "dagster.step_completed"
KINDS = (CARD, UPDATE, MESSAGE, STEP_COMPLETED)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be sent once its transaction is committed.

    ``dedupe_key`` is unique over all messages. ``card_key`` names the card that is posted (``slack.card``),
    replaced (``slack.update``) or replied to (``slack.message``). The payload of Slack's kinds has ``text``,
    ``blocks`` and ``to``: ``{"person", "name", "email"}`` or ``{"channel"}``; an update needs no ``to``.
    """

    kind: str
    dedupe_key: str
    payload: Mapping[str, Any]
    card_key: str | None = None
