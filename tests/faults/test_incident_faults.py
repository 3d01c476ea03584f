"""A process killed at any named point while incidents are brought in line: done again, nothing is lost or doubled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from tests.incident_world import Lineage
from tests.process_world import World
from tests.slack_server import SlackServer
from workflow_jobs.delivery.outbox import deliver_due
from workflow_jobs.detection import read_snapshot
from workflow_jobs.engine.evolve import replay
from workflow_jobs.incidents import INCIDENT_TEMPLATE

WRITES = ("service.write.after_case", "service.write.after_messages")
COMMITS = tuple(
    f"service.{command}.{when}"
    for command in ("open_case", "join_incident", "resolve_incident")
    for when in ("before_commit", "after_commit")
)


class Died(BaseException):
    """Stands for the end of the process: nothing in the product catches it, transactions roll back as in a kill."""


class Killer:
    """Ends the work at the n-th time that a fault point is reached."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._left: dict[str, int] = {}
        monkeypatch.setattr("workflow_jobs.case_transactions.fault_point", self._reached)
        monkeypatch.setattr("workflow_jobs.delivery.outbox.fault_point", self._reached)

    def arm(self, point: str, nth: int) -> None:
        self._left = {point: nth}

    def _reached(self, point: str) -> None:
        if point in self._left:
            self._left[point] -= 1
            if self._left[point] == 0:
                self._left = {}
                raise Died(point)


def _story(world: World) -> list[tuple[Any, ...]]:
    """What every incident came to, and what its log says."""
    found = []
    for case in world.service.cases(template=INCIDENT_TEMPLATE):
        state = world.service.case(case.case_id)
        assert replay(world.service.events(case.case_id)) == state
        found.append((case.subject_id, state.status, state.outcome, state.breaches, state.reopened, bool(state.joined)))
    return sorted(found)


def _deliver(world: World, slack: SlackServer) -> None:
    deliver_due(world.engine, clock=world.clock, slack=slack.client(), report=lambda _done: None, limit=200)


@pytest.mark.parametrize(("point", "nth"), [*((point, 2) for point in WRITES), *((point, 1) for point in COMMITS)])
def test_detection_killed_and_done_again(
    ops_engine: Engine, slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, nth: int
) -> None:
    world = World(ops_engine)
    slack.knows(world.directory)
    lineage = Lineage(tmp_path / "serving")
    killer = Killer(monkeypatch)
    # Open two, join one to a deeper root while another is mended, and one comes back.
    plan = [{"stock_between", "fct_run"}, {"stg_moves"}, {"fct_run"}]
    killed = 0
    for wrong in plan:
        lineage.wrong = set(wrong)
        snapshot = lineage.publish()
        killer.arm(point, nth)
        for _ in range(2):
            try:
                read_snapshot(world.service, snapshot, [])
            except Died:
                killed += 1
    assert killed, "the point was reached"
    assert _story(world) == [
        ("fct_run", "open", None, 2, 1, False),
        ("stg_moves", "closed", "resolved", 1, 0, False),
        ("stock_between", "closed", "joined", 1, 0, True),
    ]
    _deliver(world, slack)
    assert len([one for one in slack.top() if one["channel"] == "C1"]) == 3
    assert len([one for one in slack.top() if one["channel"] == "DUD1"]) == 3
