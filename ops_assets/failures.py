"""What failed in a published snapshot, with its lineage, and which deliveries are missing: the input of root causes.

Belongs here: reading it from the snapshot and the landing ledger. Does not belong here: the grouping (root_causes).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from ops_assets.ingestion.ledger import ingestion_batch
from ops_assets.ingestion.quarantine import list_set_aside
from ops_assets.root_causes import Failure, RootCause, SourceTrouble
from ops_assets.silences import Silence, causes_with_silences
from ops_assets.trust import read_audited
from resources.ops_database import reading
from resources.serving import Snapshot

FALLBACK_OWNER = "data_owner"
SOURCE_OWNER = "it_manager"


@dataclass(frozen=True)
class Metric:
    """A metric as far as an incident names it. ``as_of`` dates its good figures in service; None if there are none."""

    name: str
    label_en: str
    label_zh: str
    owner_role: str
    held: bool
    as_of: date | None


@dataclass(frozen=True)
class Incident:
    """A root cause with the metrics that it concerns, who answers for it, and the silences that it explains."""

    cause: RootCause
    metrics: tuple[Metric, ...]
    owner_role: str
    silences: tuple[Silence, ...] = ()

    @property
    def held(self) -> tuple[Metric, ...]:
        """The metrics whose new figures are held back."""
        return tuple(metric for metric in self.metrics if metric.held)

    @property
    def affected_roles(self) -> tuple[str, ...]:
        """Owners of the metrics downstream, the owner of the root itself not among them."""
        return tuple(sorted({metric.owner_role for metric in self.metrics} - {self.owner_role}))


def find_incidents(
    snapshot: Snapshot, set_aside: Iterable[SourceTrouble] = (), silences: Iterable[Silence] = ()
) -> tuple[Incident, ...]:
    """The root causes of everything red in a snapshot, and of ``silences``: rows that watch rules miss in it.

    ``set_aside`` are files that wait for a decision. A silence that nothing explains is in no incident. A snapshot of
    an earlier version has no lineage of what failed: there each failed asset is a root.
    """
    silent = tuple(silences)
    rows = snapshot.rows(
        "select asset, check_name, dimension, sentence, metrics from checks where severity = 'red' "
        "order by asset, check_name"
    )
    if not rows and not silent:
        return ()
    failures = [
        Failure(row["asset"], row["check_name"], row["sentence"] or "", row["dimension"] == "timeliness")
        for row in rows
    ]
    row_lines = {row["asset"]: row for row in _rows_of(snapshot, "row_line")} if silent else {}
    rows_from = {asset: frozenset(row["rows_from"]) for asset, row in row_lines.items()}
    lineage = {**row_lines, **{row["asset"]: row for row in _rows_of(snapshot, "failed_asset")}}
    upstream = {asset: frozenset(row["upstream"]) for asset, row in lineage.items()}
    sources = {asset: frozenset(row["sources"]) for asset, row in lineage.items()}
    aside = tuple(set_aside)
    concerned = {row["asset"] for row in rows} | {one.metric for one in silent}
    standing = frozenset().union(*(sources.get(asset, frozenset()) for asset in concerned))
    troubles = (*aside, *late_systems(snapshot, standing - {table for one in aside for table in one.tables}))
    causes = causes_with_silences(failures, silent, upstream, sources, rows_from, troubles)
    below: dict[str, set[str]] = {model: set(metrics) for model, metrics in causes.silent_models.items()}
    for one in causes.explained:
        below.setdefault(one.metric, set()).add(one.metric)
    for row in rows:
        below.setdefault(row["asset"], set()).update(row["metrics"])
    return tuple(
        replace(incident, silences=_silences_of(incident.cause, causes.explained))
        for incident in _with_metrics(snapshot, causes.roots, below)
    )


def _silences_of(cause: RootCause, explained: Iterable[Silence]) -> tuple[Silence, ...]:
    return tuple(sorted(one for one in explained if one.metric in (cause.id, *cause.symptoms)))


def late_systems(snapshot: Snapshot, tables: frozenset[str]) -> tuple[SourceTrouble, ...]:
    """Source systems of which one of ``tables`` did not come in time, each once, by the rhythm that trust goes by."""
    late: dict[str, dict[str, str]] = {}
    for audited in read_audited((row["facts"],) for row in _rows_of(snapshot, "trust")).values():
        today = snapshot.published_at.astimezone(ZoneInfo(audited.zone)).date() if audited.by_clock else audited.as_of
        for feed in audited.feeds:
            if feed.table not in tables:
                continue
            if feed.newest is None or (today - feed.newest).days > feed.allowed_days:
                came = f"last came on {feed.newest.isoformat()}" if feed.newest else "never came"
                expected = f"expected within {feed.allowed_days} days"
                late.setdefault(system_of(feed.table), {})[feed.table] = f"{feed.table} {came}, {expected}"
    return tuple(
        SourceTrouble(
            id=f"source/{system}",
            label=f"{system}: no delivery",
            tables=frozenset(found),
            sentence="; ".join(found[table] for table in sorted(found)),
        )
        for system, found in sorted(late.items())
    )


def set_aside_sources(engine: sa.Engine) -> tuple[SourceTrouble, ...]:
    """Tables whose newest delivery was set aside and not let in, by the landing ledger.

    A file that was followed by a good delivery of the same table explains nothing any more.
    """
    waiting: dict[str, list[dict[str, Any]]] = {}
    for file in list_set_aside(engine):
        if file["released_at"] is None:
            waiting.setdefault(file["table_name"], []).append(file)
    if not waiting:
        return ()
    c = ingestion_batch.c
    query = sa.select(c.table_name, sa.func.max(c.started_at)).where(
        c.status == "loaded", c.table_name.in_(sorted(waiting))
    )
    with reading(engine) as connection:
        loaded = {str(table): at for table, at in connection.execute(query.group_by(c.table_name)).tuples()}
    found = []
    for table, files in sorted(waiting.items()):
        after = [file for file in files if table not in loaded or file["first_seen_at"] > loaded[table]]
        if after:
            names = "; ".join(f"{file['path']}: {file['sentence'] or file['reason']}" for file in after[:5])
            system, _, name = table.partition("__")
            found.append(
                SourceTrouble(
                    id=f"source/{system}/{name}",
                    label=f"{system} {name}: file set aside",
                    tables=frozenset({table}),
                    sentence=names,
                )
            )
    return tuple(found)


def system_of(table: str) -> str:
    """The source system of a raw table, whose name is ``<system>__<table>``."""
    return table.partition("__")[0]


def _with_metrics(
    snapshot: Snapshot, causes: Iterable[RootCause], below: Mapping[str, set[str]]
) -> tuple[Incident, ...]:
    metrics = {
        row["metric"]: Metric(
            name=row["metric"],
            label_en=row["label_en"] or row["metric"],
            label_zh=row["label_zh"] or "",
            owner_role=row["owner_role"] or FALLBACK_OWNER,
            held=row["state"] in ("held", "none_good"),
            as_of=row["as_of"],
        )
        for row in snapshot.rows("select metric, label_en, label_zh, owner_role, state, as_of from metrics")
    }
    found = []
    for cause in causes:
        names = sorted(set().union(*(below.get(asset, set()) for asset in (cause.id, *cause.symptoms))))
        concerned = tuple(metrics[name] for name in names if name in metrics)
        found.append(Incident(cause, concerned, owner_of(cause, metrics)))
    return tuple(found)


def owner_of(cause: RootCause, metrics: Mapping[str, Metric]) -> str:
    """Who answers for a root cause: a metric's owner for the metric itself; for a delivery whoever looks after the
    source systems; for any other model the data owner, since no owner of one metric can mend what several stand on.
    """
    if cause.kind == "source":
        return SOURCE_OWNER
    return metrics[cause.id].owner_role if cause.id in metrics else FALLBACK_OWNER


def _rows_of(snapshot: Snapshot, table: str) -> list[dict[str, Any]]:
    known = snapshot.rows("select 1 as n from duckdb_tables() where table_name = ?", [table])
    return snapshot.rows(f"select * from {table}") if known else []
