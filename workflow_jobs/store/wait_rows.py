"""Which cases wait for a signal now. Reads only.

Waits have no rows of their own: they stand in the state of their case, which is read here and not in SQL. Open cases
with a timer are gone through in the order of their time, and versions of templates that nothing is to be found in are
left out as soon as they are met. No more than ``MOST_CASES`` states are looked into: a Home tab must not read a hundred
thousand cases.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow_jobs.engine.state import STATE_VERSION, CaseState
from workflow_jobs.store.state_rows import stored_state
from workflow_jobs.store.tables import CASE_TIMED, case

MOST_CASES: Final = 2000
# How many cases are read at once: few where the first ones are those, then more.
_PAGES: Final = (100, 500, 1000)
_TIMED = sa.text(CASE_TIMED.text)
# With the plus SQLite reads the index of timers, which has the order, and never that of all open cases.
_OPEN = {"sqlite": sa.text("+process_case.status = 'open'"), "postgresql": sa.text("process_case.status = 'open'")}
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
    found: list[T] = []
    seen, turn, after = 0, 0, None
    steps: dict[str, Collection[str]] = {}
    while True:
        size = _PAGES[min(turn, len(_PAGES) - 1)]
        left_out = [content for content, some in steps.items() if not some]
        page = connection.execute(_page(connection, after, left_out, size)).tuples().all()
        for template_id, content in {(template_id, content) for _, template_id, content, _ in page}:
            if content not in steps:
                steps[content] = steps_of(template_id, content)
        wanted = {case_id: steps[content] for case_id, _, content, _ in page if steps[content]}
        bodies = _bodies(connection, list(wanted)[: MOST_CASES - seen])
        for case_id, some in wanted.items():
            if seen == MOST_CASES:
                return found, True
            seen += 1
            if case_id in bodies and _under_way(bodies[case_id], some):
                found += found_in(stored_state(connection, bodies[case_id]))
            if len(found) > most:
                return found, True
        if len(page) < size:
            return found, False
        turn, after = turn + 1, (page[-1][3], page[-1][0])


def _page(
    connection: Connection, after: tuple[datetime, str] | None, left_out: Collection[str], size: int
) -> sa.Select[tuple[str, str, str, datetime]]:
    statement = sa.select(case.c.case_id, case.c.template_id, case.c.template_hash, case.c.next_timer_at).where(
        _TIMED, _OPEN[connection.dialect.name]
    )
    if left_out:
        statement = statement.where(case.c.template_hash.not_in(sorted(left_out)))
    if after is not None:
        at, case_id = after
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
