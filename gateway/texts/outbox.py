"""Words of the page of messages that were given up."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "outbox": ("Messages", "消息"),
    "outbox_lead": (
        "Messages to Slack and Dagster that were given up after repeated failures. Mend the cause, then send them "
        "again; one that had arrived after all is recognised.",
        "多次失败后放弃发送的Slack与Dagster消息。排除原因后可重发，已送达的消息会被识别。",
    ),
    "outbox_waiting": ("{count} messages wait to be sent.", "{count} 条消息等待发送。"),
    "outbox_none": ("No message was given up.", "没有放弃发送的消息。"),
    "outbox_to": ("To", "接收者"),
    "outbox_why": ("Why", "原因"),
    "outbox_attempts": ("Attempts", "尝试次数"),
    "outbox_since": ("Since", "起始时间"),
    "outbox_resend": ("Send again", "重发"),
    "outbox_resend_all": ("Send all again", "全部重发"),
    "outbox_resent": ("{count} messages are sent again.", "已重发 {count} 条消息。"),
}
