"""How a published figure compares with the period before: the same window, moved back by its own length.

Belongs here: reading the earlier figure from a snapshot, and judging the change. A figure without a window (all
history, or the stock of the latest day) is compared with itself 30 days earlier. The earlier figure is told only when
the rows reach back far enough to cover its whole window: half a window would look like a fall.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.figures import raw_value, shown_value
from ops_assets.publishing.headline import headline_filter, window_start
from ops_assets.sql_names import quoted
from resources.serving import Snapshot

DEFAULT_DAYS = 30
Verdict = Literal["better", "worse", "same", "changed"]


@dataclass(frozen=True)
class Change:
    """A figure against its earlier one, both raw. ``days`` is how far the earlier period lies back.

    ``verdict`` is "changed" where the metric has no better direction, and "same" where both are shown alike.
    """

    now: Decimal
    before: Decimal
    days: int
    windowed: bool
    verdict: Verdict

    @property
    def difference(self) -> Decimal:
        return self.now - self.before

    @property
    def relative(self) -> Decimal | None:
        """The difference as a share of the earlier figure; None where that is zero."""
        return None if self.before == 0 else self.difference / abs(self.before)


def change_of(snapshot: Snapshot, metric: MetricDefinition, row: Mapping[str, Any]) -> Change | None:
    """The change of ``row``, the metric's row in the snapshot's ``metrics``; None where there is nothing to compare.

    Raises duckdb.Error for a snapshot whose partitions are gone.
    """
    as_of: date | None = row["as_of"]
    if as_of is None or row["numerator"] is None:
        return None
    days = row["window_days"] or DEFAULT_DAYS
    earlier = _earlier(snapshot, metric, as_of - timedelta(days=days), row["window_days"])
    now = raw_value(metric, Decimal(row["numerator"]), _decimal(row["denominator"]))
    if earlier is None or now is None:
        return None
    before = raw_value(metric, *earlier)
    if before is None:
        return None
    return Change(now, before, days, row["window_days"] is not None, verdict_of(metric, now, before))


def verdict_of(metric: MetricDefinition, now: Decimal, before: Decimal) -> Verdict:
    """Which way a metric went, by its direction; a change that rounding hides is none."""
    if shown_value(metric, now) == shown_value(metric, before):
        return "same"
    if metric.direction == "none":
        return "changed"
    return "better" if (now > before) == (metric.direction == "up") else "worse"


def _earlier(
    snapshot: Snapshot, metric: MetricDefinition, until: date, window_days: int | None
) -> tuple[Decimal | None, Decimal | None] | None:
    """Numerator and denominator of the figure as of ``until``, or None where the rows do not reach back so far."""
    # The name is the dictionary's, and its view exists only where something was published.
    if not snapshot.rows("select 1 from metric_part where metric = ? limit 1", [metric.name]):
        return None
    relation = quoted(metric.name)
    begins = None if metric.aggregation == "latest_sum" else window_start(until, window_days)
    (reach,) = snapshot.rows(f"select min(event_date) as oldest from {relation}")
    if reach["oldest"] is None or reach["oldest"] > (begins or until):
        return None
    where = headline_filter(metric.aggregation, relation, until, window_days)
    (sums,) = snapshot.rows(f"select sum(numerator) as n, sum(denominator) as d from {relation} where {where}")
    return sums["n"], sums["d"]


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
