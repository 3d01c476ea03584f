"""Tokens on both database engines: shown once, stored hashed, revocable."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from gateway.tokens import (
    EVENTS_WRITE,
    READ,
    TokenError,
    create_token,
    list_tokens,
    revoke_token,
    verify_token,
)
from resources.access_tokens import gateway_token
from resources.clock import FixedClock


def test_a_token_is_valid_until_it_is_revoked(ops_engine: Engine, clock: FixedClock) -> None:
    made = create_token(ops_engine, name="wms bridge", scopes=[EVENTS_WRITE], clock=clock)
    found = verify_token(ops_engine, made.text, clock=clock)
    assert found is not None
    assert (found.token_id, found.scopes) == (made.token.token_id, (EVENTS_WRITE,))
    revoked = revoke_token(ops_engine, made.token.token_id, clock=clock)
    assert revoked.revoked_at == clock.now()
    assert verify_token(ops_engine, made.text, clock=clock) is None
    clock.advance(timedelta(hours=1))
    assert revoke_token(ops_engine, made.token.token_id, clock=clock).revoked_at == revoked.revoked_at


def test_the_text_is_kept_nowhere(ops_engine: Engine, clock: FixedClock) -> None:
    made = create_token(ops_engine, name="a", clock=clock)
    secret = made.text.split("_", 2)[2]  # url-safe characters: it may hold underscores itself
    with ops_engine.connect() as connection:
        row = connection.execute(sa.select(gateway_token)).one()
    assert all(secret not in str(value) for value in row)


@pytest.mark.parametrize("change", ["x", "tl_", "Bearer x", "tl_000000000000_abc", ""])
def test_other_texts_are_no_tokens(ops_engine: Engine, clock: FixedClock, change: str) -> None:
    made = create_token(ops_engine, name="a", clock=clock)
    assert verify_token(ops_engine, change, clock=clock) is None
    assert verify_token(ops_engine, made.text + "x", clock=clock) is None
    assert verify_token(ops_engine, made.text[:-1], clock=clock) is None


def test_the_last_use_is_noted_at_most_once_a_minute(ops_engine: Engine, clock: FixedClock) -> None:
    made = create_token(ops_engine, name="a", clock=clock)
    assert list_tokens(ops_engine)[0].last_used_at is None
    verify_token(ops_engine, made.text, clock=clock)
    first = list_tokens(ops_engine)[0].last_used_at
    clock.advance(timedelta(seconds=30))
    verify_token(ops_engine, made.text, clock=clock)
    assert list_tokens(ops_engine)[0].last_used_at == first
    clock.advance(timedelta(seconds=30))
    verify_token(ops_engine, made.text, clock=clock)
    assert list_tokens(ops_engine)[0].last_used_at == clock.now()


def test_names_and_scopes_are_checked(ops_engine: Engine, clock: FixedClock) -> None:
    with pytest.raises(TokenError, match="needs a name"):
        create_token(ops_engine, name=" ", clock=clock)
    with pytest.raises(TokenError, match=r"admin is not a scope; there are: events:write, read"):
        create_token(ops_engine, name="a", scopes=["admin", READ], clock=clock)
    with pytest.raises(TokenError, match="tokens list"):
        revoke_token(ops_engine, "nope", clock=clock)


def test_a_token_reads_as_an_employee_unless_it_says_otherwise(ops_engine: Engine, clock: FixedClock) -> None:
    plain = create_token(ops_engine, name="a", clock=clock)
    made = create_token(ops_engine, name="b", reader_role="hr", departments=["D2", "D1", "D2"], clock=clock)
    found = verify_token(ops_engine, made.text, clock=clock)
    assert found is not None
    assert (found.reader_role, found.departments) == ("hr", ("D1", "D2"))
    assert (plain.token.reader_role, plain.token.departments) == ("employee", ())
    with pytest.raises(TokenError, match=r"'boss' is no reader role; .* public, employee, "):
        create_token(ops_engine, name="c", reader_role="boss", clock=clock)


def test_a_token_from_before_roles_reads_as_an_employee(ops_engine: Engine, clock: FixedClock) -> None:
    with ops_engine.begin() as connection:
        connection.execute(
            sa.text(
                "insert into gateway_token (token_id, name, secret_sha256, scopes, created_at)"
                " values ('old', 'old', '', '[]', '2026-01-01 00:00:00')"
            )
        )
    (found,) = list_tokens(ops_engine)
    assert (found.reader_role, found.departments) == ("employee", ())


def test_the_migration_makes_the_table_that_is_declared(ops_engine: Engine) -> None:
    found = {column["name"]: column for column in sa.inspect(ops_engine).get_columns("gateway_token")}
    assert set(found) == {column.name for column in gateway_token.columns}
    for column in gateway_token.columns:
        assert found[column.name]["nullable"] == column.nullable, column.name
