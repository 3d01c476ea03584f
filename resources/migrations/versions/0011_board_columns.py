"""What the board of cases filters by, beside what it counts: a task's priority, and whether a case rests.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_OPEN = sa.text("status = 'open'")
_RESTS = sa.text("rests")


def upgrade() -> None:
    op.add_column("process_task", sa.Column("priority", sa.String(32), nullable=False, server_default="normal"))
    op.execute(
        "UPDATE process_task SET priority = "
        "(SELECT c.priority FROM process_case AS c WHERE c.case_id = process_task.case_id)"
    )
    op.add_column("process_case", sa.Column("rests", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE process_case SET rests = true WHERE status = 'open' AND NOT EXISTS "
        "(SELECT 1 FROM process_task AS t WHERE t.case_id = process_case.case_id AND t.status = 'open') "
        "AND NOT EXISTS (SELECT 1 FROM process_service_step AS s "
        "WHERE s.case_id = process_case.case_id AND s.status = 'requested')"
    )
    _replace_index(
        "process_task",
        "ix_process_task_step_due_at_open",
        ["template_id", "step_id", "due_at", "status", "priority", "assignee", "case_id"],
        open_only=True,
    )
    _replace_index(
        "process_case",
        "ix_process_case_status_template_id",
        ["status", "template_id", "case_id", "priority", "rests"],
    )
    op.create_index(
        "ix_process_case_rests",
        "process_case",
        ["template_id", "case_id", "priority", "rests"],
        sqlite_where=_RESTS,
        postgresql_where=_RESTS,
    )
    if op.get_bind().dialect.name == "sqlite":
        op.create_index(
            "ix_process_case_status_subject",
            "process_case",
            ["status", "template_id", "case_id", "priority", "subject_id", "subject_label", "metric", "subject_kind"],
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("ix_process_case_status_subject", "process_case")
    op.drop_index("ix_process_case_rests", "process_case")
    _replace_index(
        "process_case", "ix_process_case_status_template_id", ["status", "template_id", "case_id", "priority"]
    )
    _replace_index(
        "process_task",
        "ix_process_task_step_due_at_open",
        ["template_id", "step_id", "due_at", "status"],
        open_only=True,
    )
    op.drop_column("process_case", "rests")
    op.drop_column("process_task", "priority")


def _replace_index(table: str, name: str, columns: list[str], *, open_only: bool = False) -> None:
    where = _OPEN if open_only else None
    op.drop_index(name, table)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
