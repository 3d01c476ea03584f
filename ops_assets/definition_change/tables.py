"""Tables of definitions in the ops database: versions, what put them in force, proposals and approvals."""

from __future__ import annotations

import sqlalchemy as sa

from resources.ops_database import UtcDateTime, metadata

definition_version = sa.Table(
    "definition_version",
    metadata,
    sa.Column("metric", sa.String(200), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("meaning", sa.JSON, nullable=False),
    sa.Column("project", sa.String(64), nullable=False),
    sa.Column("effective_date", sa.Date, nullable=False),
)

definition_change = sa.Table(
    "definition_change",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("metric", sa.String(200), nullable=False, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("by", sa.String(100), nullable=False),
    sa.Column("approved_by", sa.String(100), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("case_id", sa.String(40), nullable=False),
    sa.Column("proposal_id", sa.String(40), nullable=False),
)

definition_proposal = sa.Table(
    "definition_proposal",
    metadata,
    sa.Column("proposal_id", sa.String(40), primary_key=True),
    sa.Column("proposed_by", sa.String(100), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("files", sa.JSON, nullable=False),
    sa.Column("new_project", sa.String(64), nullable=False),
    sa.Column("review", sa.JSON, nullable=False),
    sa.Column("shadow", sa.JSON, nullable=False),
)

definition_approval = sa.Table(
    "definition_approval",
    metadata,
    sa.Column("proposal_id", sa.String(40), primary_key=True),
    sa.Column("role", sa.String(100), primary_key=True),
    sa.Column("case_id", sa.String(40), nullable=False),
    sa.Column("approved_by", sa.String(100), nullable=False),
    sa.Column("approved_at", UtcDateTime, nullable=True),
)
