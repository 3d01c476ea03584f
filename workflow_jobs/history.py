"""The history of the process as source rows: cases and tasks become tables of the warehouse like any other source's.

Belongs here: which rows changed since the last export, their columns, and handing them to the inbox of ingestion.
Does not belong here: the metrics on them (dbt models under staging/trueloop and above).

The change cursor is the number of the last exported event. An export that dies after the inbox took the rows and
before the cursor moved hands the same rows over again under the same event ids, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from ops_assets.ingestion.inbox import accept
from resources.clock import Clock
from resources.fault_points import fault_point
from workflow_jobs.store.tables import case, case_event, number, task

SYSTEM = "trueloop"
CURSOR = "history.event_no"
# Part of every event id: raise it when a row of the same moment would be written otherwise than before.
FORM = 1
_BATCH = 500


class ExportPlatform(Protocol):
    """What an export needs of the platform."""

    @property
    def ops_engine(self) -> Engine: ...

    @property
    def clock(self) -> Clock: ...


@dataclass(frozen=True, slots=True)
class History:
    """Rows changed after a cursor, keyed by an id that names their version. ``cursor`` is where the next look
    begins.
    """

    cases: Mapping[str, dict[str, Any]]
    tasks: Mapping[str, dict[str, Any]]
    cursor: int

    def __len__(self) -> int:
        return len(self.cases) + len(self.tasks)


def process_history(engine: Engine, after: int = 0, *, limit: int | None = None) -> History:
    """Cases and tasks that changed after event number ``after``, as they stand now; ``limit`` bounds the events
    looked at.

    Instants are text in UTC without offset. Costs what changed: it reads the events after the cursor by their key.
    """
    with engine.connect() as connection:
        _wait_for_writers(connection)
        found = (
            connection.execute(
                sa.select(case_event.c.event_no, case_event.c.case_id, case_event.c.seq, case_event.c.body)
                .where(case_event.c.event_no > after)
                .order_by(case_event.c.event_no)
                .limit(limit)
            )
            .tuples()
            .all()
        )
        changed_cases = {case_id for _, case_id, _, _ in found}
        changed_tasks = {body["task_id"] for _, _, _, body in found if "task_id" in body}
        versions: dict[str, int] = {}
        cases: dict[str, dict[str, Any]] = {}
        for chunk in _chunks(sorted(changed_cases)):
            for row in connection.execute(sa.select(case).where(case.c.case_id.in_(chunk))).mappings():
                versions[row["case_id"]] = row["seq"]
                cases[f"case:{row['case_id']}:{row['seq']}:{FORM}"] = _case_row(dict(row))
        tasks: dict[str, dict[str, Any]] = {}
        for chunk in _chunks(sorted(changed_tasks)):
            for row in connection.execute(sa.select(task).where(task.c.task_id.in_(chunk))).mappings():
                tasks[f"task:{row['task_id']}:{versions[row['case_id']]}:{FORM}"] = _task_row(dict(row))
        connection.rollback()
    return History(cases, tasks, cursor=found[-1][0] if found else after)


def export_history(platform: ExportPlatform) -> int:
    """Hand every changed case and task to ingestion's inbox as events of the source ``trueloop``; how many rows."""
    engine, clock = platform.ops_engine, platform.clock
    handed_over = 0
    while True:
        with engine.connect() as connection:
            after = connection.execute(sa.select(number.c.value).where(number.c.name == CURSOR)).scalar_one_or_none()
            connection.rollback()
        history = process_history(engine, after or 0, limit=_BATCH)
        if not len(history):
            return handed_over
        events = [
            {"event_id": event_id, "table": table, "row": row}
            for table, rows in (("cases", history.cases), ("tasks", history.tasks))
            for event_id, row in rows.items()
        ]
        accept(engine, SYSTEM, events, clock)
        fault_point("history.export.before_cursor")
        _move_cursor(engine, history.cursor)
        handed_over += len(events)


def export_run(
    platform: ExportPlatform,
    *,
    run_id: str,
    job_name: str,
    status: str,
    started_at: float | None,
    ended_at: float | None,
    tags: Mapping[str, str],
) -> None:
    """Hand one finished run of a job over as an event; ``started_at`` and ``ended_at`` are seconds since 1970 UTC."""
    row = {
        "run_id": run_id,
        "job_name": job_name,
        "status": status,
        "started_at": _instant(None if started_at is None else datetime.fromtimestamp(started_at, UTC)),
        "ended_at": _instant(None if ended_at is None else datetime.fromtimestamp(ended_at, UTC)),
        "batch_id": tags.get("trueloop/batch"),
        "case_id": tags.get("trueloop/case"),
    }
    event = {"event_id": f"run:{run_id}:{status}:{FORM}", "table": "runs", "row": row}
    accept(platform.ops_engine, SYSTEM, [event], platform.clock)


def _wait_for_writers(connection: Connection) -> None:
    """See no event number while a lower one is still uncommitted, or the cursor would pass over it.

    SQLite has one writer at a time. PostgreSQL numbers events before their commit; a share lock waits for those
    under way.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"lock table {case_event.name} in share mode"))


def _move_cursor(engine: Engine, cursor: int) -> None:
    with engine.begin() as connection:
        known = connection.execute(
            sa.select(number.c.value).where(number.c.name == CURSOR).with_for_update()
        ).scalar_one_or_none()
        if known is None:
            connection.execute(number.insert().values(name=CURSOR, value=cursor))
        elif known < cursor:
            connection.execute(number.update().where(number.c.name == CURSOR).values(value=cursor))


def _case_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "case_id": row["case_id"],
        "template_id": row["template_id"],
        "status": row["status"],
        "outcome": row["outcome"],
        "subject_kind": row["subject_kind"] or None,
        "subject_id": row["subject_id"] or None,
        "metric": row["metric"] or None,
        "rule_id": row["rule_id"],
        "opened_at": _instant(row["opened_at"]),
        "closed_at": _instant(row["closed_at"]),
        "working_minutes_open": row["working_minutes_open"],
        "effective": row["effective"],
    }


def _task_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "task_id": row["task_id"],
        "case_id": row["case_id"],
        "template_id": row["template_id"],
        "step_id": row["step_id"],
        "role": row["role"],
        "assignee_id": row["assignee"],
        "created_at": _instant(row["created_at"]),
        "due_at": _instant(row["due_at"]),
        "decided_at": _instant(row["decided_at"]),
        "outcome": row["outcome"],
        "working_minutes": row["working_minutes"],
        "breached": row["breached"],
        "rungs_fired": row["rungs_fired"],
    }


def _instant(value: datetime | None) -> str | None:
    # Without offset: a time with one would be turned into the pack's local time, and these tables are in UTC.
    return None if value is None else value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")


def _chunks(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]
