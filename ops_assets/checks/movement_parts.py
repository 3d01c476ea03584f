"""Why a ratio moved: the exact contribution of each member, split into mix and rate. Pure, in rational numbers.

For a ratio R = sum(N_i) / sum(D_i) let w_i = D_i / D be the weight of member i, r_i = N_i / D_i its rate, and a_i =
N_i / D its share of the ratio, so that R = sum(a_i). Between two periods, with bars for the mean of both:

    mix_i  = (rbar_i - Rbar) * (w_i' - w_i)     members that are better or worse than the whole gained or lost weight
    rate_i = (a_i' - a_i) - rbar_i * (w_i' - w_i)      which is  wbar_i * (r_i' - r_i)  where both rates exist

The split is Kitagawa's: E. M. Kitagawa, "Components of a Difference Between Two Rates", Journal of the American
Statistical Association 50 (1955), pages 1168-1194; subtracting Rbar changes no sum, because weights always add up to 1,
and makes a member's mix effect its own. A member without a rate in one period takes the other's, so that coming and
going is mix alone; one without a rate in both has no weight in either.

The contributions of all members add up to the movement exactly. A sum moves by its members' differences, without mix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple


class Sums(NamedTuple):
    """Numerator and denominator of one member in one period."""

    numerator: Fraction
    denominator: Fraction


_NOTHING = Sums(Fraction(0), Fraction(0))


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one member adds to a movement. ``share`` is its part of it, None where the whole did not move."""

    member: str
    before: Sums
    after: Sums
    mix: Fraction
    rate: Fraction
    share: Fraction | None

    @property
    def total(self) -> Fraction:
        return self.mix + self.rate


def ratio_of(members: Mapping[str, Sums]) -> Fraction | None:
    """The ratio of all members together; None where the denominators add up to nothing."""
    denominator = sum((sums.denominator for sums in members.values()), Fraction(0))
    return sum((sums.numerator for sums in members.values()), Fraction(0)) / denominator if denominator else None


def ratio_contributions(before: Mapping[str, Sums], after: Mapping[str, Sums]) -> list[Contribution]:
    """The contributions to the movement of a ratio, largest first. Raises ValueError where a period has no ratio."""
    old, new = ratio_of(before), ratio_of(after)
    if old is None or new is None:
        raise ValueError("A movement needs a figure in both periods; one of them has nothing to divide by.")
    weight_before = sum((sums.denominator for sums in before.values()), Fraction(0))
    weight_after = sum((sums.denominator for sums in after.values()), Fraction(0))
    middle = (old + new) / 2
    found = []
    for member in sorted(before.keys() | after.keys()):
        one, two = before.get(member, _NOTHING), after.get(member, _NOTHING)
        shift = two.denominator / weight_after - one.denominator / weight_before
        rates = [sums.numerator / sums.denominator for sums in (one, two) if sums.denominator]
        rate = sum(rates, Fraction(0)) / len(rates) if rates else middle
        whole = two.numerator / weight_after - one.numerator / weight_before
        found.append((member, one, two, (rate - middle) * shift, whole - rate * shift))
    return _ranked(found, new - old)


def sum_contributions(before: Mapping[str, Sums], after: Mapping[str, Sums]) -> list[Contribution]:
    """The contributions to the movement of a sum of numerators, largest first."""
    found = []
    for member in sorted(before.keys() | after.keys()):
        one, two = before.get(member, _NOTHING), after.get(member, _NOTHING)
        found.append((member, one, two, Fraction(0), two.numerator - one.numerator))
    return _ranked(found, sum((rate for *_, rate in found), Fraction(0)))


def _ranked(found: list[tuple[str, Sums, Sums, Fraction, Fraction]], moved: Fraction) -> list[Contribution]:
    contributions = [
        Contribution(member, one, two, mix, rate, (mix + rate) / moved if moved else None)
        for member, one, two, mix, rate in found
    ]
    return sorted(contributions, key=lambda each: (-abs(each.total), each.member))
