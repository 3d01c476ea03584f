"""The table of API tokens, and tokens that a process grants: prepared without a secret, made when it is collected.

Belongs here: what the gateway and a granting job share. Does not belong here: making a token at once, collecting one,
and checking one that a caller presents (gateway.tokens). The text of a token is kept nowhere, only its SHA-256.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from resources.ops_database import UtcDateTime, metadata

# Also the role of tokens from before there were roles: the least that somebody of the company sees.
DEFAULT_READER_ROLE: Final = "employee"
# No SHA-256 is empty, so a token that was not collected yet opens nothing.
NOT_COLLECTED: Final = ""

gateway_token = sa.Table(
    "gateway_token",
    metadata,
    sa.Column("token_id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("secret_sha256", sa.String(64), nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("last_used_at", UtcDateTime),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("reader_role", sa.String(100), nullable=False, server_default=DEFAULT_READER_ROLE),
    sa.Column("departments", sa.JSON, nullable=False, server_default="[]"),
)


def prepare_token(
    engine: Engine,
    *,
    token_id: str,
    name: str,
    scopes: Collection[str],
    reader_role: str,
    departments: Collection[str],
    now: datetime,
) -> bool:
    """Prepare a token without a secret; False where it is there already (a job that runs twice grants once)."""
    with engine.begin() as connection:
        known = connection.execute(sa.select(gateway_token.c.token_id).where(gateway_token.c.token_id == token_id))
        if known.first() is not None:
            return False
        connection.execute(
            gateway_token.insert().values(
                token_id=token_id,
                name=name[:200],
                secret_sha256=NOT_COLLECTED,
                scopes=sorted(set(scopes)),
                created_at=now,
                reader_role=reader_role,
                departments=sorted(set(departments)),
            )
        )
    return True


def withdraw_token(engine: Engine, token_id: str, now: datetime) -> bool:
    """Make a token useless from now on; False where there is none or it was revoked before."""
    with engine.begin() as connection:
        done = connection.execute(
            gateway_token.update()
            .where(gateway_token.c.token_id == token_id, gateway_token.c.revoked_at.is_(None))
            .values(revoked_at=now)
        )
    return done.rowcount > 0
