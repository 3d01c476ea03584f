"""The AdventureWorks figures, computed from the files in plain Python: no SQL, no model, no platform code.

Tests compare what the platform publishes with what stands here. The folder with the files is named by
``TRUELOOP_TEST_DATA`` (else ``../shared/data`` beside the repository); where it is absent, tests skip and say so.
"""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SHIFT = timedelta(days=4017)

Row = dict[str, str]


def data_folder() -> Path:
    """Folder of the AdventureWorks files. Skips the calling test, with the reason, where it does not exist."""
    root = Path(os.environ.get("TRUELOOP_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
    folder = root / "adventureworks"
    if not folder.is_dir():
        pytest.skip(f"no AdventureWorks files at {folder}; set TRUELOOP_TEST_DATA to the folder that holds them")
    return folder


def read(folder: Path, table: str) -> list[Row]:
    """All rows of one file, as text."""
    with (folder / f"{table}.csv").open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def money(text: str) -> Decimal:
    """``"$1,150.26 "`` as a decimal."""
    return Decimal(text.replace("$", "").replace(",", "").strip())


@dataclass(frozen=True)
class PurchaseFigures:
    """Sums over every line of every purchase order."""

    lines: int
    lines_with_rejects: int
    short_received_lines: int
    received: Decimal
    rejected: Decimal
    by_vendor: dict[str, tuple[Decimal, Decimal]]
    last_due: date

    @property
    def reject_rate(self) -> Decimal:
        return self.rejected / self.received


def purchases(folder: Path) -> PurchaseFigures:
    vendor_of = {r["PurchaseOrderID"]: r["VendorID"] for r in read(folder, "purchasing.purchaseorderheader")}
    lines = read(folder, "purchasing.purchaseorderdetail")
    by_vendor: dict[str, tuple[Decimal, Decimal]] = {}
    for line in lines:
        rejected, received = by_vendor.get(vendor_of[line["PurchaseOrderID"]], (Decimal(0), Decimal(0)))
        by_vendor[vendor_of[line["PurchaseOrderID"]]] = (
            rejected + Decimal(line["RejectedQty"]),
            received + Decimal(line["ReceivedQty"]),
        )
    return PurchaseFigures(
        lines=len(lines),
        lines_with_rejects=sum(Decimal(r["RejectedQty"]) > 0 for r in lines),
        short_received_lines=sum(Decimal(r["ReceivedQty"]) < Decimal(r["OrderQty"]) for r in lines),
        received=sum((Decimal(r["ReceivedQty"]) for r in lines), Decimal(0)),
        rejected=sum((Decimal(r["RejectedQty"]) for r in lines), Decimal(0)),
        by_vendor=by_vendor,
        last_due=max(date.fromisoformat(r["DueDate"]) for r in lines),
    )


@dataclass(frozen=True)
class StockFigures:
    """Products against their stock rows."""

    products: int
    without_stock_rows: set[str]
    below_safety_stock: set[str]
    on_hand: int


def stock(folder: Path) -> StockFigures:
    on_hand: dict[str, int] = defaultdict(int)
    for row in read(folder, "production.productinventory"):
        on_hand[row["ProductID"]] += int(row["Quantity"])
    safety = {r["ProductID"]: int(r["SafetyStockLevel"]) for r in read(folder, "production.product")}
    return StockFigures(
        products=len(safety),
        without_stock_rows=set(safety) - set(on_hand),
        below_safety_stock={product for product, quantity in on_hand.items() if quantity < safety[product]},
        on_hand=sum(on_hand.values()),
    )


@dataclass(frozen=True)
class SalesFigures:
    """Sales rows of the truncated transaction history; days are shifted to those of the other tables."""

    lines: int
    revenue: Decimal
    lines_without_valid_cost: int
    revenue_without_valid_cost: Decimal
    current_cost_without_valid_cost: Decimal
    margin: Decimal
    costed_revenue: Decimal
    current_cost: Decimal
    lines_below_current_cost: int
    first_day: date
    last_day: date

    @property
    def margin_rate(self) -> Decimal:
        """At the cost valid on the day; lines without one count on neither side."""
        return self.margin / self.costed_revenue

    @property
    def margin_rate_at_current_cost(self) -> Decimal:
        return (self.revenue - self.current_cost) / self.revenue

    @property
    def margin_rate_missing_cost_free(self) -> Decimal:
        return (self.margin + self.revenue_without_valid_cost) / self.revenue


def sales(folder: Path) -> SalesFigures:
    costs: dict[str, list[tuple[date, date, Decimal]]] = defaultdict(list)
    for row in read(folder, "production.productcosthistory"):
        until = date.fromisoformat(row["EndDate"]) if row["EndDate"] else date.max
        costs[row["ProductID"]].append((date.fromisoformat(row["StartDate"]), until, Decimal(row["StandardCost"])))
    current = {r["ProductID"]: Decimal(r["StandardCost"]) for r in read(folder, "production.product")}
    zero = Decimal(0)
    revenue = margin = costed = free_revenue = free_cost = current_cost = zero
    lines = free_lines = below = 0
    days: set[date] = set()
    for row in read(folder, "production.transactionhistory_dated_truncated"):
        if row["TransactionType"] != "S":
            continue
        day_text, month, year = row["TransactionDate"].split("-")
        day = date(int(year), int(month), int(day_text)) + SHIFT
        quantity, price = int(row["Quantity"]), money(row["ActualCost"])
        valid = [cost for start, end, cost in costs[row["ProductID"]] if start <= day <= end]
        assert len(valid) <= 1, f"two costs of product {row['ProductID']} are valid on {day}"
        lines += 1
        days.add(day)
        revenue += price * quantity
        current_cost += current[row["ProductID"]] * quantity
        below += price < current[row["ProductID"]]
        if valid:
            margin += (price - valid[0]) * quantity
            costed += price * quantity
        else:
            free_lines += 1
            free_revenue += price * quantity
            free_cost += current[row["ProductID"]] * quantity
    return SalesFigures(
        lines=lines,
        revenue=revenue,
        lines_without_valid_cost=free_lines,
        revenue_without_valid_cost=free_revenue,
        current_cost_without_valid_cost=free_cost,
        margin=margin,
        costed_revenue=costed,
        current_cost=current_cost,
        lines_below_current_cost=below,
        first_day=min(days),
        last_day=max(days),
    )
