"""Which failed runs of Dagster did not fail by themselves: somebody stopped them, or all of Trueloop.

Dagster knows no such end: a run that is interrupted fails with the interruption as its error, and one whose process was
killed with the stack is marked as failed by the next start, which says so in a tag.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun
    from dagster_shared.error import SerializableErrorInfo

STOPPED_TAG: Final = "trueloop/stopped"
_INTERRUPTED: Final = ("DagsterExecutionInterruptedError", "KeyboardInterrupt")


def was_stopped(instance: DagsterInstance, run: DagsterRun) -> bool:
    """True for a failed run that was stopped; its own errors do not count then, nor does it as a failure."""
    from dagster import DagsterEventType

    if STOPPED_TAG in run.tags:
        return True
    kinds = {DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}
    for record in instance.get_records_for_run(run.run_id, of_type=kinds, limit=10).records:
        event = record.event_log_entry.dagster_event
        error = None if event is None else getattr(event.event_specific_data, "error", None)
        if any(one.cls_name in _INTERRUPTED for one in _chain(error)):
            return True
    return False


def _chain(error: SerializableErrorInfo | None) -> Iterator[SerializableErrorInfo]:
    """An error and what it was raised from; what was merely being handled at the time is not among it."""
    while error is not None:
        yield error
        error = error.cause
