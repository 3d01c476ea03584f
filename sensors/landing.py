"""Wakes the refresh when something waits: files in the landing folder, events accepted by the gateway, or quarantined
rows and files that a person lets in.

A look costs one directory listing while nothing changes: the cursor remembers the folders' modification times, the last
event and the last decisions, and only a difference makes the sensor compare files with the ledger.
"""

# No postponed annotations here: Dagster reads those of decorated functions as they are.
import hashlib
import json
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from ops_assets.ingestion.landing_files import PendingFile, pending_files
from ops_assets.ingestion.ledger import inbox_event, landing_file, quarantine_row
from ops_assets.landing import PLATFORM_SYSTEM, RUNS_TABLE, landing_schema
from resources.ops_database import reading
from resources.platform import Platform
from sensors.running import RETRY_TAG, died_without_retry, is_running
from workflow_jobs.refresh_jobs import REFRESH_JOB, refresh_job

_NAMED_BATCHES = 20


@dg.sensor(
    name="landed_sources_sensor",
    job=refresh_job,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a refresh when source files have landed or events were posted; skips while one is running.",
)
def landed_sources_sensor(
    context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
) -> dg.SensorResult | dg.SkipReason:
    death = died_without_retry(context.instance, REFRESH_JOB)
    traces = _traces(platform, death)
    if context.cursor == traces:
        return dg.SkipReason("Nothing new has landed.")
    if is_running(context.instance, REFRESH_JOB):
        # The cursor stays: what landed after that run had looked must be noticed at the next tick.
        return dg.SkipReason("A refresh is running; looking again after it.")
    batches = [file.batch_id for file in _pending(platform)] + [f"e-{last}" for last in _last_event(platform)]
    batches += [f"r-{retry}" for retry in _last_retry(platform)]
    if not batches:
        return dg.SensorResult(skip_reason="What landed is loaded already.", cursor=traces)
    # A released file keeps its batch id, which had a run already when the file was set aside.
    key = run_key([*batches, *_last_release(platform), *death])
    tags = {"trueloop/batches": ", ".join(batches[:_NAMED_BATCHES])} | ({RETRY_TAG: death[0]} if death else {})
    request = dg.RunRequest(run_key=key, tags=tags)
    return dg.SensorResult(run_requests=[request], cursor=traces)


def run_key(batches: list[str]) -> str:
    """One run for one set of batches, however often the sensor sees it."""
    return "landed-" + hashlib.sha256("\n".join(sorted(batches)).encode()).hexdigest()[:24]


def folder_traces(folder: Path) -> list[tuple[str, int]]:
    """Name and modification time of the landing folder and its subfolders; they change when a file comes or goes."""
    if not folder.is_dir():
        return []
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [(path.name, path.stat().st_mtime_ns) for path in (folder, *inside)]


def _traces(platform: Platform, death: list[str]) -> str:
    decisions = [_last_retry(platform), _last_release(platform)]
    return json.dumps([folder_traces(platform.settings.landing_dir), _last_event(platform), decisions, death])


def _pending(platform: Platform) -> list[PendingFile]:
    return pending_files(
        platform.ops_engine,
        landing_schema(platform),
        platform.settings.landing_dir,
        clock=platform.clock,
        zone=platform.pack.zone,
    )


def _last_event(platform: Platform) -> list[int]:
    """The last waiting event, if any. Records of runs wait for the next refresh: every refresh leaves one, so that
    they would start refreshes without end.
    """
    event = inbox_event.c
    last = sa.select(sa.func.max(event.id)).where(
        event.batch_id.is_(None), ~sa.and_(event.source == PLATFORM_SYSTEM, event.table_name == RUNS_TABLE)
    )
    with reading(platform.ops_engine) as connection:
        found = connection.execute(last).scalar()
    return [] if found is None else [int(found)]


def _last_retry(platform: Platform) -> list[str]:
    """When the last waiting retry was asked for, and how many wait, if any."""
    c = quarantine_row.c
    waiting = sa.select(sa.func.max(c.retry_requested_at), sa.func.count()).where(
        c.status == "open", c.retry_requested_at.is_not(None), c.retry_batch_id.is_(None)
    )
    with reading(platform.ops_engine) as connection:
        asked_at, count = connection.execute(waiting).one()
    return [f"{asked_at.isoformat()}-{count}"] if count else []


def _last_release(platform: Platform) -> list[str]:
    """When a file that is still set aside was last released, if any was."""
    c = landing_file.c
    with reading(platform.ops_engine) as connection:
        released_at = connection.execute(sa.select(sa.func.max(c.released_at)).where(c.status == "set_aside")).scalar()
    return [] if released_at is None else [released_at.isoformat()]
