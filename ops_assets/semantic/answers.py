"""An answer: figures with everything that a reader must know to rely on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ops_assets.access import Hidden
from ops_assets.checks.trust import Trust
from ops_assets.figures import raw_value, shown_value
from ops_assets.semantic.plan import Plan
from ops_assets.semantic.published import PublishedMetric
from ops_assets.semantic.query import MetricQuery
from resources.serving import Snapshot


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: exact sums, their quotient as a double, and the text that people see (without unit)."""

    numerator: Decimal | None
    denominator: Decimal | None
    value: float | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a dimension as the reader may see it. ``id`` None: rows without a value."""

    id: str | None
    label: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one period and one combination of members, one for each metric asked for."""

    period: date | None
    members: tuple[Member, ...]
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Standing:
    """A metric and how far its figures can be relied on."""

    metric: PublishedMetric
    trust: Trust


@dataclass(frozen=True)
class Answer:
    """The answer to ``query`` from one snapshot and the definitions behind it, never a mix of two.

    ``first`` None: from the beginning. ``more`` says that the limit cut rows off.
    """

    query: MetricQuery
    snapshot_id: str
    definitions: str
    published_at: datetime
    first: date | None
    last: date
    standings: tuple[Standing, ...]
    rows: tuple[Row, ...]
    more: bool
    hidden: Hidden


def figure(metric: PublishedMetric, numerator: Decimal | None, denominator: Decimal | None) -> Figure:
    """With the arithmetic of the published headline, so that both agree to the last digit."""
    value = raw_value(metric, numerator, denominator)
    return Figure(numerator, denominator, None if value is None else float(value), shown_value(metric, value))


def answer(
    query: MetricQuery,
    plan: Plan,
    snapshot: Snapshot,
    found: Sequence[tuple[Any, ...]],
    labels: Sequence[Mapping[str, str]],
    trust: Mapping[str, Trust],
) -> Answer:
    """Put rows of the compiled statement together; ``labels`` are by dimension asked for, id to label."""
    rows = [_row(plan, row, labels) for row in found[: plan.limit]]
    views = [plan.views[metric.name] for metric in plan.metrics]
    masked = [name for name in query.dimensions if any(name in view.masked for view in views)]
    if masked and not query.order:
        # The order of the ids could tell who stands behind a pseudonym.
        rows.sort(key=lambda row: (row.period or date.min, [member.id or "" for member in row.members]))
    return Answer(
        query=query,
        snapshot_id=snapshot.id,
        definitions=snapshot.info.definitions,
        published_at=snapshot.published_at,
        first=plan.first,
        last=plan.last,
        standings=tuple(Standing(metric, trust[metric.name]) for metric in plan.metrics),
        rows=tuple(rows),
        more=len(found) > plan.limit,
        hidden=Hidden(
            masked=tuple(masked),
            rows_by=next((view.row_filter.column for view in views if view.row_filter is not None), None),
        ),
    )


def _row(plan: Plan, row: tuple[Any, ...], labels: Sequence[Mapping[str, str]]) -> Row:
    period = row[0] if plan.shape.grain else None
    start = 1 if plan.shape.grain else 0
    names = plan.shape.dimensions
    figures_from = start + len(names)
    return Row(
        period=period,
        members=tuple(_member(plan, name, row[start + place], labels[place]) for place, name in enumerate(names)),
        figures=tuple(
            figure(metric, row[figures_from + 2 * place], row[figures_from + 2 * place + 1])
            for place, metric in enumerate(plan.metrics)
        ),
    )


def _member(plan: Plan, dimension: str, found: str | None, labels: Mapping[str, str]) -> Member:
    for view in plan.views.values():
        if dimension in view.masked:
            # One pseudonym for both, so that two people of one name stay two.
            pseudonym = view.value(dimension, found)
            text = None if pseudonym is None else str(pseudonym)
            return Member(text, text)
    return Member(found, None if found is None else labels.get(found, found))
