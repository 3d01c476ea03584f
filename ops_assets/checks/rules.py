"""Threshold rules of data quality, pure: what a check asks, and how an observed figure is judged.

No I/O here: ops_assets.checks.measures turns a rule into SQL, ops_assets.audit runs it, and this module decides.
The four dimensions are those of ISO/IEC 25012 that a warehouse can measure by itself: completeness, uniqueness (its
"consistency" of keys), timeliness ("currentness") and accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Literal

Dimension = Literal["completeness", "uniqueness", "timeliness", "accuracy"]
Measure = Literal["null_share", "duplicate_share", "age_days", "out_of_range_share", "row_count_min", "true_share"]


class Level(StrEnum):
    """Outcome of a check: ``red`` holds the asset back, ``warning`` lets it through and is shown."""

    PASSED = "passed"
    WARNING = "warning"
    RED = "red"


@dataclass(frozen=True)
class CheckRule:
    """One threshold on one asset. A bound is exclusive: ``warn_above=0.01`` warns at more than 1 %.

    ``window_days`` restricts the rows to the days up to the as-of date, by ``event_column``; None looks at all rows.
    Shares are fractions of 0 to 1, ages are days.
    """

    name: str
    asset: str
    dimension: Dimension
    measure: Measure
    columns: tuple[str, ...] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    condition: str | None = None
    warn_above: Decimal | None = None
    red_above: Decimal | None = None
    warn_below: Decimal | None = None
    red_below: Decimal | None = None
    window_days: int | None = None
    event_column: str = "event_date"
    description: str = ""

    @property
    def can_hold_back(self) -> bool:
        """True when the rule has a red line."""
        return self.red_above is not None or self.red_below is not None


@dataclass(frozen=True)
class Verdict:
    """A judged rule. ``observed`` is None when there was nothing to look at."""

    rule: CheckRule
    level: Level
    observed: Decimal | None
    threshold: Decimal | None
    sentence: str


def judge(rule: CheckRule, observed: Decimal | None) -> Verdict:
    """Hold an observed figure against a rule's warning level and red line.

    Nothing to look at (no rows in the window) passes every share; an empty table fails only ``row_count_min``, whose
    observed figure is then 0, and an age that cannot be told because there is no row at all is a warning.
    """
    if observed is None:
        if rule.measure == "age_days" and (rule.warn_above is not None or rule.red_above is not None):
            return Verdict(rule, Level.WARNING, None, rule.warn_above, "There is no row whose age could be told.")
        return Verdict(rule, Level.PASSED, None, None, "There were no rows to look at.")
    figure = figure_text(rule, observed)
    for level, above, below in (
        (Level.RED, rule.red_above, rule.red_below),
        (Level.WARNING, rule.warn_above, rule.warn_below),
    ):
        if above is not None and observed > above:
            return Verdict(rule, level, observed, above, f"{figure} is above {figure_text(rule, above)}.")
        if below is not None and observed < below:
            return Verdict(rule, level, observed, below, f"{figure} is below {figure_text(rule, below)}.")
    return Verdict(rule, Level.PASSED, observed, None, f"{figure} is within its bounds.")


def held_back(
    failed: set[str] | frozenset[str], upstream: dict[str, frozenset[str]], metrics: set[str] | frozenset[str]
) -> dict[str, frozenset[str]]:
    """Which metrics a set of failed assets holds back, and by which of them.

    ``upstream`` maps an asset to everything it stands on, itself not included. A metric that failed itself is held back
    by itself.
    """
    held = {}
    for metric in metrics:
        causes = failed & (upstream.get(metric, frozenset()) | {metric})
        if causes:
            held[metric] = frozenset(causes)
    return held


def figure_text(rule: CheckRule, value: Decimal) -> str:
    """An observed figure or a bound as people read it: shares in percent, ages in days, counts in rows."""
    if rule.measure in {"null_share", "duplicate_share", "out_of_range_share", "true_share"}:
        return f"{(value * 100).normalize():f} %"
    unit = {"age_days": " days", "row_count_min": " rows"}[rule.measure]
    return f"{value.normalize():f}{unit}"
