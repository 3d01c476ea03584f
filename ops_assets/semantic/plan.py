"""From a query to its shape and its values: names, ranges and access are judged here, before anything is compiled.

Pure over what a snapshot says of itself. Every refusal is a QueryError that says what to change.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ops_assets.access import AccessRefused, Reader, View
from ops_assets.governed_figures import GovernedFigures
from ops_assets.semantic.published import PublishedFacts, PublishedMetric
from ops_assets.semantic.query import MOST_PERIODS, MOST_YEARS, Grain, MetricQuery, QueryError
from ops_assets.semantic.shape import (
    FIRST,
    LAST,
    LIMIT,
    SHOWN_FROM,
    FilterShape,
    OrderKey,
    Shape,
    Source,
    slots_for,
)

_BEGINNING = date(1900, 1, 1)
_DAYS_OF: dict[Grain, int] = {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}
_NEAR = 5


@dataclass(frozen=True)
class Plan:
    """A query that can be answered. ``first`` None: from the beginning. ``views`` are by metric, of its dimensions."""

    shape: Shape
    values: Mapping[str, object]
    metrics: tuple[PublishedMetric, ...]
    first: date | None
    last: date
    limit: int
    views: Mapping[str, View]


def plan(query: MetricQuery, facts: PublishedFacts, figures: GovernedFigures, reader: Reader) -> Plan:
    """Judge ``query``. Raises QueryError."""
    metrics = tuple(_metric(name, facts, figures) for name in query.metrics)
    twice = {one.name for one in metrics if metrics.count(one) > 1}
    if twice:
        raise QueryError("invalid", f"The metric {twice.pop()!r} is asked for twice.", where="metrics")
    names = tuple(metric.name for metric in metrics)
    views = _views(names, query, figures, reader)
    _known_dimensions(query, names, figures)
    first, last = _range(query, metrics)
    window = _window(query, metrics)
    values: dict[str, object] = {FIRST: first or _BEGINNING, LAST: last, LIMIT: query.limit + 1}
    if window is not None:
        assert first is not None, "_window refuses a range without a first day"
        values |= {FIRST: first - timedelta(days=window - 1), SHOWN_FROM: first}
    sources = tuple(
        _source(place, name, query, facts, figures, views[name], values) for place, name in enumerate(names)
    )
    filters = tuple(_filter(query, place, values) for place in range(len(query.filters)))
    shape = Shape(
        sources=sources,
        aggregations=tuple(metric.aggregation for metric in metrics),
        dimensions=query.dimensions,
        grain=query.grain,
        figure=query.figure,
        window_days=window,
        filters=filters,
        order=_order(query, names),
    )
    return Plan(shape, values, metrics, first, last, query.limit, views)


def resolve_metric(name: str, facts: PublishedFacts) -> PublishedMetric:
    """The metric of that name, with or without prefix. Raises QueryError with near names."""
    for candidate in (name, f"metric_{name}"):
        if candidate in facts.metrics:
            return facts.metrics[candidate]
    near = near_names(name.removeprefix("metric_"), [known.removeprefix("metric_") for known in facts.metrics])
    hint = f"Did you mean {', '.join(near)}?" if near else "`GET /api/v1/metrics` lists them."
    raise QueryError("unknown", f"There is no metric {name[:60]!r}. {hint}", near=near)


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """Known names that may have been meant, best first."""
    return difflib.get_close_matches(name.lower()[:100], sorted(known), n=_NEAR, cutoff=0.45)


def _metric(name: str, facts: PublishedFacts, figures: GovernedFigures) -> PublishedMetric:
    metric = resolve_metric(name, facts)
    if metric.state in {"unavailable", "none_good"} or metric.as_of is None:
        raise QueryError("unavailable", f"{metric.name} has no figures to show. {metric.reason}".strip())
    if metric.name not in facts.described or metric.name not in figures.bundle.metrics:
        raise QueryError(
            "unavailable",
            f"The snapshot {facts.snapshot_id} keeps no semantic model of {metric.name}: it was published by an "
            "earlier version. The next refresh publishes one.",
        )
    return metric


def _views(names: Sequence[str], query: MetricQuery, figures: GovernedFigures, reader: Reader) -> dict[str, View]:
    try:
        figures.require(reader, names)
        views = {name: figures.dimensions(reader, name) for name in names}
        for view in views.values():
            view.require_visible((condition.dimension for condition in query.filters), "filter")
            view.require_visible((key.by for key in query.order if key.by in query.dimensions), "order")
            hidden = [name for name in query.dimensions if name in view.left_out]
            view.require_visible(hidden, "split figures")
    except AccessRefused as refusal:
        raise QueryError("forbidden", str(refusal)) from refusal
    return views


def _known_dimensions(query: MetricQuery, names: Sequence[str], figures: GovernedFigures) -> None:
    asked = [(name, "dimensions") for name in query.dimensions] + [(f.dimension, "filters") for f in query.filters]
    for metric in names:
        known = list(figures.bundle.metrics[metric].dimensions)
        for name, where in asked:
            if name not in known:
                has = f"It has {', '.join(known)}." if known else "It has none."
                near = near_names(name, known)
                raise QueryError("unknown", f"{metric} has no dimension {name[:60]!r}. {has}", where=where, near=near)
    labels = [one for one in query.filters if one.on == "label"]
    if labels and len(names) > 1:
        raise QueryError(
            "invalid",
            "A label belongs to the rows of one metric: ask for one metric, or filter by id (`on: id`).",
            where="filters",
        )


def _range(query: MetricQuery, metrics: Sequence[PublishedMetric]) -> tuple[date | None, date]:
    as_of = min(metric.as_of for metric in metrics if metric.as_of is not None)
    asked = query.time_range
    if asked is None or (asked.first is None and asked.last is None):
        spans = {_own_span(metric) for metric in metrics}
        if len(spans) > 1:
            raise QueryError(
                "invalid",
                "These metrics cover different days by themselves ("
                + "; ".join(f"{metric.name}: {_span_text(_own_span(metric))}" for metric in metrics)
                + "). Say which days to compare with `time_range`.",
                where="time_range",
            )
        first, last = spans.pop()
    else:
        first, last = asked.first, min(asked.last or as_of, as_of)
        if first is not None and first > as_of:
            raise QueryError(
                "invalid",
                f"`from` is {first}, but figures are published up to {as_of}. Choose an earlier day.",
                where="time_range",
            )
        if first is not None and (last - first).days > MOST_YEARS * 366:
            raise QueryError(
                "too_large", f"A range covers at most {MOST_YEARS} years. Choose a later `from`.", where="time_range"
            )
    if query.grain is not None:
        months = [metric.first_month for metric in metrics if metric.first_month is not None]
        begins = max(first or _BEGINNING, min(months)) if months else first or last
        periods = ((last - begins).days + 1) / _DAYS_OF[query.grain]
        if periods > MOST_PERIODS:
            raise QueryError(
                "too_large",
                f"{begins} to {last} by {query.grain} are about {periods:,.0f} periods; at most {MOST_PERIODS:,} are "
                "answered. Choose a later `from` or a coarser `grain`.",
                where="time_range",
            )
    return first, last


def _own_span(metric: PublishedMetric) -> tuple[date | None, date]:
    assert metric.as_of is not None, "_metric refuses metrics without figures"
    if metric.window_days is None or metric.aggregation == "latest_sum":
        return None, metric.as_of
    return metric.as_of - timedelta(days=metric.window_days - 1), metric.as_of


def _span_text(span: tuple[date | None, date]) -> str:
    return f"{span[0] or 'the beginning'} to {span[1]}"


def _window(query: MetricQuery, metrics: Sequence[PublishedMetric]) -> int | None:
    if query.figure == "period":
        return None
    stocks = [metric.name for metric in metrics if metric.aggregation == "latest_sum"]
    if stocks:
        raise QueryError(
            "invalid",
            f"{stocks[0]} is a stock figure: it does not add up over days. Ask for `figure: period`.",
            where="figure",
        )
    if query.figure == "to_date":
        return None
    windows = {metric.window_days for metric in metrics}
    window = windows.pop()
    if windows or window is None:
        raise QueryError(
            "invalid",
            "These metrics have no one window: ask for metrics with the same window, or for `figure: to_date`.",
            where="figure",
        )
    if query.time_range is None or query.time_range.first is None:
        raise QueryError("invalid", "`figure: window` needs `time_range.from`.", where="time_range")
    if query.time_range.first < _BEGINNING:
        raise QueryError("invalid", f"Choose a `from` of {_BEGINNING} or later.", where="time_range")
    return window


def _source(
    place: int,
    name: str,
    query: MetricQuery,
    facts: PublishedFacts,
    figures: GovernedFigures,
    view: View,
    values: dict[str, object],
) -> Source:
    """The roll-up where it has all columns that the query needs; the rows themselves otherwise."""
    columns = figures.bundle.metrics[name].dimensions
    needed = {"event_date", "numerator", "denominator"}
    needed |= {columns[dimension].id for dimension in query.dimensions}
    for condition in query.filters:
        pair = columns[condition.dimension]
        needed.add(pair.label if condition.on == "label" else pair.id)
    allowed: tuple[str, ...] = ()
    if view.row_filter is not None:
        needed.add(view.row_filter.column)
        allowed = view.row_filter.values
    relation = next(
        (
            candidate
            for candidate in (facts.rollup_of(name), name)
            if candidate is not None and needed <= facts.relations.get(candidate, frozenset())
        ),
        None,
    )
    if relation is None and name in facts.relations:
        missing = ", ".join(sorted(needed - facts.relations[name]))
        raise QueryError(
            "unavailable",
            f"The published rows of {name} lack {missing}: its definition changed, and its last good figures were made "
            "by the one before. Ask without it until new figures are published.",
        )
    source = Source(name, relation, view.row_filter.column if view.row_filter else None, slots_for(len(allowed)))
    values |= _padded(source.parameters(place), allowed)
    return source


def _filter(query: MetricQuery, place: int, values: dict[str, object]) -> FilterShape:
    asked = query.filters[place]
    shape = FilterShape(asked.dimension, asked.on, asked.op, slots_for(len(asked.values)))
    values |= _padded(shape.parameters(place), asked.values)
    return shape


def _padded(parameters: Sequence[str], given: Sequence[str]) -> dict[str, object]:
    return {parameter: given[min(slot, len(given) - 1)] for slot, parameter in enumerate(parameters)}


def _order(query: MetricQuery, names: Sequence[str]) -> tuple[OrderKey, ...]:
    known = (*(("period",) if query.grain else ()), *query.dimensions, *names)
    keys = []
    for asked in query.order:
        by = f"metric_{asked.by}" if f"metric_{asked.by}" in names else asked.by
        if by not in known:
            near = near_names(by, known)
            raise QueryError(
                "unknown",
                f"Rows cannot be ordered by {by[:60]!r}. There are: {', '.join(known)}.",
                where="order",
                near=near,
            )
        keys.append(OrderKey(by, asked.direction))
    return tuple(keys)
