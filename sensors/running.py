"""Asks Dagster whether a job is under way, so that sensors and schedules do not pile up runs of it."""

from __future__ import annotations

import dagster as dg

from resources.unfinished_runs import UNFINISHED

RETRY_TAG = "trueloop/retry_of"


def is_running(instance: dg.DagsterInstance, job: str) -> bool:
    """True while a run of ``job`` waits, starts, executes or is being cancelled."""
    return bool(instance.get_runs(dg.RunsFilter(job_name=job, statuses=UNFINISHED), limit=1))


def died_without_retry(instance: dg.DagsterInstance, job: str) -> list[str]:
    """Id of the newest run of ``job`` if its process died (it failed, but none of its steps did), else nothing.

    A run that was itself started in place of a dead one is left alone: what kills two in a row would kill the third.
    """
    newest = instance.get_runs(dg.RunsFilter(job_name=job), limit=1)
    if not newest or newest[0].status is not dg.DagsterRunStatus.FAILURE or RETRY_TAG in newest[0].tags:
        return []
    return [] if instance.get_run_stats(newest[0].run_id).steps_failed else [newest[0].run_id]
