"""The gap of every period with its parts and the check that they add up to it; made from row_level and totals_sql."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from ops_assets.reconciliation.answer import Figure, Part
from ops_assets.reconciliation.attribution import ratio_slopes
from ops_assets.reconciliation.decompose import Moved, PartKey
from ops_assets.reconciliation.labels import part_label
from ops_assets.reconciliation.large_amounts import Totals
from ops_assets.reconciliation.row_level import MonthRows, Periods
from ops_assets.reconciliation.spec import Comparison


@dataclass(frozen=True)
class Gap:
    """One period's figures, gap (theirs - ours) and parts, the largest first.

    ``imbalance`` is what the parts' sum misses the difference of numerators and denominators by: (0, 0), or there is an
    error, which is shown. ``slopes`` turn what a row moves into its part of the gap.
    """

    start: date
    ours: Figure
    theirs: Figure
    gap: Fraction | None
    parts: tuple[Part, ...]
    imbalance: tuple[Fraction, Fraction]
    slopes: tuple[Fraction, Fraction] | None

    @property
    def balanced(self) -> bool:
        return not any(self.imbalance)


def make_gap(
    comparison: Comparison,
    start: date,
    ours: Figure,
    theirs: Figure,
    moved: Mapping[PartKey, Moved],
) -> Gap:
    """Put a period together. The figures come from the sides' own sums and not from the parts: that is the check."""
    slopes: tuple[Fraction, Fraction] | None = (Fraction(1), Fraction(0))
    if comparison.ratio:
        slopes = ratio_slopes((ours.numerator, ours.denominator), (theirs.numerator, theirs.denominator))
    gap = None if ours.value is None or theirs.value is None else theirs.value - ours.value
    parts = [
        Part(
            place=key.place,
            cause=key.cause,
            input=key.input,
            label=part_label(comparison, key),
            numerator=each.numerator,
            denominator=each.denominator,
            amount=amount(slopes, each.numerator, each.denominator),
            rows=each.rows,
        )
        for key, each in moved.items()
        if each.rows
    ]
    parts.sort(key=lambda part: (-abs(part.amount or 0), -abs(part.numerator), -abs(part.denominator), part.id))
    imbalance = (
        theirs.numerator - ours.numerator - sum(part.numerator for part in parts),
        theirs.denominator - ours.denominator - sum(part.denominator for part in parts),
    )
    return Gap(start, ours, theirs, gap, tuple(parts), imbalance, slopes)


def make_gaps(
    comparison: Comparison,
    periods: Periods,
    months: tuple[Mapping[date, MonthRows], Mapping[date, MonthRows]],
    totals: Totals,
) -> list[Gap]:
    """The gaps of all asked periods in which either side has a row, oldest first. A single span is always there."""
    starts: dict[date, list[date]] = {}
    if not periods.by_month:
        starts[periods.start] = []
    for month in sorted({*months[0], *months[1]}):
        if periods.touches(month):
            starts.setdefault(month if periods.by_month else periods.start, []).append(month)
    return [
        make_gap(
            comparison,
            start,
            _figure(comparison, [months[0][m] for m in within if m in months[0]]),
            _figure(comparison, [months[1][m] for m in within if m in months[1]]),
            totals.get(start, {}),
        )
        for start, within in starts.items()
    ]


def amount(slopes: tuple[Fraction, Fraction] | None, numerator: Fraction, denominator: Fraction) -> Fraction | None:
    """The part of the gap of something that moves numerator and denominator; None where the gap is not defined."""
    return None if slopes is None else slopes[0] * numerator + slopes[1] * denominator


def _figure(comparison: Comparison, months: list[MonthRows]) -> Figure:
    numerator = sum((Fraction(month.numerator) for month in months), Fraction(0))
    denominator = sum((Fraction(month.denominator) for month in months), Fraction(0))
    value: Fraction | None = numerator
    if comparison.ratio:
        value = numerator / denominator if denominator else None
    return Figure(numerator, denominator, sum(month.period_rows for month in months), value)
