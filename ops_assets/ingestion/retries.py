"""Loads the quarantined rows for which a retry was asked, one batch per table and original batch.

A row that passes becomes part of a batch of kind ``retry`` that stands for the same instant as its first batch, so that
it never replaces something newer. One that fails again stays open, with its new failures.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ops_assets.ingestion.chunk_load import Session, load_drafts
from ops_assets.ingestion.drafts import Draft, refused
from ops_assets.ingestion.extract import Extract
from ops_assets.ingestion.judge import Failure, coerce_chunk, validate
from ops_assets.ingestion.landing_schema import LandingSchema, LandingTable
from ops_assets.ingestion.ledger import ingestion_batch, printable, quarantine_row
from ops_assets.ingestion.raw_load import BatchKey, resolve_chunk
from ops_assets.ingestion.readers import as_text, from_records
from ops_assets.ingestion.report import IngestReport, merged
from ops_assets.ingestion.versions import Outcome
from resources.ops_database import reading


def load_retries(session: Session, schema: LandingSchema) -> IngestReport:
    """Retry every row that was asked for."""
    q, b = quarantine_row.c, ingestion_batch.c
    query = (
        sa.select(quarantine_row, b.source_at)
        .join(ingestion_batch, b.batch_id == q.batch_id)
        .where(*_waiting(), b.status == "loaded")
        .order_by(b.seq, q.line)
    )
    with reading(session.engine) as connection:
        rows = connection.execute(query).mappings().all()
    grouped: dict[tuple[str, str], list[sa.RowMapping]] = {}
    for row in rows:
        grouped.setdefault((row["table_name"], row["batch_id"]), []).append(row)
    reports = []
    for (identifier, _), waiting in grouped.items():
        table = schema.by_identifier(identifier)
        if table is None or not table.columns:
            failure = Failure("unknown_table", None, None, f"No landing schema declares {identifier}.")
            reports.append(_give_back(session, {row["id"]: [failure] for row in waiting}))
            continue
        reports.append(_retry(session, table, waiting))
    return merged(reports)


def _retry(session: Session, table: LandingTable, rows: Sequence[sa.RowMapping]) -> IngestReport:
    source_at: datetime = rows[0]["source_at"]
    by_line = {row["line"]: row for row in rows}
    extract = from_records(table, [_record(row) for row in rows], [row["line"] for row in rows])
    failed: dict[str, list[Failure]] = {
        by_line[bad.line]["id"]: [Failure(bad.rule, None, bad.text, bad.why)] for bad in extract.malformed
    }
    # Judged once to part the good rows from the bad: a retry's batch holds only rows that will be loaded.
    chunk = coerce_chunk(table, [extract], zone=session.zone)
    validate(chunk)
    probe = BatchKey("probe", session.next_seq, "retry", source_at)
    resolved = resolve_chunk(session.warehouse, chunk, [probe], full=False)
    repeats: dict[str, str] = {}
    for position, failures in chunk.failures.items():
        failed[by_line[int(chunk.line[position])]["id"]] = failures
    for position, outcome in resolved.refused.items():
        failure = refused(chunk, position, outcome)
        row_id = by_line[int(chunk.line[position])]["id"]
        if outcome is Outcome.DUPLICATE:
            repeats[row_id] = failure.message
        else:
            failed[row_id] = [failure]
    report = _give_back(session, failed, repeats)
    good = [row for row in rows if row["id"] not in failed and row["id"] not in repeats]
    if not good:
        return report
    passing = from_records(table, [_record(row) for row in good], [row["line"] for row in good])
    return merged([report, _load(session, table, good, passing, source_at)])


def _load(
    session: Session, table: LandingTable, rows: Sequence[sa.RowMapping], extract: Extract, source_at: datetime
) -> IngestReport:
    content = json.dumps([[row["id"], _record(row)] for row in rows], sort_keys=True)
    batch_id = "r-" + hashlib.sha256(content.encode()).hexdigest()[:32]
    ids = [row["id"] for row in rows]

    def claim(connection: sa.Connection) -> None:
        connection.execute(
            sa.update(quarantine_row)
            .where(quarantine_row.c.id == sa.bindparam("row_id"))
            .values(retry_batch_id=batch_id, attempts=quarantine_row.c.attempts + 1),
            [{"row_id": row_id} for row_id in ids],
        )

    draft = Draft(table, batch_id, "retry", f"retry of {rows[0]['source_ref']}", source_at, extract)
    chunk = coerce_chunk(table, [extract], zone=session.zone)
    batches = load_drafts(session, table, [draft], chunk, [0], full=False, claim=claim)
    return IngestReport(batches=tuple(batches), retried=len(ids))


def _give_back(
    session: Session, failed: dict[str, list[Failure]], repeats: dict[str, str] | None = None
) -> IngestReport:
    """Rows that failed again stay open with their new failures; repeats are settled."""
    now = session.clock.now()
    with session.engine.begin() as connection:
        for row_id, failures in failed.items():
            first = failures[0]
            connection.execute(
                sa.update(quarantine_row)
                .where(quarantine_row.c.id == row_id)
                .values(
                    rule=first.rule,
                    column_name=first.column,
                    value=None if first.value is None else printable(first.value),
                    message=printable(first.message),
                    failures=[_printable(failure) for failure in failures],
                    attempts=quarantine_row.c.attempts + 1,
                    retry_requested_at=None,
                )
            )
        for row_id, message in (repeats or {}).items():
            connection.execute(
                sa.update(quarantine_row)
                .where(quarantine_row.c.id == row_id)
                .values(status="repaired", resolved_at=now, resolved_by="ingestion", resolution=message,
                        attempts=quarantine_row.c.attempts + 1, retry_requested_at=None)
            )  # fmt: skip
    return IngestReport(retry_failed=len(failed))


def _waiting() -> tuple[sa.ColumnElement[bool], ...]:
    q = quarantine_row.c
    return q.status == "open", q.retry_requested_at.is_not(None), q.retry_batch_id.is_(None)


def _printable(failure: Failure) -> dict[str, Any]:
    return {name: printable(part) if isinstance(part, str) else part for name, part in failure.as_json().items()}


def _record(row: sa.RowMapping) -> dict[str, Any]:
    """The row to retry: as edited, as it came, or as its JSON text says."""
    record: dict[str, Any] | None = row["edited"] or row["row"]
    if record is None:
        parsed = json.loads(row["raw_text"], parse_float=str, parse_int=str)
        record = {name: as_text(value) for name, value in parsed.items()}
    return record
