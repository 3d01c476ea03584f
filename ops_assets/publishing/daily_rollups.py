"""The section of daily roll-ups: each metric's sums by day and dimension, so that questions over years read few rows.

A roll-up is made from the metric's published partitions, one file for each of them: a month that did not change keeps
its roll-up, and what a held metric shows is rolled up from the rows that it shows. Sums are exact decimals, so figures
from a roll-up equal those from the rows to the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.publishing.parts import create_parts_view, sql_text, write_part
from ops_assets.publishing.sections import SectionContext

PREFIX = "daily_"
_TABLE = """
create table snapshot.daily_rollup_part (
    metric varchar, period_start date, source varchar, columns varchar, file varchar)
"""


@dataclass(frozen=True)
class _Part:
    """One partition of a metric: its month and file, relative to the folder of partitions."""

    month: date
    file: str


class DailyRollups:
    """Views ``daily_<metric>``: event_date, the id and label columns of all dimensions, numerator, denominator, rows.

    A metric whose rows are days by dimension already has none. ``daily_rollup_part`` says which partition each file
    was made from.
    """

    def write(self, context: SectionContext) -> None:
        context.db.execute(_TABLE)
        kept = _kept(context)
        parts = _parts(context)
        columns = _columns(context)
        for name, metric in context.catalog.metrics.items():
            by = rollup_columns(metric, columns.get(name, frozenset()))
            if name in parts and by is not None:
                _write(context, name, parts[name], by, kept)


def rollup_columns(metric: MetricDefinition, existing: frozenset[str]) -> tuple[str, ...] | None:
    """What the roll-up is grouped by beside the day: id and label of each dimension that the published rows have.

    None where a roll-up would be the rows once more. Rows that an older definition made may lack a dimension.
    """
    if not existing >= {"event_date", "numerator", "denominator"}:
        return None
    if set(metric.grain) <= {"event_date", *(columns.id for columns in metric.dimensions.values())}:
        return None
    named = (name for columns in metric.dimensions.values() for name in (columns.id, columns.label))
    return tuple(dict.fromkeys(name for name in named if name in existing))


def _write(
    context: SectionContext, name: str, parts: Sequence[_Part], by: tuple[str, ...], kept: dict[tuple[str, str], str]
) -> None:
    columns = ", ".join(("event_date", *by))
    files = []
    for part in parts:
        file = kept.get((part.file, columns)) or write_part(
            context.db,
            context.parts_dir,
            f"{PREFIX}{name}",
            f"{part.month:%Y-%m}-{context.info.sequence:06d}",
            f"select {columns}, sum(numerator) as numerator, sum(denominator) as denominator, count(*) as rows "
            f"from read_parquet('{sql_text(context.parts_dir / part.file)}') group by {columns} order by event_date",
        )
        context.add_part(file)
        files.append(file)
    context.db.execute(
        "insert into snapshot.daily_rollup_part "
        "select ?, unnest(?::date[]), unnest(?::varchar[]), ?, unnest(?::varchar[])",
        [name, [part.month for part in parts], [part.file for part in parts], columns, files],
    )
    create_parts_view(context.db, context.parts_dir, f"{PREFIX}{name}", files)


def _kept(context: SectionContext) -> dict[tuple[str, str], str]:
    """(partition, columns) -> roll-up file of the snapshot before. A partition never changes under its name."""
    if not context.previous_has("daily_rollup_part"):
        return {}
    rows = context.db.execute("select source, columns, file from previous.daily_rollup_part").fetchall()
    return {(source, columns): file for source, columns, file in rows}


def _parts(context: SectionContext) -> dict[str, list[_Part]]:
    found: dict[str, list[_Part]] = {}
    rows = context.db.execute("select metric, period_start, file from snapshot.metric_part order by period_start")
    for metric, month, file in rows.fetchall():
        found.setdefault(metric, []).append(_Part(month, file))
    return found


def _columns(context: SectionContext) -> dict[str, frozenset[str]]:
    """The columns of every metric's view in this snapshot."""
    rows = context.db.execute(
        "select table_name, list(column_name) from duckdb_columns() "
        "where database_name = 'snapshot' and starts_with(table_name, 'metric_') group by table_name"
    )
    return {name: frozenset(columns) for name, columns in rows.fetchall()}
