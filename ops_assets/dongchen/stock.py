"""The warehouses: what lies where, what is made or moved so that nothing runs out, and the three daily counts.

Belongs here: the only state that one day hands to the next. Does not belong here: what customers order or suppliers
deliver; those moves are given. Quantities are EA.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from ops_assets.dongchen.plan import Emit
from ops_assets.dongchen.production import plan_run
from ops_assets.dongchen.tables import NORMAL, PROTECTED, Event
from ops_assets.dongchen.timeline import moment, stream, weekday
from ops_assets.dongchen.world import World

COUNTED_AT = 85_800
"""23:50, in seconds after midnight: the three systems export their stock."""
DISPUTED_ERP = 12
"""Pieces more than counted that the ERP holds of the disputed item: blocked for scrap that is not booked yet."""
DISPUTED_FINANCE = 5
"""Pieces more than counted that finance holds of the disputed item: a return credited before it came back."""

Place = tuple[str, str]
"""(sku, warehouse)"""


class Stock:
    """Stock at the end of the last closed day. ``levels`` maps (sku, warehouse) to EA; empty before the first day."""

    def __init__(self, world: World, levels: Mapping[Place, int] | None = None) -> None:
        self._world = world
        self._places: tuple[Place, ...] = tuple(
            (item.sku, warehouse)
            for item in world.stocked
            for warehouse in ((item.home,) if item.second is None else (item.home, item.second))
        )
        if levels is not None and set(levels) != set(self._places):
            raise ValueError("the saved stock does not belong to this seed and scale: delete the state file")
        self.levels: dict[Place, int] = dict(levels or {})

    def work(self, day: int, moves: Sequence[Event], emit: Emit) -> None:
        """Produce, consume and transfer on a day, given its other ``moves`` (stock_moves events); book them all."""
        if not self.levels:
            self._open(day, emit)
        change: dict[Place, int] = {}
        for event in moves:
            place = (event.row[1], event.row[2])
            change[place] = change.get(place, 0) + event.row[4]
        after = {place: level + change.get(place, 0) for place, level in self.levels.items()}
        self._produce(day, after, emit)
        self._consume(day, after, emit)
        self._transfer(day, after, emit)
        self.levels = after

    def _open(self, day: int, emit: Emit) -> None:
        opened_at = moment(day, 1_800)
        stamp = f"{date.fromordinal(day):%Y%m%d}"
        for item in self._world.stocked:
            for warehouse, level in ((item.home, item.target), (item.second, item.target // 5 + 10)):
                if warehouse is None:
                    continue
                self.levels[item.sku, warehouse] = level
                move = f"MO{stamp}-{item.number}" + ("" if warehouse == item.home else "-2")
                emit("wms.stock_moves", opened_at, (move, item.sku, warehouse, opened_at, level, "receipt", "OPENING"))

    def _produce(self, day: int, after: dict[Place, int], emit: Emit) -> None:
        world = self._world
        rng = stream(world.seed, "production", day)
        sequence = 0
        lines = len(world.lines)
        for line, name in enumerate(world.lines):
            if weekday(day) == 6:
                break
            candidates = world.products[line::lines]
            cover = sorted((after[item.sku, item.home] / item.target, item.number) for item in candidates)
            by_number = {item.number: item for item in candidates}
            for shift in range(2):
                share, item_number = cover[min(shift, len(cover) - 1)]
                if share > 1.15:
                    continue
                item = by_number[item_number]
                wanted = max(1, round(item.target * 1.25) - after[item.sku, item.home])
                made = plan_run(rng, day, sequence, name, shift, item, wanted, emit)
                after[item.sku, item.home] += made
                sequence += 1
        short_at = moment(day, 23_400)
        stamp = f"{date.fromordinal(day):%Y%m%d}"
        for item in world.products:
            place = (item.sku, item.home)
            if after[place] < item.target // 10:
                bought = item.target // 2
                after[place] += bought
                row = (f"MX{stamp}-{item.number}", item.sku, item.home, short_at, bought, "receipt", "SUBCONTRACT")
                emit("wms.stock_moves", short_at, row)

    def _consume(self, day: int, after: dict[Place, int], emit: Emit) -> None:
        if weekday(day) > 4:
            return
        rng = stream(self._world.seed, "consumption", day)
        stamp = f"{date.fromordinal(day):%Y%m%d}"
        for item in self._world.parts:
            place = (item.sku, item.home)
            used = int((after[place] - item.target // 4) * (0.03 + 0.06 * rng.random()))
            if used <= 0:
                continue
            after[place] -= used
            at = moment(day, 27_000 + int(rng.random() * 6_000))
            row = (f"MC{stamp}-{item.number}", item.sku, item.home, at, -used, "transfer", "SHOPFLOOR")
            emit("wms.stock_moves", at, row)

    def _transfer(self, day: int, after: dict[Place, int], emit: Emit) -> None:
        rng = stream(self._world.seed, "transfers", day)
        stamp = f"{date.fromordinal(day):%Y%m%d}"
        for item in self._world.products:
            if item.second is None or rng.random() > 0.12:
                continue
            home, second = (item.sku, item.home), (item.sku, item.second)
            moved = min(after[home] // 10, 1 + int(rng.random() * 12))
            if after[second] > item.target // 4 + 10:
                moved = -min(after[second] // 2, 20)
            if moved:
                at = moment(day, 50_400 + int(rng.random() * 7_000))
                after[home] -= moved
                after[second] += moved
                tag = f"MT{stamp}-{item.number}"
                emit("wms.stock_moves", at, (f"{tag}-1", item.sku, item.home, at, -moved, "transfer", tag))
                emit("wms.stock_moves", at, (f"{tag}-2", item.sku, item.second, at, moved, "transfer", tag))
            elif after[second] > 0:
                at = moment(day, 50_400)
                after[second] -= 1
                row = (f"MA{stamp}-{item.number}", item.sku, item.second, at, -1, "adjust", "CYCLE-COUNT")
                emit("wms.stock_moves", at, row)

    def count(self, day: int, emit: Emit, *, disputed: bool) -> None:
        """Export the end-of-day stock of the three systems; if ``disputed`` they differ, for the disputed item."""
        at = moment(day, COUNTED_AT)
        on = date.fromordinal(day)
        odd = self._world.disputed_item.sku if disputed else ""
        erp = {item.sku: item for item in self._world.stocked}
        totals: dict[str, int] = {}
        for sku, warehouse in self._places:
            level = self.levels[sku, warehouse]
            mark = PROTECTED if sku == odd else NORMAL
            emit("wms.stock_counts", at, (on, sku, warehouse, level), mark)
            blocked = DISPUTED_ERP if sku == odd else 0
            emit("erp.stock_balances", at, (on, erp[sku].erp, warehouse, level + blocked, blocked))
            totals[sku] = totals.get(sku, 0) + level
        for item in self._world.stocked:
            returned = DISPUTED_FINANCE if item.sku == odd else 0
            quantity = totals[item.sku] + returned
            emit("finance.stock_ledger", at, (on, item.finance, quantity, quantity * item.standard_cost, returned))
