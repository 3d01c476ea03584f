"""What a matched row moves in the gap of two figures, cause by cause, in plain Python with fractions.

This is the definition: what ops_assets.reconciliation.row_level computes in SQL must be this, number for number. It
also stands in where the SQL's integers are too small.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from ops_assets.reconciliation.answer import Cause, Place
from ops_assets.reconciliation.attribution import RULE, rule_differences, shares
from ops_assets.reconciliation.matching import Match, Row
from ops_assets.reconciliation.spec import Comparison, Side


class PartKey(NamedTuple):
    """Names a part: the side concerned, the cause, and the input or product of inputs, "" without one."""

    place: Place
    cause: Cause
    input: str


@dataclass
class Moved:
    """What a part moves in numerator and denominator, and the number of rows that do it."""

    numerator: Fraction = Fraction(0)
    denominator: Fraction = Fraction(0)
    rows: int = 0

    def add(self, numerator: Fraction, denominator: Fraction) -> None:
        self.numerator += numerator
        self.denominator += denominator
        self.rows += 1


def moves(
    comparison: Comparison, each: Match, inside: tuple[bool, bool]
) -> Iterator[tuple[PartKey, Fraction, Fraction]]:
    """What one match moves in a period, cause by cause. ``inside`` says whether our and their row count in it."""
    if all(inside) and each.ours is not None and each.theirs is not None:
        yield from _pair_moves(comparison, each.ours, each.theirs)
        return
    cause: Cause = "other_period" if each.kind == "pair" else each.kind
    if inside[0] and each.ours is not None:
        yield PartKey("ours", cause, ""), -each.ours.numerator, -each.ours.denominator
    if inside[1] and each.theirs is not None:
        yield PartKey("theirs", cause, ""), each.theirs.numerator, each.theirs.denominator


def filled(comparison: Comparison, ours: Row, theirs: Row) -> tuple[dict[str, Fraction], dict[str, Fraction]]:
    """The inputs of both rows as their rules see them: a missing one counts as stated, and one that a side does not
    know is taken from the other side. It cannot differ there; that the rule leaves it out is the rule's part.
    """
    mine, yours = {}, {}
    for each in comparison.inputs:
        own, other = ours.inputs.get(each.name), theirs.inputs.get(each.name)
        own, other = each.fill_ours if own is None else own, each.fill_theirs if other is None else other
        ours_knows, theirs_knows = each.name in ours.inputs, each.name in theirs.inputs
        mine[each.name] = other if theirs_knows and not ours_knows else own
        yours[each.name] = own if ours_knows and not theirs_knows else other
    return mine, yours


def _pair_moves(comparison: Comparison, ours: Row, theirs: Row) -> Iterator[tuple[PartKey, Fraction, Fraction]]:
    """Inputs and rules share what the rules explain; figures that depart from their rule are parts of their own, unless
    both depart alike (both round, say), which makes no difference.
    """
    mine, yours = filled(comparison, ours, theirs)
    moved: dict[PartKey, list[Fraction]] = {}

    def add(key: PartKey, figure: int, amount: Fraction) -> None:
        moved.setdefault(key, [Fraction(0), Fraction(0)])[figure] += amount

    differences = rule_differences([comparison.rules(0), comparison.rules(1)])
    stated = ((ours.numerator, theirs.numerator), (ours.denominator, theirs.denominator))
    for figure, (own, other) in enumerate(stated):
        rule, their_rule = comparison.rules(figure)
        for share in shares(rule, their_rule):
            if share.factor == RULE:
                key = PartKey("both", "rule_differs", differences[share.product])
            else:
                key = input_key(ours, theirs, share.factor)
            add(key, figure, share.of(mine, yours))
        departures = (rule.evaluate(mine) - own, other - their_rule.evaluate(yours))
        if sum(departures):
            add(departure_key(comparison.ours, "ours"), figure, departures[0])
            add(departure_key(comparison.theirs, "theirs"), figure, departures[1])
    for key, (numerator, denominator) in moved.items():
        yield key, numerator, denominator


def departure_key(side: Side, place: Place) -> PartKey:
    """Where a figure beside the rule goes: to the rule, if the side did not state its own, else to the figure."""
    return PartKey(place, "rule_differs" if side.rules is None else "figure_departs", "")


def input_key(ours: Row, theirs: Row, factor: str) -> PartKey:
    """The part that an input's share of a pair belongs to."""
    mine, yours = _missing(ours.inputs, factor), _missing(theirs.inputs, factor)
    if mine != yours:
        return PartKey("ours" if mine else "theirs", "input_missing", factor)
    return PartKey("both", "input_differs", factor)


def _missing(inputs: Mapping[str, Fraction | None], name: str) -> bool:
    return name in inputs and inputs[name] is None
