"""The process tables: the migration makes what the code declares, and due scans read what is due."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import Engine
from sqlalchemy.ext.compiler import compiles

from resources.ops_database import metadata
from tests.engine_world import MONDAY
from tests.process_world import World
from workflow_jobs.store import case_rows, tables
from workflow_jobs.store.case_rows import LostUpdate
from workflow_jobs.store.due_rows import START, due_query
from workflow_jobs.store.pool_rows import due_claims_query


def test_the_migration_makes_the_declared_tables(ops_engine: Engine) -> None:
    ours = {name for name in metadata.tables if name.startswith("process_")}

    def only_ours(thing: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
        table = name if kind == "table" else thing.table.name
        return table in ours and _belongs(thing, ops_engine)

    with ops_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": only_ours, "compare_type": True})
        assert compare_metadata(context, metadata) == []
        inspector = sa.inspect(connection)
        indexes = {i["name"] for name in ours for i in inspector.get_indexes(name)}
    declared = {str(i.name) for name in ours for i in metadata.tables[name].indexes if _belongs(i, ops_engine)}
    assert declared <= indexes


def _belongs(thing: Any, engine: Engine) -> bool:
    """Whether an index or a table is made on this kind of database."""
    only = getattr(thing, "_ddl_if", None)
    return only is None or only.dialect == engine.dialect.name


@pytest.fixture
def many_tasks(ops_engine: Engine) -> Engine:
    """20,000 open tasks of one case that nobody has, whose next rung is a day away, as is the time to claim them; and
    one whose rung is due, and one that nobody claimed in time.
    """
    world = World(ops_engine)
    case_id = world.open().case_id
    with ops_engine.begin() as connection:
        (row,) = connection.execute(sa.select(tables.task)).mappings().all()
        connection.execute(
            tables.task.insert(),
            [
                dict(row)
                | {"task_id": f"{case_id}.{n}", "assignee": None, "pooled": True}
                | dict.fromkeys(("next_rung_at", "claim_until"), MONDAY + timedelta(days=1, seconds=n))
                for n in range(20_000)
            ],
        )
        late = tables.task.update().where(tables.task.c.task_id == f"{case_id}.9")
        connection.execute(late.values(claim_until=MONDAY + timedelta(hours=1)))
        if ops_engine.dialect.name == "postgresql":
            connection.execute(sa.text("analyze process_task"))
    return ops_engine


def test_due_scans_read_their_partial_index_up_to_now(many_tasks: Engine) -> None:
    now = MONDAY + timedelta(hours=6)
    due = {
        "ix_process_task_next_rung_at_open": due_query("rungs", now, START, 100),
        "ix_process_task_claim_until": due_claims_query(now),
        "ix_process_case_next_timer_at": due_query("timers", now, START, 100),
        "ix_process_service_step_timeout_at": due_query("services", now, START, 100),
        "ix_process_case_effect_due_at": due_query("effects", now, START, 100),
    }
    with many_tasks.connect() as connection:
        explain = "explain query plan " if many_tasks.dialect.name == "sqlite" else "explain analyze "
        for index, query in due.items():
            plan = "\n".join(str(tuple(line)) for line in connection.execute(_Explain(query, explain)).fetchall())
            assert index in plan, plan
            assert "SCAN process_" not in plan and "Seq Scan" not in plan, plan
            assert "SORT" not in plan.upper() or many_tasks.dialect.name == "postgresql", plan
        found = [[row.case_id for row in connection.execute(query)] for query in due.values()]
        assert found == [["C-000001"], ["C-000001"], [], [], []]


class _Explain(sa.sql.expression.Executable, sa.sql.expression.ClauseElement):
    inherit_cache = False

    def __init__(self, statement: sa.Select[Any], prefix: str) -> None:
        self.statement = statement
        self.prefix = prefix


@compiles(_Explain)
def _explain(element: _Explain, compiler: Any, **kwargs: Any) -> str:
    return element.prefix + str(compiler.process(element.statement, **kwargs))


def test_a_write_past_the_lock_is_noticed(ops_engine: Engine) -> None:
    world = World(ops_engine)
    case_id = world.open().case_id
    before = world.service.case(case_id)
    with ops_engine.begin() as connection:
        connection.execute(tables.case.update().values(seq=before.seq + 1))
    with ops_engine.begin() as connection, pytest.raises(LostUpdate, match="no longer where it stood"):
        statement = case_rows.case_statement(connection.dialect, before, before, "k", world.clock.now(), None)
        case_rows.write_case(connection, statement, before)


def test_open_work_is_summed_per_person(ops_engine: Engine) -> None:
    world = World(ops_engine)
    for n in range(3):
        world.open(f"S{n}")
    with ops_engine.connect() as connection:
        # Tasks of a case of high priority weigh 2.
        assert sum(case_rows.open_loads(connection, {"q1", "q2", "ceo"}).values()) == 6.0
        assert case_rows.open_loads(connection, set()) == {}
