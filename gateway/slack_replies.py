"""What answers to Slack are made of: the acknowledgement, and a modal that only says something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from gateway.words import text
from workflow_jobs.slack import modals
from workflow_jobs.slack.wording import escaped, markdown, plain_text


class Acknowledge(Protocol):
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...


def closing_view(
    sentence: str, *, title: str = "Nothing was decided", link: str = "", language: str = "en"
) -> dict[str, Any]:
    """A modal that only says something. ``link`` is mrkdwn of our own and stands below the sentence."""
    said = escaped(sentence) + (f"\n{link}" if link else "")
    return {
        "type": "modal",
        "title": plain_text(title, 24),
        "close": plain_text(text(language, "slack_close"), 24),
        "blocks": [{"type": "section", "text": markdown(said)}],
    }


def field_errors(view: Mapping[str, Any], sentence: str) -> dict[str, str]:
    """The sentence beside every field whose label it names; where it names none, as modals places it."""
    inputs = [block for block in view.get("blocks") or () if block.get("type") == "input"]
    labels = {block["block_id"]: str((block.get("label") or {}).get("text") or "") for block in inputs}
    named = {block_id: sentence for block_id, label in labels.items() if label and label in sentence}
    return named or modals.error_block(view, sentence)
