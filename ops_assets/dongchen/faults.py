"""The known faults: when each is planted, into which file, and what must become of it.

Belongs here: the schedule. The kinds themselves are in ``fault_kinds``. A fault never touches a
protected row, and never a row to which other rows refer in a way that would lose them too.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

from ops_assets.dongchen.draft import Draft, Memory
from ops_assets.dongchen.fault_kinds import PLANTERS
from ops_assets.dongchen.tables import NORMAL
from ops_assets.dongchen.timeline import DAILY_DAYS, stream

PATIENCE_DAYS = 45
"""A fault that found no fitting row in its own table for so long takes any table that fits."""
LAST_CHANCE_DAYS = 8
"""In the last days of the history every table that fits is taken."""

KINDS: dict[str, tuple[str, ...]] = {
    "duplicate_row": (
        "wms.deliveries",
        "crm.satisfaction",
        "mes.production_runs",
        "finance.payments",
        "mes.inspections",
    ),
    "missing_key": (
        "mes.inspections",
        "finance.payments",
        "wms.deliveries",
        "crm.satisfaction",
        "erp.order_rebates",
        "mes.downtime_events",
    ),
    "late_file": ("wms.deliveries", "finance.payments", "wms.receipts", "crm.satisfaction", "erp.order_costs"),
    "wrong_unit_declared": ("wms.receipts", "carrier.shipments", "qclab.lab_results"),
    "wrong_unit_undeclared": ("erp.purchase_order_lines",),
    "drifting_clock": ("mes.production_runs", "mes.downtime_events"),
    "orphan_row": (
        "wms.receipts",
        "erp.order_freight",
        "finance.payments",
        "carrier.shipments",
        "erp.order_rebates",
        "mes.downtime_events",
    ),
    "truncated_export": ("wms.stock_counts",),
    "reused_id": ("erp.sales_order_lines", "erp.purchase_order_lines"),
    "negative_stock": ("wms.stock_counts",),
    "impossible_date": ("wms.deliveries", "crm.satisfaction"),
    "unmatched_code": ("wms.stock_counts", "crm.quotes"),
    "duplicate_export": ("erp.order_rebates", "crm.satisfaction", "erp.order_freight", "finance.payments"),
    "changed_date_format": ("crm.satisfaction", "mes.inspections"),
    "unparseable_file": ("crm.quotes", "qclab.lab_results", "mes.production_runs"),
}
"""Every kind of fault with the tables it may be planted in, preferred in turn."""

_REMEMBERED = frozenset(KINDS["duplicate_row"] + KINDS["reused_id"])


@dataclass(slots=True)
class _Planned:
    kind: str
    table: str
    not_before: int
    sequence: int


class FaultPlan:
    """All faults of one history. ``records`` is filled while files pass through ``plant``."""

    def __init__(self, seed: int, scale: float, start: int, until: int) -> None:
        self._rng = stream(seed, "faults", until)
        self._memory = Memory()
        self._planned: list[_Planned] = []
        self.records: list[dict[str, Any]] = []
        self.not_planted: list[str] = []
        count = max(3, min(12, round(12 * sqrt(scale))))
        span = until - start
        for kind, tables in KINDS.items():
            for sequence in range(2 if kind == "changed_date_format" else count):
                not_before = start + 4 + int(span * (sequence + 0.5 * self._rng.random()) / count)
                if (
                    kind == "wrong_unit_undeclared"
                ):  # lines that nothing is received for are rare: leave time to meet one
                    not_before -= span // 5
                if kind == "changed_date_format":
                    not_before = until - DAILY_DAYS + 1 + sequence * (DAILY_DAYS // 2) + self._rng.randrange(3)
                if kind == "negative_stock" and sequence == count - 1:
                    not_before = until
                table = tables[(sequence + seed) % len(tables)]
                self._planned.append(_Planned(kind, table, not_before, sequence))

    def plant(self, draft: Draft) -> None:
        """Plant what is due in this file."""
        waiting = []
        for planned in self._planned:
            impatient = draft.day >= min(planned.not_before + PATIENCE_DAYS, draft.until - LAST_CHANCE_DAYS)
            fits = draft.table.name == planned.table or (impatient and draft.table.name in KINDS[planned.kind])
            if not fits or planned.not_before > draft.day or draft.sealed:
                waiting.append(planned)
                continue
            record = PLANTERS[planned.kind](draft, self._rng, self._memory, planned.sequence)
            if record is None:
                waiting.append(planned)
                continue
            self.records.append(
                {
                    "kind": planned.kind,
                    "system": draft.table.system,
                    "table": draft.table.short,
                    "file": draft.name,
                    "line": None,
                    "key": None,
                    **record,
                }
            )
        self._planned = waiting
        if not draft.sealed:
            self._remember(draft)

    def _remember(self, draft: Draft) -> None:
        if draft.table.name not in _REMEMBERED:
            return
        place = draft.pick(self._rng, least_mark=NORMAL)
        if place is not None:
            self._memory.earlier[draft.table.name] = list(draft.lines[place])

    def finish(self) -> None:
        """Note the kinds that found no place although they were due."""
        self.not_planted = sorted({planned.kind for planned in self._planned})
