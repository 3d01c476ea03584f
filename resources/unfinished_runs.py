"""Which of Dagster's run states mean that a run is not over: it waits, executes or is being cancelled.

A run that is being cancelled still holds what it works on; whoever counts it as over starts a second beside it.
"""

from __future__ import annotations

from typing import Final

from dagster import DagsterRunStatus

EXECUTING: Final = (
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
)
"""States of a run that has a process, or is about to. Without that process nothing ever ends it."""

UNFINISHED: Final = (DagsterRunStatus.QUEUED, *EXECUTING)
"""States of a run that is not over. One that is queued is kept by Dagster and started by its daemon."""
