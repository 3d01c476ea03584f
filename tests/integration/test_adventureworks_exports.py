"""Newer exports in the adventureworks pack: what they correct, what they drop, and what is refused.

The files are small and made up here, with the flaws of the real ones: text money, days 4,017 early, ``.0000``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.adventureworks_figures import SHIFT
from tests.adventureworks_platform import PackPlatform

HEADERS = {
    "humanresources.department": "DepartmentID,Name,GroupName",
    "humanresources.employee": "BusinessEntityID,LoginID,OrganizationLevel,JobTitle,HireDate,CurrentFlag,BirthDate",
    "humanresources.employeedepartmenthistory": "BusinessEntityID,DepartmentID,ShiftID,StartDate,EndDate",
    "production.location": "LocationID,Name",
    "production.product": "ProductID,Name,ProductNumber,MakeFlag,FinishedGoodsFlag,SafetyStockLevel,StandardCost,"
    "ProductSubcategoryID",
    "production.productcosthistory": "ProductID,StartDate,EndDate,StandardCost",
    "production.productinventory": "ProductID,LocationID,Quantity,ModifiedDate",
    "production.productsubcategory": "ProductSubcategoryID,Name",
    "production.transactionhistory": "TransactionID,ProductID,ReferenceOrderID,ReferenceOrderLineID,TransactionDate,"
    "TransactionType,Quantity,ActualCost",
    "purchasing.purchaseorderdetail": "PurchaseOrderID,PurchaseOrderDetailID,DueDate,OrderQty,ProductID,UnitPrice,"
    "ReceivedQty,RejectedQty,StockedQty",
    "purchasing.purchaseorderheader": "PurchaseOrderID,Status,EmployeeID,VendorID,OrderDate,ShipDate",
    "purchasing.vendor": "BusinessEntityID,AccountNumber,Name,CreditRating,PreferredVendorStatus,ActiveFlag",
}
METRICS = ["+metric_supplier_reject_rate", "+metric_purchasing_short_received_lines", "+metric_products_without_stock",
           "+metric_products_below_safety_stock", "+metric_sales_gross_margin"]  # fmt: skip


def export(landing: Path, table: str, *rows: str, on: str = "") -> None:
    """Write one export; ``on`` is the day in the file's name."""
    name = f"{table}_{on}.csv" if on else f"{table}.csv"
    with (landing / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADERS[table].split(","))
        writer.writerows(row.split("|") for row in rows)


def early(day: str) -> str:
    """The day as the truncated transaction history writes it."""
    return f"{date.fromisoformat(day) - SHIFT:%d-%m-%Y}"


@pytest.fixture
def pack(tmp_path: Path) -> Iterator[PackPlatform]:
    landing = tmp_path / "landing"
    landing.mkdir()
    export(landing, "humanresources.department", "1|Purchasing|Inventory Management")
    export(landing, "humanresources.employee", r"7|adventure-works\ann0||Buyer|2010-01-01|1|1970-01-01")
    export(landing, "humanresources.employeedepartmenthistory", "7|1|1|2010-01-01|")
    export(landing, "production.location", "1|Tool Crib", "2|Paint Shop")
    export(landing, "production.productsubcategory", "5|Saddles")
    export(
        landing,
        "production.product",
        "1|Saddle|SA-1|0|1|100|7.5000|5",
        "2|Chain|CH-1|0|1|10|.0000|",
        "3|Fork|FO-1|1|0|10|.0000|",
    )
    export(landing, "production.productcosthistory", "1|2025-02-01||7.5000")
    export(landing, "production.productinventory", "1|1|60|2025-03-01", "1|2|40|2025-03-01", "2|1|5|2025-03-01")
    export(
        landing,
        "production.transactionhistory",
        f"1|1|11|0|{early('2025-01-10')}|S|2|$10.00 ",
        f"2|1|12|0|{early('2025-02-10')}|S|1|$1,000.00 ",
        f"3|1|13|0|{early('2025-02-10')}|W|1|$0.00 ",
    )
    export(landing, "purchasing.vendor", "91|V1|Vendor One|1|1|1", "92|V2|Vendor Two|2|0|1")
    export(
        landing, "purchasing.purchaseorderheader", "1|4|7|91|2025-02-01|2025-02-10", "2|4|7|92|2025-02-02|2025-02-11"
    )
    export(
        landing,
        "purchasing.purchaseorderdetail",
        "1|1|2025-02-15|10|1|2.0000|10.00|1.00|9.00",
        "1|2|2025-02-15|10|2|2.0000|10.00|.00|10.00",
        "2|3|2025-02-16|20|1|2.0000|20.00|2.00|18.00",
    )
    pack = PackPlatform(tmp_path / "home", landing)
    report = pack.ingest()
    assert (report.set_aside, report.rows_quarantined) == ((), 0)
    yield pack
    pack.close()


def figures(pack: PackPlatform) -> dict[str, tuple[Decimal, ...]]:
    def total(metric: str, *columns: str) -> tuple[Decimal, ...]:
        return pack.row(f"select {', '.join(f'sum({c})' for c in columns)} from metrics.{metric}")

    return {
        "rejects": total("metric_supplier_reject_rate", "numerator", "denominator"),
        "short": total("metric_purchasing_short_received_lines", "numerator", "denominator"),
        "no stock": total("metric_products_without_stock", "numerator", "denominator"),
        "low stock": total("metric_products_below_safety_stock", "numerator", "denominator"),
        "margin": total("metric_sales_gross_margin", "numerator", "denominator", "line_without_valid_cost"),
    }


def test_newer_exports_correct_figures_and_shorter_ones_are_set_aside(pack: PackPlatform) -> None:
    landing = pack.platform.settings.landing_dir
    pack.build(select=METRICS)
    assert figures(pack) == {
        "rejects": (3, 40),
        "short": (0, 3),
        "no stock": (1, 3),
        "low stock": (1, 2),
        "margin": (Decimal("992.5"), 1000, 1),
    }

    pack.clock.advance(timedelta(days=5))
    day = "2026-11-20"
    # Line 1 came short, line 2 fell due elsewhere, line 4 is new; line 3 is gone.
    export(
        landing,
        "purchasing.purchaseorderdetail",
        "1|1|2025-02-15|10|1|2.0000|8.00|1.00|7.00",
        "1|2|2025-02-18|10|2|2.0000|10.00|.00|10.00",
        "2|4|2025-02-19|20|1|2.0000|30.00|6.00|24.00",
        on=day,
    )
    # The span starts earlier, so that the first sale has a cost now; the span under the old key is gone.
    export(landing, "production.productcosthistory", "1|2025-01-01||8.0000", on=day)
    # One product more, which nobody stocks; the chain's row is gone and the fork has one.
    export(
        landing,
        "production.product",
        "1|Saddle, wide|SA-1|0|1|100|7.5000|5",
        "2|Chain|CH-1|0|1|10|.0000|",
        "3|Fork|FO-1|1|0|10|.0000|",
        "4|Bell|BE-1|0|1|10|.0000|",
        on=day,
    )
    export(
        landing,
        "production.productinventory",
        "1|1|60|2025-03-01",
        "1|2|39|2025-03-02",
        "3|1|10|2025-03-02",
        on=day,
    )
    report = pack.ingest()
    assert (report.set_aside, report.rows_quarantined) == ((), 0)
    pack.build(select=METRICS)
    assert figures(pack) == {
        "rejects": (7, 48),
        "short": (1, 3),
        "no stock": (2, 4),
        "low stock": (1, 2),
        "margin": (Decimal(4 + 992), 1020, 0),
    }
    assert pack.rows("select distinct item_label from metrics.metric_sales_gross_margin") == [("Saddle, wide",)]

    grown = pack.content(["metrics"])
    pack.build(select=METRICS, full_refresh=True)
    assert pack.content(["metrics"]) == grown

    pack.clock.advance(timedelta(days=5))
    export(landing, "purchasing.purchaseorderdetail", "1|1|2025-02-15|10|1|2.0000|8.00|1.00|7.00", on="2026-11-25")
    report = pack.ingest()
    assert [(file.table, file.reason) for file in report.set_aside] == [
        ("purchasing__purchaseorderdetail", "shorter_export")
    ]
    assert report.rows_loaded == 0


def test_rows_that_cannot_be_are_quarantined_with_the_rule(pack: PackPlatform) -> None:
    landing = pack.platform.settings.landing_dir
    pack.clock.advance(timedelta(days=5))
    export(
        landing,
        "purchasing.purchaseorderdetail",
        "1|1|2025-02-15|10|1|2.0000|10.00|11.00|-1.00",
        "1|2|2025-02-15|10|2|2.0000|10.00|1.00|10.00",
        "2|3|2025-02-16|20|1|2.0000|20.00|2.00|18.00",
        on="2026-11-20",
    )
    (batch,) = pack.ingest().batches
    assert (batch.rows_in, batch.rows_loaded, batch.rows_quarantined) == (3, 1, 2)
