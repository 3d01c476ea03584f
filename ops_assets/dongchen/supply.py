"""The purchasing side: purchase-order lines, receipts, laboratory results; and the new-product projects.

Belongs here: everything that follows from a purchase order, and the project requests of engineering. Late lines are
spread evenly over each supplier's lines, so that no supplier falls under a threshold by chance. Prices are integer
ten-thousandths of CNY.
"""

from __future__ import annotations

from datetime import date, timedelta
from math import floor, sqrt
from random import Random

from ops_assets.dongchen.plan import Emit
from ops_assets.dongchen.tables import LEAF, NORMAL
from ops_assets.dongchen.timeline import moment, number, stream, workdays_until
from ops_assets.dongchen.world import Item, Supplier, World

CALL_OFF_DAYS = 170
"""A long-term call-off is due this many days after it is ordered, and delivered later than the history reaches."""
_PRODUCTS = ("Compact pump", "Hybrid drive", "Silent compressor", "Smart valve", "Micro actuator", "Rail guide")


def plan_purchases(world: World, day: int, emit: Emit) -> None:
    """Order from every supplier whose turn it is on a day, and decide when and how the goods arrive."""
    rng = stream(world.seed, "purchases", day)
    for index, supplier in enumerate(world.suppliers):
        phase = (index * 0.381966) % 1.0
        first = floor(workdays_until(day - 1) * supplier.lines_per_workday + phase)
        after = floor(workdays_until(day) * supplier.lines_per_workday + phase)
        for line_no, turn in enumerate(range(first, after), start=1):
            item = supplier.parts[turn % len(supplier.parts)]
            po_no = f"PO{number(day, index)}"
            quantity = 60 * (1 + int(rng.random() * 12))
            lead = supplier.lead_days + int(rng.random() * 5) - 2
            if turn % 18 == 7:
                plan_purchase_line(rng, supplier, item, po_no, line_no, day, day + CALL_OFF_DAYS, quantity, None, emit)
                continue
            block, position = divmod(turn, 20)
            late_places = stream(world.seed, f"late/{index}", block).sample(range(10), supplier.late_in_20)
            half = stream(world.seed, f"half/{index}", block).randrange(2)
            late = any(position == place + 10 * ((half + order) % 2) for order, place in enumerate(late_places))
            due = day + lead
            arrives = due + 1 + int(rng.random() * 5) if late else max(day + 2, due - int(rng.random() * 4))
            plan_purchase_line(rng, supplier, item, po_no, line_no, day, due, quantity, arrives, emit)


def plan_purchase_line(
    rng: Random,
    supplier: Supplier,
    item: Item,
    po_no: str,
    line_no: int,
    day: int,
    due: int,
    quantity: int,
    arrives: int | None,
    emit: Emit,
    *,
    mark: int | None = None,
    into_stock: bool = True,
) -> None:
    """One purchase-order line and its receipts. ``arrives`` None: nothing is received. ``quantity`` in EA."""
    contract = item.standard_cost * 95
    price = int(contract * (0.985 + 0.03 * rng.random()))
    line_mark = mark if mark is not None else (LEAF if arrives is None else NORMAL)
    emit(
        "erp.purchase_order_lines",
        moment(day, 32_400 + int(rng.random() * 28_000)),
        (
            po_no,
            line_no,
            supplier.erp,
            item.erp,
            date.fromordinal(day),
            date.fromordinal(due),
            quantity,
            price,
            contract,
        ),
        line_mark,
    )
    if arrives is None:
        return
    parts = [(arrives, quantity)]
    if quantity >= 240 and rng.random() < 0.12:
        first = quantity // 24 * 12
        parts = [(max(day + 2, min(arrives, due) - 2), first), (arrives, quantity - first)]
    for part, (on, units) in enumerate(parts, start=1):
        tag = f"{po_no[2:]}-{line_no:02d}-{part}"
        received_at = moment(on, 28_800 + int(rng.random() * 25_000))
        rejected = int(units * (0.01 + 0.045 * rng.random())) if rng.random() < 0.22 else 0
        tested = rng.random() < 0.6
        receipt_mark = mark if mark is not None else (NORMAL if tested else LEAF)
        receipt = (f"GR{tag}", po_no, line_no, supplier.wms, item.sku, received_at, units, "EA", rejected)
        emit("wms.receipts", received_at, receipt, receipt_mark)
        stored_at = received_at + timedelta(minutes=30)
        accepted = units - rejected
        emit(
            "wms.stock_moves",
            stored_at,
            (f"MR{tag}", item.sku, item.home, stored_at, accepted, "receipt", f"GR{tag}"),
        )
        if not into_stock:
            used_at = received_at + timedelta(minutes=90)
            emit(
                "wms.stock_moves",
                used_at,
                (f"MJ{tag}", item.sku, item.home, used_at, -accepted, "transfer", f"GR{tag}"),
            )
        if tested:
            _plan_lab(rng, supplier, item, tag, on, rejected > 0, emit)


def _plan_lab(rng: Random, supplier: Supplier, item: Item, tag: str, day: int, bad: bool, emit: Emit) -> None:
    for test, name in enumerate(("diameter", "thickness")[: 1 + int(rng.random() * 2)], start=1):
        sampled_at = moment(day, 54_000 + int(rng.random() * 20_000))
        nominal = 10 + item.number % 90
        value = round(nominal + (0.03 if bad else 0.0) + 0.02 * (rng.random() - 0.5), 4)
        row = (
            f"LR{tag}-{test}",
            f"GR{tag}",
            supplier.qclab,
            item.qclab,
            sampled_at,
            name,
            value,
            "mm",
            abs(value - nominal) <= 0.02,
        )
        emit("qclab.lab_results", sampled_at, row, LEAF)


def plan_projects(world: World, day: int, emit: Emit) -> None:
    """New-product projects asked for on a day; approval takes some days."""
    rng = stream(world.seed, "projects", day)
    owners = [person.login for person in world.people if person.department == "D12"]
    for sequence in range(int(0.22 * max(1.0, sqrt(world.scale)) + rng.random())):
        requested = moment(day, 32_400 + 60 * int(rng.random() * 500))
        approved = requested + timedelta(minutes=2_000 + int(rng.random() * 16_000))
        row = (
            f"NP{date.fromordinal(day):%Y%m%d}-{sequence + 1}",
            f"{_PRODUCTS[int(rng.random() * 6)]} {day % 1000}",
            owners[int(rng.random() * len(owners))],
            requested,
        )
        emit("npi.projects", requested, (*row, None, "review"))
        emit("npi.projects", approved, (*row, approved, "approved"))
