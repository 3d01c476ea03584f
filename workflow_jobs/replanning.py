"""Proposes a new order for the production that a supplier's late or rejected deliveries touch. Pure.

Open production on the items that the supplier delivers is moved behind the production that does not need them, line by
line, keeping each line's time slots: no slot is added, none is lost, and the order within each group stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """A work order that has not begun. ``planned_start`` is naive local time of the pack."""

    work_order_no: str
    line_code: str
    item_id: str
    quantity: str
    planned_start: datetime


def propose(supplier_id: str, items: Sequence[str], orders: Sequence[OpenOrder]) -> dict[str, Any]:
    """A proposal as plain JSON: which work orders move from which slot to which, per line; empty where nothing is
    open.
    """
    touched = set(items)
    moves: list[dict[str, str]] = []
    affected = 0
    for line in sorted({order.line_code for order in orders}):
        planned = sorted(
            (order for order in orders if order.line_code == line),
            key=lambda order: (order.planned_start, order.work_order_no),
        )
        waits = [order for order in planned if order.item_id in touched]
        affected += len(waits)
        new_order = [order for order in planned if order.item_id not in touched] + waits
        for slot, order in zip(planned, new_order, strict=True):
            if slot.work_order_no != order.work_order_no:
                moves.append(_move(order, slot.planned_start))
    summary = (
        f"{affected} open work orders need items of {supplier_id}; {len(moves)} work orders change their slot."
        if affected
        else f"No open production was found for the {len(touched)} items of {supplier_id}; nothing is to be replanned."
    )
    return {
        "supplier_id": supplier_id,
        "items": sorted(touched),
        "open_work_orders": len(orders),
        "affected_work_orders": affected,
        "moves": moves,
        "summary": summary,
    }


def _move(order: OpenOrder, to: datetime) -> dict[str, str]:
    return {
        "work_order_no": order.work_order_no,
        "line_code": order.line_code,
        "item_id": order.item_id,
        "quantity": order.quantity,
        "from": order.planned_start.isoformat(sep=" "),
        "to": to.isoformat(sep=" "),
    }


def as_json(proposal: Mapping[str, Any], *, snapshot_id: str, as_of: str) -> dict[str, Any]:
    """The proposal with the figures that it stands on."""
    return {**proposal, "snapshot_id": snapshot_id, "as_of": as_of}
