"""Refreshes a state folder in children that die at a named fault point; driven by test_killed_refresh over pipes.

One line in: JSON with ``home`` and ``point`` (empty: none). One line out: the child's exit code (137 where it died at
the point, 0 where it came through). The clock stands a day after the world's. A forked child costs no imports.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any

# What a refresh imports on its way; here, so that children find it.
import dagster_duckdb  # noqa: F401
import dbt.adapters.duckdb
import dbt.cli.main  # noqa: F401

from ops_assets.semantic import engine  # noqa: F401
from resources import fault_points
from tests.platform_world import PlatformWorld


def act(order: dict[str, Any]) -> None:
    world = PlatformWorld(Path(order["home"]))
    world.clock.advance(timedelta(days=1))
    fault_points.arm(order["point"])
    world.refresh()


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                act(json.loads(line))
            except BaseException:  # noqa: BLE001 - the exit code tells the parent
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
