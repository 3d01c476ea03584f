"""Why a figure moved between two periods: what every member of each dimension contributes, exactly and ranked.

The arithmetic is ops_assets.checks.movement_parts, reading rows ops_assets.watched_rows; what a reader may see of it is
decided by ops_assets.governed_figures. A process step and a person are dimensions like any other: of the process's own
metrics, and of every metric whose model names them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from ops_assets.access import Hidden, Reader, View
from ops_assets.checks.movement_parts import Contribution, Sums, ratio_contributions, ratio_of, sum_contributions
from ops_assets.checks.trust import Words
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.governed_figures import GovernedFigures
from ops_assets.periods import Period, before, last_whole
from ops_assets.watched_rows import Columns, first_day, has_rows, sums_of
from resources.serving import Snapshot

NO_MEMBER = "-"
"""What rows without a value of the dimension go by."""


class MovementError(ValueError):
    """A movement that cannot be told; the sentence says why and what to ask instead, also in Chinese."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.words = Words(en, zh)


@dataclass(frozen=True, slots=True)
class Part:
    """One member's contribution, as the reader may see it: ``member`` and ``label`` are masked where they must be."""

    member: str
    label: str
    contribution: Contribution


@dataclass(frozen=True, slots=True)
class DimensionMovement:
    """The contributions by one dimension, largest first. They add up to the movement."""

    dimension: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Movement:
    """A figure in two periods, raw, and what moved it by each dimension. ``hidden`` is what the reader does not see."""

    metric: str
    subject: tuple[str, str] | None
    before: Period
    after: Period
    old: Fraction
    new: Fraction
    dimensions: tuple[DimensionMovement, ...]
    hidden: Hidden

    @property
    def moved(self) -> Fraction:
        return self.new - self.old

    def to_json(self, most: int | None = None) -> dict[str, Any]:
        """Plain JSON: exact figures as fractions in text, beside the same as a number. At most ``most`` parts each."""
        return {
            "metric": self.metric,
            "subject": None if self.subject is None else {"dimension": self.subject[0], "id": self.subject[1]},
            "from": {"period": self.before.label, **_exact("value", self.old)},
            "to": {"period": self.after.label, **_exact("value", self.new)},
            **_exact("movement", self.moved),
            "dimensions": [
                {"dimension": one.dimension, "parts": [_part_json(part) for part in one.parts[:most]]}
                for one in self.dimensions
            ],
            "hidden": self.hidden.sentence(),
        }


def default_periods(as_of: date) -> tuple[Period, Period]:
    """The month before the last whole month, and that one."""
    newer = last_whole("month", as_of)
    return before("month", newer), newer


def movement_of(
    snapshot: Snapshot,
    figures: GovernedFigures,
    reader: Reader,
    metric: str,
    older: Period,
    newer: Period,
    *,
    dimensions: Sequence[str] | None = None,
    subject: tuple[str, str] | None = None,
) -> Movement:
    """What moved ``metric`` from ``older`` to ``newer``, by ``dimensions`` (default: all), of one subject if one is
    named (dimension and id).

    A reader of single departments gets the movement of their rows. Raises AccessRefused for a metric whose figures, or
    a subject whose dimension, the reader may not see; MovementError for unknown names and periods without a figure.
    """
    figures.require(reader, [metric])
    definition = figures.bundle.metrics.get(metric)
    if definition is None:
        raise MovementError(
            f"There are no definitions of {metric} in snapshot {snapshot.id}; publish it anew.",
            f"快照 {snapshot.id} 中没有 {metric} 的定义；请重新发布。",
        )
    view = figures.dimensions(reader, metric)
    wanted = _wanted(definition, dimensions, subject)
    view.require_visible([subject[0]] if subject is not None else [], "choose a subject")
    return movement_in_view(snapshot, definition, view, older, newer, wanted, subject)


def movement_in_view(
    snapshot: Snapshot,
    definition: MetricDefinition,
    view: View,
    older: Period,
    newer: Period,
    dimensions: Sequence[str],
    subject: tuple[str, str] | None = None,
) -> Movement:
    """What moved the metric by ``dimensions``, as far as ``view`` shows them. The caller has asked whether the figure
    and the subject may be read. Raises MovementError for periods without a figure.
    """
    metric = definition.name
    if not has_rows(snapshot, metric):
        raise MovementError(f"Nothing was published of {metric} yet.", f"{metric} 尚未发布数据。")
    only: dict[str, Sequence[str]] = {}
    if view.row_filter is not None:
        only[view.row_filter.column] = view.row_filter.values
    if subject is not None:
        only[definition.dimensions[subject[0]].id] = [subject[1]]
    periods = (older, newer)
    whole = [_members(snapshot, definition, period, Columns(), only)[0] for period in periods]
    old, new = (_figure(snapshot, definition, sums, period) for sums, period in zip(whole, periods, strict=True))
    found = []
    for dimension in dimensions:
        if dimension in view.left_out:
            continue
        columns = definition.dimensions[dimension]
        sides = [_members(snapshot, definition, p, Columns(columns.id, columns.label), only) for p in periods]
        labels = {**sides[0][1], **sides[1][1]}
        split = ratio_contributions if definition.aggregation == "ratio" else sum_contributions
        parts = []
        for contribution in split(sides[0][0], sides[1][0]):
            member, label = contribution.member, labels[contribution.member]
            if dimension in view.masked and member != NO_MEMBER:
                member = label = str(view.value(dimension, member))
            parts.append(Part(member, label, contribution))
        found.append(DimensionMovement(dimension, tuple(parts)))
    return Movement(metric, subject, older, newer, old, new, tuple(found), view.hidden())


def _wanted(
    definition: MetricDefinition, dimensions: Sequence[str] | None, subject: tuple[str, str] | None
) -> list[str]:
    known = list(definition.dimensions)
    asked = [*(dimensions or ()), *([subject[0]] if subject is not None else [])]
    unknown = [name for name in asked if name not in definition.dimensions]
    if unknown:
        raise MovementError(
            f"{definition.name} has no dimension {unknown[0]!r}; it has: {', '.join(known) or 'none'}.",
            f"{definition.name} 没有维度 {unknown[0]!r}；可选：{'、'.join(known) or '无'}。",
        )
    return [name for name in (dimensions or known) if subject is None or name != subject[0]]


def _members(
    snapshot: Snapshot,
    definition: MetricDefinition,
    period: Period,
    columns: Columns,
    only: Mapping[str, Sequence[str]],
) -> tuple[dict[str, Sums], dict[str, str]]:
    """The sums and labels by member."""
    rows = sums_of(snapshot, definition.name, definition.aggregation, period, columns, only)
    sums = {row.subject_id or NO_MEMBER: Sums(Fraction(row.numerator), Fraction(row.denominator)) for row in rows}
    return sums, {row.subject_id or NO_MEMBER: row.label or NO_MEMBER for row in rows}


def _figure(snapshot: Snapshot, definition: MetricDefinition, sums: Mapping[str, Sums], period: Period) -> Fraction:
    value = ratio_of(sums) if definition.aggregation == "ratio" else None
    if definition.aggregation != "ratio" and sums:
        value = sum((one.numerator for one in sums.values()), Fraction(0))
    if value is None:
        oldest = first_day(snapshot, definition.name)
        raise MovementError(
            f"{definition.name} has no figure in {period.label}; its rows begin on {oldest}. Choose other periods.",
            f"{definition.name} 在 {period.label} 没有数值；数据始于 {oldest}。请选择其他期间。",
        )
    return value


def _exact(name: str, value: Fraction) -> dict[str, Any]:
    return {name: float(value), f"{name}_exact": str(value)}


def _part_json(part: Part) -> dict[str, Any]:
    one = part.contribution
    return {
        "member": part.member,
        "label": part.label,
        **_exact("contribution", one.total),
        **_exact("mix", one.mix),
        **_exact("rate", one.rate),
        "share": None if one.share is None else float(one.share),
        "before": {"numerator": float(one.before.numerator), "denominator": float(one.before.denominator)},
        "after": {"numerator": float(one.after.numerator), "denominator": float(one.after.denominator)},
    }
