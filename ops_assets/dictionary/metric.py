"""The entry of a governed metric."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from ops_assets.access import SecurityClass
from ops_assets.dictionary.base import Strict, Text
from ops_assets.dictionary.check_spec import CheckSpec
from ops_assets.dictionary.claim_spec import ClaimSpec
from ops_assets.dictionary.security import RowFilterSpec
from ops_assets.dictionary.watch_rule import WatchRule

Aggregation = Literal["ratio", "sum", "latest_sum"]
Unit = Literal["percent", "days", "hours", "count", "cny", "currency", "ratio", "score"]
Leavable = Literal["claims", "watch", "target"]
Domain = Literal["profit", "delivery", "quality", "production", "supply", "people", "process"]


class DimensionColumns(Strict):
    """The columns of a metric model that identify and name a subject."""

    id: str
    label: str


class Raci(Strict):
    """Who does, answers for, is asked about and is told of the metric; values are roles."""

    responsible: str = Field(min_length=1)
    accountable: str = Field(min_length=1)
    consulted: tuple[str, ...] = ()
    informed: tuple[str, ...] = ()


class Detail(Strict):
    """A figure shown beside a metric: an aggregate expression over the metric model's rows."""

    name: str
    label: Text
    sql: str
    decimals: int = 0


class Synonyms(Strict):
    """Other words that people search for the metric by; at least one in each language."""

    en: tuple[str, ...] = Field(min_length=1)
    zh: tuple[str, ...] = Field(min_length=1)


class Target(Strict):
    """The figure to reach, raw (0.95 for 95 %), in force since a day."""

    value: Decimal
    since: date


class MetricDefinition(Strict):
    """One governed metric, as its .yml declares it. ``window_days`` None means all history up to the as-of date.

    ``as_of`` is "clock" for figures of the platform itself, which go on while a pack of old exports stands still.
    ``key`` puts the metric on the business board. What a full entry has but this metric cannot have (claims, watch
    rules, a target) is left out with a reason in ``without``, so that nothing is missing by oversight.
    """

    name: str
    file: Path
    line: int
    label: Text
    definition: Text
    formula: str = Field(min_length=1)
    unit: Unit
    decimals: int
    direction: Literal["up", "down", "none"]
    aggregation: Aggregation
    window_days: int | None
    as_of: Literal["pack", "clock"] = "pack"
    grain: tuple[str, ...] = Field(min_length=1)
    dimensions: Mapping[str, DimensionColumns] = Field(min_length=1)
    domain: Domain
    owner_role: str = Field(min_length=1)
    raci: Raci
    version: int
    effective_date: date
    security_class: SecurityClass
    needs: tuple[str, ...]
    checks: tuple[CheckSpec, ...] = Field(min_length=1)
    watch: tuple[WatchRule, ...] = ()
    details: tuple[Detail, ...] = ()
    claims: tuple[ClaimSpec, ...] = ()
    synonyms: Synonyms
    target: Target | None = None
    key: bool
    without: Mapping[Leavable, str] = {}
    row_filter: RowFilterSpec | None = None

    @model_validator(mode="after")
    def _nothing_is_missing_by_oversight(self) -> MetricDefinition:
        given: dict[Leavable, bool] = {
            "claims": bool(self.claims),
            "watch": bool(self.watch),
            "target": self.target is not None,
        }
        for field, is_given in given.items():
            if is_given and field in self.without:
                raise ValueError(f"{field} is given and left out at once; take it out of `without`")
            if not is_given and not self.without.get(field, "").strip():
                raise ValueError(
                    f"{field} is missing; add it, or say under `without: {{{field}: ...}}` why there is none"
                )
        return self

    @model_validator(mode="after")
    def _watch_dimensions_exist(self) -> MetricDefinition:
        for rule in self.watch:
            if rule.dimension is not None and rule.dimension not in self.dimensions:
                raise ValueError(
                    f"watch rule {rule.name} names the dimension {rule.dimension!r}, which is not declared"
                )
            if rule.looks_for_worse and self.direction == "none":
                raise ValueError(
                    f"watch rule {rule.name} looks for what is worse, but neither direction is better; "
                    "say `direction: any` in the rule"
                )
        return self

    @model_validator(mode="after")
    def _claims_can_be_compared(self) -> MetricDefinition:
        names = [claim.name for claim in self.claims]
        for claim in self.claims:
            if names.count(claim.name) > 1:
                raise ValueError(f"the claim {claim.name} is declared twice")
            claim.check_against(self.grain, ratio=self.aggregation == "ratio")
        return self
