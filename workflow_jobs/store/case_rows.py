"""Cases, events, tasks and service steps as rows.

Belongs here: the SQL that reads a case under its lock and writes what a command changed. Does not belong here: which
command and when (service), what the state means (engine). Each function works in the caller's transaction.

Conditions that a partial index covers are written as literal text: with bound values SQLite would not use the index.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

from resources.ops_database import json_value
from workflow_jobs.engine import events as e
from workflow_jobs.engine.assignment import task_weight
from workflow_jobs.engine.state import CaseState, TaskState, state_to_json
from workflow_jobs.engine.texts import readable_text
from workflow_jobs.store.prepared import Bound, Prepared
from workflow_jobs.store.state_rows import stored_state
from workflow_jobs.store.tables import (
    SERVICE_REQUESTED,
    TASK_OPEN,
    case,
    case_event,
    number,
    service_step,
    task,
    template_version,
)

_OPEN = sa.text(f"process_task.{TASK_OPEN.text}")
_NOT_POOLED = sa.not_(task.c.pooled)
_REQUESTED = sa.text(f"process_service_step.{SERVICE_REQUESTED.text}")
# Statements of the hot path are built once: building one costs more than SQLite needs to run it.
_BY_ID = sa.select(case.c.state).where(case.c.case_id == sa.bindparam("id"))
_BY_TASK = (
    sa.select(case.c.state)
    .join_from(case, task, task.c.case_id == case.c.case_id)
    .where(task.c.task_id == sa.bindparam("id"))
)
_READ, _LOCK = Prepared(_BY_ID), Prepared(_BY_ID.with_for_update())
_READ_BY_TASK, _LOCK_BY_TASK = Prepared(_BY_TASK), Prepared(_BY_TASK.with_for_update(of=case))
_LOCK_BY_OPEN_KEY = Prepared(sa.select(case.c.state).where(case.c.open_key == sa.bindparam("id")).with_for_update())
_LAST_OF_SUBJECT = Prepared(
    sa.select(case.c.state)
    .where(case.c.rule_id == sa.bindparam("rule"), case.c.subject_id == sa.bindparam("subject"))
    .order_by(case.c.opened_at.desc(), case.c.case_id.desc())
    .limit(1)
)
_LOADS_OF = "SELECT assignee, sum(weight) FROM process_task WHERE status = 'open' AND assignee {} GROUP BY assignee"
# The people go as one value: with one value each, the statement would be built anew every time.
_LOADS = {
    "sqlite": _LOADS_OF.format("IN (SELECT value FROM json_each(?))"),
    "postgresql": _LOADS_OF.format("= ANY(%s)"),
}
_INSERT_CASE = Prepared(case.insert())
_INSERT_EVENT = Prepared(case_event.insert().inline())
_INSERT_TASK = Prepared(task.insert())
_UPDATE_CASE = Prepared(
    case.update().where(case.c.case_id == sa.bindparam("old_id"), case.c.seq == sa.bindparam("old_seq"))
)
_UPDATE_TASK = Prepared(task.update().where(task.c.task_id == sa.bindparam("old_id")))
_OF_KEY = service_step.update().where(service_step.c.idempotency_key == sa.bindparam("key"))
_UPDATE_SERVICE, _WITHDRAW_SERVICE = Prepared(_OF_KEY), Prepared(_OF_KEY.where(_REQUESTED))
_INSERT_SERVICE = Prepared(service_step.insert())
_TEMPLATE_KNOWN = Prepared(sa.select(template_version.c.hash).where(template_version.c.hash == sa.bindparam("hash")))
_NEXT_NUMBER = Prepared(
    number.update()
    .where(number.c.name == sa.bindparam("of"))
    .values(value=number.c.value + 1)
    .returning(number.c.value)
)
EFFECTIVE = {"effective": True, "ineffective": False}


class LostUpdate(RuntimeError):
    """The case moved on since it was read: another command was faster, or somebody writes past the store."""


@dataclass(frozen=True, slots=True)
class Derived:
    """Figures about a case or a task that the store keeps beside the state: working minutes, lateness, and until when
    a task that nobody has may be claimed.
    """

    working_minutes: int | None
    breached: bool = False
    claim_until: datetime | None = None


def read(connection: Connection, case_id: str) -> CaseState | None:
    """The case as it stands, not locked."""
    return _found(connection, _READ, {"id": case_id})


def read_by_task(connection: Connection, task_id: str) -> CaseState | None:
    """The case of a task, not locked."""
    return _found(connection, _READ_BY_TASK, {"id": task_id})


def read_last(connection: Connection, rule_id: str, subject_id: str) -> CaseState | None:
    """The newest case of a rule and subject, whatever its status; not locked."""
    return _found(connection, _LAST_OF_SUBJECT, {"rule": rule_id, "subject": subject_id})


def lock(connection: Connection, case_id: str) -> CaseState | None:
    """The case, locked until the transaction ends."""
    return _found(connection, _LOCK, {"id": case_id})


def lock_by_task(connection: Connection, task_id: str) -> CaseState | None:
    """The case of a task, locked."""
    return _found(connection, _LOCK_BY_TASK, {"id": task_id})


def lock_by_open_key(connection: Connection, key: str) -> CaseState | None:
    """The open case of a rule and subject, locked."""
    return _found(connection, _LOCK_BY_OPEN_KEY, {"id": key})


def _found(connection: Connection, statement: Prepared, values: Mapping[str, str]) -> CaseState | None:
    # A key that no database can keep is one that no case has, on either of them.
    readable = {name: readable_text(value) for name, value in values.items()}
    body = statement.one(connection, readable)
    # PostgreSQL's driver reads JSON by itself.
    return None if body is None else stored_state(connection, json_value(body) if isinstance(body, str) else body)


def has_open_key(connection: Connection, key: str) -> bool:
    """Whether a rule and subject have an open case, without locking it."""
    return connection.execute(sa.select(case.c.case_id).where(case.c.open_key == key).limit(1)).first() is not None


def next_number(connection: Connection, name: str) -> int:
    """The next number of a sequence without gaps between committed transactions."""
    value: int = _NEXT_NUMBER.one(connection, {"of": name})
    return value


def keep_template(connection: Connection, template_hash: str, template_id: str, text: str, now: datetime) -> None:
    """Store the text that a case pins, unless it is stored."""
    if _TEMPLATE_KNOWN.one(connection, {"hash": template_hash}) is None:
        connection.execute(
            template_version.insert().values(hash=template_hash, template_id=template_id, text=text, first_used_at=now)
        )


def template_text(connection: Connection, template_hash: str) -> str | None:
    """The text of a template version."""
    return connection.execute(
        sa.select(template_version.c.text).where(template_version.c.hash == template_hash)
    ).scalar_one_or_none()


def open_loads(connection: Connection, people: Collection[str]) -> dict[str, float]:
    """Weight of the open tasks of each of these people; absent means none."""
    if not people:
        return {}
    asked = sorted(people)
    value = json.dumps(asked) if connection.dialect.name == "sqlite" else asked
    found = Bound(_LOADS[connection.dialect.name], (value,)).rows(connection)
    return {str(assignee): float(weight) for assignee, weight in found}


def case_statement(
    dialect: Dialect,
    before: CaseState | None,
    after: CaseState,
    key: str,
    now: datetime,
    working_minutes: int | None,
) -> Bound:
    """Inserts the case, or updates it where it still stands at ``before``. ``key`` is its open key."""
    values: dict[str, Any] = {
        "template_hash": after.template_hash,
        "status": after.status,
        "outcome": after.outcome,
        "open_key": key if after.holds_key else None,
        "seq": after.seq,
        "state": state_to_json(after),
        "changed_at": now,
        "closed_at": after.closed_at,
        "working_minutes_open": working_minutes,
        "effect_due_at": after.effect_due_at,
        "effective": EFFECTIVE.get(after.status),
        "due_at": after.due_at,
        "next_timer_at": after.next_timer_at,
        "rests": rests(after),
    }
    if before is None or before.joined != after.joined:
        values["joined_case_id"] = after.joined or None
    if before is not None:
        if (before.status, before.holds_key, rests(before)) == (after.status, after.holds_key, values["rests"]):
            # SQLite writes the index of every column anew that a statement sets, changed or not.
            for name in ("status", "open_key", "rests"):
                del values[name]
        return _UPDATE_CASE.bind(dialect, {"old_id": after.case_id, "old_seq": before.seq, **values})
    return _INSERT_CASE.bind(
        dialect,
        {
            "case_id": after.case_id,
            "template_id": after.template_id,
            "rule_id": after.rule_id,
            "subject_kind": after.subject_kind,
            "subject_id": after.subject_id,
            "subject_label": after.subject_label,
            "metric": after.metric,
            "priority": after.priority,
            "opened_at": after.opened_at,
            "parent_case_id": after.parent_case_id,
            "requested_by": after.requested_by,
            **values,
        },
    )


def rests(state: CaseState) -> bool:
    """Whether the case is open, but nobody is asked and no job runs: the column of that name."""
    running = any(step.kind == "service" and step.timeout_at is not None for step in state.steps.values())
    return state.status == "open" and not running and not any(t.status == "open" for t in state.tasks.values())


def write_case(connection: Connection, statement: Bound, after: CaseState) -> None:
    """Run what :func:`case_statement` gave. Raises LostUpdate where the case moved on since it was read."""
    if statement.changes(connection) != 1:
        raise LostUpdate(f"case {after.case_id} is no longer where it stood before event {after.seq}")


def event_statements(dialect: Dialect, events: Sequence[e.Event], via: str | None) -> list[Bound]:
    """Append to the log."""
    return _INSERT_EVENT.bind_rows(
        dialect,
        [
            {
                "case_id": event.case_id,
                "seq": event.seq,
                "type": type(event).__name__,
                "at": event.at,
                "body": e.to_json(event),
                "via": via,
            }
            for event in events
        ],
    )


def task_statements(
    dialect: Dialect,
    before: CaseState | None,
    after: CaseState,
    derived: Mapping[str, Derived],
) -> list[Bound]:
    """Insert new tasks and update changed ones. ``derived`` has an entry for each of them."""
    known = before.tasks if before is not None else {}
    new = [
        {
            "task_id": entry.task_id,
            "case_id": after.case_id,
            "template_id": after.template_id,
            "step_id": entry.step_id,
            "role": entry.role,
            "weight": task_weight(after.priority),
            "priority": after.priority,
            "created_at": entry.created_at,
            **_task_values(entry, derived[entry.task_id]),
        }
        for entry in after.tasks.values()
        if entry.task_id not in known
    ]
    return _INSERT_TASK.bind_rows(dialect, new) + [
        _UPDATE_TASK.bind(dialect, {"old_id": entry.task_id, **_task_values(entry, derived[entry.task_id])})
        for entry in changed_tasks(before, after)
        if entry.task_id in known
    ]


def changed_tasks(before: CaseState | None, after: CaseState) -> list[TaskState]:
    """Tasks that are new or differ."""
    known = before.tasks if before is not None else {}
    return [
        entry
        for entry in after.tasks.values()
        if known.get(entry.task_id) is not entry and known.get(entry.task_id) != entry
    ]


def _task_values(entry: TaskState, derived: Derived) -> dict[str, Any]:
    return {
        "assignee": entry.assignee,
        "status": entry.status,
        "version": entry.version,
        "due_at": entry.due_at,
        "next_rung_at": entry.next_rung_at,
        "rungs_fired": entry.rung_index,
        "decided_at": entry.decided_at,
        "decided_by": entry.decided_by,
        "outcome": entry.outcome,
        "working_minutes": derived.working_minutes,
        "breached": derived.breached,
        "pooled": entry.pooled,
        "claim_until": derived.claim_until,
    }


def service_statements(
    dialect: Dialect, before: CaseState | None, events: Sequence[e.Event], after: CaseState
) -> list[Bound]:
    """Follow the service steps of a case: one row a visit, which keeps its idempotency key through all attempts."""
    # A step may be withdrawn and asked for anew by the same command: each event is about the key of its own visit.
    keys: dict[str, str | None] = {}
    if before is not None:
        keys = {step.step_id: step.idempotency_key for step in before.steps.values() if step.kind == "service"}
    found: list[Bound] = []
    for event in events:
        if isinstance(event, e.ServiceRequested):
            asked_before = keys.get(event.step_id) == event.idempotency_key
            keys[event.step_id] = event.idempotency_key
            values: dict[str, Any] = {
                "status": "requested",
                "attempt": event.attempt,
                "requested_at": event.at,
                "timeout_at": event.timeout_at,
                "ended_at": None,
            }
            if asked_before:
                found.append(_UPDATE_SERVICE.bind(dialect, {"key": event.idempotency_key, **values}))
                continue
            new = {"case_id": event.case_id, "step_id": event.step_id, "job": event.job}
            found.append(_INSERT_SERVICE.bind(dialect, {"idempotency_key": event.idempotency_key, **new, **values}))
        elif isinstance(event, e.ServiceCompleted):
            ended = {"status": "done", "run_id": event.run_id, "result": dict(event.result), "error": None}
            found.append(_ended_service(dialect, keys[event.step_id], event, ended))
        elif isinstance(event, e.ServiceFailed):
            ended = {"status": "failed", "run_id": event.run_id, "error": event.error}
            found.append(_ended_service(dialect, keys[event.step_id], event, ended))
        elif isinstance(event, (e.StepCompleted, e.StepCancelled)) and after.steps[event.step_id].kind == "service":
            # Done by hand, or the case ended or goes on without it: nobody needs the run any more.
            withdrawn = {"key": keys[event.step_id], "status": "withdrawn", "ended_at": event.at}
            found.append(_WITHDRAW_SERVICE.bind(dialect, withdrawn))
    return found


def _ended_service(
    dialect: Dialect, key: str | None, event: e.ServiceCompleted | e.ServiceFailed, ended: dict[str, Any]
) -> Bound:
    return _UPDATE_SERVICE.bind(dialect, {"key": key, "ended_at": event.at, **ended})


def open_assignees(connection: Connection) -> list[str | None]:
    """Everybody who has an open task; None where somebody still has to be found."""
    return list(connection.execute(sa.select(task.c.assignee).where(_OPEN, _NOT_POOLED).distinct()).scalars())


class Waiting(NamedTuple):
    """An open task that somebody else is to be asked for; ``weight`` is that of its case's priority."""

    case_id: str
    created_at: datetime
    weight: float


def tasks_of_assignees(connection: Connection, assignees: Collection[str], *, unassigned: bool) -> list[Waiting]:
    """Open tasks of these people (or of nobody, where they do not wait to be claimed)."""
    whose: sa.ColumnElement[bool] = task.c.assignee.in_(sorted(assignees))
    if unassigned:
        whose = sa.or_(whose, task.c.assignee.is_(None))
    found = connection.execute(
        sa.select(task.c.case_id, task.c.created_at, task.c.weight).where(_OPEN, _NOT_POOLED, whose)
    )
    return [Waiting(*row) for row in found.tuples()]


def open_cases_after(connection: Connection, case_id: str, limit: int) -> list[str]:
    """Open cases whose id comes after this one, in order of their ids."""
    found = connection.execute(
        sa.select(case.c.case_id)
        .where(case.c.status == "open", case.c.case_id > case_id)
        .order_by(case.c.case_id)
        .limit(limit)
    )
    return list(found.scalars())


def rungs_before(
    connection: Connection, before: CaseState | None, events: Sequence[e.Event]
) -> list[e.RungFired | e.CaseRungFired]:
    """The rungs of the case that fired earlier, in their order; asked only where another one fires now."""
    if before is None or not any(isinstance(event, (e.RungFired, e.CaseRungFired)) for event in events):
        return []
    found = connection.execute(
        sa.select(case_event.c.body)
        .where(
            case_event.c.case_id == before.case_id,
            case_event.c.type.in_((e.RungFired.__name__, e.CaseRungFired.__name__)),
            case_event.c.seq <= before.seq,
        )
        .order_by(case_event.c.seq)
    )
    rungs = [e.from_json(body) for body in found.scalars()]
    return [rung for rung in rungs if isinstance(rung, (e.RungFired, e.CaseRungFired))]
