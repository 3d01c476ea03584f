"""The entry of a governed metric."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from ops_assets.access import SecurityClass
from ops_assets.dictionary.base import Strict, Text
from ops_assets.dictionary.check_spec import CheckSpec
from ops_assets.dictionary.claim_spec import ClaimSpec
from ops_assets.dictionary.security import RowFilterSpec
from ops_assets.dictionary.watch_rule import WatchRule

Aggregation = Literal["ratio", "sum", "latest_sum"]
Unit = Literal["percent", "days", "hours", "count", "cny", "currency", "ratio", "score"]
Domain = Literal["profit", "delivery", "quality", "production", "supply", "people", "process"]


class DimensionColumns(Strict):
    """The columns of a metric model that identify and name a subject."""

    id: str
    label: str


class Raci(Strict):
    """Who does, answers for, is asked about and is told of the metric; values are roles."""

    responsible: str
    accountable: str
    consulted: tuple[str, ...] = ()
    informed: tuple[str, ...] = ()


class Detail(Strict):
    """A figure shown beside a metric: an aggregate expression over the metric model's rows."""

    name: str
    label: Text
    sql: str
    decimals: int = 0


class Synonyms(Strict):
    """Other words that people search for the metric by."""

    en: tuple[str, ...] = ()
    zh: tuple[str, ...] = ()


class Target(Strict):
    """The figure to reach, raw (0.95 for 95 %), in force since a day."""

    value: Decimal
    since: date


class MetricDefinition(Strict):
    """One governed metric, as its .yml declares it. ``window_days`` None means all history up to the as-of date.

    ``as_of`` is "clock" for figures of the platform itself, which go on while a pack of old exports stands still.
    ``key`` puts the metric on the business board.
    """

    name: str
    file: Path
    line: int
    label: Text
    definition: Text
    formula: str
    unit: Unit
    decimals: int
    direction: Literal["up", "down", "none"]
    aggregation: Aggregation
    window_days: int | None = None
    as_of: Literal["pack", "clock"] = "pack"
    grain: tuple[str, ...]
    dimensions: Mapping[str, DimensionColumns] = {}
    domain: Domain
    owner_role: str
    raci: Raci
    version: int
    effective_date: date
    security_class: SecurityClass
    needs: tuple[str, ...] = ()
    checks: tuple[CheckSpec, ...] = ()
    watch: tuple[WatchRule, ...] = ()
    details: tuple[Detail, ...] = ()
    claims: tuple[ClaimSpec, ...] = ()
    synonyms: Synonyms = Synonyms()
    target: Target | None = None
    key: bool = False
    row_filter: RowFilterSpec | None = None

    @model_validator(mode="after")
    def _watch_dimensions_exist(self) -> MetricDefinition:
        for rule in self.watch:
            if rule.dimension is not None and rule.dimension not in self.dimensions:
                raise ValueError(
                    f"watch rule {rule.name} names the dimension {rule.dimension!r}, which is not declared"
                )
        return self
