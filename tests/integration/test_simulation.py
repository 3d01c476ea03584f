"""The simulation whole: what must hold whatever it prints, on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from typer.testing import CliRunner

from gateway.cli import app
from resources import ops_database
from tests.simulation_world import Simulated
from workflow_jobs.engine.evolve import replay
from workflow_jobs.simulation.figures import entitled
from workflow_jobs.simulation.run import Arm
from workflow_jobs.store.reading import case_events
from workflow_jobs.store.tables import case, case_event, outbox


@cache
def chat_figures(**changes: float) -> Mapping[str, Any]:
    return asdict(Simulated(weeks=5, changes=changes).chat().figures)


def test_the_real_engine_and_store_keep_the_simulated_weeks(ops_engine: Engine, tmp_path: Path) -> None:
    world = Simulated()
    arm = world.platform(ops_engine, tmp_path)
    # Conservation: what happened became a case, once; every case ended; none was lost or made up.
    assert {c.key for c in world.happened.cases} <= set(arm.record.happenings)
    assert arm.figures.cases == arm.figures.ended == len(arm.record.happenings) > 5
    assert not any(state.open_tasks for state in arm.record.cases.values())
    with ops_engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(case)) == arm.figures.cases
        events = connection.scalar(sa.select(sa.func.count()).select_from(case_event))
        assert events == sum(state.seq for state in arm.record.cases.values())
        assert connection.scalar(sa.select(sa.func.count()).select_from(outbox).where(outbox.c.status == "pending"))
        assert not connection.scalar(sa.select(sa.func.count()).select_from(outbox).where(outbox.c.status == "sent"))
        for state in arm.record.cases.values():
            assert replay([event for event, _ in case_events(connection, state.case_id)]) == state
    # No approval without a person who may give it.
    assert arm.figures.approvals > 0
    assert arm.figures.approvals_without == 0
    for state in arm.record.cases.values():
        for task in state.tasks.values():
            if task.status == "decided":
                assert entitled(world.happened.directory, arm.record, task), task
                assert task.decided_by != state.requested_by


def test_the_same_seed_gives_the_same_weeks_and_another_seed_others() -> None:
    first, again, other = Simulated().chat(), Simulated().chat(), Simulated(seed=4).chat()
    assert (first.figures, first.scores) == (again.figures, again.scores)
    assert first.record.cases == again.record.cases
    assert first.figures != other.figures


def test_both_arms_get_the_same_cases_and_the_chat_ends_all_of_its_own() -> None:
    world = Simulated(weeks=4)
    arm = world.chat()
    assert {c.key for c in world.happened.cases} <= set(arm.record.happenings)
    assert arm.figures.cases == arm.figures.ended
    decided = [t for s in arm.record.cases.values() for t in s.tasks.values() if t.status == "decided"]
    assert {t.task_id for t in decided} <= set(arm.record.answers)
    left_out = {t.task_id for t in decided if arm.record.answers[t.task_id].how == "left_out"}
    assert {t.task_id for t in decided if arm.record.decided[t.task_id] is None} == left_out


@pytest.mark.parametrize(
    ("name", "worse", "figure", "falls"),
    [
        ("chat.patience", 4, "sla_attainment", True),
        ("chat.asks_wrong_person", 1, "sla_attainment", True),
        ("chat.wrong_person_answers", 0.9, "approvals_without", False),
        ("people.forgets", 0.9, "forgotten", False),
        ("people.effort", 1.5, "sla_attainment", True),
        ("consistency.raised", 0, "consistency_score", True),
        ("consistency.disagree_at_start", 0, "consistency_score", False),
        ("company.slack_days", 0, "order_to_cash_days", False),
    ],
)
def test_an_assumption_moves_what_it_should_and_nothing_is_fitted(
    name: str, worse: float, figure: str, falls: bool
) -> None:
    usual = {"chat.asks_wrong_person": 0.6} if name == "chat.wrong_person_answers" else {}
    before = chat_figures(**usual)[figure]
    after = chat_figures(**{**usual, name: worse})[figure]
    assert after < before if falls else after > before


def test_where_everybody_forgets_everything_every_case_ends_all_the_same(tmp_path: Path) -> None:
    hopeless = Simulated(weeks=1, changes={"people.forgets": 1.0, "chat.asks_wrong_person": 0.5})
    engine = ops_database.open_engine(f"sqlite:///{tmp_path / 'ops.db'}")
    ops_database.migrate(engine)
    for arm in (hopeless.platform(engine, tmp_path), hopeless.chat()):
        assert arm.figures.cases == arm.figures.ended > 0
        assert arm.figures.forgotten >= arm.figures.questions - arm.figures.approvals
    engine.dispose()


def test_how_the_chat_behaves_is_nothing_to_the_platform(tmp_path: Path) -> None:
    found: list[Arm] = []
    for changes in ({}, {"chat.patience": 3.0, "chat.names_somebody": 0.1}):
        folder = tmp_path / str(len(found))
        engine = ops_database.open_engine(f"sqlite:///{folder / 'ops.db'}")
        ops_database.migrate(engine)
        found.append(Simulated(weeks=1, changes=changes).platform(engine, folder))
        engine.dispose()
    assert found[0].figures == found[1].figures
    assert found[0].record.cases == found[1].record.cases


def test_the_command_prints_both_arms_and_every_assumption_and_says_what_it_is() -> None:
    arguments = ["simulate", "--weeks", "1", "--set", "company.scale=0.05"]
    printed = CliRunner().invoke(app, [*arguments, "--seeds", "1"])
    assert printed.exit_code == 0, printed.output
    assert "a simulation, not a measurement" in printed.stdout
    assert "1 weeks, 1 seeds" in printed.stdout
    assert "platform - chat" in printed.stdout
    body = json.loads(CliRunner().invoke(app, [*arguments, "--seeds", "2", "--json"]).stdout)
    assert body["seeds"] == [1, 2]
    assert body["figures"]["consistency_score"]["published"] == {"before": 68, "after": 92}
    assert body["assumptions"]["company.scale"] == {
        "value": 0.05,
        "unit": body["assumptions"]["company.scale"]["unit"],
        "source": "set for this run",
    }
    assert all(one["source"] for one in body["assumptions"].values())
    for arm in ("chat", "platform"):
        figures = [seed[arm] for seed in body["by_seed"]]
        assert all(one["cases"] == one["ended"] for one in figures)
        mean = sum(one["consistency_score"] for one in figures) / 2
        assert body["figures"]["consistency_score"][arm]["mean"] == pytest.approx(mean)
    apart = [seed["platform"]["questions"] - seed["chat"]["questions"] for seed in body["by_seed"]]
    found = body["figures"]["questions"]["difference"]
    assert (found["least"], found["most"]) == (min(apart), max(apart))


@pytest.mark.parametrize(
    "wrong", ["patience=2", "chat.patience", "chat.patience=much", "chat.patience=-1", "company.seen_at_hour=24"]
)
def test_an_assumption_that_there_is_not_is_refused_with_a_sentence(wrong: str) -> None:
    result = CliRunner().invoke(app, ["simulate", "--weeks", "1", "--seeds", "1", "--set", wrong])
    assert result.exit_code == 1
    assert result.stderr.strip().count("\n") < 4
    assert wrong.partition("=")[0] in result.stderr
