"""SQL about tasks that nobody has: those that nobody claimed in time, and until when the others may be claimed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from resources.ops_database import UtcDateTime
from workflow_jobs.store.tables import TASK_CLAIMABLE, TASK_OPEN, task

# Literal text, as in the partial index: with bound values SQLite would not use it.
_CLAIMABLE = sa.text(f"process_task.{TASK_CLAIMABLE.text}")
_UNCLAIMED = sa.and_(sa.text(f"process_task.{TASK_OPEN.text}"), task.c.pooled, task.c.assignee.is_(None))
_DUE = sa.select(task.c.case_id, task.c.weight, task.c.created_at).where(
    _CLAIMABLE, task.c.claim_until <= sa.bindparam("now", type_=UtcDateTime())
)


class Unclaimed(NamedTuple):
    """A task that nobody claimed in time. ``weight`` follows from the case's priority; the instant is UTC."""

    case_id: str
    weight: float
    created_at: datetime


def due_claims_query(now: datetime) -> sa.Select[tuple[str, float, datetime]]:
    """The scan for what nobody claimed in time: reads the partial index up to ``now`` and nothing else."""
    return _DUE.params(now=now)


def due_claims(connection: Connection, now: datetime) -> list[Unclaimed]:
    """All tasks that nobody claimed in time, in no order: who goes first is no matter of how long they are due."""
    return [Unclaimed(*row) for row in connection.execute(_DUE, {"now": now}).tuples()]


def claims_of(connection: Connection, task_ids: Collection[str]) -> dict[str, datetime | None]:
    """Until when those of these tasks (some hundred) that nobody has may be claimed, as their rows say."""
    found = connection.execute(
        sa.select(task.c.task_id, task.c.claim_until).where(_UNCLAIMED, task.c.task_id.in_(sorted(task_ids)))
    )
    return dict(found.tuples().all())


def move_claims(connection: Connection, moved: Mapping[str, tuple[datetime | None, datetime | None]]) -> None:
    """Set until when tasks that nobody has may be claimed, where it still is what it was (the first of each two)."""
    for task_id, (was, now) in moved.items():
        # With None this is IS NULL.
        same = sa.and_(_UNCLAIMED, task.c.task_id == task_id, task.c.claim_until == was)
        connection.execute(task.update().where(same).values(claim_until=now))
