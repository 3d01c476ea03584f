"""Ingestion: everything that waits in the landing folder, in the inbox and for a retry -> raw tables.

``ingest`` is the entry. It holds no state of its own: the ledger and the warehouse say what is done, so that it can be
killed at any moment and started again. One ``ingest`` at a time may run; it needs the warehouse's only writer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import sqlalchemy as sa

from ops_assets.ingestion import inbox, retries
from ops_assets.ingestion.chunk_load import Session, load_drafts, open_session
from ops_assets.ingestion.drafts import Draft, Refusal, changed_dates
from ops_assets.ingestion.extract import Extract, FileUnreadable
from ops_assets.ingestion.guards import History, LoadedFile, late_days, refuse
from ops_assets.ingestion.judge import coerce_chunk, format_changes
from ops_assets.ingestion.landing_files import PendingFile, scan
from ops_assets.ingestion.landing_schema import LandingSchema, LandingTable
from ops_assets.ingestion.ledger import landing_file
from ops_assets.ingestion.ledger_writes import note_touched, recover, set_aside_files
from ops_assets.ingestion.raw_tables import ensure_raw_tables, loaded_batches
from ops_assets.ingestion.readers import read
from ops_assets.ingestion.report import IngestReport, LateFile, SetAside, merged
from resources.clock import Clock
from resources.fault_points import fault_point
from resources.ops_database import reading

Progress = Callable[[str, int, int], None]
CHUNK_ROWS = 200_000
_EMPTY = Extract((), ())


def ingest(
    *,
    engine: sa.Engine,
    warehouse: duckdb.DuckDBPyConnection,
    schema: LandingSchema,
    landing_dir: Path,
    clock: Clock,
    zone: ZoneInfo,
    progress: Progress | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> IngestReport:
    """Load all that is pending; files in order of (arrival, name), then events, then retries.

    ``zone`` is the pack's local time zone: naive timestamps in files are local. ``progress`` is called with (what,
    files done, files in all). Raises LandingFolderError, SchemaChangeRefused and LedgerMismatch before it loads
    anything; bad files and rows never raise.
    """
    ensure_raw_tables(warehouse, schema)
    held = loaded_batches(warehouse)
    recover(engine, held.keys(), landing_dir, clock.now())
    session = open_session(engine, warehouse, clock, str(zone))
    scanned = scan(engine, schema, landing_dir, clock=clock, zone=zone)
    with engine.begin() as connection:
        note_touched(connection, scanned.touched)
    reports = [IngestReport(unclaimed=scanned.unclaimed)]
    done = 0
    for table, files in _by_table(scanned.pending):
        history = _history(engine, table)
        for chunk in _chunks(table, files, chunk_rows):
            if progress is not None:
                progress(table.identifier, done, len(scanned.pending))
            reports.append(_load_files(session, table, chunk, history))
            done += len(chunk)
    if progress is not None:
        progress("events", done, len(scanned.pending))
    reports.append(inbox.load_events(session, schema))
    reports.append(retries.load_retries(session, schema))
    return merged(reports)


def _by_table(files: Sequence[PendingFile]) -> Iterator[tuple[LandingTable, list[PendingFile]]]:
    grouped: dict[str, list[PendingFile]] = {}
    for file in files:
        grouped.setdefault(file.table.identifier, []).append(file)
    for group in grouped.values():
        yield group[0].table, group


def _history(engine: sa.Engine, table: LandingTable) -> History:
    c = landing_file.c
    history = History()
    query = sa.select(c.path, c.version, c.sha256, c.rows_in, c.file_date, c.source_at).where(
        c.table_name == table.identifier, c.status == "loaded"
    )
    with reading(engine) as connection:
        for row in connection.execute(query):
            history.add(LoadedFile(row.path, row.version, row.sha256, row.rows_in or 0, row.file_date, row.source_at))
    return history


def _chunks(
    table: LandingTable, files: Sequence[PendingFile], chunk_rows: int
) -> Iterator[list[tuple[PendingFile, Extract | FileUnreadable | None]]]:
    """Read files until a chunk has enough rows. None stands for a file that changed since it was listed."""
    chunk: list[tuple[PendingFile, Extract | FileUnreadable | None]] = []
    rows = 0
    for file in files:
        found = _read(table, file)
        chunk.append((file, found))
        rows += found.rows_in if isinstance(found, Extract) else 0
        # A snapshot replaces the one before it, so it must find that one stored.
        if rows >= chunk_rows or table.kind == "snapshot":
            yield chunk
            chunk, rows = [], 0
    if chunk:
        yield chunk


def _read(table: LandingTable, file: PendingFile) -> Extract | FileUnreadable | None:
    try:
        content = file.file.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest() != file.sha256:
        return None
    try:
        return read(table, content)
    except FileUnreadable as unreadable:
        return unreadable


def _load_files(
    session: Session,
    table: LandingTable,
    found: list[tuple[PendingFile, Extract | FileUnreadable | None]],
    history: History,
) -> IngestReport:
    drafts: list[Draft] = []
    files: list[PendingFile] = []
    changed: list[str] = []
    unreadable: dict[int, FileUnreadable] = {}
    for file, content in found:
        if content is None:
            changed.append(file.path)
            continue
        if isinstance(content, FileUnreadable):
            unreadable[len(drafts)] = content
        extract = content if isinstance(content, Extract) else _EMPTY
        files.append(file)
        drafts.append(Draft(table, file.batch_id, "file", file.path, file.source_at, extract, file))
    chunk = coerce_chunk(table, [draft.extract for draft in drafts], zone=session.zone)
    changes = format_changes(chunk)
    refusals: list[Refusal] = []
    late: list[LateFile] = []
    kept: list[int] = []
    for at, (draft, file) in enumerate(zip(drafts, files, strict=True)):
        if at in unreadable:
            refusals.append(Refusal(at, unreadable[at].reason, unreadable[at].sentence))
            continue
        verdict = refuse(table, file, draft.extract.rows_in, history)
        if verdict is None and at in changes and not file.released:
            verdict = ("date_format_changed", changed_dates(changes[at]))
        if verdict is not None:
            refusals.append(Refusal(at, *verdict))
            continue
        draft.late_days = late_days(table, file, history)
        if draft.late_days is not None and file.file_date is not None:
            late.append(LateFile(table.identifier, file.path, file.file_date, draft.late_days))
        history.add(
            LoadedFile(file.path, file.version, file.sha256, draft.extract.rows_in, file.file_date, file.source_at)
        )
        kept.append(at)
    if refusals:
        with session.engine.begin() as connection:
            set_aside_files(connection, drafts, refusals, session.clock.now())
        fault_point("ingestion.after_set_aside")
    batches = load_drafts(session, table, [drafts[at] for at in kept], chunk, kept, full=table.kind == "snapshot")
    return IngestReport(
        batches=tuple(batches),
        set_aside=tuple(
            SetAside(table.identifier, drafts[r.draft_at].source_ref, r.reason, r.sentence) for r in refusals
        ),
        late=tuple(late),
        changed_while_read=tuple(changed),
    )
