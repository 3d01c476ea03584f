"""The sales side: order lines, deliveries, costs, invoices, payments, bookings, quotes, surveys.

Belongs here: everything that follows from an order being placed on a day. Does not belong here: what the warehouse
holds. Money is integer cents, prices integer ten-thousandths of CNY.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from ops_assets.dongchen.plan import Emit
from ops_assets.dongchen.tables import LEAF, NORMAL
from ops_assets.dongchen.timeline import RESERVED_NUMBER, drift, moment, number, order_pressure, stream
from ops_assets.dongchen.world import ITEM_SKEW, ORDER_LINES_PER_DAY, Customer, World

_LINES_PER_ORDER = (1, 1, 2, 2, 2, 3)
_MEAN_LINES = sum(_LINES_PER_ORDER) / len(_LINES_PER_ORDER)
_CHANGE_KINDS = ("quantity", "date", "configuration", "address")
_SCORES = (4, 6, 7, 7, 8, 8, 8, 9, 9, 10)


def cents(price: int, quantity: int) -> int:
    """Amount in cents of ``quantity`` at ``price`` ten-thousandths, rounded half up."""
    return (price * quantity + 50) // 100


def freight_estimate(revenue: int) -> int:
    """Freight in cents that sales puts down when it books an order line: 1.5 % of the revenue, whatever it will be."""
    return revenue * 15 // 1000


def plan_orders(world: World, day: int, emit: Emit) -> None:
    """Place the orders of a day and decide all that will happen to them."""
    rng = stream(world.seed, "orders", day)
    expected = ORDER_LINES_PER_DAY * world.scale * order_pressure(day) / _MEAN_LINES
    count = int(expected + rng.random())
    if count >= RESERVED_NUMBER:
        raise ValueError(f"{count} orders on one day are more than the order numbers allow; use a smaller scale")
    customers = world.customers
    for sequence in range(count):
        customer = customers[int(rng.random() ** 1.4 * len(customers))]
        _plan_order(world, rng, day, sequence, customer, emit)


def _plan_order(world: World, rng: Random, day: int, sequence: int, customer: Customer, emit: Emit) -> None:
    chance = rng.random
    digits = number(day, sequence)
    order_no = f"SO{digits}"
    ordered_at = moment(day, 30_600 + int(chance() * 33_000))
    trend = drift(day)
    invoice_amount = 0
    last_delivered = 0
    for line_no in range(1, _LINES_PER_ORDER[int(chance() * 6)] + 1):
        item = world.products[int(chance() ** ITEM_SKEW * len(world.products))]
        quantity = 5 * (2 + int(chance() * 22))
        price = int(item.standard_cost * (116 + 14 * chance() + 1.5 * trend))
        promised = day + 5 + int(chance() * 10)
        cancelled = chance() < 0.015
        line = (
            order_no,
            line_no,
            customer.erp,
            item.erp,
            ordered_at,
            quantity,
            price,
            "CNY",
            date.fromordinal(promised),
        )
        revenue = cents(price, quantity)
        tag = f"{digits}-{line_no:02d}"
        standard = item.standard_cost * quantity
        emit("erp.sales_order_lines", ordered_at, (*line, "open"))
        booked = ordered_at + timedelta(seconds=60 + int(chance() * 1_500))
        quoted = revenue + int(revenue * 0.004 * chance())
        estimate = freight_estimate(quoted)
        emit(
            "crm.booked_orders",
            booked,
            (f"BK{tag}", order_no, line_no, customer.crm, item.crm, booked, quoted, standard + estimate, estimate),
            LEAF,
        )
        if cancelled:
            emit(
                "erp.sales_order_lines",
                moment(day + 1 + int(chance() * 2), 36_000 + int(chance() * 9_000)),
                (*line, "cancelled"),
            )
            continue
        late = chance() > 0.945 + 0.015 * trend
        delivered = promised + 1 + int(chance() * 5) if late else promised - int(chance() * 3)
        short = chance() < 0.008
        total = quantity - 5 if short else quantity
        parts = [(delivered, total)]
        if chance() < 0.07 and total >= 20:
            first = total // 2
            parts = [(min(delivered, promised - 1), first), (delivered, total - first)]
        shipped = 0
        for part, (arrives, units) in enumerate(parts, start=1):
            delivery_no = f"DN{tag}-{part}"
            left = max(day + 1, arrives - 1 - int(chance() * 2))
            shipped_at = moment(left, 28_800 + int(chance() * 36_000))
            delivered_at = moment(
                arrives, 68_000 + int(chance() * 12_000) if arrives == left else 32_400 + int(chance() * 30_000)
            )
            carried = chance() < 0.85
            emit(
                "wms.deliveries",
                delivered_at,
                (delivery_no, order_no, line_no, item.sku, shipped_at, delivered_at, units),
                NORMAL if carried else LEAF,
            )
            emit(
                "wms.stock_moves",
                shipped_at,
                (f"MS{tag}-{part}", item.sku, item.home, shipped_at, -units, "ship", delivery_no),
            )
            if carried:
                picked = shipped_at + timedelta(seconds=600 + int(chance() * 3_000))
                emit(
                    "carrier.shipments",
                    delivered_at,
                    (f"TR{tag}-{part}", delivery_no, picked, delivered_at, units * item.weight_grams, "kg"),
                    LEAF,
                )
            shipped = max(shipped, left)
            last_delivered = max(last_delivered, arrives)
        actual = int(standard * (98.0 + 5.5 * chance() - 0.8 * trend)) // 100
        emit(
            "erp.order_costs",
            moment(shipped, 72_000),
            (order_no, line_no, standard, actual, date.fromordinal(shipped)),
            LEAF,
        )
        freight = rebate = 0
        if chance() < 0.8:
            freight = int(revenue * (1.0 + 2.0 * chance())) // 100
            on = delivered + 1 + int(chance() * 4)
            emit(
                "erp.order_freight",
                moment(on, 61_000),
                (f"FR{tag}", order_no, line_no, freight, date.fromordinal(on)),
                LEAF,
            )
        if chance() < 0.35:
            rebate = int(revenue * (2.0 + 3.0 * chance())) // 100
            on = delivered + 6 + int(chance() * 14)
            emit(
                "erp.order_rebates",
                moment(on, 62_000),
                (f"RB{tag}", order_no, line_no, rebate, date.fromordinal(on)),
                LEAF,
            )
        posted = delivered + 4
        emit(
            "finance.ledger_margin",
            moment(posted, 65_000),
            (f"LE{tag}", order_no, line_no, date.fromordinal(posted), revenue, actual, freight, rebate),
            LEAF,
        )
        invoice_amount += revenue
    if chance() < 0.10:
        _plan_change(rng, day, digits, order_no, emit)
    if last_delivered:
        _plan_cash(rng, digits, order_no, customer, last_delivered, invoice_amount, trend, emit)
    if last_delivered and chance() < 0.25:
        surveyed = moment(last_delivered + 2 + int(chance() * 6), 32_400 + int(chance() * 30_000))
        score = _SCORES[min(9, max(0, int(chance() * 10 + 0.4 * trend)))]
        emit("crm.satisfaction", surveyed, (f"SV{digits}", customer.crm, order_no, surveyed, score), LEAF)


def _plan_change(rng: Random, day: int, digits: str, order_no: str, emit: Emit) -> None:
    requested = moment(day + int(rng.random() * 3), 65_000 // 60 * 60 + 60 * int(rng.random() * 120))
    approved = requested + timedelta(minutes=240 + int(rng.random() ** 1.6 * 7_000))
    change = (f"CH{digits}", order_no, 1, requested)
    kind = _CHANGE_KINDS[int(rng.random() * 4)]
    emit("erp.order_changes", requested, (*change, None, kind))
    emit("erp.order_changes", approved, (*change, approved, kind))


def _plan_cash(
    rng: Random, digits: str, order_no: str, customer: Customer, delivered: int, amount: int, trend: float, emit: Emit
) -> None:
    invoiced_on = delivered + 1 + int(rng.random() * 2)
    invoiced_at = moment(invoiced_on, 32_400 + int(rng.random() * 30_000))
    invoice_no = f"INV{digits}"
    emit(
        "finance.invoices",
        invoiced_at,
        (invoice_no, order_no, customer.finance, invoiced_at, amount, date.fromordinal(invoiced_on + 30)),
    )
    pays_on = invoiced_on + 9 + int(rng.random() * (26 - 4 * trend))
    instalments = [(pays_on, amount)]
    if rng.random() < 0.15 and amount > 100:
        first = amount * 2 // 5
        instalments = [(pays_on, first), (pays_on + 5 + int(rng.random() * 10), amount - first)]
    for part, (on, paid) in enumerate(instalments, start=1):
        paid_at = moment(on, 32_400 + int(rng.random() * 30_000))
        emit("finance.payments", paid_at, (f"PAY{digits}-{part}", invoice_no, paid_at, paid), LEAF)


def plan_quotes(world: World, day: int, emit: Emit) -> None:
    """Quotes given on a day. They carry no order number: the CRM does not link them."""
    rng = stream(world.seed, "quotes", day)
    reps = [person.login for person in world.people if person.role == "sales_rep"]
    for sequence in range(int(ORDER_LINES_PER_DAY * world.scale * 0.7 * order_pressure(day) + rng.random())):
        item = world.products[int(rng.random() ** ITEM_SKEW * len(world.products))]
        customer = world.customers[int(rng.random() ** 1.4 * len(world.customers))]
        quoted_at = moment(day, 30_600 + int(rng.random() * 33_000))
        price = int(item.standard_cost * (118 + 16 * rng.random()))
        emit(
            "crm.quotes",
            quoted_at,
            (
                f"QU{number(day, sequence)}",
                customer.crm,
                item.crm,
                quoted_at,
                5 * (2 + int(rng.random() * 22)),
                price,
                reps[int(rng.random() * len(reps))],
            ),
            LEAF,
        )
