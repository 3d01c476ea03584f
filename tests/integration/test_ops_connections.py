"""Connections to PostgreSQL: one that the server closed meanwhile is replaced unseen; reading begins no transaction."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from resources.ops_database import open_engine, reading
from workflow_jobs.store.prepared import Bound, Prepared

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


def test_statements_of_the_hot_path_fail_as_all_others_do(ops_engine: sa.Engine) -> None:
    words = sa.table("words", sa.column("word"))
    insert, read = Prepared(words.insert()), Prepared(sa.select(words.c.word).order_by(words.c.word))
    with ops_engine.begin() as connection:
        connection.execute(sa.text("create table words (word varchar(20) primary key)"))
        for bound in insert.bind_rows(connection.dialect, [{"word": "one"}, {"word": "two"}]):
            assert bound.changes(connection) == 2
    with ops_engine.begin() as connection, pytest.raises(sa.exc.IntegrityError, match="words"):
        insert.bind(connection.dialect, {"word": "one"}).changes(connection)
    with ops_engine.connect() as connection:
        assert [tuple(row) for row in read.rows(connection, {})] == [("one",), ("two",)]
        with pytest.raises(sa.exc.MultipleResultsFound):
            read.one(connection, {})
        heard: list[str] = []
        sa.event.listen(connection, "before_cursor_execute", lambda *given: heard.append(given[2]))
        assert [tuple(row) for row in read.rows(connection, {})] == [("one",), ("two",)]
        assert len(heard) == 1


def test_a_connection_that_the_server_closed_at_work_is_given_up(postgres_url: str) -> None:
    engine, other = open_engine(postgres_url), open_engine(postgres_url)
    who = Bound("select pg_backend_pid()", ())
    with engine.connect() as connection:
        [(first,)] = who.rows(connection)
        with other.begin() as another:
            another.execute(sa.text("select pg_terminate_backend(:pid)"), {"pid": first})
        with pytest.raises(sa.exc.OperationalError) as caught:
            who.rows(connection)
    assert caught.value.connection_invalidated
    with engine.connect() as connection:
        [(now,)] = who.rows(connection)
    assert now != first
    engine.dispose()
    other.dispose()
