"""The consistency score: how far the claims on a metric agree with its governed figure, from 0 to 100. Pure.

For every claim, over its headline period (the window, the day of a stock figure, the latest month of a monthly claim):

    gap share g = |gap| / the larger of both figures' amounts, at most 1; 1 where only one of them is defined
    row share r = rows that disagree / rows of the side that has more, at most 1
    points      = 50 g + 50 r,    or 100 where the parts do not add up to the gap (an error of the platform)

    score of a metric = 100 - the mean of its claims' points
    overall           = the mean of the metrics' scores

So the score is 100 exactly when every claim agrees row by row, falls with the gap, and falls with the rows that
disagree although their differences may cancel out. A metric without claims that could be compared has no score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from ops_assets.dictionary.base import Text
from ops_assets.reconciliation.answer import Figure, Grain

_HALF = Fraction(50)


@dataclass(frozen=True)
class Compared:
    """One claim over its headline period."""

    claim: str
    label: Text
    grain: Grain
    start: date
    ours: Figure
    theirs: Figure
    gap: Fraction | None
    rows_disagree: int
    balanced: bool


@dataclass(frozen=True)
class Deduction:
    """Points that a claim costs the metric's score, after the mean over the claims; ``size`` is the share behind."""

    claim: str
    kind: str
    grain: Grain
    start: date
    size: Fraction
    points: Fraction
    sentence: Text

    def to_json(self) -> dict[str, Any]:
        return {
            "claim": self.claim,
            "kind": self.kind,
            "grain": self.grain,
            "period_start": self.start.isoformat(),
            "size": float(self.size),
            "points": float(self.points),
            "sentence": self.sentence.en,
            "sentence_zh": self.sentence.zh,
        }


@dataclass(frozen=True)
class Consistency:
    """A metric's score, None without a claim that could be compared, and everything that was taken off."""

    score: Fraction | None
    deductions: tuple[Deduction, ...]


def score_metric(claims: Sequence[Compared]) -> Consistency:
    """The score of one metric; see the module's text for the formula."""
    if not claims:
        return Consistency(None, ())
    deductions = [
        deduction for claim in claims for deduction in _deductions(claim, Fraction(1, len(claims))) if deduction.points
    ]
    return Consistency(100 - sum((each.points for each in deductions), Fraction(0)), tuple(deductions))


def overall_score(scores: Sequence[Fraction | None]) -> Fraction | None:
    """The mean over metrics that have a score; None without one."""
    known = [score for score in scores if score is not None]
    return sum(known, Fraction(0)) / len(known) if known else None


def gap_share(ours: Figure, theirs: Figure, gap: Fraction | None) -> Fraction:
    """The gap in terms of the larger figure, from 0 to 1."""
    if gap is None:
        return Fraction(0 if ours.value is None and theirs.value is None else 1)
    larger = max(abs(ours.value or Fraction(0)), abs(theirs.value or Fraction(0)))
    return min(abs(gap) / larger, Fraction(1)) if larger else Fraction(0)


def row_share(ours: Figure, theirs: Figure, rows_disagree: int) -> Fraction:
    """The rows that disagree in terms of the rows of the larger side, from 0 to 1."""
    rows = max(ours.rows, theirs.rows)
    return min(Fraction(rows_disagree, rows), Fraction(1)) if rows else Fraction(0)


def _deductions(claim: Compared, weight: Fraction) -> list[Deduction]:
    def deduct(kind: str, size: Fraction, points: Fraction, en: str, zh: str) -> Deduction:
        sentence = Text(en=f"{claim.label.en}: {en}", zh=f"{claim.label.zh}：{zh}")
        return Deduction(claim.claim, kind, claim.grain, claim.start, size, points * weight, sentence)

    if not claim.balanced:
        return [
            deduct(
                "imbalance",
                Fraction(1),
                2 * _HALF,
                "the parts do not add up to the gap; this is an error of the platform",
                "各部分之和与差额不符，属平台错误",
            )
        ]
    gap, rows = gap_share(claim.ours, claim.theirs, claim.gap), row_share(claim.ours, claim.theirs, claim.rows_disagree)
    return [
        deduct(
            "gap",
            gap,
            _HALF * gap,
            f"its figure is {float(gap):.2%} away from the governed one",
            f"其数与治理口径相差 {float(gap):.2%}",
        ),
        deduct(
            "rows",
            rows,
            _HALF * rows,
            f"{claim.rows_disagree:,} rows disagree ({float(rows):.2%})",
            f"{claim.rows_disagree:,} 行不一致（{float(rows):.2%}）",
        ),
    ]
