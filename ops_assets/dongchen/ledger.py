"""The true figures, accumulated row by row from the generator's own objects.

Belongs here: what each metric counts, in exact integers. Does not belong here: files, faults, SQL. A row can be taken
back (``remove``), which is how the figures to publish follow from the clean ones: a quarantined, held-back or
set-aside row is one that was never loaded. Amounts are held in ten-thousandths of CNY, times in whole minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ops_assets.dongchen.tables import Row
from ops_assets.dongchen.world import World

Sums = dict[int, list[int]]
"""Numerator, denominator and number of rows by day of the event."""
_CLOCK_TOLERANCE_SECONDS = 300


def _add(sums: Sums, day: int, numerator: int, denominator: int, rows: int = 1) -> None:
    cell = sums.get(day)
    if cell is None:
        sums[day] = [numerator, denominator, rows]
    else:
        cell[0] += numerator
        cell[1] += denominator
        cell[2] += rows


@dataclass(slots=True)
class _OrderLine:
    ordered: int
    quantity: int
    price: int
    promised: int
    cancelled: bool
    cost: int | None = None
    deductions: int = 0
    on_time: int = 0


@dataclass(slots=True)
class _PurchaseLine:
    due: int
    quantity: int
    supplier: str
    receipts: int = 0
    on_time: int = 0


@dataclass(slots=True)
class _Invoice:
    order: int
    amount: int
    payments: list[tuple[int, int]] = field(default_factory=list)


def _order(order_no: str) -> int:
    return int(order_no[2:])


def _line(order_no: str, line_no: int) -> int:
    return int(order_no[2:]) * 100 + line_no


class Ledger:
    """The loaded rows of the company as far as the metrics need them."""

    def __init__(self, world: World) -> None:
        self._costs = {item.sku: item.standard_cost for item in world.items}
        self._suppliers = {supplier.wms: supplier.erp for supplier in world.all_suppliers}
        self._order_lines: dict[int, _OrderLine] = {}
        self._ordered: dict[int, int] = {}
        self._purchases: dict[int, _PurchaseLine] = {}
        self._invoices: dict[str, _Invoice] = {}
        self._runs: dict[str, tuple[int, int, int, int, int]] = {}
        self._stopped: dict[str, int] = {}
        self._changes: dict[str, tuple[int, int]] = {}
        self._projects: dict[str, tuple[int, int]] = {}
        self._reworked: Sums = {}
        self._first_pass: Sums = {}
        self._on_hand: Sums = {}
        self._turns: Sums = {}
        self._scores: Sums = {}
        self._rejects: dict[str, Sums] = {}
        self._takes: dict[str, Callable[[Row, int], None]] = {
            "erp.sales_order_lines": self._take_order_line,
            "erp.order_costs": self._take_cost,
            "erp.order_freight": self._take_deduction,
            "erp.order_rebates": self._take_deduction,
            "erp.order_changes": self._take_change,
            "erp.purchase_order_lines": self._take_purchase,
            "mes.production_runs": self._take_run,
            "mes.downtime_events": self._take_downtime,
            "mes.inspections": self._take_inspection,
            "wms.receipts": self._take_receipt,
            "wms.deliveries": self._take_delivery,
            "wms.stock_moves": self._take_move,
            "wms.stock_counts": self._take_count,
            "crm.satisfaction": self._take_score,
            "finance.invoices": self._take_invoice,
            "finance.payments": self._take_payment,
            "npi.projects": self._take_project,
        }

    def add(self, table: str, row: Row) -> None:
        """Take a loaded row; tables that no metric reads are ignored. Parents come before their children."""
        take = self._takes.get(table)
        if take is not None:
            take(row, 1)

    def remove(self, table: str, row: Row) -> None:
        """Take back a row that was added. Only rows to which no other row refers can be taken back."""
        take = self._takes.get(table)
        if take is not None:
            take(row, -1)

    @staticmethod
    def _only_added(sign: int, table: str) -> None:
        if sign < 0:
            raise ValueError(f"a row of {table} has dependants: it cannot be taken back alone")

    def _take_order_line(self, row: Row, sign: int) -> None:
        self._only_added(sign, "erp.sales_order_lines")
        key = _line(row[0], row[1])
        if (known := self._order_lines.get(key)) is not None:
            known.cancelled = row[9] == "cancelled"
            return
        ordered = row[4].toordinal()
        self._order_lines[key] = _OrderLine(ordered, row[5], row[6], row[8].toordinal(), row[9] == "cancelled")
        self._ordered[_order(row[0])] = ordered

    def _take_cost(self, row: Row, sign: int) -> None:
        self._order_lines[_line(row[0], row[1])].cost = row[3] * 100 if sign > 0 else None

    def _take_deduction(self, row: Row, sign: int) -> None:
        self._order_lines[_line(row[1], row[2])].deductions += sign * row[3] * 100

    def _take_change(self, row: Row, sign: int) -> None:
        self._only_added(sign, "erp.order_changes")
        if row[4] is not None:
            self._changes[row[0]] = (row[4].toordinal(), _minutes(row[3], row[4]))

    def _take_project(self, row: Row, sign: int) -> None:
        self._only_added(sign, "npi.projects")
        if row[4] is not None:
            self._projects[row[0]] = (row[4].toordinal(), _minutes(row[3], row[4]))

    def _take_purchase(self, row: Row, sign: int) -> None:
        key = _line(row[0], row[1])
        if sign < 0:
            if self._purchases[key].receipts:
                raise ValueError(f"{row[0]} line {row[1]} has receipts: it cannot be taken back alone")
            del self._purchases[key]
            return
        self._purchases[key] = _PurchaseLine(row[5].toordinal(), row[6], row[2])

    def _take_receipt(self, row: Row, sign: int) -> None:
        line = self._purchases[_line(row[1], row[2])]
        day = row[5].toordinal()
        line.receipts += sign
        if day <= line.due:
            line.on_time += sign * row[6]
        _add(self._rejects.setdefault(self._suppliers[row[3]], {}), day, sign * row[8], sign * row[6], sign)

    def _take_delivery(self, row: Row, sign: int) -> None:
        line = self._order_lines[_line(row[1], row[2])]
        if row[5].toordinal() <= line.promised:
            line.on_time += sign * row[6]

    def _take_run(self, row: Row, sign: int) -> None:
        self._only_added(sign, "mes.production_runs")
        drifted = abs((row[4] - row[5]).total_seconds()) > _CLOCK_TOLERANCE_SECONDS
        at: datetime = row[5] if drifted else row[4]
        self._runs[row[0]] = (at.toordinal(), row[6], row[7], row[8], row[9])

    def _take_downtime(self, row: Row, sign: int) -> None:
        self._stopped[row[1]] = self._stopped.get(row[1], 0) + sign * row[5]

    def _take_inspection(self, row: Row, sign: int) -> None:
        day = row[3].toordinal()
        _add(self._reworked, day, sign * row[6], sign * row[4], sign)
        _add(self._first_pass, day, sign * row[5], sign * row[4], sign)

    def _take_move(self, row: Row, sign: int) -> None:
        if row[5] == "ship":
            day = row[3].toordinal()
            _add(self._turns, day, -sign * row[4] * self._costs[row[1]] * 365, 0, 0)

    def _take_count(self, row: Row, sign: int) -> None:
        day = row[0].toordinal()
        _add(self._on_hand, day, sign * row[3], sign, sign)
        _add(self._turns, day, 0, sign * row[3] * self._costs[row[1]], 0)

    def _take_score(self, row: Row, sign: int) -> None:
        _add(self._scores, row[3].toordinal(), sign * row[4], sign, sign)

    def _take_invoice(self, row: Row, sign: int) -> None:
        self._only_added(sign, "finance.invoices")
        self._invoices[row[0]] = _Invoice(_order(row[1]), row[4])

    def _take_payment(self, row: Row, sign: int) -> None:
        payments = self._invoices[row[1]].payments
        entry = (row[2].toordinal(), row[3])
        if sign > 0:
            payments.append(entry)
        else:
            payments.remove(entry)

    def margin(self) -> Sums:
        """Order gross margin; units of 0.0001 CNY."""
        sums: Sums = {}
        for line in self._order_lines.values():
            if line.cost is not None and not line.cancelled:
                revenue = line.quantity * line.price
                _add(sums, line.ordered, revenue - line.cost - line.deductions, revenue)
        return sums

    def order_to_cash(self) -> Sums:
        """Days from the order to the payment that settles its invoice, by the day of that payment."""
        sums: Sums = {}
        for invoice in self._invoices.values():
            if invoice.payments and sum(paid for _, paid in invoice.payments) >= invoice.amount:
                settled = max(day for day, _ in invoice.payments)
                _add(sums, settled, settled - self._ordered[invoice.order], 1)
        return sums

    def on_time_in_full(self) -> Sums:
        """Order lines delivered in full by the promised day."""
        sums: Sums = {}
        for line in self._order_lines.values():
            if not line.cancelled:
                _add(sums, line.promised, int(line.on_time >= line.quantity), 1)
        return sums

    def effectiveness(self) -> dict[str, Sums]:
        """OEE and its three factors; minutes in thousandths where time is meant."""
        oee: Sums = {}
        availability: Sums = {}
        performance: Sums = {}
        quality: Sums = {}
        for run, (day, planned, total, good, cycle_ms) in self._runs.items():
            ran = planned - self._stopped.get(run, 0)
            _add(oee, day, good * cycle_ms // 60, planned * 1000)
            _add(availability, day, ran, planned)
            _add(performance, day, total * cycle_ms // 60, ran * 1000)
            _add(quality, day, good, total)
        return {"oee": oee, "availability": availability, "performance": performance, "quality": quality}

    def rework(self) -> Sums:
        """Reworked over inspected."""
        return self._reworked

    def first_pass(self) -> Sums:
        """Passed at once over inspected."""
        return self._first_pass

    def on_hand(self) -> Sums:
        """Counted stock in EA by day."""
        return self._on_hand

    def turns(self) -> Sums:
        """365 times the shipped value over the value on hand; cents. Rows are not counted."""
        return self._turns

    def scores(self) -> Sums:
        """Satisfaction scores."""
        return self._scores

    def changes(self) -> Sums:
        """Minutes from request to approval of order changes; the denominator is a day's 1440."""
        return _durations(self._changes.values())

    def approvals(self) -> Sums:
        """Minutes from request to approval of new-product projects; the denominator is a day's 1440."""
        return _durations(self._projects.values())

    def supplier_on_time(self) -> dict[str, Sums]:
        """Purchase-order lines received in full by their due day, by supplier number of the ERP."""
        by_supplier: dict[str, Sums] = {}
        for line in self._purchases.values():
            if line.receipts:
                _add(by_supplier.setdefault(line.supplier, {}), line.due, int(line.on_time >= line.quantity), 1)
        return by_supplier

    def supplier_rejects(self) -> dict[str, Sums]:
        """Rejected over received EA by supplier number of the ERP."""
        return self._rejects


def _minutes(first: datetime, last: datetime) -> int:
    return int((last - first).total_seconds()) // 60


def _durations(entries: Iterable[tuple[int, int]]) -> Sums:
    sums: Sums = {}
    for day, minutes in entries:
        _add(sums, day, minutes, 1440)
    return sums
