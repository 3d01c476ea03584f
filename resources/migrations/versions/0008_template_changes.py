"""Who put which version of a process template in force, and when.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from resources.ops_database import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "process_template_change",
        sa.Column("change_id", BIG_ID, primary_key=True, autoincrement=True),
        sa.Column("template_id", sa.String(100), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("hash", sa.String(80), nullable=False),
        sa.Column("person_id", sa.String(100), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_process_template_change_template_id", "process_template_change", ["template_id"])


def downgrade() -> None:
    op.drop_table("process_template_change")
