"""What happens to the demo company in so many weeks: orders, changes, projects, late lines, answers of its generator.

Belongs here: which events of the sample company become cases, and which order each belongs to. Does not belong here:
how anybody hears of them. Both arms get the same happenings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from ops_assets.dongchen.orders import plan_orders
from ops_assets.dongchen.people import Person, hr_rows, plan_absences
from ops_assets.dongchen.supply import plan_projects, plan_purchases
from ops_assets.dongchen.tables import NORMAL, TABLES, Event, Row
from ops_assets.dongchen.world import World, build_world
from resources.people import Directory, directory
from resources.people import Person as Member
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.simulation.assumptions import Assumptions
from workflow_jobs.simulation.draws import Draws

SUPPLY: Final = "supply_exception"
NEW_PRODUCT: Final = "new_product_introduction"
ORDER_CHANGE: Final = "order_change"
COMPLAINT: Final = "after_sales"
Instant = Callable[[datetime], datetime]
_LEAD_DAYS: Final = 60
_KINDS: Final = {"quantity": "quantity", "date": "date", "configuration": "spec"}
_DRAIN_DAYS: Final = 250


@dataclass(frozen=True)
class Happening:
    """Something that needs several people. ``key`` is unique; ``orders`` are the customer orders that wait for it."""

    key: str
    template: str
    at: datetime
    label: str
    requested_by: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    orders: tuple[str, ...] = ()


@dataclass(frozen=True)
class Order:
    """A customer order as it would go without any of the happenings. Instants are UTC."""

    order_no: str
    ordered_at: datetime
    delivered_at: datetime
    paid_at: datetime


@dataclass(frozen=True)
class Happenings:
    """All that happens, and the people to whom it happens."""

    begins: datetime
    ends: datetime
    directory: Directory
    cases: tuple[Happening, ...]
    orders: Mapping[str, Order]
    left_out: Mapping[str, int]


def happenings(
    assumed: Assumptions, draws: Draws, calendar: WorkingCalendar, weeks: int, templates: Collection[str]
) -> Happenings:
    """The weeks of one seed. Events whose template is not among ``templates`` are counted in ``left_out``."""
    first = date.fromisoformat(str(int(assumed.company.start.value)))
    start, end = first.toordinal(), first.toordinal() + 7 * weeks
    world = build_world(draws.seed, assumed.company.scale.value)
    tables = _tables(world, start, end)
    zone = calendar.time_zone

    def instant(local: datetime) -> datetime:
        return local.replace(tzinfo=zone).astimezone(UTC)

    begins = instant(datetime.fromordinal(start))
    ends = instant(datetime.fromordinal(end))
    orders = _orders(tables, instant)
    assistants = [p.employee_no for p in world.people if p.title == "Sales assistant"]
    found = [
        *_supply(world, tables, draws, assumed, orders, instant, begins, ends),
        *_changes(tables, draws, assistants, orders, instant),
        *_projects(tables, world.people, instant),
        *_complaints(tables, draws, assumed, assistants, orders, instant, ends),
    ]
    left_out: dict[str, int] = defaultdict(int)
    for one in found:
        if one.template not in templates:
            left_out[one.template] += 1
    return Happenings(
        begins=begins,
        ends=ends,
        directory=_directory(world.people, draws.seed, start, end),
        cases=tuple(sorted((c for c in found if c.template in templates), key=lambda c: (c.at, c.key))),
        orders=orders,
        left_out=dict(left_out),
    )


def _tables(world: World, start: int, end: int) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = defaultdict(list)

    def emit(table: str, when: datetime, row: Row, mark: int = NORMAL) -> None:
        found[table].append(Event(when, row, mark))

    for day in range(start - _LEAD_DAYS, end):
        plan_purchases(world, day, emit)
        if day >= start:
            plan_orders(world, day, emit)
            plan_projects(world, day, emit)
    return found


def _orders(tables: Mapping[str, list[Event]], instant: Instant) -> dict[str, Order]:
    """Orders that were delivered and paid in full; a cancelled one brings no cash."""
    lines = "erp.sales_order_lines"
    ordered = {_cell(lines, e.row, "order_no"): _cell(lines, e.row, "ordered_at") for e in tables[lines]}
    invoiced = {_cell("finance.invoices", e.row, "invoice_no"): e.row for e in tables["finance.invoices"]}
    delivered: dict[str, datetime] = {}
    for event in tables["wms.deliveries"]:
        order = _cell("wms.deliveries", event.row, "order_no")
        delivered[order] = max(event.when, delivered.get(order, event.when))
    paid: dict[str, datetime] = {}
    for event in tables["finance.payments"]:
        order = _cell("finance.invoices", invoiced[_cell("finance.payments", event.row, "invoice_no")], "order_no")
        paid[order] = max(event.when, paid.get(order, event.when))
    return {
        order: Order(order, instant(ordered[order]), instant(delivered[order]), instant(at))
        for order, at in sorted(paid.items())
    }


def _supply(
    world: World,
    tables: Mapping[str, list[Event]],
    draws: Draws,
    assumed: Assumptions,
    orders: Mapping[str, Order],
    instant: Instant,
    begins: datetime,
    ends: datetime,
) -> list[Happening]:
    name = "erp.purchase_order_lines"
    labels = {supplier.erp: supplier.name for supplier in world.suppliers}
    due = {
        (_cell(name, e.row, "po_no"), _cell(name, e.row, "line_no")): (
            _cell(name, e.row, "due_date"),
            _cell(name, e.row, "supplier_no"),
        )
        for e in tables[name]
    }
    late: dict[tuple[str, int], datetime] = {}
    for event in tables["wms.receipts"]:
        line = (_cell("wms.receipts", event.row, "po_no"), _cell("wms.receipts", event.row, "po_line_no"))
        if event.when.date() > due[line][0]:
            late[line] = event.when
    found = []
    for po_no, line_no in sorted(late):
        day, supplier = due[po_no, line_no]
        # It is missed on the morning after the day on which it was due, by whoever looks.
        hour = int(assumed.company.seen_at_hour.value)
        at = instant(datetime.combine(day + timedelta(days=1), datetime.min.time()).replace(hour=hour))
        key = f"{po_no}-{line_no}"
        if not begins <= at < ends or not draws.chance(assumed.company.late_line_is_exception.value, "late", key):
            continue
        in_work = [o.order_no for o in orders.values() if o.ordered_at <= at < o.delivered_at]
        most = int(assumed.company.orders_held_up.value) if in_work else 0
        held = {draws.pick(in_work, "held", key, number) for number in range(most)}
        found.append(Happening(key, SUPPLY, at, f"{labels[supplier]}, {key}", orders=tuple(sorted(held))))
    return found


def _changes(
    tables: Mapping[str, list[Event]],
    draws: Draws,
    assistants: list[str],
    orders: Mapping[str, Order],
    instant: Instant,
) -> list[Happening]:
    name = "erp.order_changes"
    found = []
    for event in tables[name]:
        change, order, kind = (_cell(name, event.row, column) for column in ("change_no", "order_no", "kind"))
        if _cell(name, event.row, "approved_at") is None and order in orders:
            found.append(
                Happening(
                    change,
                    ORDER_CHANGE,
                    instant(event.when),
                    f"{order}: {kind}",
                    requested_by=draws.pick(assistants, "assistant", change),
                    data={"order_no": order, "asked_by": "customer", "change_kind": _KINDS.get(kind, "other")},
                    orders=(order,),
                )
            )
    return found


def _projects(tables: Mapping[str, list[Event]], people: tuple[Person, ...], instant: Instant) -> list[Happening]:
    name = "npi.projects"
    by_login = {person.login: person.employee_no for person in people}
    return [
        Happening(
            _cell(name, event.row, "project_code"),
            NEW_PRODUCT,
            instant(event.when),
            _cell(name, event.row, "product_name"),
            requested_by=by_login[_cell(name, event.row, "owner_login")],
            data={"product_name": _cell(name, event.row, "product_name")},
        )
        for event in tables[name]
        if _cell(name, event.row, "approved_at") is None
    ]


def _complaints(
    tables: Mapping[str, list[Event]],
    draws: Draws,
    assumed: Assumptions,
    assistants: list[str],
    orders: Mapping[str, Order],
    instant: Instant,
    ends: datetime,
) -> list[Happening]:
    name = "crm.satisfaction"
    found = []
    for event in tables[name]:
        answer, order, score = (_cell(name, event.row, column) for column in ("survey_id", "order_no", "score"))
        at = instant(event.when)
        if score <= assumed.company.complaint_up_to_score.value and at < ends and order in orders:
            found.append(
                Happening(
                    answer,
                    COMPLAINT,
                    at,
                    f"{order}: {score} of 10",
                    requested_by=draws.pick(assistants, "assistant", answer),
                    orders=(order,),
                )
            )
    return found


def _directory(people: tuple[Person, ...], seed: int, start: int, end: int) -> Directory:
    away: list[tuple[str, date, date]] = []

    def emit(table: str, when: datetime, row: Row, mark: int = NORMAL) -> None:
        away.append((str(row[1]), row[2], row[3]))

    for day in range(start - _LEAD_DAYS, end + _DRAIN_DAYS):
        plan_absences(seed, people, day, emit)
    departments = {code: title for code, title, _ in hr_rows(people, "hr.departments")}
    return directory(
        (
            Member(
                person_id=p.employee_no,
                name=p.name,
                login=p.login,
                title=p.title,
                department_id=p.department,
                department_name=departments[p.department],
                manager_id=None if p.manager is None else f"E{p.manager:05d}",
                country="CN",
            )
            for p in people
        ),
        [(str(no), str(role)) for no, role in hr_rows(people, "hr.employee_roles")],
        away,
        version=f"simulated {seed}",
    )


def _cell(table: str, row: Row, column: str) -> Any:
    return row[TABLES[table].at(column)]
