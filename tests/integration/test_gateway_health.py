"""Readiness tells the truth about each part, and names the one that fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from resources.clock import FixedClock
from tests.gateway_stack import Stack, running_stack
from workflow_jobs.store.tables import outbox


@pytest.fixture
def stack(tmp_path: Path, clock: FixedClock) -> Iterator[Stack]:
    with running_stack(tmp_path / "home", clock) as running:
        yield running


def ready(stack: Stack) -> tuple[int, dict[str, Any], list[str]]:
    answer = stack.http.get("/readyz")
    body = answer.json()
    return answer.status_code, {part["name"]: part for part in body["parts"]}, body["failing"]


def test_everything_works(stack: Stack) -> None:
    status, parts, failing = ready(stack)
    assert (status, failing) == (200, [])
    assert {name for name, part in parts.items() if part["status"] == "ok"} == {
        "database", "snapshot", "outbox", "sensors",
    }  # fmt: skip
    assert parts["people"]["status"] == "warning"
    assert "nobody stands behind role " in parts["people"]["detail"], "this small company has few of the roles"
    assert "figures as of 2026-11-15" in parts["snapshot"]["detail"]


def test_messages_that_nobody_delivers_are_named(stack: Stack, clock: FixedClock) -> None:
    stack.open_case_undelivered()
    assert ready(stack)[0] == 200
    clock.advance(timedelta(minutes=6))
    status, parts, failing = ready(stack)
    assert (status, failing) == (503, ["outbox"])
    assert "nothing delivers them" in parts["outbox"]["detail"]


def test_dead_letters_are_a_warning(stack: Stack) -> None:
    stack.open_case()
    with stack.context.engine.begin() as connection:
        connection.execute(sa.update(outbox).values(status="dead"))
    status, parts, _ = ready(stack)
    assert (status, parts["outbox"]["status"]) == (200, "warning")
    assert "given up" in parts["outbox"]["detail"]


def test_a_daemon_that_does_not_run_is_named(stack: Stack) -> None:
    stack.dagster.healthy = False
    status, parts, failing = ready(stack)
    assert (status, failing) == (503, ["sensors"])
    assert "does not run" in parts["sensors"]["detail"]


def test_a_broken_database_is_named_and_the_process_stays_alive(stack: Stack) -> None:
    with stack.context.engine.begin() as connection:
        connection.execute(sa.text("drop table alembic_version"))
    status, parts, failing = ready(stack)
    assert (status, failing) == (503, ["database"])
    assert "Cannot be examined" in parts["database"]["detail"]
    assert stack.http.get("/healthz").json() == {"status": "alive"}


def test_a_damaged_snapshot_pointer_is_named(stack: Stack) -> None:
    (stack.settings.serving_dir / "current.json").write_text("{")
    status, _, failing = ready(stack)
    assert (status, failing) == (503, ["snapshot", "people"]), "people are read from the snapshot"


def test_nothing_published_is_not_ready(tmp_path: Path, clock: FixedClock) -> None:
    with running_stack(tmp_path / "home", clock, published=False) as empty:
        status, parts, failing = ready(empty)
        assert (status, failing) == (503, ["snapshot"])
        assert "trueloop refresh" in parts["snapshot"]["detail"]
