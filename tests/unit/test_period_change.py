"""A figure against the period before: the same window moved back, told only where the rows cover it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.figure_words import amount, change_words, plain_number
from gateway.sparkline import sparkline
from ops_assets.catalog import load_catalog
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.period_change import Change, change_of, verdict_of
from resources.platform import MODELS_DIR
from resources.serving import Snapshot, SnapshotInfo

AS_OF = date(2026, 6, 30)


@pytest.fixture(scope="module")
def reject_rate() -> MetricDefinition:
    return load_catalog(MODELS_DIR).metrics["metric_supplier_reject_rate"]


def snapshot_of(folder: Path, rows: list[tuple[date, int, int]]) -> Snapshot:
    """A snapshot whose metric has one row for each of (day, numerator, denominator)."""
    path = folder / "snapshot.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute(
            "create table metric_supplier_reject_rate"
            " (event_date date, numerator decimal(28,6), denominator decimal(28,6))"
        )
        for one in rows:
            db.execute("insert into metric_supplier_reject_rate values (?, ?, ?)", list(one))
        db.execute("create table metric_part as select 'metric_supplier_reject_rate' as metric")
    info = SnapshotInfo("s", 1, datetime(2026, 6, 30, tzinfo=UTC), AS_OF, "dongchen", 1, ())
    return Snapshot(info, path, folder)


def row(numerator: object, denominator: object, window_days: int | None) -> dict[str, Any]:
    return {
        "as_of": AS_OF,
        "numerator": str(numerator),
        "denominator": str(denominator),
        "window_days": window_days,
    }


def daily(days: int) -> list[tuple[date, int, int]]:
    """One row a day up to the as-of date: 3 of 100 rejected in the last ten days, 5 of 100 before."""
    return [(AS_OF - timedelta(days=back), 3 if back < 10 else 5, 100) for back in range(days)]


def test_a_window_is_compared_with_the_one_before_it(tmp_path: Path, reject_rate: MetricDefinition) -> None:
    change = change_of(snapshot_of(tmp_path, daily(20)), reject_rate, row(30, 1000, 10))
    assert change == Change(Decimal("0.03"), Decimal("0.05"), 10, True, "better")
    assert change.relative == Decimal("-0.4")
    assert change_words("en", reject_rate, change) == "−2.0000 points"
    assert change_words("zh", reject_rate, change) == "−2.0000 个百分点"


def test_half_an_earlier_window_is_no_comparison(tmp_path: Path, reject_rate: MetricDefinition) -> None:
    assert change_of(snapshot_of(tmp_path, daily(19)), reject_rate, row(30, 1000, 10)) is None


def test_all_history_is_compared_with_itself_thirty_days_earlier(tmp_path: Path, reject_rate: MetricDefinition) -> None:
    change = change_of(snapshot_of(tmp_path, daily(60)), reject_rate, row(280, 6000, None))
    assert change is not None
    assert (change.before, change.days, change.windowed) == (Decimal("0.05"), 30, False)


def test_a_stock_is_compared_with_the_last_day_up_to_thirty_days_earlier(
    tmp_path: Path, reject_rate: MetricDefinition
) -> None:
    stock = reject_rate.model_copy(update={"aggregation": "latest_sum", "unit": "count", "decimals": 0})
    rows = [(AS_OF - timedelta(days=33), 40, 1), (AS_OF - timedelta(days=29), 70, 1), (AS_OF, 50, 1)]
    change = change_of(snapshot_of(tmp_path, rows), stock, row(50, 1, None))
    assert change is not None
    assert (change.before, change.verdict) == (Decimal(40), "worse")
    assert change_words("en", stock, change) == "+25.0 %"


def test_a_figure_that_does_not_exist_has_no_change(tmp_path: Path, reject_rate: MetricDefinition) -> None:
    snapshot = snapshot_of(tmp_path, [])
    assert change_of(snapshot, reject_rate, row(30, 1000, 10)) is None
    assert change_of(snapshot, reject_rate, row(30, 1000, 10) | {"as_of": None}) is None
    assert change_of(snapshot, reject_rate, row(30, 1000, 10) | {"numerator": None}) is None


@pytest.mark.parametrize(
    ("direction", "now", "before", "verdict"),
    [
        ("up", "0.5", "0.4", "better"),
        ("up", "0.4", "0.5", "worse"),
        ("down", "0.4", "0.5", "better"),
        ("none", "0.4", "0.5", "changed"),
        ("up", "0.40000001", "0.4", "same"),
    ],
)
def test_better_follows_the_direction(
    reject_rate: MetricDefinition, direction: str, now: str, before: str, verdict: str
) -> None:
    metric = reject_rate.model_copy(update={"direction": direction})
    assert verdict_of(metric, Decimal(now), Decimal(before)) == verdict


@pytest.mark.parametrize(
    ("language", "value", "unit", "shown"),
    [
        ("en", "12.30", "percent", "12.30 %"),
        ("en", "1234.5", "days", "1,234.5 days"),
        ("zh", "1234.5", "hours", "1,234.5 小时"),
        ("zh", "1000000", "cny", "1,000,000 元"),
        ("en", None, "cny", "–"),
        ("en", "7.4", "score", "7.4"),
    ],
)
def test_figures_have_units_of_the_readers_language(language: str, value: str | None, unit: str, shown: str) -> None:
    assert amount(language, value, unit) == shown


def test_plain_numbers_lose_the_zeros_that_say_nothing() -> None:
    assert [plain_number(one) for one in ("276.300000", "8845.000000", 0, "1000000")] == [
        "276.3",
        "8,845",
        "0",
        "1,000,000",
    ]


_VALUES = st.lists(st.none() | st.floats(min_value=-1e12, max_value=1e12), max_size=30)


@given(_VALUES, st.integers(min_value=20, max_value=300), st.integers(min_value=12, max_value=80))
def test_a_small_line_stays_in_its_box_and_keeps_every_value(
    values: list[float | None], width: int, height: int
) -> None:
    pieces = sparkline(values, width, height)
    points = [point for piece in pieces for point in piece]
    assert len(points) == sum(value is not None for value in values)
    assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
    known = [value for value in values if value is not None]
    if len(set(known)) > 1:
        ys = [y for _, y in points]
        assert ys[known.index(max(known))] == min(ys)
        assert ys[known.index(min(known))] == max(ys)
