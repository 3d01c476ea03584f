"""Marks: what ran last or was seen last, one named value each."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow_jobs.store.tables import mark


class Mark(NamedTuple):
    """A value, and the instant (aware UTC) at which it was written."""

    value: str
    at: datetime


def read_mark(connection: Connection, name: str) -> Mark | None:
    """The mark of that name."""
    row = connection.execute(sa.select(mark.c.value, mark.c.marked_at).where(mark.c.name == name)).one_or_none()
    return None if row is None else Mark(row.value, row.marked_at)


def write_mark(connection: Connection, name: str, value: str, at: datetime) -> None:
    """Set the mark. Two who set it for the first time at once: the second gets an IntegrityError, and tries again."""
    written = connection.execute(mark.update().where(mark.c.name == name).values(value=value, marked_at=at))
    if written.rowcount == 0:
        connection.execute(mark.insert().values(name=name, value=value, marked_at=at))
