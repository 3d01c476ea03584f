"""The quality score of an asset: five dimensions, each from 0 to 100, and what the asset stands on. Pure.

Belongs here: how an observed figure becomes points, how points become scores, how scores go along lineage. Does not
belong here: the state in plain words (ops_assets.checks.trust), running checks (ops_assets.audit).

The formula, in the order in which it is applied:

1. A check that passes costs nothing. At a warning it keeps 90 points just beyond the warning level, falling straight to
   50 at the red line; beyond it, from 50 straight to 0 at the worst that the measure can be: every row for a share, no
   row for a count, twice the red line for an age. A model that was not built and a check that could not be run keep 0.
   Where there is no red line, the worst stands in its place; where there is no warning level, red begins at 50.
   An age that cannot be told keeps 50. A check that had nothing to look at is not measured.
2. A dimension is as good as its worst check, on the asset or on anything it stands on. Consistency comes from the
   reconciliation of claims. A dimension without a check that looked at something is *not measured*: it is not 100.
3. An asset's score is the mean of its measured dimensions, and never better than the score of what it stands on.

The dimensions are those of ISO/IEC 25012 as a warehouse can measure them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from ops_assets.checks.rules import CheckRule, Level, Verdict

ScoreDimension = Literal["completeness", "uniqueness", "timeliness", "accuracy", "consistency"]
DIMENSIONS: tuple[ScoreDimension, ...] = ("completeness", "uniqueness", "timeliness", "accuracy", "consistency")

_BEST, _WARNED, _RED, _WORST = 100.0, 90.0, 50.0, 0.0
NOT_BUILT = "was_built"


@dataclass(frozen=True, slots=True)
class Deduction:
    """What one check takes from a dimension. ``points`` are out of 100; ``asset`` is where the check stands."""

    check: str
    asset: str
    points: float
    sentence: str


@dataclass(frozen=True, slots=True)
class DimensionScore:
    """One dimension of an asset; ``score`` None says that it is not measured. Deductions are largest first."""

    dimension: ScoreDimension
    score: float | None
    deductions: tuple[Deduction, ...] = ()


@dataclass(frozen=True, slots=True)
class AssetScore:
    """The score of an asset (None where nothing is measured), its five dimensions in order, and what holds it down.

    ``limited_by`` names another asset that the score would be better without; None where it is the asset's own.
    """

    asset: str
    score: float | None
    dimensions: tuple[DimensionScore, ...]
    limited_by: str | None


def verdict_points(verdict: Verdict) -> float | None:
    """The points that a judged check keeps, 0 to 100; None where it had nothing to look at."""
    rule, observed = verdict.rule, verdict.observed
    if observed is None:
        return {Level.PASSED: None, Level.WARNING: _RED, Level.RED: _WORST}[verdict.level]
    if verdict.level is Level.PASSED:
        return _BEST
    above = _side_above(rule, observed)
    warn, red = (rule.warn_above, rule.red_above) if above else (rule.warn_below, rule.red_below)
    first = red if warn is None else warn
    if first is None:
        raise ValueError(f"The verdict on {rule.name} of {rule.asset} is {verdict.level} without a bound crossed.")
    worst = _worst(rule, above, first if red is None else red)
    if verdict.level is Level.RED and red is not None:
        return _between(observed, red, worst, _RED, _WORST)
    return _between(observed, first, worst if red is None else red, _WARNED, _RED)


def score_asset(
    asset: str,
    *,
    verdicts: Mapping[str, Sequence[Verdict]],
    broken: Mapping[str, str],
    consistency: Mapping[str, DimensionScore],
    upstream: Mapping[str, frozenset[str]],
) -> AssetScore:
    """The score of ``asset``. ``upstream`` maps an asset to all that it stands on, near and far, itself not included.

    ``verdicts`` are by asset, ``broken`` maps models that were not built to the reason, ``consistency`` is by metric.
    """
    below = upstream.get(asset, frozenset())

    def dimensions(of: str, standing_on: Iterable[str]) -> tuple[DimensionScore, ...]:
        return _dimensions(of, sorted(standing_on), verdicts, broken, consistency)

    own = dimensions(asset, below)
    mean = _mean(own)
    means = {other: _mean(dimensions(other, upstream.get(other, frozenset()))) for other in below}
    limits = {other: score for other, score in means.items() if score is not None}
    lowest = min(limits.values(), default=None)
    if mean is None or lowest is None or mean <= lowest:
        return AssetScore(asset, mean, own, _foreign_cause(asset, own))
    roots = sorted((len(upstream.get(other, ())), other) for other, score in limits.items() if score == lowest)
    return AssetScore(asset, lowest, own, roots[0][1])


def _dimensions(
    asset: str,
    below: Sequence[str],
    verdicts: Mapping[str, Sequence[Verdict]],
    broken: Mapping[str, str],
    consistency: Mapping[str, DimensionScore],
) -> tuple[DimensionScore, ...]:
    kept: dict[ScoreDimension, float] = {}
    lost: dict[ScoreDimension, list[Deduction]] = {}

    def note(dimension: ScoreDimension, points: float, check: str, where: str, sentence: str) -> None:
        kept[dimension] = min(points, kept.get(dimension, _BEST))
        if points < _BEST:
            lost.setdefault(dimension, []).append(Deduction(check, where, round(_BEST - points, 1), sentence))

    for where in (asset, *below):
        if where in broken:
            note("accuracy", _WORST, NOT_BUILT, where, broken[where])
        for verdict in verdicts.get(where, ()):
            points = verdict_points(verdict)
            if points is not None:
                note(verdict.rule.dimension, points, verdict.rule.name, where, verdict.sentence)
        claimed = consistency.get(where)
        if claimed is not None and claimed.score is not None:
            kept["consistency"] = min(claimed.score, kept.get("consistency", _BEST))
            lost.setdefault("consistency", []).extend(claimed.deductions)
    return tuple(
        DimensionScore(
            dimension,
            None if dimension not in kept else round(kept[dimension], 1),
            tuple(sorted(lost.get(dimension, ()), key=lambda one: (-one.points, one.asset, one.check))),
        )
        for dimension in DIMENSIONS
    )


def _mean(dimensions: Sequence[DimensionScore]) -> float | None:
    measured = [dimension.score for dimension in dimensions if dimension.score is not None]
    return round(sum(measured) / len(measured), 1) if measured else None


def _foreign_cause(asset: str, dimensions: Sequence[DimensionScore]) -> str | None:
    """The asset of the largest deduction, if that is another one."""
    deductions = [one for dimension in dimensions for one in dimension.deductions]
    if not deductions:
        return None
    worst = max(deductions, key=lambda one: (one.points, one.asset == asset))
    return None if worst.asset == asset else worst.asset


def _side_above(rule: CheckRule, observed: Decimal) -> bool:
    """Whether it is an upper bound that the figure crossed."""
    return any(bound is not None and observed > bound for bound in (rule.warn_above, rule.red_above))


def _worst(rule: CheckRule, above: bool, red: Decimal) -> Decimal:
    """The figure at which nothing is left. ``red`` is the last bound that the rule has on the crossed side."""
    if not above:
        return min(Decimal(0), red)
    if rule.measure in {"age_days", "row_count_min"}:
        return max(red * 2, red + 1)
    return max(Decimal(1), red)


def _between(observed: Decimal, start: Decimal, end: Decimal, first: float, last: float) -> float:
    """``first`` at ``start``, falling straight to ``last`` at ``end`` and staying there."""
    if start == end:
        return last
    part = float((observed - start) / (end - start))
    return first + (last - first) * min(max(part, 0.0), 1.0)
