"""The landing schemas of the pack against the generator: exactly the planted faults are found, each at its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
import sqlalchemy as sa

from ops_assets.dongchen.generate import generate
from ops_assets.ingestion.landing_schema import LandingSchema, read_landing_schema
from ops_assets.ingestion.ledger import quarantine_row
from ops_assets.ingestion.load import ingest
from ops_assets.ingestion.report import IngestReport
from resources.clock import FixedClock
from resources.ops_database import migrate, open_engine

PACK = Path(__file__).resolve().parents[2] / "dbt_project" / "models" / "staging" / "dongchen"
UNTIL = date(2026, 11, 21)
AT = datetime(2026, 11, 21, 15, 59, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_engine(f"sqlite:///{tmp_path}/ops.db")
    migrate(engine)
    yield engine
    engine.dispose()


def _ingest(engine: sa.Engine, folder: Path) -> tuple[LandingSchema, IngestReport]:
    schema = read_landing_schema(PACK)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as warehouse:
        report = ingest(
            engine=engine,
            warehouse=warehouse,
            schema=schema,
            landing_dir=folder / "landing",
            clock=FixedClock(AT),
            zone=ZoneInfo("Asia/Shanghai"),
        )
    return schema, report


def test_planted_faults_are_found_where_they_lie_and_nothing_else(tmp_path: Path, engine: sa.Engine) -> None:
    truth_file = tmp_path / "truth.json"
    generate(tmp_path / "landing", truth_file, seed=12, scale=0.02, days=100, until=UNTIL, faults="all")
    faults = json.loads(truth_file.read_text())["faults"]
    _, report = _ingest(engine, tmp_path)
    assert {(found.reason, found.path) for found in report.set_aside} == {
        (fault["rule"], fault["file"]) for fault in faults if fault["outcome"] == "set_aside"
    }
    assert {found.path for found in report.late} == {f["file"] for f in faults if f["kind"] == "late_file"}
    with engine.connect() as connection:
        columns = quarantine_row.c
        query = sa.select(columns.rule, columns.source_ref, columns.line, columns.status)
        found = sorted((row.rule, row.source_ref, row.line, row.status) for row in connection.execute(query))
    assert found == sorted(
        (fault["rule"], fault["file"], fault["line"], "repaired" if fault["outcome"] == "repaired" else "open")
        for fault in faults
        if fault["outcome"] == "quarantined" or fault["kind"] == "duplicate_row"
    )
    assert report.unclaimed == ()


def test_clean_history_is_loaded_whole(tmp_path: Path, engine: sa.Engine) -> None:
    truth_file = tmp_path / "truth.json"
    generate(tmp_path / "landing", truth_file, seed=12, scale=0.02, days=60, until=UNTIL, faults="none")
    tables = json.loads(truth_file.read_text())["tables"]
    schema, report = _ingest(engine, tmp_path)
    assert (report.set_aside, report.late, report.unclaimed, report.rows_quarantined) == ((), (), (), 0)
    assert report.rows_loaded == sum(table["rows_in"] for table in tables.values())
    assert {f"{table.system}.{table.name}" for table in schema.tables} == set(tables)
