"""Reader role and departments of tokens. A token from before gets the role of an employee: the least of the company's.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    role = sa.Column("reader_role", sa.String(100), nullable=False, server_default="employee")
    op.add_column("gateway_token", role)
    op.add_column("gateway_token", sa.Column("departments", sa.JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("gateway_token", "departments")
    op.drop_column("gateway_token", "reader_role")
