"""Conditions on rows that a caller may state: typed, never SQL text. Column names are checked by whoever uses them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import model_validator

from ops_assets.dictionary.base import Strict
from ops_assets.sql_names import quoted

Operator = Literal["eq", "ne", "in", "not_in", "lt", "le", "gt", "ge", "is_null", "is_not_null"]
Value = bool | int | Decimal | date | datetime | str

_SQL: dict[str, str] = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_NONE = ("is_null", "is_not_null")
_MANY = ("in", "not_in")
_MOST_VALUES = 1000


class Condition(Strict):
    """One condition on one column. ``in`` and ``not_in`` take 1 to 1,000 values, null tests none, the others one."""

    column: str
    op: Operator = "eq"
    values: tuple[Value, ...] = ()

    @model_validator(mode="after")
    def _as_many_values_as_the_operator_takes(self) -> Condition:
        count = len(self.values)
        wanted = "no value" if self.op in _NONE else "1 to 1,000 values" if self.op in _MANY else "exactly one value"
        fits = count == 0 if self.op in _NONE else 1 <= count <= _MOST_VALUES if self.op in _MANY else count == 1
        if not fits:
            raise ValueError(f"the operator {self.op} takes {wanted}, not {count}")
        return self

    def sql(self) -> tuple[str, list[object]]:
        """The condition as SQL with a mark for each value, and the values. Never null: an unknown is false."""
        column = quoted(self.column)
        if self.op in _NONE:
            return f"{column} is {'not ' if self.op == 'is_not_null' else ''}null", []
        if self.op in _MANY:
            marks = ", ".join("?" for _ in self.values)
            return f"coalesce({column} {'not ' if self.op == 'not_in' else ''}in ({marks}), false)", list(self.values)
        return f"coalesce({column} {_SQL[self.op]} ?, false)", list(self.values)
