"""Which cases wait for a signal now. Reads only.

Waits have no rows of their own: they stand in the state of their case. So only open cases of the templates asked for
are looked at, and no more of these than ``MOST_CASES``, those whose time comes first: a Home tab must not read a
hundred thousand cases.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow_jobs.engine.state import CaseState
from workflow_jobs.store.state_rows import stored_state
from workflow_jobs.store.tables import CASE_TIMED, case

MOST_CASES: Final = 2000
_TIMED = sa.text(CASE_TIMED.text)
_OPEN = case.c.status == sa.literal_column("'open'")


def waiting_cases(
    connection: Connection, steps: Collection[tuple[str, str]], limit: int
) -> tuple[list[CaseState], bool]:
    """At most ``limit`` open cases in which one of these waits, ``(template id, step id)``, is under way; whether more
    may be.
    """
    if not steps:
        return [], False
    templates = sorted({template_id for template_id, _ in steps})
    looked_at = (
        sa.select(case.c.case_id, case.c.template_id, case.c.state, case.c.next_timer_at)
        .where(_TIMED, _OPEN, case.c.template_id.in_(templates))
        .order_by(case.c.next_timer_at, case.c.case_id)
        .limit(MOST_CASES)
        .subquery()
    )
    waits = [
        sa.and_(
            looked_at.c.template_id == template_id,
            looked_at.c.state[("steps", step_id, "status")].as_string() == "active",
        )
        for template_id, step_id in sorted(steps)
    ]
    found = connection.execute(
        sa.select(looked_at.c.state)
        .where(sa.or_(*waits))
        .order_by(looked_at.c.next_timer_at, looked_at.c.case_id)
        .limit(limit + 1)
    ).scalars()
    states = [stored_state(connection, body) for body in found.all()]
    return states[:limit], len(states) > limit
