"""The landing sensor: one run for what landed, none for nothing new, and none lost while a refresh runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from ops_assets.ingestion import quarantine
from ops_assets.ingestion.ledger import inbox_event
from sensors.landing import folder_traces, landed_sources_sensor, run_key
from sensors.running import RETRY_TAG, died_without_retry, is_running
from tests.platform_world import PlatformWorld
from workflow_jobs.refresh_jobs import REFRESH_JOB

HEADER = "change_no,order_no,line_no,requested_at,approved_at,kind\n"
GOOD = "CH{n},SO2026000001,1,2026-11-20 10:00:00,2026-11-21 10:00:00,date\n"
BAD = "CH{n},SO2026000001,1,2026-11-20 10:00:00,2026-11-19 10:00:00,date\n"
ANSWER = {"survey_id": "SV-T", "account_id": "A", "order_no": None, "surveyed_at": "2026-11-21 10:00:00", "score": 5}


class Sensor:
    """The sensor on one state folder and one Dagster instance, with the cursor that the daemon keeps."""

    def __init__(self, home: Path) -> None:
        self.world = PlatformWorld(home)
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor: str | None = None
        (self.world.landing / "erp").mkdir(parents=True)

    def drop(self, name: str, text: str) -> None:
        """Put a file in place as a careful writer does."""
        beside = self.world.landing / "erp" / f".{name}.tmp"
        beside.write_text(text, encoding="utf-8")
        beside.replace(self.world.landing / "erp" / name)

    def tick(self) -> str | None:
        """One tick; the run key that it asks for, or None for a skip with a reason."""
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"platform": self.world.platform}
        )
        result = landed_sources_sensor(context)
        if isinstance(result, dg.SkipReason):
            assert result.skip_message
            return None
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        if not result.run_requests:
            assert result.skip_reason is not None
            return None
        (request,) = result.run_requests
        assert request.tags["trueloop/batches"]
        assert request.run_key is not None
        return request.run_key

    def refresh_runs(self, status: dg.DagsterRunStatus) -> None:
        self.instance.add_run(dg.DagsterRun(job_name=REFRESH_JOB, status=status))


@pytest.fixture
def sensor(tmp_path: Path) -> Iterator[Sensor]:
    made = Sensor(tmp_path / "home")
    yield made
    made.instance.dispose()
    made.world.close()


def test_a_new_file_asks_for_one_run_and_then_is_known(sensor: Sensor) -> None:
    assert sensor.tick() is None
    sensor.drop("order_changes_2026-11-20.csv", HEADER + GOOD.format(n=1))
    first = sensor.tick()
    assert first is not None
    assert sensor.tick() is None, "nothing new has landed"
    sensor.cursor = None
    assert sensor.tick() == first, "a daemon that lost its cursor asks for the same run, which Dagster makes once"
    sensor.world.land()
    sensor.cursor = None
    assert sensor.tick() is None, "what landed is loaded"
    sensor.drop("order_changes_2026-11-21.csv", HEADER + GOOD.format(n=2))
    assert sensor.tick() not in {None, first}


def test_a_file_rewritten_with_the_same_content_is_nothing_new(sensor: Sensor) -> None:
    sensor.drop("order_changes_2026-11-20.csv", HEADER + GOOD.format(n=1))
    assert sensor.tick()
    sensor.world.land()
    sensor.drop("order_changes_2026-11-20.csv", HEADER + GOOD.format(n=1))
    assert sensor.tick() is None
    sensor.drop("order_changes_2026-11-20.csv", HEADER + GOOD.format(n=9))
    assert sensor.tick() is not None


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
def test_while_a_refresh_runs_it_waits_and_looks_again(sensor: Sensor, status: dg.DagsterRunStatus) -> None:
    sensor.refresh_runs(dg.DagsterRunStatus.SUCCESS)
    assert not is_running(sensor.instance, REFRESH_JOB)
    sensor.refresh_runs(status)
    sensor.drop("order_changes_2026-11-20.csv", HEADER + GOOD.format(n=1))
    assert sensor.tick() is None
    assert sensor.tick() is None
    assert sensor.cursor is None, "the cursor must not pass what nobody has loaded"
    (run,) = sensor.instance.get_runs(dg.RunsFilter(statuses=[status]))
    sensor.instance.delete_run(run.run_id)
    assert sensor.tick() is not None


def test_a_posted_event_asks_for_a_run_once(sensor: Sensor) -> None:
    sensor.world.post("crm", "satisfaction", [ANSWER])
    first = sensor.tick()
    assert first is not None
    sensor.world.post("crm", "satisfaction", [ANSWER])
    assert sensor.tick() is None, "the same event again is not new"
    sensor.world.post("crm", "satisfaction", [{**ANSWER, "survey_id": "SV-T2"}], name="next")
    assert sensor.tick() not in {None, first}


def test_the_platforms_own_records_start_no_run(sensor: Sensor) -> None:
    assert sensor.tick() is None
    row = {"run_id": "r1", "job_name": "refresh_job", "status": "SUCCESS", "started_at": "2026-11-21 10:00:00",
           "ended_at": "2026-11-21 10:00:09", "batch_id": None, "case_id": None}  # fmt: skip
    sensor.world.post("trueloop", "runs", [row])
    with sensor.world.platform.ops_engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(inbox_event)).scalar_one() == 1
    assert sensor.tick() is None


def test_a_retry_from_quarantine_wakes_the_refresh_each_time_it_is_asked_for(sensor: Sensor) -> None:
    sensor.drop("order_changes_2026-11-20.csv", HEADER + BAD.format(n=1))
    assert sensor.tick()
    world = sensor.world
    world.land()
    assert sensor.tick() is None
    (row,) = quarantine.list_rows(world.platform.ops_engine)
    quarantine.retry(world.platform.ops_engine, row.id, by="li.wei", clock=world.clock)
    first = sensor.tick()
    assert first is not None
    assert sensor.tick() is None
    assert world.land().ingestion.retry_failed == 1
    assert sensor.tick() is None, "it failed again and waits for a person"
    world.clock.advance(timedelta(minutes=5))
    edits = {"approved_at": "2026-11-21 10:00:00"}
    quarantine.retry(world.platform.ops_engine, row.id, by="li.wei", clock=world.clock, edits=edits)
    assert sensor.tick() not in {None, first}
    assert world.land().ingestion.retried == 1
    assert sensor.tick() is None


def test_a_released_file_wakes_the_refresh_although_its_batch_had_a_run(sensor: Sensor) -> None:
    sensor.drop("order_changes_2026-11-20.csv", HEADER + GOOD.format(n=1))
    sensor.world.land()
    sensor.drop("order_changes_2026-11-21.csv", HEADER + GOOD.format(n=1))
    first = sensor.tick()
    assert first is not None
    world = sensor.world
    (aside,) = world.land().ingestion.set_aside
    assert aside.reason == "duplicate_export"
    assert sensor.tick() is None
    (file,) = quarantine.list_set_aside(world.platform.ops_engine)
    quarantine.release_file(
        world.platform.ops_engine, file["id"], reason="the day was quiet", by="li.wei", clock=world.clock
    )
    assert sensor.tick() not in {None, first}
    assert world.land().ingestion.set_aside == ()
    assert sensor.tick() is None


def test_run_keys_name_a_set_of_batches(tmp_path: Path) -> None:
    assert run_key(["a", "b"]) == run_key(["b", "a"]) != run_key(["a"])
    assert folder_traces(tmp_path / "missing") == []


def test_a_refresh_whose_process_died_is_started_once_more(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert died_without_retry(instance, "refresh_job") == []
        died = instance.create_run_for_job(_nothing_job)
        instance.report_run_failed(died, "The process that executed this run is gone.")
        assert died_without_retry(instance, "refresh_job") == [died.run_id]
        again = instance.create_run_for_job(_nothing_job, tags={RETRY_TAG: died.run_id})
        assert died_without_retry(instance, "refresh_job") == []
        instance.report_run_failed(again, "The process that executed this run is gone.")
        assert died_without_retry(instance, "refresh_job") == [], "what killed two would kill the third"


@dg.job(name="refresh_job")
def _nothing_job() -> None:
    """A job of the refresh's name that does nothing."""
