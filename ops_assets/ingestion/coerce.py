"""Text columns -> typed columns, keeping apart what is null, what fits and what does not.

Every value is read as text first, so that one that does not fit can be reported verbatim. Nothing is rounded or
guessed: a value fits its declared type without loss, or it fails the rule ``valid_<type>``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ops_assets.ingestion.dates import ISO, parse_any
from ops_assets.ingestion.landing_schema import Column

Mask = npt.NDArray[np.bool_]

_INTEGER = r"^[+-]?[0-9]{1,19}(?:\.0*)?$"
_NUMBER = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)$"
_EXPONENT = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][+-]?[0-9]{1,3}$"
_MONEY = r"^\(?[+-]?\s*\p{Sc}?\s*[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]*)(?:\.[0-9]*)?\)?$"
_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")
_INTEGER_RANGE = {"integer": (-(2**31), 2**31 - 1), "bigint": (-(2**63), 2**63 - 1)}


@dataclass(frozen=True, slots=True)
class Typed:
    """One coerced column: ``values`` (arrow, null where null or failed), ``failed`` and ``declared_nulls`` by row."""

    values: pa.Array
    failed: Mask
    declared_nulls: Mask


def coerce(column: Column, texts: pa.Array, *, zone: str | None, iso: bool = False) -> Typed:
    """Coerce one column. ``iso``: the texts were made from typed values, so dates are ISO whatever is declared."""
    trimmed = pc.utf8_trim_whitespace(texts)
    if column.data_type != "varchar" or column.trim:
        texts = trimmed
    texts, declared = _declared_nulls(column, texts, trimmed)
    texts = pc.if_else(pc.equal(trimmed, "") if column.data_type != "varchar" or column.trim else pc.equal(texts, ""),
                       pa.scalar(None, pa.string()), texts)  # fmt: skip
    values = _CONVERTERS[column.data_type](column, texts, zone, iso)
    failed = _mask(pc.and_(pc.is_valid(texts), pc.is_null(values)))
    return Typed(values, failed, declared)


def _declared_nulls(column: Column, texts: pa.Array, trimmed: pa.Array) -> tuple[pa.Array, Mask]:
    means_null = None
    if column.null_values:
        means_null = pc.is_in(trimmed, value_set=pa.array(list(column.null_values), pa.string()))
    if column.null_pattern is not None:
        matches = pc.match_substring_regex(trimmed, f"^(?:{column.null_pattern})")
        means_null = matches if means_null is None else pc.or_kleene(means_null, matches)
    if means_null is None:
        return texts, np.zeros(len(texts), dtype=bool)
    means_null = pc.fill_null(means_null, False)
    return pc.if_else(means_null, pa.scalar(None, pa.string()), texts), _mask(means_null)


def _varchar(_column: Column, texts: pa.Array, _zone: str | None, _iso: bool) -> pa.Array:
    return texts


def _integer(column: Column, texts: pa.Array, _zone: str | None, _iso: bool) -> pa.Array:
    fits = _only(texts, _INTEGER)
    whole = pc.replace_substring_regex(fits, r"^\+|\.0*$", "")
    low, high = _INTEGER_RANGE[column.data_type]
    values = _cast(whole, pa.int64(), int)
    if column.data_type == "bigint":
        return values
    in_range = pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high))
    return pc.cast(pc.if_else(in_range, values, pa.scalar(None, pa.int64())), pa.int32())


def _decimal(column: Column, texts: pa.Array, _zone: str | None, _iso: bool) -> pa.Array:
    target = pa.decimal128(column.precision, column.scale)
    if column.money_text:
        texts = _plain_money(texts)
    plain = _only(texts, _NUMBER)
    # Digits beyond the scale would be cut: such a value fails instead.
    too_fine = pc.match_substring_regex(plain, rf"\.[0-9]{{{column.scale}}}[0-9]*[1-9]")
    plain = pc.if_else(pc.fill_null(too_fine, False), pa.scalar(None, pa.string()), plain)
    values = _cast(plain, target, lambda text: _exact(text, column))
    scientific = _only(texts, _EXPONENT)
    if scientific.null_count == len(scientific):
        return values
    from_exponent = pa.array([None if t is None else _exact(t, column) for t in scientific.to_pylist()], target)
    return pc.coalesce(values, from_exponent)


def _exact(text: str, column: Column) -> Decimal | None:
    """The decimal, or None where it does not fit precision and scale without loss."""
    try:
        value = Decimal(text)
        quantum = Decimal(1).scaleb(-column.scale)
        units = value / quantum
    except InvalidOperation:
        return None
    if units != units.to_integral_value() or abs(units) >= Decimal(10) ** column.precision:
        return None
    return Decimal(int(units)).scaleb(-column.scale)


def _plain_money(texts: pa.Array) -> pa.Array:
    """``$1,234.50 `` -> ``1234.50``, ``($3.00)`` -> ``-3.00``; what is not money stays as it is and fails later."""
    is_money = pc.match_substring_regex(texts, _MONEY)
    bare = pc.replace_substring_regex(texts, r"[\p{Sc},()\s]", "")
    negative = pc.starts_with(texts, "(")
    balanced = pc.equal(negative, pc.ends_with(texts, ")"))
    bare = pc.if_else(negative, pc.binary_join_element_wise("-", bare, ""), bare)
    return pc.if_else(pc.fill_null(pc.and_(is_money, balanced), False), bare, texts)


def _double(column: Column, texts: pa.Array, _zone: str | None, _iso: bool) -> pa.Array:
    if column.money_text:
        texts = _plain_money(texts)
    fits = _only(texts, f"(?:{_NUMBER})|(?:{_EXPONENT})")
    values = _cast(pc.replace_substring_regex(fits, r"^\+", ""), pa.float64(), float)
    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))


def _date(column: Column, texts: pa.Array, _zone: str | None, iso: bool) -> pa.Array:
    if iso:
        parsed = parse_any(_series(texts), (ISO, "%Y-%m-%d"), timestamp=True)
        parsed = parsed.where(parsed == parsed.dt.normalize())  # a time of day does not fit a date
    else:
        parsed = parse_any(_series(texts), column.formats, timestamp=False)
    return pc.cast(pa.Array.from_pandas(parsed), pa.date32())


def _timestamp(column: Column, texts: pa.Array, zone: str | None, iso: bool) -> pa.Array:
    formats = (ISO, "%Y-%m-%d") if iso else column.formats
    parsed = parse_any(_series(texts), formats, timestamp=True, zone=zone)
    return pc.cast(pa.Array.from_pandas(parsed), pa.timestamp("us"))


def _boolean(_column: Column, texts: pa.Array, _zone: str | None, _iso: bool) -> pa.Array:
    lower = pc.utf8_lower(texts)
    true = pc.is_in(lower, value_set=pa.array(_TRUE))
    known = pc.or_(true, pc.is_in(lower, value_set=pa.array(_FALSE)))
    return pc.if_else(known, true, pa.scalar(None, pa.bool_()))


_CONVERTERS: dict[str, Callable[[Column, pa.Array, str | None, bool], pa.Array]] = {
    "varchar": _varchar,
    "integer": _integer,
    "bigint": _integer,
    "decimal": _decimal,
    "double": _double,
    "date": _date,
    "timestamp": _timestamp,
    "boolean": _boolean,
}


def _only(texts: pa.Array, pattern: str) -> pa.Array:
    """The texts that match; null where not."""
    fits = pc.fill_null(pc.match_substring_regex(texts, pattern), False)
    return pc.if_else(fits, texts, pa.scalar(None, pa.string()))


def _cast(texts: pa.Array, target: pa.DataType, one: Callable[[str], Any]) -> pa.Array:
    """Cast all at once; where some value is out of range, one by one, null for those."""
    try:
        return pc.cast(texts, target)
    except pa.ArrowInvalid:
        return pa.array([_one(text, target, one) for text in texts.to_pylist()], target)


def _one(text: str | None, target: pa.DataType, one: Callable[[str], Any]) -> Any:
    if text is None:
        return None
    try:
        value = one(text)
        pa.scalar(value, target)
    except (ValueError, OverflowError, pa.ArrowInvalid):
        return None
    return value


def _series(texts: pa.Array) -> pd.Series:
    return pd.Series(texts.to_pandas(), dtype="str")


def _mask(array: pa.Array) -> Mask:
    mask: Mask = array.to_numpy(zero_copy_only=False).astype(bool)
    return mask
