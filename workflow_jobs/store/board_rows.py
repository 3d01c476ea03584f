"""The board of cases in SQL: where cases stand, counted by step and read a few for each. Writes nothing, locks nothing.

However many cases there are, a board is one statement that counts, one for each step at which cases stand, and one
for what its cards show; a search is one more, before them. What reads all open cases reads indexes alone (on PostgreSQL
the search reads rows): the rows of cases are wide.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
    CASE_JOINED,
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
_OPEN_CASE = case.c.status == sa.literal_column("'open'")
# As text, since SQLAlchemy would compare with 1 on SQLite.
_RESTS = sa.text("process_case.rests")
_JOINED = sa.text(CASE_JOINED.text)
# A search that finds no more is done once, and the board then asked for these cases by their ids.
_FEW = 500
# From person to person in the index, however many tasks each of them has.
_WAITED_FOR = sa.text(
    "WITH RECURSIVE one(person) AS (SELECT min(assignee) FROM process_task WHERE status = 'open' UNION ALL "
    "SELECT (SELECT min(assignee) FROM process_task WHERE status = 'open' AND assignee > one.person) "
    "FROM one WHERE one.person IS NOT NULL) SELECT person FROM one WHERE person IS NOT NULL"
)
# The statuses of cases that are over, as the engine names them.
_ENDED = ("closed", "effective", "ineffective", "cancelled", "watching_effect")


def narrowed(connection: Connection, asked: BoardFilter) -> BoardFilter:
    """The filter with the cases that a search finds in place of its words, where they are few enough to be named."""
    if not asked.words:
        return asked
    statement = sa.select(case.c.case_id).where(*_about_case(connection, asked)).limit(_FEW + 1)
    found = connection.execute(statement).scalars().all()
    return asked if len(found) > _FEW else replace(asked, words="", case_ids=frozenset(found))


def board_columns(connection: Connection, asked: BoardFilter, now: datetime) -> list[BoardColumn]:
    """Every step at which cases stand, with how many; in no order."""
    if asked.case_ids == frozenset():
        return []
    counts = []
    for kind, places in _places(connection, asked).items():
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
        places = _places(connection, replace(asked, step=step))[column.kind]
        # Cases at rest are due at no time.
        order = () if column.kind == "rest" else (places.selected_columns.due_at,)
        places = places.order_by(*order, places.selected_columns.case_id.desc()).limit(each).offset(offset)
        rows = connection.execute(places.with_only_columns(*(places.selected_columns[n] for n in _PLACE))).tuples()
        found += [(number, BoardPlace(*row)) for number, row in enumerate(rows)]
    return [place for _, place in sorted(found, key=lambda numbered: numbered[0])]


def _places(connection: Connection, asked: BoardFilter) -> dict[PlaceKind, sa.Select[Any]]:
    """Where cases stand, a statement for each kind of place that the filter leaves."""
    about_case = _about_case(connection, asked)
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
        # The template as well, so that an index with all that is asked finds the case.
        same = [case.c[name] == _looked_up(connection, task.c[name]) for name in ("case_id", "template_id")]
        tasks = tasks.select_from(sa.join(task, case, sa.and_(*same))).where(*about_case)
    if asked.template_id is not None:
        tasks = tasks.where(task.c.template_id == asked.template_id)
    if asked.priority is not None:
        tasks = tasks.where(task.c.priority == asked.priority)
    if asked.case_ids is not None:
        tasks = tasks.where(task.c.case_id.in_(sorted(asked.case_ids)))
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
        .select_from(sa.join(service_step, case, case.c.case_id == _looked_up(connection, service_step.c.case_id)))
        # As one value, so that SQLite begins with the jobs, of which there are few, and not with the cases.
        .where(_REQUESTED, sa.func.coalesce(sa.and_(sa.true(), *about_case), sa.false()))
    )
    at_rest: Sequence[sa.ColumnElement[bool] | sa.TextClause] = about_case
    if asked.status == "open":
        # Without the status, so that SQLite reads the index of these cases and no other.
        at_rest = [_RESTS, *_about_case(connection, replace(asked, status=None))]
    elif asked.status is None:
        at_rest = [sa.or_(case.c.status != "open", _RESTS), *about_case]
    resting = sa.select(
        case.c.case_id,
        case.c.template_id,
        sa.literal("rest", _TEXT).label("kind"),
        sa.literal("", _TEXT).label("step_id"),
        sa.cast(nothing, _TEXT).label("task_id"),
        sa.cast(nothing, _TEXT).label("assignee"),
        sa.cast(nothing, _TEXT).label("role"),
        sa.cast(nothing, task.c.due_at.type).label("due_at"),
    ).where(*at_rest)
    if asked.step is not None:
        services = services.where(case.c.template_id == asked.step[0], service_step.c.step_id == asked.step[1])
        resting = resting.where(case.c.template_id == asked.step[0], sa.literal(asked.step[1]) == "")
    return {"task": tasks, "service": services, "rest": resting}


def _looked_up(connection: Connection, column: sa.Column[str]) -> sa.ColumnElement[str]:
    """A column whose values are looked up elsewhere, and never the other way round: SQLite, which takes no stock of its
    tables, might look through all tasks of a template for every case.
    """
    return sa.literal_column(f"+{column}", column.type) if connection.dialect.name == "sqlite" else column


def _about_case(connection: Connection, asked: BoardFilter) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if asked.status == "open":
        wanted.append(_OPEN_CASE)
    elif asked.status is not None:
        wanted.append(case.c.status == asked.status)
    if asked.template_id is not None:
        wanted.append(case.c.template_id == asked.template_id)
    if asked.priority is not None:
        wanted.append(case.c.priority == asked.priority)
    if asked.requester is not None:
        wanted.append(case.c.requested_by == asked.requester)
    if asked.case_ids is not None:
        wanted.append(case.c.case_id.in_(sorted(asked.case_ids)))
    if asked.words:
        wanted.append(_says(connection, asked))
    return wanted


def _says(connection: Connection, asked: BoardFilter) -> sa.ColumnElement[bool]:
    """Whether the words stand in a case, whatever the case of their ASCII letters."""
    if "\0" in asked.words:
        return sa.false()  # no text has it, and PostgreSQL takes none
    words = asked.words.encode().lower().decode()  # of bytes, only ASCII letters are lowered

    def stands_in(column: sa.Column[str]) -> sa.ColumnElement[bool]:
        if connection.dialect.name == "sqlite":
            # Its LIKE takes ASCII letters for equal by itself, at half the cost of lower().
            return column.contains(words, autoescape=True)
        return sa.func.strpos(sa.func.lower(sa.collate(column, "C")), words) > 0

    hidden = sa.or_(
        sa.false(),
        *(
            sa.and_(case.c.metric == metric, case.c.subject_kind == kind)
            for metric, kind in sorted(asked.hidden_subjects)
        ),
    )
    said = sa.or_(stands_in(case.c.subject_id), stands_in(case.c.subject_label))
    return sa.or_(stands_in(case.c.case_id), sa.and_(said, ~hidden))


def cases_of(connection: Connection, case_ids: Collection[str]) -> dict[str, CaseState]:
    """The states of these cases, by id, in one statement; at most some hundreds at once."""
    found = connection.execute(sa.select(case.c.case_id, case.c.state).where(case.c.case_id.in_(sorted(case_ids))))
    return {case_id: stored_state(connection, body) for case_id, body in found.tuples()}


def waited_for(connection: Connection) -> list[str]:
    """The people who have open tasks."""
    return list(connection.execute(_WAITED_FOR).scalars())


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
        .where(_JOINED, case.c.joined_case_id == state.case_id)
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
