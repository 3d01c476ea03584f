"""What is read out of Dagster's answer about its daemons and sensors."""

from __future__ import annotations

from typing import Any

from gateway.dagster_status import ask_dagster, read_status


def answer(*, healthy: bool = True, beat: float | None = 1794792600.0, sensors: list[Any] | None = None) -> Any:
    daemons = [
        {"daemonType": kind, "required": True, "healthy": healthy, "lastHeartbeatTime": beat,
         "lastHeartbeatErrors": [] if healthy else [{"message": "Traceback\nOSError: disk full\n"}]}
        for kind in ("SENSOR", "SCHEDULER", "BACKFILL")
    ]  # fmt: skip
    given = [sensor("a_sensor")] if sensors is None else sensors
    return {
        "instance": {"daemonHealth": {"allDaemonStatuses": daemons}},
        "repositoriesOrError": {"__typename": "RepositoryConnection", "nodes": [{"sensors": given}]},
    }


def sensor(name: str, status: str = "RUNNING", error: str = "") -> Any:
    tick = {"timestamp": 1794792600.0, "status": "FAILURE" if error else "SKIPPED", "error": {"message": error}}
    return {"name": name, "sensorState": {"status": status, "ticks": [tick]}}


def test_running_sensors_are_no_trouble() -> None:
    status = read_status(answer())
    assert status.trouble == ""
    assert status.sensors[0].running


def test_a_daemon_that_is_not_healthy_is_named_with_its_last_heartbeat_and_reason() -> None:
    status = read_status(answer(healthy=False))
    assert "sensor and scheduler daemon does not run" in status.trouble
    assert "OSError: disk full" in status.trouble
    assert "2026" in status.trouble


def test_a_daemon_that_never_ran_says_so() -> None:
    assert "no heartbeat yet" in read_status(answer(healthy=False, beat=None)).trouble


def test_no_sensors_means_that_the_definitions_did_not_load() -> None:
    assert "failed to load" in read_status(answer(sensors=[])).trouble


def test_all_sensors_switched_off_is_trouble_and_one_is_not() -> None:
    assert "switched off" in read_status(answer(sensors=[sensor("a", "STOPPED")])).trouble
    assert read_status(answer(sensors=[sensor("a", "STOPPED"), sensor("b")])).trouble == ""


def test_a_failed_tick_is_shown_with_its_first_line() -> None:
    status = read_status(answer(sensors=[sensor("a", error="KeyError: 'x'\nmore")]))
    assert status.sensors[0].last_error == "KeyError: 'x'"


def test_a_dagster_that_is_away_is_said_and_does_not_raise() -> None:
    status = ask_dagster("http://127.0.0.1:9", timeout=1)
    assert "does not answer at http://127.0.0.1:9" in status.trouble
