"""The page ``/metrics/{name}/rows``: the rows that a metric's headline figure is made from, and the same as CSV.

Belongs here: which rows are asked for, addresses, what the template shows. What a reader may see of rows is
ops_assets.governed_rows; the rows behind a gap between departments are explain_pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from gateway.context import require_reader
from gateway.explain_api import Asking, Where, asking, condition, csv_response
from gateway.figure_words import plain_number
from gateway.metric_lines import MetricLine, Reading
from gateway.pages import language_of, page, snapshot_read
from gateway.problems import Problem
from gateway.tokens import READ
from gateway.words import Language, text
from ops_assets.access import Hidden
from ops_assets.governed_rows import GovernedRows, Order, RowsError, Table
from ops_assets.publishing.headline import window_start
from ops_assets.reconciliation.explain import ExplainError
from ops_assets.row_conditions import Condition
from ops_assets.sql_names import quoted
from ops_assets.watched_rows import has_rows

router = APIRouter(include_in_schema=False)
_PAGE_ROWS = 100
_EXPORT_ROWS = 10_000
_DAY = "event_date"
_AMOUNTS = ("numerator", "denominator")


class Days(NamedTuple):
    """The local dates of the rows that make a headline figure, both included; ``first`` None: from the beginning."""

    first: date | None
    last: date


@router.get("/metrics/{name}/rows")
def figure_rows(
    request: Request,
    name: str,
    where: Where = [],  # noqa: B006 - FastAPI copies the default
    offset: Annotated[int, Query(ge=0, le=_EXPORT_ROWS)] = 0,
    form: Annotated[Literal["", "csv"], Query(alias="format")] = "",
) -> Response:
    """The newest rows first; ``where`` narrows them, ``format=csv`` gives up to 10,000 as a file."""
    require_reader(request, READ)
    snapshot = snapshot_read(request)
    asked = asking(request, snapshot, name)
    if form == "csv":
        days = _days(asked)
        table = _table(asked, days, where, limit=_EXPORT_ROWS) if days else Table((), (), Hidden())
        return csv_response(table, asked.metric.name)
    (line,) = Reading(request, snapshot).lines([asked.metric.name])
    return figure_rows_page(request, asked, line, where=where, offset=offset)


def figure_rows_page(
    request: Request, asked: Asking, line: MetricLine, *, where: Sequence[str] = (), offset: int = 0, note: str = ""
) -> Response:
    """The page, with the sentence ``note`` above the rows; 403 for who may not see them. Raises Problem 422."""
    language, metric, days = language_of(request), asked.metric, _days(asked)
    if line.refused:
        return page(request, "explain_none.html", status=403, line=line, metric=metric, note="")
    table = _table(asked, days, where, limit=_PAGE_ROWS, offset=offset) if days else Table((), (), Hidden())
    # A sum has no denominator of its own.
    columns = [column for column in table.columns if metric.aggregation == "ratio" or column != "denominator"]
    following = offset + _PAGE_ROWS

    def address(**more: object) -> str:
        narrowed = [("where", one) for one in where if one.strip()]
        pairs = [*narrowed, ("snapshot", asked.snapshot.id), *((key, str(value)) for key, value in more.items())]
        return f"/metrics/{metric.name}/rows?{urlencode(pairs)}"

    return page(
        request,
        "figure_rows.html",
        line=line,
        metric=metric,
        note=note,
        which=_which(language, days) if days else "",
        where=[one for one in where if one.strip()],
        headings=[(_heading(language, column), column in _AMOUNTS) for column in columns],
        rows=[[_cell(column, row[column]) for column in columns] for row in table.dicts()],
        hidden=table.hidden.sentence(language),
        most=f"{_EXPORT_ROWS:,}",
        csv=address(format="csv"),
        before=address(offset=max(0, offset - _PAGE_ROWS)) if offset else "",
        after=address(offset=following) if table.more and following <= _EXPORT_ROWS else "",
    )


def _days(asked: Asking) -> Days | None:
    """The days that the published figure counts; None where nothing of the metric was ever published."""
    snapshot, metric = asked.snapshot, asked.metric
    (row,) = snapshot.rows("select as_of, window_days from metrics where metric = ?", [metric.name])
    if row["as_of"] is None or not has_rows(snapshot, metric.name):
        return None
    if metric.aggregation != "latest_sum":
        return Days(window_start(row["as_of"], row["window_days"]), row["as_of"])
    found = snapshot.rows(f"select max({_DAY}) as day from {quoted(metric.name)} where {_DAY} <= ?", [row["as_of"]])
    day: date | None = found[0]["day"]
    return None if day is None else Days(day, day)


def _table(asked: Asking, days: Days, where: Sequence[str], *, limit: int, offset: int = 0) -> Table:
    """The rows of these days as the reader sees them. Raises Problem 422 and AccessRefused."""
    conditions = [Condition(column=_DAY, op="le", values=(days.last,))]
    if days.first is not None:
        conditions.append(Condition(column=_DAY, op="ge", values=(days.first,)))
    explained = asked.explanations
    try:
        narrowed = [condition(one) for one in where if one.strip()]
        conditions += [Condition(column=column, values=(value,)) for column, value in narrowed]
        return GovernedRows(asked.snapshot, explained.bundle, explained.policy).read(
            asked.metric.name,
            asked.reader,
            where=conditions,
            limit=limit,
            order=[Order(_DAY, descending=True)],
            offset=offset,
        )
    except (RowsError, ExplainError) as error:
        raise Problem(422, str(error)) from error


def _which(language: Language, days: Days) -> str:
    """Which days' rows these are, in words."""
    if days.first is None:
        return text(language, "figure_rows_until", last=days.last)
    if days.first == days.last:
        return text(language, "figure_rows_day", last=days.last)
    return text(language, "figure_rows_window", first=days.first, last=days.last)


def _cell(column: str, value: object) -> str:
    """A value as people read it; an amount that the reader's role masks is no number any more."""
    if value is None:
        return "–"
    return plain_number(value) if column in _AMOUNTS and isinstance(value, (int, Decimal)) else str(value)


def _heading(language: Language, column: str) -> str:
    if column in _AMOUNTS:
        return text(language, column)
    key = f"column_{column}"
    words = text(language, key)
    return column.replace("_", " ").capitalize() if words == key else words
