"""A refresh killed (kill -9) at each of its named points and done again: no row lost, none twice, no half snapshot."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.platform_world import PlatformWorld

ROOT = Path(__file__).resolve().parents[2]
METRIC = "metric_customer_satisfaction"


class Refreshes:
    """Refreshes of one state folder in children that die where they are told to."""

    def __init__(self, home: Path, orders: Any, codes: Any) -> None:
        self._home = home
        self._orders = orders
        self._codes = codes

    def until(self, point: str, *, hours: int = 0) -> int:
        self._orders.write(json.dumps({"home": str(self._home), "point": point, "hours": hours}) + "\n")
        self._orders.flush()
        return int(self._codes.readline())


@contextmanager
def refreshes(home: Path) -> Iterator[Refreshes]:
    children = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.refresh_child"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with children:
        yield Refreshes(home, children.stdin, children.stdout)


def _answers(first: int, scores: list[int]) -> list[dict[str, object]]:
    return [
        {
            "survey_id": f"SV-K{number}",
            "account_id": "A-unknown",
            "order_no": None,
            "surveyed_at": "2026-11-21 10:00:00",
            "score": score,
        }
        for number, score in enumerate(scores, start=first)
    ]


def _sums(world: PlatformWorld) -> tuple[str, Decimal, Decimal]:
    """Id, numerator and denominator of what is in service. All that is kept can be read."""
    store = world.platform.snapshots
    for info in store.list():
        kept = store.get(info.id)
        for view in kept.rows("select view_name from duckdb_views() where not internal"):
            kept.rows(f'select count(*) from "{view["view_name"]}"')
        kept.close()
    row = world.metric(METRIC)
    return world.snapshot.id, Decimal(row["numerator"] or 0), Decimal(row["denominator"] or 0)


def _left_over(world: PlatformWorld) -> set[str]:
    """Files of publications that no listed snapshot has."""
    store = world.platform.snapshots
    known = {f"{info.id}{ending}" for info in store.list() for ending in (".json", ".duckdb")}
    parts = {part for info in store.list() for part in store.parts_of(info.id)}
    there = {str(path.relative_to(store.parts_dir)) for path in store.parts_dir.rglob("*.parquet")}
    return ({path.name for path in store.snapshots_dir.iterdir()} - known) | (there - parts)


def test_a_refresh_killed_at_any_point_is_done_again_and_nothing_is_lost(
    copy_world: Callable[..., PlatformWorld], empty_home: Path
) -> None:
    world = copy_world(empty_home)
    world.post("crm", "satisfaction", _answers(0, [1, 2]), name="good")
    world.refresh()
    good = _sums(world)
    assert good[2] == 2

    world.post("crm", "satisfaction", _answers(2, [1, 2, 3]), name="new")
    with refreshes(world.home) as killed:
        for point in ("refresh.before_build", "refresh.after_build", "publishing.before_commit"):
            assert killed.until(point) == 137, point
            assert _sums(world) == good, f"readers see nothing of a refresh killed at {point}"
        assert killed.until("publishing.before_switch") == 137
        assert _sums(world) == good, "the snapshot is whole, and not in service yet"
        kept = world.platform.snapshots.list()
        assert len(kept) == 2
        # Nothing came since: what was published and not put in service is found by the next refresh all the same.
        assert killed.until("") == 0
        snapshot, numerator, denominator = _sums(world)
        assert (snapshot, denominator) == (kept[0].id, good[2] + 3)
        assert numerator == 3 * good[1], "each answer once"
        assert world.rows("select count(*) from raw.crm__satisfaction where survey_id like 'SV-K%'") == [(5,)]

        # The day is over: new figures without new rows. Killed behind the switch, they are in service.
        assert killed.until("publishing.after_switch", hours=24) == 137
        after = _sums(world)
        assert after[0] != snapshot
        assert killed.until("", hours=24) == 0
        assert _sums(world) == after
        assert killed.until("", hours=48) == 0
    assert _left_over(world) == set()
    print("refreshes killed: 5")
