"""Reading lists of cases, tasks and service steps for people and schedulers. Writes nothing and locks nothing.

What somebody asks for by a key that no database can keep, as with a NUL, is looked up as one that nothing has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow_jobs.cases import CaseSummary, ServiceOutcome, ServiceStep, TaskSummary
from workflow_jobs.engine import events as e
from workflow_jobs.engine.texts import readable_text
from workflow_jobs.store.due_rows import Place
from workflow_jobs.store.tables import SERVICE_REQUESTED, TASK_OPEN, case, case_event, service_step, task

_OPEN = sa.text(f"process_task.{TASK_OPEN.text}")
_REQUESTED = sa.text(f"process_service_step.{SERVICE_REQUESTED.text}")
_CASE_COLUMNS = [case.c[name] for name in CaseSummary.__dataclass_fields__]
_TASK_COLUMNS = [task.c[name] for name in TaskSummary.__dataclass_fields__]


def case_events(connection: Connection, case_id: str) -> list[tuple[e.Event, str | None]]:
    """The log of a case in order, each event with how its command came in."""
    found = connection.execute(
        sa.select(case_event.c.body, case_event.c.via).where(case_event.c.case_id == case_id).order_by(case_event.c.seq)
    )
    return [(e.from_json(body), via) for body, via in found.tuples()]


def case_list(
    connection: Connection,
    *,
    status: str | None,
    template_id: str | None,
    subject_id: str | None,
    limit: int,
    offset: int = 0,
) -> list[CaseSummary]:
    """Cases, newest first."""
    wanted = _of_cases(status, template_id, subject_id)
    newest = (case.c.opened_at.desc(), case.c.case_id.desc())
    statement = sa.select(*_CASE_COLUMNS).where(*wanted).order_by(*newest).limit(limit).offset(offset)
    return [CaseSummary(**row) for row in _rows(connection, statement)]


def case_count(connection: Connection, *, status: str | None, template_id: str | None) -> int:
    """How many cases :func:`case_list` has in all."""
    wanted = _of_cases(status, template_id, None)
    return connection.execute(sa.select(sa.func.count()).select_from(case).where(*wanted)).scalar_one()


def _of_cases(status: str | None, template_id: str | None, subject_id: str | None) -> list[sa.ColumnElement[bool]]:
    wanted = {"status": status, "template_id": template_id, "subject_id": subject_id}
    return [case.c[name] == readable_text(value) for name, value in wanted.items() if value is not None]


def case_summary(connection: Connection, case_id: str) -> CaseSummary | None:
    """One case as lists show it."""
    found = _rows(connection, sa.select(*_CASE_COLUMNS).where(case.c.case_id == readable_text(case_id)))
    return CaseSummary(**found[0]) if found else None


def task_row(connection: Connection, task_id: str) -> TaskSummary | None:
    """One task."""
    found = _rows(connection, sa.select(*_TASK_COLUMNS).where(task.c.task_id == readable_text(task_id)))
    return TaskSummary(**found[0]) if found else None


def task_list(
    connection: Connection, *, assignee: str | None, case_id: str | None, open_only: bool, limit: int
) -> list[TaskSummary]:
    """Tasks, those due first first."""
    statement = sa.select(*_TASK_COLUMNS).order_by(task.c.due_at, task.c.task_id).limit(limit)
    if assignee is not None:
        statement = statement.where(task.c.assignee == assignee)
    if case_id is not None:
        statement = statement.where(task.c.case_id == readable_text(case_id))
    if open_only:
        statement = statement.where(_OPEN)
    return [TaskSummary(**row) for row in _rows(connection, statement)]


def open_work(connection: Connection) -> dict[str, tuple[int, float]]:
    """How many open tasks each assignee has, and their weight; read from the index of open tasks alone."""
    counted = sa.select(task.c.assignee, sa.func.count(), sa.func.sum(task.c.weight))
    found = connection.execute(counted.where(_OPEN, task.c.assignee.is_not(None)).group_by(task.c.assignee))
    return {assignee: (number, float(weight)) for assignee, number, weight in found.tuples()}


def _service_statement() -> sa.Select[Any]:
    return sa.select(service_step, case.c.template_id).join_from(
        service_step, case, case.c.case_id == service_step.c.case_id
    )


def _service(row: Mapping[str, Any]) -> ServiceStep:
    return ServiceStep(**{name: row[name] for name in ServiceStep.__dataclass_fields__})


def requested_services(connection: Connection, limit: int, behind: Place) -> list[ServiceStep]:
    """Service steps whose job is to run, the most urgent first, behind a place in this order."""
    at, key = service_step.c.timeout_at, service_step.c.idempotency_key
    statement = _service_statement().where(_REQUESTED, at >= behind.at, sa.or_(at > behind.at, key > behind.key))
    statement = statement.order_by(at, key).limit(limit)
    return [_service(row) for row in _rows(connection, statement)]


def service_outcome(connection: Connection, idempotency_key: str) -> ServiceOutcome | None:
    """How the service step with this key stands."""
    key = readable_text(idempotency_key)
    found = _rows(connection, _service_statement().where(service_step.c.idempotency_key == key))
    if not found:
        return None
    row = found[0]
    return ServiceOutcome(
        step=_service(row), status=row["status"], run_id=row["run_id"], result=row["result"], error=row["error"]
    )


def _rows(connection: Connection, statement: sa.Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(statement).mappings()]
