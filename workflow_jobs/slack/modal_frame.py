"""The frame that all modals share: submit and cancel in the card's language, lengths, and Slack's limits.

Belongs here: what every modal has. Does not belong here: what one asks and what its answers mean. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workflow_jobs.slack import block_kit
from workflow_jobs.slack.wording import CardContext, plain_text


def framed(
    callback_id: str, private_metadata: str, title: str, blocks: Sequence[dict[str, Any]], context: CardContext
) -> dict[str, Any]:
    """A modal of these blocks. Raises :class:`~workflow_jobs.slack.block_kit.BlockKitError` where Slack would not take
    it.
    """
    view = {
        "type": "modal",
        "callback_id": callback_id,
        "private_metadata": private_metadata,
        "title": plain_text(title, 24),
        "submit": plain_text(context.word("submit"), 24),
        "close": plain_text(context.word("cancel"), 24),
        "blocks": list(blocks),
    }
    block_kit.validate_view(view)
    return view
