"""One function a kind of fault: it changes the draft of a file and says what must become of the fault.

Each takes the draft, a random stream, what is remembered of earlier files and the running number of the fault; it
returns the fields of the truth record, or None if nothing in the file fits. Outcomes: ``repaired``, ``quarantined``,
``held_back`` (loaded, listed as unmatched, in no metric), ``set_aside`` (the whole file).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any

from ops_assets.dongchen.draft import Draft, Memory
from ops_assets.dongchen.tables import LEAF, NORMAL
from ops_assets.dongchen.timeline import number
from ops_assets.dongchen.writer import Text

Record = dict[str, Any]
_FIRST_INVENTED = 2680
_INVENTED_PER_DAY = 20


def _key(draft: Draft, line: Text) -> Record:
    return {name: line[draft.table.at(name)] or None for name in draft.table.key}


def _at(draft: Draft, place: int, **rest: Any) -> Record:
    draft.touched.add(place)
    return {"key": _key(draft, draft.lines[place]), "line": draft.file_line(place), **rest}


def _append(draft: Draft, line: Text) -> int:
    draft.lines.append(line)
    return len(draft.lines) - 1


def _set(draft: Draft, place: int, column: str, text: str) -> None:
    changed = list(draft.lines[place])
    changed[draft.table.at(column)] = text
    draft.lines[place] = changed


def _lose(draft: Draft, place: int) -> None:
    draft.lost.append(draft.events[place].row)


def duplicate_row(draft: Draft, rng: Random, memory: Memory, sequence: int) -> Record | None:
    """A row stands twice, in one file or in two."""
    earlier = memory.earlier.get(draft.table.name)
    if sequence % 2 and earlier is not None:
        return _at(draft, _append(draft, earlier), outcome="repaired", rule="duplicate_row")
    place = draft.pick(rng, least_mark=NORMAL)
    if place is None:
        return None
    draft.touched.add(place)
    repeat = _append(draft, draft.lines[place])
    return _at(draft, repeat, outcome="repaired", rule="duplicate_row", first_line=draft.file_line(place))


def missing_key(draft: Draft, rng: Random, memory: Memory, sequence: int) -> Record | None:
    """The key is empty; ``was`` is the key that got lost."""
    place = draft.pick(rng, least_mark=NORMAL if draft.table.name == "mes.downtime_events" else LEAF)
    if place is None:
        return None
    column = draft.table.key[0]
    was = draft.lines[place][draft.table.at(column)]
    _lose(draft, place)
    _set(draft, place, column, "")
    return _at(draft, place, outcome="quarantined", rule="not_null", column=column, was=was)


def late_file(draft: Draft, rng: Random, memory: Memory, sequence: int) -> Record | None:
    """A right file that arrives three to six days after its day."""
    arrives = draft.day + 3 + rng.randrange(4)
    if not draft.untouched or arrives > draft.until:
        return None
    draft.sealed = True
    draft.arrives = arrives
    return {"outcome": "repaired", "rule": "late_file", "arrived_on": date.fromordinal(arrives).isoformat()}


def wrong_unit_declared(draft: Draft, rng: Random, memory: Memory, sequence: int) -> Record | None:
    """Another unit, said so in the unit column: dozens, grams, micrometres."""
    name = draft.table.name
    if name == "wms.receipts":
        place = draft.pick(rng, least_mark=NORMAL, fits=lambda row: row[6] % 12 == 0 and row[8] % 12 == 0)
        if place is None:
            return None
        row = draft.events[place].row
        _set(draft, place, "quantity", str(row[6] // 12))
        _set(draft, place, "rejected_quantity", str(row[8] // 12))
        _set(draft, place, "uom", "DZ")
        return _at(draft, place, outcome="repaired", rule=None, unit="DZ")
    place = draft.pick(rng, least_mark=NORMAL)
    if place is None:
        return None
    row = draft.events[place].row
    if name == "carrier.shipments":
        _set(draft, place, "weight", f"{row[4]}.000")
        _set(draft, place, "weight_unit", "g")
        return _at(draft, place, outcome="repaired", rule=None, unit="g")
    _set(draft, place, "value", str(round(row[6] * 1000, 1)))
    _set(draft, place, "unit", "um")
    return _at(draft, place, outcome="repaired", rule=None, unit="um")


def wrong_unit_undeclared(draft: Draft, rng: Random, memory: Memory, sequence: int) -> Record | None:
    """A unit price in fen, of a line that nothing was received for."""
    place = draft.pick(rng, least_mark=LEAF)
    if place is None:
        return None
    _lose(draft, place)
    price = draft.events[place].row[7] * 100
    _set(draft, place, "unit_price", f"{price // 10_000}.{price % 10_000:04d}")
    return _at(draft, place, outcome="quarantined", rule="unit_price_plausible", column="unit_price")


def drifting_clock(draft: Draft, rng: Random, memory: Memory, sequence: int) -> Record | None:
    """The machine's clock is hours off; the server's is right."""
    place = draft.pick(rng, least_mark=NORMAL)
    if place is None:
        return None
    right = draft.events[place].row[draft.table.at("machine_time")]
    hours = (2 + rng.randrange(8)) * (1 if rng.random() < 0.3 else -1)
    _set(draft, place, "machine_time", (right + timedelta(hours=hours)).isoformat(" ", "seconds"))
    return _at(draft, place, outcome="repaired", rule=None, column="machine_time", hours=hours)


_ORPHANS: dict[str, Callable[[str], dict[str, str]]] = {
    "erp.order_freight": lambda n: {"freight_no": f"FR{n}-01", "order_no": f"SO{n}", "line_no": "1"},
    "erp.order_rebates": lambda n: {"rebate_no": f"RB{n}-01", "order_no": f"SO{n}", "line_no": "1"},
    "finance.payments": lambda n: {"payment_id": f"PAY{n}-1", "invoice_no": f"INV{n}"},
    "wms.receipts": lambda n: {"receipt_no": f"GR{n}-01-1", "po_no": f"PO{n}", "po_line_no": "1"},
    "carrier.shipments": lambda n: {"tracking_no": f"TR{n}-01-1", "delivery_no": f"DN{n}-01-1"},
    "mes.downtime_events": lambda n: {"event_id": f"DT{n}-1", "run_id": f"RUN{n}"},
}


def orphan_row(draft: Draft, rng: Random, memory: Memory, sequence: int) -> Record | None:
    """A further row whose parent exists nowhere."""
    model = draft.pick(rng, least_mark=NORMAL)
    if model is None:
        return None
    digits = number(draft.day, _FIRST_INVENTED + memory.invented % _INVENTED_PER_DAY)
    memory.invented += 1
    place = _append(draft, list(draft.lines[model]))
    names = _ORPHANS[draft.table.name](digits)
    for column, text in names.items():
        _set(draft, place, column, text)
    parent = {column: text for column, text in names.items() if column not in draft.table.key}
    return _at(draft, place, outcome="held_back", rule="orphan_row", parent=parent)


def truncated_export(draft: Draft, rng: Random, memory: Memory, sequence: int) -> Record | None:
    """A stock count that stops after some 60 % of its rows."""
    if not draft.untouched or draft.day > draft.until - 2:
        return None
    whole = len(draft.lines)
    del draft.lines[max(1, whole * 6 // 10) :]
    draft.sealed = draft.set_aside = True
    draft.lost = [event.row for event in draft.events]
    return {"outcome": "set_aside", "rule": "shorter_export", "rows": len(draft.lines), "rows_expected": whole}


def reused_id(draft: Draft, rng: Random, memory: Memory, sequence: int) -> Record | None:
    """The number of an earlier document on another one; the earlier stays."""
    earlier = memory.earlier.get(draft.table.name)
    model = draft.pick(rng, least_mark=NORMAL)
    if earlier is None or model is None:
        return None
    line = list(draft.lines[model])
    for column in draft.table.key:
        line[draft.table.at(column)] = earlier[draft.table.at(column)]
    fixed = (
        ("customer_no", "ordered_at") if draft.table.name == "erp.sales_order_lines" else ("supplier_no", "ordered_on")
    )
    if all(line[draft.table.at(column)] == earlier[draft.table.at(column)] for column in fixed):
        return None
    return _at(draft, _append(draft, line), outcome="quarantined", rule="id_reused")


def negative_stock(draft: Draft, rng: Random, memory: Memory, sequence: int) -> Record | None:
    """A count below zero."""
    place = draft.pick(rng, least_mark=NORMAL, fits=lambda row: row[3] > 0)
    if place is None:
        return None
    _lose(draft, place)
    _set(draft, place, "on_hand_qty", str(-1 - rng.randrange(40)))
    return _at(draft, place, outcome="quarantined", rule="min", column="on_hand_qty")


def impossible_date(draft: Draft, rng: Random, memory: Memory, sequence: int) -> Record | None:
    """Delivered before it was shipped; or the 30th of February."""
    place = draft.pick(rng, least_mark=LEAF)
    if place is None:
        return None
    row = draft.events[place].row
    if draft.table.name == "wms.deliveries":
        column, rule = "delivered_at", "delivered_after_shipped"
        text = (row[4] - timedelta(days=1 + rng.randrange(3))).isoformat(" ", "seconds")
    else:
        if len(draft.lines) < 2:
            return None
        column, rule = "surveyed_at", "valid_timestamp"
        text = f"{row[3].year}-02-30 {row[3].time().isoformat('seconds')}"
    _lose(draft, place)
    _set(draft, place, column, text)
    return _at(draft, place, outcome="quarantined", rule=rule, column=column)


def unmatched_code(draft: Draft, rng: Random, memory: Memory, sequence: int) -> Record | None:
    """A code that no crosswalk knows."""
    place = draft.pick(rng, least_mark=NORMAL)
    if place is None:
        return None
    memory.invented += 1
    unknown = 99_000 + memory.invented
    column, code = (
        ("sku", f"SKU{unknown:08d}") if draft.table.name == "wms.stock_counts" else ("product_code", f"DC-{unknown}")
    )
    _lose(draft, place)
    _set(draft, place, column, code)
    return _at(draft, place, outcome="held_back", rule="unmatched_code", column=column, code=code)


def duplicate_export(draft: Draft, rng: Random, memory: Memory, sequence: int) -> Record | None:
    """The same file once more, named as the next day's."""
    if not draft.untouched or draft.day >= draft.until:
        return None
    draft.sealed = True
    following = date.fromordinal(draft.day + 1).isoformat()
    copy = f"{draft.table.system}/{draft.table.short}_{following}_resent.{draft.table.suffix}"
    draft.copies.append((copy, None))
    return {"outcome": "set_aside", "rule": "duplicate_export", "file": copy, "same_as": draft.name}


def changed_date_format(draft: Draft, rng: Random, memory: Memory, sequence: int) -> Record | None:
    """One day's file with dates as dd/mm/yyyy throughout."""
    if not draft.untouched or draft.first_day != draft.day or any(event.mark < LEAF for event in draft.events):
        return None
    for place, kind in enumerate(draft.table.kinds):
        if kind not in {"t", "d"}:
            continue
        for row, line in enumerate(draft.lines):
            day, _, time = line[place].partition(" ")
            year, month, of_month = day.split("-")
            changed = list(line)
            changed[place] = f"{of_month}/{month}/{year}{' ' if time else ''}{time}"
            draft.lines[row] = changed
    draft.sealed = draft.set_aside = True
    draft.lost = [event.row for event in draft.events]
    return {"outcome": "set_aside", "rule": "date_format_changed", "rows": len(draft.lines)}


def unparseable_file(draft: Draft, rng: Random, memory: Memory, sequence: int) -> Record | None:
    """A further file of rubbish."""
    name = (
        f"{draft.table.system}/{draft.table.short}_{date.fromordinal(draft.day).isoformat()}_part2.{draft.table.suffix}"
    )
    if any(copy == name for copy, _ in draft.copies):
        return None
    draft.copies.append((name, b"\x00\xff\xfe\x8f" + rng.randbytes(400)))
    return {"outcome": "set_aside", "rule": "unparseable", "file": name}


PLANTERS: dict[str, Callable[[Draft, Random, Memory, int], Record | None]] = {
    "duplicate_row": duplicate_row,
    "missing_key": missing_key,
    "late_file": late_file,
    "wrong_unit_declared": wrong_unit_declared,
    "wrong_unit_undeclared": wrong_unit_undeclared,
    "drifting_clock": drifting_clock,
    "orphan_row": orphan_row,
    "truncated_export": truncated_export,
    "reused_id": reused_id,
    "negative_stock": negative_stock,
    "impossible_date": impossible_date,
    "unmatched_code": unmatched_code,
    "duplicate_export": duplicate_export,
    "changed_date_format": changed_date_format,
    "unparseable_file": unparseable_file,
}
