"""The rows that watch rules and movements look at: sums by subject and period, from one published snapshot.

SQL only; judging is the business of ops_assets.watching and the pure modules of ops_assets.checks. Names in
the SQL come from the dictionary, values are bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from ops_assets.periods import Grain, Period
from ops_assets.sql_names import quoted
from resources.serving import Snapshot

Aggregation = Literal["ratio", "sum", "latest_sum"]


@dataclass(frozen=True, slots=True)
class SubjectSums:
    """Numerator and denominator of a subject's rows. ``subject_id`` is "" for the metric as a whole, None for rows
    without one.
    """

    subject_id: str | None
    label: str
    start: date
    numerator: Decimal
    denominator: Decimal


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that identify and name subjects; both None for the metric as a whole."""

    id: str | None = None
    label: str | None = None

    @property
    def id_sql(self) -> str:
        return "''" if self.id is None else f"cast({quoted(self.id)} as varchar)"

    @property
    def label_sql(self) -> str:
        return "''" if self.label is None else f"max(cast({quoted(self.label)} as varchar))"


def has_rows(snapshot: Snapshot, metric: str) -> bool:
    """Whether anything was ever published of a metric; without, there is no view of its rows."""
    return bool(snapshot.rows("select 1 from metric_part where metric = ? limit 1", [metric]))


def first_day(snapshot: Snapshot, metric: str) -> date | None:
    """The day of the oldest row."""
    rows = snapshot.rows(f"select min(event_date) as day from {quoted(metric)}")
    found: date | None = rows[0]["day"]
    return found


def sums_of(
    snapshot: Snapshot,
    metric: str,
    aggregation: Aggregation,
    period: Period,
    columns: Columns,
    only: Mapping[str, Sequence[str]] | None = None,
) -> list[SubjectSums]:
    """The sums of each subject over one period; of a stock figure, on the last day of the period that has rows.

    ``only`` keeps the rows whose columns hold one of the given texts.
    """
    return _sums(snapshot, metric, aggregation, period, columns, "cast($first as date)", only)


def series_of(
    snapshot: Snapshot,
    metric: str,
    aggregation: Aggregation,
    grain: Grain,
    period: Period,
    columns: Columns,
    subject: str | None = None,
) -> list[SubjectSums]:
    """The sums of each subject by the days, weeks or months in ``period``, oldest first; ``start`` is their first.

    ``subject`` keeps one of them; a stock figure is still that of the last day on which there are rows of any.
    """
    start = f"cast(date_trunc('{grain}', event_date) as date)"
    return _sums(snapshot, metric, aggregation, period, columns, start, subject=subject)


def newest_days(snapshot: Snapshot, metric: str, period: Period, columns: Columns) -> list[tuple[SubjectSums, date]]:
    """The sums over the period and the day of the newest row of every subject that has rows in it."""
    rows = snapshot.rows(
        f"""
        select {columns.id_sql} as subject_id, {columns.label_sql} as label, sum(numerator) as numerator,
            sum(denominator) as denominator, max(event_date) as newest
        from {quoted(metric)} where event_date between $first and $last group by 1 order by 1
        """,
        {"first": period.first, "last": period.last},
    )
    return [(_subject({**row, "start": period.first}), row["newest"]) for row in rows if row["subject_id"] is not None]


def _sums(
    snapshot: Snapshot,
    metric: str,
    aggregation: Aggregation,
    period: Period,
    columns: Columns,
    start: str,
    only: Mapping[str, Sequence[str]] | None = None,
    subject: str | None = None,
) -> list[SubjectSums]:
    values: dict[str, object] = {"first": period.first, "last": period.last}
    conditions = ""
    for number, (column, texts) in enumerate((only or {}).items()):
        conditions += f" and list_contains($only{number}, cast({quoted(column)} as varchar))"
        values[f"only{number}"] = list(texts)
    chosen = ""
    if subject is not None:
        chosen, values["subject"] = "where subject_id = $subject", subject
    latest = "qualify event_date = max(event_date) over (partition by start)" if aggregation == "latest_sum" else ""
    rows = snapshot.rows(
        f"""
        with days as (
            select {columns.id_sql} as subject_id, {columns.label_sql} as label, event_date, {start} as start,
                sum(numerator) as numerator, sum(denominator) as denominator
            from {quoted(metric)} where event_date between $first and $last{conditions}
            group by 1, 3, 4 {latest})
        select subject_id, max(label) as label, start, sum(numerator) as numerator, sum(denominator) as denominator
        from days {chosen} group by subject_id, start order by subject_id, start
        """,
        values,
    )
    return [_subject(row) for row in rows]


def _subject(row: dict[str, Any]) -> SubjectSums:
    subject: str | None = row["subject_id"]
    return SubjectSums(
        subject_id=subject,
        label=row["label"] or subject or "",
        start=row["start"],
        numerator=Decimal(row["numerator"] or 0),
        denominator=Decimal(row["denominator"] or 0),
    )
