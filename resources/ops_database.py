"""The ops database: process state, ingestion ledger, tokens. SQLite by default, PostgreSQL by URL.

Each area declares its tables on ``metadata`` in its own package; the Alembic revisions beside this module create them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import orjson
import sqlalchemy as sa
from filelock import FileLock
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect, Engine, make_url
from sqlalchemy.types import TypeDecorator

from resources.sqlite_turns import take_turns

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_MIGRATIONS = Path(__file__).resolve().parent / "migrations"
_AS_THE_STANDARD_LIBRARY = (
    orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_migrate_lock = threading.Lock()
_BUSY_SECONDS = 30
_UTC = "+00:00"


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, stored in UTC and read back timezone-aware. A naive datetime is refused.

    SQLite keeps ISO text without zone (so that text order is time order); PostgreSQL keeps ``timestamp``.
    """

    impl = sa.DateTime(timezone=False)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """One function rather than SQLAlchemy's three: a step binds some thirty instants."""
        return _sqlite_instant if dialect.name == "sqlite" else _naive_instant

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def _naive_instant(value: datetime | None) -> datetime | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone; instants in the ops database are timezone-aware.")
    return value.astimezone(UTC).replace(tzinfo=None)


def _sqlite_instant(value: datetime | None) -> str | None:
    """The text that SQLAlchemy writes for SQLite: 2026-11-16 01:30:00.000000."""
    if value is not None and value.tzinfo is UTC:  # as almost all are
        return _utc_text(value)
    naive = _naive_instant(value)
    return None if naive is None else naive.isoformat(" ", "microseconds")


@lru_cache(maxsize=1024)  # the instant of a command stands in most of its rows
def _utc_text(value: datetime) -> str:
    return value.isoformat(" ", "microseconds")[: -len(_UTC)]  # the text ends with the zone


def open_engine(url: str) -> Engine:
    """An engine on the ops database.

    SQLite: write-ahead log, full sync (a commit survives power loss), foreign keys, and ``BEGIN IMMEDIATE`` so that two
    writers queue at the start of a transaction instead of failing in its middle; they take turns (sqlite_turns).
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg2")
        return sa.create_engine(
            parsed, pool_pre_ping=True, pool_size=10, json_serializer=json_text, json_deserializer=json_value
        )
    if parsed.get_backend_name() != "sqlite":
        raise ValueError(
            f"TRUELOOP_DATABASE_URL names {parsed.get_backend_name()!r}; use sqlite:///<file> or postgresql://<...>."
        )
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        parsed,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
        json_serializer=json_text,
        json_deserializer=json_value,
    )

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # The driver must not start transactions by itself: it would begin deferred ones.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={_BUSY_SECONDS * 1000}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    take_turns(engine, _BUSY_SECONDS)
    return engine


def json_text(value: Any) -> str:
    """Plain JSON as text: as the standard library writes it, at a tenth of its cost."""
    try:
        return orjson.dumps(value, option=_AS_THE_STANDARD_LIBRARY).decode()
    except orjson.JSONEncodeError:
        # Whole numbers over 64 bits, and text that is no Unicode.
        return json.dumps(value)


def json_value(text: str | bytes) -> Any:
    """What `json_text` wrote: as the standard library reads it, at a fifth of its cost."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        # Text that is no Unicode, or no JSON at all: the standard library says where.
        return json.loads(text)


def insert_into(connection: Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that can say what to do where the row is there already. To look first would not do: between look and
    insert another process may insert it.
    """
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that only reads: on SQLite it waits for no writer and holds none up.

    On PostgreSQL each statement is a transaction of its own: none is begun and ended around them.
    """
    options: dict[str, Any] = {"read_only": True}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "AUTOCOMMIT"
    with engine.connect().execution_options(**options) as connection:
        yield connection


@contextmanager
def deciding(engine: Engine) -> Iterator[Connection]:
    """A connection that reads first and may write then, under :func:`writing`; what it read may have changed by then.

    On SQLite reading waits for no writer, as with :func:`reading`.
    """
    with engine.connect().execution_options(read_only=True) as connection:
        yield connection


@contextmanager
def writing(connection: Connection) -> Iterator[None]:
    """The transaction that writes what was decided on a connection of :func:`deciding`; committed at the end.

    On PostgreSQL it is the one in which the reading was done, which holds no lock yet. SQLite lets nobody write in a
    transaction that began to read before another one wrote: there it is a new one.
    """
    if connection.dialect.name == "sqlite":
        connection.rollback()
        connection.execution_options(read_only=False)
        connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest revision. Safe to call from several processes at once."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    # engine.connect() rather than begin(): Alembic opens and commits the transaction itself.
    with _migrate_lock, _across_processes(engine), engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _across_processes(engine: Engine) -> Iterator[None]:
    """One migration at a time: a file lock beside SQLite's file, an advisory lock in PostgreSQL."""
    database = engine.url.database
    if engine.dialect.name == "sqlite":
        if not database or database == ":memory:":
            yield
            return
        with FileLock(f"{database}.migrate.lock", timeout=120):
            yield
        return
    with engine.connect() as connection:
        connection.execute(sa.text("select pg_advisory_lock(7415001)"))
        try:
            yield
        finally:
            connection.execute(sa.text("select pg_advisory_unlock(7415001)"))
            connection.commit()
