"""Cases that belong to other cases, timers of a case itself, tasks without an assignee, evidence files, templates in
force, and marks of what last ran.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from resources.ops_database import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TIMED = sa.text("next_timer_at IS NOT NULL")
ASKED = sa.text("requested_by IS NOT NULL")


def upgrade() -> None:
    op.add_column("process_case", sa.Column("parent_case_id", sa.String(64)))
    op.add_column("process_case", sa.Column("requested_by", sa.String(100)))
    op.add_column("process_case", sa.Column("due_at", UtcDateTime))
    op.add_column("process_case", sa.Column("next_timer_at", UtcDateTime))
    op.create_index(
        "ix_process_case_next_timer_at",
        "process_case",
        ["next_timer_at"],
        sqlite_where=TIMED,
        postgresql_where=TIMED,
    )
    op.create_index(
        "ix_process_case_requested_by",
        "process_case",
        ["requested_by", "opened_at"],
        sqlite_where=ASKED,
        postgresql_where=ASKED,
    )
    op.add_column("process_task", sa.Column("pooled", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "process_file",
        sa.Column("file_id", sa.String(64), primary_key=True),
        sa.Column("case_id", sa.String(64), sa.ForeignKey("process_case.case_id"), nullable=False),
        sa.Column("task_id", sa.String(200)),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("media_type", sa.String(200), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("uploaded_by", sa.String(100), nullable=False),
        sa.Column("uploaded_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_process_file_case_id", "process_file", ["case_id"])
    op.create_table(
        "process_template_in_force",
        sa.Column("template_id", sa.String(100), primary_key=True),
        sa.Column("hash", sa.String(80), sa.ForeignKey("process_template_version.hash"), nullable=False),
        sa.Column("since", UtcDateTime, nullable=False),
        sa.Column("set_by", sa.String(100), nullable=False),
    )
    op.create_table(
        "process_mark",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("marked_at", UtcDateTime, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("process_mark")
    op.drop_table("process_template_in_force")
    op.drop_table("process_file")
    op.drop_column("process_task", "pooled")
    op.drop_index("ix_process_case_requested_by", "process_case")
    op.drop_index("ix_process_case_next_timer_at", "process_case")
    for column in ("next_timer_at", "due_at", "requested_by", "parent_case_id"):
        op.drop_column("process_case", column)
