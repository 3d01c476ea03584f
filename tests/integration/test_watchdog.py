"""The watchdog on a real Dagster instance: what fails, hangs or falls silent becomes an incident, and ends it again."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._time import get_current_datetime

from resources.clock import SystemClock
from resources.platform import Platform
from resources.settings import Settings
from sensors.watchdog import runs_of, watchdog_sensor, watching_since
from tests.gateway_stack import free_port, wait_until
from workflow_jobs.cases import CaseSummary
from workflow_jobs.incidents import AUTOMATION_RULE, INCIDENT_TEMPLATE
from workflow_jobs.wiring import process_service

WATCHED = """
from pathlib import Path

import dagster as dg

ASKED = Path(__file__).with_name("broken.txt")


def broken(name):
    return ASKED.exists() and name in ASKED.read_text().split()


def sensor_of(name, error):
    @dg.sensor(name=name, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING, jobs=[])
    def made(context):
        if broken(name):
            raise error(f"no space left on device 0x7f{int(context.last_tick_completion_time or 0):x}")
        return dg.SkipReason("all well")

    return made


@dg.op
def work():
    if broken("work"):
        raise ValueError("the export has no rows")


@dg.job
def refresh_job():
    work()


defs = dg.Definitions(
    jobs=[refresh_job],
    sensors=[sensor_of("a_sensor", OSError), sensor_of("b_sensor", OSError), sensor_of("c_sensor", KeyError)],
)
"""


class House:
    """A daemon's turn by turn on a code location in a folder, a platform, and the watchdog."""

    def __init__(self, folder: Path, home: Path, instance: dg.DagsterInstance, workspace: Any) -> None:
        self.folder = folder
        self.instance = instance
        self.workspace = workspace
        self.platform = Platform(Settings(home=home, source_pack="dongchen"))
        self.service = process_service(self.platform)
        namespace: dict[str, Any] = {"__file__": str(folder / "watched.py"), "__name__": "watched"}
        exec(compile(WATCHED, "watched.py", "exec"), namespace)
        self.repository: dg.RepositoryDefinition = namespace["defs"].get_repository_def()
        self.cursor: str | None = None

    def break_(self, *names: str) -> None:
        (self.folder / "broken.txt").write_text(" ".join(names))

    def tick(self, times: int = 1) -> None:
        """Let the daemon evaluate every sensor that is due."""
        for _ in range(times):
            time.sleep(1.1)
            log = logging.getLogger("daemon")
            list(
                execute_sensor_iteration(self.workspace, log, threadpool_executor=None, submit_threadpool_executor=None)
            )
        for kind in ("SENSOR", "SCHEDULER"):
            self.beat(kind)

    def beat(self, kind: str, ago: float = 0) -> None:
        from dagster._daemon.types import DaemonHeartbeat

        at = get_current_datetime().timestamp() - ago
        self.instance.add_daemon_heartbeat(DaemonHeartbeat(at, kind, f"test-{kind}", []))

    def run(self) -> None:
        job = self.repository.get_job("refresh_job")
        job.execute_in_process(instance=self.instance, raise_on_error=False)

    def watch(self) -> dict[str, CaseSummary]:
        """One evaluation of the watchdog; the open incidents by subject."""
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=self.repository,
            resources={"platform": self.platform},
        ) as context:
            result: Any = watchdog_sensor.evaluate_tick(context)
        self.cursor = result.cursor
        open_ones = self.service.cases(status="open", template=INCIDENT_TEMPLATE)
        assert {case.rule_id for case in open_ones} <= {AUTOMATION_RULE}
        return {case.subject_id: case for case in open_ones}

    def evidence(self, case: CaseSummary) -> str:
        return json.dumps(self.service.case(case.case_id).data)


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A code server like that of `make up`: its folder and port."""
    folder = tmp_path_factory.mktemp("watched")
    (folder / "watched.py").write_text(WATCHED)
    port = free_port()
    command = [sys.executable, "-m", "dagster", "api", "grpc", "-f", "watched.py", "-d", str(folder), "-p", str(port)]
    with subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--location-name", "watched"], cwd=folder, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env={**os.environ, "DAGSTER_DISABLE_TELEMETRY": "yes"},
    ) as server:  # fmt: skip
        try:
            wait_until(lambda: _listens(port), seconds=60)
            yield folder, port
        finally:
            server.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def house(tmp_path: Path, code: tuple[Path, int]) -> Iterator[House]:
    folder, port = code
    target = GrpcServerTarget(host="127.0.0.1", port=port, socket=None, location_name="watched")
    (tmp_path / "dagster").mkdir()
    with (
        dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance,
        create_test_daemon_workspace_context(target, instance) as workspace,
    ):
        made = House(folder, tmp_path / "home", instance, workspace)
        made.break_()
        yield made
        made.platform.ops_engine.dispose()


def test_what_fails_becomes_one_incident_each_and_ends_when_it_is_well(house: House) -> None:
    house.tick()
    assert house.watch() == {}
    house.break_("c_sensor")
    house.tick()
    assert house.watch() == {}, "one evaluation that died is made up for at once"
    house.tick()
    (case,) = house.watch().values()
    assert (case.subject_id, case.subject_kind) == ("sensor/c_sensor", "sensor")
    assert "no space left on device" in house.evidence(case)
    assert house.service.case(case.case_id).breaches == 2
    house.tick()
    assert [one.case_id for one in house.watch().values()] == [case.case_id]
    assert house.service.case(case.case_id).breaches == 3

    # Two more fail with one and the same error: one cause more, which is neither of them.
    house.break_("a_sensor", "b_sensor", "c_sensor")
    house.tick(2)
    found = house.watch()
    (shared,) = [one for subject, one in found.items() if subject.startswith("error/")]
    assert set(found) == {shared.subject_id, "sensor/c_sensor"}
    assert house.service.case(shared.case_id).data["symptoms"] == ["sensor/a_sensor", "sensor/b_sensor"]

    # A run that fails, and fails again, is one incident; of a failed asset with an incident of its own it is a symptom.
    house.break_("work")
    house.tick()
    house.run()
    house.run()
    (job,) = house.watch().values()
    assert (job.subject_id, house.service.case(job.case_id).breaches) == ("job/refresh_job", 2)
    assert "the export has no rows" in house.evidence(job)
    house.break_()
    house.run()
    assert house.watch() == {}


def test_what_is_silent_or_hangs_is_an_incident_and_a_dead_daemon_explains_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.tick()
    assert house.watch() == {}
    later = timedelta(0)
    monkeypatch.setattr(SystemClock, "now", lambda _clock: datetime.now(UTC) + later)

    def wait(span: timedelta, *, watching: bool = True) -> dict[str, CaseSummary]:
        nonlocal later
        if watching:
            # The watchdog itself went on looking all the time.
            body = json.loads(house.cursor or "{}")
            house.cursor = json.dumps({**body, "last": (SystemClock().now() + span).isoformat()})
        later += span
        for kind in ("SENSOR", "SCHEDULER"):
            house.beat(kind, ago=-later.total_seconds())
        return house.watch()

    assert wait(timedelta(hours=9), watching=False) == {}, "nobody was there to run anything"
    assert wait(timedelta(minutes=4)) == {}
    assert set(wait(timedelta(minutes=2))) == {"sensor/a_sensor", "sensor/b_sensor", "sensor/c_sensor"}
    # The daemon that runs them is dead: that is one cause, and takes the three in.
    body = json.loads(house.cursor or "{}")
    house.cursor = json.dumps({**body, "last": (SystemClock().now() + timedelta(minutes=4)).isoformat()})
    later += timedelta(minutes=4)
    house.beat("SCHEDULER", ago=-later.total_seconds())
    assert set(house.watch()) == {"daemon/sensor"}
    joined = house.service.cases(template=INCIDENT_TEMPLATE)
    assert sorted(case.outcome or "" for case in joined) == ["", "joined", "joined", "joined"]
    later = timedelta(0)
    house.tick()
    house.cursor = None
    assert house.watch() == {}


def test_a_scan_of_the_timers_that_does_not_run_is_an_incident_until_it_is_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.tick()
    now = datetime.now(UTC)
    house.cursor = json.dumps({"since": (now - timedelta(hours=1)).isoformat(), "last": now.isoformat()})
    assert house.watch() == {}, "a code location without the sensor has no timers to look at"
    monkeypatch.setattr("sensors.watchdog.TIMER_SENSOR", "c_sensor")
    monkeypatch.setattr("ops_assets.automation.TIMER_SENSOR", "c_sensor")
    house.service.mark_timer_scan(now - timedelta(minutes=4))
    assert house.watch() == {}
    house.service.mark_timer_scan(now - timedelta(minutes=6))
    (case,) = house.watch().values()
    assert (case.subject_id, case.subject_kind) == ("scan/timers", "scan")
    assert "Is c_sensor switched off?" in house.evidence(case)
    # The sensor that starts the scan fails: that is the cause, and takes the incident in.
    house.break_("c_sensor")
    house.tick(2)
    assert set(house.watch()) == {"sensor/c_sensor"}
    house.break_()
    house.tick()
    assert set(house.watch()) == {"scan/timers"}
    house.service.mark_timer_scan(datetime.now(UTC))
    assert house.watch() == {}


def test_a_hanging_run_and_a_pause_of_the_watch(house: House) -> None:
    run = house.instance.create_run_for_job(house.repository.get_job("refresh_job"), status=dg.DagsterRunStatus.STARTED)
    seen = runs_of(house.instance, "refresh_job")
    assert seen.running_since is not None
    assert abs((seen.running_since - datetime.now(UTC)).total_seconds()) < 60, run.run_id
    now = datetime(2026, 11, 16, tzinfo=UTC)
    cursor = json.dumps({"since": "2026-11-15T00:00:00+00:00", "last": "2026-11-15T23:59:30+00:00"})
    assert watching_since(cursor, now) == datetime(2026, 11, 15, tzinfo=UTC)
    assert watching_since(cursor, now + timedelta(minutes=2)) == now + timedelta(minutes=2)
    assert watching_since(None, now) == now
