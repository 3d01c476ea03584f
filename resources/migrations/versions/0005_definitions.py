"""Approved definitions: files laid over the checkout, versions and their history, proposals.

Revision ID: 0005
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from resources.ops_database import UtcDateTime

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "definition_overlay",
        sa.Column("path", sa.String(500), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("change_id", sa.String(40), nullable=False),
        sa.Column("since", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_definition_overlay")),
    )
    op.create_table(
        "definition_version",
        sa.Column("metric", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("meaning", sa.JSON, nullable=False),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("effective_date", sa.Date, nullable=False),
        sa.PrimaryKeyConstraint("metric", "version", name=op.f("pk_definition_version")),
    )
    op.create_table(
        "definition_change",
        sa.Column("seq", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("metric", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("approved_by", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("case_id", sa.String(40), nullable=False),
        sa.Column("proposal_id", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_definition_change")),
    )
    op.create_index(op.f("ix_definition_change_metric"), "definition_change", ["metric"])
    op.create_table(
        "definition_proposal",
        sa.Column("proposal_id", sa.String(40), nullable=False),
        sa.Column("proposed_by", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("files", sa.JSON, nullable=False),
        sa.Column("new_project", sa.String(64), nullable=False),
        sa.Column("review", sa.JSON, nullable=False),
        sa.Column("shadow", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("proposal_id", name=op.f("pk_definition_proposal")),
    )
    op.create_table(
        "definition_approval",
        sa.Column("proposal_id", sa.String(40), nullable=False),
        sa.Column("role", sa.String(100), nullable=False),
        sa.Column("case_id", sa.String(40), nullable=False),
        sa.Column("approved_by", sa.String(100), nullable=False),
        sa.Column("approved_at", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("proposal_id", "role", name=op.f("pk_definition_approval")),
    )


def downgrade() -> None:
    for table in (
        "definition_approval",
        "definition_proposal",
        "definition_change",
        "definition_version",
        "definition_overlay",
    ):
        op.drop_table(table)
