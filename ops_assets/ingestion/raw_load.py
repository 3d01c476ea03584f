"""One chunk into its raw table: who is current, who repeats, then one DuckDB transaction.

The transaction also writes ``raw.loaded_batch``, which is how a later run knows what arrived, whatever moment this
process died at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ops_assets.ingestion.judge import Chunk
from ops_assets.ingestion.landing_schema import LandingTable
from ops_assets.ingestion.raw_tables import newest_snapshot, raw_name
from ops_assets.ingestion.versions import Incoming, Outcome, Stored, resolve, resolve_within_file
from ops_assets.sql_names import quoted
from resources.fault_points import fault_point


@dataclass(frozen=True, slots=True)
class BatchKey:
    """What the warehouse knows of a batch. ``source_at`` is an aware instant."""

    batch_id: str
    seq: int
    kind: str
    source_at: datetime

    @property
    def naive(self) -> datetime:
        return self.source_at.astimezone(UTC).replace(tzinfo=None)


@dataclass(slots=True)
class Resolved:
    """Outcome of every row of a chunk, by position, and what else must change in the raw table."""

    load: npt.NDArray[np.bool_]
    current: npt.NDArray[np.bool_]
    refused: dict[int, Outcome] = field(default_factory=dict)
    retired: list[tuple[int, int]] = field(default_factory=list)
    snapshot: BatchKey | None = None


def resolve_chunk(
    connection: duckdb.DuckDBPyConnection, chunk: Chunk, batches: Sequence[BatchKey], *, full: bool
) -> Resolved:
    """Decide about every row without failures. ``full``: the one batch is a full snapshot of its table."""
    load = np.ones(chunk.size, dtype=bool)
    if chunk.failures:
        load[list(chunk.failures)] = False
    resolved = Resolved(load, load.copy())
    if full:
        (snapshot,) = batches
        _resolve_snapshot(connection, chunk, snapshot, resolved)
    elif load.any():
        _resolve_versions(connection, chunk, batches, resolved)
    return resolved


def store_chunk(
    connection: duckdb.DuckDBPyConnection,
    chunk: Chunk,
    batches: Sequence[BatchKey],
    resolved: Resolved,
    loaded_at: datetime,
) -> None:
    """Write rows, retire old versions and note the batches, in one transaction."""
    table = chunk.table
    moment = loaded_at.astimezone(UTC).replace(tzinfo=None)
    counts = np.bincount(chunk.batch[resolved.load], minlength=len(batches))
    connection.execute("begin")
    try:
        if resolved.snapshot is not None:
            _retire_before(connection, chunk, resolved, resolved.snapshot)
        if resolved.retired:
            _retire(connection, table, resolved.retired, max(batch.seq for batch in batches))
        if resolved.load.any():
            rows = _rows(chunk, batches, resolved, moment)
            connection.register("incoming_rows", rows)
            connection.execute(f"insert into {raw_name(table)} by name select * from incoming_rows")
            connection.unregister("incoming_rows")
        fault_point("ingestion.inside_warehouse_transaction")
        noted = pa.table(
            {
                "batch_id": [batch.batch_id for batch in batches],
                "seq": pa.array([batch.seq for batch in batches], pa.int64()),
                "rows": pa.array([int(count) for count in counts], pa.int64()),
                "table_name": pa.array([table.identifier] * len(batches), pa.string()),
                "kind": [batch.kind for batch in batches],
                "source_at": pa.array([batch.naive for batch in batches], pa.timestamp("us")),
                "loaded_at": pa.array([moment] * len(batches), pa.timestamp("us")),
            }
        )
        connection.register("noted_batches", noted)
        connection.execute("insert into raw.loaded_batch by name select * from noted_batches")
        connection.unregister("noted_batches")
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _rows(chunk: Chunk, batches: Sequence[BatchKey], resolved: Resolved, moment: datetime) -> pa.Table:
    mask = pa.array(resolved.load)
    batch = chunk.batch[resolved.load]
    seqs = np.array([key.seq for key in batches], dtype=np.int64)
    ids = pa.array([key.batch_id for key in batches], pa.string())
    columns: dict[str, Any] = {column.name: chunk.typed[column.name].filter(mask) for column in chunk.table.columns}
    columns["_batch_id"] = pc.take(ids, pa.array(batch))
    columns["_batch_seq"] = pa.array(seqs[batch])
    columns["_row_no"] = pa.array(chunk.line[resolved.load])
    columns["_loaded_at"] = pa.array(np.full(len(batch), np.datetime64(moment, "us")), pa.timestamp("us"))
    columns["_is_current"] = pa.array(resolved.current[resolved.load])
    return pa.table(columns)


# --- rows that add to, correct or repeat others by key ---


def _resolve_versions(
    connection: duckdb.DuckDBPyConnection, chunk: Chunk, batches: Sequence[BatchKey], resolved: Resolved
) -> None:
    table = chunk.table
    keys = ", ".join(quoted(name) for name in table.key)
    positions = np.flatnonzero(resolved.load)
    mask = pa.array(resolved.load)
    connection.register(
        "incoming_keys",
        pa.table({name: chunk.typed[name].filter(mask) for name in table.key} | {"_ix": pa.array(positions)}),
    )
    within, bounds = _key_range(connection, table)
    connection.execute(
        f"create or replace temp table contested as "
        f"select {keys} from incoming_keys group by all having count(*) > 1 "
        f"union select {keys} from (select {keys} from {raw_name(table)} where {within}) semi join incoming_keys "
        f"using ({keys})",
        bounds,
    )
    contested = connection.execute(
        f"select _ix from incoming_keys semi join contested using ({keys}) order by _ix"
    ).fetchnumpy()["_ix"]
    newest = newest_snapshot(connection, table) if table.kind == "snapshot" else None
    floor = newest[0] if newest is not None else None
    if floor is not None:
        late = np.array([batch.naive < floor for batch in batches], dtype=bool)
        resolved.current &= ~late[chunk.batch]
    if len(contested):
        stored = _stored_versions(connection, table, keys, within, bounds)
        incoming = _incoming_versions(chunk, batches, np.asarray(contested, dtype=np.int64))
        resolution = resolve(stored, incoming, floor=floor, revivable=table.kind == "events")
        for position, outcome in resolution.outcomes.items():
            resolved.current[position] = outcome is Outcome.CURRENT
            if outcome not in (Outcome.CURRENT, Outcome.SUPERSEDED):
                resolved.load[position] = False
                resolved.refused[position] = outcome
        resolved.retired.extend(resolution.retired)
    connection.unregister("incoming_keys")
    connection.execute("drop table contested")


def _key_range(connection: duckdb.DuckDBPyConnection, table: LandingTable) -> tuple[str, list[Any]]:
    """A range over the key columns, so that DuckDB skips row groups that cannot hold the incoming keys."""
    row = connection.execute(
        "select " + ", ".join(f"min({quoted(name)}), max({quoted(name)})" for name in table.key) + " from incoming_keys"
    ).fetchone()
    return " and ".join(f"{quoted(name)} between ? and ?" for name in table.key), list(row or ())


def _stored_versions(
    connection: duckdb.DuckDBPyConnection, table: LandingTable, keys: str, within: str, bounds: list[Any]
) -> list[Stored]:
    names = [column.name for column in table.columns]
    key_at = [names.index(name) for name in table.key]
    fixed_at = [names.index(name) for name in table.immutable]
    columns = ", ".join(f"r.{quoted(name)}" for name in names)
    rows = connection.execute(
        f"select {columns}, b.source_at, r._batch_seq, r._row_no, r._is_current "
        f"from (select * from {raw_name(table)} where {within}) r semi join contested using ({keys}) "
        "join raw.loaded_batch b on b.seq = r._batch_seq",
        bounds,
    ).fetchall()
    width = len(names)
    return [
        Stored(
            key=tuple(row[at] for at in key_at),
            content=row[:width],
            immutable=tuple(row[at] for at in fixed_at),
            position=(row[width], row[width + 1], row[width + 2]),
            current=row[width + 3],
            ref=(row[width + 1], row[width + 2]),
        )
        for row in rows
    ]


def _incoming_versions(chunk: Chunk, batches: Sequence[BatchKey], positions: npt.NDArray[np.int64]) -> list[Incoming]:
    table = chunk.table
    names = [column.name for column in table.columns]
    key_at = [names.index(name) for name in table.key]
    fixed_at = [names.index(name) for name in table.immutable]
    where = pa.array(positions)
    columns = [pc.take(chunk.typed[name], where).to_pylist() for name in names]
    incoming = []
    for position, content in zip(positions.tolist(), zip(*columns, strict=True), strict=True):
        batch = batches[chunk.batch[position]]
        incoming.append(
            Incoming(
                key=tuple(content[at] for at in key_at),
                content=content,
                immutable=tuple(content[at] for at in fixed_at),
                position=(batch.naive, batch.seq, int(chunk.line[position])),
                ref=position,
            )
        )
    return incoming


def _retire(
    connection: duckdb.DuckDBPyConnection, table: LandingTable, retired: list[tuple[int, int]], by_seq: int
) -> None:
    seqs = [seq for seq, _ in retired]
    rows = pa.table({"seq": pa.array(seqs, pa.int64()), "row_no": pa.array([no for _, no in retired], pa.int32())})
    connection.register("retired_rows", rows)
    connection.execute(
        f"update {raw_name(table)} as r set _is_current = false, _retired_seq = ? from retired_rows x "
        "where r._batch_seq = x.seq and r._row_no = x.row_no and r._batch_seq between ? and ?",
        [by_seq, min(seqs), max(seqs)],
    )
    connection.unregister("retired_rows")


# --- full snapshots ---


def _resolve_snapshot(
    connection: duckdb.DuckDBPyConnection, chunk: Chunk, snapshot: BatchKey, resolved: Resolved
) -> None:
    table = chunk.table
    names = [column.name for column in table.columns]
    positions = np.flatnonzero(resolved.load)
    keyed = pa.table({name: chunk.typed[name].filter(pa.array(resolved.load)) for name in table.key})
    sizes = keyed.append_column("_ix", pa.array(positions)).group_by(table.key).aggregate([("_ix", "count")])
    if len(sizes) < len(positions):
        columns = [chunk.typed[name].to_pylist() for name in names]
        key_at = [names.index(name) for name in table.key]
        rows = [
            (at, tuple(columns[k][at] for k in key_at), tuple(column[at] for column in columns))
            for at in positions.tolist()
        ]
        for position, outcome in resolve_within_file(rows).items():
            resolved.load[position] = False
            resolved.refused[position] = outcome
    stored = newest_snapshot(connection, table)
    if stored is not None and (snapshot.naive, snapshot.seq) < stored:
        resolved.current[:] = False  # a newer snapshot is in service already
        return
    resolved.current = resolved.load.copy()
    resolved.snapshot = snapshot


def _retire_before(connection: duckdb.DuckDBPyConnection, chunk: Chunk, resolved: Resolved, snapshot: BatchKey) -> None:
    """Retire what the snapshot replaces.

    Two exceptions keep a row: a quarantined row of the snapshot leaves the last good version of its key in service, and
    a row posted after the snapshot was taken is newer than it.
    """
    table = chunk.table
    keys = ", ".join(quoted(name) for name in table.key)
    same = " and ".join(f"x.{quoted(name)} = r.{quoted(name)}" for name in table.key)
    refused = [at for at in chunk.failures if all(chunk.typed[name][at].is_valid for name in table.key)]
    where = pa.array(refused, pa.int64())
    connection.register("refused_keys", pa.table({name: pc.take(chunk.typed[name], where) for name in table.key}))
    connection.register(
        "snapshot_keys",
        pa.table({name: chunk.typed[name].filter(pa.array(resolved.current)) for name in table.key}),
    )
    connection.execute(
        f"update {raw_name(table)} as r set _is_current = false, _retired_seq = ? from raw.loaded_batch b "
        "where b.seq = r._batch_seq and r._is_current and (b.source_at, b.seq) < (?, ?) "
        "and not exists (select 1 from refused_keys x "
        f"where {same} and not exists (select 1 from snapshot_keys s where "
        + " and ".join(f"s.{quoted(name)} = x.{quoted(name)}" for name in table.key)
        + "))",
        [snapshot.seq, snapshot.naive, snapshot.seq],
    )
    newer = set(connection.execute(f"select {keys} from {raw_name(table)} where _is_current").fetchall())
    connection.unregister("refused_keys")
    connection.unregister("snapshot_keys")
    if not newer:
        return
    positions = np.flatnonzero(resolved.current)
    columns = [pc.take(chunk.typed[name], pa.array(positions)).to_pylist() for name in table.key]
    for position, key in zip(positions.tolist(), zip(*columns, strict=True), strict=True):
        if key in newer:
            resolved.current[position] = False
