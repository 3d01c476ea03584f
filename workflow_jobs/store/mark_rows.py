"""Marks: what ran last or was seen last, one named value each."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow_jobs.store.tables import mark

_MOST_NAMES: Final = 500


class Mark(NamedTuple):
    """A value, and the instant (aware UTC) at which it was written."""

    value: str
    at: datetime


def read_mark(connection: Connection, name: str) -> Mark | None:
    """The mark of that name."""
    row = connection.execute(sa.select(mark.c.value, mark.c.marked_at).where(mark.c.name == name)).one_or_none()
    return None if row is None else Mark(row.value, row.marked_at)


def read_marks(connection: Connection, names: Collection[str]) -> dict[str, Mark]:
    """The marks of those names that there are, by name; reads some hundreds in one statement."""
    wanted = sorted(names)
    found: dict[str, Mark] = {}
    for start in range(0, len(wanted), _MOST_NAMES):
        asked = sa.select(mark).where(mark.c.name.in_(wanted[start : start + _MOST_NAMES]))
        found |= {row.name: Mark(row.value, row.marked_at) for row in connection.execute(asked)}
    return found


def write_mark(connection: Connection, name: str, value: str, at: datetime) -> None:
    """Set the mark. Two who set it for the first time at once: the second gets an IntegrityError, and tries again."""
    written = connection.execute(mark.update().where(mark.c.name == name).values(value=value, marked_at=at))
    if written.rowcount == 0:
        connection.execute(mark.insert().values(name=name, value=value, marked_at=at))
