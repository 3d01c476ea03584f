"""A run that was stopped opens no incident and counts in no figure; one that fails by itself still does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError

from gateway.prepare_start import fail_runs_of_the_dead
from resources.dagster_home import prepare_dagster_home
from resources.dbt import DbtError
from resources.settings import Settings
from resources.stopped_runs import was_stopped
from sensors.watchdog import runs_of
from workflow_jobs.refresh_jobs import REFRESH_JOB


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def _interrupted() -> None:
    # What Ctrl-C leaves of a refresh: dbt gives its call up, and says so in its own words.
    try:
        raise DagsterExecutionInterruptedError
    except DagsterExecutionInterruptedError as error:
        raise DbtError("dbt run failed: ") from error


def _failed() -> None:
    raise ValueError("no disk")


def _failed_while_stopping() -> None:
    try:
        raise DagsterExecutionInterruptedError
    except DagsterExecutionInterruptedError:
        raise ValueError("no disk") from None


def _run(instance: dg.DagsterInstance, does: Callable[[], None]) -> dg.DagsterRun:
    @dg.op(name="step")
    def step() -> None:
        does()

    job = dg.GraphDefinition(name=REFRESH_JOB, node_defs=[step]).to_job()
    run = job.execute_in_process(instance=instance, raise_on_error=False).dagster_run
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def test_an_interrupted_run_was_stopped_and_a_failed_one_was_not(instance: dg.DagsterInstance) -> None:
    assert was_stopped(instance, _run(instance, _interrupted))
    assert not was_stopped(instance, _run(instance, _failed))
    assert not was_stopped(instance, _run(instance, _failed_while_stopping))


def test_the_watchdog_passes_stopped_runs_over(instance: dg.DagsterInstance) -> None:
    _run(instance, _interrupted)
    assert runs_of(instance, REFRESH_JOB).failures == 0
    _run(instance, _failed)
    _run(instance, _interrupted)
    found = runs_of(instance, REFRESH_JOB)
    assert (found.failures, found.step_failed, found.error.strip()) == (1, True, "ValueError: no disk"), (
        "a stop in between neither counts nor ends what really failed"
    )
    _run(instance, lambda: None)
    assert runs_of(instance, REFRESH_JOB).failures == 0


def test_runs_that_ended_with_the_stack_were_stopped(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, source_pack="dongchen")
    with dg.DagsterInstance.from_config(str(prepare_dagster_home(settings))) as instance:
        left = instance.create_run_for_job(
            dg.GraphDefinition(name=REFRESH_JOB, node_defs=[]).to_job(), status=dg.DagsterRunStatus.STARTED
        )
        fail_runs_of_the_dead(settings)
        run = instance.get_run_by_id(left.run_id)
        assert run is not None
        assert run.status is dg.DagsterRunStatus.FAILURE
        assert was_stopped(instance, run)
