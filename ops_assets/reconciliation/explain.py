"""Explains any two figures for one metric on a published snapshot: a claim against ours, or a claim against another.

What publication computed (claims against ours, months and headline) is read back; everything else is computed on the
snapshot's rows by the same code. Belongs here: questions and answers. How a gap comes apart is row_level and gap.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ops_assets.dictionary.base import Text
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.periods import following_month
from ops_assets.reconciliation.answer import OURS, Explanation, Figure, Part, PartRow, Span
from ops_assets.reconciliation.attribution import ratio_slopes
from ops_assets.reconciliation.gap import Gap, amount, make_gaps
from ops_assets.reconciliation.row_level import Periods, RowLevel
from ops_assets.reconciliation.spec import (
    OURS_LABEL,
    Comparison,
    ComparisonError,
    claim_named,
    compare_claims,
    compare_with_ours,
    rows_view,
)
from ops_assets.reconciliation.totals_sql import PartSums, read_units
from resources.serving import Snapshot


class ExplainError(ValueError):
    """A question that cannot be answered; the message says what can be asked instead."""


def spans(snapshot: Snapshot, metric: MetricDefinition) -> list[Span]:
    """The spans that were compared at publication, of any claim: the headline's first, then months, newest first."""
    if not _has(snapshot, "claim_period"):
        return []
    found = snapshot.rows(
        "select distinct grain, period_start, period_first, period_last from claim_period where metric = ? "
        "order by grain = 'month', period_start desc",
        [metric.name],
    )
    return [Span(row["grain"], row["period_first"], row["period_last"]) for row in found]


def stored(snapshot: Snapshot, metric: MetricDefinition, claim: str, span: Span | None = None) -> Explanation:
    """The explanation of a claim against ours as computed at publication (default: the headline; for a claim by the
    month its latest).

    Raises ExplainError for an unknown claim, or a span that was not compared.
    """
    spec = _claim(metric, claim)
    found = _period(snapshot, metric, spec.name, span)
    parts = snapshot.rows(
        "select * from claim_part where metric = ? and claim = ? and grain = ? and period_start = ? "
        "order by abs(part_value) desc nulls last, place, cause, input",
        [metric.name, spec.name, found["grain"], found["period_start"]],
    )
    ratio = metric.aggregation == "ratio"
    return Explanation(
        metric=metric.name,
        claim=spec.name,
        claim_label=spec.label,
        against=OURS,
        against_label=OURS_LABEL,
        span=Span(found["grain"], found["period_first"], found["period_last"]),
        ratio=ratio,
        ours=_stored_figure(found, "ours", ratio),
        theirs=_stored_figure(found, "theirs", ratio),
        gap=_fraction(found["gap"]),
        parts=tuple(
            Part(
                place=part["place"],
                cause=part["cause"],
                input=part["input"],
                label=Text(en=part["label_en"], zh=part["label_zh"]),
                numerator=Fraction(part["numerator"]),
                denominator=Fraction(part["denominator"]),
                amount=_fraction(part["part"]),
                rows=part["rows"],
            )
            for part in parts
        ),
        balanced=found["balanced"],
        imbalance=(Fraction(found["imbalance_numerator"]), Fraction(found["imbalance_denominator"])),
    )


def explain(
    snapshot: Snapshot,
    metric: MetricDefinition,
    claim: str,
    *,
    against: str = OURS,
    span: Span | None = None,
    where: Mapping[str, Any] | None = None,
) -> Explanation:
    """Compute an explanation on the snapshot's rows: any pair, any span, narrowed to key values such as one order.

    ``span`` None is the headline's. ``where`` may name columns of the compared grain. Raises ExplainError.
    """
    span = span or _default_span(snapshot, metric, claim)
    with _compared(snapshot, metric, claim, against, span, where) as (comparison, _, gap):
        return Explanation(
            metric=metric.name,
            claim=comparison.theirs.name,
            claim_label=comparison.theirs.label,
            against=comparison.ours.name,
            against_label=comparison.ours.label,
            span=span,
            ratio=comparison.ratio,
            ours=gap.ours,
            theirs=gap.theirs,
            gap=gap.gap,
            parts=gap.parts,
            balanced=gap.balanced,
            imbalance=gap.imbalance,
            where=dict(where or {}),
        )


def rows_behind(
    snapshot: Snapshot,
    metric: MetricDefinition,
    claim: str,
    part: str,
    *,
    against: str = OURS,
    span: Span | None = None,
    where: Mapping[str, Any] | None = None,
    limit: int = 200,
) -> list[PartRow]:
    """The rows behind a part (by its id), the largest movement first. Raises ExplainError.

    Rows that publication kept are read; it keeps a bounded number for each part, so more are computed on request.
    """
    cause, place, name = _part_id(part)
    if against == OURS and not where:
        kept = _kept_rows(snapshot, metric, claim, span, (cause, place, name), limit)
        if kept is not None:
            return kept
    span = span or _default_span(snapshot, metric, claim)
    with _compared(snapshot, metric, claim, against, span, where) as (_, sums, gap):
        rows = sums.rows(limit, (cause, place, name))
        return [_part_row(row, part, gap.slopes) for row in rows]


def parse_span(text: str, as_of: date, window_days: int | None) -> Span:
    """``window``, ``all``, ``2026-10``, ``2026-10-31`` or ``2026-10-01..2026-10-15``. Raises ExplainError."""
    try:
        if text == "window":
            return Span("window", None if window_days is None else as_of - timedelta(days=window_days - 1), as_of)
        if text == "all":
            return Span("range", None, as_of)
        if ".." in text:
            first, last = (date.fromisoformat(each) for each in text.split(".."))
            if first > last:
                raise ExplainError(f"The period {text!r} ends before it begins.")
            return Span("range", first, last)
        if text.count("-") == 1:
            month = date.fromisoformat(f"{text}-01")
            return Span("month", month, min(following_month(month) - timedelta(days=1), max(as_of, month)))
        day = date.fromisoformat(text)
        return Span("day", day, day)
    except ExplainError:
        raise
    except ValueError as error:
        raise ExplainError(
            f"{text!r} is no period; give window, all, a month (2026-10), a day (2026-10-31) or two days "
            "(2026-10-01..2026-10-15)."
        ) from error


@contextmanager
def _compared(
    snapshot: Snapshot,
    metric: MetricDefinition,
    claim: str,
    against: str,
    span: Span,
    where: Mapping[str, Any] | None,
) -> Iterator[tuple[Comparison, PartSums, Gap]]:
    """Compare on a cursor of our own; temporary tables go with it."""
    comparison = _comparison(metric, claim, against)
    for side in (comparison.ours, comparison.theirs):
        if not _has(snapshot, side.model):
            raise ExplainError(f"The snapshot {snapshot.id} has no rows of {side.model}, so it cannot be compared.")
    for column in where or {}:
        if column not in comparison.grain:
            raise ExplainError(
                f"{column!r} does not narrow this comparison; its rows have: {', '.join(comparison.grain)}."
            )
    if comparison.monthly and not _whole_months(span):
        raise ExplainError("A claim stated by the month is compared month by month; give a month such as 2026-10.")
    cursor = snapshot.connect()
    try:
        periods = Periods.of(span)
        level = RowLevel(cursor, comparison, (comparison.ours.model, comparison.theirs.model), periods, where)
        months = level.months()
        level.find(months)
        sums = PartSums(level)
        (gap,) = make_gaps(comparison, periods, months, sums.totals())
        yield comparison, sums, gap
        level.close()
    except ComparisonError as error:
        raise ExplainError(str(error)) from error
    finally:
        cursor.close()


def _comparison(metric: MetricDefinition, claim: str, against: str) -> Comparison:
    theirs = _claim(metric, claim)
    try:
        if against == OURS:
            return compare_with_ours(metric, theirs)
        return compare_claims(metric, _claim(metric, against), theirs)
    except ComparisonError as error:
        raise ExplainError(str(error)) from error


def _claim(metric: MetricDefinition, name: str) -> Any:
    try:
        return claim_named(metric, name)
    except ComparisonError as error:
        raise ExplainError(str(error)) from error


def _whole_months(span: Span) -> bool:
    """Whether the span is months from a first day; a month that is still running ends with the as-of day."""
    return span.grain == "month" or span.first is None


def _default_span(snapshot: Snapshot, metric: MetricDefinition, claim: str) -> Span:
    found = _period(snapshot, metric, _claim(metric, claim).name, None)
    return Span(found["grain"], found["period_first"], found["period_last"])


def _period(snapshot: Snapshot, metric: MetricDefinition, claim: str, span: Span | None) -> dict[str, Any]:
    if _has(snapshot, "claim_period"):
        rows = snapshot.rows(
            "select * from claim_period where metric = ? and claim = ? order by grain = 'month', period_start desc",
            [metric.name, claim],
        )
        for row in rows:
            if span is None or (row["grain"], row["period_start"]) == (span.grain, span.start):
                return row
    asked = "" if span is None else f" for {span.grain} {span.start.isoformat()}"
    raise ExplainError(
        f"The snapshot {snapshot.id} does not compare {metric.name} with {claim}{asked}. "
        "Claims are compared when both models are built and published."
    )


def _kept_rows(
    snapshot: Snapshot,
    metric: MetricDefinition,
    claim: str,
    span: Span | None,
    part: tuple[str, str, str],
    limit: int,
) -> list[PartRow] | None:
    """Rows kept at publication, or None where they do not suffice."""
    try:
        explanation = stored(snapshot, metric, claim, span)
    except ExplainError:
        if span is None:
            raise
        return None
    view = rows_view(metric.name, explanation.claim)
    cause, place, name = part
    total = explanation.part(f"{cause}.{place}.{name}")
    if total is None:
        return []
    if not _has(snapshot, view):
        return None
    rows = snapshot.rows(
        f"select * from {view} where grain = ? and period_start = ? and cause = ? and place = ? and input = ? "
        "order by place_in_part limit ?",
        [explanation.span.grain, explanation.span.start, cause, place, name, limit],
    )
    if len(rows) < min(limit, total.rows):
        return None
    slopes: tuple[Fraction, Fraction] | None = (Fraction(1), Fraction(0))
    if explanation.ratio:
        ours, theirs = explanation.ours, explanation.theirs
        slopes = ratio_slopes((ours.numerator, ours.denominator), (theirs.numerator, theirs.denominator))
    return [_part_row(row, total.id, slopes) for row in rows]


def _part_row(row: Mapping[str, Any], part: str, slopes: tuple[Fraction, Fraction] | None) -> PartRow:
    numerator, denominator = read_units(row["part_numerator"]), read_units(row["part_denominator"])
    return PartRow(
        key=json.loads(row["key"]),
        part=part,
        ours_date=row["ours_date"],
        theirs_date=row["theirs_date"],
        ours=None if row["ours"] is None else Decimal(row["ours"]),
        theirs=None if row["theirs"] is None else Decimal(row["theirs"]),
        numerator=numerator,
        denominator=denominator,
        amount=amount(slopes, numerator, denominator),
    )


def _part_id(part: str) -> tuple[str, str, str]:
    pieces = part.split(".", maxsplit=2)
    if len(pieces) != 3:
        raise ExplainError(
            f"{part!r} is no part; parts are named as in the explanation, such as input_differs.both.cost."
        )
    return pieces[0], pieces[1], pieces[2]


def _stored_figure(row: Mapping[str, Any], side: str, ratio: bool) -> Figure:
    numerator, denominator = Fraction(row[f"{side}_numerator"]), Fraction(row[f"{side}_denominator"])
    value: Fraction | None = numerator
    if ratio:
        value = numerator / denominator if denominator else None
    return Figure(numerator, denominator, row[f"{side}_rows"], value)


def _fraction(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)


def _has(snapshot: Snapshot, relation: str) -> bool:
    found = snapshot.rows("select 1 from information_schema.tables where table_name = ? limit 1", [relation])
    return bool(found)
