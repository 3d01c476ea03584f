"""Makes the blocks of a message fit: what people wrote is shortened before a message is more than Slack takes.

Belongs here: how much of which text stays. Does not belong here: what a card says (cards), Slack's limits
(block_kit). Pure. Without this a long answer would make the decision impossible whose card shows it: messages are drawn
in the transaction of the command.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from workflow_jobs.slack.wording import cut, markdown

# At the smallest, every card that a template can ask for fits: facts and buttons take most of it.
_LONGEST_TEXTS: Final = (1500, 800, 400, 200, 100, 50)
Block = dict[str, Any]


def fittings(blocks: Sequence[Block], more: str) -> Iterator[tuple[Block, ...]]:
    """The blocks as they are, then with each text shortened more and more, and ``more`` said above the last of them.

    The first that Slack takes is the one to send. Headers and buttons stay.
    """
    yield tuple(blocks)
    note: Block = {"type": "context", "elements": [markdown(more, 200)]}
    for limit in _LONGEST_TEXTS:
        *first, last = (_shorter(block, limit) for block in blocks)
        yield (*first, note, last)


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
