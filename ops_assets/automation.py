"""Whether what should run by itself does: sensors, schedules, runs and their daemons, from what Dagster recorded.

Belongs here: the rules, pure; every bound is a constant below. Does not belong here: reading Dagster (sensors.watchdog)
and what is done about a trouble (workflow_jobs.incidents). Instants are aware, by the machine's clock like Dagster's.

- A sensor fails when its last two finished evaluations did (one that died with its process is made up for at once), a
  schedule when its last one did.
- A sensor is silent after ten times its interval, five minutes at least; a schedule five minutes after a due time. Time
  before the watch began does not count: nobody was there to run it.
- A job fails when its last finished run did, with a failed step, or when two in a row died; a run hangs after an hour.
- The timer scan is late when it has not been marked as done for five minutes, whatever is known of its sensor: one that
  somebody switched off has no evaluations to be missed. Where that sensor or its daemon is in trouble, that is the root
  cause.
- Several sensors and schedules that fail with the same error have one root cause: that error. A daemon without
  heartbeat for three minutes is the root cause of everything that it should run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

SILENT_INTERVALS: Final = 10
SILENT_AT_LEAST: Final = timedelta(minutes=5)
HUNG_AFTER: Final = timedelta(hours=1)
DAEMON_SILENT_AFTER: Final = timedelta(minutes=3)
SENSOR_FAILURES: Final = 2
SCAN_LATE_AFTER: Final = timedelta(minutes=5)
TIMER_SENSOR: Final = "due_rungs_sensor"
# Which daemon runs what.
_DAEMON: Final[Mapping[str, str]] = {"sensor": "SENSOR", "schedule": "SCHEDULER"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Instigator:
    """A sensor or schedule that is switched on.

    ``last_at`` is its last finished evaluation, ``failures`` how many of the newest failed in a row, ``error`` the
    newest one's innermost sentence. ``interval`` is a sensor's; ``due_at`` a schedule's last due time.
    """

    name: str
    kind: Literal["sensor", "schedule"]
    last_at: datetime | None
    failures: int = 0
    error: str = ""
    interval: timedelta = timedelta(seconds=30)
    due_at: datetime | None = None

    @property
    def id(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRuns:
    """The runs of one job. ``failures`` of the newest finished runs failed in a row; ``step_failed`` says that the
    newest failed in a step and did not just die. ``running_since`` is the start of the oldest run under way.
    """

    job: str
    failures: int = 0
    step_failed: bool = False
    error: str = ""
    running_since: datetime | None = None

    @property
    def id(self) -> str:
        return f"job/{self.job}"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One root cause. ``times`` is how often it was seen failing; ``symptoms`` are ids of what fails because of it."""

    id: str
    kind: str
    label: str
    sentence: str
    times: int = 1
    symptoms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scan:
    """The scan of a process's timers; ``last_at`` is when it was marked as done, None before the first time."""

    last_at: datetime | None


def find_troubles(
    instigators: Sequence[Instigator],
    jobs: Sequence[JobRuns],
    now: datetime,
    *,
    watching_since: datetime,
    heartbeats: Mapping[str, datetime | None],
    failed_assets: Collection[str] = (),
    scan: Scan | None = None,
) -> tuple[Trouble, ...]:
    """What is wrong at ``now``, by id. ``heartbeats`` maps daemon types to their last heartbeat; without ``scan`` there
    is none to watch over.

    A run whose error names one of ``failed_assets`` (assets with an incident of their own) is a symptom of that.
    """
    dead = [
        daemon
        for daemon, beat in sorted(heartbeats.items())
        if now - max(beat or watching_since, watching_since) > DAEMON_SILENT_AFTER
    ]
    troubles = [_dead_daemon(daemon, heartbeats[daemon], instigators) for daemon in dead]
    alive = [one for one in instigators if _DAEMON[one.kind] not in dead]
    failing = [one for one in alive if one.failures >= (SENSOR_FAILURES if one.kind == "sensor" else 1)]
    troubles += _failing(failing)
    known = {one.id for one in failing}
    for one in alive:
        sentence = _silence(one, now, watching_since) if one.id not in known else ""
        if sentence:
            troubles.append(Trouble(one.id, one.kind, f"{one.kind} {one.name}: silent", sentence))
    troubles += [trouble for job in jobs if (trouble := _job(job, now, failed_assets)) is not None]
    if scan is not None and not _explains_a_late_scan(troubles):
        troubles += _late_scan(scan, now, watching_since)
    return tuple(sorted(troubles, key=lambda trouble: trouble.id))


def _explains_a_late_scan(troubles: Iterable[Trouble]) -> bool:
    sensor = f"sensor/{TIMER_SENSOR}"
    return any(one.id == sensor or sensor in one.symptoms or one.id == "daemon/sensor" for one in troubles)


def _late_scan(scan: Scan, now: datetime, since: datetime) -> list[Trouble]:
    if now - max(scan.last_at or since, since) <= SCAN_LATE_AFTER:
        return []
    last = f"last at {scan.last_at:%Y-%m-%d %H:%M:%S} UTC" if scan.last_at else "never"
    sentence = (
        f"The timers were not looked at for {SCAN_LATE_AFTER} ({last}): no reminders, escalations and ends of waits. "
        f"Is {TIMER_SENSOR} switched off?"
    )
    return [Trouble("scan/timers", "scan", "scan of the timers: late", sentence)]


def signature(error: str) -> str:
    """An error's first line without what changes from one time to the next: numbers, ids, addresses."""
    first = next((line.strip() for line in error.splitlines() if line.strip()), "")
    return re.sub(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+", "#", first)[:200]


def sighting_of(times: int) -> int:
    """The count worth telling: each one up to ten, then each full ten, each full hundred and so on.

    A card that is brought up to date at every tick for a day would be thousands of calls that say nothing new.
    """
    step = int(10 ** max(0, len(str(times)) - 1)) if times >= 10 else 1
    return times - times % step


def _dead_daemon(daemon: str, beat: datetime | None, instigators: Iterable[Instigator]) -> Trouble:
    last = f"last heartbeat {beat:%Y-%m-%d %H:%M:%S} UTC" if beat else "no heartbeat"
    symptoms = tuple(sorted(one.id for one in instigators if _DAEMON[one.kind] == daemon))
    name = daemon.lower()
    return Trouble(f"daemon/{name}", "daemon", f"{name} daemon", f"It does not run: {last}.", symptoms=symptoms)


def _failing(failing: Sequence[Instigator]) -> list[Trouble]:
    groups: dict[str, list[Instigator]] = {}
    for one in failing:
        groups.setdefault(signature(one.error), []).append(one)
    troubles = []
    for text, members in groups.items():
        if len(members) == 1 or not text:
            troubles += [
                Trouble(one.id, one.kind, f"{one.kind} {one.name}", one.error[:1000] or "It failed.", one.failures)
                for one in members
            ]
            continue
        names = tuple(sorted(one.id for one in members))
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        sentence = max(members, key=lambda one: (one.failures, one.id)).error[:1000]
        times = max(one.failures for one in members)
        troubles.append(Trouble(f"error/{digest}", "error", text, sentence, times, names))
    return troubles


def _silence(one: Instigator, now: datetime, since: datetime) -> str:
    if one.kind == "sensor":
        allowed = max(SILENT_INTERVALS * one.interval, SILENT_AT_LEAST)
        if now - max(one.last_at or since, since) <= allowed:
            return ""
        last = f"last {one.last_at:%Y-%m-%d %H:%M:%S} UTC" if one.last_at else "never"
        return f"It was not evaluated for {allowed} ({last}); its interval is {one.interval}."
    if one.due_at is None or one.due_at < since or now - one.due_at <= SILENT_AT_LEAST:
        return ""
    if one.last_at is not None and one.last_at >= one.due_at - timedelta(seconds=1):
        return ""
    return f"It was due at {one.due_at:%Y-%m-%d %H:%M:%S} UTC and did not run."


def _job(job: JobRuns, now: datetime, failed_assets: Collection[str]) -> Trouble | None:
    if job.running_since is not None and now - job.running_since > HUNG_AFTER:
        sentence = f"A run hangs: it was started at {job.running_since:%Y-%m-%d %H:%M:%S} UTC."
        return Trouble(job.id, "job", f"job {job.job}: hangs", sentence)
    if job.failures < (1 if job.step_failed else 2):
        return None
    if any(re.search(rf"\b{re.escape(asset)}\b", job.error) for asset in failed_assets):
        return None
    return Trouble(job.id, "job", f"job {job.job}", job.error[:1000] or "The run failed.", job.failures)
