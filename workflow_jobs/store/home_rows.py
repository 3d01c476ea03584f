"""Questions of one person's Home tab: what he asked for, and what is late among some people. Reads only.

Each costs what it finds: the open tasks of these people, the cases of this person. The caller gives the connection.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow_jobs.store.tables import TASK_OPEN, case, task

# Literal text, as in the partial index: with bound values SQLite would not use it.
_OPEN = sa.text(TASK_OPEN.text)


def late_tasks(
    connection: Connection, assignees: Collection[str], now: datetime, limit: int
) -> tuple[list[tuple[str, str]], int]:
    """``(case id, task id)`` of open tasks of these people that are past their due time, oldest first, and how many."""
    late = sa.and_(_OPEN, task.c.assignee.in_(sorted(assignees)), task.c.due_at < now)
    found = connection.execute(
        sa.select(task.c.case_id, task.c.task_id).where(late).order_by(task.c.due_at, task.c.task_id).limit(limit)
    )
    rows = [(str(case_id), str(task_id)) for case_id, task_id in found.tuples()]
    count = connection.execute(sa.select(sa.func.count()).select_from(task).where(late)).scalar_one()
    return rows, count


def own_tasks(connection: Connection, person_id: str, limit: int) -> tuple[list[tuple[str, str]], int]:
    """``(case id, task id)`` of the open tasks of a person, those due first first, and how many there are."""
    own = sa.and_(_OPEN, task.c.assignee == person_id)
    found = connection.execute(
        sa.select(task.c.case_id, task.c.task_id).where(own).order_by(task.c.due_at, task.c.task_id).limit(limit)
    )
    rows = [(str(case_id), str(task_id)) for case_id, task_id in found.tuples()]
    return rows, connection.execute(sa.select(sa.func.count()).select_from(task).where(own)).scalar_one()


def requested_cases(connection: Connection, person_id: str, limit: int) -> tuple[list[str], int]:
    """Ids of the cases that a person asked for: those that are open first, then the newest; and how many are open."""
    asked = case.c.requested_by == person_id
    is_open = case.c.status == "open"
    found = connection.execute(
        sa.select(case.c.case_id)
        .where(asked)
        .order_by(sa.case((is_open, 0), else_=1), case.c.opened_at.desc(), case.c.case_id)
        .limit(limit)
    )
    ids = [str(case_id) for case_id in found.scalars()]
    return ids, connection.execute(sa.select(sa.func.count()).select_from(case).where(asked, is_open)).scalar_one()
