"""What the process service does to its database, recorded statement by statement, and done again without it.

The bare loop runs the recorded statements with their recorded values on the database's own driver, in the same
transactions: every write, and the read of the case before it. It decides nothing and draws nothing. ``encoding``
adds what anybody has to do who keeps documents in a database: JSON is read from the case's row and written from values.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import sqlalchemy as sa
from psycopg2.extras import execute_values
from sqlalchemy.engine import Connection

_READS_THE_CASE = "SELECT process_case.state"


@dataclass(frozen=True)
class Statement:
    """``values`` has one entry for each execution; more than one where the driver ran them together."""

    text: str
    values: Sequence[Any]
    many: bool


@dataclass
class Trace:
    """The write transactions of one worker, in order."""

    transactions: list[list[Statement]] = field(default_factory=list)


@contextmanager
def recording(engine: sa.Engine) -> Iterator[Trace]:
    """Record the transactions that commit meanwhile on this engine, one thread's at a time.

    Of what only reads, the case's own row stays: it is read before the transaction that changes it begins.
    """
    trace = Trace()
    open_now: dict[int, list[Statement]] = {}
    looked_at: list[Statement] = []

    def executed(
        connection: Connection, _cursor: Any, text: str, values: Any, _context: Any, executemany: bool
    ) -> None:
        if text.startswith("BEGIN"):
            return
        if not text.lstrip().upper().startswith("SELECT") or text.startswith(_READS_THE_CASE):
            many = executemany and isinstance(values, list)
            entry = Statement(text, list(values) if many else [values], many)
            open_now.setdefault(id(connection.connection.dbapi_connection), []).append(entry)

    def committed(connection: Connection) -> None:
        statements = open_now.pop(id(connection.connection.dbapi_connection), [])
        if any(not each.text.startswith(_READS_THE_CASE) for each in statements):
            trace.transactions.append([*looked_at, *statements])
            looked_at.clear()

    def rolled_back(connection: Connection) -> None:
        looked_at[:] = open_now.pop(id(connection.connection.dbapi_connection), [])

    listeners = (("before_cursor_execute", executed), ("commit", committed), ("rollback", rolled_back))
    for name, listener in listeners:
        sa.event.listen(engine, name, listener)
    try:
        yield trace
    finally:
        for name, listener in listeners:
            sa.event.remove(engine, name, listener)


def replay(url: str, trace: Trace, *, encoding: bool) -> float:
    """Run the trace on a database that stands where it did when recording began; the seconds that it took."""
    run = _Sqlite(url) if url.startswith("sqlite") else _Postgres(url)
    work = [[_documents(each) if encoding else each for each in statements] for statements in trace.transactions]
    try:
        began = time.perf_counter()
        for statements in work:
            run.begin()
            for statement in statements:
                read = run.execute(statement, encoding)
                if encoding and read is not None:
                    json.loads(read)
            run.commit()
        return time.perf_counter() - began
    finally:
        run.close()


class _Document:
    """A JSON document among the values of a statement, to be written when the statement runs."""

    __slots__ = ("body",)

    def __init__(self, body: Any) -> None:
        self.body = body


def _documents(statement: Statement) -> Statement:
    def one(value: Any) -> Any:
        return _Document(json.loads(value)) if isinstance(value, str) and value[:1] in ("{", "[") else value

    rows = [
        {name: one(value) for name, value in row.items()} if isinstance(row, dict) else tuple(one(v) for v in row)
        for row in statement.values
    ]
    return Statement(statement.text, rows, statement.many)


def _written(row: Any) -> Any:
    if isinstance(row, dict):
        return {name: json.dumps(v.body) if type(v) is _Document else v for name, v in row.items()}
    return tuple([json.dumps(v.body) if type(v) is _Document else v for v in row])


class _Sqlite:
    def __init__(self, url: str) -> None:
        self._connection = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._cursor = self._connection.cursor()

    def begin(self) -> None:
        self._cursor.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._cursor.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()

    def execute(self, statement: Statement, encoding: bool) -> str | None:
        values = [_written(row) for row in statement.values] if encoding else statement.values
        if statement.many:
            self._cursor.executemany(statement.text, values)
            return None
        self._cursor.execute(statement.text, values[0])
        found = self._cursor.fetchone() if self._cursor.description else None
        return found[0] if found and statement.text.startswith(_READS_THE_CASE) else None


class _Postgres:
    def __init__(self, url: str) -> None:
        self._connection = psycopg2.connect(url.replace("postgresql+psycopg2:", "postgresql:"))
        # Text as it is stored: the driver would read JSON by itself.
        psycopg2.extras.register_default_json(self._connection, loads=lambda text: text)
        self._cursor = self._connection.cursor()

    def begin(self) -> None:
        """The driver begins with the first statement."""

    def commit(self) -> None:
        self._connection.commit()

    def close(self) -> None:
        self._connection.close()

    def execute(self, statement: Statement, encoding: bool) -> str | None:
        values = [_written(row) for row in statement.values] if encoding else statement.values
        if statement.many and " VALUES " in statement.text:
            head, _, row = statement.text.partition(" VALUES ")
            execute_values(self._cursor, f"{head} VALUES %s", values, template=row)
            return None
        for each in values:
            self._cursor.execute(statement.text, each)
        found = self._cursor.fetchone() if self._cursor.description else None
        return found[0] if found and statement.text.startswith(_READS_THE_CASE) else None
