"""A process killed at any named point around a commit: after doing the same again nothing is lost and nothing
doubled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ops_assets.ingestion.ledger import inbox_event
from tests.faults.forked_children import ForkedChildren
from tests.process_world import World
from tests.slack_server import SlackServer
from workflow_jobs.delivery import outbox
from workflow_jobs.delivery.outbox import deliver_due
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.history import export_history
from workflow_jobs.step_completion import StepCompletion
from workflow_jobs.store.tables import case, case_event, task
from workflow_jobs.store.tables import outbox as outbox_table

WRITES = ["service.write.after_case", "service.write.after_messages"]


@pytest.fixture(scope="module")
def children() -> Iterator[ForkedChildren]:
    with ForkedChildren("tests.faults.process_child") as running:
        yield running


@pytest.fixture
def world(ops_engine: Engine, slack: SlackServer) -> World:
    world = World(ops_engine)
    slack.knows(world.directory)
    return world


def killed(world: World, children: ForkedChildren, point: str, **order: Any) -> None:
    url = world.engine.url.render_as_string(hide_password=False)
    code = children.run(point=point, url=url, now=world.clock.now().isoformat(), **order)
    assert code == 137, f"the child should have died at {point}, it ended with {code}"


def consistent(world: World, case_id: str) -> None:
    """State, log, tasks and messages of a case tell the same story."""
    state = world.service.case(case_id)
    events = world.service.events(case_id)
    assert [event.seq for event in events] == list(range(1, state.seq + 1))
    assert replay(events) == state
    stored = world.service.tasks(case_id=case_id, open_only=False)
    assert {(t.task_id, t.status, t.version) for t in stored} == {
        (t.task_id, t.status, t.version) for t in state.tasks.values()
    }


def kinds(world: World, case_id: str) -> Counter[str]:
    with world.engine.connect() as connection:
        return Counter(
            connection.execute(sa.select(outbox_table.c.kind).where(outbox_table.c.case_id == case_id)).scalars()
        )


def count(world: World, table: sa.Table) -> int:
    with world.engine.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


@pytest.mark.parametrize("point", [*WRITES, "service.open_case.before_commit", "service.open_case.after_commit"])
def test_opening_a_case(world: World, children: ForkedChildren, point: str) -> None:
    control = world.open("control").case_id
    killed(world, children, point, action="open", argument="S1")
    committed = point.endswith("after_commit")
    assert count(world, case) == (2 if committed else 1)
    opened = world.open("S1")
    assert opened.created is not committed
    consistent(world, opened.case_id)
    assert count(world, case) == 2
    assert kinds(world, opened.case_id) == kinds(world, control)


@pytest.mark.parametrize("point", [*WRITES, "service.decide_task.before_commit", "service.decide_task.after_commit"])
def test_deciding(world: World, children: ForkedChildren, point: str) -> None:
    control, case_id = world.open("control").case_id, world.open("S1").case_id
    world.decide(control, "judge")
    seen = world.task(case_id, "judge")
    killed(world, children, point, action="decide", argument=case_id, step="judge")
    form = {"impact_amount": "60000", "exception_cause": "transport"}
    if point.endswith("after_commit"):
        with pytest.raises(Refused, match="decided this already"):
            world.service.decide_task(seen.task_id, seen.version, seen.assignee or "", "confirm", form)
    else:
        assert world.task(case_id, "judge") == seen
        world.service.decide_task(seen.task_id, seen.version, seen.assignee or "", "confirm", form)
    consistent(world, case_id)
    names = Counter(type(event).__name__ for event in world.service.events(case_id))
    assert names == Counter(type(event).__name__ for event in world.service.events(control))
    assert kinds(world, case_id) == kinds(world, control)


@pytest.mark.parametrize("point", [*WRITES, "service.complete_service.before_commit"])
def test_completing_a_service_step(world: World, children: ForkedChildren, point: str) -> None:
    case_id = world.open("S1").case_id
    for step in ("judge", "supplier", "protect"):
        world.decide(case_id, step)
    killed(world, children, point, action="serve", argument=case_id)
    assert [s.case_id for s in world.service.due_service_steps()] == [case_id]
    world.serve(case_id)
    consistent(world, case_id)
    assert world.service.due_service_steps() == []
    assert world.task(case_id, "assess").role == "finance_manager"


@pytest.mark.parametrize("point", ["service.fire_due_rungs.before_commit", "service.fire_due_rungs.after_commit"])
def test_firing_rungs(world: World, children: ForkedChildren, point: str) -> None:
    cases = [world.open(f"S{n}").case_id for n in range(3)]
    world.clock.advance(timedelta(hours=5))
    killed(world, children, point, action="rungs")
    fired = world.service.fire_due_rungs()
    assert fired == (2 if point.endswith("after_commit") else 3)
    for case_id in cases:
        consistent(world, case_id)
        names = Counter(type(event).__name__ for event in world.service.events(case_id))
        assert names["RungFired"] == 1


@pytest.mark.parametrize(
    "point",
    [
        "outbox.report.after_claim",
        "outbox.report.before_mark",
        "outbox.deliver.after_claim",
        "outbox.deliver.after_post",
        "outbox.deliver.before_mark",
        "outbox.deliver.after_mark",
    ],
)
def test_delivering(world: World, children: ForkedChildren, slack: SlackServer, tmp_path: Path, point: str) -> None:
    case_id = world.open("S1").case_id
    world.decide(case_id, "judge")
    reports = tmp_path / "reports"
    reports.touch()
    killed(world, children, point, action="deliver", slack=slack.url, reports=str(reports))
    world.clock.advance(outbox.LEASE + timedelta(seconds=1))
    told: list[StepCompletion] = []
    deliver_due(world.engine, clock=world.clock, slack=slack.client(), report=told.extend, limit=200)
    with world.engine.connect() as connection:
        stored = connection.execute(sa.select(outbox_table)).mappings().all()
    assert {row["status"] for row in stored} <= {"sent", "superseded"}
    posts = [row["delivery_id"] for row in stored if row["kind"] in ("slack.card", "slack.message")]
    arrived = [m["metadata"]["event_payload"]["delivery_id"] for m in slack.messages]
    assert sorted(arrived) == sorted(posts), "each message stands in Slack exactly once"
    # Dagster has no look-up by id: a report that was made and not noted is made again, and never lost.
    reported = reports.read_text().splitlines() + [f"{c.case_id} {c.event_seq}" for c in told]
    assert len(set(reported)) == 1 and len(reported) == (2 if point == "outbox.report.before_mark" else 1)


def test_exporting_history(world: World, children: ForkedChildren) -> None:
    world.open("S1")
    happened = count(world, case_event)
    killed(world, children, "history.export.before_cursor", action="export")
    assert count(world, inbox_event) == 4
    assert export_history(world, world.service) == 4
    assert count(world, inbox_event) == 4, "the same rows again are recognised by their ids"
    assert export_history(world, world.service) == 0
    assert count(world, case_event) == happened
    assert count(world, task) == 1
