"""What holds for every metric of a published snapshot: the semantic layer gives the very figures of the metric's model.

Belongs here: the comparison, for tests of several packs. It reads the published tables with plain SQL of its own.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from ops_assets.access import Reader
from ops_assets.access_file import load_access_policy
from ops_assets.semantic.formats import exact_text
from ops_assets.semantic.queries import MetricQueries
from ops_assets.semantic.query import MetricQuery, TimeRange
from resources.serving import Snapshot, SnapshotStore

EVERYTHING = Reader("test", "admin")


def metric_queries(store: SnapshotStore, now: datetime) -> MetricQueries:
    """The semantic layer on a folder of snapshots, under the project's own access policy."""
    return MetricQueries(store, load_access_policy(), lambda: now)


def compared_metrics(queries: MetricQueries, snapshot: Snapshot) -> dict[str, list[str]]:
    """Compare each metric's headline, months and subjects; returns the differences of each metric that has figures."""
    rows = snapshot.rows("select * from metrics where state in ('published', 'warning', 'held') order by metric")
    return {row["metric"]: _differences(queries, snapshot, row) for row in rows}


def _differences(queries: MetricQueries, snapshot: Snapshot, published: dict[str, Any]) -> list[str]:
    name = published["metric"]
    found = []
    (row,) = queries.answer(MetricQuery(metrics=(name,)), EVERYTHING, snapshot).rows
    (figure,) = row.figures
    mine: Any = (figure.value, figure.text, exact_text(figure.numerator), exact_text(figure.denominator))
    theirs: Any = tuple(published[column] for column in ("value", "value_text", "numerator", "denominator"))
    if mine != theirs:
        found.append(f"headline {mine} is not {theirs}")
    months = MetricQuery(metrics=(name,), grain="month", time_range=TimeRange(first=None, last=published["as_of"]))
    mine = {
        (row.period, row.figures[0].numerator, row.figures[0].denominator, row.figures[0].text)
        for row in queries.answer(months, EVERYTHING, snapshot).rows
    }
    theirs = {
        (row["period_start"], _decimal(row["numerator"]), _decimal(row["denominator"]), row["value_text"])
        for row in snapshot.rows("select * from metric_period where metric = ? and grain = 'month'", [name])
    }
    if mine != theirs:
        found.append(f"months {sorted(mine ^ theirs, key=str)[:4]}")
    subjects = snapshot.rows("select * from metric_subject where metric = ?", [name])
    for dimension in sorted({row["dimension"] for row in subjects}):
        split = MetricQuery(metrics=(name,), dimensions=(dimension,), limit=10_000)
        mine = {
            (row.members[0].id, row.members[0].label, row.figures[0].numerator, row.figures[0].denominator)
            for row in queries.answer(split, EVERYTHING, snapshot).rows
            if row.members[0].id is not None
        }
        theirs = {
            (row["subject_id"], row["subject_label"], _decimal(row["numerator"]), _decimal(row["denominator"]))
            for row in subjects
            if row["dimension"] == dimension
        }
        if mine != theirs:
            found.append(f"{dimension} {sorted(mine ^ theirs, key=str)[:4]}")
    return found


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
