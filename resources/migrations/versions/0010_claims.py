"""When a task that nobody has is to be handed out, so that the scan reads what is due and not all that is pooled.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from resources.ops_database import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_CLAIMABLE = sa.text("claim_until IS NOT NULL")


def upgrade() -> None:
    op.add_column("process_task", sa.Column("claim_until", UtcDateTime))
    # It takes the working calendars, which a migration does not have. So every task that nobody has is due at once: the
    # next scan asks the engine, which hands out what is due, and writes the instant of what is not.
    op.execute("UPDATE process_task SET claim_until = created_at WHERE status = 'open' AND pooled AND assignee IS NULL")
    op.create_index(
        "ix_process_task_claim_until",
        "process_task",
        ["claim_until"],
        sqlite_where=_CLAIMABLE,
        postgresql_where=_CLAIMABLE,
    )


def downgrade() -> None:
    op.drop_index("ix_process_task_claim_until", "process_task")
    op.drop_column("process_task", "claim_until")
