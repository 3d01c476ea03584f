"""Which cases wait for a signal now. Reads only.

Waits have no rows of their own: they stand in the state of their case, which is read here and not in SQL. Of each
version of a template that has something to be found, the open cases with a timer are gone through in the order of
their time. No more than ``MOST_CASES`` states are looked into: a Home tab must not read a hundred thousand cases.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice, repeat
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow_jobs.engine.state import STATE_VERSION, CaseState
from workflow_jobs.store.state_rows import stored_state
from workflow_jobs.store.tables import CASE_TIMED, case, template_version

MOST_CASES: Final = 2000
# How many cases are read at once: few where the first ones are those, then more.
_PAGES: Final = (100, 500, 1000)
_TIMED = sa.text(CASE_TIMED.text)
# With the plus SQLite reads the index of timers, which has the order, and never that of all open cases.
_OPEN = {"sqlite": sa.text("+process_case.status = 'open'"), "postgresql": sa.text("process_case.status = 'open'")}
_VERSIONS = sa.select(template_version.c.template_id, template_version.c.hash).where(
    sa.exists().where(case.c.template_hash == template_version.c.hash, _TIMED)
)
_Timed = tuple[datetime, str, str]
T = TypeVar("T")


def first_waits(
    connection: Connection,
    steps_of: Callable[[str, str], Collection[str]],
    found_in: Callable[[CaseState], Sequence[T]],
    most: int,
) -> tuple[list[T], bool]:
    """What ``found_in`` finds in open cases in which one of the steps ``steps_of`` (template id, content hash of the
    version) is under way, those whose time comes first first, until it is more than ``most``; whether there may be
    more than that.
    """
    steps = {
        content: steps_of(template_id, content) for template_id, content in connection.execute(_VERSIONS).tuples().all()
    }
    timed = heapq.merge(*(_timed(connection, content) for content, some in steps.items() if some))
    found: list[T] = []
    for size in _sizes():
        page = list(islice(timed, size))
        bodies = _bodies(connection, [case_id for _, case_id, _ in page])
        for _, case_id, content in page:
            if case_id in bodies and _under_way(bodies[case_id], steps[content]):
                found += found_in(stored_state(connection, bodies[case_id]))
            if len(found) > most:
                return found, True
        if len(page) < size:
            return found, False
    return found, next(timed, None) is not None


def _sizes() -> Iterator[int]:
    """How many cases to look into at once, ``MOST_CASES`` in all."""
    left = MOST_CASES
    for size in (*_PAGES, left):
        if left:
            yield min(size, left)
            left -= min(size, left)


def _timed(connection: Connection, content: str) -> Iterator[_Timed]:
    """Open cases of a version that have a timer, by its time."""
    after: _Timed | None = None
    for size in chain(_PAGES, repeat(_PAGES[-1])):
        page = connection.execute(_page(connection, content, after, size)).tuples().all()
        yield from page
        if len(page) < size:
            return
        after = page[-1]


def _page(connection: Connection, content: str, after: _Timed | None, size: int) -> sa.Select[_Timed]:
    statement = sa.select(case.c.next_timer_at, case.c.case_id, case.c.template_hash).where(
        case.c.template_hash == content, _TIMED, _OPEN[connection.dialect.name]
    )
    if after is not None:
        at, case_id, _ = after
        later = sa.or_(case.c.next_timer_at > at, case.c.case_id > case_id)
        statement = statement.where(case.c.next_timer_at >= at, later)
    return statement.order_by(case.c.next_timer_at, case.c.case_id).limit(size)


def _bodies(connection: Connection, case_ids: Collection[str]) -> dict[str, Mapping[str, Any]]:
    if not case_ids:
        return {}
    return dict(
        connection.execute(sa.select(case.c.case_id, case.c.state).where(case.c.case_id.in_(case_ids))).tuples().all()
    )


def _under_way(body: Mapping[str, Any], steps: Collection[str]) -> bool:
    """Whether one of the steps may be; reading the whole state takes longer than this look."""
    if body.get("state_version") != STATE_VERSION:
        return True
    return any(body["steps"].get(step_id, {}).get("status") == "active" for step_id in steps)
