"""Kill ingestion at every named point, start it again, and compare with a run that was never killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ops_assets.ingestion import inbox, quarantine
from resources import ops_database
from tests.packs.ingestion_world import World, order_line

POINTS = [
    "ingestion.after_set_aside",
    "ingestion.before_loading_commit",
    "ingestion.after_loading_commit",
    "ingestion.inside_warehouse_transaction",
    "ingestion.after_warehouse_commit",
    "ingestion.before_loaded_commit",
    "ingestion.after_loaded_commit",
]
ROOT = Path(__file__).resolve().parents[2]
_RUN = """
import sys
from pathlib import Path
from resources import fault_points, ops_database
from tests.packs.ingestion_world import World
world = World(Path(sys.argv[1]), ops_database.open_engine(sys.argv[2]))
point, skip = sys.argv[3], int(sys.argv[4])
real = fault_points.fault_point
import ops_assets.ingestion.chunk_load as chunk_load, ops_assets.ingestion.raw_load as raw_load
import ops_assets.ingestion.load as load
def counting(name):
    global skip
    if name == point:
        if skip == 0:
            real(name)
        skip -= 1
for module in (chunk_load, raw_load, load):
    module.fault_point = counting
fault_points.arm(point)
world.ingest(chunk_rows=2)
"""


def _fill(home: Path, url: str) -> World:
    """A world in which every kind of batch waits: files of two tables, events, a retry, files to set aside."""
    home.mkdir()
    engine = ops_database.open_engine(url)
    ops_database.migrate(engine)
    world = World(home, engine)
    world.land_orders("2026-11-01", [order_line("SO0009", quantity=0)])
    world.ingest()
    (row,) = quarantine.list_rows(engine)
    quarantine.retry(engine, row.id, by="li.wei", clock=world.clock, edits={"quantity": 3})
    world.land_orders("2026-11-02", [order_line(), order_line("SO0002"), order_line("bad")])
    world.land_orders("2026-11-02 copy", [order_line(), order_line("SO0002"), order_line("bad")])
    world.land_orders("2026-11-03", [order_line(quantity=7), order_line("SO0002"), order_line("SO0003")])
    world.land("erp/items_2026-10-01.csv", "item_no,name,standard_cost\nA,a,1\nB,b,2\n")
    world.land("erp/items_2026-11-01.csv", "item_no,name,standard_cost\nA,a2,1\nB,b,-2\n")
    event = {
        "order_no": "SO0003", "line_no": 1, "customer_no": "C1", "ordered_at": "2026-11-02 10:00:00", "quantity": 9,
        "unit_price": "12.50", "promised_date": "2026-11-20", "status": "open",
    }  # fmt: skip
    inbox.accept(engine, "erp", [{"event_id": "e1", "table": "order_lines", "row": event}], world.clock)
    return world


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_ingestion_ends_like_one_that_was_not(
    point: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    spared = _fill(tmp_path / "spared", f"sqlite:///{tmp_path / 'spared.db'}")
    spared.ingest()
    expected = spared.state()
    spared.close()
    url = f"sqlite:///{tmp_path / 'killed.db'}"
    _fill(tmp_path / "killed", url).close()
    killed = 0
    # Each round dies one passage later than where the round before it died, until nothing is left to do.
    for skip in range(12 if request.config.getoption("--soak") else 2):
        done = subprocess.run(
            [sys.executable, "-c", _RUN, str(tmp_path / "killed"), url, point, str(skip)],
            cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 137), done.stderr
        killed += done.returncode == 137
    assert killed, f"{point} was never reached"
    survivor = World(tmp_path / "killed", ops_database.open_engine(url))
    survivor.ingest()
    assert survivor.state() == expected
    assert survivor.ingest().batches == ()
    assert survivor.orders() == [
        ("SO0001", 1, 7, "open"), ("SO0002", 1, 5, "open"), ("SO0003", 1, 9, "open"), ("SO0009", 1, 3, "open"),
    ]  # fmt: skip
    survivor.close()
    print(f"{point}: killed {killed} times")
