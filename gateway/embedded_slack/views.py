"""Modals and app homes, the trigger ids that open them and the response addresses that go out with a click."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any

from gateway.embedded_slack.database import Database, dump, load
from gateway.embedded_slack.errors import SlackError
from gateway.embedded_slack.members import APP_ID, BOT_ID, TEAM_ID
from resources.clock import Clock

TRIGGER_SECONDS = 3.0
RESPONSE_URL_SECONDS = 1800.0
RESPONSE_URL_USES = 5
_DEEPEST_STACK = 3


@dataclass(frozen=True)
class View:
    """A modal or home tab that one member sees. ``errors`` and ``entered`` are what the page shows after a refusal."""

    id: str
    kind: str
    user: str
    body: dict[str, Any]
    hash: str
    external_id: str | None
    root_view_id: str
    previous_view_id: str | None
    errors: dict[str, str]
    entered: dict[str, Any]


@dataclass(frozen=True)
class ResponseTarget:
    """The message that a response address belongs to, and who clicked."""

    channel: str
    ts: str
    user: str


class Views:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # -- triggers -------------------------------------------------------------------------------------------------

    def new_trigger(self, user: str) -> str:
        """A trigger id of the member: opens one view, within three seconds."""
        trigger = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        with self._database.writing() as connection:
            connection.execute("delete from trigger_id where expires_at < ?", (self._now() - 3600,))
            connection.execute(
                "insert into trigger_id (id, user, expires_at) values (?, ?, ?)",
                (trigger, user, self._now() + TRIGGER_SECONDS),
            )
        return trigger

    def _exchange(self, connection: sqlite3.Connection, trigger: str) -> str:
        row = connection.execute("select * from trigger_id where id = ?", (trigger,)).fetchone()
        if row is None:
            raise SlackError("invalid_trigger_id")
        if row["used"]:
            raise SlackError("exchanged_trigger_id")
        if row["expires_at"] < self._now():
            raise SlackError("expired_trigger_id")
        connection.execute("update trigger_id set used = 1 where id = ?", (trigger,))
        return str(row["user"])

    # -- modals ---------------------------------------------------------------------------------------------------

    def open(self, trigger: str, body: dict[str, Any], *, push: bool) -> View:
        """Show a modal to the member who clicked. ``push`` lays it over the one that is open.

        Raises SlackError with Slack's codes for a trigger that is unknown, used or older than three seconds.
        """
        view_id = f"V{secrets.token_hex(5).upper()}"
        with self._database.writing() as connection:
            user = self._exchange(connection, trigger)
            if push:
                self._insert_over(connection, view_id, user, body)
            else:
                connection.execute("delete from view where user = ? and kind = 'modal'", (user,))
                self._insert(connection, view_id, "modal", user, body, view_id, None)
        return self._required(view_id)

    def push_over(self, user: str, body: dict[str, Any]) -> View:
        """A modal laid over the open one by the answer to a submission; needs no trigger."""
        view_id = f"V{secrets.token_hex(5).upper()}"
        with self._database.writing() as connection:
            self._insert_over(connection, view_id, user, body)
        return self._required(view_id)

    def publish(self, user: str, body: dict[str, Any], expected_hash: str | None) -> View:
        """Set the member's home tab."""
        current = self.home(user)
        if current is not None and expected_hash is not None and expected_hash != current.hash:
            raise SlackError("hash_conflict")
        view_id = current.id if current else f"V{secrets.token_hex(5).upper()}"
        with self._database.writing() as connection:
            connection.execute("delete from view where user = ? and kind = 'home'", (user,))
            self._insert(connection, view_id, "home", user, body, view_id, None)
        return self._required(view_id)

    def update(self, view: View, body: dict[str, Any], expected_hash: str | None = None) -> View:
        """Replace what an open modal shows; what was typed into inputs that stay is kept by the page."""
        if expected_hash is not None and expected_hash != view.hash:
            raise SlackError("hash_conflict")
        with self._database.writing() as connection:
            connection.execute(
                "update view set body = ?, hash = ?, external_id = ?, errors = '{}', entered = '{}' where id = ?",
                (dump(body), self._hash(body), body.get("external_id") or None, view.id),
            )
        return self._required(view.id)

    def refuse(self, view: View, errors: dict[str, str], entered: dict[str, Any]) -> None:
        """Keep a modal open after a refused submission, with a sentence at each field and what was typed."""
        with self._database.writing() as connection:
            connection.execute(
                "update view set errors = ?, entered = ?, hash = ? where id = ?",
                (dump(errors), dump(entered), self._hash(view.body), view.id),
            )

    def close(self, view: View) -> None:
        with self._database.writing() as connection:
            connection.execute("delete from view where id = ?", (view.id,))

    def clear(self, user: str) -> None:
        """Close every modal of the member."""
        with self._database.writing() as connection:
            connection.execute("delete from view where user = ? and kind = 'modal'", (user,))

    def top(self, user: str) -> View | None:
        """The modal that the member sees now."""
        row = self._database.row(
            "select * from view where user = ? and kind = 'modal' order by opened desc limit 1", user
        )
        return None if row is None else _view(row)

    def home(self, user: str) -> View | None:
        row = self._database.row("select * from view where user = ? and kind = 'home'", user)
        return None if row is None else _view(row)

    def get(self, view_id: str | None, external_id: str | None = None) -> View | None:
        row = self._database.row("select * from view where id = ? or external_id = ?", view_id, external_id)
        return None if row is None else _view(row)

    # -- response addresses ---------------------------------------------------------------------------------------

    def new_response_url(self, target: ResponseTarget) -> str:
        """The secret end of a response address: five answers within thirty minutes."""
        key = secrets.token_urlsafe(24)
        with self._database.writing() as connection:
            connection.execute("delete from response_url where expires_at < ?", (self._now(),))
            connection.execute(
                "insert into response_url (id, channel, ts, user, expires_at) values (?, ?, ?, ?, ?)",
                (key, target.channel, target.ts, target.user, self._now() + RESPONSE_URL_SECONDS),
            )
        return key

    def use_response_url(self, key: str) -> ResponseTarget:
        """Count one use. Raises SlackError where the address is unknown, expired or used up."""
        with self._database.writing() as connection:
            row = connection.execute("select * from response_url where id = ?", (key,)).fetchone()
            if row is None or row["expires_at"] < self._now():
                raise SlackError("expired_url")
            if row["uses"] >= RESPONSE_URL_USES:
                raise SlackError("used_url")
            connection.execute("update response_url set uses = uses + 1 where id = ?", (key,))
        return ResponseTarget(row["channel"], row["ts"], row["user"])

    # -- inside ---------------------------------------------------------------------------------------------------

    def _insert_over(self, connection: sqlite3.Connection, view_id: str, user: str, body: dict[str, Any]) -> None:
        stack = connection.execute(
            "select * from view where user = ? and kind = 'modal' order by opened", (user,)
        ).fetchall()
        if not stack:
            raise SlackError("not_found")
        if len(stack) >= _DEEPEST_STACK:
            raise SlackError("push_limit_reached")
        self._insert(connection, view_id, "modal", user, body, stack[0]["id"], stack[-1]["id"])

    def _insert(
        self,
        connection: sqlite3.Connection,
        view_id: str,
        kind: str,
        user: str,
        body: dict[str, Any],
        root: str,
        previous: str | None,
    ) -> None:
        external = body.get("external_id") or None
        taken = connection.execute("select 1 from view where external_id = ?", (external,)).fetchone()
        if external and taken:
            raise SlackError("duplicate_external_id")
        opened = connection.execute("select coalesce(max(opened), 0) + 1 as n from view").fetchone()["n"]
        connection.execute(
            "insert into view (id, kind, user, body, hash, external_id, root_view_id, previous_view_id, opened)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (view_id, kind, user, dump(body), self._hash(body), external, root, previous, opened),
        )

    def _hash(self, body: dict[str, Any]) -> str:
        digest = hashlib.sha256((dump(body) + secrets.token_hex(4)).encode()).hexdigest()
        return f"{int(self._now())}.{digest[:8]}"

    def _required(self, view_id: str) -> View:
        found = self.get(view_id)
        assert found is not None, "the view that was just written is there"
        return found

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _view(row: sqlite3.Row) -> View:
    return View(
        row["id"],
        row["kind"],
        row["user"],
        load(row["body"]),
        row["hash"],
        row["external_id"],
        row["root_view_id"],
        row["previous_view_id"],
        load(row["errors"]),
        load(row["entered"]),
    )


def view_object(view: View, values: dict[str, Any] | None = None) -> dict[str, Any]:
    """The shape in which Slack gives a view; ``values`` is the state of its inputs."""
    body = view.body
    return {
        "id": view.id,
        "team_id": TEAM_ID,
        "type": view.kind,
        "blocks": body.get("blocks", []),
        "private_metadata": body.get("private_metadata", ""),
        "callback_id": body.get("callback_id", ""),
        "state": {"values": values or {}},
        "hash": view.hash,
        "title": body.get("title"),
        "close": body.get("close"),
        "submit": body.get("submit"),
        "clear_on_close": bool(body.get("clear_on_close", False)),
        "notify_on_close": bool(body.get("notify_on_close", False)),
        "previous_view_id": view.previous_view_id,
        "root_view_id": view.root_view_id,
        "external_id": view.external_id or "",
        "app_id": APP_ID,
        "app_installed_team_id": TEAM_ID,
        "bot_id": BOT_ID,
    }
