"""Writes to the ledger around a load, and what a killed run left behind.

The order is what makes a load safe at any moment:

1. ops database: batches and files ``loading``, their quarantined rows, the events and retries they take;
2. warehouse: rows and ``raw.loaded_batch``, one transaction;
3. ops database: ``loaded``.

``recover`` runs first in every ingestion. A batch that is ``loading`` is finished if the warehouse has it, and undone
if not; then its file, events or retries are pending again and give the same batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ops_assets.ingestion.drafts import Draft, Refusal
from ops_assets.ingestion.landing_files import PendingFile
from ops_assets.ingestion.ledger import inbox_event, ingestion_batch, landing_file, quarantine_row
from ops_assets.ingestion.report import BatchReport

_SLICE = 500  # ids in one IN (...): SQLite limits the variables of a statement


class LedgerMismatch(RuntimeError):
    """Warehouse and ops database do not belong together; the text says which is behind and what to do."""


def recover(engine: sa.Engine, in_warehouse: Collection[str], landing_dir: Path, now: datetime) -> int:
    """Finish or undo what an earlier run left; returns the number of batches undone. Raises LedgerMismatch."""
    held = set(in_warehouse)
    with engine.begin() as connection:
        batches = connection.execute(
            sa.select(ingestion_batch.c.batch_id, ingestion_batch.c.status, ingestion_batch.c.source_ref)
        ).all()
        strangers = held - {batch.batch_id for batch in batches}
        if strangers:
            raise LedgerMismatch(
                f"The warehouse holds {len(strangers)} batches that the ops database does not know. Restore the ops "
                "database that belongs to it, or delete the warehouse file so that everything is loaded again."
            )
        to_finish = [b.batch_id for b in batches if b.status == "loading" and b.batch_id in held]
        to_undo = [b.batch_id for b in batches if b.batch_id not in held]
        finish(connection, to_finish, now)
        _refuse_lost_files(connection, to_undo, landing_dir)
        _undo(connection, to_undo)
    return len(to_undo)


def _refuse_lost_files(connection: sa.Connection, batch_ids: Sequence[str], landing_dir: Path) -> None:
    c = landing_file.c
    lost: list[str] = []
    for part in _slices(batch_ids):
        query = sa.select(c.path).where(c.batch_id.in_(part), c.status == "loaded")
        lost.extend(path for (path,) in connection.execute(query) if not (landing_dir / path).exists())
    if lost:
        raise LedgerMismatch(
            f"The warehouse lacks batches that the ledger calls loaded, and {len(lost)} of their files are gone from "
            f"{landing_dir} (first: {sorted(lost)[0]}). Restore the warehouse file, or put the files back."
        )


def _undo(connection: sa.Connection, batch_ids: Sequence[str]) -> None:
    q, e = quarantine_row.c, inbox_event.c
    for part in _slices(batch_ids):
        connection.execute(
            sa.update(quarantine_row)
            .where(q.retry_batch_id.in_(part))
            .values(
                status="open", retry_batch_id=None, resolved_at=None, resolved_by=None, resolution=None,
                retry_requested_at=sa.func.coalesce(q.retry_requested_at, q.resolved_at, q.created_at),
            )
        )  # fmt: skip
        # A row that a person discarded stays discarded: it has the same id when its file is loaded again.
        connection.execute(
            sa.delete(quarantine_row).where(
                q.batch_id.in_(part),
                sa.or_(q.status == "repaired", sa.and_(q.status == "open", q.retry_requested_at.is_(None))),
            )
        )
        connection.execute(sa.update(inbox_event).where(e.batch_id.in_(part)).values(batch_id=None, batch_line=None))
        # A file that a person released keeps the release: it goes back to where it stood when he decided.
        f = landing_file.c
        connection.execute(
            sa.update(landing_file)
            .where(f.batch_id.in_(part), f.released_at.is_not(None))
            .values(status="set_aside", batch_id=None)
        )
        connection.execute(sa.delete(landing_file).where(f.batch_id.in_(part)))
        connection.execute(sa.delete(ingestion_batch).where(ingestion_batch.c.batch_id.in_(part)))


def finish(connection: sa.Connection, batch_ids: Sequence[str], now: datetime) -> None:
    """Mark batches, their files and the retries they carried as done."""
    q = quarantine_row.c
    for part in _slices(batch_ids):
        connection.execute(
            sa.update(ingestion_batch)
            .where(ingestion_batch.c.batch_id.in_(part))
            .values(status="loaded", finished_at=now)
        )
        connection.execute(
            sa.update(landing_file).where(landing_file.c.batch_id.in_(part)).values(status="loaded", finished_at=now)
        )
        connection.execute(
            sa.update(quarantine_row)
            .where(q.retry_batch_id.in_(part))
            .values(
                status="retried", resolved_at=now, resolved_by=q.retry_requested_by, retry_requested_at=None,
                resolution="The row was loaded after a retry.",
            )
        )  # fmt: skip


def begin_loading(
    connection: sa.Connection,
    drafts: Sequence[Draft],
    reports: Sequence[BatchReport],
    quarantined: list[dict[str, Any]],
    now: datetime,
) -> None:
    """Step 1 of a load."""
    if not drafts:
        return
    connection.execute(
        sa.insert(ingestion_batch),
        [
            {
                "batch_id": draft.batch_id,
                "seq": draft.seq,
                "kind": draft.kind,
                "system": draft.table.system,
                "table_name": draft.table.identifier,
                "source_ref": draft.source_ref,
                "source_at": draft.source_at,
                "rows_in": report.rows_in,
                "rows_loaded": report.rows_loaded,
                "rows_quarantined": report.rows_quarantined,
                "rows_repaired": report.rows_repaired,
                "rows_superseded": report.rows_superseded,
                "declared_nulls": dict(report.declared_nulls),
                "status": "loading",
                "started_at": now,
            }
            for draft, report in zip(drafts, reports, strict=True)
        ],
    )
    insert_quarantined(connection, quarantined)
    files = [
        file_values(draft.file, "loading", now)
        | {"rows_in": draft.extract.rows_in, "late_days": draft.late_days, "batch_id": draft.batch_id}
        for draft in drafts
        if draft.file is not None
    ]
    _replace_files(connection, [draft.file for draft in drafts if draft.file is not None], files)


def set_aside_files(
    connection: sa.Connection, drafts: Sequence[Draft], refusals: Iterable[Refusal], now: datetime
) -> None:
    """Note files that are not loaded."""
    files, values = [], []
    for refusal in refusals:
        file = drafts[refusal.draft_at].file
        if file is not None:
            files.append(file)
            values.append(
                file_values(file, "set_aside", now)
                | {"reason": refusal.reason, "sentence": refusal.sentence, "finished_at": now, "late_days": None}
                | {"rows_in": drafts[refusal.draft_at].extract.rows_in, "batch_id": None}
            )
    _replace_files(connection, files, values)


def insert_quarantined(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Insert quarantined rows; one that is known by its id (and was decided about) stays as it is."""
    known: set[str] = set()
    for part in _slices(sorted({row["batch_id"] for row in rows})):
        found = connection.execute(sa.select(quarantine_row.c.id).where(quarantine_row.c.batch_id.in_(part)))
        known.update(found.scalars())
    fresh = [row for row in rows if row["id"] not in known]
    if fresh:
        connection.execute(sa.insert(quarantine_row), fresh)


def file_values(file: PendingFile, status: str, now: datetime) -> dict[str, Any]:
    """The ledger's row for a file."""
    return {
        "system": file.table.system,
        "table_name": file.table.identifier,
        "path": file.path,
        "version": file.version,
        "size": file.size,
        "mtime_ns": file.mtime_ns,
        "sha256": file.sha256,
        "file_date": file.file_date,
        "arrived_on": file.arrived_on,
        "source_at": file.source_at,
        "status": status,
        "schema_hash": file.table.schema_hash,
        "first_seen_at": now,
    }


def note_touched(connection: sa.Connection, touched: Iterable[tuple[int, int, int]]) -> None:
    """Remember new times of files whose content did not change, so that they are not read again."""
    for file_id, size, mtime_ns in touched:
        connection.execute(
            sa.update(landing_file).where(landing_file.c.id == file_id).values(size=size, mtime_ns=mtime_ns)
        )


def _replace_files(connection: sa.Connection, files: Sequence[PendingFile], values: list[dict[str, Any]]) -> None:
    """Insert ledger rows of files, in place of an earlier verdict about the same version; a release stays with it."""
    if not values:
        return
    c = landing_file.c
    table = values[0]["table_name"]
    existing = {
        (row.path, row.version): row
        for part in _slices([file.path for file in files])
        for row in connection.execute(
            sa.select(c.id, c.path, c.version, c.released_at, c.released_by, c.released_reason).where(
                c.table_name == table, c.path.in_(part)
            )
        )
    }
    before = [existing.get((file.path, file.version)) for file in files]
    for part in _slices([row.id for row in before if row is not None]):
        connection.execute(sa.delete(landing_file).where(c.id.in_(part)))
    released = ("released_at", "released_by", "released_reason")
    connection.execute(
        sa.insert(landing_file),
        [
            value | {name: None if row is None else getattr(row, name) for name in released}
            for value, row in zip(values, before, strict=True)
        ],
    )


def _slices(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(items), _SLICE):
        yield items[start : start + _SLICE]
