"""Very many open cases and tasks: copies of one real case, written by the database itself in a few statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from workflow_jobs.store.tables import case, task

_STEPS = ("judge", "supplier", "protect", "assess", "promise")
_PRIORITIES = ("urgent", "high", "high", "normal", "normal", "normal", "low")


def add_cases(engine: sa.Engine, original: str, count: int, people: Sequence[str]) -> None:
    """Copy a case with its task ``count`` times; the copies stand at different steps, with different priorities and
    ``people``.
    """
    with engine.begin() as connection:
        numbers = _numbers(connection, count)
        copy, priority = f"'{original}-' || n", _one_of(_PRIORITIES)
        changed = {"case_id": copy, "subject_id": copy, "open_key": copy, "priority": priority}
        columns = _columns(case, changed | {"subject_label": "subject_label || ' ' || n"})
        state = "replace(state, :original, :original || '-' || n)"
        if connection.dialect.name == "postgresql":
            state = "replace(state::text, :original, :original || '-' || n)::json"
        columns["state"] = state
        _insert(connection, case, columns, numbers, {"original": original})
        also = {"priority": priority, "assignee": _one_of(people)}
        _copy_task(connection, original, numbers, case_id=copy, due="next_rung_at", also=also)
    _settle(engine)


def add_tasks(engine: sa.Engine, original: str, count: int, *, due: datetime) -> None:
    """Copy a case's task ``count`` times within its case: nobody has them, and each has its next rung, and the end of
    its time to be claimed, at ``due`` or later.
    """
    with engine.begin() as connection:
        late = f"'{due:%Y-%m-%d %H:%M:%S.000000}'"
        if connection.dialect.name == "postgresql":
            late = f"timestamp {late} + n * interval '1 second'"
        else:
            late = f"strftime('%Y-%m-%d %H:%M:%f000', {late}, '+' || n || ' seconds')"
        also = {"assignee": "NULL", "pooled": "true", "claim_until": late}
        _copy_task(connection, original, _numbers(connection, count), case_id="case_id", due=late, also=also)
    _settle(engine)


def make_due(engine: sa.Engine, count: int, at: datetime) -> None:
    """Let the next rung of ``count`` tasks, and their time to be claimed, be due at ``at``."""
    with engine.begin() as connection:
        some = sa.select(task.c.task_id).order_by(task.c.next_rung_at.desc()).limit(count)
        connection.execute(task.update().where(task.c.task_id.in_(some)).values(next_rung_at=at, claim_until=at))


def _one_of(values: Sequence[str]) -> str:
    """SQL that takes the values in turn, by the number of the copy."""
    return f"(CASE n % {len(values)} " + " ".join(f"WHEN {at} THEN '{one}'" for at, one in enumerate(values)) + " END)"


def _copy_task(
    connection: sa.Connection,
    original: str,
    numbers: str,
    *,
    case_id: str,
    due: str,
    also: Mapping[str, str] | None = None,
) -> None:
    later = "due_at + (n % 86400) * interval '1 second'"
    if connection.dialect.name == "sqlite":
        later = "strftime('%Y-%m-%d %H:%M:%f000', due_at, '+' || (n % 86400) || ' seconds')"
    changed = {"task_id": "task_id || '-' || n", "case_id": case_id, "step_id": _one_of(_STEPS), "next_rung_at": due}
    changed |= {"due_at": later, **(also or {})}
    _insert(connection, task, _columns(task, changed), numbers, {"original": original}, "AND step_id = 'judge'")


def _insert(
    connection: sa.Connection,
    table: sa.Table,
    columns: dict[str, str],
    numbers: str,
    values: dict[str, str],
    also: str = "",
) -> None:
    names = ", ".join(columns)
    chosen = ", ".join(columns.values())
    of = f"(SELECT * FROM {table.name} WHERE case_id = :original {also}) AS model"
    connection.execute(
        sa.text(f"INSERT INTO {table.name} ({names}) SELECT {chosen} FROM {of} CROSS JOIN ({numbers}) AS numbers"),
        values,
    )


def _columns(table: sa.Table, changed: dict[str, str]) -> dict[str, str]:
    return {column.name: changed.get(column.name, column.name) for column in table.columns}


def _numbers(connection: sa.Connection, count: int) -> str:
    if connection.dialect.name == "postgresql":
        return f"SELECT n FROM generate_series(1, {count}) AS n"
    return f"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s"


def _settle(engine: sa.Engine) -> None:
    """Let the database take stock of its tables, as it does by itself in time."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE" if engine.dialect.name == "postgresql" else "PRAGMA optimize")
