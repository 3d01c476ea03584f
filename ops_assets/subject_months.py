"""The figure of one subject by months, from one published snapshot, as a message in a channel may show it.

Belongs here: what may be shown and the arithmetic of months. Does not belong here: SQL (watched_rows) and pictures.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from ops_assets.contributors import TimedSnapshot
from ops_assets.figures import raw_value
from ops_assets.governed_figures import GovernedFigures
from ops_assets.periods import Period
from ops_assets.semantic.published import ROLLUP_PREFIX
from ops_assets.watched_rows import Columns, has_rows, series_of
from resources.serving import Snapshot


def subject_months(
    snapshot: Snapshot,
    figures: GovernedFigures,
    metric: str,
    subject: tuple[str, str],
    first: date,
    *,
    seconds: float,
) -> dict[date, Decimal | None] | None:
    """Raw figures of ``subject`` (dimension and id) by the first day of each month from ``first`` to the metric's as-of
    date; a month without rows of it is left out, None is one that has no figure.

    None where there is nothing by that dimension, or a channel may not see it. Raises duckdb.Error: InterruptException
    where it takes longer than ``seconds``, another one where the published rows lack the dimension.
    """
    dimension, subject_id = subject
    definition = figures.bundle.metrics.get(metric)
    if definition is None or dimension not in definition.dimensions:
        return None
    if dimension not in figures.channel_dimensions(metric).visible:
        return None
    known = snapshot.rows("select as_of from metrics where metric = ? and as_of is not null", [metric])
    if not known or not has_rows(snapshot, metric):
        return None
    rollup = f"{ROLLUP_PREFIX}{metric}"
    has_rollup = snapshot.rows("select 1 from duckdb_views() where view_name = ?", [rollup])
    rows = series_of(
        TimedSnapshot(snapshot, seconds),
        rollup if has_rollup else metric,
        definition.aggregation,
        "month",
        Period(first, known[0]["as_of"]),
        Columns(definition.dimensions[dimension].id),
        subject_id,
    )
    return {row.start: raw_value(definition, row.numerator, row.denominator) for row in rows}
