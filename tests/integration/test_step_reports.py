"""Completed steps in Dagster's own event log, many at once: as if reported one by one, and once after a kill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy.engine import Engine

from resources.clock import FixedClock
from resources.dagster_home import prepare_dagster_home
from resources.settings import Settings
from tests.engine_world import MONDAY
from tests.process_world import World
from tests.slack_server import SlackServer
from workflow_jobs.delivery.outbox import LEASE, deliver_due
from workflow_jobs.outgoing_message import STEP_COMPLETED
from workflow_jobs.step_assets import completion_metadata, report_completions, step_key
from workflow_jobs.step_completion import StepCompletion
from workflow_jobs.store import outbox_rows


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """The instance that an installation has."""
    home = prepare_dagster_home(Settings(home=tmp_path / "home"))
    with dg.DagsterInstance.from_config(str(home)) as found:
        yield found


def completion(number: int, step: str = "judge", *, again: bool = False) -> StepCompletion:
    return StepCompletion(
        f"C-{number}", "supply_exception", step, MONDAY, "confirm", "q1", 75, "V1", "metric_a", 4, again
    )


def reported(instance: dg.DagsterInstance, step: str = "judge") -> Counter[str]:
    """How often each case stands in the event log as having completed the step."""
    records = instance.fetch_materializations(step_key("supply_exception", step), limit=1000).records
    return Counter(
        str(record.asset_materialization.metadata["case_id"].value)
        for record in records
        if record.asset_materialization is not None
    )


def test_a_batch_leaves_what_single_reports_leave(instance: dg.DagsterInstance) -> None:
    alone = completion(0, "alone")
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            step_key("supply_exception", "alone"),
            description="Case C-0: confirm",
            metadata=completion_metadata(alone),
        )
    )
    report_completions(instance, [completion(n, step) for n in range(50) for step in ("judge", "supplier")])
    report_completions(instance, [completion(0, "batch")])
    assert reported(instance) == reported(instance, "supplier") == Counter(f"C-{n}" for n in range(50))
    keys = [step_key("supply_exception", step) for step in ("alone", "batch")]
    one, other = (instance.get_latest_materialization_event(key) for key in keys)
    assert one is not None and other is not None
    assert one.asset_materialization is not None and other.asset_materialization is not None
    assert one.asset_materialization.metadata == other.asset_materialization.metadata
    assert (one.run_id, one.job_name, one.level) == (other.run_id, other.job_name, other.level)
    assert {str(key) for key in instance.all_asset_keys()} >= {str(key) for key in keys}
    latest = instance.get_latest_materialization_event(step_key("supply_exception", "judge"))
    assert latest is not None and latest.asset_materialization is not None
    assert latest.asset_materialization.metadata["case_id"].value == "C-49"


def test_what_an_interrupted_attempt_wrote_is_not_written_again(instance: dg.DagsterInstance) -> None:
    report_completions(instance, [completion(n) for n in range(3)])
    report_completions(instance, [completion(n, again=True) for n in range(5)])
    assert reported(instance) == Counter(f"C-{n}" for n in range(5))


def test_a_report_whose_mark_was_lost_reaches_dagster_once(ops_engine: Engine, instance: dg.DagsterInstance) -> None:
    world, slack = World(ops_engine, clock=FixedClock(MONDAY)), SlackServer().start()
    for number in range(3):
        world.decide(world.open(f"S{number}").case_id, "judge")
    # Reported, and killed before the rows were marked.
    with ops_engine.begin() as connection:
        rows = outbox_rows.claim(connection, (STEP_COMPLETED,), world.clock.now(), LEASE, 2)
    report_completions(instance, [StepCompletion.from_json(row.payload) for row in rows])
    world.clock.advance(2 * LEASE)

    def deliver(few: int | None) -> None:
        deliver_due(
            ops_engine,
            clock=world.clock,
            slack=slack.client(),
            report=lambda done: report_completions(instance, done),
            limit=0,
            few_reports=few,
        )

    deliver(2)
    assert len(reported(instance)) == 2, "where more wait than few, they are left to who can write many"
    deliver(3)
    assert len(reported(instance)) == 3, "what was never tried is reported by anybody"
    deliver(None)
    slack.stop()
    assert set(reported(instance).values()) == {1}
    with ops_engine.connect() as connection:
        assert not outbox_rows.more_than(connection, STEP_COMPLETED, 0)
