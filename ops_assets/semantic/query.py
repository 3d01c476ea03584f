"""What a caller may ask: a metric query as structured data, never SQL; and how a refusal says what to change.

Belongs here: the form of a query and its fixed limits. Whether names exist and ranges fit is decided by
:mod:`ops_assets.semantic.plan`, which knows a snapshot.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Grain = Literal["day", "week", "month", "quarter", "year"]
Operator = Literal["eq", "ne", "in", "not_in", "is_null", "is_not_null", "contains", "starts_with"]
Direction = Literal["asc", "desc"]
Reason = Literal["unknown", "invalid", "too_large", "too_slow", "unavailable", "forbidden", "busy"]

MOST_METRICS = 5
MOST_DIMENSIONS = 3
MOST_FILTERS = 8
MOST_VALUES = 200
MOST_ROWS = 10_000
MOST_PERIODS = 1_500
MOST_YEARS = 60

Name = Annotated[str, Field(min_length=1, max_length=100)]
Value = Annotated[str, Field(max_length=300)]


class QueryError(ValueError):
    """A query that cannot be answered. ``sentence`` says what to change; ``near`` are names that may be meant."""

    def __init__(self, reason: Reason, sentence: str, *, where: str = "", near: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.reason: Reason = reason
        self.sentence = sentence
        self.where = where
        self.near = tuple(near)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class TimeRange(_Strict):
    """Days of the event date, both inclusive, in the company's local calendar."""

    first: date | None = Field(None, alias="from", description="First day; default: all history before `to`.")
    last: date | None = Field(None, alias="to", description="Last day, inclusive; default: the metric's as-of date.")

    @model_validator(mode="after")
    def _in_order(self) -> TimeRange:
        if self.first is not None and self.last is not None and self.first > self.last:
            raise ValueError("`from` is after `to`; exchange them")
        return self


_NUMBER_OF_VALUES = {"eq": (1, 1), "ne": (1, 1), "in": (1, MOST_VALUES), "not_in": (1, MOST_VALUES),
                     "is_null": (0, 0), "is_not_null": (0, 0), "contains": (1, 1), "starts_with": (1, 1)}  # fmt: skip


class Filter(_Strict):
    """A condition on one dimension. Values are compared, never executed, whatever they contain."""

    dimension: Name = Field(description="Name of a dimension of every metric asked for.", examples=["supplier"])
    on: Literal["id", "label"] = Field(
        "id", description="Compare the dimension's id, or the name shown for it (one metric only)."
    )
    op: Operator = Field(
        "in", description="contains and starts_with ignore case; ne and not_in keep rows without a value."
    )
    values: tuple[Value, ...] = Field(
        (), max_length=MOST_VALUES, description="Texts to compare with: none for is_null and is_not_null."
    )

    @model_validator(mode="after")
    def _as_many_values_as_the_operator_takes(self) -> Filter:
        fewest, most = _NUMBER_OF_VALUES[self.op]
        if not fewest <= len(self.values) <= most:
            takes = f"{fewest}" if fewest == most else f"{fewest} to {most}"
            raise ValueError(f"the operator {self.op} takes {takes} value(s), not {len(self.values)}")
        return self


class Order(_Strict):
    """One key of the order of rows."""

    by: Name = Field(description="`period`, a dimension asked for, or a metric asked for.", examples=["period"])
    direction: Direction = "asc"


class MetricQuery(_Strict):
    """A question about published figures."""

    metrics: tuple[Name, ...] = Field(
        min_length=1, max_length=MOST_METRICS, description="Names of metrics, with or without the prefix `metric_`.",
        examples=[["supplier_reject_rate"]],
    )  # fmt: skip
    dimensions: tuple[Name, ...] = Field(
        (), max_length=MOST_DIMENSIONS, description="Split by these; every metric asked for must have them."
    )
    grain: Grain | None = Field(None, description="Split by period as well; weeks begin on Monday.")
    time_range: TimeRange | None = Field(
        None, description="Default: the days that the metric's own figure covers (its window up to its as-of date)."
    )
    figure: Literal["period", "window", "to_date"] = Field(
        "period",
        description="period: of the rows of each period. window (grain day): over the metric's own window that ends "
        "with each day, as its published figure is. to_date: accumulated from the range's first day; needs a grain.",
    )
    filters: tuple[Filter, ...] = Field((), max_length=MOST_FILTERS, description="All of them must hold.")
    order: tuple[Order, ...] = Field((), max_length=4, description="Default: by period, then by dimension.")
    limit: int = Field(1_000, ge=1, le=MOST_ROWS, description="Rows at most; the answer says when there are more.")

    @model_validator(mode="after")
    def _each_once(self) -> MetricQuery:
        for what, names in (("metric", self.metrics), ("dimension", self.dimensions)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"the {what} {twice[0]!r} is asked for twice")
        if self.figure == "to_date" and self.grain is None:
            raise ValueError("`figure: to_date` accumulates from period to period, so it needs a `grain`")
        if self.figure == "window" and self.grain != "day":
            raise ValueError("`figure: window` is stated for each day, so it needs `grain: day`")
        return self
