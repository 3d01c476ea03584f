"""Lineage held against what a query really does: a column that changes an output must be in its lineage."""

from __future__ import annotations

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops_assets.sql_lineage import query_lineage

TABLES = {"a": ("id", "x", "y"), "b": ("id", "x", "z")}
_ROWS = {"a": [(1, 2, 3), (2, 5, 1), (3, 2, 2)], "b": [(1, 4, 1), (2, 1, 9), (4, 2, 2)]}
_OPERATORS = ("+", "-", "*")


@st.composite
def expressions(draw: st.DrawFn, columns: tuple[str, ...]) -> str:
    first = draw(st.sampled_from(columns))
    form = draw(st.integers(0, 4))
    if form == 0:
        return first
    second = draw(st.sampled_from((*columns, "7")))
    if form == 1:
        return f"{first} {draw(st.sampled_from(_OPERATORS))} {second}"
    if form == 2:
        return f"case when {first} > {second} then {draw(st.sampled_from(columns))} else 0 end"
    if form == 3:
        return f"coalesce(nullif({first}, {second}), {draw(st.sampled_from(columns))})"
    return f"(select max(q.z) from b as q where q.id = {first})"


@st.composite
def queries(draw: st.DrawFn, depth: int = 2) -> str:
    """A query with the columns k and v, over tables, joins, unions, groupings and common table expressions."""
    form = draw(st.integers(0, 4 if depth else 1))
    if form == 0:
        table = draw(st.sampled_from(sorted(TABLES)))
        columns = tuple(f"{table}.{name}" for name in TABLES[table])
        condition = draw(st.sampled_from(("", f" where {columns[1]} > 2", f" where {columns[2]} <> {columns[0]}")))
        return f"select {draw(expressions(columns))} as k, {draw(expressions(columns))} as v from {table}{condition}"
    if form == 1:
        columns = ("a.id", "a.x", "a.y", "b.x", "b.z")
        kind = draw(st.sampled_from(("join", "left join")))
        return (
            f"select {draw(expressions(columns))} as k, {draw(expressions(columns))} as v "
            f"from a {kind} b on a.id = b.id and a.x <= b.z"
        )
    if form == 2:
        return f"{draw(queries(depth=depth - 1))} union all {draw(queries(depth=depth - 1))}"
    inner = draw(queries(depth=depth - 1))
    if form == 3:
        return f"select t.k as k, sum(t.v) as v from ({inner}) as t group by t.k having count(*) > 0"
    value = draw(expressions(("t.k", "t.v")))
    return f"select * from (with t as ({inner}) select {value} as k, t.v from t where t.k is not null) as w"


def _answer(query: str, change: tuple[str, str] | None) -> list[tuple[object, ...]]:
    connection = duckdb.connect()
    for table, columns in TABLES.items():
        connection.execute(f"create table {table} ({', '.join(f'{name} integer' for name in columns)})")
        connection.executemany(f"insert into {table} values ({', '.join('?' * len(columns))})", _ROWS[table])
        if change is not None and change[0] == table:
            connection.execute(f"update {table} set {change[1]} = {change[1]} * 3 + 1")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(queries())
def test_what_changes_an_output_is_in_its_lineage(query: str) -> None:
    values, rows = query_lineage(query, TABLES)
    assert list(values) == ["k", "v"]
    before = _answer(query, None)
    for table, columns in TABLES.items():
        for name in columns:
            after = _answer(query, (table, name))
            for position, output in enumerate(("k", "v")):
                if sorted(map(repr, (row[position] for row in before))) != sorted(
                    map(repr, (row[position] for row in after))
                ):
                    known = {str(column) for column in (*values[output], *rows)}
                    assert f"{table}.{name}" in known, (output, f"{table}.{name}", query)
