"""Raw tables for tests of the dbt models, written as ingestion writes them, but by a few lines.

Belongs here: versions of rows (`_is_current`) and batch numbers. No landing files, no checks: models see only tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from resources.settings import DBT_PROJECT_DIR

Row = Mapping[str, Any]
STAGING = DBT_PROJECT_DIR / "models" / "staging"


@dataclass(frozen=True)
class RawTable:
    """A declared source table. ``identifier`` is its physical name, ``columns`` name -> type."""

    identifier: str
    columns: dict[str, str]
    key: tuple[str, ...]
    snapshot: bool


def declared_tables(*packs: str) -> dict[str, RawTable]:
    """All source tables of the packs, by physical name."""
    tables = {}
    for pack in packs:
        for path in sorted((STAGING / pack).rglob("_sources.yml")):
            for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
                for table in source["tables"]:
                    landing = table["config"]["meta"]["landing"]
                    tables[table["identifier"]] = RawTable(
                        table["identifier"],
                        {column["name"]: column["data_type"] for column in table["columns"]},
                        tuple(landing["key"]),
                        landing["kind"] == "snapshot",
                    )
    return tables


class RawTables:
    """The raw schema of a warehouse file. Every ``load`` is one batch with the next sequence number."""

    def __init__(self, warehouse: Path, tables: dict[str, RawTable]) -> None:
        self._warehouse = warehouse
        self._tables = tables
        self._seq = 0
        warehouse.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute("create schema raw")
            for table in tables.values():
                columns = ", ".join(f'"{name}" {data_type}' for name, data_type in table.columns.items())
                connection.execute(
                    f"create table raw.{table.identifier} ({columns}, _batch_id varchar, _batch_seq bigint, "
                    "_row_no integer, _loaded_at timestamp, _is_current boolean)"
                )

    def load(self, identifier: str, rows: Iterable[Row]) -> None:
        """Add rows as the newest versions of their keys; a snapshot also ends every row that it leaves out."""
        table = self._tables[identifier]
        self._seq += 1
        columns = ", ".join(f'"{name}"' for name in table.columns)
        marks = ", ".join("?" for _ in table.columns)
        with duckdb.connect(str(self._warehouse)) as connection:
            connection.execute("begin")
            if table.snapshot:
                connection.execute(f"update raw.{identifier} set _is_current = false")
            for number, row in enumerate(rows, start=1):
                assert set(row) <= set(table.columns), f"{identifier}: {set(row) - set(table.columns)}"
                if not table.snapshot:
                    same = " and ".join(f'"{name}" = ?' for name in table.key)
                    connection.execute(
                        f"update raw.{identifier} set _is_current = false where {same}",
                        [row[name] for name in table.key],
                    )
                connection.execute(
                    f"insert into raw.{identifier} "
                    f"({columns}, _batch_id, _batch_seq, _row_no, _loaded_at, _is_current) "
                    f"values ({marks}, ?, ?, ?, timestamp '2026-01-01', true)",
                    [*(row.get(name) for name in table.columns), f"b{self._seq}", self._seq, number],
                )
            connection.execute("commit")
