"""Several measurements of one thing, and tables of them for people."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Spread:
    """Measured values of one thing in one unit, in the order of measuring."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(tuple(values))

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def text(self, unit: str = "s") -> str:
        """``median (min to max) unit``; the median alone where there was one measurement."""
        if not self.values:
            return "-"
        if len(self.values) == 1:
            return f"{_digits(self.median)} {unit}"
        return f"{_digits(self.median)} ({_digits(min(self.values))} to {_digits(max(self.values))}) {unit}"

    def to_json(self) -> dict[str, Any]:
        if not self.values:
            return {"values": []}
        return {
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": list(self.values),
        }


def ratio(measured: Spread, bare: Spread) -> str:
    """How many times as long as the bare one, by medians."""
    if not measured.values or not bare.values or bare.median == 0:
        return "-"
    return f"{measured.median / bare.median:.1f} x"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with aligned columns, valid Markdown as well."""
    widths = [max(len(line[at]) for line in [header, *rows]) for at in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in [header, *rows]
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _digits(value: float) -> str:
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
