"""The monthly operating analysis: which month, what is shown, and that nothing held back passes as good."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops_assets.checks.trust import Trust, Words
from ops_assets.operating_analysis import last_full_month, render

OCTOBER, SEPTEMBER = date(2026, 10, 1), date(2026, 9, 1)


@pytest.mark.parametrize(
    ("as_of", "month"),
    [
        (date(2026, 11, 21), OCTOBER),
        (date(2026, 10, 31), OCTOBER),
        (date(2026, 10, 30), SEPTEMBER),
        (date(2026, 1, 1), date(2025, 12, 1)),
        (date(2028, 2, 29), date(2028, 2, 1)),
        (date(2028, 2, 28), date(2028, 1, 1)),
    ],
)
def test_the_last_full_month_is_over(as_of: date, month: date) -> None:
    assert last_full_month(as_of) == month


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_the_month_has_ended_and_the_next_has_not(as_of: date) -> None:
    month = last_full_month(as_of)
    following = (month + timedelta(days=32)).replace(day=1)
    after_next = (following + timedelta(days=32)).replace(day=1)
    assert month.day == 1
    assert following - timedelta(days=1) <= as_of < after_next - timedelta(days=1)


def _metric(name: str, **changes: Any) -> dict[str, Any]:
    return {"metric": name, "label_en": name.title(), "domain": "supply", "unit": "percent", "direction": "down",
            **changes}  # fmt: skip


def _trusts(metrics: list[dict[str, Any]]) -> dict[str, Trust]:
    since = datetime(2026, 11, 20, tzinfo=UTC)
    return {
        metric["metric"]: Trust(metric["metric"], metric.get("trust", "trusted"), 90.0, since,
                                Words(metric.get("reason", ""), ""), None)
        for metric in metrics
    }  # fmt: skip


def _report(metrics: list[dict[str, Any]], **values: tuple[str | None, str | None]) -> list[str]:
    periods = {
        (name, month): {"value_text": value}
        for name, pair in values.items()
        for month, value in zip((OCTOBER, SEPTEMBER), pair, strict=True)
        if value is not None
    }
    text = render(metrics, periods, _trusts(metrics), month=OCTOBER, before=SEPTEMBER, snapshot_id="snap-7")
    assert text.endswith("\n") and "snap-7" in text
    return [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| metric")]


def test_months_stand_beside_each_other_with_their_change() -> None:
    (line,) = _report([_metric("rate")], rate=("3.12", "4.00"))
    assert line == "| Rate | 3.12 % | 4.00 % | -0.88 points (better) | trusted |"


@pytest.mark.parametrize(
    ("direction", "now", "word"),
    [("down", "5", "(worse)"), ("up", "5", "(better)"), ("up", "3", "(worse)"), ("none", "5", ""), ("up", "4", "")],
)
def test_a_change_is_judged_by_the_direction_of_its_metric(direction: str, now: str, word: str) -> None:
    (line,) = _report([_metric("days", unit="days", direction=direction)], days=(now, "4"))
    assert (word in line) and ("points" not in line)
    assert word or ("better" not in line and "worse" not in line)


def test_a_month_without_figure_shows_no_change() -> None:
    (line,) = _report([_metric("rate")], rate=(None, "4.00"))
    assert [cell.strip() for cell in line.split("|")][4] == "-"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("held", "held back since 2026-11-20: no cost"),
        ("stale", "stale since 2026-11-20: no cost"),
        ("unavailable", "not available: no cost"),
        ("degraded", "degraded since 2026-11-20: no cost"),
    ],
)
def test_what_is_not_simply_trusted_says_so_and_why(state: str, said: str) -> None:
    (line,) = _report([_metric("rate", trust=state, reason="no cost")], rate=("1.00", "1.00"))
    assert line.endswith(f"| {said} |")


def test_domains_have_their_own_tables() -> None:
    metrics = [_metric("a", domain="delivery"), _metric("b", domain="delivery"), _metric("c", domain="supply")]
    text = render(metrics, {}, _trusts(metrics), month=OCTOBER, before=SEPTEMBER, snapshot_id="s")
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## Delivery", "## Supply"]
