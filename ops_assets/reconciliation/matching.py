"""Which row of one side is which row of the other, where keys are missing or repeat. Pure.

Rows of one key are paired in stages, the likeliest counterparts first; within a stage in the order of date, inputs and
figures. What is left once one side has no more rows of the key was counted twice, or is known to one side only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Literal

Kind = Literal["pair", "only_here", "counted_twice", "other_period"]


@dataclass(frozen=True)
class Row:
    """One row of a side at the compared grain. ``inputs`` are those that the side knows, None where missing."""

    key: tuple[Any, ...]
    day: date
    numerator: Fraction
    denominator: Fraction
    inputs: dict[str, Fraction | None]


@dataclass(frozen=True)
class Match:
    """A pair of rows, or a row without counterpart on the ``None`` side and why it has none."""

    ours: Row | None
    theirs: Row | None
    kind: Kind


STAGES: tuple[frozenset[str], ...] = (
    frozenset({"day", "inputs"}),
    frozenset({"month", "inputs"}),
    frozenset({"month"}),
    frozenset({"inputs"}),
    frozenset(),
)
"""What two rows of one key must have in common to be paired, stage by stage."""


def match(
    ours: Sequence[Row],
    theirs: Sequence[Row],
    shared: Sequence[str],
    *,
    ours_added_up: bool = False,
    theirs_added_up: bool = False,
) -> list[Match]:
    """Pair the rows of two sides by key. ``shared`` are the inputs that both know.

    A side that was added up to the compared grain repeats a key only in other periods, never twice.
    """
    by_key: dict[tuple[Any, ...], tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for side, rows in enumerate((ours, theirs)):
        for row in rows:
            by_key[row.key][side].append(row)
    found: list[Match] = []
    for mine, yours in by_key.values():
        left = [sorted(rows, key=_order(shared)) for rows in (mine, yours)]
        for stage in STAGES:
            found += _paired(left, stage, shared)
        found += [Match(row, None, kind) for row, kind in _unpaired(left[0], bool(yours), ours_added_up)]
        found += [Match(None, row, kind) for row, kind in _unpaired(left[1], bool(mine), theirs_added_up)]
    return found


def _paired(left: list[list[Row]], stage: frozenset[str], shared: Sequence[str]) -> list[Match]:
    """Take the pairs of one stage out of ``left``."""
    waiting: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in left[1]:
        waiting[_common(row, stage, shared)].append(row)
    pairs, alone = [], []
    for row in left[0]:
        partners = waiting[_common(row, stage, shared)]
        if partners:
            pairs.append(Match(row, partners.pop(0), "pair"))
        else:
            alone.append(row)
    left[0] = alone
    # By identity: rows that repeat are equal.
    still = {id(row) for rows in waiting.values() for row in rows}
    left[1] = [row for row in left[1] if id(row) in still]
    return pairs


def _unpaired(rows: list[Row], key_is_there: bool, added_up: bool) -> list[tuple[Row, Kind]]:
    if key_is_there:
        return [(row, "other_period" if added_up else "counted_twice") for row in rows]
    repeated: Kind = "only_here" if added_up else "counted_twice"
    return [(row, repeated if number else "only_here") for number, row in enumerate(rows)]


def _common(row: Row, stage: frozenset[str], shared: Sequence[str]) -> tuple[Any, ...]:
    values: list[Any] = []
    if "day" in stage:
        values.append(row.day)
    if "month" in stage:
        values.append((row.day.year, row.day.month))
    if "inputs" in stage:
        values += [row.inputs[name] for name in shared]
    return tuple(values)


def _order(shared: Sequence[str]) -> Callable[[Row], tuple[Any, ...]]:
    def order(row: Row) -> tuple[Any, ...]:
        inputs = [(row.inputs[name] is None, row.inputs[name] or Fraction(0)) for name in shared]
        return (row.day, inputs, row.numerator, row.denominator)

    return order
