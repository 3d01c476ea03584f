"""Makes the blocks of a message fit: what people wrote is shortened before a message is more than Slack takes.

Belongs here: how much of which text stays. Does not belong here: what a card says (cards), Slack's limits
(block_kit). Pure. Without this a long answer would make the decision impossible whose card shows it: messages are drawn
in the transaction of the command.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from workflow_jobs.slack.block_kit import TEXT_BUDGET
from workflow_jobs.slack.wording import cut, markdown

# At the smallest, every card that a template can ask for fits: facts and buttons take most of it.
_LONGEST_TEXTS: Final = (1500, 800, 400, 200, 100, 50)
Block = dict[str, Any]


def fitted(blocks: Sequence[Block], more: str) -> tuple[Block, ...]:
    """Each text shortened as little as makes the blocks fit, and ``more`` said above the last of them. Headers and
    buttons stay.
    """
    note: Block = {"type": "context", "elements": [markdown(more, 200)]}
    found: tuple[Block, ...] = ()
    for limit in _LONGEST_TEXTS:
        *first, last = (_shorter(block, limit) for block in blocks)
        found = (*first, note, last)
        if _characters(found) <= TEXT_BUDGET:
            break
    return found


def _shorter(block: Block, limit: int) -> Block:
    if block["type"] == "section" and "text" in block:
        return block | {"text": _text(block["text"], limit)}
    if block["type"] in ("section", "context"):
        name = "fields" if block["type"] == "section" else "elements"
        return block | {name: [_text(one, limit) for one in block[name]]}
    return block


def _text(text: dict[str, Any], limit: int) -> dict[str, Any]:
    # A link is all or nothing, and no person's words.
    return text if "<" in text["text"] else text | {"text": cut(text["text"], limit)}


def _characters(value: object) -> int:
    """All characters that are shown, as block_kit counts them."""
    if isinstance(value, dict):
        if value.get("type") in ("plain_text", "mrkdwn"):
            return len(value["text"])
        return sum(_characters(one) for one in value.values())
    return sum(_characters(one) for one in value) if isinstance(value, (list, tuple)) else 0
