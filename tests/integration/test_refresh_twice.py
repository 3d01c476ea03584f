"""Sending everything twice changes nothing: files under the same and under other names, events by id and by content."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ops_assets.ingestion.inbox import Accepted
from ops_assets.landing import landing_tables
from tests.platform_world import PlatformWorld, PublishedHome


def _send_again(world: PlatformWorld) -> int:
    """Write every file anew under its own name, as a copying script would; returns how many."""
    files = [path for path in world.landing.rglob("*.*") if path.is_file()]
    for path in files:
        beside = path.with_name(f".{path.name}.tmp")
        shutil.copyfile(path, beside)
        beside.replace(path)
    return len(files)


def _rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_sending_everything_twice_changes_no_figure(
    copy_world: Callable[..., PlatformWorld], published: PublishedHome
) -> None:
    world = copy_world(published.home)
    figures, quarantined, snapshot = world.figures(), world.quarantined(), world.snapshot.id

    # 1. Every file once more under its own name.
    assert _send_again(world) > 200
    landed, _, made = world.refresh()
    assert (landed.ingestion.batches, landed.ingestion.set_aside, landed.ingestion.late) == ((), (), ())
    assert (made, world.snapshot.id, world.quarantined()) == (None, snapshot, quarantined)

    # 2. New events, then the same requests again: before and after they were loaded.
    answers = [
        {"survey_id": f"SV-T{n}", "account_id": "A-unknown", "order_no": None, "surveyed_at": "2026-11-21 10:00:00",
         "score": 1 + n % 3}
        for n in range(6)
    ]  # fmt: skip
    assert world.post("crm", "satisfaction", answers) == Accepted(6, 0)
    assert world.post("crm", "satisfaction", answers) == Accepted(0, 6)
    landed, _, made = world.refresh()
    assert (landed["crm__satisfaction"].rows_loaded, landed["crm__satisfaction"].rows_quarantined) == (6, 0)
    assert made is not None
    moved = world.figures()
    changed = {row["metric"] for row, before in zip(moved["metrics"], figures["metrics"], strict=True) if row != before}
    assert changed == {"metric_customer_satisfaction"}
    assert world.post("crm", "satisfaction", answers) == Accepted(0, 6)
    assert world.land().ingestion.batches == ()

    # 3. Rows that files brought come once more as events, and events under new ids: repeats, settled at once.
    repeated = 0
    for table in landing_tables(world.platform):
        if table.kind != "events" or table.format != "csv" or not table.files:
            continue
        files = sorted(world.landing.glob(table.files[0]))
        loaded = [path for path in files if "_resent" not in path.name and "_part2" not in path.name]
        rows = _rows(loaded[-2])[-3:] if len(loaded) > 1 else []
        current = [row for row in rows if _is_loaded_as(world, table.identifier, table.key, row)]
        if current:
            world.post(table.system, table.name, current, name=f"again-{table.name}")
            repeated += len(current)
    assert repeated > 20
    world.post("crm", "satisfaction", answers, name="other-ids")
    landed, _, made = world.refresh()
    assert landed.ingestion.rows_loaded == 0
    assert landed.ingestion.rows_in == landed.ingestion.rows_repaired == repeated + 6
    assert world.figures() == moved

    # 4. Everything again at once.
    _send_again(world)
    world.post("crm", "satisfaction", answers)
    landed, _, made = world.refresh()
    assert (landed.ingestion.batches, made) == ((), None)
    assert world.figures() == moved


def _is_loaded_as(world: PlatformWorld, identifier: str, key: tuple[str, ...], row: dict[str, Any]) -> bool:
    """Whether the row is the version in force: an older one that comes again is no repeat, but a correction."""
    where = " and ".join(f"cast({column} as varchar) = '{row[column]}'" for column in key)
    return len(world.rows(f"select 1 from raw.{identifier} where _is_current and {where}")) == 1
