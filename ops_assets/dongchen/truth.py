"""The truth document: what every metric must show, what became of every fault, which rules are breached.

Belongs here: windows, rounding and the layout of truth.json. The platform never reads that file; tests do. Values are
rounded half up to the decimals of the metric (a percentage is multiplied by 100 first) and written as text;
numerators and denominators are exact decimals as text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import Any, Literal

from ops_assets.dongchen.ledger import Ledger, Sums


@dataclass(frozen=True, slots=True)
class Measure:
    """How a metric is read from its sums; ``*_unit`` is what one of the ledger's integers is worth."""

    name: str
    decimals: int
    window_days: int | None
    percent: bool = False
    aggregation: Literal["ratio", "latest_sum"] = "ratio"
    numerator_unit: Fraction = Fraction(1)
    denominator_unit: Fraction = Fraction(1)


_CENT = Fraction(1, 100)
_FINE = Fraction(1, 10_000)
_MILLI = Fraction(1, 1000)

MEASURES = (
    Measure("metric_order_gross_margin", 2, 90, True, "ratio", _FINE, _FINE),
    Measure("metric_order_to_cash_days", 2, 90),
    Measure("metric_on_time_in_full", 2, 90, True),
    Measure("metric_line_oee", 2, 30, True, "ratio", _MILLI, _MILLI),
    Measure("metric_line_availability", 2, 30, True),
    Measure("metric_line_performance", 2, 30, True, "ratio", _MILLI, _MILLI),
    Measure("metric_line_quality", 2, 30, True),
    Measure("metric_production_rework_rate", 2, 30, True),
    Measure("metric_production_first_pass_yield", 2, 30, True),
    Measure("metric_inventory_on_hand", 0, None, False, "latest_sum"),
    Measure("metric_inventory_turns", 2, 90, False, "ratio", _CENT, _CENT),
    Measure("metric_supplier_on_time_rate", 2, 90, True),
    Measure("metric_supplier_reject_rate", 4, 90, True),
    Measure("metric_order_change_cycle_time", 2, 90),
    Measure("metric_product_approval_time", 2, 365),
    Measure("metric_customer_satisfaction", 2, 90),
)


@dataclass(frozen=True, slots=True)
class WatchRule:
    """A rule that opens cases: the share of a supplier beyond a limit, judged from ``min_denominator`` on."""

    name: str
    metric: str
    below: Fraction | None
    above: Fraction | None
    min_denominator: int


WATCH_RULES = (
    WatchRule("supplier_on_time_rate_low", "metric_supplier_on_time_rate", Fraction(4, 5), None, 20),
    WatchRule("supplier_reject_rate_high", "metric_supplier_reject_rate", None, Fraction(8, 100), 100),
)


@dataclass(frozen=True, slots=True)
class FallRule:
    """A rule on a supplier's last whole month against the month before: worse by more than ``more_than`` of the older.

    ``better`` is the direction that is good; months are judged from ``min_denominator`` on.
    """

    name: str
    metric: str
    more_than: Fraction
    better: Literal["up", "down"]
    min_denominator: int


@dataclass(frozen=True, slots=True)
class MissingRule:
    """A rule on days without a row, of the metric as a whole."""

    name: str
    metric: str
    days: int


FALL_RULES = (FallRule("supplier_on_time_rate_falling", "metric_supplier_on_time_rate", Fraction(1, 4), "up", 20),)
MISSING_RULES = (
    MissingRule("line_oee_without_runs", "metric_line_oee", 7),
    MissingRule("on_time_in_full_without_deliveries", "metric_on_time_in_full", 7),
)


def exact_text(value: Fraction) -> str:
    """A fraction with a finite decimal expansion as plain decimal text; ValueError for any other."""
    with localcontext() as context:
        context.prec = 60
        number = Decimal(value.numerator) / Decimal(value.denominator)
    if Fraction(number) != value:
        raise ValueError(f"{value} has no finite decimal expansion")
    return f"{number.normalize():f}"


def rounded(value: Fraction, decimals: int) -> str:
    """``value`` rounded half up (away from zero) to ``decimals`` digits, as text."""
    scaled = abs(value) * 10**decimals
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    text = Decimal(whole).scaleb(-decimals).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    return f"{-text if value < 0 and whole else text:f}"


def _figure(measure: Measure, cells: Iterable[tuple[int, list[int]]]) -> dict[str, Any] | None:
    chosen = list(cells)
    if not chosen:
        return None
    if measure.aggregation == "latest_sum":
        latest = max(day for day, _ in chosen)
        chosen = [(day, cell) for day, cell in chosen if day == latest]
    numerator = sum(cell[0] for _, cell in chosen) * measure.numerator_unit
    denominator = sum(cell[1] for _, cell in chosen) * measure.denominator_unit
    if measure.aggregation == "latest_sum":
        value = Fraction(numerator)
    elif denominator == 0:
        return None
    else:
        value = Fraction(numerator) / Fraction(denominator)
    return {
        "numerator": exact_text(Fraction(numerator)),
        "denominator": exact_text(Fraction(denominator)),
        "value": rounded(value * 100 if measure.percent else value, measure.decimals),
    }


def _window(measure: Measure, sums: Sums, as_of: int) -> list[tuple[int, list[int]]]:
    first = -1 if measure.window_days is None else as_of - measure.window_days + 1
    return [(day, cell) for day, cell in sums.items() if first <= day <= as_of]


def _monthly(measure: Measure, sums: Sums, as_of: int) -> dict[str, Any]:
    months: dict[str, list[tuple[int, list[int]]]] = {}
    for day, cell in sums.items():
        if day <= as_of:
            months.setdefault(date.fromordinal(day).isoformat()[:7], []).append((day, cell))
    figures = {month: _figure(measure, cells) for month, cells in sorted(months.items())}
    return {month: figure for month, figure in figures.items() if figure is not None}


def _merged(by_subject: dict[str, Sums]) -> Sums:
    merged: Sums = {}
    for sums in by_subject.values():
        for day, (numerator, denominator, rows) in sums.items():
            cell = merged.setdefault(day, [0, 0, 0])
            cell[0] += numerator
            cell[1] += denominator
            cell[2] += rows
    return merged


def _present(sums: Sums) -> Sums:
    """Without the days whose every row was taken back (turns count no rows: they go by their sums)."""
    return {day: cell for day, cell in sums.items() if cell[2] or cell[0] or cell[1]}


def figures(ledger: Ledger, as_of: int) -> dict[str, dict[str, Any]]:
    """Headline, months and (for supplier metrics) subjects of every metric, from the rows now in the ledger."""
    factors = ledger.effectiveness()
    by_supplier = {
        "metric_supplier_on_time_rate": ledger.supplier_on_time(),
        "metric_supplier_reject_rate": ledger.supplier_rejects(),
    }
    sums: dict[str, Sums] = {
        "metric_order_gross_margin": ledger.margin(),
        "metric_order_to_cash_days": ledger.order_to_cash(),
        "metric_on_time_in_full": ledger.on_time_in_full(),
        "metric_line_oee": factors["oee"],
        "metric_line_availability": factors["availability"],
        "metric_line_performance": factors["performance"],
        "metric_line_quality": factors["quality"],
        "metric_production_rework_rate": ledger.rework(),
        "metric_production_first_pass_yield": ledger.first_pass(),
        "metric_inventory_on_hand": ledger.on_hand(),
        "metric_inventory_turns": ledger.turns(),
        "metric_order_change_cycle_time": ledger.changes(),
        "metric_product_approval_time": ledger.approvals(),
        "metric_customer_satisfaction": ledger.scores(),
        **{name: _merged(subjects) for name, subjects in by_supplier.items()},
    }
    result: dict[str, dict[str, Any]] = {}
    for measure in MEASURES:
        present = _present(sums[measure.name])
        result[measure.name] = {
            "headline": _figure(measure, _window(measure, present, as_of)),
            "monthly": _monthly(measure, present, as_of),
            "days": sorted(day for day in present if day <= as_of),
        }
        if measure.name in by_supplier:
            subjects = {
                subject: _figure(measure, _window(measure, _present(own), as_of))
                for subject, own in sorted(by_supplier[measure.name].items())
            }
            result[measure.name]["subjects_monthly"] = {
                subject: _monthly(measure, _present(own), as_of)
                for subject, own in sorted(by_supplier[measure.name].items())
            }
            result[measure.name]["subjects"] = {key: figure for key, figure in subjects.items() if figure is not None}
    return result


def metrics_document(clean: dict[str, dict[str, Any]], publish: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The ``metrics`` part of truth.json: ``monthly`` and ``subjects`` to publish, ``*_clean`` without faults."""
    document: dict[str, Any] = {}
    for measure in MEASURES:
        entry: dict[str, Any] = {
            "decimals": measure.decimals,
            "window_days": measure.window_days,
            "unit": "percent" if measure.percent else "plain",
            "clean": clean[measure.name]["headline"],
            "publish": publish[measure.name]["headline"],
            "monthly": publish[measure.name]["monthly"],
            "monthly_clean": clean[measure.name]["monthly"],
        }
        if "subjects" in publish[measure.name]:
            entry["subjects"] = {"supplier": publish[measure.name]["subjects"]}
            entry["subjects_clean"] = {"supplier": clean[measure.name]["subjects"]}
        document[measure.name] = entry
    return document


def breaches(publish: dict[str, dict[str, Any]], as_of: int) -> list[dict[str, Any]]:
    """What breaches a watch rule on the figures to publish; ``subject`` is "" for a metric as a whole."""
    found = [*_falls(publish, as_of), *_missing(publish, as_of)]
    for rule in WATCH_RULES:
        for subject, figure in publish[rule.metric]["subjects"].items():
            numerator, denominator = Fraction(figure["numerator"]), Fraction(figure["denominator"])
            if denominator < rule.min_denominator:
                continue
            share = numerator / denominator
            if (rule.below is not None and share < rule.below) or (rule.above is not None and share > rule.above):
                found.append(
                    {"rule": rule.name, "metric": rule.metric, "dimension": "supplier", "subject": subject, **figure}
                )
    return found


def _falls(publish: dict[str, dict[str, Any]], as_of: int) -> Iterable[dict[str, Any]]:
    """The last month that was over before ``as_of`` against the one before it, if the rows cover both."""
    first = date.fromordinal(as_of).replace(day=1)
    newer = date.fromordinal(first.toordinal() - 1).replace(day=1)
    older = date.fromordinal(newer.toordinal() - 1).replace(day=1)
    for rule in FALL_RULES:
        days = publish[rule.metric]["days"]
        if not days or days[0] > older.toordinal():
            continue
        for subject, monthly in publish[rule.metric]["subjects_monthly"].items():
            then, now = (monthly.get(month.isoformat()[:7]) for month in (older, newer))
            if then is None or now is None:
                continue
            if min(Fraction(one["denominator"]) for one in (then, now)) < rule.min_denominator:
                continue
            before, after = (Fraction(one["numerator"]) / Fraction(one["denominator"]) for one in (then, now))
            lost = before - after if rule.better == "up" else after - before
            if before and lost > rule.more_than * abs(before):
                yield {"rule": rule.name, "metric": rule.metric, "dimension": "supplier", "subject": subject, **now}


def _missing(publish: dict[str, dict[str, Any]], as_of: int) -> Iterable[dict[str, Any]]:
    for rule in MISSING_RULES:
        days = publish[rule.metric]["days"]
        if days and as_of - days[-1] > rule.days:
            yield {"rule": rule.name, "metric": rule.metric, "dimension": "", "subject": ""}
