"""Refreshes a state folder in children that die at a named fault point; test_killed_refresh orders them.

An order has ``home`` and ``point`` (empty: none). The clock stands a day after the world's.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

# What a refresh imports on its way; here, so that children find it.
import dagster_duckdb  # noqa: F401
import dbt.adapters.duckdb
import dbt.cli.main  # noqa: F401

from ops_assets.semantic import engine  # noqa: F401
from resources import fault_points
from tests.faults.forked_children import serve
from tests.platform_world import PlatformWorld


def act(order: dict[str, Any]) -> None:
    world = PlatformWorld(Path(order["home"]))
    world.clock.advance(timedelta(days=1))
    fault_points.arm(order["point"])
    world.refresh()


if __name__ == "__main__":
    serve(act)
