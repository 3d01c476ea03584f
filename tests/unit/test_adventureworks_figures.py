"""The figures that the AdventureWorks files are known for, computed in plain Python from the files themselves."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tests.adventureworks_figures import data_folder, purchases, sales, stock


def _percent(ratio: Decimal, digits: str) -> Decimal:
    return (ratio * 100).quantize(Decimal(digits))


def test_purchases_match_the_known_figures() -> None:
    figures = purchases(data_folder())
    assert _percent(figures.reject_rate, "0.0001") == Decimal("3.1238")
    assert (figures.lines, figures.lines_with_rejects, figures.short_received_lines) == (8845, 563, 380)
    assert figures.last_due == date(2025, 10, 21)


def test_stock_matches_the_known_figures() -> None:
    figures = stock(data_folder())
    assert figures.products == 504
    assert len(figures.without_stock_rows) == 72
    assert len(figures.below_safety_stock) == 69


def test_sales_match_the_known_figures() -> None:
    figures = sales(data_folder())
    assert (figures.lines, figures.revenue) == (44243, Decimal("32991853.61"))
    assert figures.lines_without_valid_cost == 33
    assert figures.revenue_without_valid_cost == Decimal("18591.77")
    assert figures.current_cost_without_valid_cost == Decimal("15480.2561")
    assert figures.lines_below_current_cost == 1454
    assert _percent(figures.margin_rate_at_current_cost, "0.00001") == Decimal("23.30980")
    assert _percent(figures.margin_rate_missing_cost_free, "0.00001") == Decimal("23.35672")


def test_margin_at_the_valid_cost_leaves_uncosted_lines_out_of_both_sides() -> None:
    figures = sales(data_folder())
    assert figures.costed_revenue + figures.revenue_without_valid_cost == figures.revenue
    assert _percent(figures.margin_rate, "0.00001") == Decimal("23.31351")
    assert (figures.first_day, figures.last_day) == (date(2024, 7, 30), date(2025, 1, 30))
