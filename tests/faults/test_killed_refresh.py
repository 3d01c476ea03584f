"""A refresh killed (kill -9) at each of its named points and done again: no row lost, none twice, no half snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from tests.faults.forked_children import ForkedChildren
from tests.platform_world import PlatformWorld

METRIC = "metric_customer_satisfaction"


class Refreshes:
    """Refreshes of one state folder in children that die where they are told to."""

    def __init__(self, home: Path, children: ForkedChildren) -> None:
        self._home = home
        self._children = children

    def until(self, point: str) -> int:
        """Refresh until the point is reached, an empty one to the end; the exit code, 137 for a kill."""
        return self._children.run(home=str(self._home), point=point)


@contextmanager
def refreshes(home: Path) -> Iterator[Refreshes]:
    with ForkedChildren("tests.faults.refresh_child") as children:
        yield Refreshes(home, children)


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
    with refreshes(world.home) as killed:
        world.post("crm", "satisfaction", _answers(0, [1, 2]), name="good")
        world.refresh()
        first = _sums(world)
        # A day later, without new rows. What was put in service before the kill stays there.
        assert killed.until("publishing.after_switch") == 137
        good = _sums(world)
        assert (good[0] != first[0], good[1:]) == (True, first[1:])

        world.post("crm", "satisfaction", _answers(2, [1, 2, 3]), name="new")
        for point in ("refresh.before_build", "refresh.after_build", "publishing.before_commit"):
            assert killed.until(point) == 137, point
            assert _sums(world) == good, f"readers see nothing of a refresh killed at {point}"
        assert _left_over(world), "so that their removal shows below"
        assert killed.until("publishing.before_switch") == 137
        assert _sums(world) == good, "the new snapshot is whole, and not in service yet"

        # Nothing came since: the next refresh finds what was published and not put in service all the same.
        newest, *older = (info.id for info in world.platform.snapshots.list())
        assert older == [good[0], first[0]]
        assert killed.until("") == 0
    assert _sums(world) == (newest, 3 * good[1], good[2] + 3), "each answer once"
    assert world.rows("select count(*) from raw.crm__satisfaction where survey_id like 'SV-K%'") == [(5,)]
    assert _left_over(world) == set()
    print("refreshes killed: 5")
