"""Master data of the sample company: items, suppliers, customers, production lines, warehouses.

Belongs here: who and what exists, and how each system calls it. Does not belong here: anything that happens.
Costs are integer cents, weights grams, cycle times milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from ops_assets.dongchen.people import Person, staff
from ops_assets.dongchen.tables import Row
from ops_assets.dongchen.timeline import stream

ORDER_LINES_PER_DAY = 137.0
MEAN_QUANTITY = 62.5
ITEM_SKEW = 1.3
STOCK_DAYS = 25
WAREHOUSES = ("WH-SZ", "WH-CD", "WH-FS")
PROJECT_ITEM_COSTS = {19001: 86_000, 19002: 106_000, 19003: 178_000}
"""Standard cost in cents of the engineered items that only the disputed order sells."""

_NOUNS = ("Gear pump", "Servo valve", "Drive unit", "Linear guide", "Spindle", "Compressor", "Actuator", "Gearbox")
_PARTS = ("Bearing", "Seal ring", "Housing", "Shaft", "Stator core", "Bolt set", "Control board", "Spring", "Casting")
_PLACES = ("Suzhou", "Wuxi", "Ningbo", "Chengdu", "Foshan", "Dongguan", "Qingdao", "Changzhou", "Hefei", "Xiamen")
_TRADES = ("Precision", "Bearing", "Casting", "Electronics", "Fasteners", "Sealing", "Forging", "Plastics", "Motor")
_BUSINESSES = ("Machinery", "Automation", "Robotics", "Trading")
_REGIONS = ("North", "East", "South", "West", "Export")
_SEGMENTS = ("OEM", "Distributor", "Service", "Project")
_CATEGORIES = ("mechanical", "electrical", "raw material", "packaging")


@dataclass(frozen=True, slots=True)
class Item:
    """One item and its name in each system."""

    number: int
    description: str
    group: str
    standard_cost: int
    home: str
    second: str | None
    weight_grams: int
    cycle_ms: int
    line: int
    target: int
    erp: str
    mes: str
    sku: str
    crm: str
    finance: str
    qclab: str


@dataclass(frozen=True, slots=True)
class Supplier:
    """One supplier; ``late_share`` is the number of late lines in every 20."""

    number: int
    name: str
    country: str
    category: str
    lead_days: int
    lines_per_workday: float
    late_in_20: int
    parts: tuple[Item, ...]
    erp: str
    wms: str
    qclab: str


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer and its name in each system."""

    number: int
    name: str
    region: str
    segment: str
    erp: str
    crm: str
    finance: str


@dataclass(frozen=True, slots=True)
class World:
    """All master data for one seed and scale. Nothing in it depends on dates."""

    seed: int
    scale: float
    products: tuple[Item, ...]
    parts: tuple[Item, ...]
    project_items: tuple[Item, ...]
    story_item: Item
    suppliers: tuple[Supplier, ...]
    story_supplier: Supplier
    customers: tuple[Customer, ...]
    people: tuple[Person, ...]
    lines: tuple[str, ...]
    disputed_item: Item

    @property
    def stocked(self) -> tuple[Item, ...]:
        """Items that lie in the warehouses, and are counted every day."""
        return self.products + self.parts

    @property
    def items(self) -> tuple[Item, ...]:
        """All items."""
        return self.products + self.project_items + self.parts + (self.story_item,)

    @property
    def all_suppliers(self) -> tuple[Supplier, ...]:
        """The suppliers of every day and the one of the story."""
        return (*self.suppliers, self.story_supplier)


def _sized(base: float, scale: float, low: int, high: int) -> int:
    return max(low, min(high, round(base * sqrt(scale))))


def _item(number: int, description: str, group: str, cost: int, home: str, **rest: int | str | None) -> Item:
    second = rest.get("second")
    return Item(
        number=number,
        description=description,
        group=group,
        standard_cost=cost,
        home=home,
        second=second if isinstance(second, str) else None,
        weight_grams=int(rest.get("weight_grams") or 500),
        cycle_ms=int(rest.get("cycle_ms") or 0),
        line=int(rest.get("line") or 0),
        target=int(rest.get("target") or 0),
        erp=f"M-{number}",
        mes=f"{number}-A",
        sku=f"SKU{number:08d}",
        crm=f"DC-{number}",
        finance=f"{number}.00",
        qclab=f"QC/{number}",
    )


def part_lines_per_day(scale: float) -> float:
    """Purchase-order lines on a working day, over all suppliers but the one of the story."""
    return max(2.1, 42.0 * scale)


def build_world(seed: int, scale: float) -> World:
    """Build the master data. ``scale`` 1 is about 50,000 order lines a year; 0.01 to 20 are allowed."""
    if not 0.01 <= scale <= 20:
        raise ValueError(
            f"scale {scale:g} is not usable: give a number from 0.01 to 20 (1 = 50,000 order lines a year)"
        )
    rng = stream(seed, "world", 0)
    line_count = _sized(10, scale, 3, 30)
    product_count = _sized(150, scale, 21, 450)
    part_count = _sized(120, scale, 17, 400)
    units_per_day = ORDER_LINES_PER_DAY * scale * MEAN_QUANTITY
    cycle_base = 19_000_000 / (1.45 * units_per_day / (2 * line_count))
    products = []
    for index in range(product_count):
        share = ((index + 1) / product_count) ** (1 / ITEM_SKEW) - (index / product_count) ** (1 / ITEM_SKEW)
        home = WAREHOUSES[rng.randrange(3)]
        other = WAREHOUSES[(WAREHOUSES.index(home) + 1) % 3]
        products.append(
            _item(
                10001 + index,
                f"{_NOUNS[index % len(_NOUNS)]} {chr(65 + index % 26)}{100 + index}",
                "finished",
                5_000 + int(145_000 * rng.random() ** 2),
                home,
                second=other if rng.random() < 0.3 and index != 5 else None,
                weight_grams=400 + rng.randrange(4_000),
                cycle_ms=max(1, round(cycle_base * rng.uniform(0.75, 1.25) / 60)) * 60,
                line=index % line_count,
                target=max(60, round(units_per_day * share * STOCK_DAYS)),
            )
        )
    supplier_count = _sized(40, scale, 6, 90)
    per_supplier = part_lines_per_day(scale) / (supplier_count - 1)
    part_stock = part_lines_per_day(scale) / part_count * 390 * 18
    parts = tuple(
        _item(
            20001 + index,
            f"{_PARTS[index % len(_PARTS)]} {200 + index}",
            "bought",
            200 + int(7_000 * rng.random() ** 2),
            WAREHOUSES[rng.randrange(3)],
            weight_grams=20 + rng.randrange(900),
            target=max(120, round(part_stock)),
        )
        for index in range(part_count)
    )
    story_item = _item(20901, "Rotor blank 901", "bought", 4_260, "WH-SZ", weight_grams=820, target=0)
    project_items = tuple(
        _item(item_number, f"Engineered drive {item_number}", "project", cost, "WH-SZ", weight_grams=9_500)
        for item_number, cost in PROJECT_ITEM_COSTS.items()
    )
    weights = [rng.uniform(0.6, 1.4) for _ in range(supplier_count - 1)]
    correction = len(weights) / sum(weights)
    suppliers = []
    for index in range(supplier_count):
        supplier_number = 101 + index
        story = index == 2
        mine = tuple(parts[k] for k in range(len(parts)) if k % (supplier_count - 1) == index - (index > 2))
        weight = weights[index - (index > 2)] if not story else 0.0
        suppliers.append(
            Supplier(
                number=supplier_number,
                name=f"{_PLACES[index % 10]} {_TRADES[(index * 7 + index // 9) % 9]} {supplier_number}",
                country="CN" if index % 6 else ("DE", "JP", "KR")[index // 6 % 3],
                category=_CATEGORIES[index % 4],
                lead_days=10 + rng.randrange(12),
                lines_per_workday=per_supplier * weight * correction,
                late_in_20=(1, 2, 1, 2)[index % 4],
                parts=(story_item,) if story else mine or (parts[index % len(parts)],),
                erp=f"V{supplier_number:06d}",
                wms=f"SUP-{supplier_number}",
                qclab=f"S{supplier_number}",
            )
        )
    customers = tuple(
        Customer(
            number=index + 1,
            name=f"{_PLACES[(index * 3) % 10]} {_BUSINESSES[index % 4]} {index + 1}",
            region=_REGIONS[rng.randrange(5)],
            segment=_SEGMENTS[rng.randrange(4)],
            erp=f"C{index + 1:04d}",
            crm=f"ACC-{index + 1:05d}",
            finance=f"7{index + 1:06d}",
        )
        for index in range(_sized(200, scale, 12, 600))
    )
    return World(
        seed=seed,
        scale=scale,
        products=tuple(products),
        parts=parts,
        project_items=project_items,
        story_item=story_item,
        suppliers=tuple(supplier for index, supplier in enumerate(suppliers) if index != 2),
        story_supplier=suppliers[2],
        customers=customers,
        people=staff(seed),
        lines=tuple(f"L{index + 1:02d}" for index in range(line_count)),
        disputed_item=products[5],
    )


def snapshot_rows(world: World, name: str, month: int) -> list[Row]:
    """Rows of a master-data export. ``month`` (year*12+month) moves the safety stocks, which are planned monthly."""
    if name == "erp.items":
        return [
            (
                item.erp,
                item.description,
                item.group,
                "EA",
                item.standard_cost,
                item.target * (20 + (item.number + month) % 9) // 100,
            )
            for item in world.items
        ]
    if name == "erp.suppliers":
        return [(supplier.erp, supplier.name, supplier.country, supplier.category) for supplier in world.all_suppliers]
    if name == "erp.customers":
        return [(customer.erp, customer.name, customer.region, customer.segment) for customer in world.customers]
    if name == "erp.item_codes":
        return [
            (system, getattr(item, attribute), item.erp)
            for system, attribute in (
                ("mes", "mes"),
                ("wms", "sku"),
                ("crm", "crm"),
                ("finance", "finance"),
                ("qclab", "qclab"),
            )
            for item in world.items
        ]
    if name == "erp.partner_codes":
        rows: list[Row] = []
        for supplier in world.all_suppliers:
            rows.append(("wms", "supplier", supplier.wms, supplier.erp))
            rows.append(("qclab", "supplier", supplier.qclab, supplier.erp))
        for customer in world.customers:
            rows.append(("crm", "customer", customer.crm, customer.erp))
            rows.append(("finance", "customer", customer.finance, customer.erp))
        return rows
    raise KeyError(name)
