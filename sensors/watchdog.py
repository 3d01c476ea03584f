"""Watches over the other sensors, the schedules and the runs, and opens an incident where one fails or is silent.

The rules are ops_assets.automation; this module only reads what Dagster recorded. A dead daemon cannot run it: that the
daemon lives is watched by the gateway (gateway.heartbeat_watch).
"""

# No postponed annotations here: Dagster reads those of decorated functions as they are.
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorState, TickStatus
from dagster._utils.schedules import get_latest_completed_cron_tick
from dagster_shared.error import SerializableErrorInfo

from ops_assets.automation import TIMER_SENSOR, Instigator, JobRuns, Scan, find_troubles
from resources.clock import SystemClock
from resources.platform import Platform
from resources.stopped_runs import was_stopped
from resources.unfinished_runs import UNFINISHED
from workflow_jobs.jobs import service_jobs
from workflow_jobs.watching_over import GATEWAY_SUBJECTS, failed_assets, keep_troubles
from workflow_jobs.wiring import process_service

WATCHDOG = "watchdog_sensor"
_FINISHED_WELL = [TickStatus.SUCCESS, TickStatus.SKIPPED]
_MOST_FAILURES = 500
_MOST_RUNS = 25
# A pause of the watch: what was due meanwhile had nobody to run it.
_PAUSED_AFTER = timedelta(minutes=2)
_DAEMONS = ("SENSOR", "SCHEDULER")


@dg.sensor(
    name=WATCHDOG,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Opens an incident where a sensor, schedule or run fails, hangs or falls silent; closes it afterwards.",
)
def watchdog_sensor(context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]) -> dg.SensorResult:
    # Dagster stamps ticks with the machine's time, which a demo's shifted clock does not move.
    now = SystemClock().now()
    since = watching_since(context.cursor, now)
    repository = context.repository_def
    assert repository is not None, "the daemon evaluates sensors with their repository"
    service = process_service(platform)
    instance = context.instance
    beats = instance.get_daemon_heartbeats()
    troubles = find_troubles(
        instigators_of(instance, repository, now),
        [runs_of(instance, name) for name in watched_jobs(repository)],
        now,
        watching_since=since,
        heartbeats={
            kind: datetime.fromtimestamp(beats[kind].timestamp, UTC) if kind in beats else None for kind in _DAEMONS
        },
        failed_assets=failed_assets(service),
        scan=Scan(service.last_timer_scan()) if _scans_timers(repository) else None,
    )
    kept = keep_troubles(service, troubles, lambda subject: subject not in GATEWAY_SUBJECTS)
    cursor = json.dumps({"since": since.isoformat(), "last": now.isoformat()})
    return dg.SensorResult(skip_reason=f"{len(troubles)} troubles; {kept}.", cursor=cursor)


def _scans_timers(repository: dg.RepositoryDefinition) -> bool:
    return any(sensor.name == TIMER_SENSOR for sensor in repository.sensor_defs)


def watching_since(cursor: str | None, now: datetime) -> datetime:
    """Since when the watch goes on without a pause, from the sensor's cursor; now where it begins."""
    if not cursor:
        return now
    body = json.loads(cursor)
    last, since = datetime.fromisoformat(body["last"]), datetime.fromisoformat(body["since"])
    return since if now - last <= _PAUSED_AFTER else now


def instigators_of(
    instance: dg.DagsterInstance, repository: dg.RepositoryDefinition, now: datetime
) -> list[Instigator]:
    """The sensors and schedules that are switched on, the watchdog itself left out, with what their ticks say."""
    found = []
    states = {state.instigator_name: state for state in instance.all_instigator_state()}
    for sensor in repository.sensor_defs:
        state = states.get(sensor.name)
        if sensor.name == WATCHDOG or state is None or not state.is_running:
            continue
        last_at, failures, error = _ticks(instance, state)
        interval = timedelta(seconds=sensor.minimum_interval_seconds or 30)
        found.append(
            Instigator(
                name=sensor.name, kind="sensor", last_at=last_at, failures=failures, error=error, interval=interval
            )
        )
    for schedule in repository.schedule_defs:
        state = states.get(schedule.name)
        if state is None or not state.is_running:
            continue
        last_at, failures, error = _ticks(instance, state)
        crons = [schedule.cron_schedule] if isinstance(schedule.cron_schedule, str) else schedule.cron_schedule
        dues = [get_latest_completed_cron_tick(cron, now, schedule.execution_timezone) for cron in crons]
        found.append(
            Instigator(
                name=schedule.name, kind="schedule", last_at=last_at, failures=failures, error=error,
                due_at=max((due.astimezone(UTC) for due in dues), default=None),
            )
        )  # fmt: skip
    return found


def runs_of(instance: dg.DagsterInstance, job: str) -> JobRuns:
    """How the newest runs of a job went; those that were stopped say nothing about it."""
    records = instance.get_run_records(dg.RunsFilter(job_name=job), limit=_MOST_RUNS)
    waiting = [record for record in records if record.dagster_run.status in UNFINISHED]
    finished = [record for record in records if record.dagster_run.status not in UNFINISHED]
    failed: list[Any] = []
    for record in finished:
        if record.dagster_run.status is not dg.DagsterRunStatus.FAILURE:
            break
        if not was_stopped(instance, record.dagster_run):
            failed.append(record)
    since = min((record.create_timestamp for record in waiting), default=None)
    started = None if since is None else since.replace(tzinfo=UTC)
    if not failed:
        return JobRuns(job=job, running_since=started)
    run_id = failed[0].dagster_run.run_id
    step_failed = bool(instance.get_run_stats(run_id).steps_failed)
    return JobRuns(
        job=job,
        failures=len(failed),
        step_failed=step_failed,
        error=_run_error(instance, run_id),
        running_since=started,
    )


def watched_jobs(repository: dg.RepositoryDefinition) -> list[str]:
    """All jobs but those of service steps, whose failures their own case sees to."""
    theirs = {job.name for job in service_jobs()}
    return sorted(job.name for job in repository.get_all_jobs() if job.name not in theirs and job.name[:2] != "__")


def _ticks(instance: dg.DagsterInstance, state: InstigatorState) -> tuple[datetime | None, int, str]:
    """(last finished evaluation, failures in a row, the newest one's innermost error)."""
    origin, selector = state.instigator_origin_id, state.selector_id
    well = instance.get_ticks(origin, selector, limit=1, statuses=_FINISHED_WELL)
    after = well[0].timestamp if well else None
    failed = instance.get_ticks(origin, selector, after=after, limit=_MOST_FAILURES, statuses=[TickStatus.FAILURE])
    newest = max((tick.timestamp for tick in (*well, *failed)), default=None)
    last = None if newest is None else datetime.fromtimestamp(newest, UTC)
    return last, len(failed), _innermost(failed[0].error) if failed else ""


def _run_error(instance: dg.DagsterInstance, run_id: str) -> str:
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    messages: list[str] = []
    for record in instance.get_records_for_run(run_id, of_type=kinds, limit=10).records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        error = getattr(event.event_specific_data, "error", None)
        messages.append(_innermost(error) or event.message or "")
    return next((message for message in messages if message), "")


def _innermost(error: SerializableErrorInfo | None) -> str:
    """The sentence of the error that caused the others."""
    while error is not None and error.cause is not None:
        error = error.cause
    return "" if error is None else f"{error.message.strip()}"[:2000]
