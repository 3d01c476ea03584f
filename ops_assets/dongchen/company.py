"""The company, day by day: plans what each day decides, and hands out what each day makes known.

Belongs here: the order of the days. The generator runs it from the first day; the feed resumes it at any day, because
every plan is pure and only the stock is carried over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime

from ops_assets.dongchen.orders import plan_orders, plan_quotes
from ops_assets.dongchen.people import hr_rows, plan_absences
from ops_assets.dongchen.plan import Emit
from ops_assets.dongchen.stock import Place, Stock
from ops_assets.dongchen.supply import plan_projects, plan_purchases
from ops_assets.dongchen.tables import NORMAL, TABLES, Event, Row
from ops_assets.dongchen.timeline import MAX_LAG_DAYS, moment
from ops_assets.dongchen.world import World, snapshot_rows

Day = dict[str, list[Event]]
"""The events of one day by table."""


class Company:
    """The state between two days. ``next_day`` is the first day not yet run."""

    def __init__(self, world: World, start: int, *, extra: Callable[[Emit], None] | None = None) -> None:
        """A company that opens on day ``start``; ``extra`` emits events planned by hand, on ``start`` or later."""
        self.world = world
        self.start = start
        self.next_day = start
        self.stock = Stock(world)
        self._pending: dict[int, Day] = {}
        if extra is not None:
            extra(self._emit)

    @classmethod
    def resume(cls, world: World, start: int, day: int, levels: Mapping[Place, int]) -> Company:
        """The company that opened on ``start``, about to run ``day``, with the stock at the end of the day before."""
        company = cls(world, start)
        company.stock = Stock(world, levels)
        for earlier in range(max(start, day - MAX_LAG_DAYS), day):
            company._plan(earlier)
        company._pending = {later: events for later, events in company._pending.items() if later >= day}
        company.next_day = day
        return company

    def _emit(self, table: str, when: datetime, row: Row, mark: int = NORMAL) -> None:
        day = self._pending.setdefault(when.toordinal(), {})
        events = day.get(table)
        if events is None:
            events = day[table] = []
        events.append(Event(when, row, mark))

    def _plan(self, day: int) -> None:
        plan_orders(self.world, day, self._emit)
        plan_quotes(self.world, day, self._emit)
        plan_purchases(self.world, day, self._emit)
        plan_projects(self.world, day, self._emit)
        plan_absences(self.world.seed, self.world.people, day, self._emit)

    def run_day(self, *, disputed: bool) -> Day:
        """Run the next day; returns its events, each table sorted by time. ``disputed``: see Stock.count."""
        day = self.next_day
        self._plan(day)
        self.stock.work(day, self._pending.get(day, {}).get("wms.stock_moves", []), self._emit)
        self.stock.count(day, self._emit, disputed=disputed)
        self.next_day += 1
        events = self._pending.pop(day)
        for rows in events.values():
            rows.sort(key=_when)
        return events


def _when(event: Event) -> datetime:
    return event.when


def master_data(world: World, day: int) -> Day:
    """The snapshots of master data as exported at the start of a day."""
    on = date.fromordinal(day)
    month = on.year * 12 + on.month
    at = moment(day, 300)
    exported: Day = {}
    for name, table in TABLES.items():
        if table.kind == "snapshot":
            rows = hr_rows(world.people, name) if table.system == "hr" else snapshot_rows(world, name, month)
            exported[name] = [Event(at, row) for row in rows]
    return exported
