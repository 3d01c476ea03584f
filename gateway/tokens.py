"""Tokens with which programs write to the gateway: made, listed and revoked here, stored only as a hash.

A token reads ``tl_<id>_<secret>``. The id finds the row, the SHA-256 of the secret is compared in constant time; the
secret has 256 random bits, so a slow hash would add nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine, RowMapping

from ops_assets.access_file import load_access_policy
from resources.access_tokens import DEFAULT_READER_ROLE, NOT_COLLECTED, gateway_token
from resources.clock import Clock
from resources.ops_database import reading

EVENTS_WRITE = "events:write"
READ = "read"
PROCESS_WRITE = "process:write"
SCOPES = {
    EVENTS_WRITE: "post events to /api/v1/events/{source}",
    READ: "read metrics and cases from other machines",
    PROCESS_WRITE: "send signals and add files to cases, and send messages again that were given up",
}
_USE_IS_NOTED_EVERY = timedelta(minutes=1)


class TokenError(ValueError):
    """A token that cannot be made or found; the sentence says why."""


@dataclass(frozen=True)
class Token:
    """What is known of a token; never its secret. Instants are UTC; ``last_used_at`` is exact to a minute.

    ``reader_role`` decides what its reader sees (dbt_project/access.yml), ``departments`` whose rows.
    """

    token_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    reader_role: str = DEFAULT_READER_ROLE
    departments: tuple[str, ...] = ()


@dataclass(frozen=True)
class CreatedToken:
    """A new token with its text, which is shown once and kept nowhere."""

    token: Token
    text: str


def create_token(
    engine: Engine,
    *,
    name: str,
    scopes: Iterable[str] = (EVENTS_WRITE,),
    reader_role: str = DEFAULT_READER_ROLE,
    departments: Iterable[str] = (),
    clock: Clock,
) -> CreatedToken:
    """Make a token. Raises TokenError for an empty name, no scope or an unknown one, an unknown reader role."""
    wanted = tuple(sorted(set(scopes)))
    if not name.strip() or len(name) > 200:
        raise TokenError("A token needs a name of at most 200 characters that says who uses it.")
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise TokenError(f"{', '.join(unknown) or 'No scope'} is not a scope; there are: {', '.join(SCOPES)}.")
    roles = load_access_policy().roles
    if reader_role not in roles:
        raise TokenError(f"{reader_role!r} is no reader role; dbt_project/access.yml has: {', '.join(roles)}.")
    token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row: dict[str, Any] = {
        "token_id": token_id,
        "name": name.strip(),
        "scopes": list(wanted),
        "created_at": clock.now(),
        "last_used_at": None,
        "revoked_at": None,
        "reader_role": reader_role,
        "departments": sorted(set(departments)),
    }
    with engine.begin() as connection:
        connection.execute(gateway_token.insert().values(**row, secret_sha256=_hash(secret)))
    return CreatedToken(_token(row), f"tl_{token_id}_{secret}")


def collect_token(engine: Engine, token_id: str) -> CreatedToken:
    """Make the secret of a token that a process granted, once. Raises TokenError where it is made, or it is revoked."""
    secret = secrets.token_urlsafe(32)
    with engine.begin() as connection:
        done = connection.execute(
            gateway_token.update()
            .where(
                gateway_token.c.token_id == token_id,
                gateway_token.c.secret_sha256 == NOT_COLLECTED,
                gateway_token.c.revoked_at.is_(None),
            )
            .values(secret_sha256=_hash(secret))
        )
        row = (
            connection.execute(sa.select(gateway_token).where(gateway_token.c.token_id == token_id)).mappings().first()
        )
    if row is None:
        raise TokenError(f"There is no token {token_id!r}; `./trueloop tokens list` shows those that exist.")
    if done.rowcount == 0:
        why = "is revoked" if row["revoked_at"] is not None else "was collected already: its text is shown once"
        raise TokenError(f"The token {token_id} {why}. The subscription's owner can end it and grant another one.")
    return CreatedToken(_token(row), f"tl_{token_id}_{secret}")


def list_tokens(engine: Engine) -> list[Token]:
    """All tokens, revoked ones too, oldest first."""
    with reading(engine) as connection:
        rows = connection.execute(
            sa.select(gateway_token).order_by(gateway_token.c.created_at, gateway_token.c.token_id)
        )
        return [_token(row) for row in rows.mappings()]


def revoke_token(engine: Engine, token_id: str, *, clock: Clock) -> Token:
    """Make a token useless from now on; revoking it again changes nothing. Raises TokenError if there is none."""
    with engine.begin() as connection:
        connection.execute(
            gateway_token.update()
            .where(gateway_token.c.token_id == token_id, gateway_token.c.revoked_at.is_(None))
            .values(revoked_at=clock.now())
        )
        row = (
            connection.execute(sa.select(gateway_token).where(gateway_token.c.token_id == token_id)).mappings().first()
        )
    if row is None:
        raise TokenError(f"There is no token {token_id!r}; `./trueloop tokens list` shows those that exist.")
    return _token(row)


def verify_token(engine: Engine, text: str, *, clock: Clock) -> Token | None:
    """The token that a caller presented, or None if it is unknown, altered or revoked."""
    kind, _, rest = text.partition("_")
    token_id, _, secret = rest.partition("_")
    if kind != "tl" or not token_id or not secret:
        return None
    with reading(engine) as connection:
        row = (
            connection.execute(sa.select(gateway_token).where(gateway_token.c.token_id == token_id)).mappings().first()
        )
    expected = row["secret_sha256"] if row is not None else _hash("")
    if not hmac.compare_digest(_hash(secret), expected) or row is None or row["revoked_at"] is not None:
        return None
    now = clock.now()
    if row["last_used_at"] is None or now - row["last_used_at"] >= _USE_IS_NOTED_EVERY:
        with engine.begin() as connection:
            connection.execute(
                gateway_token.update().where(gateway_token.c.token_id == token_id).values(last_used_at=now)
            )
    return _token(row)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _token(row: RowMapping | dict[str, Any]) -> Token:
    return Token(
        row["token_id"],
        row["name"],
        tuple(row["scopes"]),
        row["created_at"],
        row["last_used_at"],
        row["revoked_at"],
        row["reader_role"],
        tuple(row["departments"]),
    )
