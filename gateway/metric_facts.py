"""Checks and watch rules of a metric in words, with what each check last found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway.metric_lines import Reading
from gateway.words import text
from ops_assets.checks.rules import CheckRule, figure_text
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.dictionary.watch_rule import WatchRule


@dataclass(frozen=True)
class CheckFact:
    """One check: what it looks at, its bounds, and its last result. ``asset`` is "" for the metric's own."""

    name: str
    description: str
    dimension: str
    asset: str
    level: str
    found: str
    bounds: tuple[str, ...]


@dataclass(frozen=True)
class WatchFact:
    """When a published figure opens a case of ``template``."""

    name: str
    sentence: str
    template: str


def check_facts(reading: Reading, metric: str) -> list[CheckFact]:
    """The checks of a metric and of what it stands on, failed ones first, its own before the others'."""
    rows = reading.snapshot.rows(
        "select check_name, asset, dimension, severity, observed, sentence, description from checks"
        " where list_contains(metrics, ?) order by case severity when 'red' then 0 when 'warning' then 1 else 2 end,"
        " asset <> ?, asset, check_name",
        [metric, metric],
    )
    definition = reading.bundle.metrics.get(metric)
    own = {spec.name: spec.rule(metric) for spec in definition.checks} if definition is not None else {}
    found = []
    for row in rows:
        rule = own.get(row["check_name"]) if row["asset"] == metric else None
        observed = None if row["observed"] is None else Decimal(str(row["observed"]))
        # What a check of a metric found is a figure of it.
        seen = row["asset"] not in reading.bundle.metrics or not reading.figures.refusal(reading.reader, row["asset"])
        found.append(
            CheckFact(
                name=row["check_name"],
                description=row["description"] or row["check_name"].replace("_", " "),
                dimension=row["dimension"],
                asset="" if row["asset"] == metric else row["asset"],
                level=row["severity"],
                found=_found(reading.language, rule, observed, row) if seen else "",
                bounds=() if rule is None else tuple(_bounds(reading.language, rule)),
            )
        )
    return found


def _found(language: str, rule: CheckRule | None, observed: Decimal | None, row: Mapping[str, Any]) -> str:
    """What a check found: a figure where its rule is known, else the audit's sentence where something is wrong."""
    if rule is not None and observed is not None:
        return _figure(language, rule, observed)
    return "" if row["severity"] == "passed" else str(row["sentence"])


def watch_words(reading: Reading, metric: MetricDefinition, rule: WatchRule) -> WatchFact:
    """A watch rule in a sentence, with the bounds that the pack sets."""
    overrides = {str(key): bound for key, bound in reading.context.pack.watch_thresholds.get(rule.name, {}).items()}
    in_force = rule.model_copy(update=overrides)
    parts = []
    if in_force.dimension:
        parts.append(text(reading.language, "watch_by", dimension=_dimension(reading.language, in_force.dimension)))
    for key, bound in (("above", in_force.above), ("below", in_force.below)):
        if bound is not None:
            parts.append(text(reading.language, f"watch_{key}", value=reading.level(metric, bound)))
    parts += _movement(reading.language, in_force)
    if in_force.min_denominator:
        parts.append(text(reading.language, "watch_least", value=f"{in_force.min_denominator.normalize():,f}"))
    joined = ("，" if reading.language == "zh" else ", ").join(parts)
    return WatchFact(rule.name, joined or rule.name.replace("_", " "), rule.template)


def _movement(language: str, rule: WatchRule) -> list[str]:
    """A rule that looks at how a figure moved, or at its absence, in words."""
    if rule.change is not None:
        share = f"{(rule.change.more_than * 100).normalize():f} %"
        against = text(language, f"watch_{rule.change.against}")
        return [text(language, f"watch_change_{rule.change.direction}", share=share, against=against)]
    if rule.control is not None:
        tests = ", ".join(str(number) for number in rule.control.tests)
        points = text(language, f"watch_points_{rule.control.points}")
        return [text(language, "watch_control", tests=tests, points=points, baseline=rule.control.baseline)]
    if rule.missing is not None:
        return [text(language, "watch_missing", days=rule.missing.days)]
    return []


def _bounds(language: str, rule: CheckRule) -> Sequence[str]:
    bounds = (
        ("warns_above", rule.warn_above),
        ("red_above", rule.red_above),
        ("warns_below", rule.warn_below),
        ("red_below", rule.red_below),
    )
    return [text(language, key, value=_figure(language, rule, bound)) for key, bound in bounds if bound is not None]


def _figure(language: str, rule: CheckRule, value: Decimal) -> str:
    shown = figure_text(rule, value)
    return shown.replace(" days", " 天").replace(" rows", " 行") if language == "zh" else shown


def _dimension(language: str, name: str) -> str:
    words = text(language, f"dimension_{name}")
    return name.replace("_", " ") if words == f"dimension_{name}" else words.lower()
