"""The same work in DuckDB alone: noted statements again on a copy of the warehouse, files read without any checks."""

from __future__ import annotations

import re
import shutil
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.sql_log import Statement
from ops_assets.ingestion.landing_schema import LandingTable

_CATALOGUE = re.compile(r"\bduckdb_\w+\(|information_schema|\bversion\(\)|column_type as data_type", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CHANGING = re.compile(r"'[^']*'|[0-9a-f]{8,}|\d+|\?")
_PARQUET = re.compile(r"\bto '([^']+\.parquet)'")
_READERS = {
    # Told the dialect, as the landing schema tells it to the platform: guessing it takes most of the time.
    "csv": "read_csv({}, all_varchar = true, header = true, delim = ',', quote = '\"', sample_size = 20, "
    "ignore_errors = true)",
    "jsonl": "read_json({}, format = 'newline_delimited', union_by_name = true, ignore_errors = true)",
    "parquet": "read_parquet({}, union_by_name = true)",
}


@dataclass(frozen=True)
class BareRun:
    """Seconds of all statements one after the other, and of each kind of statement (see ``kind_of``)."""

    seconds: float
    by_kind: Mapping[str, float]


class CopyOfState:
    """Warehouse and snapshots of a state folder, copied before a stage, so that its SQL can be repeated on them."""

    def __init__(self, home: Path, copy: Path) -> None:
        self._home = home
        self._copy = copy
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(parents=True)
        for name in ("warehouse", "serving"):
            if (home / name).exists():
                shutil.copytree(home / name, copy / name)

    @property
    def warehouse(self) -> Path:
        return self._copy / "warehouse" / "warehouse.duckdb"

    def repeat(self, statements: Sequence[Statement]) -> BareRun:
        """Run the statements in their order, each session on a connection of its own. Raises duckdb.Error."""
        told = [
            (statement, statement.sql.replace(str(self._home), str(self._copy)))
            for statement in statements
            if is_work(statement)
        ]
        (self._copy / "serving" / "snapshots").mkdir(parents=True, exist_ok=True)
        for _, sql in told:
            for path in _PARQUET.findall(sql):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
        by_kind: dict[str, float] = defaultdict(float)
        with duckdb.connect(str(self.warehouse)) as connection:
            sessions: dict[str, duckdb.DuckDBPyConnection] = {}
            for statement, sql in told:
                session = sessions.get(statement.session)
                if session is None:
                    session = sessions[statement.session] = connection.cursor()
                began = time.perf_counter()
                session.execute(sql, statement.parameters)
                by_kind[kind_of(statement)] += time.perf_counter() - began
        return BareRun(sum(by_kind.values()), dict(by_kind))


def is_work(statement: Statement) -> bool:
    """False for what only dbt needs: its looks into DuckDB's catalogue, on connections of its own or of a model."""
    text = _COMMENT.sub("", statement.sql).lstrip().lower()
    if statement.session and not statement.session.startswith(("model.", "test.", "unit_test.")):
        return text.startswith("create schema")
    return not text.startswith("describe") and not (text.startswith("select") and _CATALOGUE.search(text))


def kind_of(statement: Statement) -> str:
    """Model and first words, or ``dbt tests``; for other statements their text without names, dates and numbers."""
    if statement.session.startswith("model."):
        words = _COMMENT.sub("", statement.sql).split()
        return f"{statement.session.rsplit('.', 1)[-1]}: {' '.join(words[:2]).lower().split('(')[0]}"
    if statement.session:
        return "dbt tests"
    return _CHANGING.sub("#", " ".join(statement.sql.split()))[:110]


def read_files(tables: Iterable[LandingTable], files: Sequence[Path], landing: Path, target: Path) -> float:
    """Seconds of reading ``files`` into tables of text with DuckDB's own readers: no checks, no ledger."""
    target.unlink(missing_ok=True)
    began = time.perf_counter()
    with duckdb.connect(str(target)) as connection:
        for table in tables:
            mine = [str(path) for path in files if any(path.relative_to(landing).match(glob) for glob in table.files)]
            if not mine:
                continue
            reader = _READERS[table.format].format(mine)
            connection.execute(f'create table "{table.identifier}" as select * from {reader}')
    return time.perf_counter() - began


def contents(warehouse: Path) -> dict[str, tuple[int, int]]:
    """Number and combined hash of the rows of every conformed and metric table."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        names = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables "
            "where table_schema in ('conformed', 'metrics') and table_type = 'BASE TABLE' order by 1"
        ).fetchall()
        found = {}
        for (name,) in names:
            count, digest = connection.execute(f"select count(*), bit_xor(hash(t)) from {name} as t").fetchone() or (
                0,
                0,
            )
            found[name] = (int(count), int(digest or 0))
        return found
