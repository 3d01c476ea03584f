"""What an explanation says: the two figures, their gap, and the parts that make it. Plain values, exact until shown.

``explain`` (ops_assets.reconciliation.explain) makes these; command line, API and pages only render them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import Any, Literal

from ops_assets.dictionary.base import Text

Place = Literal["ours", "theirs", "both"]
Cause = Literal[
    "only_here",
    "counted_twice",
    "other_period",
    "input_differs",
    "input_missing",
    "rule_differs",
    "figure_departs",
]
Grain = Literal["month", "window", "day", "range"]

OURS = "ours"
"""The name of our own side where a claim's name could stand."""


@dataclass(frozen=True)
class Span:
    """The days that are compared, both ends included; ``first`` None is the beginning of history.

    ``start`` names the period in tables: the first day of a month, the window's first day (its last where it has no
    beginning), the day itself.
    """

    grain: Grain
    first: date | None
    last: date

    @property
    def start(self) -> date:
        return self.last if self.first is None else self.first

    def holds(self, day: date | None) -> bool:
        return day is not None and day <= self.last and (self.first is None or day >= self.first)


@dataclass(frozen=True)
class Figure:
    """One side's figure for the span. ``value`` is None where a ratio has nothing to divide by, or no row counts."""

    numerator: Fraction
    denominator: Fraction
    rows: int
    value: Fraction | None


@dataclass(frozen=True)
class Part:
    """One cause's part of the gap (theirs minus ours), computed from its own rows.

    ``place`` is the side that has what the other has not (rows, a missing input, a figure beside its own rule), else
    both. ``input`` is an input's name, or for ``rule_differs`` what the rules treat differently ("freight",
    "quantity*unit_price", "" for a constant or an unknown rule). ``numerator`` and ``denominator`` are what
    it moves there; ``amount`` is its part of the gap, None where the gap is not defined. ``rows`` are the rows behind.
    """

    place: Place
    cause: Cause
    input: str
    label: Text
    numerator: Fraction
    denominator: Fraction
    amount: Fraction | None
    rows: int

    @property
    def id(self) -> str:
        """Names the part in addresses, such as ``input_differs.both.freight``."""
        return f"{self.cause}.{self.place}.{self.input}"

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "place": self.place,
            "cause": self.cause,
            "input": self.input,
            "label": {"en": self.label.en, "zh": self.label.zh},
            "numerator": exact_text(self.numerator),
            "denominator": exact_text(self.denominator),
            "part": exact_text(self.amount),
            "part_value": None if self.amount is None else float(self.amount),
            "rows": self.rows,
        }


@dataclass(frozen=True)
class PartRow:
    """A row behind a part: its key, when each side counts it, what each side says, and what that moves.

    ``ours`` and ``theirs`` are the input's values for causes with an input, else the row's numerators; None where the
    side has no such row or value.
    """

    key: Mapping[str, Any]
    part: str
    ours_date: date | None
    theirs_date: date | None
    ours: Decimal | None
    theirs: Decimal | None
    numerator: Fraction
    denominator: Fraction
    amount: Fraction | None

    def to_json(self) -> dict[str, Any]:
        return {
            "key": {name: str(value) if isinstance(value, date) else value for name, value in self.key.items()},
            "part_id": self.part,
            "ours_date": None if self.ours_date is None else self.ours_date.isoformat(),
            "theirs_date": None if self.theirs_date is None else self.theirs_date.isoformat(),
            "ours": None if self.ours is None else f"{self.ours:f}",
            "theirs": None if self.theirs is None else f"{self.theirs:f}",
            "numerator": exact_text(self.numerator),
            "denominator": exact_text(self.denominator),
            "part": exact_text(self.amount),
        }


@dataclass(frozen=True)
class Explanation:
    """Why ``claim`` says something else than ``against`` (ours, or another claim) in a span. The gap is theirs - ours.

    ``balanced`` says that the parts' sum is the gap, exactly; ``imbalance`` is what they miss it by (0 when balanced).
    Parts are ordered by size, largest first. ``where`` are the key values that rows were narrowed to.
    """

    metric: str
    claim: str
    claim_label: Text
    against: str
    against_label: Text
    span: Span
    ratio: bool
    ours: Figure
    theirs: Figure
    gap: Fraction | None
    parts: tuple[Part, ...]
    balanced: bool
    imbalance: tuple[Fraction, Fraction] = (Fraction(0), Fraction(0))
    where: Mapping[str, Any] = field(default_factory=dict)

    def part(self, part_id: str) -> Part | None:
        """The part with this id, or None."""
        return next((part for part in self.parts if part.id == part_id), None)

    def to_json(self) -> dict[str, Any]:
        return {
            "metric": self.metric,
            "claim": self.claim,
            "claim_label": {"en": self.claim_label.en, "zh": self.claim_label.zh},
            "against": self.against,
            "against_label": {"en": self.against_label.en, "zh": self.against_label.zh},
            "period": {
                "grain": self.span.grain,
                "start": self.span.start.isoformat(),
                "first": None if self.span.first is None else self.span.first.isoformat(),
                "last": self.span.last.isoformat(),
            },
            "where": {name: str(value) for name, value in self.where.items()},
            "ours": _figure_json(self.ours),
            "theirs": _figure_json(self.theirs),
            "gap": exact_text(self.gap),
            "gap_value": None if self.gap is None else float(self.gap),
            "parts": [part.to_json() for part in self.parts],
            "balanced": self.balanced,
            "imbalance": {
                "numerator": exact_text(self.imbalance[0]),
                "denominator": exact_text(self.imbalance[1]),
            },
        }


def exact_text(value: Fraction | None) -> str | None:
    """``3/8`` or ``-12``; None stays None."""
    return None if value is None else str(value)


def rounded_text(value: Fraction | None, *, percent: bool, decimals: int) -> str | None:
    """A figure or part as people see it, without unit: percent times 100, rounded half up once."""
    if value is None:
        return None
    scaled = value * 100 if percent else value
    with localcontext() as context:
        context.prec = 80
        quotient = Decimal(scaled.numerator) / Decimal(scaled.denominator)
        return f"{quotient.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP):f}"


def _figure_json(figure: Figure) -> dict[str, Any]:
    return {
        "numerator": exact_text(figure.numerator),
        "denominator": exact_text(figure.denominator),
        "rows": figure.rows,
        "value": exact_text(figure.value),
        "value_number": None if figure.value is None else float(figure.value),
    }
