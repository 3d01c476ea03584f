"""SQL about tasks that nobody has: those that wait to be claimed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow_jobs.store.tables import TASK_OPEN, task


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """A pooled task that nobody has claimed. Instants are UTC; ``weight`` follows from the case's priority."""

    case_id: str
    weight: float
    created_at: datetime
    due_at: datetime


def unclaimed(connection: Connection) -> list[Unclaimed]:
    """All open tasks that wait to be claimed, found by the index of open tasks on their assignee."""
    columns = (task.c.case_id, task.c.weight, task.c.created_at, task.c.due_at)
    found = connection.execute(
        sa.select(*columns).where(TASK_OPEN, task.c.assignee.is_(None), task.c.pooled).order_by(task.c.task_id)
    )
    return [Unclaimed(*row) for row in found]
