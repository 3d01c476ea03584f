"""Runs actions of the process in children that die at a named fault point; test_service_faults orders them.

An order has ``point``, ``url``, ``now`` and ``action``; see :func:`act` for what an action takes beside them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from resources import fault_points
from resources.clock import FixedClock
from resources.ops_database import open_engine
from resources.slack import SlackClient
from tests.engine_world import calendar
from tests.faults.forked_children import serve
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


if __name__ == "__main__":
    calendar()
    serve(act)
