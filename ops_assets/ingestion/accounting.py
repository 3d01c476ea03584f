"""Proof that no row was lost: for each batch, rows in = rows loaded + rows quarantined, counted from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import sqlalchemy as sa

from ops_assets.ingestion.ledger import ingestion_batch, quarantine_row
from ops_assets.sql_names import quoted
from resources.ops_database import reading


@dataclass(frozen=True, slots=True)
class Imbalance:
    """A batch whose rows do not add up: what the ledger says, and what was counted."""

    batch_id: str
    table: str
    source_ref: str
    rows_in: int
    in_raw: int
    in_quarantine: int

    @property
    def sentence(self) -> str:
        return (
            f"{self.source_ref} ({self.table}): {self.rows_in} rows came in, but {self.in_raw} are in the raw table "
            f"and {self.in_quarantine} in quarantine."
        )


def imbalances(engine: sa.Engine, warehouse: duckdb.DuckDBPyConnection, *, since_seq: int = 0) -> list[Imbalance]:
    """Loaded batches from ``since_seq`` on whose rows do not add up; counted in raw tables and quarantine."""
    b, q = ingestion_batch.c, quarantine_row.c
    with reading(engine) as connection:
        batches = connection.execute(
            sa.select(b.batch_id, b.seq, b.table_name, b.source_ref, b.rows_in)
            .where(b.seq >= since_seq, b.status == "loaded")
            .order_by(b.seq)
        ).all()
        counted = connection.execute(
            sa.select(q.batch_id, sa.func.count())
            .where(q.batch_id.in_(sa.select(b.batch_id).where(b.seq >= since_seq)))
            .group_by(q.batch_id)
        )
        quarantined: dict[str, int] = {row[0]: row[1] for row in counted}
    tables: Sequence[str] = sorted({batch.table_name for batch in batches})
    held = {
        name
        for (name,) in warehouse.execute(
            "select table_name from information_schema.tables where table_schema = 'raw'"
        ).fetchall()
    }
    loaded: dict[str, int] = {}
    for table in tables:
        if table in held:
            in_raw = warehouse.execute(
                f"select _batch_id, count(*) from raw.{quoted(table)} where _batch_seq >= ? group by all", [since_seq]
            )
            loaded.update(dict(in_raw.fetchall()))
    found = [
        Imbalance(
            batch.batch_id, batch.table_name, batch.source_ref, batch.rows_in,
            loaded.get(batch.batch_id, 0), quarantined.get(batch.batch_id, 0),
        )
        for batch in batches
    ]  # fmt: skip
    return [entry for entry in found if entry.rows_in != entry.in_raw + entry.in_quarantine]
