"""Marks: what ran last or was seen last, one named value each."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from resources.ops_database import insert_into
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
    """Set the mark, whether it was set before or not."""
    given = insert_into(connection, mark).values(name=name, value=value, marked_at=at)
    new = {"value": given.excluded.value, "marked_at": given.excluded.marked_at}
    connection.execute(given.on_conflict_do_update(index_elements=["name"], set_=new))
