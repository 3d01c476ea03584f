"""A snapshot like the current one, in which one metric is as an earlier snapshot has it: figures, rows and definition.

That is how a rollback takes effect at once: nothing is computed, and readers switch as they do at any publication. The
figures are dated as of the earlier snapshot and marked as held, until a refresh computes the earlier version anew.
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from ops_assets.checks.trust import Cause, Words
from ops_assets.definition_bundle import bundle_of, store_bundle
from ops_assets.definition_change.in_force import keep_definitions
from ops_assets.publishing.parts import sql_text
from ops_assets.trust import audited_to_json, read_audited
from resources.serving import Snapshot, SnapshotInfo, SnapshotStore


def snapshot_with_version(store: SnapshotStore, metric: str, version: int) -> SnapshotInfo | None:
    """The newest kept snapshot that has figures of the metric under this version; None where none is kept."""
    for info in store.list():
        snapshot = store.get(info.id)
        try:
            found = snapshot.rows(
                "select 1 from metrics where metric = ? and definition_version = ? and as_of is not null",
                [metric, version],
            )
        finally:
            snapshot.close()
        if found:
            return info
    return None


def publish_swapped(
    store: SnapshotStore,
    metric: str,
    earlier: SnapshotInfo,
    *,
    now: datetime,
    reason: Words,
    keep: int,
    kept_for: timedelta = timedelta(0),
) -> SnapshotInfo:
    """Write the snapshot and switch to it. The caller holds ``store.publishing()``.

    Raises duckdb.Error and OSError, nothing switched.
    """
    newest = store.get(store.list()[0].id)
    old = store.get(earlier.id)
    bundle = keep_definitions(bundle_of(store, newest), bundle_of(store, old), {metric})
    sequence = newest.info.sequence + 1
    info = replace(
        newest.info,
        id=f"{now:%Y%m%dT%H%M%S}-{sequence:06d}",
        sequence=sequence,
        published_at=now,
        held=tuple(sorted({*newest.info.held, metric})),
        inputs=f"rollback of {metric}",
        definitions=bundle.digest,
    )
    building = store.snapshots_dir / f".{info.id}.{uuid.uuid4().hex[:8]}.building"
    try:
        shutil.copyfile(newest.path, building)
        _swap(building, old, metric, {*bundle.metrics}, now, reason)
        store_bundle(store, bundle)
        store.commit(info, building, sorted({*store.parts_of(newest.id), *store.parts_of(old.id)}))
    finally:
        building.unlink(missing_ok=True)
        newest.close()
        old.close()
    store.serve_newest()
    store.prune(keep, now - kept_for)
    store.remove_orphans()
    return info


def _swap(building: Path, old: Snapshot, metric: str, metrics: Collection[str], now: datetime, reason: Words) -> None:
    with duckdb.connect(str(building)) as db:
        db.execute(f"attach '{sql_text(old.path)}' as earlier (read_only)")
        here = _objects(db, None)
        there = _objects(db, "earlier")
        for name, columns in sorted(here.tables.items()):
            if "metric" not in columns:
                continue
            db.execute(f'delete from "{name}" where metric = ?', [metric])
            shared = [column for column in columns if column in there.tables.get(name, ())]
            if shared:
                listed = ", ".join(f'"{column}"' for column in shared)
                db.execute(
                    f'insert into "{name}" ({listed}) select {listed} from earlier."{name}" where metric = ?', [metric]
                )
        for name in here.views:
            if _belongs(name, metric, metrics):
                db.execute(f'drop view "{name}"')
        for name, sql in there.views.items():
            if _belongs(name, metric, metrics):
                db.execute(sql)
        as_of = db.execute("select as_of from metrics where metric = ?", [metric]).fetchone()
        dated = f" Figures of {as_of[0]}." if as_of else ""
        db.execute("update metrics set state = 'held', reason = ? where metric = ?", [f"{reason.en}{dated}", metric])
        if "trust" in here.tables:
            _mark_trust(db, metric, now, reason)
        db.execute("detach earlier")


class _Objects:
    """Tables with their columns, and views with their SQL, of one attached file."""

    def __init__(self, tables: dict[str, list[str]], views: dict[str, str]) -> None:
        self.tables = tables
        self.views = views


def _objects(db: duckdb.DuckDBPyConnection, database: str | None) -> _Objects:
    where = "database_name = coalesce(?, current_database())"
    columns = db.execute(
        "select c.table_name, c.column_name from duckdb_columns() c join duckdb_tables() t using (database_name, "
        f"table_name) where {where} order by c.column_index",
        [database],
    ).fetchall()
    tables: dict[str, list[str]] = {}
    for table, column in columns:
        tables.setdefault(table, []).append(column)
    views = db.execute(f"select view_name, sql from duckdb_views() where {where} and not internal", [database])
    return _Objects(tables, dict(views.fetchall()))


def _belongs(view: str, metric: str, metrics: Collection[str]) -> bool:
    """Whether a view holds rows of this metric: its name is the metric's, alone or with a prefix."""
    named = [name for name in metrics if re.search(rf"(^|_){re.escape(name)}$", view)]
    return bool(named) and max(named, key=len) == metric


def _mark_trust(db: duckdb.DuckDBPyConnection, metric: str, now: datetime, reason: Words) -> None:
    row = db.execute("select facts from trust where metric = ?", [metric]).fetchone()
    if row is None:
        return
    known = read_audited([row])[metric]
    facts = replace(known, state="held", since=now, causes=(Cause("definition", reason, now),), limited_by=None)
    db.execute(
        "update trust set state = 'held', since = ?, reason_en = ?, reason_zh = ?, limited_by = null, facts = ? "
        "where metric = ?",
        [now, reason.en, reason.zh, json.dumps(audited_to_json(facts)), metric],
    )
