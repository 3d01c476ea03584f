"""Landing schemas compiled to pandera: the boundary that every row must pass.

The frame that pandera sees is made from coerced columns: nullable integers, booleans and datetimes, strings, and
decimals as doubles (they are only compared here; the exact values are loaded from elsewhere). A row rule becomes a
boolean column that must be true, so that it fails once per row and not once per cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from ops_assets.ingestion.landing_schema import Column, LandingTable

_DTYPES: dict[str, Any] = {
    "varchar": pd.StringDtype(na_value=float("nan")),
    "integer": pd.Int64Dtype(),
    "bigint": pd.Int64Dtype(),
    "decimal": "float64",
    "double": "float64",
    "date": "datetime64[us]",
    "timestamp": "datetime64[us]",
    "boolean": pd.BooleanDtype(),
}
_RULE = "rule: "


@dataclass(frozen=True, slots=True)
class RowFailure:
    """One rule that one row broke. ``column`` is None for a rule over several columns."""

    position: int
    column: str | None
    rule: str


def compile_schema(table: LandingTable) -> pandera.DataFrameSchema:
    """The pandera schema of a landing table, over the frame of ``check_frame``."""
    columns = {column.name: _compile_column(column) for column in table.columns}
    for rule in table.rules:
        columns[_RULE + rule.name] = pandera.Column(bool, _holds(rule.name), nullable=False)
    return pandera.DataFrameSchema(columns, strict=True, coerce=False, name=table.raw_name)


def check_frame(table: LandingTable, typed: dict[str, pa.Array]) -> pd.DataFrame:
    """The frame that the schema of ``compile_schema`` validates, from typed arrow columns."""
    frame = pd.DataFrame({column.name: _as_pandas(column, typed[column.name]) for column in table.columns})
    for rule in table.rules:
        # A rule says nothing about a row in which one of its columns is null, as a CHECK constraint in SQL.
        unknown = frame[list(rule.columns)].isna().any(axis=1)
        outcome = frame.eval(rule.expr, engine="python")
        if not isinstance(outcome, pd.Series):
            outcome = pd.Series(bool(outcome), index=frame.index)
        frame[_RULE + rule.name] = unknown | outcome.astype("boolean").fillna(value=False).astype(bool)
    return frame


def failures(schema: pandera.DataFrameSchema, frame: pd.DataFrame) -> list[RowFailure]:
    """Every broken rule of every row, by position in the frame."""
    if frame.empty:
        return []
    try:
        schema.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
    else:
        return []
    if cases["index"].isna().any():
        # Not a matter of rows: the frame does not have the shape the schema was compiled for.
        raise RuntimeError(
            f"The check of {schema.name} itself failed: {cases[cases['index'].isna()].to_dict('records')}"
        )
    found = []
    for column, check, index in zip(cases["column"], cases["check"], cases["index"], strict=True):
        rule = "not_null" if check == "not_nullable" else str(check)
        name = None if str(column).startswith(_RULE) else str(column)
        found.append(RowFailure(int(index), name, rule))
    return found


def _compile_column(column: Column) -> pandera.Column:
    checks = []
    if column.pattern is not None:
        checks.append(_matches(column.pattern))
    if column.minimum is not None:
        checks.append(pandera.Check.ge(_bound(column.minimum), name="min", error="min"))
    if column.maximum is not None:
        checks.append(pandera.Check.le(_bound(column.maximum), name="max", error="max"))
    if column.one_of:
        checks.append(_one_of(column.one_of))
    return pandera.Column(_DTYPES[column.data_type], checks, nullable=not column.required)


def _matches(pattern: str) -> pandera.Check:
    def whole_text(series: pd.Series) -> pd.Series:
        return pd.Series(series.astype("str").str.fullmatch(pattern))

    return pandera.Check(whole_text, name="pattern")


def _one_of(allowed: tuple[str, ...]) -> pandera.Check:
    def known(series: pd.Series) -> pd.Series:
        return pd.Series(series.astype("str").isin(allowed))

    return pandera.Check(known, name="one_of")


def _holds(name: str) -> pandera.Check:
    def true(series: pd.Series) -> pd.Series:
        return series

    return pandera.Check(true, name=name)


def _bound(bound: Decimal | date) -> Any:
    if isinstance(bound, Decimal):
        return int(bound) if bound == bound.to_integral_value() else float(bound)
    return pd.Timestamp(bound)


def _as_pandas(column: Column, values: pa.Array) -> pd.Series:
    if column.data_type in ("integer", "bigint"):
        whole: pd.Series = pc.cast(values, pa.int64()).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
        return whole
    if column.data_type == "boolean":
        flags: pd.Series = values.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
        return flags
    if column.data_type in ("decimal", "double"):
        return pd.Series(pc.cast(values, pa.float64()).to_pandas(), dtype="float64")
    if column.temporal:
        return pd.Series(pc.cast(values, pa.timestamp("us")).to_pandas(), dtype="datetime64[us]")
    texts: pd.Series = pd.Series(values.to_pandas(), dtype=_DTYPES["varchar"])
    return texts
