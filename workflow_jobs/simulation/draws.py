"""Random numbers that are named, not drawn in turn: the same name gives the same number, whoever asks first.

Both arms of the simulation ask for "how long does this person need for this step of this case", and get the same
answer, although they ask in another order (common random numbers). Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from statistics import NormalDist
from typing import Final, TypeVar

_NORMAL: Final = NormalDist()
_STEPS: Final = 2**53
T = TypeVar("T")


class Draws:
    """Random numbers of one seed. ``key`` names what is drawn: any values whose text tells them apart."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def uniform(self, *key: object) -> float:
        """A number between 0 and 1, both excluded."""
        name = "/".join(map(str, (self.seed, *key)))
        number = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") >> 11
        return (number + 0.5) / _STEPS

    def chance(self, share: float, *key: object) -> bool:
        """True in ``share`` of all cases."""
        return self.uniform(*key) < share

    def lognormal(self, median: float, sigma: float, *key: object) -> float:
        """Lognormal with this median; ``sigma`` is the standard deviation of its logarithm."""
        return median * math.exp(sigma * _NORMAL.inv_cdf(self.uniform(*key)))

    def exponential(self, mean: float, *key: object) -> float:
        """Exponential with this mean."""
        return -mean * math.log(self.uniform(*key))

    def between(self, low: float, high: float, *key: object) -> float:
        """Uniform between two numbers."""
        return low + (high - low) * self.uniform(*key)

    def pick(self, options: Sequence[T], *key: object) -> T:
        """One of the options, each as likely. Raises IndexError without any."""
        return options[int(self.uniform(*key) * len(options))]

    def weighted(self, weights: Mapping[str, float], *key: object) -> str:
        """One of the names, by weight. Raises ValueError without a positive weight."""
        total = sum(weights.values())
        if total <= 0:
            raise ValueError(f"no positive weight among {dict(weights)}")
        rest = self.uniform(*key) * total
        for name, weight in weights.items():
            rest -= weight
            if rest < 0:
                return name
        return list(weights)[-1]
