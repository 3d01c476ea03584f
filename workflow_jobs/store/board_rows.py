"""The board of cases in SQL: where cases stand, counted by step and read a few for each. Writes nothing, locks nothing.

However many cases there are, a board is one statement that counts, one for each step at which cases stand, and one
for what its cards show. The counts read indexes alone: the rows of cases are wide.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow_jobs.case_board import BoardColumn, BoardFilter, BoardPlace, CaseMessage, PlaceKind
from workflow_jobs.cases import CaseSummary
from workflow_jobs.engine.state import CaseState
from workflow_jobs.store.state_rows import stored_state
from workflow_jobs.store.tables import (
    case,
    case_event,
    outbox,
    service_step,
    task,
    template_version,
)

_PLACE = ("case_id", "template_id", "kind", "step_id", "task_id", "assignee", "role", "due_at")
_SUMMARY = [case.c[name] for name in CaseSummary.__dataclass_fields__]
_TEXT = sa.String()
# Literal text, as in the partial indexes: with bound values SQLite would not use them.
_OPEN_TASK = task.c.status == sa.literal_column("'open'")
_REQUESTED = service_step.c.status == sa.literal_column("'requested'")
# The statuses of cases that are over, as the engine names them.
_ENDED = ("closed", "effective", "ineffective", "cancelled", "watching_effect")


def board_columns(connection: Connection, asked: BoardFilter, now: datetime) -> list[BoardColumn]:
    """Every step at which cases stand, with how many; in no order."""
    counts = []
    for kind, places in _places(asked).items():
        each = places.subquery()
        late = sa.func.sum(sa.case((each.c.due_at < now, 1), else_=0))
        step = (each.c.template_id, each.c.step_id)
        counts.append(
            sa.select(step[0], sa.literal(kind, _TEXT).label("kind"), step[1], sa.func.count(), late).group_by(*step)
        )
    return [BoardColumn(*row) for row in connection.execute(sa.union_all(*counts)).tuples()]


def board_places(
    connection: Connection, asked: BoardFilter, columns: Collection[BoardColumn], *, each: int, offset: int = 0
) -> list[BoardPlace]:
    """At most ``each`` cases of every column, those due first first; ``offset`` leaves out as many of each column.

    One statement for each of ``columns``: it reads the index of its step up to the last case that is shown.
    """
    found: list[tuple[int, BoardPlace]] = []
    for column in columns:
        step = (column.template_id, column.step_id)
        places = _places(replace(asked, step=step))[column.kind]
        # Cases at rest are due at no time.
        order = () if column.kind == "rest" else (places.selected_columns.due_at,)
        places = places.order_by(*order, places.selected_columns.case_id.desc()).limit(each).offset(offset)
        rows = connection.execute(places.with_only_columns(*(places.selected_columns[n] for n in _PLACE))).tuples()
        found += [(number, BoardPlace(*row)) for number, row in enumerate(rows)]
    return [place for _, place in sorted(found, key=lambda numbered: numbered[0])]


def _places(asked: BoardFilter) -> dict[PlaceKind, sa.Select[Any]]:
    """Where cases stand, a statement for each kind of place that the filter leaves."""
    about_case = _about_case(asked)
    tasks = sa.select(
        task.c.case_id,
        task.c.template_id,
        sa.literal("task", _TEXT).label("kind"),
        task.c.step_id,
        task.c.task_id,
        task.c.assignee,
        task.c.role,
        task.c.due_at,
    ).where(_OPEN_TASK)
    if asked.reads_cases:
        # The template as well, so that the index of status and template finds the case.
        same = (case.c.case_id == task.c.case_id, case.c.template_id == task.c.template_id)
        tasks = tasks.join(case, sa.and_(*same)).where(*about_case)
    if asked.template_id is not None:
        tasks = tasks.where(task.c.template_id == asked.template_id)
    if asked.step is not None:
        tasks = tasks.where(task.c.template_id == asked.step[0], task.c.step_id == asked.step[1])
    if asked.assignees is not None:
        return {"task": tasks.where(task.c.assignee.in_(sorted(asked.assignees)))}
    nothing = sa.null()
    services = (
        sa.select(
            case.c.case_id,
            case.c.template_id,
            sa.literal("service", _TEXT).label("kind"),
            service_step.c.step_id,
            sa.cast(nothing, _TEXT).label("task_id"),
            sa.cast(nothing, _TEXT).label("assignee"),
            sa.cast(nothing, _TEXT).label("role"),
            service_step.c.timeout_at.label("due_at"),
        )
        .join_from(service_step, case, case.c.case_id == service_step.c.case_id)
        .where(_REQUESTED, *about_case)
    )
    # Both look-ups are answered by an index alone, and so is the case itself while it is open.
    waits = sa.exists().where(task.c.case_id == case.c.case_id, _OPEN_TASK)
    runs = sa.exists().where(service_step.c.case_id == case.c.case_id, _REQUESTED)
    resting = sa.select(
        case.c.case_id,
        case.c.template_id,
        sa.literal("rest", _TEXT).label("kind"),
        sa.literal("", _TEXT).label("step_id"),
        sa.cast(nothing, _TEXT).label("task_id"),
        sa.cast(nothing, _TEXT).label("assignee"),
        sa.cast(nothing, _TEXT).label("role"),
        sa.cast(nothing, task.c.due_at.type).label("due_at"),
    ).where(*about_case, ~waits, ~runs)
    if asked.step is not None:
        services = services.where(case.c.template_id == asked.step[0], service_step.c.step_id == asked.step[1])
        resting = resting.where(case.c.template_id == asked.step[0], sa.literal(asked.step[1]) == "")
    return {"task": tasks, "service": services, "rest": resting}


def _about_case(asked: BoardFilter) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if asked.status == "open":
        wanted.append(case.c.status == sa.literal_column("'open'"))
    elif asked.status is not None:
        wanted.append(case.c.status == asked.status)
    if asked.template_id is not None:
        wanted.append(case.c.template_id == asked.template_id)
    if asked.priority is not None:
        wanted.append(case.c.priority == asked.priority)
    if asked.words:
        hidden = sa.or_(
            sa.false(),
            *(
                sa.and_(case.c.metric == metric, case.c.subject_kind == kind)
                for metric, kind in sorted(asked.hidden_subjects)
            ),
        )
        said = [column.icontains(asked.words, autoescape=True) for column in (case.c.subject_id, case.c.subject_label)]
        by_number = case.c.case_id.icontains(asked.words, autoescape=True)
        wanted.append(sa.or_(by_number, sa.and_(~hidden, sa.or_(*said))))
    return wanted


def cases_of(connection: Connection, case_ids: Collection[str]) -> dict[str, CaseState]:
    """The states of these cases, by id, in one statement; at most some hundreds at once."""
    found = connection.execute(sa.select(case.c.case_id, case.c.state).where(case.c.case_id.in_(sorted(case_ids))))
    return {case_id: stored_state(connection, body) for case_id, body in found.tuples()}


def waited_for(connection: Connection) -> list[str]:
    """The people who have open tasks."""
    statement = sa.select(task.c.assignee).where(
        task.c.status == sa.literal_column("'open'"), task.c.assignee.is_not(None)
    )
    return [person for person in connection.execute(statement.distinct()).scalars() if person]


def newest_templates(connection: Connection) -> list[tuple[str, str]]:
    """Template ids that cases ever used, each with the text of the version that was put to use last."""
    found = connection.execute(
        sa.select(template_version.c.template_id, template_version.c.text).order_by(template_version.c.first_used_at)
    )
    return list(dict(found.tuples().all()).items())


def last_event_no(connection: Connection) -> int:
    """Number of the newest event of all cases; grows with every change of any case."""
    return connection.execute(sa.select(sa.func.max(case_event.c.event_no))).scalar_one() or 0


def similar_cases(connection: Connection, state: CaseState, limit: int) -> list[CaseSummary]:
    """Ended cases of the same template that may be alike: ``limit`` of the same rule or subject (the same subject
    first, then newest), and the ``limit`` newest of any. How alike they are is judged by who shows them.
    """
    alike = case.c.rule_id == state.rule_id
    if state.subject_id:
        alike = sa.or_(alike, case.c.subject_id == state.subject_id)
    ended = (case.c.template_id == state.template_id, case.c.case_id != state.case_id, case.c.status.in_(_ENDED))
    newest = case.c.opened_at.desc()
    found: dict[str, CaseSummary] = {}
    for statement in (
        sa.select(*_SUMMARY).where(*ended, alike).order_by((case.c.subject_id == state.subject_id).desc(), newest),
        sa.select(*_SUMMARY).where(*ended).order_by(newest),
    ):
        for row in connection.execute(statement.limit(limit)).mappings():
            found.setdefault(row["case_id"], CaseSummary(**row))
    return list(found.values())


def taken_in(connection: Connection, state: CaseState, limit: int) -> list[CaseSummary]:
    """Cases that became part of this one, oldest first."""
    statement = (
        sa.select(*_SUMMARY)
        .where(
            case.c.status == "closed",
            case.c.outcome == "joined",
            case.c.template_id == state.template_id,
            case.c.state["joined"].as_string() == state.case_id,
        )
        .order_by(case.c.opened_at)
        .limit(limit)
    )
    return [CaseSummary(**row) for row in connection.execute(statement).mappings()]


def case_messages(connection: Connection, case_id: str, limit: int) -> list[CaseMessage]:
    """The newest Slack messages of a case, oldest first; updates of cards included."""
    statement = (
        sa.select(outbox)
        .where(outbox.c.case_id == case_id, outbox.c.kind.startswith("slack."))
        .order_by(outbox.c.outbox_id.desc())
        .limit(limit)
    )
    found = []
    for row in connection.execute(statement).mappings():
        to = row["payload"].get("to") or {}
        person, channel = (to.get("person"), to.get("channel")) if isinstance(to, dict) else (None, None)
        found.append(
            CaseMessage(
                kind=row["kind"],
                card_key=row["card_key"],
                to=str(person) if person else f"#{channel}" if channel else "",
                text=str(row["payload"].get("text") or ""),
                status=row["status"],
                attempts=row["attempts"],
                created_at=row["created_at"],
                sent_at=row["sent_at"],
            )
        )
    return found[::-1]
