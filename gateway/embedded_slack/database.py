"""The file that the embedded Slack keeps its workspace in: one SQLite database of its own, apart from the ops database.

Only the schema and the connection belong here; the queries stand with the thing they are about.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = """
create table if not exists change (one integer primary key check (one = 1), n integer not null);
insert or ignore into change values (1, 0);
create table if not exists member (
    id text primary key, person_id text not null unique, name text not null, real_name text not null,
    email text not null, title text not null, department text not null, active integer not null);
create index if not exists member_email on member (email);
create table if not exists channel (
    id text primary key, name text not null unique, is_im integer not null, im_user text unique,
    topic text not null default '', purpose text not null default '', created integer not null);
create table if not exists message (
    channel text not null references channel (id), ts text not null, user text not null, text text not null,
    blocks text not null, metadata text, thread_ts text, edited_ts text, only_for text, is_bot integer not null,
    primary key (channel, ts));
create index if not exists message_thread on message (channel, thread_ts);
create table if not exists reaction (
    channel text not null, ts text not null, name text not null, user text not null,
    primary key (channel, ts, name, user));
create table if not exists read_mark (
    user text not null, channel text not null, ts text not null, primary key (user, channel));
create table if not exists trigger_id (
    id text primary key, user text not null, expires_at real not null, used integer not null default 0);
create table if not exists response_url (
    id text primary key, channel text not null, ts text not null, user text not null,
    expires_at real not null, uses integer not null default 0);
create table if not exists view (
    id text primary key, kind text not null, user text not null, body text not null, hash text not null,
    external_id text unique, root_view_id text not null, previous_view_id text, opened integer not null,
    errors text not null default '{}', entered text not null default '{}');
create table if not exists file (
    id text primary key, key text not null unique, name text not null, title text not null, mimetype text not null,
    size integer not null, user text not null, created integer not null, content blob, complete integer not null);
create index if not exists view_user on view (user, kind);
"""


class Database:
    """One connection shared by the threads of the gateway; every use of it holds the lock for a few statements."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("pragma journal_mode=wal")
        self._connection.execute("pragma synchronous=full")
        self._connection.execute("pragma foreign_keys=on")
        self._connection.executescript(_SCHEMA)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or nothing. It raises the change counter that open pages look at."""
        with self._lock:
            self._connection.execute("begin immediate")
            try:
                yield self._connection
                self._connection.execute("update change set n = n + 1")
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        found = self.rows(sql, *values)
        return found[0] if found else None

    def changes(self) -> int:
        """How many transactions changed the workspace so far; a page that saw a smaller number is out of date."""
        return int(self.rows("select n from change")[0]["n"])

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def load(text: str | None) -> Any:
    """JSON text of a column, or None."""
    return None if text is None else json.loads(text)


def dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
