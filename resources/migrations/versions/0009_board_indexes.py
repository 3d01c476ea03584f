"""Indexes for the board of cases (open tasks by step, cases by status, tasks by case) and for pruning the outbox.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OPEN = sa.text("status = 'open'")


def upgrade() -> None:
    op.create_index(
        "ix_process_task_step_due_at_open",
        "process_task",
        ["template_id", "step_id", "due_at", "status"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_index("ix_process_task_case_id_status", "process_task", ["case_id", "status"])
    op.drop_index("ix_process_task_case_id", "process_task")
    op.create_index(
        "ix_process_case_status_template_id", "process_case", ["status", "template_id", "case_id", "priority"]
    )
    over = sa.text("status = 'sent' OR status = 'superseded'")
    op.create_index(
        "ix_process_outbox_over", "process_outbox", ["created_at"], sqlite_where=over, postgresql_where=over
    )


def downgrade() -> None:
    op.drop_index("ix_process_outbox_over", "process_outbox")
    op.drop_index("ix_process_case_status_template_id", "process_case")
    op.create_index("ix_process_task_case_id", "process_task", ["case_id"])
    op.drop_index("ix_process_task_case_id_status", "process_task")
    op.drop_index("ix_process_task_step_due_at_open", "process_task")
