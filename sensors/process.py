"""Moves the processes on: service steps to start, SLA rungs, messages, effects to judge, history to hand over.

Every sensor only asks the service what is due and calls it; what is due, and that it happens once, is decided there.
"""

# No postponed annotations here: Dagster reads those of decorated functions as they are.
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import dagster as dg

from ops_assets.access_file import access_policy_of
from ops_assets.consistency_history import export_scores
from ops_assets.watching import figure_as_of, subject_figure
from resources.clock import SystemClock
from resources.platform import Platform
from resources.slack import SlackClient
from resources.slack_connection import slack_connection
from resources.stopped_runs import was_stopped
from workflow_jobs.cases import Observed, ServiceStep
from workflow_jobs.delivery.outbox import CHANNEL_GAP, deliver_due, prune_sent
from workflow_jobs.delivery.pictures import SlackPictures
from workflow_jobs.delivery.targets import load_slack_users
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.history import export_history, export_run
from workflow_jobs.jobs import service_jobs
from workflow_jobs.refresh_jobs import OPERATING_ANALYSIS_JOB, REFRESH_JOB
from workflow_jobs.service import ProcessService
from workflow_jobs.step_assets import report_completions
from workflow_jobs.store.due_rows import START, Place
from workflow_jobs.wiring import process_service

IDEMPOTENCY_TAG, ATTEMPT_TAG = "trueloop/idempotency_key", "trueloop/attempt"
_ON = dg.DefaultSensorStatus.RUNNING
# Together well below the time after which Dagster ends an evaluation.
_TIMERS_SECONDS, _PEOPLE_SECONDS, _EFFECTS_SECONDS = 20, 8, 20
# So often a run of one attempt is asked for again after a stop; one that takes Trueloop with it must end some time.
_MOST_STOPS = 5
# So many runs are asked for at once; Dagster looks up for each whether it was asked for before.
_MOST_RUNS = 100


def build_process_sensors() -> list[dg.SensorDefinition]:
    """All sensors of the process layer."""
    return [
        service_steps_sensor,
        failed_service_steps_sensor,
        due_rungs_sensor,
        outbox_sensor,
        due_effects_sensor,
        case_history_sensor,
        run_success_history_sensor,
        run_failure_history_sensor,
    ]


@dg.sensor(
    name="service_steps_sensor",
    jobs=service_jobs(),
    minimum_interval_seconds=5,
    default_status=_ON,
    description="Starts the Dagster job of every service step that a case waits for, once per attempt.",
)
def service_steps_sensor(
    context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    service = process_service(platform)
    steps, cursor = steps_in_turn(service.due_service_steps, context.cursor, _MOST_RUNS)
    if cursor != (context.cursor or ""):
        context.update_cursor(cursor)
    jobs = {job.name for job in service_jobs()}
    startable = []
    for step in steps:
        if step.job in jobs:
            startable.append(step)
        else:
            _has_no_job(service, step)
    for step in startable:
        yield _run_of(step, step.run_key)
    if not startable:
        yield dg.SkipReason("No case waits for a service step.")


def _has_no_job(service: ProcessService, step: ServiceStep) -> None:
    """Tell the case, so that a person is asked: Dagster would refuse the runs of all other cases with this one.

    The linter lets no such step be; a case may follow a version from before the job was taken away or renamed.
    """
    error = f"There is no job {step.job!r}. Move the case to a version that names another, or do the step by hand."
    # Refused where the case waits for it no more.
    with contextlib.suppress(Refused):
        service.fail_service(
            step.case_id,
            step.step_id,
            "",
            error,
            final=True,
            attempt=step.attempt,
            idempotency_key=step.idempotency_key,
        )


def _run_of(step: ServiceStep, run_key: str) -> dg.RunRequest:
    config = {"case_id": step.case_id, "step_id": step.step_id, "idempotency_key": step.idempotency_key}
    return dg.RunRequest(
        run_key=run_key,
        job_name=step.job,
        run_config={"ops": {step.job.removesuffix("_job"): {"config": config}}},
        tags={
            "trueloop/case": step.case_id,
            "trueloop/step": step.step_id,
            ATTEMPT_TAG: str(step.attempt),
            IDEMPOTENCY_TAG: step.idempotency_key,
        },
    )


def steps_in_turn(
    look: Callable[[int, Place], Sequence[ServiceStep]], cursor: str | None, most: int
) -> tuple[list[ServiceStep], str]:
    """The service steps to be asked for now, at most so many, and the cursor for the next time.

    A step is asked for until its run is over, so those that run long must not be all that is ever asked for: where more
    wait, each tick goes on behind the last one's, and from the front again after the end.
    """
    at, _, key = (cursor or "").partition(" ")
    behind = Place(datetime.fromisoformat(at), key) if at else START
    steps = list(look(most, behind))
    if behind != START:
        known = {step.idempotency_key for step in steps}
        front = [step for step in look(most, START) if step.idempotency_key not in known]
        steps += front[: most - len(steps)]
    if len(steps) < most:
        return steps, ""
    return steps, f"{steps[-1].timeout_at.isoformat()} {steps[-1].idempotency_key}"


@dg.run_failure_sensor(
    name="failed_service_steps_sensor",
    monitored_jobs=service_jobs(),
    request_jobs=service_jobs(),
    default_status=_ON,
    minimum_interval_seconds=5,
    description="Tells the case when the run of a service step failed: it is tried again, or a person is asked. "
    "One that was stopped with Trueloop is asked for again as the same attempt.",
)
def failed_service_steps_sensor(
    context: dg.RunFailureSensorContext, platform: dg.ResourceParam[Platform]
) -> dg.RunRequest | dg.SkipReason | None:
    run, service = context.dagster_run, process_service(platform)
    tags = run.tags
    if was_stopped(context.instance, run) and _stops(context.instance, tags) <= _MOST_STOPS:
        known = service.service_step(tags[IDEMPOTENCY_TAG])
        if known is None or known.status != "requested" or str(known.step.attempt) != tags[ATTEMPT_TAG]:
            return dg.SkipReason(f"{run.run_id} was stopped, and its case waits for it no more.")
        # Under a key of its own: Dagster makes one run of one key, however that run ended.
        return _run_of(known.step, f"{known.step.run_key} after {run.run_id}")
    try:
        service.fail_service(
            tags["trueloop/case"],
            tags["trueloop/step"],
            run.run_id,
            context.failure_event.message or "The run failed.",
            attempt=int(tags[ATTEMPT_TAG]),
            idempotency_key=tags[IDEMPOTENCY_TAG],
        )
    except Refused as refused:
        # A late failure of an attempt that the case no longer waits for; the sentence says why.
        return dg.SkipReason(refused.sentence)
    return None


def _stops(instance: dg.DagsterInstance, tags: Mapping[str, str]) -> int:
    """How many runs of the same attempt were stopped."""
    same = {key: tags[key] for key in (IDEMPOTENCY_TAG, ATTEMPT_TAG)}
    runs = instance.get_runs(dg.RunsFilter(tags=same, statuses=[dg.DagsterRunStatus.FAILURE]), limit=2 * _MOST_STOPS)
    return sum(was_stopped(instance, run) for run in runs)


@dg.sensor(
    name="due_rungs_sensor",
    minimum_interval_seconds=10,
    default_status=_ON,
    description="Fires reminders, escalations and waits that are due, hands on tasks of absent people and those that "
    "nobody claimed, and computes clocks anew where a calendar changed.",
)
def due_rungs_sensor(context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]) -> dg.SkipReason:
    service = process_service(platform)
    # One case that fails must not keep the others from their people: the rest is done first, then it is told.
    failures: list[Exception] = []

    def tried(work: Callable[[], int]) -> int:
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - raised below, together
            failures.append(error)
            return 0

    # By the machine's clock, as the watchdog reads it.
    fired = tried(lambda: service.fire_due_rungs(enough=_after(_TIMERS_SECONDS)))
    service.mark_timer_scan(SystemClock().now())
    moved = tried(lambda: service.reassign_absent(enough=_after(_PEOPLE_SECONDS)))
    moved += tried(lambda: service.hand_out_pools(enough=_after(_PEOPLE_SECONDS)))
    changed = tried(service.keep_clocks)
    if failures:
        raise ExceptionGroup("not everything that was due could be done", failures)
    return dg.SkipReason(
        f"{fired} rungs fired, {moved} tasks moved to somebody who is present, {changed} clocks computed anew."
    )


def _after(seconds: float) -> Callable[[], bool]:
    """Whether so much time has passed since now, for a scan that would last too long for one tick."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


@dg.sensor(
    name="outbox_sensor",
    minimum_interval_seconds=5,
    default_status=_ON,
    description="Sends waiting Slack messages and reports completed steps to Dagster.",
)
def outbox_sensor(context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]) -> dg.SkipReason:
    connection = slack_connection(platform.settings)
    slack = SlackClient(connection.bot_token, base_url=connection.base_url)
    sent = deliver_due(
        platform.ops_engine,
        clock=platform.clock,
        slack=slack,
        report=lambda completions: report_completions(context.instance, completions),
        slack_users=load_slack_users(platform.settings.slack_users_file),
        pictures=SlackPictures(
            platform.ops_engine,
            platform.snapshots,
            slack,
            platform.clock,
            access=lambda: access_policy_of(platform.settings),
        ),
        channel_gap=0.0 if connection.embedded else CHANNEL_GAP,
    )
    prune_sent(platform.ops_engine, clock=platform.clock, kept=timedelta(days=platform.settings.outbox_kept_days))
    return dg.SkipReason(f"{sent.sent} sent, {sent.retried} to be tried again, {sent.dead} dead letters.")


@dg.sensor(
    name="due_effects_sensor",
    minimum_interval_seconds=30,
    default_status=_ON,
    description="Looks at the metric again after a case's effect window and records whether the case worked.",
)
def due_effects_sensor(context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]) -> dg.SkipReason:
    snapshot = platform.snapshots.current()
    if snapshot is None:
        return dg.SkipReason("Nothing was published yet.")
    judged = process_service(platform).judge_due_effects(
        lambda case: Observed(
            subject_figure(snapshot, case.metric, case.subject_kind, case.subject_id),
            figure_as_of(snapshot, case.metric),
        ),
        snapshot.id,
        enough=_after(_EFFECTS_SECONDS),
    )
    return dg.SkipReason(f"{judged} cases judged by their metric.")


@dg.sensor(
    name="case_history_sensor",
    minimum_interval_seconds=15,
    default_status=_ON,
    description="Hands changed cases and tasks, and new consistency scores, over as source events, so that they are "
    "measured as well.",
)
def case_history_sensor(context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]) -> dg.SkipReason:
    handed = export_history(platform, process_service(platform))
    return dg.SkipReason(
        f"{handed} changed cases and tasks and {export_scores(platform)} consistency scores handed over."
    )


_MEASURED_JOBS = {REFRESH_JOB, OPERATING_ANALYSIS_JOB}


@dg.run_status_sensor(
    name="run_success_history_sensor",
    run_status=dg.DagsterRunStatus.SUCCESS,
    default_status=_ON,
    minimum_interval_seconds=15,
    description="Records finished runs as source events of the report failure rate.",
)
def run_success_history_sensor(
    context: dg.RunStatusSensorContext, platform: dg.ResourceParam[Platform]
) -> dg.SkipReason | None:
    return _record_run(context, platform)


@dg.run_status_sensor(
    name="run_failure_history_sensor",
    run_status=dg.DagsterRunStatus.FAILURE,
    default_status=_ON,
    minimum_interval_seconds=15,
    description="Records failed runs as source events of the report failure rate; not those that were stopped.",
)
def run_failure_history_sensor(
    context: dg.RunStatusSensorContext, platform: dg.ResourceParam[Platform]
) -> dg.SkipReason | None:
    return _record_run(context, platform)


def _record_run(context: dg.RunStatusSensorContext, platform: Platform) -> dg.SkipReason | None:
    run = context.dagster_run
    if run.job_name not in _MEASURED_JOBS:
        return dg.SkipReason(f"{run.job_name} is not a report.")
    if run.is_failure and was_stopped(context.instance, run):
        return dg.SkipReason(f"{run.run_id} was stopped and did not fail.")
    record = context.instance.get_run_record_by_id(run.run_id)
    assert record is not None, "the sensor was called for a run that is stored"
    export_run(
        platform,
        run_id=run.run_id,
        job_name=run.job_name,
        status=run.status.value,
        started_at=record.start_time,
        ended_at=record.end_time,
        tags=run.tags,
    )
    return None
