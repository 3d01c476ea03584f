"""Messages: posting, changing, deleting, reading them back, threads and reactions."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from gateway.embedded_slack.database import Database, dump, load
from gateway.embedded_slack.members import APP_ID, BOT_ID, BOT_NAME, BOT_USER, TEAM_ID
from resources.clock import Clock


@dataclass(frozen=True)
class Message:
    """One message. ``ts`` is its id in the channel: Unix seconds with six digits, so that text order is time order."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any] | None
    thread_ts: str | None
    edited_ts: str | None
    only_for: str | None
    is_bot: bool


class Messages:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def post(
        self,
        channel: str,
        user: str,
        text: str,
        blocks: list[dict[str, Any]] | None = None,
        *,
        metadata: dict[str, Any] | None = None,
        thread_ts: str | None = None,
        only_for: str | None = None,
    ) -> Message:
        """Add a message; its ``ts`` is later than every other of the channel, whatever the clock says."""
        with self._database.writing() as connection:
            last = connection.execute("select max(ts) as ts from message where channel = ?", (channel,)).fetchone()
            ts = _after(self._micros(), last["ts"])
            connection.execute(
                "insert into message values (?, ?, ?, ?, ?, ?, ?, null, ?, ?)",
                (
                    channel,
                    ts,
                    user,
                    text,
                    dump(blocks or []),
                    None if metadata is None else dump(metadata),
                    thread_ts,
                    only_for,
                    int(user == BOT_USER),
                ),
            )
        found = self.get(channel, ts)
        assert found is not None, "the message that was just written is there"
        return found

    def update(
        self, message: Message, text: str, blocks: list[dict[str, Any]], metadata: dict[str, Any] | None
    ) -> Message:
        with self._database.writing() as connection:
            connection.execute(
                "update message set text = ?, blocks = ?, metadata = ?, edited_ts = ? where channel = ? and ts = ?",
                (
                    text,
                    dump(blocks),
                    None if metadata is None else dump(metadata),
                    _text(self._micros()),
                    message.channel,
                    message.ts,
                ),
            )
        found = self.get(message.channel, message.ts)
        assert found is not None, "an update keeps the message"
        return found

    def delete(self, message: Message) -> None:
        with self._database.writing() as connection:
            key = (message.channel, message.ts)
            connection.execute("delete from reaction where channel = ? and ts = ?", key)
            connection.execute("delete from message where channel = ? and ts = ?", key)

    def get(self, channel: str, ts: str) -> Message | None:
        row = self._database.row("select * from message where channel = ? and ts = ?", channel, ts)
        return None if row is None else _message(row)

    def page(
        self, channel: str, *, oldest: str, latest: str, inclusive: bool, limit: int
    ) -> tuple[list[Message], bool]:
        """Newest first, without thread replies and ephemeral messages, as ``conversations.history`` gives them."""
        low, high = (">=", "<=") if inclusive else (">", "<")
        rows = self._database.rows(
            f"select * from message where channel = ? and only_for is null and ts {low} ? and ts {high} ?"
            " and (thread_ts is null or thread_ts = ts) order by ts desc limit ?",
            channel,
            oldest,
            latest,
            limit + 1,
        )
        return [_message(row) for row in rows[:limit]], len(rows) > limit

    def thread(self, channel: str, thread_ts: str) -> list[Message]:
        """The message and its replies, oldest first; empty if there is no such message."""
        rows = self._database.rows(
            "select * from message where channel = ? and only_for is null and (ts = ? or thread_ts = ?) order by ts",
            channel,
            thread_ts,
            thread_ts,
        )
        return [_message(row) for row in rows]

    def shown(self, channel: str, user: str, thread_ts: str | None = None, limit: int = 200) -> list[Message]:
        """What the page shows a member of a channel (or of one thread): the newest ``limit``, oldest first."""
        where = "(ts = ?3 or thread_ts = ?3)" if thread_ts else "(thread_ts is null and ?3 is null)"
        rows = self._database.rows(
            f"select * from message where channel = ?1 and (only_for is null or only_for = ?2) and {where}"
            " order by ts desc limit ?4",
            channel,
            user,
            thread_ts,
            limit,
        )
        return [_message(row) for row in reversed(rows)]

    def reply_counts(self, channel: str) -> dict[str, int]:
        rows = self._database.rows(
            "select thread_ts, count(*) as n from message where channel = ? and thread_ts is not null"
            " and thread_ts <> ts and only_for is null group by thread_ts",
            channel,
        )
        return {row["thread_ts"]: row["n"] for row in rows}

    def react(self, message: Message, name: str, user: str) -> bool:
        """Add a reaction; False if this member already gave it."""
        values = (message.channel, message.ts, name, user)
        known = self._database.row(
            "select 1 from reaction where channel = ? and ts = ? and name = ? and user = ?", *values
        )
        if known is not None:
            return False
        with self._database.writing() as connection:
            connection.execute("insert or ignore into reaction values (?, ?, ?, ?)", values)
        return True

    def reactions(self, channel: str) -> dict[str, dict[str, list[str]]]:
        """``{ts: {reaction: [user, ...]}}`` of a channel."""
        found: dict[str, dict[str, list[str]]] = {}
        for row in self._database.rows("select * from reaction where channel = ? order by rowid", channel):
            found.setdefault(row["ts"], {}).setdefault(row["name"], []).append(row["user"])
        return found

    def _micros(self) -> int:
        return int(self._clock.now().timestamp() * 1_000_000)


def _text(micros: int) -> str:
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def _after(micros: int, last: str | None) -> str:
    if last is None:
        return _text(micros)
    seconds, _, fraction = last.partition(".")
    return _text(max(micros, int(seconds) * 1_000_000 + int(fraction) + 1))


def _message(row: sqlite3.Row) -> Message:
    return Message(
        row["channel"],
        row["ts"],
        row["user"],
        row["text"],
        load(row["blocks"]),
        load(row["metadata"]),
        row["thread_ts"],
        row["edited_ts"],
        row["only_for"],
        bool(row["is_bot"]),
    )


def message_object(
    message: Message,
    *,
    with_metadata: bool,
    replies: int = 0,
    reactions: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    """The shape in which Slack gives a message. Metadata is included only where the caller may see it."""
    body: dict[str, Any] = {
        "type": "message",
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "team": TEAM_ID,
    }
    if message.is_bot:
        body |= {
            "bot_id": BOT_ID,
            "app_id": APP_ID,
            "bot_profile": {"id": BOT_ID, "app_id": APP_ID, "name": BOT_NAME, "team_id": TEAM_ID, "deleted": False},
        }
    if message.blocks:
        body["blocks"] = message.blocks
    if message.metadata is not None and with_metadata:
        body["metadata"] = message.metadata
    if message.thread_ts:
        body["thread_ts"] = message.thread_ts
    if replies:
        body |= {"thread_ts": message.ts, "reply_count": replies}
    if message.edited_ts:
        body["edited"] = {"user": message.user, "ts": message.edited_ts}
    if reactions:
        body["reactions"] = [{"name": name, "users": users, "count": len(users)} for name, users in reactions.items()]
    return body
