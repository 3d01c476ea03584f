"""A small world for tests of ingestion: a landing folder, a warehouse, an ops database and a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import sqlalchemy as sa

from ops_assets.ingestion import accounting
from ops_assets.ingestion.landing_schema import LandingSchema, read_landing_schema
from ops_assets.ingestion.ledger import landing_file, quarantine_row
from ops_assets.ingestion.load import ingest
from ops_assets.ingestion.report import IngestReport
from resources.clock import FixedClock

PACKS = Path(__file__).resolve().parent
SHANGHAI = ZoneInfo("Asia/Shanghai")
ORDER_HEADER = "order_no,line_no,customer_no,ordered_at,quantity,unit_price,promised_date,status"


def order_line(
    order_no: str = "SO0001",
    line_no: object = 1,
    *,
    customer_no: str = "C1",
    ordered_at: str = "2026-11-02 10:00:00",
    quantity: object = 5,
    unit_price: str = "12.50",
    promised_date: str = "2026-11-20",
    status: str = "open",
) -> str:
    """One CSV line of ``erp.order_lines``."""
    values = (order_no, line_no, customer_no, ordered_at, quantity, unit_price, promised_date, status)
    return ",".join(map(str, values))


@dataclass
class World:
    """``home`` holds the landing folder and the warehouse."""

    home: Path
    engine: sa.Engine
    clock: FixedClock = field(default_factory=lambda: FixedClock(datetime(2026, 11, 16, 1, 30, tzinfo=UTC)))
    schema: LandingSchema = field(default_factory=lambda: read_landing_schema(PACKS / "orders"))

    def __post_init__(self) -> None:
        self.landing.mkdir(parents=True, exist_ok=True)
        self.warehouse = duckdb.connect(str(self.home / "warehouse.duckdb"))

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    def land(self, path: str, content: str | bytes) -> Path:
        """Put a file into the landing folder."""
        file = self.landing / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def land_orders(self, name: str, lines: Iterable[str]) -> Path:
        return self.land(f"erp/order_lines_{name}.csv", "\n".join([ORDER_HEADER, *lines]) + "\n")

    def ingest(
        self, *, chunk_rows: int = 200_000, progress: Callable[[str, int, int], None] | None = None
    ) -> IngestReport:
        """Run ingestion, and insist that no row was lost."""
        report = ingest(
            engine=self.engine,
            warehouse=self.warehouse,
            schema=self.schema,
            landing_dir=self.landing,
            clock=self.clock,
            zone=SHANGHAI,
            chunk_rows=chunk_rows,
            progress=progress,
        )
        for batch in report.batches:
            assert batch.rows_in == batch.rows_loaded + batch.rows_quarantined
        assert accounting.imbalances(self.engine, self.warehouse) == []
        return report

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.warehouse.execute(sql, list(parameters)).fetchall()

    def orders(self) -> list[tuple[Any, ...]]:
        """Current (order_no, line_no, quantity, status)."""
        return self.rows(
            "select order_no, line_no, quantity, status from raw.erp__order_lines where _is_current order by all"
        )

    def quarantined(self) -> list[tuple[str, int, str, str]]:
        """(source, line, rule, status) of every quarantined row."""
        c = quarantine_row.c
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(c.source_ref, c.line, c.rule, c.status).order_by(c.source_ref, c.line))
            return [(row[0], row[1], row[2], row[3]) for row in rows]

    def files(self) -> dict[str, tuple[str, str | None]]:
        """path -> (status, reason), newest version."""
        c = landing_file.c
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(c.path, c.status, c.reason).order_by(c.version))
            return {row[0]: (row[1], row[2]) for row in rows}

    def state(self) -> Mapping[str, Sequence[tuple[Any, ...]]]:
        """Everything that must not depend on how ingestion was chunked, repeated or interrupted."""
        tables = [name for (name,) in self.rows("select table_name from duckdb_tables() where schema_name = 'raw'")]
        state: dict[str, Sequence[tuple[Any, ...]]] = {}
        for table in sorted(tables):
            columns = [
                name
                for (name,) in self.rows("select column_name from duckdb_columns() where table_name = ?", table)
                if name not in ("_loaded_at", "loaded_at", "_retired_seq")
            ]
            state[table] = self.rows(f"select {', '.join(columns)} from raw.{table} order by all")
        state["quarantine"] = self.quarantined()
        state["files"] = sorted((path, *verdict) for path, verdict in self.files().items())
        return state

    def close(self) -> None:
        self.warehouse.close()
