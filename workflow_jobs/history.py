"""The history of the process as source rows: what happened becomes tables of the warehouse like any other source's.

Belongs here: which cases, closings, judgements, tasks, visits of steps, ratings and open work changed since the last
export, and handing them to the inbox of ingestion. Does not belong here: their columns (history_rows), what a visit and
a closing are (step_visits, case_rounds), and the metrics on them (dbt models under staging/trueloop and above).

The change cursor is the number of the last exported event. An export that dies after the inbox took the rows and
before the cursor moved hands the same rows over again under the same event ids, which changes nothing. Two things
change without an event: a term passes, and a day begins. Each has a cursor of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from ops_assets.ingestion.inbox import accept
from resources.clock import Clock
from resources.fault_points import fault_point
from resources.ops_database import reading
from workflow_jobs.case_rounds import case_rounds
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.history_rows import (
    FORM,
    NOBODY,
    OpenWork,
    WorkGroup,
    case_row,
    closing_row,
    instant,
    judgement_row,
    open_work_row,
    rating_row,
    task_row,
    visit_row,
)
from workflow_jobs.step_visits import Event, Working, step_visits
from workflow_jobs.store.tables import case, case_event, number, task

SYSTEM: Final = "trueloop"
# A new form starts at the first event, so that all history is written in it.
CURSOR: Final = f"history.event_no.{FORM}"
_TERMS: Final = f"history.terms_seconds.{FORM}"
_DAY: Final = f"history.day.{FORM}"
_BATCH: Final = 500
Rows = Mapping[str, dict[str, Any]]


class ExportPlatform(Protocol):
    """What an export needs of the platform."""

    @property
    def ops_engine(self) -> Engine: ...

    @property
    def clock(self) -> Clock: ...


class ProcessCalendars(Protocol):
    """By which working calendars cases run: a process service says it."""

    def calendar(self, name: str = "default") -> WorkingCalendar: ...

    def calendar_name(self, template_id: str, template_hash: str) -> str: ...


@dataclass(frozen=True, slots=True)
class History:
    """Rows changed after a cursor, by table, keyed by an id that names their version.

    ``cursor`` is where the next look begins; ``groups`` are those whose open work the changes touch.
    """

    tables: Mapping[str, Rows]
    groups: frozenset[WorkGroup]
    cursor: int

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.tables.values())

    def __getitem__(self, table: str) -> list[dict[str, Any]]:
        return list(self.tables[table].values())


def process_history(
    engine: Engine, calendars: ProcessCalendars, after: int = 0, *, limit: int | None = None
) -> History:
    """Cases, tasks, step visits and ratings that changed after event number ``after``, as they stand now, and the
    closings and judgements since, which never change.

    ``limit`` bounds the events looked at; ``calendars`` count working time. Costs what changed: it reads the events
    after the cursor by their key, and the whole logs of their cases.
    """
    logs: dict[str, list[Event]] = {}
    tasks: dict[str, list[dict[str, Any]]] = {}
    cases: list[dict[str, Any]] = []
    with _beside_no_writer(engine) as connection:
        found = connection.execute(
            sa.select(case_event.c.event_no, case_event.c.case_id, case_event.c.seq, case_event.c.body)
            .where(case_event.c.event_no > after)
            .order_by(case_event.c.event_no)
            .limit(limit)
        ).all()
        first_seq: dict[str, int] = {}
        for row in found:
            first_seq.setdefault(row.case_id, row.seq)
        for chunk in _chunks(sorted(first_seq)):
            logs |= _logs(connection, chunk)
            tasks |= _by_case(connection.execute(sa.select(task).where(task.c.case_id.in_(chunk))).mappings())
            cases += map(dict, connection.execute(sa.select(case).where(case.c.case_id.in_(chunk))).mappings())
        connection.rollback()
    # Folded when nobody waits for the database any more.
    names = ("cases", "closings", "judgements", "tasks", "step_visits", "ratings")
    tables: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in names}
    changed_tasks = {row.body["task_id"] for row in found if row.body.get("task_id")}
    groups: set[WorkGroup] = set()
    for one in cases:
        case_id = one["case_id"]
        own = tasks.get(case_id, [])
        _add(tables, one, logs[case_id], own, changed_tasks, first_seq[case_id], calendars)
        groups |= _touched(logs[case_id], own, first_seq[case_id])
    return History(tables, frozenset(groups), cursor=found[-1].event_no if found else after)


def export_history(platform: ExportPlatform, calendars: ProcessCalendars) -> int:
    """Hand everything that changed to ingestion's inbox as events of the source ``trueloop``; how many rows."""
    engine = platform.ops_engine
    handed_over = _export_terms(platform)
    while True:
        history = process_history(engine, calendars, _cursor(engine, CURSOR), limit=_BATCH)
        now = platform.clock.now()
        today = calendars.calendar().local_date(now)
        opened = _export_day(platform, today, history.cursor)
        if not len(history):
            return handed_over + opened
        rows = {**history.tables, "open_work": _stated(engine, today, now, history.groups, history.cursor)}
        handed_over += opened + _hand_over(platform, rows)
        fault_point("history.export.before_cursor")
        _move_cursor(engine, CURSOR, history.cursor)


def _add(
    tables: Mapping[str, dict[str, dict[str, Any]]],
    row: Mapping[str, Any],
    log: Sequence[Event],
    tasks: Sequence[Mapping[str, Any]],
    changed_tasks: Collection[str],
    first_seq: int,
    calendars: ProcessCalendars,
) -> None:
    """One case's changes since event ``first_seq`` of its log."""
    of_case = calendars.calendar_name(row["template_id"], row["template_hash"])

    def working(name: str | None) -> Working:
        return calendars.calendar(of_case if name is None else name).working_between

    def keep(table: str, made: tuple[str, dict[str, Any]]) -> None:
        tables[table][made[0]] = made[1]

    visits, fates = step_visits(log, working)
    rounds, judgements = case_rounds(log)
    keep("cases", case_row(row, log))
    for closed in rounds:
        if closed.seq >= first_seq:
            keep("closings", closing_row(row, closed, working(None)(closed.began_at, closed.closed_at)))
    for judged in judgements:
        if judged.seq >= first_seq:
            keep("judgements", judgement_row(row, judged))
    for one in tasks:
        if one["task_id"] in changed_tasks:
            keep("tasks", task_row(one, fates.get(one["task_id"]), row["seq"]))
    for visit in visits:
        if visit.last_seq >= first_seq:
            keep("step_visits", visit_row(row["case_id"], row["template_id"], visit))
    for event in log:
        if event["type"] == "CaseRated" and event["seq"] >= first_seq:
            keep("ratings", rating_row(row["template_id"], event))


def _touched(log: Sequence[Event], tasks: Iterable[Mapping[str, Any]], first_seq: int) -> set[WorkGroup]:
    """The groups whose open work the events from ``first_seq`` on changed: who had a task, and who has it."""
    known = {one["task_id"]: one for one in tasks}
    holder: dict[str, str] = {}
    found: set[WorkGroup] = set()
    for event in log:
        one = known.get(event.get("task_id"))
        if one is None:
            continue
        had = holder.get(one["task_id"])
        has = _holder_after(event, had)
        holder[one["task_id"]] = has
        if event["seq"] >= first_seq:
            people = {had or has, has, one["assignee"] or NOBODY}
            found |= {WorkGroup(one["template_id"], one["step_id"], one["role"], person) for person in people}
    return found


def _holder_after(event: Event, before: str | None) -> str:
    kind = event["type"]
    if kind in ("TaskCreated", "TaskReassigned"):
        return event.get("assignee") or NOBODY
    if kind == "TaskClaimed":
        return str(event["person_id"])
    return NOBODY if kind == "TaskReleased" else before or NOBODY


def _open_work(connection: Connection, now: datetime) -> dict[WorkGroup, OpenWork]:
    late = sa.func.sum(sa.case((task.c.due_at <= now, 1), else_=0))
    keys = (task.c.template_id, task.c.step_id, task.c.role, task.c.assignee)
    found = connection.execute(
        sa.select(*keys, sa.func.count(), sa.func.sum(task.c.weight), late)
        .where(task.c.status == "open")
        .group_by(*keys)
    )
    return {
        WorkGroup(template_id, step_id, role, assignee or NOBODY): OpenWork(count, float(weight), overdue)
        for template_id, step_id, role, assignee, count, weight, overdue in found
    }


def _stated(
    engine: Engine, today: date, now: datetime, groups: Collection[WorkGroup] | None, cursor: int
) -> dict[str, dict[str, Any]]:
    """Open work of these groups, none included; of all that have some where ``groups`` is None."""
    if groups is not None and not groups:
        return {}
    with reading(engine) as connection:
        standing = _open_work(connection, now)
        connection.rollback()
    chosen = sorted(standing if groups is None else groups)
    return dict(open_work_row(today, group, standing.get(group, OpenWork()), now, cursor) for group in chosen)


def _export_day(platform: ExportPlatform, today: date, cursor: int) -> int:
    """The first look of a local day states all open work: nothing may change on it, and the day counts all the same."""
    engine = platform.ops_engine
    if _cursor(engine, _DAY) >= today.toordinal():
        return 0
    rows = _stated(engine, today, platform.clock.now(), None, cursor)
    handed_over = _hand_over(platform, {"open_work": rows})
    _move_cursor(engine, _DAY, today.toordinal())
    return handed_over


def _export_terms(platform: ExportPlatform) -> int:
    """Open tasks whose term passed since the last look: no event says so where the ladder has no rung there."""
    engine, until = platform.ops_engine, platform.clock.now().replace(microsecond=0)
    since = datetime.fromtimestamp(_cursor(engine, _TERMS), UTC)
    if until - since < timedelta(seconds=1):
        return 0
    with reading(engine) as connection:
        found = connection.execute(
            sa.select(task, case.c.seq)
            .join(case, case.c.case_id == task.c.case_id)
            .where(task.c.status == "open", task.c.due_at > since, task.c.due_at <= until)
        ).mappings()
        late = [dict(row) for row in found]
        logs: dict[str, list[Event]] = {}
        for chunk in _chunks(sorted({row["case_id"] for row in late})):
            logs |= _logs(connection, chunk)
        connection.rollback()
    rows = {}
    for row in late:
        _, fates = step_visits(logs[row["case_id"]], lambda _calendar: lambda _start, _end: timedelta(0))
        name, values = task_row(row, fates.get(row["task_id"]), row["seq"], overdue=True)
        rows[name] = values
    handed_over = _hand_over(platform, {"tasks": rows})
    _move_cursor(engine, _TERMS, int(until.timestamp()))
    return handed_over


def _hand_over(platform: ExportPlatform, tables: Mapping[str, Rows]) -> int:
    events = [
        {"event_id": event_id, "table": table, "row": row}
        for table, rows in tables.items()
        for event_id, row in rows.items()
    ]
    if events:
        accept(platform.ops_engine, SYSTEM, events, platform.clock)
    return len(events)


def _logs(connection: Connection, case_ids: Sequence[str]) -> dict[str, list[Event]]:
    logs: dict[str, list[Event]] = {case_id: [] for case_id in case_ids}
    for row in connection.execute(
        sa.select(case_event.c.case_id, case_event.c.body)
        .where(case_event.c.case_id.in_(case_ids))
        .order_by(case_event.c.case_id, case_event.c.seq)
    ):
        logs[row.case_id].append(row.body)
    return logs


def _by_case(rows: Iterable[sa.RowMapping]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["case_id"], []).append(dict(row))
    return found


def _cursor(engine: Engine, name: str) -> int:
    with reading(engine) as connection:
        value = connection.execute(sa.select(number.c.value).where(number.c.name == name)).scalar_one_or_none()
        connection.rollback()
    return int(value or 0)


def export_run(
    platform: ExportPlatform,
    *,
    run_id: str,
    job_name: str,
    status: str,
    started_at: float | None,
    ended_at: float | None,
    tags: Mapping[str, str],
) -> None:
    """Hand one finished run of a job over as an event; ``started_at`` and ``ended_at`` are seconds since 1970 UTC."""
    row = {
        "run_id": run_id,
        "job_name": job_name,
        "status": status,
        "started_at": instant(None if started_at is None else datetime.fromtimestamp(started_at, UTC)),
        "ended_at": instant(None if ended_at is None else datetime.fromtimestamp(ended_at, UTC)),
        "batch_id": tags.get("trueloop/batch"),
        "case_id": tags.get("trueloop/case"),
    }
    event = {"event_id": f"run:{run_id}:{status}:{FORM}", "table": "runs", "row": row}
    accept(platform.ops_engine, SYSTEM, [event], platform.clock)


@contextmanager
def _beside_no_writer(engine: Engine) -> Iterator[Connection]:
    """See no event number while a lower one is still uncommitted, or the cursor would pass over it.

    SQLite has one writer at a time. PostgreSQL numbers events before their commit; a share lock, which is held for one
    transaction, waits for those under way.
    """
    if engine.dialect.name != "postgresql":
        with reading(engine) as connection:
            yield connection
        return
    with engine.connect() as connection:
        connection.execute(sa.text(f"lock table {case_event.name} in share mode"))
        yield connection


def _move_cursor(engine: Engine, name: str, value: int) -> None:
    with engine.begin() as connection:
        known = connection.execute(
            sa.select(number.c.value).where(number.c.name == name).with_for_update()
        ).scalar_one_or_none()
        if known is None:
            connection.execute(number.insert().values(name=name, value=value))
        elif known < value:
            connection.execute(number.update().where(number.c.name == name).values(value=value))


def _chunks(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]
