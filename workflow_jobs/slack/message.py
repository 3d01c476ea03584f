"""A message for Slack: what it shows, checked against Slack's limits, and shortened until Slack takes it.

Belongs here: how much of which text stays. Does not belong here: what a card says (cards), Slack's limits
(block_kit). Pure. Without shortening, a long answer would make the decision impossible whose card shows it: messages
are drawn in the transaction of the command.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from workflow_jobs.slack import block_kit
from workflow_jobs.slack.wording import CardContext, cut, escaped, markdown

Block = dict[str, Any]
# At the smallest, every card that a template can ask for fits: facts and buttons take most of it.
_LONGEST_TEXTS: Final = (1500, 800, 400, 200, 100, 50)


@dataclass(frozen=True, slots=True)
class Message:
    """A message for Slack: ``text`` is what notifications show, ``blocks`` what the channel shows. Valid Block Kit.

    ``picture`` asks for the picture of a metric's trend (``metric``, ``alt``, ``note``, ``limit``; ``subject`` with
    ``kind``, ``id`` and ``note`` for that of one subject; and how its figures are written: ``unit``, ``decimals``,
    ``zh``), which is put below the block with the number ``after`` when the message is sent.
    """

    text: str
    blocks: tuple[Block, ...]
    picture: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        block_kit.validate_message(self.text, self.blocks)

    def to_json(self) -> dict[str, Any]:
        """As it stands in an outbox payload."""
        body: dict[str, Any] = {"text": self.text, "blocks": list(self.blocks)}
        return body if self.picture is None else body | {"picture": dict(self.picture)}


def fitting_message(
    text: str, blocks: Sequence[Block], context: CardContext, picture: Mapping[str, Any] | None = None
) -> Message:
    """A message of plain ``text`` and blocks; where they are more than Slack takes, what people wrote is shortened."""
    text = cut(escaped(text), 300)
    refused: Exception = AssertionError("there is nothing to try")
    for fit in _fittings(blocks, context.word("more_on_page")):
        try:
            return Message(text, fit, picture)
        except block_kit.TooMuchText as error:
            refused = error
    raise refused


def _fittings(blocks: Sequence[Block], more: str) -> Iterator[tuple[Block, ...]]:
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
