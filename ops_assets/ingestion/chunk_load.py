"""Loads drafts of one table: judge, resolve, then the three steps of ledger_writes. Shared by all kinds of batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb
import sqlalchemy as sa

from ops_assets.ingestion.drafts import Draft, batch_reports, quarantine_values
from ops_assets.ingestion.judge import Chunk, keep_batches, validate
from ops_assets.ingestion.landing_schema import LandingTable
from ops_assets.ingestion.ledger import ingestion_batch
from ops_assets.ingestion.ledger_writes import begin_loading, finish
from ops_assets.ingestion.raw_load import resolve_chunk, store_chunk
from ops_assets.ingestion.raw_tables import loaded_batches
from ops_assets.ingestion.report import BatchReport
from resources.clock import Clock
from resources.fault_points import fault_point
from resources.ops_database import reading


@dataclass(slots=True)
class Session:
    """What one ingestion works with. ``zone`` is the pack's time zone by name."""

    engine: sa.Engine
    warehouse: duckdb.DuckDBPyConnection
    clock: Clock
    zone: str
    next_seq: int

    def take_seq(self) -> int:
        seq = self.next_seq
        self.next_seq += 1
        return seq


def open_session(engine: sa.Engine, warehouse: duckdb.DuckDBPyConnection, clock: Clock, zone: str) -> Session:
    """A session whose sequence numbers go on where ledger and warehouse are."""
    with reading(engine) as connection:
        known = connection.execute(sa.select(sa.func.max(ingestion_batch.c.seq))).scalar()
    return Session(engine, warehouse, clock, zone, 1 + max([known or 0, *loaded_batches(warehouse).values()]))


def load_drafts(
    session: Session,
    table: LandingTable,
    drafts: Sequence[Draft],
    chunk: Chunk,
    kept: Sequence[int],
    *,
    full: bool,
    claim: Callable[[sa.Connection], None] | None = None,
) -> list[BatchReport]:
    """Load ``drafts``, the batches ``kept`` of a coerced chunk; ``claim`` joins the transaction that begins it."""
    if not drafts:
        return []
    for draft in drafts:
        draft.seq = session.take_seq()
    chunk = keep_batches(chunk, kept)
    validate(chunk)
    keys = [draft.key for draft in drafts]
    resolved = resolve_chunk(session.warehouse, chunk, keys, full=full)
    now = session.clock.now()
    quarantined = quarantine_values(drafts, chunk, resolved, now)
    reports = batch_reports(drafts, chunk, resolved, quarantined)
    with session.engine.begin() as connection:
        begin_loading(connection, drafts, reports, quarantined, now)
        if claim is not None:
            claim(connection)
        fault_point("ingestion.before_loading_commit")
    fault_point("ingestion.after_loading_commit")
    store_chunk(session.warehouse, chunk, keys, resolved, now)
    fault_point("ingestion.after_warehouse_commit")
    with session.engine.begin() as connection:
        finish(connection, [draft.batch_id for draft in drafts], session.clock.now())
        fault_point("ingestion.before_loaded_commit")
    fault_point("ingestion.after_loaded_commit")
    return reports
