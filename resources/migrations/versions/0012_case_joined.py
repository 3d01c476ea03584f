"""Which case another one became a part of, as a column; and an index of cases with a timer by their version.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_JOINED = sa.text("joined_case_id IS NOT NULL")
_TIMED = sa.text("next_timer_at IS NOT NULL")
_CASE = sa.table(
    "process_case",
    sa.column("case_id", sa.String),
    sa.column("outcome", sa.String),
    sa.column("state", sa.JSON),
    sa.column("joined_case_id", sa.String),
)


def upgrade() -> None:
    op.add_column("process_case", sa.Column("joined_case_id", sa.String(64)))
    # The state is read here and not in SQL: PostgreSQL gives no text of JSON in which any string has a NUL.
    connection = op.get_bind()
    joined = sa.select(_CASE.c.case_id, _CASE.c.state).where(_CASE.c.outcome == "joined")
    for case_id, state in connection.execute(joined).all():
        if state.get("joined"):
            connection.execute(
                _CASE.update().where(_CASE.c.case_id == case_id).values(joined_case_id=str(state["joined"]))
            )
    op.create_index(
        "ix_process_case_joined_case_id",
        "process_case",
        ["joined_case_id", "opened_at"],
        sqlite_where=_JOINED,
        postgresql_where=_JOINED,
    )
    op.create_index(
        "ix_process_case_template_hash_timed",
        "process_case",
        ["template_hash", "next_timer_at", "case_id"],
        sqlite_where=_TIMED,
        postgresql_where=_TIMED,
    )


def downgrade() -> None:
    op.drop_index("ix_process_case_template_hash_timed", "process_case")
    op.drop_index("ix_process_case_joined_case_id", "process_case")
    op.drop_column("process_case", "joined_case_id")
