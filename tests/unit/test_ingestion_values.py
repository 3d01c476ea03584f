"""Values: coercion to declared types without loss, and changed date formats."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from ops_assets.ingestion.coerce import coerce
from ops_assets.ingestion.dates import changed_format
from ops_assets.ingestion.landing_schema import Column

BAD = object()


def one(column: Column, text: str | None, *, zone: str | None = "Asia/Shanghai") -> Any:
    """The typed value, or BAD where the text did not fit."""
    result = coerce(column, pa.array([text], pa.string()), zone=zone)
    return BAD if result.failed[0] else result.values[0].as_py()


def column(data_type: str, **options: Any) -> Column:
    if data_type == "decimal":
        options = {"precision": 18, "scale": 4} | options
    return Column("c", "c", data_type, **options)


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        (column("integer"), "3", 3),
        (column("integer"), " +3 ", 3),
        (column("integer"), "3.00", 3),
        (column("integer"), "3.5", BAD),
        (column("integer"), "2147483648", BAD),
        (column("integer"), "-2147483648", -2147483648),
        (column("integer"), "1,000", BAD),
        (column("bigint"), "9223372036854775807", 9223372036854775807),
        (column("bigint"), "9223372036854775808", BAD),
        (column("decimal"), ".0000", Decimal("0.0000")),
        (column("decimal"), "12.", Decimal("12.0000")),
        (column("decimal"), "1.23400000", Decimal("1.2340")),
        (column("decimal"), "1.23456", BAD),
        (column("decimal"), "1e3", Decimal("1000.0000")),
        (column("decimal"), "1E-4", Decimal("0.0001")),
        (column("decimal"), "1e-5", BAD),
        (column("decimal"), "123456789012345", BAD),
        (column("decimal"), "1e300", BAD),
        (column("decimal"), "nan", BAD),
        (column("decimal"), "$5.00", BAD),
        (column("decimal", money_text=True), "$50.26 ", Decimal("50.2600")),
        (column("decimal", money_text=True), "$1,234.50", Decimal("1234.5000")),
        (column("decimal", money_text=True), "($3.00)", Decimal("-3.0000")),
        (column("decimal", money_text=True), "-¥3", Decimal("-3.0000")),
        (column("decimal", money_text=True), "12.5", Decimal("12.5000")),
        (column("decimal", money_text=True), "$1,23", BAD),
        (column("decimal", money_text=True), "(3.00", BAD),
        (column("decimal", money_text=True), "$", BAD),
        (column("double"), "1e-3", 0.001),
        (column("double"), "1e999", BAD),
        (column("double"), "inf", BAD),
        (column("boolean"), "YES", True),
        (column("boolean"), "0", False),
        (column("boolean"), "2", BAD),
        (column("date"), "2026-02-28", date(2026, 2, 28)),
        (column("date"), "2026-02-30", BAD),
        (column("date"), "2026-2-3", BAD),
        (column("date", formats=("%d-%m-%Y",)), "31-07-2013", date(2013, 7, 31)),
        (column("date", formats=("%d-%b-%y",)), "2-Jun-06", date(2006, 6, 2)),
        (column("date", formats=("%d-%b-%y",)), "30-Feb-06", BAD),
        (column("timestamp"), "2026-02-28 10:15", datetime(2026, 2, 28, 10, 15)),
        (column("timestamp"), "2026-02-28T10:15:30.5", datetime(2026, 2, 28, 10, 15, 30, 500000)),
        (column("timestamp"), "2026-02-28T02:15:00Z", datetime(2026, 2, 28, 10, 15)),
        (column("timestamp"), "2026-02-28T04:15:00+02:00", datetime(2026, 2, 28, 10, 15)),
        (column("timestamp"), "2026-02-28", BAD),
        (column("timestamp"), "2026", BAD),
        (column("timestamp", formats=("iso", "%Y-%m-%d")), "2019-04-30", datetime(2019, 4, 30)),
        (
            column("timestamp", formats=("iso", "%Y-%m-%d")),
            "2025-02-07 10:01:36.827",
            datetime(2025, 2, 7, 10, 1, 36, 827000),
        ),
        (column("varchar"), " a ", " a "),
        (column("varchar", trim=True), " a ", "a"),
        (column("varchar", trim=True), "   ", None),
        (column("varchar"), "", None),
        (column("integer"), "  ", None),
        (column("varchar", null_values=("N/A",)), "N/A", None),
        (column("decimal", null_pattern="See "), "See DN-304 (ID#:10589)", None),
        (column("decimal", null_pattern="See "), "Please See it", BAD),
    ],
)
def test_a_value_fits_without_loss_or_fails(declared: Column, text: str, value: Any) -> None:
    assert one(declared, text) == value


def test_declared_nulls_are_counted_apart_from_empty_values() -> None:
    declared = column("date", null_values=("Date Not Captured",))
    result = coerce(declared, pa.array(["Date Not Captured", "", None, "2026-01-01"]), zone=None)
    assert result.declared_nulls.tolist() == [True, False, False, False]
    assert result.values.null_count == 3
    assert not result.failed.any()


def test_one_value_out_of_range_does_not_fail_its_neighbours() -> None:
    result = coerce(column("bigint"), pa.array(["1", "9999999999999999999", "3"]), zone=None)
    assert result.values.to_pylist() == [1, None, 3]
    assert result.failed.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("texts", "declared", "found"),
    [
        (["13/01/2026", "02/01/2026"], ("%Y-%m-%d",), ("%d/%m/%Y",)),
        (["01/13/2026", "01/02/2026"], ("%Y-%m-%d",), ("%m/%d/%Y",)),
        (["03/04/2026"], ("iso",), ("%d/%m/%Y", "%m/%d/%Y")),
        (["13-01-2026"], ("%m-%d-%Y",), ("%d-%m-%Y",)),
        (["01-02-2026", "13-02-2026"], ("%m-%d-%Y",), ("%d-%m-%Y",)),
        (["2026-01-01", "2026-02-30"], ("iso",), None),
        (["2026-02-30"], ("iso",), None),
        (["rubbish", "more"], ("iso",), None),
        (["13/01/2026"] * 19 + ["rubbish"], ("iso",), ("%d/%m/%Y",)),
        (["2026-01-01"] * 19 + ["13/01/2026"], ("iso",), None),
        (["2026-01-01"], ("iso",), None),
        ([], ("iso",), None),
    ],
)
def test_a_changed_date_format_is_named(
    texts: list[str], declared: tuple[str, ...], found: tuple[str, ...] | None
) -> None:
    change = changed_format("due", texts, declared, timestamp=False)
    assert (None if change is None else change.found) == found
    if change is not None:
        assert repr(declared[0]) in change.sentence
        assert all(repr(fmt) in change.sentence for fmt in change.found)


def test_a_changed_timestamp_format_is_named() -> None:
    change = changed_format("at", ["31/01/2026 10:00:00"], ("iso",), timestamp=True)
    assert change is not None
    assert change.found == ("%d/%m/%Y %H:%M:%S",)
