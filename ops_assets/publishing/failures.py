"""The section with the lineage of what failed and of the metrics' rows: with it a snapshot tells root causes alone."""

from __future__ import annotations

from ops_assets.lineage import Column
from ops_assets.publishing.sections import SectionContext

_TABLES = """
create table snapshot.failed_asset (asset varchar primary key, upstream varchar[], sources varchar[]);
create table snapshot.row_line (asset varchar primary key, upstream varchar[], sources varchar[], rows_from varchar[]);
"""
_DATE = "event_date"


class Failures:
    """One row for every asset behind a red line or a failed build: all models and raw tables that it stands on. The
    same for every metric and every model that a metric's rows come from, with those models in ``rows_from``: the ones
    that its date column comes from.
    """

    def write(self, context: SectionContext) -> None:
        context.db.execute(_TABLES)
        for asset in sorted(context.report.failed):
            context.db.execute(
                "insert into snapshot.failed_asset values (?, ?, ?)", [asset, *_standing(context, asset)]
            )
        rows_from = {name: _rows_from(context, name) for name in context.states if context.project.has(name)}
        for asset in sorted({*rows_from, *(model for models in rows_from.values() for model in models)}):
            context.db.execute(
                "insert into snapshot.row_line values (?, ?, ?, ?)",
                [asset, *_standing(context, asset), sorted(rows_from.get(asset, frozenset()))],
            )


def _standing(context: SectionContext, asset: str) -> tuple[list[str], list[str]]:
    project = context.project
    return sorted(project.upstream.get(asset, frozenset())), sorted(project.sources.get(asset, frozenset()))


def _rows_from(context: SectionContext, metric: str) -> frozenset[str]:
    columns = context.bundle.lineage.upstream([Column(metric, _DATE)])
    return frozenset(column.relation for column in columns) & context.project.upstream.get(metric, frozenset())
