"""Whether Dagster's daemons and sensors run, asked from Dagster's own web server.

GraphQL rather than a DagsterInstance: the gateway then needs no access to Dagster's storage, whatever database that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from gateway.dagster_connection import dagster_client

# What must run for Trueloop to move; Dagster reports more kinds of daemons than matter here.
NEEDED_DAEMONS = ("SENSOR", "SCHEDULER")

STATUS_QUERY = """
query TrueloopStatus {
  instance { daemonHealth { allDaemonStatuses {
    daemonType required healthy lastHeartbeatTime lastHeartbeatErrors { message }
  } } }
  repositoriesOrError {
    __typename
    ... on RepositoryConnection { nodes { sensors {
      name
      sensorState { status ticks(limit: 1) { timestamp status error { message } } }
    } } }
  }
}
"""


@dataclass(frozen=True)
class SensorStatus:
    """A sensor that is switched on or off, and how its last tick went. ``last_tick_at`` is UTC."""

    name: str
    running: bool
    last_tick_at: datetime | None
    last_error: str


@dataclass(frozen=True)
class DagsterStatus:
    """What Dagster says of itself. ``trouble`` is a sentence where something needed does not run, else empty."""

    trouble: str
    last_heartbeat_at: datetime | None = None
    sensors: tuple[SensorStatus, ...] = ()


def ask_dagster(dagster_url: str, *, timeout: float = 4.0) -> DagsterStatus:
    """Ask the web server at ``dagster_url``; never raises for a Dagster that is away or unwell. Timeout in seconds."""
    try:
        with dagster_client(timeout) as client:
            response = client.post(f"{dagster_url}/graphql", json={"query": STATUS_QUERY})
            response.raise_for_status()
            body = response.json()
    except (httpx.HTTPError, ValueError) as error:
        return DagsterStatus(
            f"Dagster's web server does not answer at {dagster_url} ({type(error).__name__}), so nobody knows whether "
            "the sensors run. `make up` starts it."
        )
    if not isinstance(body, dict) or body.get("errors") or not isinstance(body.get("data"), dict):
        return DagsterStatus(f"Dagster's web server at {dagster_url} answered with an error: {_first_error(body)}")
    return read_status(body["data"])


def read_status(data: dict[str, Any]) -> DagsterStatus:
    """The status in the ``data`` of an answer to STATUS_QUERY."""
    daemons = {one["daemonType"]: one for one in data["instance"]["daemonHealth"]["allDaemonStatuses"]}
    beats = [_instant(daemons[kind]["lastHeartbeatTime"]) for kind in NEEDED_DAEMONS if kind in daemons]
    last = max((beat for beat in beats if beat is not None), default=None)
    sensors = _sensors(data["repositoriesOrError"])
    sick = [kind for kind in NEEDED_DAEMONS if not daemons.get(kind, {}).get("healthy")]
    if sick:
        reasons = [
            error["message"].strip().splitlines()[-1]
            for kind in sick
            for error in daemons.get(kind, {}).get("lastHeartbeatErrors") or []
            if error["message"].strip()
        ]
        when = f"last heartbeat {last:%Y-%m-%d %H:%M:%S} UTC" if last else "no heartbeat yet"
        trouble = f"Dagster's {' and '.join(kind.lower() for kind in sick)} daemon does not run ({when})."
        return DagsterStatus(" ".join([trouble, *reasons[:1]]), last, sensors)
    if not sensors:
        return DagsterStatus("Dagster has loaded no sensors: its code location failed to load.", last, sensors)
    off = [one.name for one in sensors if not one.running]
    if len(off) == len(sensors):
        return DagsterStatus("Every sensor is switched off in Dagster.", last, sensors)
    return DagsterStatus("", last, sensors)


def _sensors(found: dict[str, Any]) -> tuple[SensorStatus, ...]:
    sensors = []
    for node in found.get("nodes") or []:
        for one in node["sensors"]:
            state = one["sensorState"]
            tick = (state.get("ticks") or [None])[0]
            failed = tick is not None and tick["status"] == "FAILURE"
            message = ((tick or {}).get("error") or {}).get("message", "") if failed else ""
            sensors.append(
                SensorStatus(
                    one["name"],
                    state["status"] == "RUNNING",
                    _instant(tick["timestamp"]) if tick else None,
                    message.strip().splitlines()[0] if message.strip() else ("failed" if failed else ""),
                )
            )
    return tuple(sorted(sensors, key=lambda sensor: sensor.name))


def _instant(timestamp: float | None) -> datetime | None:
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)


def _first_error(body: Any) -> str:
    errors = body.get("errors") if isinstance(body, dict) else None
    return str(errors[0].get("message", "")) if errors else "no data"
