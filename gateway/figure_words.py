"""Figures and changes in words: grouped digits, signs, and units in the reader's language."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from gateway.words import text
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.figures import shown_value
from ops_assets.period_change import Change

_WORDED = {"days", "hours", "cny"}
_RELATIVE = {"count", "cny", "currency"}


def amount(language: str, value_text: str | None, unit: str) -> str:
    """A published value as people read it: thousands grouped, with its unit; a dash for none."""
    if value_text is None:
        return "–"
    grouped = f"{Decimal(value_text):,f}"
    if unit == "percent":
        return f"{grouped} %"
    return f"{grouped} {text(language, f'unit_{unit}')}" if unit in _WORDED else grouped


def plain_number(value: object) -> str:
    """A number with grouped digits and no more decimals than it has."""
    return f"{Decimal(str(value)).normalize():,f}"


def change_words(language: str, metric: MetricDefinition, change: Change) -> str:
    """A change with its sign: points for shares, per cent for counts and money, else in the metric's own unit."""
    if metric.unit in _RELATIVE and change.relative is not None:
        return f"{_signed(change.relative * 100, 1)} %"
    # Of the shown figures, so that the three numbers on a page add up.
    now, before = (Decimal(shown_value(metric, value) or 0) for value in (change.now, change.before))
    difference = _signed(now - before, metric.decimals)
    if metric.unit == "percent":
        return f"{difference} {text(language, 'unit_points')}"
    return f"{difference} {text(language, f'unit_{metric.unit}')}" if metric.unit in _WORDED else difference


def _signed(value: Decimal, decimals: int) -> str:
    rounded = value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    sign = "−" if rounded < 0 else "+" if rounded > 0 else "±"
    return f"{sign}{abs(rounded):,f}"
