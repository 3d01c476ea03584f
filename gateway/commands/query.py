"""`./trueloop metrics query`: figures by period and dimension, from the semantic layer that the API asks."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any, get_args

import typer
from pydantic import ValidationError

from gateway.commands.context import JSON_OPTION, open_platform, published
from gateway.context import local_reader
from gateway.query_api import invalid
from gateway.terminal import fail, print_json, show
from ops_assets.access_file import access_policy_of
from ops_assets.figures import with_unit
from ops_assets.semantic.answers import Answer
from ops_assets.semantic.formats import Format, document, encode
from ops_assets.semantic.queries import MetricQueries
from ops_assets.semantic.query import Filter, MetricQuery, Operator, Order, QueryError, TimeRange

_OPERATORS: tuple[Operator, ...] = get_args(Operator)


def query_metrics(
    metrics: list[str] = typer.Argument(help="One to five metrics; the prefix metric_ may be left out."),
    dimension: list[str] = typer.Option([], help="Split by this dimension; may be repeated."),
    grain: str | None = typer.Option(None, help="Split by day, week, month, quarter or year."),
    first: datetime | None = typer.Option(None, "--from", formats=["%Y-%m-%d"], help="First day."),
    last: datetime | None = typer.Option(None, "--to", formats=["%Y-%m-%d"], help="Last day, inclusive."),
    figure: str = typer.Option("period", help="period, window (for each day) or to_date (accumulated)."),
    where: list[str] = typer.Option(
        [], help="Only these members: item=M-1,M-2, or item:contains=pump with any operator; may be repeated."
    ),
    order: list[str] = typer.Option([], help="period, a dimension or a metric; -period turns it round."),
    limit: int = typer.Option(1_000, min=1, max=10_000, help="Rows at most."),
    form: str | None = typer.Option(None, "--format", help="csv or arrow, to standard output."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Figures split by period and dimension, exact, with their unit, state and owner."""
    platform = open_platform()
    snapshot = published(platform)
    body: dict[str, Any] = {
        "metrics": tuple(metrics),
        "dimensions": tuple(dimension),
        "grain": grain,
        "figure": figure,
        "limit": limit,
    }
    try:
        if first or last:
            body["time_range"] = TimeRange(first=first and first.date(), last=last and last.date())
        body["filters"] = tuple(_condition(text) for text in where)
        body["order"] = tuple(Order(by=by.lstrip("-"), direction="desc" if by[:1] == "-" else "asc") for by in order)
        query = MetricQuery(**body)
    except ValidationError as error:
        fail(invalid(error).detail.removeprefix("The query is not as described at /docs. "))
    queries = MetricQueries(platform.snapshots, access_policy_of(platform.settings), platform.clock.now)
    try:
        answer = queries.answer(query, local_reader(platform.settings), snapshot)
    except QueryError as error:
        fail(error.sentence)
    if form is not None:
        sys.stdout.buffer.write(encode(answer, _table_format(form)))
    elif as_json:
        print_json(document(answer))
    else:
        _show(answer)


def _table_format(form: str) -> Format:
    formats: dict[str, Format] = {"csv": "csv", "arrow": "arrow"}
    if form not in formats:
        fail("--format is csv or arrow.")
    return formats[form]


def _condition(text: str) -> Filter:
    """``item=a,b`` or ``item:contains=pump``."""
    left, _, right = text.partition("=")
    name, _, operator = left.partition(":")
    known = next((one for one in _OPERATORS if one == (operator or "in")), None)
    if known is None:
        fail(f"--where {text}: there is no operator {operator!r}. There are: {', '.join(_OPERATORS)}.")
    values = tuple(right.split(",")) if known in {"in", "not_in"} else ((right,) if right else ())
    return Filter(dimension=name, op=known, on="label" if known in {"contains", "starts_with"} else "id", values=values)


def _show(answer: Answer) -> None:
    period = {"period": "PERIOD"} if answer.query.grain else {}
    columns = {**period, **{name: name.upper() for name in answer.query.dimensions}}
    names = [standing.metric.name for standing in answer.standings]
    rows = []
    for row in answer.rows:
        cells: dict[str, Any] = {"period": row.period}
        cells |= {name: member.label for name, member in zip(answer.query.dimensions, row.members, strict=True)}
        for standing, found in zip(answer.standings, row.figures, strict=True):
            cells[standing.metric.name] = with_unit(standing.metric.unit, found.text)
        rows.append(cells)
    show(rows, {**columns, **{name: name.removeprefix("metric_").upper() for name in names}}, as_json=False,
         empty="There are no rows.")  # fmt: skip
    for standing in answer.standings:
        metric = standing.metric
        print(
            f"{metric.name}: {answer.first or 'the beginning'} to {answer.last}, as of {metric.as_of}, "
            f"{standing.trust.sentence()}; version {metric.definition_version}, {metric.owner_role} answers for it."
        )
    if answer.more:
        print("There are more rows; --limit shows them.")
    if answer.hidden:
        print(answer.hidden.sentence())
