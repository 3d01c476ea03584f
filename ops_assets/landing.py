"""Landing of one installation: its landing schema, what is pending, and loading it into the raw tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ops_assets.ingestion.accounting import imbalances
from ops_assets.ingestion.landing_schema import LandingSchema, LandingTable, read_landing_schema
from ops_assets.ingestion.load import ingest
from ops_assets.ingestion.report import IngestReport
from ops_assets.project import Project
from resources.packs import PACKS_DIR, SourcePack
from resources.platform import Platform

PLATFORM_SYSTEM = "trueloop"
RUNS_TABLE = "runs"


@dataclass
class TableRows:
    """What one landing brought for one table. ``rows_in = rows_loaded + rows_quarantined``."""

    batches: int = 0
    rows_in: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0


@dataclass(frozen=True)
class LandingReport:
    """One landing: the ingestion report, its rows by raw table, and a sentence for each batch that does not add up."""

    ingestion: IngestReport
    by_table: Mapping[str, TableRows]
    imbalances: tuple[str, ...] = ()

    def __getitem__(self, identifier: str) -> TableRows:
        return self.by_table.get(identifier, TableRows())


def landing_schema(platform: Platform) -> LandingSchema:
    """Landing schemas of the chosen pack and of the platform's own records. Raises LandingSchemaError."""
    return pack_landing_schema(platform.pack)


def pack_landing_schema(pack: SourcePack) -> LandingSchema:
    """Landing schemas of one pack and of the platform's own records. Raises LandingSchemaError."""
    return _schema(pack.folder)


def landing_tables(platform: Platform) -> Sequence[LandingTable]:
    """All source tables, in order of their raw table's name."""
    return landing_schema(platform).tables


def process_metrics(project: Project) -> frozenset[str]:
    """Metrics on the platform's own records: the process measured, so they cannot also be what starts it."""
    return frozenset(
        name
        for name, sources in project.sources.items()
        if name.startswith("metric_") and any(source.startswith(f"{PLATFORM_SYSTEM}__") for source in sources)
    )


def land(platform: Platform, *, progress: Callable[[str], None] | None = None) -> LandingReport:
    """Load everything pending into the warehouse; holds the warehouse meanwhile."""
    settings = platform.settings

    said = -1

    def step(what: str, done: int, total: int) -> None:
        nonlocal said
        tenth = 10 * done // total if total else -1
        if progress is not None and tenth > said:
            said = tenth
            progress(f"loading {what} ({done} of {total} files done)")

    if settings.source_dir is None:
        settings.landing_dir.mkdir(parents=True, exist_ok=True)
    with platform.warehouse.connection() as connection:
        report = ingest(
            engine=platform.ops_engine,
            warehouse=connection,
            schema=landing_schema(platform),
            landing_dir=settings.landing_dir,
            clock=platform.clock,
            zone=platform.pack.zone,
            progress=step,
        )
        first = min((batch.seq for batch in report.batches), default=None)
        wrong = [] if first is None else imbalances(platform.ops_engine, connection, since_seq=first)
    by_table: dict[str, TableRows] = defaultdict(TableRows)
    for batch in report.batches:
        rows = by_table[batch.table]
        rows.batches += 1
        rows.rows_in += batch.rows_in
        rows.rows_loaded += batch.rows_loaded
        rows.rows_quarantined += batch.rows_quarantined
    if progress is not None:
        for file in report.set_aside:
            progress(f"set aside {file.path}: {file.sentence}")
        progress(
            f"{report.rows_in} rows in = {report.rows_loaded} loaded + {report.rows_quarantined} quarantined, "
            f"{len(report.set_aside)} files set aside, {len(report.late)} late"
        )
    return LandingReport(report, dict(by_table), tuple(entry.sentence for entry in wrong))


@cache
def _schema(pack_folder: Path) -> LandingSchema:
    return read_landing_schema([pack_folder, PACKS_DIR / PLATFORM_SYSTEM])
