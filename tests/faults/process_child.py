"""Runs actions of the process in children that die at a named fault point; driven by test_service_faults over pipes.

One line in: JSON with ``point``, ``url``, ``slack`` and ``action``. One line out: the child's exit code (137 where
it died at the point, 0 where it came through). A forked child costs milliseconds, a fresh interpreter seconds.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from resources import fault_points
from resources.clock import FixedClock
from resources.ops_database import open_engine
from resources.slack import SlackClient
from tests.engine_world import calendar
from tests.process_world import World
from workflow_jobs.delivery.outbox import deliver_due
from workflow_jobs.history import export_history
from workflow_jobs.step_completion import StepCompletion


def act(order: dict[str, Any]) -> None:
    world = World(open_engine(order["url"]), clock=FixedClock(datetime.fromisoformat(order["now"]).astimezone(UTC)))
    fault_points.arm(order["point"])
    action, argument = order["action"], order.get("argument", "")
    if action == "open":
        world.open(argument)
    elif action == "decide":
        world.decide(argument, order["step"])
    elif action == "serve":
        world.serve(argument)
    elif action == "rungs":
        world.service.fire_due_rungs()
    elif action == "export":
        export_history(world, world.service)
    elif action == "deliver":

        def report(batch: list[StepCompletion]) -> None:
            with Path(order["reports"]).open("a") as file:
                file.writelines(f"{c.case_id} {c.event_seq}\n" for c in batch)

        slack = SlackClient("xoxb-test", base_url=order["slack"])
        deliver_due(world.engine, clock=world.clock, slack=slack, report=report, limit=200)


def main() -> None:
    calendar()
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
