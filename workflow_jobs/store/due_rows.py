"""What is due: rungs of tasks, timers of cases, services whose time is over, effects; in its order and by pages.

Belongs here: the SQL of the scans. Each reads its partial index up to now and from where the scan stands, and nothing
else; of a case it reads its id alone, so that one case that cannot be read stops no scan. Does not belong here: how a
scan goes on past what failed (`due_scan`), and what is done with what is due.

Conditions that a partial index covers are written as literal text: with bound values SQLite would not use the index.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from resources.ops_database import UtcDateTime
from workflow_jobs.store.tables import CASE_TIMED, SERVICE_REQUESTED, TASK_OPEN, case, service_step, task


class Place(NamedTuple):
    """Where a scan stands: it goes on with what is due after that instant (UTC), or at it with a greater key."""

    at: datetime
    key: str


START: Final = Place(datetime(1970, 1, 1, tzinfo=UTC), "")
Due = list[tuple[Place, str]]
"""Places in the scan's order, each with the id of the case that has something to do."""

_NOW = sa.bindparam("now", type_=UtcDateTime())
_AT = sa.bindparam("at", type_=UtcDateTime())
_KEY = sa.bindparam("key", type_=sa.String())
_LIMIT = sa.bindparam("limit", type_=sa.Integer())


def _scan(condition: str, at: sa.Column[Any], key: sa.Column[Any], case_id: sa.Column[Any]) -> sa.Select[Any]:
    """Rows up to now behind a place. What is due at one instant goes by its key."""
    table = at.table.name
    return (
        sa.select(at, key, case_id)
        .where(sa.text(f"{table}.{condition}"), at <= _NOW, at >= _AT, sa.or_(at > _AT, key > _KEY))
        .order_by(at, key)
        .limit(_LIMIT)
    )


_SCANS: Final[Mapping[str, sa.Select[Any]]] = {
    "rungs": _scan(TASK_OPEN.text, task.c.next_rung_at, task.c.task_id, task.c.case_id),
    "timers": _scan(CASE_TIMED.text, case.c.next_timer_at, case.c.case_id, case.c.case_id),
    "services": _scan(
        SERVICE_REQUESTED.text, service_step.c.timeout_at, service_step.c.idempotency_key, service_step.c.case_id
    ),
    "effects": _scan("effect_due_at IS NOT NULL", case.c.effect_due_at, case.c.case_id, case.c.case_id),
}


def due_query(scan: str, now: datetime, behind: Place, limit: int) -> sa.Select[Any]:
    """The scan of that name: rungs of tasks, timers of cases, services whose time is over, or effects."""
    return _SCANS[scan].params(now=now, at=behind.at, key=behind.key, limit=limit)


def due(connection: Connection, scan: str, now: datetime, behind: Place, limit: int) -> Due:
    """What is due behind a place, the longest due first. A case may come more than once."""
    values = {"now": now, "at": behind.at, "key": behind.key, "limit": limit}
    found = connection.execute(_SCANS[scan], values)
    return [(Place(at, key), case_id) for at, key, case_id in found.tuples()]
