"""The history of the consistency scores as source rows: each publication's scores go to the landing like any source's.

Belongs here: which scores of a snapshot the warehouse does not know yet, and handing them to the inbox of ingestion.
Does not belong here: how a score is computed (ops_assets.reconciliation.score) or averaged (metric_consistency_score).

A metric has one row a day. What the snapshot itself already says for its day is not handed over again, so that the
publication which a handed score leads to is the last: it states the same score, and finds it in its own history.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Protocol

from sqlalchemy.engine import Engine

from ops_assets.ingestion.inbox import accept
from resources.clock import Clock
from resources.packs import SourcePack
from resources.serving import Snapshot, SnapshotStore

SYSTEM = "trueloop"
TABLE = "consistency_scores"
HISTORY = "metric_consistency_score"
_DIGITS = Decimal("0.0001")


class ScoredPlatform(Protocol):
    """What the hand-over needs of the platform."""

    @property
    def ops_engine(self) -> Engine: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def pack(self) -> SourcePack: ...

    @property
    def snapshots(self) -> SnapshotStore: ...


def export_scores(platform: ScoredPlatform) -> int:
    """Hand the current snapshot's scores that its history lacks to ingestion's inbox; how many were new to it.

    The same snapshot gives the same events, so a hand-over that was cut off is repeated without effect.
    """
    snapshot = platform.snapshots.current()
    if snapshot is None:
        return 0
    events = new_scores(snapshot, platform.pack)
    return accept(platform.ops_engine, SYSTEM, events, platform.clock).accepted if events else 0


def new_scores(snapshot: Snapshot, pack: SourcePack) -> list[Mapping[str, Any]]:
    """An event for every score that the snapshot states and its own history does not hold for its day.

    ``stated_on`` is the local day of the publication, ``stated_at`` the instant in UTC without offset.
    """
    relations = _relations(snapshot)
    if "consistency" not in relations:
        return []
    day = snapshot.published_at.astimezone(pack.zone).date()
    known: dict[str, Decimal] = {}
    if HISTORY in relations:
        rows = snapshot.rows(f"select metric_id, numerator from {HISTORY} where event_date = ?", [day])
        known = {row["metric_id"]: row["numerator"] for row in rows}
    events: list[Mapping[str, Any]] = []
    for row in snapshot.rows(
        "select metric, score, coalesce(json_array_length(deductions), 0) as deductions from consistency "
        "where score is not null order by metric"
    ):
        score = Decimal(str(row["score"])).quantize(_DIGITS, rounding=ROUND_HALF_UP)
        if known.get(row["metric"]) == score:
            continue
        stated = {
            "metric": row["metric"],
            "stated_on": day.isoformat(),
            "stated_at": snapshot.published_at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" "),
            "score": f"{score:f}",
            "deductions": int(row["deductions"]),
            "snapshot_id": snapshot.id,
        }
        events.append({"event_id": f"consistency:{row['metric']}:{snapshot.id}", "table": TABLE, "row": stated})
    return events


def _relations(snapshot: Snapshot) -> set[str]:
    rows = snapshot.rows("select table_name as name from information_schema.tables")
    return {row["name"] for row in rows}
