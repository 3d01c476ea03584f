"""A platform on the adventureworks pack in a temporary state folder: load, build and read, all in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from ops_assets.ingestion.inbox import accept
from ops_assets.ingestion.landing_schema import LandingSchema, read_landing_schema
from ops_assets.ingestion.load import ingest
from ops_assets.ingestion.report import IngestReport
from resources.clock import FixedClock
from resources.dbt import NodeResult
from resources.packs import PACKS_DIR
from resources.platform import Platform
from resources.settings import Settings


class PackPlatform:
    """``landing`` is only read. The clock stands at 2026-11-16 18:00 UTC until it is advanced."""

    def __init__(self, home: Path, landing: Path) -> None:
        settings = Settings(home=home, source_pack="adventureworks", source_dir=landing, database_url="")
        self.clock = FixedClock(datetime(2026, 11, 16, 18, 0, tzinfo=UTC))
        self.platform = Platform(settings, clock=self.clock)
        self.platform.claim_state_folder()
        self.schema: LandingSchema = read_landing_schema([self.platform.pack.folder, PACKS_DIR / "trueloop"])

    def ingest(self) -> IngestReport:
        with self.platform.warehouse.connection() as connection:
            return ingest(
                engine=self.platform.ops_engine,
                warehouse=connection,
                schema=self.schema,
                landing_dir=self.platform.settings.landing_dir,
                clock=self.clock,
                zone=self.platform.pack.zone,
            )

    def record(self, table: str, records: Sequence[Mapping[str, Any]]) -> IngestReport:
        """Load rows of the platform's own source, as the platform does after each case, task and run."""
        events = [
            {
                "event_id": sha256(repr((table, sorted(record.items()))).encode()).hexdigest(),
                "table": table,
                "row": dict(record),
            }
            for record in records
        ]
        accept(self.platform.ops_engine, "trueloop", events, self.clock)
        return self.ingest()

    def build(self, *, select: Sequence[str] = (), full_refresh: bool = False, tests: bool = False) -> list[NodeResult]:
        """Run dbt; every node must succeed."""
        with self.platform.warehouse.exclusive():
            results = self.platform.dbt.build(select=select, full_refresh=full_refresh, tests=tests)
        failed = [f"{r.unique_id}: {r.message}" for r in results if r.failed or r.status == "skipped"]
        assert results, "nothing was selected"
        assert not failed, "\n".join(failed)
        return results

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.platform.warehouse.connection() as connection:
            return connection.execute(sql).fetchall()

    def row(self, sql: str) -> tuple[Any, ...]:
        (only,) = self.rows(sql)
        return only

    def content(self, schemas: Sequence[str]) -> dict[str, list[tuple[Any, ...]]]:
        """Every table of the schemas, as sorted rows without the batch numbers."""
        listed = ", ".join(f"'{schema}'" for schema in schemas)
        found: dict[str, list[tuple[Any, ...]]] = {}
        for schema, table in self.rows(
            f"select table_schema, table_name from information_schema.tables where table_schema in ({listed})"
        ):
            rows = self.rows(f"select * exclude (_batch_seq) from {schema}.{table}")
            found[f"{schema}.{table}"] = sorted(rows, key=repr)
        return found

    def close(self) -> None:
        self.platform.ops_engine.dispose()
