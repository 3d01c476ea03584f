"""What must hold for every seed: same bytes, healthy figures, the story, the disputes, the faults at their places."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops_assets.dongchen.faults import KINDS
from ops_assets.dongchen.generate import generate

ROOT = Path(__file__).resolve().parents[2]


def examples(request: pytest.FixtureRequest, few: int, many: int) -> settings:
    """Bounded here, full with --soak; the count is printed."""
    count = many if request.config.getoption("--soak") else few
    print(f"{request.node.name}: {count} histories")
    return settings(max_examples=count, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


SEEDS = st.integers(0, 10_000)
SCALES = st.sampled_from([0.02, 0.03, 0.05])
DAYS = st.integers(100, 125)
LAST_DAYS = st.dates(date(2025, 3, 1), date(2027, 3, 1))

HEALTHY = {
    "metric_order_gross_margin": (8, 20),
    "metric_order_to_cash_days": (25, 45),
    "metric_on_time_in_full": (85, 99),
    "metric_line_oee": (70, 82),
    "metric_line_availability": (83, 94),
    "metric_line_performance": (83, 95),
    "metric_line_quality": (94, 99),
    "metric_production_rework_rate": (2, 6),
    "metric_production_first_pass_yield": (92, 97),
    "metric_inventory_turns": (5, 20),
    "metric_supplier_on_time_rate": (85, 97),
    "metric_supplier_reject_rate": (0, 2),
    "metric_order_change_cycle_time": (0, 5),
    "metric_product_approval_time": (2, 12),
    "metric_customer_satisfaction": (5, 9),
}


def make(folder: Path, **arguments: Any) -> dict[str, Any]:
    generate(folder / "landing", folder / "truth.json", **arguments)
    truth: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    return truth


def digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            total.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return total.hexdigest()


def test_every_history_is_healthy_and_has_its_story_and_its_faults(request: pytest.FixtureRequest) -> None:
    @examples(request, 6, 300)
    @given(seed=SEEDS, scale=SCALES, days=DAYS, until=LAST_DAYS)
    def holds(seed: int, scale: float, days: int, until: date) -> None:
        with tempfile.TemporaryDirectory() as name:
            _check_history(Path(name), seed, scale, days, until)

    holds()


def _check_history(folder: Path, seed: int, scale: float, days: int, until: date) -> None:
    truth = make(folder, seed=seed, scale=scale, days=days, until=until, faults="all")
    landing = folder / "landing"
    assert truth["breaches"] == []
    for metric, (low, high) in HEALTHY.items():
        for which in ("clean", "publish"):
            assert low <= Fraction(truth["metrics"][metric][which]["value"]) <= high, (metric, which)
    _check_story(landing, truth, until)
    _check_margins(landing, truth["disputes"]["order"])
    _check_stock(landing, truth["disputes"]["item"], until)
    assert truth["faults_not_planted"] == []
    assert {fault["kind"] for fault in truth["faults"]} == set(KINDS)
    for fault in truth["faults"]:
        _check_place(landing, fault)


def _check_story(landing: Path, truth: dict[str, Any], until: date) -> None:
    story = truth["story"]
    subject = truth["metrics"]["metric_supplier_on_time_rate"]["subjects"]["supplier"][story["supplier_no"]]
    assert subject == story["before"]
    on_time, lines = int(subject["numerator"]), int(subject["denominator"])
    assert lines >= 20
    assert Fraction(on_time, lines) >= Fraction(4, 5) > Fraction(on_time, lines + 1)
    assert story["after"]["denominator"] == str(lines + 1)
    row = story["event"]["row"]
    assert until - timedelta(days=90) < date.fromisoformat(story["due_date"]) < until
    assert date.fromisoformat(row["received_at"][:10]) > date.fromisoformat(story["due_date"])
    ordered = {(r["po_no"], r["line_no"]): r for r in _rows(landing, "erp/purchase_order_lines")}
    line = ordered[row["po_no"], str(row["po_line_no"])]
    assert (line["supplier_no"], line["quantity"]) == (story["supplier_no"], str(row["quantity"]))
    assert not any(r["po_no"] == row["po_no"] for r in _rows(landing, "wms/receipts"))
    codes = {(r["system"], r["code"]) for r in _rows(landing, "erp/partner_codes") + _rows(landing, "erp/item_codes")}
    assert {("wms", row["supplier_code"]), ("wms", row["sku"])} <= codes


def _check_margins(landing: Path, order: dict[str, Any]) -> None:
    def mine(table: str) -> list[dict[str, str]]:
        return [row for row in _rows(landing, table) if row["order_no"] == order["order_no"]]

    posted = mine("finance/ledger_margin")
    revenue = sum(Fraction(row["revenue"]) for row in posted)
    costs = sum(Fraction(row[name]) for row in posted for name in ("material_cost", "freight", "rebate"))
    assert (revenue - costs) / revenue == Fraction(124, 1000)
    booked = mine("crm/booked_orders")
    revenue = sum(Fraction(row["revenue_amount"]) for row in booked)
    assert (revenue - sum(Fraction(row["cost_amount"]) for row in booked)) / revenue == Fraction(109, 1000)
    once = {row["line_no"]: row for row in booked}.values()
    estimated = sum(Fraction(row["freight_estimate"]) for row in once)
    standard = sum(Fraction(row["cost_amount"]) for row in once) - estimated
    actual = sum(Fraction(row["material_cost"]) for row in posted)
    causes = order["causes"]
    assert estimated == Fraction(causes["freight_estimated"])
    assert standard - actual == Fraction(causes["standard_instead_of_actual_cost"])
    assert sum(Fraction(row["freight"]) for row in posted) == Fraction(causes["freight_booked"])
    assert sum(Fraction(row["rebate"]) for row in posted) == Fraction(causes["rebate_only_in_finance"])
    ordered = mine("erp/sales_order_lines")
    assert sum(int(row["quantity"]) * Fraction(row["unit_price"]) for row in ordered) == 1_000_000
    assert [row["line_no"] for row in booked] == ["1", "2", "3", "3"]


def _check_stock(landing: Path, item: dict[str, Any], until: date) -> None:
    day = until.isoformat()
    found = (
        sum(int(r["on_hand_qty"]) for r in _rows(landing, f"wms/stock_counts_{day}") if r["sku"] == item["sku"]),
        sum(int(r["quantity"]) for r in _rows(landing, f"erp/stock_balances_{day}") if r["item_no"] == item["item_no"]),
        sum(
            int(r["quantity"])
            for r in _rows(landing, f"finance/stock_ledger_{day}")
            if r["item_ref"] == item["item_ref"]
        ),
    )
    assert found == (item["wms"], item["erp"], item["finance"])
    assert len(set(found)) == 3
    blocked = {
        r["item_no"]: int(r["blocked_quantity"])
        for r in _rows(landing, f"erp/stock_balances_{day}")
        if r["blocked_quantity"] != "0"
    }
    returned = {
        r["item_ref"]: int(r["returns_quantity"])
        for r in _rows(landing, f"finance/stock_ledger_{day}")
        if r["returns_quantity"] != "0"
    }
    assert blocked == {item["item_no"]: found[1] - found[0]}
    assert returned == {item["item_ref"]: found[2] - found[0]}


def _check_place(landing: Path, fault: dict[str, Any]) -> None:
    path = landing / fault["file"]
    assert path.exists(), fault
    assert fault["outcome"] in {"repaired", "quarantined", "held_back", "set_aside"}
    assert (fault["line"] is None) == (fault["key"] is None), fault
    if fault["line"] is None or path.suffix == ".parquet":
        return
    lines = path.read_text().splitlines()
    text = lines[fault["line"] - 1]
    if path.suffix == ".csv":
        row = dict(zip(lines[0].split(","), text.split(","), strict=True))
    else:
        row = {name: None if value is None else str(value) for name, value in json.loads(text).items()}
    for column, value in fault["key"].items():
        assert (row[column] or None) == value, fault


def _rows(landing: Path, table: str) -> list[dict[str, str]]:
    found = []
    for path in sorted(landing.glob(f"{table}_*.csv" if "_20" not in table else f"{table}.csv")):
        if b"\x00" not in path.read_bytes() and "_resent" not in path.name:
            with path.open(newline="") as stream:
                found += list(csv.DictReader(stream))
    return found


def test_same_arguments_give_the_same_bytes(request: pytest.FixtureRequest) -> None:
    @examples(request, 3, 30)
    @given(seed=SEEDS, days=DAYS, faults=st.sampled_from(["all", "none"]))
    def holds(seed: int, days: int, faults: str) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for copy in ("a", "b"):
                make(folder / copy, seed=seed, scale=0.02, days=days, until=date(2026, 11, 21), faults=faults)
            assert digest(folder / "a") == digest(folder / "b")

    holds()


def test_bytes_do_not_depend_on_the_process(tmp_path: Path) -> None:
    digests = set()
    for hash_seed in ("1", "2"):
        folder = tmp_path / hash_seed
        command = [sys.executable, "-m", "ops_assets.dongchen", "--landing", str(folder / "landing")]
        command += ["--truth", str(folder / "truth.json"), "--scale", "0.02", "--days", "100", "--until", "2026-11-21"]
        subprocess.run(
            command, cwd=ROOT, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": hash_seed}
        )
        digests.add(digest(folder))
    assert len(digests) == 1


def test_another_seed_gives_another_company(tmp_path: Path) -> None:
    for seed in (1, 2):
        generate(tmp_path / str(seed), None, seed=seed, scale=0.02, days=60, until=date(2026, 11, 21), faults="none")
    assert digest(tmp_path / "1") != digest(tmp_path / "2")
