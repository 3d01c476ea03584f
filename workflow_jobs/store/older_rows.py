"""SQL about what processes of an older version wrote beside a case's state: columns that they do not know stay empty.

Belongs here: finding such rows, and setting right what follows from the state alone. Until when a task may be claimed
takes the working calendars; that is pool_rows' to write.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow_jobs.engine.assignment import task_weight
from workflow_jobs.engine.state import CaseState
from workflow_jobs.store.case_rows import rests
from workflow_jobs.store.tables import CASE_RESTS, SERVICE_REQUESTED, TASK_OPEN, case, service_step, task

_UNSET = "normal"
# Literal text, as in the partial indexes: with bound values SQLite would not use them.
_OPEN = sa.text(f"process_task.{TASK_OPEN.text}")
_SAYS_RESTS = sa.text(f"process_case.{CASE_RESTS.text}")
_ASKED = sa.exists().where(task.c.case_id == case.c.case_id, _OPEN)
_RUNS = sa.exists().where(
    service_step.c.case_id == case.c.case_id, sa.text(f"process_service_step.{SERVICE_REQUESTED.text}")
)
_UNCLAIMED = sa.select(task.c.case_id).where(
    _OPEN, task.c.assignee.is_(None), task.c.pooled, task.c.claim_until.is_(None)
)
# Older versions know the weight, which follows from the priority.
_PRIORITY = sa.select(task.c.case_id).where(_OPEN, task.c.priority == _UNSET, task.c.weight != task_weight(_UNSET))
_RESTS = sa.select(case.c.case_id).where(case.c.status == "open", sa.not_(case.c.rests), ~_ASKED, ~_RUNS)
_RESTS_NOT = sa.select(case.c.case_id).where(_SAYS_RESTS, sa.or_(case.c.status != "open", _ASKED, _RUNS))


def in_question(connection: Connection) -> list[str]:
    """Cases whose rows may be an older version's, in order; those whose unclaimed tasks rest are among them.

    Reads all open tasks and cases once: nothing for every scan.
    """
    statements = (_UNCLAIMED, _PRIORITY, _RESTS, _RESTS_NOT)
    return sorted({case_id for statement in statements for case_id in connection.execute(statement).scalars()})


def is_right(connection: Connection, state: CaseState) -> bool:
    """Whether there is nothing for :func:`set_right` to write."""
    wrong = sa.or_(
        sa.exists().where(case.c.case_id == state.case_id, case.c.rests != rests(state)),
        sa.exists().where(task.c.case_id == state.case_id, task.c.priority != state.priority),
    )
    return not connection.execute(sa.select(wrong)).scalar_one()


def set_right(connection: Connection, state: CaseState) -> None:
    """Write a case's priority to its tasks, and whether it rests where the case has not moved on since it was read."""
    mine, resting = case.c.case_id == state.case_id, rests(state)
    connection.execute(
        case.update().where(mine, case.c.seq == state.seq, case.c.rests != resting).values(rests=resting)
    )
    other = sa.and_(task.c.case_id == state.case_id, task.c.priority != state.priority)
    connection.execute(task.update().where(other).values(priority=state.priority))
