"""Channels and direct messages, and what each member has read of them."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway.embedded_slack.database import Database
from gateway.embedded_slack.members import BOT_USER, TEAM_ID
from resources.clock import Clock


@dataclass(frozen=True)
class Channel:
    """A public channel, or the direct messages between the app and ``im_user``. ``created`` is Unix seconds."""

    id: str
    name: str
    is_im: bool
    im_user: str | None
    topic: str
    purpose: str
    created: int


def _channel_id(prefix: str, name: str) -> str:
    return prefix + base64.b32encode(hashlib.sha256(name.encode()).digest())[:10].decode()


class Conversations:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def ensure(self, channels: Iterable[tuple[str, str]]) -> None:
        """Create the public channels ``(name, purpose)`` that are not there yet."""
        for name, purpose in channels:
            if self.find(name) is None:
                self.create(name, purpose)

    def create(self, name: str, purpose: str = "") -> Channel:
        created = int(self._clock.now().timestamp())
        with self._database.writing() as connection:
            connection.execute(
                "insert into channel (id, name, is_im, purpose, created) values (?, ?, 0, ?, ?)",
                (_channel_id("C", name), name, purpose, created),
            )
        return Channel(_channel_id("C", name), name, False, None, "", purpose, created)

    def find(self, reference: str) -> Channel | None:
        """A channel by id, by name with or without ``#``."""
        row = self._database.row(
            "select * from channel where id = ?1 or (not is_im and name = ?2)", reference, reference.removeprefix("#")
        )
        return None if row is None else _channel(row)

    def direct(self, user_id: str) -> tuple[Channel, bool]:
        """The direct messages between the app and a member; opened on first use. Returns (channel, newly opened)."""
        row = self._database.row("select * from channel where im_user = ?", user_id)
        if row is not None:
            return _channel(row), False
        channel_id, created = _channel_id("D", user_id), int(self._clock.now().timestamp())
        with self._database.writing() as connection:
            connection.execute(
                "insert or ignore into channel (id, name, is_im, im_user, created) values (?, ?, 1, ?, ?)",
                (channel_id, channel_id, user_id, created),
            )
        return Channel(channel_id, channel_id, True, user_id, "", "", created), True

    def public(self) -> list[Channel]:
        return [_channel(row) for row in self._database.rows("select * from channel where not is_im order by name")]

    def all(self) -> list[Channel]:
        return [_channel(row) for row in self._database.rows("select * from channel order by is_im, name")]

    def visible_to(self, user_id: str) -> list[Channel]:
        """What the member's side bar shows: every public channel, and their own direct messages."""
        return [
            _channel(row)
            for row in self._database.rows(
                "select * from channel where not is_im or im_user = ? order by is_im, name", user_id
            )
        ]

    def mark_read(self, user_id: str, channel_id: str, ts: str) -> None:
        """Remember the newest message that the member saw; never moves back."""
        row = self._database.row("select ts from read_mark where user = ? and channel = ?", user_id, channel_id)
        if row is not None and row["ts"] >= ts:
            return
        with self._database.writing() as connection:
            connection.execute(
                "insert into read_mark values (?, ?, ?) on conflict (user, channel) do update set ts = excluded.ts",
                (user_id, channel_id, ts),
            )

    def unread(self, user_id: str) -> dict[str, int]:
        """Unread messages per channel id, for channels that have any."""
        rows = self._database.rows(
            "select m.channel as channel, count(*) as n from message m join channel c on c.id = m.channel"
            " left join read_mark r on r.channel = m.channel and r.user = ?1"
            " where (not c.is_im or c.im_user = ?1) and (m.only_for is null or m.only_for = ?1)"
            " and m.user <> ?1 and m.ts > coalesce(r.ts, '') group by m.channel",
            user_id,
        )
        return {row["channel"]: row["n"] for row in rows}

    def unread_direct(self) -> dict[str, int]:
        """Unread direct messages per member, for members who have any: whom the page offers first."""
        rows = self._database.rows(
            "select c.im_user as user, count(*) as n from message m join channel c on c.id = m.channel"
            " left join read_mark r on r.channel = m.channel and r.user = c.im_user"
            " where c.is_im and m.user <> c.im_user and m.ts > coalesce(r.ts, '') group by c.im_user"
        )
        return {row["user"]: row["n"] for row in rows}


def _channel(row: sqlite3.Row) -> Channel:
    return Channel(
        row["id"], row["name"], bool(row["is_im"]), row["im_user"], row["topic"], row["purpose"], row["created"]
    )


def channel_object(channel: Channel) -> dict[str, Any]:
    """The shape in which Slack's ``conversations.*`` methods give a conversation."""
    common: dict[str, Any] = {
        "id": channel.id,
        "created": channel.created,
        "is_im": channel.is_im,
        "is_archived": False,
        "context_team_id": TEAM_ID,
    }
    if channel.is_im:
        return common | {"user": channel.im_user, "is_user_deleted": False, "is_open": True, "priority": 0}
    return common | {
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": True,
        "is_group": False,
        "is_mpim": False,
        "is_private": False,
        "is_general": channel.name == "general",
        "is_member": True,
        "creator": BOT_USER,
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
        "purpose": {"value": channel.purpose, "creator": "", "last_set": 0},
    }
