"""An index of cases by when they were opened: lists of all of them begin with the newest.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_process_case_opened_at_case_id", "process_case", ["opened_at", "case_id"])


def downgrade() -> None:
    op.drop_index("ix_process_case_opened_at_case_id", "process_case")
