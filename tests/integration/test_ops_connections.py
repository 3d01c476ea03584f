"""Connections to PostgreSQL: one that the server closed meanwhile is replaced unseen; reading begins no transaction."""

from __future__ import annotations

import sqlalchemy as sa

from resources.ops_database import open_engine, reading

_PID = sa.text("select pg_backend_pid()")


def test_a_connection_that_the_server_closed_while_it_rested_is_replaced(postgres_url: str) -> None:
    engine, other = open_engine(postgres_url), open_engine(postgres_url)
    with engine.begin() as connection:
        first = connection.execute(_PID).scalar_one()
    with reading(engine) as connection:
        assert connection.execute(_PID).scalar_one() == first, "a connection that just answered is used again"
    with other.begin() as connection:
        connection.execute(sa.text("select pg_terminate_backend(:pid)"), {"pid": first})
    with engine.begin() as connection:
        assert connection.execute(_PID).scalar_one() != first
    engine.dispose()
    other.dispose()


def test_what_only_reads_begins_no_transaction(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    idle = sa.text("select state from pg_stat_activity where pid = :pid")
    with reading(engine) as connection:
        pid = connection.execute(_PID).scalar_one()
        with engine.begin() as other:
            assert other.execute(idle, {"pid": pid}).scalar_one() == "idle"
    with engine.begin() as connection:
        assert connection.execute(sa.text("select now() < clock_timestamp()")).scalar_one(), (
            "writing is one transaction"
        )
        connection.execute(sa.text("create table t (n int)"))
        connection.rollback()
    with reading(engine) as connection:
        assert connection.execute(sa.text("select to_regclass('t')")).scalar_one() is None
    engine.dispose()
