"""Web API methods about the workspace: who and where. conversations.*, users.*, auth.test, api.test."""

from __future__ import annotations

import base64
import binascii
from typing import Any, TypeVar

from gateway.embedded_slack.api_messages import resolve_channel
from gateway.embedded_slack.conversations import channel_object
from gateway.embedded_slack.errors import SlackError
from gateway.embedded_slack.members import APP_ID, BOT, BOT_ID, BOT_USER, TEAM_ID, user_object
from gateway.embedded_slack.messages import message_object
from gateway.embedded_slack.web_api import Arguments
from gateway.embedded_slack.workspace import Workspace

_FAR_FUTURE = "99999999999.999999"
_T = TypeVar("_T")


def auth_test(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    return {
        "url": "/embedded-slack/",
        "team": "Embedded Slack",
        "team_id": TEAM_ID,
        "user": BOT.name,
        "user_id": BOT_USER,
        "bot_id": BOT_ID,
        "app_id": APP_ID,
        "is_enterprise_install": False,
    }


def api_test(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    if "error" in arguments:
        raise SlackError(arguments.text("error"))
    return {"args": {}}


def open_conversation(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    if "channel" in arguments:
        channel = resolve_channel(workspace, arguments.text("channel"))
        return {"channel": channel_object(channel), "no_op": True, "already_open": True}
    users = [user for user in arguments.required("users", "users_list_not_supplied").split(",") if user]
    if len(users) != 1:
        raise SlackError("not_enough_users" if not users else "method_not_supported_for_channel_type")
    member = workspace.members.get(users[0].strip())
    if member is None or member.id == BOT_USER:
        raise SlackError("user_not_found")
    if not member.active:
        raise SlackError("user_disabled")
    channel, opened = workspace.conversations.direct(member.id)
    return {"channel": channel_object(channel), "no_op": not opened, "already_open": not opened}


def list_conversations(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    types = set(arguments.text("types", "public_channel").split(","))
    found = [
        channel
        for channel in workspace.conversations.all()
        if ("im" in types and channel.is_im) or ("public_channel" in types and not channel.is_im)
    ]
    page, cursor = _page(found, arguments)
    return {"channels": [channel_object(one) for one in page], "response_metadata": {"next_cursor": cursor}}


def conversation_info(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    channel = workspace.conversations.find(arguments.required("channel", "channel_not_found"))
    if channel is None:
        raise SlackError("channel_not_found")
    return {"channel": channel_object(channel)}


def conversation_members(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    channel = workspace.conversations.find(arguments.required("channel", "channel_not_found"))
    if channel is None:
        raise SlackError("channel_not_found")
    ids = [channel.im_user] if channel.is_im else [member.id for member in workspace.members.all()]
    page, cursor = _page([*ids, BOT_USER], arguments)
    return {"members": page, "response_metadata": {"next_cursor": cursor}}


def join_conversation(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    found = conversation_info(workspace, arguments)
    return found | {"warning": "already_in_channel"}


def history(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    channel = workspace.conversations.find(arguments.required("channel", "channel_not_found"))
    if channel is None:
        raise SlackError("channel_not_found")
    cursor = _read_cursor(arguments)
    latest = cursor or arguments.text("latest", _FAR_FUTURE) or _FAR_FUTURE
    messages, has_more = workspace.messages.page(
        channel.id,
        oldest=arguments.text("oldest", "0") or "0",
        latest=latest,
        inclusive=arguments.flag("inclusive") and not cursor,
        limit=arguments.limit(100, 999),
    )
    replies = workspace.messages.reply_counts(channel.id)
    reactions = workspace.messages.reactions(channel.id)
    with_metadata = arguments.flag("include_all_metadata")
    body: dict[str, Any] = {
        "messages": [
            message_object(
                one, with_metadata=with_metadata, replies=replies.get(one.ts, 0), reactions=reactions.get(one.ts)
            )
            for one in messages
        ],
        "has_more": has_more,
        "pin_count": 0,
    }
    body["response_metadata"] = {"next_cursor": _cursor(messages[-1].ts) if has_more else ""}
    return body


def replies(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    channel = workspace.conversations.find(arguments.required("channel", "channel_not_found"))
    if channel is None:
        raise SlackError("channel_not_found")
    thread = workspace.messages.thread(channel.id, arguments.required("ts", "thread_not_found"))
    if not thread:
        raise SlackError("thread_not_found")
    page, cursor = _page(thread, arguments, default=1000)
    with_metadata = arguments.flag("include_all_metadata")
    return {
        "messages": [
            message_object(
                one, with_metadata=with_metadata, replies=len(thread) - 1 if at == 0 and not one.thread_ts else 0
            )
            for at, one in enumerate(page)
        ],
        "has_more": bool(cursor),
        "response_metadata": {"next_cursor": cursor},
    }


def list_users(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    page, cursor = _page([*workspace.members.all(), BOT], arguments)
    return {
        "members": [user_object(member) for member in page],
        "cache_ts": int(workspace.clock.now().timestamp()),
        "response_metadata": {"next_cursor": cursor},
    }


def user_info(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    member = workspace.members.get(arguments.required("user", "user_not_found"))
    if member is None:
        raise SlackError("user_not_found")
    locale = workspace.locales.get(member.id) if arguments.flag("include_locale") else None
    return {"user": user_object(member) | ({"locale": locale} if locale else {})}


def lookup_by_email(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    member = workspace.members.by_email(arguments.required("email", "users_not_found"))
    if member is None:
        raise SlackError("users_not_found")
    return {"user": user_object(member)}


def _cursor(value: str) -> str:
    return base64.b64encode(f"next:{value}".encode()).decode()


def _read_cursor(arguments: Arguments) -> str:
    text = arguments.text("cursor")
    if not text:
        return ""
    try:
        marker, _, value = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise SlackError("invalid_cursor") from None
    if marker != "next" or not value:
        raise SlackError("invalid_cursor")
    return value


def _page(items: list[_T], arguments: Arguments, default: int = 100) -> tuple[list[_T], str]:
    start = _read_cursor(arguments) or "0"
    if not start.isdigit():
        raise SlackError("invalid_cursor")
    end = int(start) + arguments.limit(default, 1000)
    return items[int(start) : end], _cursor(str(end)) if end < len(items) else ""
