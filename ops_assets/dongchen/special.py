"""What is planted by hand: the disputed order, the disputed item, and the supplier of the story.

Belongs here: cases whose figures must come out exactly. They are anchored at the last day of the history, touch no
other row, and leave the stock of every evening as it was. Money is integer cents.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ops_assets.dongchen.plan import Emit
from ops_assets.dongchen.stock import DISPUTED_ERP, DISPUTED_FINANCE
from ops_assets.dongchen.supply import plan_purchase_line
from ops_assets.dongchen.tables import PROTECTED
from ops_assets.dongchen.timeline import RESERVED_NUMBER, moment, number, stream
from ops_assets.dongchen.world import World

DISPUTED_DAYS = 5
"""The last days of the history on which the three systems differ about the disputed item."""
STORY_WINDOW_LINES = 32
STORY_LATE_LINES = 6
SHORTEST_HISTORY = 45
"""Days of history below which the story has no room."""


@dataclass(frozen=True, slots=True)
class _DisputedLine:
    item: int
    quantity: int
    price: int
    actual: int
    freight: int
    rebate: int
    estimated_freight: int
    bookings: int


_DISPUTED_LINES = (
    _DisputedLine(0, 500, 10_000_000, 41_500_000, 900_000, 1_200_000, 820_000, 1),
    _DisputedLine(1, 250, 12_000_000, 25_800_000, 500_000, 500_000, 400_000, 1),
    _DisputedLine(2, 100, 20_000_000, 16_500_000, 400_000, 300_000, 300_000, 2),
)
"""Finance: (100,000,000 - 83,800,000 - 1,800,000 - 2,000,000) / 100,000,000 = 12.4 %.
Sales books line 3 twice and counts standard cost and estimated freight: 13,080,000 / 120,000,000 = 10.9 %."""


def plan_disputed_order(world: World, until: int, emit: Emit) -> dict[str, Any]:
    """Plant the disputed order; returns what truth.json says about it."""
    day, promised, delivered = until - 30, until - 20, until - 21
    digits = number(day, RESERVED_NUMBER)
    order_no = f"SO{digits}"
    customer = world.customers[0]
    ordered_at = moment(day, 36_000)
    for line_no, line in enumerate(_DISPUTED_LINES, start=1):
        item = world.project_items[line.item]
        tag = f"{digits}-{line_no:02d}"
        standard = item.standard_cost * line.quantity
        revenue = line.price * line.quantity // 100
        emit(
            "erp.sales_order_lines",
            ordered_at,
            (
                order_no,
                line_no,
                customer.erp,
                item.erp,
                ordered_at,
                line.quantity,
                line.price,
                "CNY",
                date.fromordinal(promised),
                "open",
            ),
            PROTECTED,
        )
        for booking in range(line.bookings):
            booked_at = ordered_at + timedelta(minutes=10 + 90 * booking)
            booking_id = f"BK{digits}-{line_no + 90 * booking:02d}"
            row = (
                booking_id,
                order_no,
                line_no,
                customer.crm,
                item.crm,
                booked_at,
                revenue,
                standard + line.estimated_freight,
                line.estimated_freight,
            )
            emit("crm.booked_orders", booked_at, row, PROTECTED)
        made_at, shipped_at, delivered_at = (
            moment(delivered - 2, 40_000),
            moment(delivered - 2, 50_000),
            moment(delivered, 40_000),
        )
        delivery_no = f"DN{tag}-1"
        emit(
            "wms.stock_moves",
            made_at,
            (f"MP{tag}", item.sku, item.home, made_at, line.quantity, "receipt", order_no),
            PROTECTED,
        )
        emit(
            "wms.stock_moves",
            shipped_at,
            (f"MS{tag}-1", item.sku, item.home, shipped_at, -line.quantity, "ship", delivery_no),
            PROTECTED,
        )
        emit(
            "wms.deliveries",
            delivered_at,
            (delivery_no, order_no, line_no, item.sku, shipped_at, delivered_at, line.quantity),
            PROTECTED,
        )
        emit(
            "erp.order_costs",
            moment(delivered - 2, 72_000),
            (order_no, line_no, standard, line.actual, date.fromordinal(delivered - 2)),
            PROTECTED,
        )
        for table, prefix, amount, on in (
            ("erp.order_freight", "FR", line.freight, delivered + 2),
            ("erp.order_rebates", "RB", line.rebate, delivered + 6),
        ):
            emit(
                table,
                moment(on, 61_000),
                (f"{prefix}{tag}", order_no, line_no, amount, date.fromordinal(on)),
                PROTECTED,
            )
        posted = delivered + 8
        emit(
            "finance.ledger_margin",
            moment(posted, 65_000),
            (f"LE{tag}", order_no, line_no, date.fromordinal(posted), revenue, line.actual, line.freight, line.rebate),
            PROTECTED,
        )
    invoiced_at = moment(delivered + 1, 40_000)
    total = sum(line.price * line.quantity // 100 for line in _DISPUTED_LINES)
    emit(
        "finance.invoices",
        invoiced_at,
        (f"INV{digits}", order_no, customer.finance, invoiced_at, total, date.fromordinal(delivered + 31)),
        PROTECTED,
    )
    paid_at = moment(delivered + 14, 45_000)
    emit("finance.payments", paid_at, (f"PAY{digits}-1", f"INV{digits}", paid_at, total), PROTECTED)
    return {
        "order_no": order_no,
        "ordered_on": date.fromordinal(day).isoformat(),
        "finance": {"revenue": "1000000.00", "profit": "124000.00", "margin_percent": "12.4"},
        "sales": {"revenue": "1200000.00", "profit": "130800.00", "margin_percent": "10.9"},
        "causes": {
            "counted_twice_in_sales": {
                "line_no": 3,
                "booking_id": f"BK{digits}-93",
                "revenue": "200000.00",
                "cost": "181000.00",
            },
            "standard_instead_of_actual_cost": "35000.00",
            "freight_estimated": "15200.00",
            "freight_booked": "18000.00",
            "rebate_only_in_finance": "20000.00",
        },
    }


def disputed_item_truth(world: World, until: int, counted: int) -> dict[str, Any]:
    """What truth.json says about the disputed item; ``counted`` is the warehouse's figure on the last day."""
    item = world.disputed_item
    return {
        "item_no": item.erp,
        "sku": item.sku,
        "item_ref": item.finance,
        "on": date.fromordinal(until).isoformat(),
        "warehouse": item.home,
        "wms": counted,
        "erp": counted + DISPUTED_ERP,
        "finance": counted + DISPUTED_FINANCE,
        "causes": {
            "erp": {"blocked_for_scrap_not_booked": DISPUTED_ERP},
            "finance": {"returns_credited_not_received": DISPUTED_FINANCE},
        },
    }


def plan_story(world: World, start: int, until: int, emit: Emit) -> dict[str, Any]:
    """Plant the supplier of the story; returns what truth.json says about it.

    32 of its lines fell due in the window and 6 of them came late: 26/32 = 0.8125. One more line is overdue and not
    received; with a receipt for it the rate is 26/33 = 0.7879, below 0.80. None of its lines is due in the first
    ten days of the window or in the days around ``until``, so that the figures hold for a few days more.
    """
    supplier, item = world.story_supplier, world.story_item
    rng = stream(world.seed, "story", 0)
    lead = 12

    def line(sequence: int, due: int, late: int) -> str:
        po_no = f"PO{number(due - lead, RESERVED_NUMBER + sequence)}"
        arrives = due + late if late else due - sequence % 3
        quantity = 120 + 60 * (sequence % 5)
        plan_purchase_line(
            rng, supplier, item, po_no, 1, due - lead, due, quantity, arrives, emit, mark=PROTECTED, into_stock=False
        )
        return po_no

    first_due = max(start + lead, until - 78)
    span = until - 9 - first_due
    late_places = {STORY_WINDOW_LINES - 3 - 4 * place for place in range(STORY_LATE_LINES)}
    for sequence in range(STORY_WINDOW_LINES):
        due = first_due + span * sequence // (STORY_WINDOW_LINES - 1)
        line(sequence, due, 2 + sequence % 4 if sequence in late_places else 0)
    for sequence, due in enumerate(range(start + lead, until - 92, 3)):
        line(40 + sequence % 20, due, 2 if sequence % 12 == 5 else 0)
    due = until - 2
    po_no = f"PO{number(due - lead, RESERVED_NUMBER + 70)}"
    quantity = 360
    plan_purchase_line(rng, supplier, item, po_no, 1, due - lead, due, quantity, None, emit, mark=PROTECTED)
    on_time = STORY_WINDOW_LINES - STORY_LATE_LINES
    return {
        "supplier_no": supplier.erp,
        "supplier_code": supplier.wms,
        "supplier_label": supplier.name,
        "po_no": po_no,
        "line_no": 1,
        "quantity": quantity,
        "due_date": date.fromordinal(due).isoformat(),
        "before": {"numerator": str(on_time), "denominator": str(STORY_WINDOW_LINES), "value": "81.25"},
        "after": {"numerator": str(on_time), "denominator": str(STORY_WINDOW_LINES + 1), "value": "78.79"},
        "event": {
            "event_id": f"wms-GR{po_no[2:]}-01-1",
            "source": "wms",
            "table": "receipts",
            "row": {
                "receipt_no": f"GR{po_no[2:]}-01-1",
                "po_no": po_no,
                "po_line_no": 1,
                "supplier_code": supplier.wms,
                "sku": item.sku,
                "received_at": f"{date.fromordinal(until).isoformat()} 09:40:00",
                "quantity": quantity,
                "uom": "EA",
                "rejected_quantity": 0,
            },
        },
    }
