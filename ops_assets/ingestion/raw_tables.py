"""The raw schema of the warehouse: one table per declared source table, and the list of loaded batches.

Creates what is missing and adds columns that the landing schema gained; every other change of a table that holds data
is refused, because it would silently change what was loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import duckdb

from ops_assets.ingestion.landing_schema import LandingSchema, LandingTable
from ops_assets.sql_names import quoted

_TECHNICAL = (
    ("_batch_id", "VARCHAR"),
    ("_batch_seq", "BIGINT"),
    ("_row_no", "INTEGER"),
    ("_loaded_at", "TIMESTAMP"),
    ("_is_current", "BOOLEAN"),
    # The batch that made a row stop being current: models that are built by day find the days it leaves.
    ("_retired_seq", "BIGINT"),
)


class SchemaChangeRefused(RuntimeError):
    """A landing schema changed in a way that does not fit the data already loaded."""


def raw_name(table: LandingTable) -> str:
    """The quoted, qualified raw table."""
    return f"raw.{quoted(table.identifier)}"


def ensure_raw_tables(connection: duckdb.DuckDBPyConnection, schema: LandingSchema) -> None:
    """Make every declared raw table exist with its declared columns. Raises SchemaChangeRefused, changing nothing."""
    connection.execute("begin")
    try:
        connection.execute("create schema if not exists raw")
        connection.execute(
            "create table if not exists raw.loaded_batch (batch_id VARCHAR not null, seq BIGINT not null, "
            "rows BIGINT not null, table_name VARCHAR not null, kind VARCHAR not null, source_at TIMESTAMP not null, "
            "loaded_at TIMESTAMP not null)"
        )
        existing: dict[str, dict[str, str]] = {}
        for table_name, column, data_type in connection.execute(
            "select table_name, column_name, data_type from information_schema.columns where table_schema = 'raw' "
            "and table_catalog = current_database()"
        ).fetchall():
            existing.setdefault(table_name, {})[column] = data_type
        for table in schema.tables:
            for statement in _statements(table, existing.get(table.identifier)):
                connection.execute(statement)
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _statements(table: LandingTable, existing: dict[str, str] | None) -> Iterable[str]:
    declared = [(column.name, column.sql_type) for column in table.columns]
    if existing is None:
        columns = ", ".join(f"{quoted(name)} {sql_type}" for name, sql_type in [*declared, *_TECHNICAL])
        yield f"create table {raw_name(table)} ({columns})"
        return
    for name, sql_type in declared:
        held = existing.get(name)
        if held is None:
            yield f"alter table {raw_name(table)} add column {quoted(name)} {sql_type}"
        elif held != sql_type:
            raise SchemaChangeRefused(
                f"{table.where}: column {name!r} of {table.raw_name} is declared as {sql_type} but holds {held} in the "
                "warehouse. Declare it as before, or under a new name; or delete the warehouse file, so that "
                "everything is loaded again."
            )
    gone = sorted(set(existing) - {name for name, _ in declared} - {name for name, _ in _TECHNICAL})
    if gone:
        raise SchemaChangeRefused(
            f"{table.where}: {table.raw_name} holds {', '.join(map(repr, gone))}, no longer declared. Keep the "
            "declaration (with `optional: true` where files lack the column), or delete the warehouse file, so that "
            "everything is loaded again."
        )


def loaded_batches(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Batch id -> sequence number of everything that the warehouse holds."""
    return dict(connection.execute("select batch_id, seq from raw.loaded_batch").fetchall())


def newest_snapshot(connection: duckdb.DuckDBPyConnection, table: LandingTable) -> tuple[datetime, int] | None:
    """(instant in UTC, sequence number) of the newest full snapshot loaded for a table, or None."""
    row = connection.execute(
        "select source_at, seq from raw.loaded_batch where table_name = ? and kind = 'file' "
        "order by source_at desc, seq desc limit 1",
        [table.identifier],
    ).fetchone()
    return None if row is None else (row[0], row[1])
