"""The arithmetic of a metric's figure, pure and exact: decimals in, decimals out, one rounding at the end."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Protocol

_SYMBOLS = {"percent": " %", "days": " d", "hours": " h", "count": "", "cny": " CNY", "ratio": "", "score": ""}


class Stated(Protocol):
    """What the arithmetic must know of a metric: a definition has it, and so has a published metric."""

    @property
    def aggregation(self) -> str: ...

    @property
    def unit(self) -> str: ...

    @property
    def decimals(self) -> int: ...


def raw_value(metric: Stated, numerator: Decimal | None, denominator: Decimal | None) -> Decimal | None:
    """Numerator over denominator for a ratio, the numerator for sums; None where there is nothing to divide by."""
    if numerator is None:
        return None
    if metric.aggregation != "ratio":
        return numerator
    if not denominator:
        return None
    with localcontext() as context:
        context.prec = 50
        return numerator / denominator


def shown_value(metric: Stated, value: Decimal | None) -> str | None:
    """The figure as people see it, without unit: percent times 100, rounded half up to the metric's decimals."""
    if value is None:
        return None
    with localcontext() as context:
        context.prec = 50
        scaled = value * 100 if metric.unit == "percent" else value
        return f"{scaled.quantize(Decimal(1).scaleb(-metric.decimals), rounding=ROUND_HALF_UP):f}"


def with_unit(unit: str, shown: str | None) -> str:
    """A shown value with its unit, such as ``3.1238 %``; a dash where there is none."""
    return "-" if shown is None else f"{shown}{_SYMBOLS.get(unit, ' ' + unit)}"
