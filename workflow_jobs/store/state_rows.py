"""A case's state out of its row: a cache of its log, which is replayed where another version of the engine wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow_jobs.engine import events as e
from workflow_jobs.engine.codec import CodecError
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.state import STATE_VERSION, CaseState, state_from_json
from workflow_jobs.store.tables import case_event


def stored_state(connection: Connection, body: Mapping[str, Any]) -> CaseState:
    """The state that a case's row stands for. Raises CodecError where neither it nor the log can be read."""
    if body.get("state_version") == STATE_VERSION:
        return state_from_json(body)
    case_id = body.get("case_id")
    log = connection.execute(
        sa.select(case_event.c.body).where(case_event.c.case_id == case_id).order_by(case_event.c.seq)
    )
    events = [e.from_json(entry) for entry in log.scalars()]
    if not events:
        raise CodecError(f"case {case_id!r} has a state of another version and no log to replay")
    return replay(events)
