"""Contributions to a movement: they add up exactly, and mean what the formula says."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ops_assets.checks.movement_parts import Sums, ratio_contributions, ratio_of, sum_contributions

_AMOUNT = st.builds(Fraction, st.integers(-50, 1000), st.sampled_from([1, 7, 60]))
_WEIGHT = st.builds(Fraction, st.integers(0, 1000), st.sampled_from([1, 7, 60]))
_SIDE = st.dictionaries(st.sampled_from("abcdef"), st.builds(Sums, _AMOUNT, _WEIGHT), max_size=6)


@given(_SIDE, _SIDE)
def test_the_contributions_are_the_movement_of_a_ratio_exactly(before: dict[str, Sums], after: dict[str, Sums]) -> None:
    old, new = ratio_of(before), ratio_of(after)
    assume(old is not None and new is not None)
    assert old is not None and new is not None
    found = ratio_contributions(before, after)
    assert sum(one.total for one in found) == new - old
    assert {one.member for one in found} == before.keys() | after.keys()
    if new != old:
        assert sum(one.share for one in found if one.share is not None) == 1
    else:
        assert all(one.share is None for one in found)
    assert [abs(one.total) for one in found] == sorted((abs(one.total) for one in found), reverse=True)


@given(_SIDE, _SIDE)
def test_the_contributions_are_the_movement_of_a_sum_exactly(before: dict[str, Sums], after: dict[str, Sums]) -> None:
    moved = sum(one.numerator for one in after.values()) - sum(one.numerator for one in before.values())
    assert sum(one.total for one in sum_contributions(before, after)) == moved
    assert all(one.mix == 0 for one in sum_contributions(before, after))


@given(_SIDE, _SIDE)
def test_going_back_undoes_every_contribution(before: dict[str, Sums], after: dict[str, Sums]) -> None:
    assume(ratio_of(before) is not None and ratio_of(after) is not None)
    there = {one.member: (one.mix, one.rate) for one in ratio_contributions(before, after)}
    back = {one.member: (-one.mix, -one.rate) for one in ratio_contributions(after, before)}
    assert there == back


@given(st.dictionaries(st.sampled_from("abcd"), st.tuples(_AMOUNT, _AMOUNT, _WEIGHT.filter(bool)), min_size=1))
def test_with_the_same_weights_everything_is_rate(rows: dict[str, tuple[Fraction, Fraction, Fraction]]) -> None:
    before = {name: Sums(old, weight) for name, (old, _, weight) in rows.items()}
    after = {name: Sums(new, weight) for name, (_, new, weight) in rows.items()}
    total = sum(weight for _, _, weight in rows.values())
    for one in ratio_contributions(before, after):
        old, new, _ = rows[one.member]
        assert one.mix == 0 and one.rate == (new - old) / total


def test_with_the_same_rates_everything_is_mix() -> None:
    before = {"good": Sums(Fraction(90), Fraction(100)), "bad": Sums(Fraction(10), Fraction(100))}
    after = {"good": Sums(Fraction(90), Fraction(100)), "bad": Sums(Fraction(30), Fraction(300))}
    found = {one.member: one for one in ratio_contributions(before, after)}
    assert all(one.rate == 0 for one in found.values())
    # 50 % to 30 %: the good one lost a quarter of the weight, the bad one gained it; Rbar is 40 %.
    assert found["good"].mix == (Fraction(9, 10) - Fraction(2, 5)) * Fraction(-1, 4)
    assert found["bad"].mix == (Fraction(1, 10) - Fraction(2, 5)) * Fraction(1, 4)


def test_coming_and_going_is_mix_alone() -> None:
    before = {"stays": Sums(Fraction(5), Fraction(10)), "goes": Sums(Fraction(9), Fraction(10))}
    after = {"stays": Sums(Fraction(5), Fraction(10)), "comes": Sums(Fraction(1), Fraction(10))}
    found = {one.member: one for one in ratio_contributions(before, after)}
    assert [one.rate for one in found.values()] == [0, 0, 0]
    assert found["goes"].mix < 0 and found["comes"].mix < 0


def test_a_numerator_without_a_denominator_still_counts() -> None:
    before = {"a": Sums(Fraction(1), Fraction(10))}
    after = {"a": Sums(Fraction(1), Fraction(10)), "b": Sums(Fraction(2), Fraction(0))}
    found = {one.member: one for one in ratio_contributions(before, after)}
    assert found["b"].mix == 0 and found["b"].rate == Fraction(1, 5)


def test_a_period_without_a_figure_has_no_movement() -> None:
    with pytest.raises(ValueError, match="both periods"):
        ratio_contributions({}, {"a": Sums(Fraction(1), Fraction(1))})
