"""Nelson's eight tests against an independent implementation that looks at zones letter by letter."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ops_assets.checks.control_limits import LONGEST_RUN, TESTS, Limits, limits_of, special_causes

STANDARD = Limits(0.0, 1.0)
# Whole and half sigmas: every zone, its edges, the centre line itself.
_POINTS = st.lists(st.sampled_from([number / 2 for number in range(-8, 9)]), max_size=22)


def _letters(points: list[float]) -> str:
    """Each point as a letter: d c b a above (beyond A, A, B, C), z on the line, A B C D below; edges go inwards."""
    found = ""
    for point in points:
        zone = 0 if abs(point) <= 1 else 1 if abs(point) <= 2 else 2 if abs(point) <= 3 else 3
        found += "z" if point == 0 else "abcd"[zone] if point > 0 else "ABCD"[zone]
    return found


def _moves(points: list[float]) -> str:
    return "".join("+" if after > before else "-" if after < before else "=" for before, after in pairwise(points))


def _slowly(points: list[float]) -> set[int]:
    """The tests met by the last point, as patterns over letters."""
    letters, moves = _letters(points), _moves(points)
    found = set()
    if re.search(r"[dD]$", letters):
        found.add(1)
    if re.search(r"([abcd]{9}|[ABCD]{9})$", letters):
        found.add(2)
    if re.search(r"(\+{5}|-{5})$", moves):
        found.add(3)
    if re.search(r"((\+-){6}\+|(-\+){6}-)$", moves):
        found.add(4)
    for side in ("cd", "CD"):
        run = letters[-3:]
        if len(run) == 3 and run[-1] in side and len([letter for letter in run if letter in side]) > 1:
            found.add(5)
    for side in ("bcd", "BCD"):
        run = letters[-5:]
        if len(run) == 5 and run[-1] in side and len([letter for letter in run if letter in side]) > 3:
            found.add(6)
    if re.search(r"[aAz]{15}$", letters):
        found.add(7)
    if re.search(r"[bcdBCD]{8}$", letters):
        found.add(8)
    return found


@given(_POINTS)
@example([])
@example([0.5] * 9)
@example([-0.5] * 9)
@example([float(number) / 2 for number in range(6)])
@example([0.5, -0.5] * 8)
@example([2.5, 0.5, 2.5])
@example([1.5, 1.5, 0.0, 1.5, 1.5])
@example([1.5, -1.5] * 4)
def test_the_tests_are_nelsons(points: list[float]) -> None:
    assert set(special_causes(points, STANDARD)) == _slowly(points)


@given(_POINTS, st.sampled_from([0.25, 3.0, 1000.0]), st.sampled_from([-7.0, 0.0, 12.5]))
def test_neither_unit_nor_zero_matters(points: list[float], unit: float, zero: float) -> None:
    moved = [zero + unit * point for point in points]
    assert special_causes(moved, Limits(zero, unit)) == special_causes(points, STANDARD)


@given(_POINTS)
def test_both_sides_are_alike(points: list[float]) -> None:
    assert special_causes([-point for point in points], STANDARD) == special_causes(points, STANDARD)


@given(_POINTS, st.lists(st.sampled_from([-2.5, 0.0, 4.0]), max_size=5))
def test_only_the_longest_run_is_looked_at(points: list[float], older: list[float]) -> None:
    run = points[-LONGEST_RUN:]
    if len(run) == LONGEST_RUN:
        assert special_causes([*older, *run], STANDARD) == special_causes(run, STANDARD)


@given(_POINTS, st.sets(st.sampled_from(TESTS)))
def test_only_the_chosen_tests_are_made(points: list[float], chosen: set[int]) -> None:
    assert set(special_causes(points, STANDARD, chosen)) == set(special_causes(points, STANDARD)) & chosen


def test_limits_of_individuals_come_from_moving_ranges() -> None:
    limits = limits_of([10.0, 12.0, 11.0, 13.0])
    assert limits.centre == 11.5
    assert limits.sigma == pytest.approx((2 + 1 + 2) / 3 / 1.128)
    assert limits.upper - limits.centre == pytest.approx(limits.centre - limits.lower)


def test_after_a_baseline_that_never_varied_any_other_point_is_beyond() -> None:
    limits = limits_of([0.1 + 0.2] * 12)
    assert special_causes([0.3], limits) == ()
    assert special_causes([0.30001], limits, [1]) == (1,)


@pytest.mark.parametrize("baseline", [[], [1.0]])
def test_one_point_sets_no_limits(baseline: list[float]) -> None:
    with pytest.raises(ValueError, match="two points"):
        limits_of(baseline)


def test_a_test_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no 9"):
        special_causes([1.0], STANDARD, [1, 9])
