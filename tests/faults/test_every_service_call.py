"""Every call of the process service, killed between every two of its statements and around its commit.

After each kill the database says that the call was never made, or that it was made whole; made again, it leads to the
very rows to which it leads undisturbed: no decision, event, task, rung or message is lost or doubled.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from resources.ops_database import metadata
from tests.engine_world import MONDAY, calendar, people
from tests.faults.service_calls import READS, SCENARIOS, Scenario, build
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.process_reader import ProcessReader
from workflow_jobs.service import ProcessService

ROOT = Path(__file__).resolve().parents[2]
# Differ from one try to the next, and say nothing of what was done.
_VOLATILE = {"delivery_id", "event_no", "outbox_id"}
_TABLES = [table for table in metadata.sorted_tables if table.name.startswith("process_")]
Rows = dict[str, list[dict[str, Any]]]


class Children:
    """Children that act, and die where they are told to."""

    def __init__(self, engine: sa.Engine) -> None:
        self._url = engine.url.render_as_string(hide_password=False)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.service_calls"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def act(self, call: str, given: Any, point: str = "") -> tuple[int, list[str]]:
        assert self._process.stdin is not None and self._process.stdout is not None
        now = (MONDAY + SCENARIOS[call].later).isoformat()
        order = {"call": call, "url": self._url, "now": now, "given": given, "point": point}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["code"], answer["passed"]

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


@pytest.fixture
def children(ops_engine: sa.Engine) -> Iterator[Children]:
    running = Children(ops_engine)
    yield running
    running.close()


def test_every_call_that_writes_has_a_scenario() -> None:
    calls = {name for name in set(dir(ProcessService)) - set(dir(ProcessReader)) if not name.startswith("_")}
    assert calls - READS == set(SCENARIOS)


def rows_of(engine: sa.Engine) -> Rows:
    """All rows of the process, in an order of their own."""
    with engine.connect() as connection:
        return {
            table.name: sorted(
                ({key: value for key, value in row.items() if key not in _VOLATILE} for row in found), key=repr
            )
            for table in _TABLES
            if (found := connection.execute(sa.select(table)).mappings().all()) is not None
        }


class Restored:
    """The rows of a database as they are now, to be put back."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        with engine.connect() as connection:
            self._rows = {
                table: [dict(row) for row in connection.execute(sa.select(table)).mappings()] for table in _TABLES
            }

    def put_back(self) -> None:
        with self._engine.begin() as connection:
            for table in reversed(_TABLES):
                connection.execute(table.delete())
            for table in _TABLES:
                if self._rows[table]:
                    connection.execute(table.insert(), self._rows[table])


def made_again(scenario: Scenario, engine: sa.Engine, given: Any) -> None:
    """Make the call again, as the person, sensor or job that got no answer does."""
    with suppress(Refused):
        scenario.act(scenario.acting(engine, MONDAY + scenario.later), given)


def consistent(service: ProcessService) -> None:
    """State, log and tasks of every case tell the same story."""
    for one in service.cases():
        state, events = service.case(one.case_id), service.events(one.case_id)
        assert [event.seq for event in events] == list(range(1, state.seq + 1))
        assert replay(events) == state
        stored = service.tasks(case_id=one.case_id, open_only=False)
        assert {(t.task_id, t.status, t.version) for t in stored} == {
            (t.task_id, t.status, t.version) for t in state.tasks.values()
        }


def test_a_call_killed_at_any_statement_is_made_wholly_or_not_at_all(ops_engine: sa.Engine, children: Children) -> None:
    empty = Restored(ops_engine)
    kills = 0
    for call, scenario in SCENARIOS.items():
        empty.put_back()
        given = scenario.prepare(build(ops_engine, MONDAY, directory=people, working=calendar()))
        start, before = Restored(ops_engine), rows_of(ops_engine)
        code, passed = children.act(call, given)
        assert code == 0, f"{call} failed undisturbed"
        undisturbed = rows_of(ops_engine)
        assert undisturbed != before, f"{call} did nothing"
        points = list(dict.fromkeys(point for point in passed if point.startswith("service.")))
        committed = points.index(next(point for point in points if point.endswith(".after_commit")))
        assert committed >= 2, f"{call} passed no statement: {points}"
        start.put_back()
        for number, point in enumerate(points):
            code, _ = children.act(call, given, point)
            assert code == 137, f"{call} should have died at {point}"
            kills += 1
            found = rows_of(ops_engine)
            if number < committed:
                assert found == before, f"{call}, killed at {point}, left something behind"
                continue
            assert found != before, f"{call}, killed at {point}, lost what it had committed"
            made_again(scenario, ops_engine, given)
            assert rows_of(ops_engine) == undisturbed, f"{call}, killed at {point} and made again"
            start.put_back()
        made_again(scenario, ops_engine, given)
        assert rows_of(ops_engine) == undisturbed, f"{call}, made after all kills"
        consistent(scenario.acting(ops_engine, MONDAY))
    print(f"{kills} kills at {len(SCENARIOS)} calls of the process service on {ops_engine.dialect.name}")
