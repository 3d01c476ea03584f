"""Messages that were given up: which, to whom, and why in words, so that somebody can mend the cause and resend them.

Belongs here: reading them for people. Does not belong here: giving up and resending (outbox).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from resources.ops_database import reading
from workflow_jobs.outgoing_message import STEP_COMPLETED, UPDATE
from workflow_jobs.store.tables import OUTBOX_DEAD, outbox

_DEAD = sa.text(OUTBOX_DEAD.text)
# Slack's codes, with what to do about them. Codes: Slack's reference of chat.postMessage and users.lookupByEmail.
_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "channel_not_found": (
        "Slack knows no such channel, or the app is not in it. Create it, or invite the app, then resend.",
        "Slack中没有该频道，或应用未加入该频道。请创建频道或邀请应用后重发。",
    ),
    "not_in_channel": ("The app is not in the channel. Invite it, then resend.", "应用未加入该频道，邀请后重发。"),
    "is_archived": ("The channel is archived. Open it again, then resend.", "频道已归档，请恢复后重发。"),
    "users_not_found": (
        "Slack has no user with the person's address. Add the address to the HR data, or map the person in the Slack "
        "users file, then resend.",
        "Slack中没有该邮箱的用户。请在人事数据中补充邮箱，或在Slack用户映射文件中登记，然后重发。",
    ),
    "user_disabled": ("The person's Slack user is switched off.", "该人员的Slack账号已停用。"),
    "account_inactive": ("The app's token, or the person's Slack user, is switched off.", "应用令牌或该账号已停用。"),
    "invalid_auth": ("Slack does not accept the bot token. Set a valid one, then resend.", "令牌无效，请更换后重发。"),
    "not_authed": ("Slack got no bot token. Set one, then resend.", "未提供Bot令牌，请设置后重发。"),
    "token_revoked": ("The bot token was revoked. Set a valid one, then resend.", "Bot令牌已被撤销，请更换后重发。"),
    "missing_scope": (
        "The app lacks a permission. Install it again with the manifest of docs/slack.md, then resend.",
        "应用缺少权限。请按 docs/slack.md 的清单重新安装后重发。",
    ),
    "message_not_found": ("The message to be updated was deleted in Slack.", "要更新的消息已在Slack中被删除。"),
    "cant_update_message": ("Slack no longer lets the app change this message.", "Slack不再允许修改该消息。"),
    "invalid_blocks": (
        "Slack refuses what the message is made of; this is an error of Trueloop.",
        "Slack拒绝该消息的格式，属于程序错误。",
    ),
    "msg_too_long": ("The message is too long for Slack; this is an error of Trueloop.", "消息过长，属于程序错误。"),
}
_REFUSED = re.compile(r"^Slack refused [\w.]+: (\w+)")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message that was given up. ``to`` is a person's name or ``#channel``; instants are UTC. ``to_person`` is the
    id of the person whom it is for, "" where it is for nobody alone.

    ``error`` is what the last attempt met, ``why_en`` and ``why_zh`` say it in words.
    """

    outbox_id: int
    case_id: str
    kind: str
    to: str
    to_person: str
    text: str
    attempts: int
    created_at: datetime
    error: str
    why_en: str
    why_zh: str


def dead_letters(engine: Engine, limit: int = 200) -> list[DeadLetter]:
    """The messages that were given up, oldest first."""
    statement = sa.select(outbox).where(_DEAD).order_by(outbox.c.outbox_id).limit(limit)
    with reading(engine) as connection:
        rows = connection.execute(statement).mappings().all()
    return [_letter(row) for row in rows]


def reason(error: str) -> tuple[str, str]:
    """Why a message was given up, in English and Chinese, from what its last attempt met."""
    refused = _REFUSED.match(error)
    if refused is not None:
        known = _WORDS.get(refused[1])
        other = (f"Slack refused it with the code {refused[1]}.", f"Slack拒绝，代码 {refused[1]}。")
        return known or other
    if error.startswith("no usable answer from Slack"):
        return (
            "Slack could not be reached for a long time. Resend once it can; a message that did arrive is recognised.",
            "长时间无法连接Slack。恢复后重发即可，已送达的消息会被识别。",
        )
    if "was never posted" in error:
        return (
            "It would update a card that was never posted. Resend that card first.",
            "要更新的卡片从未发出，请先重发该卡片。",
        )
    return "It could not be sent; the error says why.", "发送失败，原因见错误信息。"


def _letter(row: Mapping[Any, Any]) -> DeadLetter:
    payload, error = row["payload"], str(row["last_error"] or "")
    why_en, why_zh = reason(error)
    return DeadLetter(
        outbox_id=row["outbox_id"],
        case_id=row["case_id"],
        kind=row["kind"],
        to=_recipient(row["kind"], payload, row["card_key"]),
        to_person=str((payload.get("to") or {}).get("person") or ""),
        text=str(payload.get("text") or payload.get("step_id") or "")[:300],
        attempts=row["attempts"],
        created_at=row["created_at"],
        error=error[:1000],
        why_en=why_en,
        why_zh=why_zh,
    )


def _recipient(kind: str, payload: Mapping[str, Any], card_key: str | None) -> str:
    if kind == STEP_COMPLETED:
        return "Dagster"
    to = payload.get("to") or {}
    if "channel" in to:
        return f"#{to['channel']}"
    if kind == UPDATE:
        return str(card_key or "")
    return str(to.get("name") or to.get("person") or "")
