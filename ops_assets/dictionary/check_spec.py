"""A check as a model's YAML states it."""

from __future__ import annotations

from decimal import Decimal

from pydantic import model_validator

from ops_assets.checks.rules import CheckRule, Dimension, Measure
from ops_assets.dictionary.base import Strict


class CheckSpec(Strict):
    """A threshold as written in YAML; see ops_assets.checks.rules.CheckRule for the meaning of the bounds."""

    name: str
    dimension: Dimension
    measure: Measure
    column: str | None = None
    columns: tuple[str, ...] = ()
    min: Decimal | None = None
    max: Decimal | None = None
    condition: str | None = None
    warn_above: Decimal | None = None
    red_above: Decimal | None = None
    warn_below: Decimal | None = None
    red_below: Decimal | None = None
    window_days: int | None = None
    event_column: str = "event_date"
    description: str = ""

    @model_validator(mode="after")
    def _has_a_bound(self) -> CheckSpec:
        if all(b is None for b in (self.warn_above, self.red_above, self.warn_below, self.red_below)):
            raise ValueError("a check needs at least one of warn_above, red_above, warn_below, red_below")
        if self.measure not in {"row_count_min", "true_share"} and not (self.column or self.columns):
            raise ValueError(f"measure {self.measure} needs `column` or `columns`")
        if self.measure == "true_share" and not self.condition:
            raise ValueError("measure true_share needs a `condition` (SQL over one row)")
        return self

    def rule(self, asset: str) -> CheckRule:
        return CheckRule(
            name=self.name,
            asset=asset,
            dimension=self.dimension,
            measure=self.measure,
            columns=self.columns or ((self.column,) if self.column else ()),
            minimum=self.min,
            maximum=self.max,
            condition=self.condition,
            warn_above=self.warn_above,
            red_above=self.red_above,
            warn_below=self.warn_below,
            red_below=self.red_below,
            window_days=self.window_days,
            event_column=self.event_column,
            description=self.description,
        )
