"""A dry run over the landing folder: what would be loaded, quarantined and set aside, without writing anything.

It judges files by themselves: repeats, corrections and re-used ids need the warehouse and show only when loading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from ops_assets.ingestion.extract import FileUnreadable
from ops_assets.ingestion.judge import coerce_chunk, format_changes, validate
from ops_assets.ingestion.landing_files import scan
from ops_assets.ingestion.landing_schema import LandingSchema
from ops_assets.ingestion.ledger import ingestion_batch, landing_file
from ops_assets.ingestion.readers import read
from resources.clock import Clock
from resources.ops_database import reading


@dataclass(slots=True)
class SourceCheck:
    """One source table. ``files``/``rows`` are waiting, ``loaded_*`` what the ledger holds; ``would_quarantine`` counts
    waiting rows by rule; ``would_set_aside`` holds (path, reason, sentence); ``examples`` a few sentences with file and
    line."""

    system: str
    table: str
    globs: tuple[str, ...]
    loaded_files: int = 0
    loaded_rows: int = 0
    set_aside_files: int = 0
    files: int = 0
    rows: int = 0
    declared_nulls: int = 0
    would_quarantine: dict[str, int] = field(default_factory=dict)
    would_set_aside: list[tuple[str, str, str]] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All source tables, and files that no landing schema names."""

    tables: Sequence[SourceCheck]
    unclaimed: Sequence[str]

    @property
    def clean(self) -> bool:
        return not any(check.would_quarantine or check.would_set_aside for check in self.tables)


def check_sources(
    *, engine: sa.Engine, schema: LandingSchema, landing_dir: Path, clock: Clock, zone: ZoneInfo
) -> CheckReport:
    """Judge every waiting file. Raises LandingFolderError."""
    checks = {table.identifier: SourceCheck(table.system, table.name, table.files) for table in schema.tables}
    _fill_from_ledger(engine, checks)
    scanned = scan(engine, schema, landing_dir, clock=clock, zone=zone)
    for file in scanned.pending:
        check = checks[file.table.identifier]
        check.files += 1
        try:
            extract = read(file.table, file.file.read_bytes())
        except FileUnreadable as unreadable:
            check.would_set_aside.append((file.path, unreadable.reason, unreadable.sentence))
            continue
        except OSError as error:
            check.would_set_aside.append((file.path, "unreadable", f"The file cannot be read: {error.strerror}."))
            continue
        chunk = coerce_chunk(file.table, [extract], zone=str(zone))
        change = format_changes(chunk).get(0)
        if change is not None:
            check.would_set_aside.append((file.path, "date_format_changed", change.sentence))
            continue
        validate(chunk)
        check.rows += extract.rows_in
        check.declared_nulls += sum(int(mask.sum()) for mask in chunk.declared_nulls.values())
        for bad in extract.malformed:
            _count(check, bad.rule)
            _example(check, f"{file.path}:{bad.line}: {bad.why}")
        for position, failures in sorted(chunk.failures.items()):
            _count(check, failures[0].rule)
            _example(check, f"{file.path}:{chunk.line[position]}: {failures[0].message}")
    return CheckReport(list(checks.values()), scanned.unclaimed)


def list_sources(engine: sa.Engine, schema: LandingSchema) -> list[SourceCheck]:
    """Every source table with what the ledger holds of it; looks at no file."""
    checks = {table.identifier: SourceCheck(table.system, table.name, table.files) for table in schema.tables}
    _fill_from_ledger(engine, checks)
    return list(checks.values())


def _fill_from_ledger(engine: sa.Engine, checks: dict[str, SourceCheck]) -> None:
    f, b = landing_file.c, ingestion_batch.c
    with reading(engine) as connection:
        for table, status, count in connection.execute(
            sa.select(f.table_name, f.status, sa.func.count()).group_by(f.table_name, f.status)
        ):
            if table in checks and status == "loaded":
                checks[table].loaded_files = count
            elif table in checks and status == "set_aside":
                checks[table].set_aside_files = count
        for table, rows in connection.execute(
            sa.select(b.table_name, sa.func.sum(b.rows_loaded)).where(b.status == "loaded").group_by(b.table_name)
        ):
            if table in checks:
                checks[table].loaded_rows = int(rows or 0)


def _example(check: SourceCheck, sentence: str) -> None:
    if len(check.examples) < 5:
        check.examples.append(sentence)


def _count(check: SourceCheck, rule: str) -> None:
    check.would_quarantine[rule] = check.would_quarantine.get(rule, 0) + 1
