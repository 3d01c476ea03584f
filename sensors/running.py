"""Asks Dagster whether a job is under way, so that sensors and schedules do not pile up runs of it."""

from __future__ import annotations

import dagster as dg

_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def is_running(instance: dg.DagsterInstance, job: str) -> bool:
    """True while a run of ``job`` waits, starts or executes."""
    return bool(instance.get_runs(dg.RunsFilter(job_name=job, statuses=_UNDER_WAY), limit=1))
