"""The ledger of ingestion in the ops database: what arrived, what became of it, and which rows wait in quarantine.

Only table declarations and small look-ups belong here; who writes them, and in which order, is load.py's matter.

- ``landing_file``: one row per version of a file. ``loading -> loaded``, or ``set_aside`` with a reason.
- ``ingestion_batch``: one row per batch (a file, a group of events, a retry).
- ``quarantine_row``: one row per row that was not loaded; the row's text is kept as it came.
- ``inbox_event``: events accepted over the API, durable before the answer; ``batch_id`` is null until loaded.
"""

from __future__ import annotations

import sqlalchemy as sa

from resources.ops_database import UtcDateTime, metadata

BIG_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")

landing_file = sa.Table(
    "landing_file",
    metadata,
    sa.Column("id", BIG_KEY, primary_key=True, autoincrement=True),
    sa.Column("system", sa.String(100), nullable=False),
    sa.Column("table_name", sa.String(200), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("file_date", sa.Date),
    sa.Column("arrived_on", sa.Date),
    sa.Column("source_at", UtcDateTime, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(40)),
    sa.Column("sentence", sa.Text),
    sa.Column("schema_hash", sa.String(64), nullable=False),
    sa.Column("rows_in", sa.BigInteger),
    sa.Column("late_days", sa.Integer),
    sa.Column("batch_id", sa.String(64)),
    sa.Column("first_seen_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("released_at", UtcDateTime),
    sa.Column("released_by", sa.String(200)),
    sa.Column("released_reason", sa.Text),
    sa.UniqueConstraint("table_name", "path", "version"),
    sa.Index(None, "status"),
)

ingestion_batch = sa.Table(
    "ingestion_batch",
    metadata,
    sa.Column("batch_id", sa.String(64), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False, unique=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("system", sa.String(100), nullable=False),
    sa.Column("table_name", sa.String(200), nullable=False),
    sa.Column("source_ref", sa.Text, nullable=False),
    sa.Column("source_at", UtcDateTime, nullable=False),
    sa.Column("rows_in", sa.BigInteger, nullable=False),
    sa.Column("rows_loaded", sa.BigInteger, nullable=False),
    sa.Column("rows_quarantined", sa.BigInteger, nullable=False),
    sa.Column("rows_repaired", sa.BigInteger, nullable=False),
    sa.Column("rows_superseded", sa.BigInteger, nullable=False),
    sa.Column("declared_nulls", sa.JSON, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Index(None, "table_name"),
    sa.Index(None, "status"),
)

quarantine_row = sa.Table(
    "quarantine_row",
    metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("batch_id", sa.String(64), nullable=False),
    sa.Column("system", sa.String(100), nullable=False),
    sa.Column("table_name", sa.String(200), nullable=False),
    sa.Column("source_ref", sa.Text, nullable=False),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("rule", sa.String(200), nullable=False),
    sa.Column("column_name", sa.String(200)),
    sa.Column("value", sa.Text),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("failures", sa.JSON, nullable=False),
    sa.Column("row", sa.JSON),
    sa.Column("raw_text", sa.Text),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("edited", sa.JSON),
    sa.Column("retry_requested_at", UtcDateTime),
    sa.Column("retry_requested_by", sa.String(200)),
    sa.Column("retry_batch_id", sa.String(64)),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("resolved_at", UtcDateTime),
    sa.Column("resolved_by", sa.String(200)),
    sa.Column("resolution", sa.Text),
    sa.Index(None, "batch_id"),
    sa.Index(None, "status", "table_name"),
    sa.Index(None, "retry_requested_at"),
)

inbox_event = sa.Table(
    "inbox_event",
    metadata,
    sa.Column("id", BIG_KEY, primary_key=True, autoincrement=True),
    sa.Column("source", sa.String(100), nullable=False),
    sa.Column("event_id", sa.String(200), nullable=False),
    sa.Column("table_name", sa.String(100), nullable=False),
    sa.Column("row", sa.Text, nullable=False),
    sa.Column("content_sha256", sa.String(64), nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("batch_id", sa.String(64)),
    sa.Column("batch_line", sa.Integer),
    sa.UniqueConstraint("source", "event_id"),
    sa.Index(None, "batch_id"),
)


def printable(text: str) -> str:
    """``text`` so that every database can hold it: NUL and undecodable bytes become escapes such as ``\\x00``."""
    if "\x00" in text:
        text = text.replace("\x00", "\\x00")
    # Undecodable bytes travel as lone surrogates U+DC80..U+DCFF (PEP 383); show the byte they stand for.
    try:
        encoded = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # another surrogate, as JSON may spell it
        encoded = text.encode("utf-8", "backslashreplace")
    return encoded.decode("utf-8", "backslashreplace")
