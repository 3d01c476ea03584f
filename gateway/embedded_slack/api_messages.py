"""Web API methods about messages: chat.* and reactions.*."""

from __future__ import annotations

from typing import Any

from gateway.embedded_slack.block_rules import block_problems
from gateway.embedded_slack.conversations import Channel
from gateway.embedded_slack.errors import SlackError
from gateway.embedded_slack.members import BOT_USER
from gateway.embedded_slack.messages import Message, message_object
from gateway.embedded_slack.web_api import Arguments
from gateway.embedded_slack.workspace import Workspace

_LONGEST_TEXT = 40_000
_LARGEST_METADATA = 16_384


def resolve_channel(workspace: Workspace, reference: str) -> Channel:
    """The conversation of an id or name; a user id means the direct messages with that person."""
    found = workspace.conversations.find(reference)
    if found is not None:
        return found
    member = workspace.members.get(reference)
    if member is None or member.id == BOT_USER:
        raise SlackError("channel_not_found")
    return workspace.conversations.direct(member.id)[0]


def read_blocks(workspace: Workspace, arguments: Arguments) -> list[dict[str, Any]] | None:
    blocks = arguments.json("blocks", "invalid_blocks_format")
    if blocks is None:
        return None
    problems = block_problems(blocks) or _missing_files(workspace, blocks)
    if problems:
        raise SlackError("invalid_blocks", *problems)
    checked: list[dict[str, Any]] = blocks
    return checked


def _missing_files(workspace: Workspace, blocks: list[dict[str, Any]]) -> list[str]:
    """Pictures whose file is not there, or not uploaded completely."""
    wrong = []
    for at, block in enumerate(blocks):
        if block["type"] == "image" and isinstance(block.get("slack_file"), dict):
            file = workspace.files.get(str(block["slack_file"].get("id")))
            if file is None or not file.complete:
                wrong.append(f"invalid slack file [json-pointer:/blocks/{at}/slack_file]")
    return wrong


def with_block_ids(blocks: list[dict[str, Any]] | None, prefix: str) -> list[dict[str, Any]] | None:
    """Slack names every block and interactive element that came without an id; a click refers to these names."""
    if blocks is None:
        return None
    named = []
    for at, block in enumerate(blocks):
        full = {**block, "block_id": block.get("block_id") or f"{prefix}{at}"}
        for part in ("element", "accessory"):
            if isinstance(full.get(part), dict) and full[part].get("type") != "image":
                full[part] = {**full[part], "action_id": full[part].get("action_id") or f"{prefix}{at}.0"}
        if full["type"] == "actions":
            full["elements"] = [
                {**element, "action_id": element.get("action_id") or f"{prefix}{at}.{n}"}
                for n, element in enumerate(full["elements"])
            ]
        named.append(full)
    return named


def _metadata(arguments: Arguments) -> dict[str, Any] | None:
    metadata = arguments.json("metadata", "invalid_metadata_format")
    if metadata is None:
        return None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_type"), str):
        raise SlackError("invalid_metadata_format", "metadata needs event_type and event_payload")
    if not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format", "metadata needs event_type and event_payload")
    if len(str(metadata)) > _LARGEST_METADATA:
        raise SlackError("metadata_too_large")
    return {"event_type": metadata["event_type"], "event_payload": metadata["event_payload"]}


def _text(arguments: Arguments, blocks: list[dict[str, Any]] | None) -> str:
    text = arguments.text("text")
    if not text and not blocks:
        raise SlackError("no_text")
    if len(text) > _LONGEST_TEXT:
        raise SlackError("msg_too_long")
    return text


def _thread(workspace: Workspace, channel: Channel, arguments: Arguments) -> str | None:
    thread_ts = arguments.text("thread_ts")
    if not thread_ts:
        return None
    if workspace.messages.get(channel.id, thread_ts) is None:
        raise SlackError("thread_not_found")
    return thread_ts


def _own_message(workspace: Workspace, arguments: Arguments, refusal: str) -> Message:
    channel = resolve_channel(workspace, arguments.required("channel", "channel_not_found"))
    message = workspace.messages.get(channel.id, arguments.required("ts", "message_not_found"))
    if message is None or message.only_for is not None:
        raise SlackError("message_not_found")
    if message.user != BOT_USER:
        raise SlackError(refusal)
    return message


def post_message(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    channel = resolve_channel(workspace, arguments.required("channel", "channel_not_found"))
    blocks = with_block_ids(read_blocks(workspace, arguments), "b")
    message = workspace.messages.post(
        channel.id,
        BOT_USER,
        _text(arguments, blocks),
        blocks,
        metadata=_metadata(arguments),
        thread_ts=_thread(workspace, channel, arguments),
    )
    return {"channel": channel.id, "ts": message.ts, "message": message_object(message, with_metadata=True)}


def update(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    message = _own_message(workspace, arguments, "cant_update_message")
    blocks = with_block_ids(read_blocks(workspace, arguments), "b")
    given = "text" in arguments or blocks is not None
    if not given:
        raise SlackError("no_text")
    # Blocks and metadata that are not mentioned stay; an empty array takes the blocks away.
    changed = workspace.messages.update(
        message,
        _text(arguments, blocks) if "text" in arguments or not blocks else message.text,
        message.blocks if blocks is None else blocks,
        _metadata(arguments) or message.metadata,
    )
    return {
        "channel": changed.channel,
        "ts": changed.ts,
        "text": changed.text,
        "message": message_object(changed, with_metadata=True),
    }


def delete(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    message = _own_message(workspace, arguments, "cant_delete_message")
    workspace.messages.delete(message)
    return {"channel": message.channel, "ts": message.ts}


def post_ephemeral(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    channel = resolve_channel(workspace, arguments.required("channel", "channel_not_found"))
    member = workspace.members.get(arguments.required("user", "user_not_found"))
    if member is None:
        raise SlackError("user_not_found")
    if channel.is_im and channel.im_user != member.id:
        raise SlackError("user_not_in_channel")
    blocks = with_block_ids(read_blocks(workspace, arguments), "b")
    message = workspace.messages.post(
        channel.id,
        BOT_USER,
        _text(arguments, blocks),
        blocks,
        thread_ts=_thread(workspace, channel, arguments),
        only_for=member.id,
    )
    return {"message_ts": message.ts}


def add_reaction(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    channel = resolve_channel(workspace, arguments.required("channel", "channel_not_found"))
    name = arguments.required("name", "invalid_name").strip(":")
    message = workspace.messages.get(channel.id, arguments.required("timestamp", "bad_timestamp"))
    if message is None or message.only_for is not None:
        raise SlackError("message_not_found")
    if not workspace.messages.react(message, name, BOT_USER):
        raise SlackError("already_reacted")
    return {}
