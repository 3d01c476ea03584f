"""Incremental builds of all dongchen models end as one full build does, whatever comes late, moves or changes."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from resources.dbt import Dbt, NodeResult
from resources.packs import load_pack
from resources.settings import Settings
from tests.contract.dbt_raw_tables import RawTables, declared_tables

FIRST = date(2026, 1, 1)


class Company:
    """A tiny company that writes raw rows: five items, three suppliers, three customers, a few rows a day."""

    def __init__(self, raw: RawTables, seed: int) -> None:
        self.raw = raw
        self.random = random.Random(seed)
        self.items = {f"M-1000{n}": {"description": f"Item {n}", "standard_cost": Decimal(10 + n)} for n in range(5)}
        self.safety_stock = 1
        self.codes = {(system, f"{system}-{item}"): item for system in ("wms", "mes") for item in self.items}
        self.codes |= {("erp", item): item for item in self.items} | {("finance", "f-M-10001"): "M-10001"}
        self.suppliers = {f"V00000{n}": f"Supplier {n}" for n in range(3)}
        self.customers = {f"C000{n}": f"Customer {n}" for n in range(3)}

    def at(self, day: int, hour: int = 10) -> datetime:
        return datetime.combine(FIRST + timedelta(days=day), time(hour))

    def load_master(self) -> None:
        load = self.raw.load
        load(
            "erp__items",
            [
                {"item_no": no, "item_group": "g", "uom": "EA", "safety_stock": self.safety_stock, **item}
                for no, item in self.items.items()
            ],
        )
        load("erp__suppliers", [{"supplier_no": no, "name": name} for no, name in self.suppliers.items()])
        load("erp__customers", [{"customer_no": n, "name": t, "region": "North"} for n, t in self.customers.items()])
        load("erp__item_codes", [{"system": s, "code": c, "item_no": item} for (s, c), item in self.codes.items()])
        load(
            "erp__partner_codes",
            [
                *({"system": "wms", "kind": "supplier", "code": f"w{no}", "erp_no": no} for no in self.suppliers),
                *({"system": "crm", "kind": "customer", "code": f"a{no}", "erp_no": no} for no in self.customers),
            ],
        )

    def order_line(self, no: int, day: int, **changes: Any) -> dict[str, Any]:
        return {
            "order_no": f"SO{no:010d}",
            "line_no": 1,
            "customer_no": f"C000{no % 3}",
            "item_no": f"M-1000{no % 5}",
            "ordered_at": self.at(day),
            "quantity": 10,
            "unit_price": Decimal("99.5"),
            "currency": "CNY",
            "promised_date": FIRST + timedelta(days=day + 8),
            "status": "open",
            **changes,
        }

    def purchase_line(self, no: int, day: int, **changes: Any) -> dict[str, Any]:
        return {
            "po_no": f"PO{no:010d}",
            "line_no": 1,
            "supplier_no": f"V00000{no % 3}",
            "item_no": f"M-1000{no % 5}",
            "ordered_on": FIRST + timedelta(days=day),
            "due_date": FIRST + timedelta(days=day + 7),
            "quantity": 24,
            "unit_price": Decimal(3),
            "contract_price": Decimal(3),
            **changes,
        }

    def receipt(self, no: int, day: int, **changes: Any) -> dict[str, Any]:
        return {
            "receipt_no": f"GR{no}",
            "po_no": f"PO{no:010d}",
            "po_line_no": 1,
            "supplier_code": f"wV00000{no % 3}",
            "sku": f"wms-M-1000{no % 5}",
            "received_at": self.at(day),
            "quantity": 2,
            "uom": "DZ",
            "rejected_quantity": no % 2,
            **changes,
        }

    def cost(self, no: int, day: int, actual: int = 700) -> dict[str, Any]:
        key = {"order_no": f"SO{no:010d}", "line_no": 1, "booked_on": FIRST + timedelta(days=day)}
        return {**key, "standard_cost_amount": Decimal(690), "actual_cost_amount": Decimal(actual)}

    def freight(self, no: int, day: int, amount: int) -> dict[str, Any]:
        key = {"order_no": f"SO{no:010d}", "line_no": 1, "booked_on": FIRST + timedelta(days=day)}
        return {**key, "freight_no": f"FR{no}-{day}", "amount": Decimal(amount)}

    def rebate(self, no: int, day: int, amount: int) -> dict[str, Any]:
        key = {"order_no": f"SO{no:010d}", "line_no": 1, "booked_on": FIRST + timedelta(days=day)}
        return {**key, "rebate_no": f"RB{no}-{day}", "amount": Decimal(amount)}

    def delivery(self, no: int, day: int, quantity: int = 10) -> dict[str, Any]:
        return {
            "delivery_no": f"DN{no}",
            "order_no": f"SO{no:010d}",
            "line_no": 1,
            "sku": f"wms-M-1000{no % 5}",
            "shipped_at": self.at(day, 8),
            "delivered_at": self.at(day),
            "delivered_qty": quantity,
        }

    def run(self, no: int, day: int, **changes: Any) -> dict[str, Any]:
        return {
            "run_id": f"R{no}",
            "wo_no": f"WO{no}",
            "line_code": "L01",
            "item_code": f"mes-M-1000{no % 5}",
            "machine_time": self.at(day),
            "server_time": self.at(day),
            "planned_minutes": 480,
            "total_count": 900,
            "good_count": 880,
            "ideal_cycle_seconds": Decimal("24.06"),
            **changes,
        }

    def stop(self, no: int, run: int, day: int) -> dict[str, Any]:
        at = self.at(day)
        key = {"event_id": f"D{no}", "run_id": f"R{run}", "line_code": "L01", "machine_time": at, "server_time": at}
        return {**key, "minutes": 30, "reason": "jam"}

    def change(self, no: int, day: int, approved: int | None) -> dict[str, Any]:
        done = None if approved is None else self.at(approved, 12)
        key = {"change_no": f"CH{no}", "order_no": f"SO{no:010d}", "line_no": 1, "kind": "date"}
        return {**key, "requested_at": self.at(day), "approved_at": done}

    def booking(self, no: int, day: int, again: int = 0) -> dict[str, Any]:
        key = {"booking_id": f"BK{no}-{again}", "order_no": f"SO{no:010d}", "line_no": 1}
        amounts = {"revenue_amount": Decimal(1000), "cost_amount": Decimal(700), "freight_estimate": Decimal(no % 3)}
        return {**key, **amounts, "account_id": f"aC000{no % 3}", "product_code": "x", "booked_at": self.at(day)}

    def posting(self, no: int, day: int, material: int = 690) -> dict[str, Any]:
        key = {"entry_id": f"LE{no}", "order_no": f"SO{no:010d}", "line_no": 1, "posted_on": self.at(day).date()}
        return {**key, "revenue": Decimal(995), "material_cost": Decimal(material), "freight": 20, "rebate": 5}

    def parcel(self, no: int, day: int) -> dict[str, Any]:
        key = {"tracking_no": f"TR{no}", "delivery_no": f"DN{no}"}
        return {**key, "picked_up_at": self.at(day, 8), "delivered_at": self.at(day), "weight": 3, "weight_unit": "kg"}

    def balance(self, day: int, blocked: int = 0) -> dict[str, Any]:
        key = {"as_of_date": self.at(day).date(), "item_no": "M-10001", "warehouse": "WH"}
        return {**key, "quantity": 40 + day + blocked, "blocked_quantity": blocked}

    def ledger(self, day: int) -> dict[str, Any]:
        key = {"as_of_date": self.at(day).date(), "item_ref": "f-M-10001"}
        return {**key, "quantity": 40 + day, "value": Decimal(400), "returns_quantity": day % 2}

    def history(self, first: int, last: int) -> None:
        """Everything of the days ``first`` (inclusive) to ``last`` (exclusive): number n is the row of day n."""
        load, days = self.raw.load, range(first, last)
        load("erp__sales_order_lines", [self.order_line(d, d) for d in days])
        load("erp__order_costs", [self.cost(d, d + 1) for d in days if d % 4])
        load("erp__order_freight", [self.freight(d, d + 1, 20) for d in days if d % 3 == 0])
        load("erp__order_rebates", [self.rebate(d, d + 2, 5) for d in days if d % 5 == 0])
        load("erp__purchase_order_lines", [self.purchase_line(d, d) for d in days])
        load("wms__receipts", [self.receipt(d, d + 5 + d % 4) for d in days])
        load("wms__deliveries", [self.delivery(d, d + 6 + d % 4, 10 - d % 2) for d in days])
        load("mes__production_runs", [self.run(d, d) for d in days])
        load("mes__downtime_events", [self.stop(d, d, d) for d in days if d % 2])
        load("erp__order_changes", [self.change(d, d, d + 2 if d % 2 else None) for d in days])
        load(
            "mes__inspections",
            [
                {
                    "inspection_id": f"IN{d}",
                    "wo_no": f"WO{d}",
                    "item_code": f"mes-M-1000{d % 5}",
                    "inspected_at": self.at(d),
                    "inspected_qty": 100,
                    "first_pass_qty": 90 + d % 5,
                    "reworked_qty": d % 5,
                }
                for d in days
            ],
        )
        load(
            "finance__invoices",
            [
                {
                    "invoice_no": f"I{d}",
                    "order_no": f"SO{d:010d}",
                    "customer_ref": "x",
                    "invoiced_at": self.at(d + 3),
                    "amount": Decimal(995),
                    "due_date": FIRST + timedelta(days=d + 30),
                }
                for d in days
            ],
        )
        load("finance__payments", [self.payment(f"P{d}", d, d + 9, 995 if d % 3 else 500) for d in days])
        load(
            "wms__stock_counts",
            [
                {
                    "snapshot_date": FIRST + timedelta(days=d),
                    "sku": code,
                    "warehouse": "WH",
                    "on_hand_qty": self.random.randrange(100),
                }
                for d in days
                for (system, code) in self.codes
                if system == "wms"
            ],
        )
        load(
            "wms__stock_moves",
            [
                {
                    "move_id": f"MV{d}",
                    "sku": f"wms-M-1000{d % 5}",
                    "warehouse": "WH",
                    "moved_at": self.at(d),
                    "quantity": -3,
                    "move_type": "ship",
                }
                for d in days
            ],
        )
        load(
            "crm__satisfaction",
            [
                {"survey_id": f"S{d}", "account_id": f"aC000{d % 4}", "surveyed_at": self.at(d), "score": 1 + d % 10}
                for d in days
            ],
        )
        # What other departments state for the same orders, parcels and stock.
        load("crm__booked_orders", [self.booking(d, d) for d in days])
        load("finance__ledger_margin", [self.posting(d, d + 9) for d in days if d % 3])
        load("carrier__shipments", [self.parcel(d, d + 6 + d % 4) for d in days if d % 2])
        load("erp__stock_balances", [self.balance(d) for d in days])
        load("finance__stock_ledger", [self.ledger(d) for d in days])
        load(
            "npi__projects",
            [
                {
                    "project_code": f"NP{d}",
                    "product_name": "Pump",
                    "owner_login": "x",
                    "requested_at": self.at(d),
                    "approved_at": self.at(d + 3, 15),
                    "stage": "approved",
                }
                for d in days
                if d % 5 == 0
            ],
        )

    def payment(self, payment_id: str, invoice: int, day: int, amount: int) -> dict[str, Any]:
        key = {"payment_id": payment_id, "invoice_no": f"I{invoice}"}
        return {**key, "paid_at": self.at(day), "amount": Decimal(amount)}

    def parents_missing(self) -> None:
        """Children whose parents come later, and rows with a code that no crosswalk knows yet."""
        load = self.raw.load
        load("erp__order_costs", [self.cost(900, 12)])
        load("wms__receipts", [self.receipt(900, 12), self.receipt(6, 14, receipt_no="GRX", sku="wms-new")])
        load("mes__downtime_events", [self.stop(900, 900, 11)])
        load("finance__payments", [self.payment("P900", 900, 14, 995)])
        load(
            "wms__stock_counts",
            [{"snapshot_date": FIRST + timedelta(days=11), "sku": "wms-new", "warehouse": "WH", "on_hand_qty": 7}],
        )

    def corrections(self) -> None:
        """Rows that move to another day, empty a day, cease to count, or come late for an old day."""
        load = self.raw.load
        load("erp__order_freight", [self.freight(2, 19, 33), self.freight(3, 4, 21)])
        load("erp__order_costs", [self.cost(4, 19), self.cost(5, 18, 650)])
        load("erp__sales_order_lines", [self.order_line(7, 7, status="cancelled")])
        load("erp__sales_order_lines", [self.order_line(8, 8, promised_date=FIRST + timedelta(days=3))])
        load("wms__receipts", [self.receipt(2, 40), self.receipt(9, 30, rejected_quantity=2)])
        load("erp__purchase_order_lines", [self.purchase_line(3, 3, due_date=FIRST + timedelta(days=60))])
        load("wms__deliveries", [self.delivery(1, 30), self.delivery(6, 7)])
        load("mes__production_runs", [self.run(5, 5, machine_time=self.at(70), server_time=self.at(70))])
        load("mes__downtime_events", [self.stop(700, 2, 2)])
        load("erp__order_changes", [self.change(1, 1, 33), self.change(2, 2, 20)])
        load("finance__payments", [self.payment("P1", 1, 44, 995), self.payment("P3b", 3, 45, 495)])
        load("crm__booked_orders", [self.booking(2, 3, again=1), self.booking(4, 30)])
        load("finance__ledger_margin", [self.posting(2, 44, 600)])
        load("carrier__shipments", [self.parcel(1, 30), self.parcel(5, 7)])
        load("erp__stock_balances", [self.balance(3, 12)])
        load("crm__satisfaction", [{"survey_id": "S2", "account_id": "aC0000", "surveyed_at": self.at(50), "score": 9}])

    def parents_arrive_and_masters_change(self) -> None:
        """The missing parents; codes that appear, vanish and change their meaning; new labels and costs."""
        load = self.raw.load
        load("erp__sales_order_lines", [self.order_line(900, 6)])
        load("erp__purchase_order_lines", [self.purchase_line(900, 6)])
        load("mes__production_runs", [self.run(900, 11)])
        load(
            "finance__invoices",
            [
                {
                    "invoice_no": "I900",
                    "order_no": f"SO{900:010d}",
                    "customer_ref": "x",
                    "invoiced_at": self.at(12),
                    "amount": Decimal(995),
                    "due_date": FIRST,
                }
            ],
        )
        self.codes[("wms", "wms-new")] = "M-10001"
        self.codes[("wms", "wms-M-10002")] = "M-10003"
        del self.codes[("wms", "wms-M-10004")]
        self.items["M-10000"]["standard_cost"] = Decimal(77)
        self.items["M-10001"]["description"] = "Renamed item"
        self.suppliers["V000001"] = "Renamed supplier"
        del self.customers["C0002"]
        self.load_master()


@pytest.fixture
def settings(tmp_path: Path, empty_home: Path) -> Settings:
    """A state folder without a warehouse; the project was parsed in it before, which takes as long as a build."""
    settings = Settings(home=tmp_path)
    shutil.copytree(empty_home / settings.dbt_target_dir.relative_to(tmp_path), settings.dbt_target_dir)
    return settings


@pytest.fixture
def dbt(settings: Settings) -> Dbt:
    return Dbt(settings, load_pack("dongchen"))


@pytest.fixture
def company(settings: Settings) -> Company:
    return Company(RawTables(settings.warehouse_path, declared_tables("dongchen", "trueloop")), seed=7)


def built(results: list[NodeResult]) -> None:
    assert [(r.unique_id, r.message) for r in results if r.status not in {"success", "pass"}] == []


def contents(warehouse: Path) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """Every conformed, metric and claim table, sorted, without batch numbers or members that left the source."""
    with duckdb.connect(str(warehouse)) as connection:
        tables = connection.execute(
            "select table_schema, table_name, list(column_name order by ordinal_position) "
            "from information_schema.columns where table_schema in ('conformed', 'metrics', 'claims') "
            "group by all order by all"
        ).fetchall()
        for schema, name, columns in tables:
            shown = ", ".join(column for column in columns if not column.endswith("_seq"))
            where = "where is_current" if "is_current" in columns else ""
            yield (
                f"{schema}.{name}",
                connection.execute(f"select {shown} from {schema}.{name} {where} order by all").fetchall(),
            )


def test_incremental_builds_end_as_a_full_build(settings: Settings, dbt: Dbt, company: Company) -> None:
    warehouse = settings.warehouse_path
    quick = ["config.materialized:view"]
    company.load_master()
    company.history(0, 10)
    built(dbt.build(tests=False))

    company.history(10, 14)
    company.parents_missing()
    company.corrections()
    built(dbt.build(exclude=quick, tests=False))
    with duckdb.connect(str(warehouse)) as connection:
        held_back = {row[0] for row in connection.execute("select key_text from conformed.unmatched_rows").fetchall()}
        unknown = {row[0] for row in connection.execute("select code from conformed.unmatched_codes").fetchall()}
    assert {"receipt_no=GR900", "event_id=D900", "payment_id=P900"} <= held_back
    assert "wms-new" in unknown

    company.parents_arrive_and_masters_change()
    company.history(14, 16)
    built(dbt.build(exclude=quick, tests=False))

    company.safety_stock += 1
    company.load_master()  # the monthly export again: other batches, the same members but for planned stock
    before = marks(warehouse)
    built(dbt.build(exclude=quick, tests=False))
    assert marks(warehouse) == before, "a refresh without news rewrote facts or metrics"
    step_by_step = dict(contents(warehouse))

    built(dbt.build(exclude=quick, tests=False, full_refresh=True))
    at_once = dict(contents(warehouse))
    assert step_by_step.keys() == at_once.keys()
    for table, rows in at_once.items():
        assert step_by_step[table] == rows, table
    # Nothing of the platform itself and of hr is loaded here.
    own = ("case", "sla", "report", "consistency", "absence", "approvals", "workload", "step_")
    empty = {table for table, rows in at_once.items() if not rows and table.startswith(("metrics.", "claims."))}
    assert not {table for table in empty if not any(word in table for word in own)}, empty
    assert not [row for row in at_once["conformed.unmatched_rows"] if "900" in row[2]]


def marks(warehouse: Path) -> dict[str, tuple[Any, ...]]:
    """What an insert would change in a fact or metric: where its rows physically lie.

    Metrics on the products' master data are left out: planned stock is theirs to follow.
    """
    with duckdb.connect(str(warehouse)) as connection:
        names = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables "
            "where (table_schema in ('metrics', 'claims') or starts_with(table_name, 'fct_')) "
            "and not starts_with(table_name, 'metric_products_') "
            "and table_name <> 'metric_purchasing_short_received_lines' order by 1"
        ).fetchall()
        measure = "select count(*), min(rowid), max(rowid), max(_batch_seq) from "
        return {name: connection.execute(measure + name).fetchone() or () for (name,) in names}
