"""What answers to Slack are made of: the acknowledgement, and a modal that only says something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from gateway.words import Language, text
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.slack.wording import escaped, markdown, plain_text, shortened

_FIELD: Final = "field:"
# As long as the label and the hint of the input beside which it stands may be.
_LONGEST_ERROR: Final = 2000


class Acknowledge(Protocol):
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...


def closing_view(sentence: str, language: Language, *, title: str = "", link: str = "") -> dict[str, Any]:
    """A modal that only says something; its usual title is that nothing was decided. ``link`` is mrkdwn of our own and
    stands below the sentence.
    """
    said = escaped(sentence) + (f"\n{link}" if link else "")
    return {
        "type": "modal",
        "title": plain_text(title or text(language, "slack_nothing_decided"), 24),
        "close": plain_text(text(language, "slack_close"), 24),
        "blocks": [{"type": "section", "text": markdown(said)}],
    }


def field_errors(view: Mapping[str, Any], refused: Refused, language: Language) -> dict[str, str]:
    """The ``errors`` of an answer to a submitted modal: the sentence beside every field that the refusal is about, or
    beside the first one where the modal shows none of these.
    """
    inputs = [str(block["block_id"]) for block in view.get("blocks") or () if block.get("type") == "input"]
    about = [block for block in inputs if block.removeprefix(_FIELD) in refused.fields]
    return dict.fromkeys(about or inputs[:1], shortened(refused.said(language), _LONGEST_ERROR))
