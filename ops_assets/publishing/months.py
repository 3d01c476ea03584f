"""The months of one metric: what the warehouse holds for each, and how a snapshot notes them.

One scan and one insert for a metric, however long its history: statements for each month would make every publication
slower from month to month.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import duckdb

from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.figures import raw_value, shown_value


@dataclass(frozen=True, slots=True)
class Month:
    """One month of a metric. ``rows`` and ``fingerprint`` cover all its rows, the figures those up to the as-of date.

    ``counted`` is the number of rows behind numerator and denominator.
    """

    start: date
    rows: int
    fingerprint: str
    numerator: Decimal | None
    denominator: Decimal | None
    counted: int


def read_months(
    connection: duckdb.DuckDBPyConnection, metric: MetricDefinition, relation: str, as_of: date, *, code: str
) -> list[Month]:
    """The months that have rows, oldest first.

    ``code`` identifies the models' code and is part of the fingerprints: a changed model may write other columns from
    the very same rows.
    """
    if metric.aggregation == "latest_sum":
        # A stock figure of a month is the one of its last counted day; adding days up would count stock twice.
        figure = "max_by({'n': n, 'd': d, 'rows': day_rows}, event_date) filter (in_time)"
    else:
        figure = "{'n': sum(n) filter (in_time), 'd': sum(d) filter (in_time), 'rows': sum(day_rows) filter (in_time)}"
    found = connection.execute(
        f"""
        select period_start, rows, fingerprint, figure.n, figure.d, cast(coalesce(figure.rows, 0) as bigint)
        from (
            select
                cast(date_trunc('month', event_date) as date) as period_start,
                cast(sum(day_rows) as bigint) as rows,
                concat_ws('/', sum(day_rows), sum(n), sum(d), max(seq), ?) as fingerprint,
                {figure} as figure
            from (
                select
                    event_date, event_date <= date '{as_of.isoformat()}' as in_time, count(*) as day_rows,
                    sum(numerator) as n, sum(denominator) as d, max(_batch_seq) as seq
                from {relation} where event_date is not null group by event_date
            ) as days
            group by period_start
        ) as months
        order by period_start
        """,
        [code],
    ).fetchall()
    return [Month(*row) for row in found]


def note_parts(
    connection: duckdb.DuckDBPyConnection, metric: str, months: Sequence[Month], files: Sequence[str]
) -> None:
    """Write which Parquet file holds which month into the attached snapshot."""
    connection.execute(
        "insert into snapshot.metric_part "
        "select ?, unnest(?::date[]), unnest(?::varchar[]), unnest(?::bigint[]), unnest(?::varchar[])",
        [metric, [m.start for m in months], files, [m.rows for m in months], [m.fingerprint for m in months]],
    )


def note_periods(connection: duckdb.DuckDBPyConnection, metric: MetricDefinition, months: Sequence[Month]) -> None:
    """Write the monthly roll-up into the attached snapshot."""
    values = [raw_value(metric, month.numerator, month.denominator) for month in months]
    connection.execute(
        "insert into snapshot.metric_period select ?, unnest(?::date[]), 'month', unnest(?::varchar[]), "
        "unnest(?::varchar[]), unnest(?::double[]), unnest(?::varchar[]), unnest(?::bigint[])",
        [
            metric.name,
            [month.start for month in months],
            [None if month.numerator is None else f"{month.numerator:f}" for month in months],
            [None if month.denominator is None else f"{month.denominator:f}" for month in months],
            [None if value is None else float(value) for value in values],
            [shown_value(metric, value) for value in values],
            [month.counted for month in months],
        ],
    )
