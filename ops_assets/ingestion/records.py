"""Rows that the platform itself produces (its process history, its runs), loaded like any other source.

The caller gives the full current state of the table; only rows that are new or changed since they were last loaded
become a batch, so that calling it again costs nothing and changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import sqlalchemy as sa

from ops_assets.ingestion.chunk_load import load_drafts, open_session
from ops_assets.ingestion.drafts import Draft
from ops_assets.ingestion.judge import coerce_chunk, validate
from ops_assets.ingestion.landing_schema import LandingTable
from ops_assets.ingestion.ledger import quarantine_row
from ops_assets.ingestion.raw_load import BatchKey, resolve_chunk
from ops_assets.ingestion.readers import from_records
from ops_assets.ingestion.report import IngestReport
from ops_assets.ingestion.versions import Outcome
from resources.clock import Clock
from resources.ops_database import reading


def load_records(
    *,
    engine: sa.Engine,
    warehouse: duckdb.DuckDBPyConnection,
    table: LandingTable,
    records: Sequence[Mapping[str, Any]],
    source_ref: str,
    clock: Clock,
    zone: str,
) -> IngestReport:
    """Load the rows of ``records`` that are new or changed. ``table`` must be of kind ``events`` and exist (ingest).

    Values are texts, numbers, booleans, null, or ISO texts for dates; instants as text with offset become local time of
    ``zone``. Bad rows go to quarantine like those of any file.
    """
    session = open_session(engine, warehouse, clock, zone)
    numbered = list(range(1, len(records) + 1))
    extract = from_records(table, [dict(record) for record in records], numbered)
    chunk = coerce_chunk(table, [extract], zone=zone)
    validate(chunk)
    probe = BatchKey("probe", session.next_seq, "records", clock.now())
    resolved = resolve_chunk(warehouse, chunk, [probe], full=False)
    unchanged = {int(chunk.line[at]) for at, outcome in resolved.refused.items() if outcome is Outcome.DUPLICATE}
    refused = _refused_before(engine, table, source_ref)
    unchanged |= {int(chunk.line[at]) for at in chunk.failures if _row_key(chunk.row_text(at)) in refused}
    changed = [(line, dict(records[line - 1])) for line in numbered if line not in unchanged]
    if not changed:
        return IngestReport()
    content = json.dumps([record for _, record in changed], sort_keys=True, default=str)
    digest = hashlib.sha256(f"{table.identifier}\n{session.next_seq}\n{content}".encode()).hexdigest()
    extract = from_records(table, [record for _, record in changed], [line for line, _ in changed])
    draft = Draft(table, f"p-{digest[:32]}", "records", source_ref, clock.now(), extract)
    chunk = coerce_chunk(table, [extract], zone=zone)
    return IngestReport(batches=tuple(load_drafts(session, table, [draft], chunk, [0], full=False)))


def _refused_before(engine: sa.Engine, table: LandingTable, source_ref: str) -> set[str]:
    """Rows of this source in quarantine: the same bad row need not be said at every call."""
    c = quarantine_row.c
    query = sa.select(c.row).where(c.table_name == table.identifier, c.source_ref == source_ref, c.status == "open")
    with reading(engine) as connection:
        return {_row_key(row) for row in connection.execute(query).scalars() if row is not None}


def _row_key(row: Mapping[str, str | None]) -> str:
    return json.dumps(row, sort_keys=True)
