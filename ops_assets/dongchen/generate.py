"""The generator: runs the company from the first to the last day and writes what its systems export.

Belongs here: files of a history, their faults, the truth beside them. Same arguments, same bytes, in any process.
A longer history is not a prefix of another: rows of common days are the same (for the same first day), but the
grouping into files, the faults, the disputes and the story hang on the last day.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

from ops_assets.dongchen.company import Company, Day, master_data
from ops_assets.dongchen.draft import Draft
from ops_assets.dongchen.faults import FaultPlan
from ops_assets.dongchen.ledger import Ledger
from ops_assets.dongchen.plan import Emit
from ops_assets.dongchen.special import (
    DISPUTED_DAYS,
    SHORTEST_HISTORY,
    disputed_item_truth,
    plan_disputed_order,
    plan_story,
)
from ops_assets.dongchen.tables import TABLES, Event, Row, Table
from ops_assets.dongchen.timeline import DAILY_DAYS, chunks, is_month_start, weekday
from ops_assets.dongchen.truth import breaches, figures, metrics_document
from ops_assets.dongchen.world import build_world
from ops_assets.dongchen.writer import Text, encode, texts, write_file

ARRIVALS = "_arrivals.jsonl"
WEEKLY_FILES_ABOVE_SCALE = 2.0

Progress = Callable[[str], None]
"""Takes a sentence on how far the work is, about ten times."""


@dataclass(slots=True)
class _Totals:
    files: int = 0
    rows_in: int = 0
    rows_set_aside: int = 0


@dataclass(slots=True)
class _Export:
    """Writes files of the history and keeps the books about them."""

    folder: Path
    until: int
    ledger: Ledger | None
    plan: FaultPlan | None
    totals: dict[str, _Totals] = field(default_factory=dict)
    lost: list[tuple[str, Row]] = field(default_factory=list)
    arrivals: list[dict[str, str]] = field(default_factory=list)
    last_snapshots: dict[str, list[Text]] = field(default_factory=dict)

    def snapshots(self, day: int, exported: Day) -> None:
        """Write the master data that changed since its last export."""
        for name, events in exported.items():
            lines = texts(TABLES[name], [event.row for event in events])
            if self.last_snapshots.get(name) != lines:
                self.last_snapshots[name] = lines
                self._file(TABLES[name], day, day, events, lines)

    def events(self, table: Table, first_day: int, day: int, events: list[Event]) -> None:
        """Write one file of events, faults planted."""
        if table.versioned:
            events = newest(table, events)
        if self.ledger is not None:
            for event in events:
                self.ledger.add(table.name, event.row)
        self._file(table, first_day, day, events, texts(table, [event.row for event in events]))

    def _file(self, table: Table, first_day: int, day: int, events: list[Event], lines: list[Text]) -> None:
        name = f"{table.system}/{table.short}_{date.fromordinal(day).isoformat()}.{table.suffix}"
        draft = Draft(table, first_day, day, self.until, name, events, lines)
        if self.plan is not None and table.kind == "events":
            self.plan.plant(draft)
        content = encode(table, draft.lines)
        write_file(self.folder / name, content, durable=False)
        for copy, other in draft.copies:
            write_file(self.folder / copy, content if other is None else other, durable=False)
        if draft.arrives is not None:
            self.arrivals.append({"file": name, "arrived_on": date.fromordinal(draft.arrives).isoformat()})
        self.lost.extend((table.name, row) for row in draft.lost)
        totals = self.totals.setdefault(table.name, _Totals())
        totals.files += 1
        totals.rows_in += len(draft.lines)
        totals.rows_set_aside += len(draft.lines) if draft.set_aside else 0


def newest(table: Table, events: list[Event]) -> list[Event]:
    """Only the last version of each key, in the order of their coming."""
    by_key: dict[tuple[Any, ...], Event] = {}
    for event in events:
        key = table.key_of(event.row)
        by_key.pop(key, None)
        by_key[key] = event
    return list(by_key.values())


def _exports_stock(table: Table, day: int, until: int) -> bool:
    return table.name == "wms.stock_counts" or weekday(day) == 0 or day > until - DAILY_DAYS


def generate(
    landing: Path,
    truth: Path | None,
    *,
    seed: int = 7,
    scale: float = 0.1,
    days: int = 365,
    until: date,
    faults: Literal["all", "none"] = "all",
    progress: Progress | None = None,
) -> None:
    """Write the exports of ``days`` days ending with ``until`` into ``landing`` and the truth into ``truth``.

    ``landing`` appears whole or not at all (a killed run leaves ``<landing>.partial``, which the next run replaces);
    it must not hold anything yet. Without ``truth`` the figures are not computed. ``until`` is a whole day of the
    company's local time. Raises ValueError for a scale or a number of days that is not usable, FileExistsError for
    a folder that is not empty.
    """
    if days < SHORTEST_HISTORY:
        raise ValueError(
            f"days {days} is too short: give at least {SHORTEST_HISTORY}, the story and disputes need them"
        )
    if faults not in {"all", "none"}:
        raise ValueError(f"faults {faults!r} is unknown: give all or none")
    if landing.exists() and (not landing.is_dir() or any(landing.iterdir())):
        raise FileExistsError(f"{landing} is not an empty folder: give a new one, or delete it first")
    world = build_world(seed, scale)
    last = until.toordinal()
    start = last - days + 1
    partial = landing.with_name(f"{landing.name}.partial")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    special: dict[str, Any] = {}

    def plant(emit: Emit) -> None:
        special["order"] = plan_disputed_order(world, last, emit)
        special["story"] = plan_story(world, start, last, emit)

    company = Company(world, start, extra=plant)
    plan = FaultPlan(seed, scale, start, last) if faults == "all" else None
    export = _Export(partial, last, None if truth is None else Ledger(world), plan)
    for first_day, day in chunks(start, last, weekly=scale > WEEKLY_FILES_ABOVE_SCALE):
        grouped: Day = {}
        for today in range(first_day, day + 1):
            if today in {start, last} or is_month_start(today):
                export.snapshots(today, master_data(world, today))
            for name, events in company.run_day(disputed=today > last - DISPUTED_DAYS).items():
                if not TABLES[name].one_day:
                    grouped.setdefault(name, []).extend(events)
                elif _exports_stock(TABLES[name], today, last):
                    export.events(TABLES[name], today, today, events)
            if progress is not None and (done := today - start + 1) * 10 // days > (done - 1) * 10 // days:
                progress(f"sample company: {done} of {days} days")
        for name, table in TABLES.items():
            if name in grouped:
                export.events(table, first_day, day, grouped[name])
    if plan is not None:
        plan.finish()
    if export.arrivals:
        manifest = "".join(f"{json.dumps(entry)}\n" for entry in export.arrivals)
        write_file(partial / ARRIVALS, manifest.encode(), durable=False)
    if truth is not None and export.ledger is not None:
        arguments = {"seed": seed, "scale": scale, "days": days, "until": until.isoformat(), "faults_planted": faults}
        disputed = world.disputed_item
        counted = company.stock.levels[disputed.sku, disputed.home]
        document = {
            **arguments,
            "start": date.fromordinal(start).isoformat(),
            **_figures(export, last),
            "faults": plan.records if plan is not None else [],
            "faults_not_planted": plan.not_planted if plan is not None else [],
            "disputes": {"order": special["order"], "item": disputed_item_truth(world, last, counted)},
            "story": special["story"],
            "tables": {
                name: {"files": total.files, "rows_in": total.rows_in, "rows_set_aside": total.rows_set_aside}
                for name, total in export.totals.items()
            },
        }
        write_file(truth, f"{json.dumps(document, indent=1)}\n".encode(), durable=True)
    if landing.exists():
        landing.rmdir()
    partial.rename(landing)


def _figures(export: _Export, as_of: int) -> dict[str, Any]:
    assert export.ledger is not None
    clean = figures(export.ledger, as_of)
    for table, row in export.lost:
        export.ledger.remove(table, row)
    publish = figures(export.ledger, as_of)
    return {"metrics": metrics_document(clean, publish), "breaches": breaches(publish, as_of)}
