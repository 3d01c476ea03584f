"""Control limits of a chart of individuals, and Nelson's eight tests for special causes. Pure.

Source of the tests: L. S. Nelson, "The Shewhart Control Chart - Tests for Special Causes", Journal of Quality
Technology 16 (1984), pages 237-239. Zones lie on both sides of the centre line: C within one sigma, B from one to two,
A from two to three. A point on a zone's edge belongs to the inner zone, a point on the centre line to neither side.

1. One point beyond zone A (more than three sigma from the centre).
2. Nine points in a row on one side of the centre.
3. Six points in a row steadily rising, or falling.
4. Fourteen points in a row going up and down by turns.
5. Two out of three points in a row in zone A or beyond, on one side.
6. Four out of five points in a row in zone B or beyond, on one side.
7. Fifteen points in a row in zone C, on whichever side.
8. Eight points in a row outside zone C, on whichever side.

Sigma of individuals is the mean of the moving ranges of two neighbours, divided by 1.128 (d2 for two).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

D2 = 1.128
LONGEST_RUN = 15
TESTS: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
# Figures that differ by less than this share of their size are the same but for floating point.
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Limits:
    """Centre line and sigma, and the limits three sigma away from it, in the figures' own unit."""

    centre: float
    sigma: float

    @property
    def lower(self) -> float:
        return self.centre - 3 * self.sigma

    @property
    def upper(self) -> float:
        return self.centre + 3 * self.sigma

    def z(self, point: float) -> float:
        """How many sigma a point lies from the centre; infinite for a deviation where the baseline never varied."""
        distance = point - self.centre
        if abs(distance) <= _TOLERANCE * max(1.0, abs(self.centre)):
            return 0.0
        if self.sigma <= _TOLERANCE * max(1.0, abs(self.centre)):
            return math.copysign(math.inf, distance)
        return distance / self.sigma


def limits_of(baseline: Sequence[float]) -> Limits:
    """The limits that a baseline of at least two points sets. Raises ValueError for a shorter one."""
    if len(baseline) < 2:
        raise ValueError("Control limits need at least two points.")
    ranges = [abs(after - before) for before, after in pairwise(baseline)]
    return Limits(sum(baseline) / len(baseline), sum(ranges) / len(ranges) / D2)


def special_causes(points: Sequence[float], limits: Limits, tests: Iterable[int] = TESTS) -> tuple[int, ...]:
    """The tests, in order, whose pattern the last of ``points`` completes. Points are oldest first.

    A test that needs more points than there are is not met. Raises ValueError for a test that does not exist.
    """
    unknown = set(tests := tuple(tests)) - set(TESTS)
    if unknown:
        raise ValueError(f"Nelson's tests are numbered 1 to 8; there is no {', '.join(map(str, sorted(unknown)))}.")
    z = [limits.z(point) for point in points]
    return tuple(test for test in sorted(set(tests)) if _met(test, points, z))


def _met(test: int, points: Sequence[float], z: Sequence[float]) -> bool:
    if test == 1:
        return bool(z) and abs(z[-1]) > 3
    if test == 2:
        return _one_side(z[-9:], 9, 9, 0)
    if test == 3:
        steps = _steps(points[-6:])
        return len(steps) == 5 and (min(steps) > 0 or max(steps) < 0)
    if test == 4:
        steps = _steps(points[-14:])
        return len(steps) == 13 and all(before * after < 0 for before, after in pairwise(steps))
    if test == 5:
        return _one_side(z[-3:], 2, 3, 2)
    if test == 6:
        return _one_side(z[-5:], 4, 5, 1)
    if test == 7:
        return len(z) >= 15 and all(abs(value) <= 1 for value in z[-15:])
    return len(z) >= 8 and all(abs(value) > 1 for value in z[-8:])


def _one_side(run: Sequence[float], at_least: int, of: int, beyond: float) -> bool:
    """Whether of the run's ``of`` points ``at_least``, the last among them, lie beyond ``beyond`` on one side."""
    if len(run) < of:
        return False
    return any(
        run[-1] * side > beyond and sum(value * side > beyond for value in run) >= at_least for side in (1.0, -1.0)
    )


def _steps(run: Sequence[float]) -> list[int]:
    """The direction of every step of a run: 1 up, -1 down, 0 level."""
    return [(after > before) - (after < before) for before, after in pairwise(run)]
