"""The truth file against a slow, independent reading of the exported files.

The reader below knows the rules of the source pack, not the generator: it takes the files in the order of arrival,
applies the landing rules in plain Python, and computes every metric with fractions.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ops_assets.dongchen.generate import generate

UNTIL = date(2026, 11, 21)
KEYS = {
    "erp.sales_order_lines": ("order_no", "line_no"),
    "erp.order_costs": ("order_no", "line_no"),
    "erp.order_freight": ("freight_no",),
    "erp.order_rebates": ("rebate_no",),
    "erp.order_changes": ("change_no",),
    "erp.purchase_order_lines": ("po_no", "line_no"),
    "erp.stock_balances": ("as_of_date", "item_no", "warehouse"),
    "erp.items": ("item_no",),
    "erp.item_codes": ("system", "code"),
    "erp.partner_codes": ("system", "kind", "code"),
    "mes.work_orders": ("wo_no",),
    "mes.production_runs": ("run_id",),
    "mes.downtime_events": ("event_id",),
    "mes.inspections": ("inspection_id",),
    "wms.receipts": ("receipt_no",),
    "wms.stock_moves": ("move_id",),
    "wms.stock_counts": ("snapshot_date", "sku", "warehouse"),
    "wms.deliveries": ("delivery_no",),
    "crm.quotes": ("quote_no",),
    "crm.booked_orders": ("booking_id",),
    "crm.satisfaction": ("survey_id",),
    "finance.invoices": ("invoice_no",),
    "finance.payments": ("payment_id",),
    "finance.ledger_margin": ("entry_id",),
    "finance.stock_ledger": ("as_of_date", "item_ref"),
    "hr.absences": ("absence_id",),
    "hr.employees": ("employee_no",),
    "hr.departments": ("department_code",),
    "hr.employee_roles": ("employee_no", "role"),
    "erp.suppliers": ("supplier_no",),
    "erp.customers": ("customer_no",),
    "qclab.lab_results": ("result_id",),
    "carrier.shipments": ("tracking_no",),
    "npi.projects": ("project_code",),
}
IMMUTABLE = {
    "erp.sales_order_lines": ("customer_no", "ordered_at"),
    "erp.purchase_order_lines": ("supplier_no", "ordered_on"),
}
FULL = {"wms.stock_counts", "erp.stock_balances", "finance.stock_ledger"}
Row = dict[str, str]


@dataclass
class Reading:
    """What a landing folder holds once every rule is applied, and what was found on the way."""

    rows: dict[str, dict[tuple[str, ...], Row]] = field(default_factory=lambda: defaultdict(dict))
    found: set[tuple[str, str, int | None]] = field(default_factory=set)
    late: set[str] = field(default_factory=set)

    def all(self, table: str) -> list[Row]:
        return list(self.rows[table].values())


def _parse(path: Path) -> list[Row]:
    if path.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8"), newline="")))
    if path.suffix == ".jsonl":
        texts = path.read_bytes().decode("utf-8").splitlines()
        return [{k: "" if v is None else str(v) for k, v in json.loads(text).items()} for text in texts]
    return [{k: "" if v is None else str(v) for k, v in row.items()} for row in pq.read_table(path).to_pylist()]


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _broken(table: str, row: Row) -> str | None:
    if any(not row[name] for name in KEYS[table]):
        return "not_null"
    for name, text in row.items():
        if text and name.endswith(("_at", "_on", "_date", "_time", "planned_start")) and not _is_time(text):
            return "valid_timestamp"
    if table == "wms.stock_counts" and int(row["on_hand_qty"]) < 0:
        return "min"
    if table == "wms.deliveries" and row["delivered_at"] < row["shipped_at"]:
        return "delivered_after_shipped"
    if table == "erp.purchase_order_lines" and Fraction(row["unit_price"]) > 20 * Fraction(row["contract_price"]):
        return "unit_price_plausible"
    return None


def read(landing: Path) -> Reading:
    reading = Reading()
    manifest = landing / "_arrivals.jsonl"
    arrivals = {}
    if manifest.exists():
        arrivals = {e["file"]: e["arrived_on"] for e in map(json.loads, manifest.read_text().splitlines())}
    files = []
    for path in landing.glob("*/*.*"):
        name = str(path.relative_to(landing))
        day = next(part[:10] for part in path.stem.split("_") if part[:2] == "20")
        arrived = arrivals.get(name, day)
        if date.fromisoformat(arrived) > date.fromisoformat(day) + timedelta(days=2):
            reading.late.add(name)
        files.append((arrived, path.name, name, path, day))
    contents: dict[str, set[bytes]] = defaultdict(set)
    size: dict[str, int] = {}
    for _, _, name, path, _day in sorted(files):
        table = f"{path.parent.name}.{path.stem.split('_20')[0]}"
        try:
            rows = _parse(path)
        except (ValueError, csv.Error):  # bad UTF-8, bad JSON, bad Parquet
            reading.found.add(("unparseable", name, None))
            continue
        if path.read_bytes() in contents[table]:
            reading.found.add(("duplicate_export", name, None))
            continue
        if table in FULL and len(rows) < size.get(table, 0):
            reading.found.add(("shorter_export", name, None))
            continue
        if rows and all("/" in row.get("surveyed_at", row.get("inspected_at", "")) for row in rows):
            reading.found.add(("date_format_changed", name, None))
            continue
        contents[table].add(path.read_bytes())
        size[table] = len(rows)
        for line, row in enumerate(rows, start=2 if path.suffix == ".csv" else 1):
            rule = _broken(table, row)
            key = tuple(row[column] for column in KEYS[table])
            known = reading.rows[table].get(key)
            if rule is None and known == row:
                rule = None if table in {"erp.items"} else "duplicate_row"
            if rule is None and known and any(known[c] != row[c] for c in IMMUTABLE.get(table, ())):
                rule = "id_reused"
            if rule is None:
                reading.rows[table][key] = row
            else:
                reading.found.add((rule, name, line))
    return reading


PARENTS = {
    "erp.order_costs": (("order_no", "line_no"), "erp.sales_order_lines"),
    "erp.order_freight": (("order_no", "line_no"), "erp.sales_order_lines"),
    "erp.order_rebates": (("order_no", "line_no"), "erp.sales_order_lines"),
    "erp.order_changes": (("order_no", "line_no"), "erp.sales_order_lines"),
    "wms.deliveries": (("order_no", "line_no"), "erp.sales_order_lines"),
    "crm.booked_orders": (("order_no", "line_no"), "erp.sales_order_lines"),
    "finance.ledger_margin": (("order_no", "line_no"), "erp.sales_order_lines"),
    "finance.payments": (("invoice_no",), "finance.invoices"),
    "wms.receipts": (("po_no", "po_line_no"), "erp.purchase_order_lines"),
    "mes.downtime_events": (("run_id",), "mes.production_runs"),
    "mes.production_runs": (("wo_no",), "mes.work_orders"),
    "mes.inspections": (("wo_no",), "mes.work_orders"),
    "qclab.lab_results": (("receipt_no",), "wms.receipts"),
    "carrier.shipments": (("delivery_no",), "wms.deliveries"),
}
CODES = {
    "wms.receipts": (("wms", "sku"),),
    "wms.stock_moves": (("wms", "sku"),),
    "wms.stock_counts": (("wms", "sku"),),
    "wms.deliveries": (("wms", "sku"),),
    "mes.production_runs": (("mes", "item_code"),),
    "mes.work_orders": (("mes", "item_code"),),
    "mes.inspections": (("mes", "item_code"),),
    "crm.quotes": (("crm", "product_code"),),
    "crm.booked_orders": (("crm", "product_code"),),
    "finance.stock_ledger": (("finance", "item_ref"),),
    "qclab.lab_results": (("qclab", "material_code"),),
}


def orphans(reading: Reading) -> set[tuple[str, tuple[str, ...]]]:
    return {
        (table, key)
        for table, (columns, parent) in PARENTS.items()
        for key, row in reading.rows[table].items()
        if tuple(row[column] for column in columns) not in reading.rows[parent]
    }


def unmatched(reading: Reading) -> set[tuple[str, str]]:
    known = {(row["system"], row["code"]) for row in reading.all("erp.item_codes")}
    return {
        (system, row[column])
        for table, pairs in CODES.items()
        for system, column in pairs
        for row in reading.all(table)
        if (system, row[column]) not in known
    }


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])


def _ea(row: Row, column: str) -> int:
    return int(row[column]) * (12 if row["uom"] == "DZ" else 1)


def _minutes(row: Row) -> Fraction:
    taken = datetime.fromisoformat(row["approved_at"]) - datetime.fromisoformat(row["requested_at"])
    return Fraction(taken // timedelta(minutes=1))


Cells = list[tuple[date, Fraction, Fraction]]


def cells(reading: Reading) -> dict[str, Cells]:
    """(event day, numerator, denominator) of every metric, straight from the definitions."""
    lost = orphans(reading)
    rows = {
        table: [row for key, row in reading.rows[table].items() if (table, key) not in lost]
        for table in list(reading.rows)
    }
    one = Fraction(1)
    result: dict[str, Cells] = defaultdict(list)
    by_line: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    deducted: dict[tuple[str, ...], Fraction] = defaultdict(Fraction)
    for row in rows["wms.deliveries"]:
        by_line[row["order_no"], row["line_no"]].append(row)
    for row in rows["erp.order_freight"] + rows["erp.order_rebates"]:
        deducted[row["order_no"], row["line_no"]] += Fraction(row["amount"])
    ordered_on: dict[str, date] = {}
    for key, row in reading.rows["erp.sales_order_lines"].items():
        on = _day(row["ordered_at"])
        ordered_on[row["order_no"]] = min(on, ordered_on.get(row["order_no"], on))
        if row["status"] == "cancelled":
            continue
        promised = _day(row["promised_date"])
        arrived = sum(int(d["delivered_qty"]) for d in by_line[key] if _day(d["delivered_at"]) <= promised)
        result["metric_on_time_in_full"].append((promised, Fraction(int(arrived >= int(row["quantity"]))), one))
        cost = reading.rows["erp.order_costs"].get(key)
        if cost is not None:
            revenue = int(row["quantity"]) * Fraction(row["unit_price"])
            profit = revenue - Fraction(cost["actual_cost_amount"]) - deducted[key]
            result["metric_order_gross_margin"].append((on, profit, revenue))
    paid: dict[str, list[Row]] = defaultdict(list)
    for row in rows["finance.payments"]:
        paid[row["invoice_no"]].append(row)
    for row in rows["finance.invoices"]:
        payments = paid[row["invoice_no"]]
        if payments and sum(Fraction(p["amount"]) for p in payments) >= Fraction(row["amount"]):
            last = max(_day(p["paid_at"]) for p in payments)
            result["metric_order_to_cash_days"].append((last, Fraction((last - ordered_on[row["order_no"]]).days), one))
    stopped: dict[str, int] = defaultdict(int)
    for row in rows["mes.downtime_events"]:
        stopped[row["run_id"]] += int(row["minutes"])
    for row in rows["mes.production_runs"]:
        machine, server = (datetime.fromisoformat(row[c]) for c in ("machine_time", "server_time"))
        day = (server if abs(machine - server) > timedelta(minutes=5) else machine).date()
        planned, total, good = (Fraction(row[c]) for c in ("planned_minutes", "total_count", "good_count"))
        ran, cycle = planned - stopped[row["run_id"]], Fraction(row["ideal_cycle_seconds"]) / 60
        result["metric_line_oee"].append((day, good * cycle, planned))
        result["metric_line_availability"].append((day, ran, planned))
        result["metric_line_performance"].append((day, total * cycle, ran))
        result["metric_line_quality"].append((day, good, total))
    for row in rows["mes.inspections"]:
        day, inspected = _day(row["inspected_at"]), Fraction(row["inspected_qty"])
        result["metric_production_rework_rate"].append((day, Fraction(row["reworked_qty"]), inspected))
        result["metric_production_first_pass_yield"].append((day, Fraction(row["first_pass_qty"]), inspected))
    cost_of = {row["item_no"]: Fraction(row["standard_cost"]) for row in rows["erp.items"]}
    item_of = {row["code"]: row["item_no"] for row in rows["erp.item_codes"] if row["system"] == "wms"}
    for row in rows["wms.stock_counts"]:
        if row["sku"] in item_of:
            day, held = _day(row["snapshot_date"]), Fraction(row["on_hand_qty"])
            result["metric_inventory_on_hand"].append((day, held, one))
            result["metric_inventory_turns"].append((day, Fraction(0), held * cost_of[item_of[row["sku"]]]))
    for row in rows["wms.stock_moves"]:
        if row["move_type"] == "ship":
            value = -365 * int(row["quantity"]) * cost_of[item_of[row["sku"]]]
            result["metric_inventory_turns"].append((_day(row["moved_at"]), Fraction(value), Fraction(0)))
    received: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows["wms.receipts"]:
        received[row["po_no"], row["po_line_no"]].append(row)
        rejected, quantity = Fraction(_ea(row, "rejected_quantity")), Fraction(_ea(row, "quantity"))
        result["metric_supplier_reject_rate"].append((_day(row["received_at"]), rejected, quantity))
    for key, row in reading.rows["erp.purchase_order_lines"].items():
        if received[key]:
            due = _day(row["due_date"])
            good_ea = sum(_ea(r, "quantity") for r in received[key] if _day(r["received_at"]) <= due)
            result["metric_supplier_on_time_rate"].append((due, Fraction(int(good_ea >= int(row["quantity"]))), one))
    for table, metric in (
        ("erp.order_changes", "metric_order_change_cycle_time"),
        ("npi.projects", "metric_product_approval_time"),
    ):
        for row in rows[table]:
            if row["approved_at"]:
                result[metric].append((_day(row["approved_at"]), _minutes(row), Fraction(1440)))
    for row in rows["crm.satisfaction"]:
        result["metric_customer_satisfaction"].append((_day(row["surveyed_at"]), Fraction(row["score"]), one))
    return result


def headline(cells_of_metric: Cells, window: int | None, latest: bool) -> tuple[Fraction, Fraction]:
    inside = [c for c in cells_of_metric if c[0] <= UNTIL and (window is None or c[0] > UNTIL - timedelta(days=window))]
    if latest:
        last = max(c[0] for c in inside)
        inside = [c for c in inside if c[0] == last]
    return sum((c[1] for c in inside), Fraction(0)), sum((c[2] for c in inside), Fraction(0))


def _check_figures(truth: dict[str, Any], reading: Reading, which: str) -> None:
    computed = cells(reading)
    assert set(computed) == set(truth["metrics"])
    for name, entry in truth["metrics"].items():
        latest = name == "metric_inventory_on_hand"
        numerator, denominator = headline(computed[name], entry["window_days"], latest)
        assert Fraction(entry[which]["numerator"]) == numerator, name
        assert Fraction(entry[which]["denominator"]) == denominator, name
        value = numerator if latest else numerator / denominator * (100 if entry["unit"] == "percent" else 1)
        assert abs(Fraction(entry[which]["value"]) - value) <= Fraction(1, 2 * 10 ** entry["decimals"]), name
        months: dict[str, Cells] = defaultdict(list)
        for cell in computed[name]:
            if cell[0] <= UNTIL:
                months[cell[0].isoformat()[:7]].append(cell)
        monthly = entry["monthly" if which == "publish" else "monthly_clean"]
        for month, inside in months.items():
            numerator, denominator = headline(inside, None, latest)
            if denominator:
                assert Fraction(monthly[month]["numerator"]) == numerator, (name, month)
                assert Fraction(monthly[month]["denominator"]) == denominator, (name, month)


@pytest.mark.parametrize("seed", [7, 8])
def test_clean_history_has_the_figures_of_the_truth_and_trips_no_rule(tmp_path: Path, seed: int) -> None:
    truth_file = tmp_path / "truth.json"
    generate(tmp_path / "landing", truth_file, seed=seed, scale=0.03, days=110, until=UNTIL, faults="none")
    truth, reading = json.loads(truth_file.read_text()), read(tmp_path / "landing")
    assert (reading.found, reading.late, orphans(reading), unmatched(reading)) == (set(), set(), set(), set())
    assert truth["faults"] == []
    _check_figures(truth, reading, "clean")
    _check_figures(truth, reading, "publish")


@pytest.mark.parametrize(("seed", "scale", "days"), [(7, 0.02, 120), (11, 0.05, 100), (3, 0.1, 200)])
def test_faulty_history_has_the_figures_to_publish_and_no_fault_but_the_listed(
    tmp_path: Path, seed: int, scale: float, days: int
) -> None:
    truth_file = tmp_path / "truth.json"
    generate(tmp_path / "landing", truth_file, seed=seed, scale=scale, days=days, until=UNTIL, faults="all")
    truth, reading = json.loads(truth_file.read_text()), read(tmp_path / "landing")
    listed = [fault for fault in truth["faults"] if fault["rule"]]
    by_rule = {fault["rule"] for fault in listed}
    assert {"late_file", "orphan_row", "unmatched_code"} <= by_rule
    elsewhere = ("late_file", "orphan_row", "unmatched_code")
    assert reading.found == {(f["rule"], f["file"], f["line"]) for f in listed if f["rule"] not in elsewhere}
    assert reading.late == {f["file"] for f in listed if f["rule"] == "late_file"}
    assert orphans(reading) == {
        (f"{f['system']}.{f['table']}", tuple(f["key"].values())) for f in listed if f["rule"] == "orphan_row"
    }
    assert unmatched(reading) == {(f["system"], f["code"]) for f in listed if f["rule"] == "unmatched_code"}
    _check_figures(truth, reading, "publish")
    changed = [name for name, entry in truth["metrics"].items() if entry["clean"] != entry["publish"]]
    assert len(changed) >= 4


def test_faults_change_nothing_of_the_clean_figures(tmp_path: Path) -> None:
    documents = []
    for faults in ("all", "none"):
        truth_file = tmp_path / f"{faults}.json"
        generate(tmp_path / faults, truth_file, seed=5, scale=0.02, days=100, until=UNTIL, faults=faults)
        documents.append(json.loads(truth_file.read_text()))
    for name, entry in documents[0]["metrics"].items():
        assert entry["clean"] == documents[1]["metrics"][name]["clean"], name
        assert entry["monthly_clean"] == documents[1]["metrics"][name]["monthly_clean"], name
