"""The ledger of ingestion: landing files, batches, quarantined rows, accepted events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from resources.ops_database import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "landing_file",
        sa.Column("id", _BIG_KEY, nullable=False, autoincrement=True),
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
        sa.UniqueConstraint("table_name", "path", "version", name="uq_landing_file_table_name_path_version"),
        sa.PrimaryKeyConstraint("id", name="pk_landing_file"),
    )
    op.create_table(
        "ingestion_batch",
        sa.Column("batch_id", sa.String(64), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
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
        sa.PrimaryKeyConstraint("batch_id", name="pk_ingestion_batch"),
        sa.UniqueConstraint("seq", name="uq_ingestion_batch_seq"),
    )
    op.create_table(
        "quarantine_row",
        sa.Column("id", sa.String(100), nullable=False),
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
        sa.PrimaryKeyConstraint("id", name="pk_quarantine_row"),
    )
    op.create_table(
        "inbox_event",
        sa.Column("id", _BIG_KEY, nullable=False, autoincrement=True),
        sa.Column("source", sa.String(100), nullable=False),
        sa.Column("event_id", sa.String(200), nullable=False),
        sa.Column("table_name", sa.String(100), nullable=False),
        sa.Column("row", sa.Text, nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.Column("batch_id", sa.String(64)),
        sa.Column("batch_line", sa.Integer),
        sa.UniqueConstraint("source", "event_id", name="uq_inbox_event_source_event_id"),
        sa.PrimaryKeyConstraint("id", name="pk_inbox_event"),
    )
    op.create_index("ix_landing_file_status", "landing_file", ["status"])
    op.create_index("ix_ingestion_batch_table_name", "ingestion_batch", ["table_name"])
    op.create_index("ix_ingestion_batch_status", "ingestion_batch", ["status"])
    op.create_index("ix_quarantine_row_batch_id", "quarantine_row", ["batch_id"])
    op.create_index("ix_quarantine_row_status_table_name", "quarantine_row", ["status", "table_name"])
    op.create_index("ix_quarantine_row_retry_requested_at", "quarantine_row", ["retry_requested_at"])
    op.create_index("ix_inbox_event_batch_id", "inbox_event", ["batch_id"])


def downgrade() -> None:
    op.drop_table("inbox_event")
    op.drop_table("quarantine_row")
    op.drop_table("ingestion_batch")
    op.drop_table("landing_file")
