"""The tables of the nine systems as they are exported: columns, keys, formats.

Belongs here: the shape of each export. Does not belong here: how rows come about or how they are checked.

Rows are plain tuples in column order. Column kinds say how a value is held and written:
``s`` text, ``i`` integer, ``c2`` integer cents written with 2 decimals, ``c4`` integer ten-thousandths written with
4 decimals, ``d3`` integer thousandths written with 3 decimals, ``d`` date, ``t`` naive local timestamp
(Asia/Shanghai), ``f`` float, ``b`` bool. None is written as an empty field.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

Row = tuple[Any, ...]

PROTECTED = 0
"""Mark of a row that no fault may touch (the disputes and the story)."""
NORMAL = 1
"""Mark of a row that other rows may refer to."""
LEAF = 2
"""Mark of a row to which no other row refers: losing it has no further consequences."""


class Event(NamedTuple):
    """One row of one table, when it became known to its system, and what a fault may do to it."""

    when: datetime
    row: Row
    mark: int = NORMAL


@dataclass(frozen=True, slots=True)
class Table:
    """One exported table."""

    name: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    key: tuple[str, ...]
    suffix: Literal["csv", "jsonl", "parquet"] = "csv"
    kind: Literal["events", "snapshot"] = "events"
    one_day: bool = False
    """Each file is one whole day of stock: never grouped with other days."""
    versioned: bool = False
    """A key may come again with newer content; one file carries only the newest."""

    @property
    def system(self) -> str:
        """Name of the system, the first part of the name."""
        return self.name.split(".")[0]

    @property
    def short(self) -> str:
        """Name of the table inside its system."""
        return self.name.split(".")[1]

    def at(self, column: str) -> int:
        """Position of a column; ValueError if there is none of that name."""
        return self.columns.index(column)

    def key_of(self, row: Row) -> tuple[Any, ...]:
        """The key values of a row, in the order of ``key``."""
        return tuple(row[self.columns.index(name)] for name in self.key)


def _table(name: str, columns: str, key: str, **options: Any) -> Table:
    pairs = [column.split(":") for column in columns.split()]
    return Table(
        name=name,
        columns=tuple(pair[0] for pair in pairs),
        kinds=tuple(pair[1] if len(pair) > 1 else "s" for pair in pairs),
        key=tuple(key.split()),
        **options,
    )


_ALL = (
    _table(
        "erp.items",
        "item_no description item_group uom standard_cost:c2 safety_stock:i",
        "item_no",
        kind="snapshot",
    ),
    _table("erp.suppliers", "supplier_no name country category", "supplier_no", kind="snapshot"),
    _table("erp.customers", "customer_no name region segment", "customer_no", kind="snapshot"),
    _table("erp.item_codes", "system code item_no", "system code", kind="snapshot"),
    _table("erp.partner_codes", "system kind code erp_no", "system kind code", kind="snapshot"),
    _table("hr.departments", "department_code name country", "department_code", kind="snapshot"),
    _table(
        "hr.employees",
        "employee_no name email login job_title department_code manager_employee_no hired_on:d",
        "employee_no",
        kind="snapshot",
    ),
    _table("hr.employee_roles", "employee_no role", "employee_no role", kind="snapshot"),
    _table(
        "erp.sales_order_lines",
        "order_no line_no:i customer_no item_no ordered_at:t quantity:i unit_price:c4 currency promised_date:d status",
        "order_no line_no",
        versioned=True,
    ),
    _table(
        "erp.order_costs",
        "order_no line_no:i standard_cost_amount:c2 actual_cost_amount:c2 booked_on:d",
        "order_no line_no",
    ),
    _table("erp.order_freight", "freight_no order_no line_no:i amount:c2 booked_on:d", "freight_no"),
    _table("erp.order_rebates", "rebate_no order_no line_no:i amount:c2 booked_on:d", "rebate_no"),
    _table(
        "erp.order_changes",
        "change_no order_no line_no:i requested_at:t approved_at:t kind",
        "change_no",
        versioned=True,
    ),
    _table(
        "erp.purchase_order_lines",
        "po_no line_no:i supplier_no item_no ordered_on:d due_date:d quantity:i unit_price:c4 contract_price:c4",
        "po_no line_no",
    ),
    _table(
        "erp.stock_balances",
        "as_of_date:d item_no warehouse quantity:i blocked_quantity:i",
        "as_of_date item_no warehouse",
        one_day=True,
    ),
    _table("mes.work_orders", "wo_no item_code line_code planned_start:t quantity:i", "wo_no"),
    _table(
        "mes.production_runs",
        "run_id wo_no line_code item_code machine_time:t server_time:t planned_minutes:i total_count:i good_count:i"
        " ideal_cycle_seconds:d3",
        "run_id",
        suffix="jsonl",
    ),
    _table(
        "mes.downtime_events",
        "event_id run_id line_code machine_time:t server_time:t minutes:i reason",
        "event_id",
        suffix="jsonl",
    ),
    _table(
        "mes.inspections",
        "inspection_id wo_no item_code inspected_at:t inspected_qty:i first_pass_qty:i reworked_qty:i",
        "inspection_id",
    ),
    _table(
        "wms.receipts",
        "receipt_no po_no po_line_no:i supplier_code sku received_at:t quantity:i uom rejected_quantity:i",
        "receipt_no",
    ),
    _table(
        "wms.deliveries",
        "delivery_no order_no line_no:i sku shipped_at:t delivered_at:t delivered_qty:i",
        "delivery_no",
    ),
    _table("wms.stock_moves", "move_id sku warehouse moved_at:t quantity:i move_type reference", "move_id"),
    _table(
        "wms.stock_counts",
        "snapshot_date:d sku warehouse on_hand_qty:i",
        "snapshot_date sku warehouse",
        one_day=True,
    ),
    _table(
        "crm.quotes",
        "quote_no account_id product_code quoted_at:t quantity:i price:c4 sales_login",
        "quote_no",
    ),
    _table(
        "crm.booked_orders",
        "booking_id order_no line_no:i account_id product_code booked_at:t revenue_amount:c2 cost_amount:c2"
        " freight_estimate:c2",
        "booking_id",
    ),
    _table("crm.satisfaction", "survey_id account_id order_no surveyed_at:t score:i", "survey_id"),
    _table("finance.invoices", "invoice_no order_no customer_ref invoiced_at:t amount:c2 due_date:d", "invoice_no"),
    _table("finance.payments", "payment_id invoice_no paid_at:t amount:c2", "payment_id"),
    _table(
        "finance.ledger_margin",
        "entry_id order_no line_no:i posted_on:d revenue:c2 material_cost:c2 freight:c2 rebate:c2",
        "entry_id",
    ),
    _table(
        "finance.stock_ledger",
        "as_of_date:d item_ref quantity:i value:c2 returns_quantity:i",
        "as_of_date item_ref",
        one_day=True,
    ),
    _table("hr.absences", "absence_id employee_no starts_on:d ends_on:d kind", "absence_id"),
    _table(
        "qclab.lab_results",
        "result_id receipt_no supplier_code material_code sampled_at:t characteristic value:f unit passed:b",
        "result_id",
        suffix="parquet",
    ),
    _table(
        "carrier.shipments",
        "tracking_no delivery_no picked_up_at:t delivered_at:t weight:d3 weight_unit",
        "tracking_no",
    ),
    _table(
        "npi.projects",
        "project_code product_name owner_login requested_at:t approved_at:t stage",
        "project_code",
        versioned=True,
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _ALL}
"""All tables by name, parents before the rows that refer to them."""
