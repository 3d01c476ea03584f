"""The shop floor: work orders, runs, downtime, inspections.

Belongs here: what one production line makes on one day, given what the warehouse lacks. Cycle times are multiples
of 60 ms, so that good_count * ideal_cycle_seconds / 60 is a whole number of thousandths of a minute.
"""

from __future__ import annotations

from datetime import timedelta
from random import Random

from ops_assets.dongchen.plan import Emit
from ops_assets.dongchen.tables import LEAF, NORMAL
from ops_assets.dongchen.timeline import drift, moment, number
from ops_assets.dongchen.world import Item

SHIFT_STARTS = (28_800, 57_600)
"""08:00 and 16:00, in seconds after midnight."""
LONGEST_RUN = 440
"""Planned minutes of a full shift."""
_REASONS = ("changeover", "tool wear", "material missing", "breakdown", "cleaning")
_PLANNED = (180, 240, 300, 360, 420, LONGEST_RUN)


def plan_run(rng: Random, day: int, sequence: int, line: str, shift: int, item: Item, wanted: int, emit: Emit) -> int:
    """Make about ``wanted`` units of an item in one shift; returns the good units, which go to the item's home."""
    chance = rng.random
    digits = number(day, sequence)
    needed = wanted * item.cycle_ms / 60_000 / 0.76
    planned = next((minutes for minutes in _PLANNED if minutes >= needed), LONGEST_RUN)
    starts = moment(day, SHIFT_STARTS[shift] + 60 * int(chance() * 8))
    trend = drift(day)
    lost = 0
    stops: list[tuple[int, int]] = []
    for _ in range(1 + int(chance() * 3)):
        minutes = 4 + int(chance() * planned * 0.085)
        stops.append((int(chance() * (planned - 30)), minutes))
        lost += minutes
    running_ms = (planned - lost) * 60_000
    total = max(1, int(running_ms / item.cycle_ms * (0.865 + 0.09 * chance() + 0.015 * trend)))
    scrapped = int(total * (0.012 + 0.03 * chance() - 0.004 * trend) + chance())
    good = max(0, total - scrapped)
    ends = starts + timedelta(minutes=planned)
    lag = timedelta(seconds=2 + int(chance() * 80))
    emit(
        "mes.work_orders",
        starts,
        (f"WO{digits}", item.mes, line, starts, max(1, int(planned * 45_600 / item.cycle_ms))),
    )
    emit(
        "mes.production_runs",
        ends,
        (f"RUN{digits}", f"WO{digits}", line, item.mes, ends, ends + lag, planned, total, good, item.cycle_ms),
    )
    for place, (offset, minutes) in enumerate(stops, start=1):
        at = starts + timedelta(minutes=offset)
        emit(
            "mes.downtime_events",
            ends,
            (
                f"DT{digits}-{place}",
                f"RUN{digits}",
                line,
                at,
                at + timedelta(seconds=1 + int(chance() * 60)),
                minutes,
                _REASONS[int(chance() * 5)],
            ),
        )
    first_pass = total - int(total * (0.03 + 0.03 * chance() - 0.006 * trend) + chance())
    reworked = min(total - first_pass, int((total - first_pass) * (0.5 + 0.5 * chance()) + chance()))
    inspected_at = ends + timedelta(minutes=3 + int(chance() * 8))
    emit(
        "mes.inspections",
        inspected_at,
        (f"IN{digits}", f"WO{digits}", item.mes, inspected_at, total, max(0, first_pass), reworked),
        LEAF,
    )
    stored_at = ends + timedelta(minutes=5)
    if good:
        emit(
            "wms.stock_moves",
            stored_at,
            (f"MP{digits}", item.sku, item.home, stored_at, good, "receipt", f"WO{digits}"),
            NORMAL,
        )
    return good
