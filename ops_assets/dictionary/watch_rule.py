"""A watch rule as a metric's YAML states it: when a published figure opens a case."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from ops_assets.dictionary.base import Strict

RuleKind = Literal["threshold", "change", "control", "missing"]
_SPAN = re.compile(r"^([1-9][0-9]{0,3})([dw])$")


class ChangeSpec(Strict):
    """A movement against an earlier period, relative to the older figure: 0.2 is a fifth of it.

    ``previous_period`` compares the last full month with the month before it, ``same_period_last_year`` with the same
    month a year before, ``previous_window`` the headline window with the one just before it.
    """

    against: Literal["previous_period", "same_period_last_year", "previous_window"]
    more_than: Decimal = Field(gt=0)
    direction: Literal["worse", "any"] = "worse"


class ControlSpec(Strict):
    """Control limits on a chart of individuals; ``rules`` are the numbers of Nelson's tests, or all eight of them.

    Mean and sigma come from the ``baseline`` points just before the newest one.
    """

    rules: Literal["nelson"] | tuple[int, ...] = "nelson"
    points: Literal["day", "week", "month"]
    baseline: int = Field(ge=8, le=400)
    direction: Literal["worse", "any"] = "any"

    @field_validator("rules")
    @classmethod
    def _known_tests(cls, value: str | tuple[int, ...]) -> str | tuple[int, ...]:
        if not isinstance(value, str) and (not value or not set(value) <= set(range(1, 9))):
            raise ValueError("`rules` is nelson, or a list of its tests from 1 to 8")
        return value

    @property
    def tests(self) -> tuple[int, ...]:
        return tuple(range(1, 9)) if isinstance(self.rules, str) else tuple(sorted(set(self.rules)))


class MissingSpec(Strict):
    """No row for so many days, of the metric or of a subject that had rows before; written ``3d`` or ``2w``."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    days: int = Field(alias="for", ge=1)

    @field_validator("days", mode="before")
    @classmethod
    def _span(cls, value: object) -> object:
        if isinstance(value, str):
            match = _SPAN.match(value)
            if match is None:
                raise ValueError(f"{value!r} is no span; write days or weeks, such as 3d or 2w")
            return int(match[1]) * (7 if match[2] == "w" else 1)
        return value


class WatchRule(Strict):
    """A condition on published figures that opens a case, of one kind. Bounds are raw ratios, not percentages."""

    name: str
    dimension: str | None = None
    above: Decimal | None = None
    below: Decimal | None = None
    change: ChangeSpec | None = None
    control: ControlSpec | None = None
    missing: MissingSpec | None = None
    min_denominator: Decimal = Decimal(0)
    template: str

    @model_validator(mode="after")
    def _one_condition(self) -> WatchRule:
        conditions = (self.above, self.below, self.change, self.control, self.missing)
        if sum(condition is not None for condition in conditions) != 1:
            raise ValueError(
                "a watch rule needs exactly one condition: `above`, `below`, `change`, `control` or `missing`"
            )
        return self

    @property
    def kind(self) -> RuleKind:
        if self.change is not None:
            return "change"
        if self.control is not None:
            return "control"
        return "missing" if self.missing is not None else "threshold"

    @property
    def looks_for_worse(self) -> bool:
        """Whether the rule needs to know which direction is the worse one."""
        spec = self.change or self.control
        return spec is not None and spec.direction == "worse"
