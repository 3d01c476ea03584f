"""Messages that stand in Slack twice, because two attempts at one row ran at the same time: found and taken back.

An attempt that loses its lease while Slack answers does not know whether the next one saw its message. Whichever of the
two marks the row as sent first decides what stands: that attempt, where an earlier one ended unknown, looks for others
*after* it has marked the row; and whoever then cannot mark it any more takes back his own. So one of them sees both.
Were it killed right there, one repetition would stay, and never more.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from resources.slack import Posted, SlackClient, SlackError

logger = logging.getLogger(__name__)


def remove_others(slack: SlackClient, event_type: str, delivery_id: str, kept: Posted, thread: str | None) -> int:
    """Delete every message of this delivery but the one that is kept; how many. Failures are logged."""
    removed = 0
    try:
        for place in dict.fromkeys((thread, None)):
            for found in list(slack.all_by_metadata(kept.channel, event_type, delivery_id, thread_ts=place)):
                if found.ts != kept.ts:
                    slack.delete_message(found.channel, found.ts)
                    logger.info("delivery %s stood in %s twice; one is removed", delivery_id, found.channel)
                    removed += 1
    except SlackError as error:
        logger.warning("delivery %s may stand in %s twice: %s", delivery_id, kept.channel, error)
    return removed


def remove_own(slack: SlackClient, delivery_id: str, own: Posted, result: Mapping[str, Any] | None) -> bool:
    """Delete our message where ``result`` says that another attempt's is the one that stands. Failures are logged."""
    if result is None or (result.get("channel"), result.get("ts")) == (own.channel, own.ts):
        return False
    try:
        slack.delete_message(own.channel, own.ts)
    except SlackError as error:
        logger.warning("delivery %s may stand in %s twice: %s", delivery_id, own.channel, error)
        return False
    logger.info("delivery %s was sent by another attempt meanwhile; ours is removed", delivery_id)
    return True
