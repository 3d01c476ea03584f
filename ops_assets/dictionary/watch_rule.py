"""A watch rule as a metric's YAML states it: when a published figure opens a case."""

from __future__ import annotations

from decimal import Decimal

from pydantic import model_validator

from ops_assets.dictionary.base import Strict


class WatchRule(Strict):
    """A condition on published figures that opens a case. Thresholds are raw ratios, not percentages."""

    name: str
    dimension: str | None = None
    above: Decimal | None = None
    below: Decimal | None = None
    min_denominator: Decimal = Decimal(0)
    template: str

    @model_validator(mode="after")
    def _one_bound(self) -> WatchRule:
        if (self.above is None) == (self.below is None):
            raise ValueError("a watch rule needs exactly one of `above` and `below`")
        return self
