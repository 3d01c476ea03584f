"""An explanation in words: figures, gaps and causes, in the reader's language. Used by the command line, API and pages.

Belongs here: rounding for display and sentences. The exact values stay in the explanation.
"""

from __future__ import annotations

from fractions import Fraction

from gateway.words import chosen, text
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.reconciliation.answer import OURS, Explanation, Part, Span, rounded_text

_WORDED = {"days", "hours", "cny"}
_FINER = 3
"""Digits that parts show beyond the metric's own: a small cause would otherwise read as nothing."""


def figure_text(language: str, metric: MetricDefinition, value: Fraction | None, *, finer: int = 0) -> str:
    """A figure with its unit; a dash for none. ``finer`` adds digits."""
    shown = rounded_text(value, percent=metric.unit == "percent", decimals=metric.decimals + finer)
    if shown is None:
        return "–"
    return _with_unit(language, metric, _grouped(shown), points=False)


def gap_text(language: str, metric: MetricDefinition, value: Fraction | None, *, short: bool = False) -> str:
    """A difference of figures with its sign: percentage points for shares; a dash where there is none to state.

    ``short`` leaves out zeros beyond the metric's own decimals, where the text stands alone.
    """
    finer = _FINER if metric.aggregation == "ratio" else 0
    shown = rounded_text(value, percent=metric.unit == "percent", decimals=metric.decimals + finer)
    if shown is None or value is None:
        return "–"
    while short and finer and shown.endswith("0"):
        shown, finer = shown[:-1].removesuffix("."), finer - 1
    sign = "−" if value < 0 else "+" if value > 0 else "±"
    return _with_unit(language, metric, sign + _grouped(shown.lstrip("-")), points=True)


def exact_number(value: Fraction) -> str:
    """An amount in full where it has a finite decimal expansion (sums of source amounts do), else as a fraction."""
    denominator = value.denominator
    twos = fives = 0
    while denominator % 2 == 0:
        denominator, twos = denominator // 2, twos + 1
    while denominator % 5 == 0:
        denominator, fives = denominator // 5, fives + 1
    if denominator != 1:
        return str(value).replace("-", "−")
    digits = max(twos, fives)
    return _grouped(rounded_text(value, percent=False, decimals=digits) or "0")


def cause_text(language: str, metric: MetricDefinition, explanation: Explanation, part: Part) -> str:
    """What a part is, in a few words. A rule that one side alone has is said to be that side's."""
    only = _only_side(metric, explanation, part.input) if part.cause == "rule_differs" else None
    if only is None:
        return chosen(language, part.label)
    inputs = input_text(language, metric, part.input)
    return text(language, "cause_rule_only", input=inputs, here=side_text(language, explanation, only))


def cause_short(language: str, metric: MetricDefinition, part: Part) -> str:
    """What a part is, for the narrow place under a bar."""
    if part.cause == "rule_differs" and part.input:
        return text(language, "cause_rule_short", input=input_text(language, metric, part.input))
    return chosen(language, part.label)


def side_text(language: str, explanation: Explanation, side: str) -> str:
    """The name of a side: ``ours`` is what the gap is measured from."""
    return chosen(language, explanation.against_label if side == "ours" else explanation.claim_label)


def input_text(language: str, metric: MetricDefinition, name: str) -> str:
    """An input, or a product of inputs, by their labels."""
    labels = {each.name: chosen(language, each.shown) for claim in metric.claims for each in claim.inputs}
    for figure in ("numerator", "denominator"):
        labels.setdefault(figure, text(language, figure))
    return " × ".join(labels.get(one, one) for one in name.split("*")) if name else ""


def parts_sum(explanation: Explanation) -> tuple[Fraction | None, Fraction, Fraction]:
    """What the parts add up to: of the gap (None where it is not defined), in numerator and denominator."""
    amounts = [part.amount for part in explanation.parts if part.amount is not None]
    whole = None if explanation.gap is None else sum(amounts, Fraction(0))
    numerator = sum((part.numerator for part in explanation.parts), Fraction(0))
    return whole, numerator, sum((part.denominator for part in explanation.parts), Fraction(0))


def span_text(language: str, span: Span) -> str:
    """The days that are compared."""
    if span.grain == "month" and span.first is not None:
        return f"{span.first:%Y-%m}"
    if span.first is None:
        return text(language, "span_until", last=span.last)
    return str(span.last) if span.first == span.last else f"{span.first} – {span.last}"


def span_code(span: Span) -> str:
    """The span as addresses and the command line write it; ``parse_span`` reads it."""
    if span.grain == "window":
        return "window"
    if span.grain == "month":
        return f"{span.start:%Y-%m}"
    if span.first is None:
        return "all"
    return str(span.last) if span.first == span.last else f"{span.first}..{span.last}"


def _only_side(metric: MetricDefinition, explanation: Explanation, product: str) -> str | None:
    """The side whose rule alone reads these inputs; None where both do, or it cannot be told."""
    reads = {"ours": False, "theirs": False}
    by_name = {claim.name: claim for claim in metric.claims}
    claim, against = by_name.get(explanation.claim), by_name.get(explanation.against)
    if claim is None or not product:
        return None
    ours = claim.ours if explanation.against == OURS else None if against is None else against.theirs
    for side, rule in (("ours", ours), ("theirs", claim.theirs)):
        if rule is None:
            return None
        reads[side] = any(tuple(sorted(product.split("*"))) in parsed.terms for parsed in rule.parsed())
    only = [side for side, does in reads.items() if does]
    return only[0] if len(only) == 1 else None


def _with_unit(language: str, metric: MetricDefinition, grouped: str, *, points: bool) -> str:
    if metric.unit == "percent":
        return f"{grouped} {text(language, 'unit_points')}" if points else f"{grouped} %"
    return f"{grouped} {text(language, f'unit_{metric.unit}')}" if metric.unit in _WORDED else grouped


def _grouped(shown: str) -> str:
    whole, dot, rest = shown.partition(".")
    sign, digits = ("−", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}{dot}{rest}"
