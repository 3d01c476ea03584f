"""The board of cases in SQL: where cases stand, counted by step and read a few for each. Writes nothing, locks nothing.

However many cases there are, a board is two statements, and a third for what its cards show.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow_jobs.case_board import BoardColumn, BoardFilter, BoardPlace, CaseMessage, PlaceKind
from workflow_jobs.cases import CaseSummary
from workflow_jobs.engine.state import CaseState
from workflow_jobs.store.state_rows import stored_state
from workflow_jobs.store.tables import case, case_event, outbox, service_step, task, template_version

_PLACE = ("case_id", "template_id", "kind", "step_id", "task_id", "assignee", "role", "due_at")
_SUMMARY = [case.c[name] for name in CaseSummary.__dataclass_fields__]
_TEXT = sa.String()
# The statuses of cases that are over, as the engine names them.
_ENDED = ("closed", "effective", "ineffective", "cancelled", "watching_effect")


def board_columns(connection: Connection, asked: BoardFilter, now: datetime) -> list[BoardColumn]:
    """Every step at which cases stand, with how many; in no order."""
    places = _places(asked).subquery()
    late = sa.func.sum(sa.case((places.c.due_at < now, 1), else_=0))
    statement = sa.select(places.c.template_id, places.c.kind, places.c.step_id, sa.func.count(), late).group_by(
        places.c.template_id, places.c.kind, places.c.step_id
    )
    return [BoardColumn(*row) for row in connection.execute(statement).tuples()]


def board_places(
    connection: Connection, asked: BoardFilter, columns: Collection[BoardColumn], *, each: int, offset: int = 0
) -> list[BoardPlace]:
    """At most ``each`` cases of every column, those due first first; ``offset`` leaves out as many of each column.

    ``columns`` are those of the board: kinds of places that have none are not looked for again.
    """
    if not columns:
        return []
    places = _places(asked, {column.kind for column in columns}).subquery()
    order = (places.c.due_at.is_(None), places.c.due_at, places.c.case_id.desc())
    number = sa.func.row_number().over(
        partition_by=(places.c.template_id, places.c.kind, places.c.step_id), order_by=order
    )
    numbered = sa.select(places, number.label("number")).subquery()
    statement = (
        sa.select(*(numbered.c[name] for name in _PLACE))
        .where(numbered.c.number > offset, numbered.c.number <= offset + each)
        .order_by(numbered.c.number)
    )
    return [BoardPlace(*row) for row in connection.execute(statement).tuples()]


def _places(
    asked: BoardFilter, kinds: Collection[PlaceKind] = get_args(PlaceKind)
) -> sa.CompoundSelect[Any] | sa.Select[Any]:
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
    ).where(task.c.status == sa.literal_column("'open'"))
    if asked.reads_cases:
        tasks = tasks.join(case, case.c.case_id == task.c.case_id).where(*about_case)
    if asked.template_id is not None:
        tasks = tasks.where(task.c.template_id == asked.template_id)
    if asked.step is not None:
        tasks = tasks.where(task.c.template_id == asked.step[0], task.c.step_id == asked.step[1])
    if asked.assignees is not None:
        return tasks.where(task.c.assignee.in_(sorted(asked.assignees)))
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
        .where(service_step.c.status == sa.literal_column("'requested'"), *about_case)
    )
    resting = sa.select(
        case.c.case_id,
        case.c.template_id,
        sa.literal("rest", _TEXT).label("kind"),
        sa.literal("", _TEXT).label("step_id"),
        sa.cast(nothing, _TEXT).label("task_id"),
        sa.cast(nothing, _TEXT).label("assignee"),
        sa.cast(nothing, _TEXT).label("role"),
        sa.cast(nothing, task.c.due_at.type).label("due_at"),
    ).where(
        # A difference of ids costs half of what asking for each case does.
        case.c.case_id.in_(
            sa.except_(
                sa.select(case.c.case_id).where(*about_case),
                sa.select(task.c.case_id).where(task.c.status == sa.literal_column("'open'")),
                sa.select(service_step.c.case_id).where(service_step.c.status == sa.literal_column("'requested'")),
            )
        )
    )
    if asked.step is not None:
        services = services.where(case.c.template_id == asked.step[0], service_step.c.step_id == asked.step[1])
        resting = resting.where(case.c.template_id == asked.step[0], sa.literal(asked.step[1]) == "")
    parts = {"task": tasks, "service": services, "rest": resting}
    return sa.union_all(*(part for kind, part in parts.items() if kind in kinds))


def _about_case(asked: BoardFilter) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if asked.status is not None:
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
    """Ended cases of the same rule, or of the same template and subject; the same subject first, then newest."""
    alike = case.c.rule_id == state.rule_id
    if state.subject_id:
        alike = sa.or_(alike, sa.and_(case.c.template_id == state.template_id, case.c.subject_id == state.subject_id))
    statement = (
        sa.select(*_SUMMARY)
        .where(alike, case.c.case_id != state.case_id, case.c.status.in_(_ENDED))
        .order_by((case.c.subject_id == state.subject_id).desc(), case.c.opened_at.desc())
        .limit(limit)
    )
    return [CaseSummary(**row) for row in connection.execute(statement).mappings()]


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
