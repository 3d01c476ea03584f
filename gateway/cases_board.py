"""The page ``/cases``: where cases stand, step by step, on one page that renews itself.

The open page asks every few seconds whether its mark is still the current one, and is answered 204 or the whole new
page (docs/decisions/0030). However many cases there are, a page is three statements and at most some hundred cards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from gateway.case_words import CaseWords
from gateway.context import context_of, reader_of
from gateway.governed_cases import GovernedCases
from gateway.pages import language_of, page
from gateway.problems import Problem
from ops_assets.access import AccessRefused
from resources.people import Directory
from workflow_jobs.case_board import BoardColumn, BoardFilter, BoardPlace
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.template import Template
from workflow_jobs.sla_clock import light_of, used_share

router = APIRouter(include_in_schema=False)
STATUSES = ("open", "watching_effect", "effective", "ineffective", "closed", "cancelled", "any")
PRIORITIES = ("urgent", "high", "normal", "low")
EACH = 8
ONE_COLUMN = 60
_MOST_PAGES = 10_000
Short = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class Card:
    """One case at one step. ``light`` is green, amber or red, or "" where no working time runs; ``used`` in percent.

    ``task``: a case has several cards at a step that asks several people; of one without people it is the case's id.
    ``confirmed``: ``due`` goes by days that are published. ``rests`` says of a case at rest what it waits for, each
    with until when and whether that is certain; of one that is over, how it stands where several states are shown.
    """

    case_id: str
    task: str
    subject: str
    priority: str
    waits: str
    role: str
    due: datetime | None
    confirmed: bool
    light: str
    used: int | None
    paused_until: datetime | None
    rests: tuple[tuple[str, datetime | None, bool], ...] = ()


@dataclass(frozen=True)
class Column:
    """One step with its first cards. ``more`` leads to all of them, or is "" where all are shown."""

    key: str
    title: str
    kind: str
    cases: int
    overdue: int
    cards: tuple[Card, ...]
    more: str


@router.get("/cases")
def cases_board(
    request: Request,
    seen: Annotated[str, Query(max_length=80)] = "",
    status: Short = "open",
    template: Short = "",
    priority: Short = "",
    department: Short = "",
    person: Short = "",
    requester: Short = "",
    q: Short = "",
    at: Short = "",
    number: Annotated[int, Query(alias="page", ge=1, le=_MOST_PAGES)] = 1,
) -> Response:
    """The board of cases; 204 where ``seen`` is still what it would show."""
    reader = reader_of(request)
    context = context_of(request)
    governed = GovernedCases(context, reader)
    _known("status", status, STATUSES)
    _known("priority", priority, ("", *PRIORITIES))
    if (person or department or requester) and not governed.sees_people:
        raise AccessRefused("Cases cannot be chosen by person or department by a reader who does not see who works.")
    service, directory, now = context.service, context.directory(), context.clock.now()
    # What the clock alone changes, lights and overdue marks, is shown a minute late at most.
    mark = f"{service.last_change()}-{int(now.timestamp()) // 60}-{directory.version}"
    if seen == mark:
        return Response(status_code=204)
    asked = BoardFilter(
        status=None if status == "any" else status,
        template_id=template or None,
        priority=priority or None,
        assignees=_assignees(directory, person, department),
        requester=requester or None,
        words=q.strip(),
        hidden_subjects=governed.hidden_subjects() if q.strip() else frozenset(),
        step=_step(at),
    )
    each = ONE_COLUMN if asked.step else EACH
    columns, places, states = service.board(asked, each=each, offset=(number - 1) * each if asked.step else 0)
    templates = service.templates_used()
    words = CaseWords(context, governed, language_of(request))
    query = {"status": status, "template": template, "priority": priority, "department": department, "person": person}
    query |= {"requester": requester, "q": q.strip()}
    query = {key: value for key, value in query.items() if value and (key, value) != _DEFAULT}
    drawn = _Drawing(words, states, now, query, each, asked).groups(columns, places, templates)
    pages = ceil(sum(column.cases for column in columns) / each) if asked.step else 1
    own = query | ({"at": at} if at else {}) | ({"page": str(number)} if number > 1 else {})
    return page(
        request,
        "cases.html",
        mark=mark,
        groups=drawn,
        asked={"status": status, "template": template, "priority": priority, "department": department,
               "person": person, "requester": requester, "q": q, "at": at},
        statuses=STATUSES,
        priorities=PRIORITIES,
        templates=sorted((words.say(one.title), one_id) for one_id, one in templates.items()),
        people=_people(directory, service.waited_for()) if governed.sees_people else [],
        departments=_departments(directory) if governed.sees_people else [],
        requester=words.person(requester) or requester,
        tally=list(_tally(words, columns, status)),
        overdue=sum(column.overdue for column in columns),
        renewal=f"/cases?{urlencode(own | {'seen': mark})}",
        all_columns=f"/cases?{urlencode(query)}" if at else "",
        number=number,
        pages=pages,
        page_links={n: f"/cases?{urlencode(query | {'at': at, 'page': str(n)})}" for n in (number - 1, number + 1)},
    )  # fmt: skip


_DEFAULT = ("status", "open")


def _tally(words: CaseWords, columns: Iterable[BoardColumn], status: str) -> Iterator[str]:
    """How many steps wait for somebody or something, and how many cases stand at none: at rest, or over."""
    counted = {True: 0, False: 0}
    for column in columns:
        counted[column.kind == "rest"] += column.cases
    living = status in ("open", "any")
    resting = {"open": "cases_resting", "any": "cases_resting_or_over"}.get(status, "cases_in_all")
    for key, count, shown in (("cases_standing", counted[False], living), (resting, counted[True], not living)):
        if count or shown:
            yield words.t(f"{key}_one") if count == 1 else words.t(key, count=f"{count:,}")


class _Drawing:
    """From rows to columns, grouped by template."""

    def __init__(
        self,
        words: CaseWords,
        states: Mapping[str, CaseState],
        now: datetime,
        query: Mapping[str, str],
        each: int,
        asked: BoardFilter,
    ) -> None:
        self._words, self._states, self._now = words, states, now
        self._query, self._each, self._asked = query, each, asked

    def groups(
        self, columns: Iterable[BoardColumn], places: Iterable[BoardPlace], templates: Mapping[str, Template]
    ) -> list[tuple[str, list[Column]]]:
        """Templates by title, each with its columns in the order of its steps; cases at rest come last."""
        cards: dict[tuple[str, str, str], list[Card]] = {}
        for place in places:
            card = self._card(place, templates.get(place.template_id))
            cards.setdefault((place.template_id, place.kind, place.step_id), []).append(card)
        found: dict[str, list[BoardColumn]] = {}
        for column in columns:
            found.setdefault(column.template_id, []).append(column)
        groups = []
        for template_id, own in found.items():
            template = templates.get(template_id)
            order = [] if template is None else [step.id for step in layout_of(template).steps()]
            own.sort(key=lambda one: (one.kind == "rest", _place(order, one.step_id), one.step_id, one.kind))
            drawn = [
                self._column(one, template, tuple(cards.get((one.template_id, one.kind, one.step_id), ())))
                for one in own
            ]
            groups.append((self._words.say(template.title) if template else template_id, drawn))
        return sorted(groups, key=lambda group: group[0])

    def _column(self, column: BoardColumn, template: Template | None, cards: tuple[Card, ...]) -> Column:
        title = self._words.step(template, column.step_id) if column.step_id else self._rest(template)
        at = f"{column.template_id}:{column.step_id}"
        more = (
            "" if self._asked.step or column.cases <= self._each else f"/cases?{urlencode({**self._query, 'at': at})}"
        )
        return Column(at, title, column.kind, column.cases, column.overdue, cards, more)

    def _rest(self, template: Template | None) -> str:
        """Open cases in which nobody has to act wait for their cause to go, or for a time, a signal, another case."""
        waits = self._asked.status == "open" and template is not None and template.closes != "on_resolution"
        return self._words.t("cases_rest_waits" if waits else f"cases_rest_{self._asked.status or 'any'}")

    def _card(self, place: BoardPlace, template: Template | None) -> Card:
        state = self._states[place.case_id]
        task = state.tasks.get(place.task_id or "")
        overdue = place.due_at is not None and place.due_at < self._now
        light, used = "red" if overdue else "", None
        if task is not None:
            share = used_share(task, self._now, self._words.calendar_of(task))
            light, used = light_of(share, overdue=overdue), int(share * 100)
        return Card(
            case_id=place.case_id,
            task=place.task_id or place.case_id,
            subject=self._words.subject(state),
            priority=state.priority,
            waits=self._words.person(place.assignee),
            role=self._words.role(place.role) if place.role else "",
            due=place.due_at,
            confirmed=task is None or task.calendar_confirmed,
            light=light,
            used=used,
            paused_until=task.paused_until if task is not None else None,
            rests=tuple(self._rests(state, template)) if place.kind == "rest" else (),
        )

    def _rests(self, state: CaseState, template: Template | None) -> Iterator[tuple[str, datetime | None, bool]]:
        """What a case in which nobody is asked waits for: a time or a signal, or a case that it opened."""
        if not state.is_open:
            if self._asked.status is None:
                yield self._words.t(f"case_status_{state.status}"), None, True
            return
        for step in state.steps.values():
            if step.status == "active" and step.kind in ("wait", "process"):
                other = f": {step.child_case_id}" if step.child_case_id else ""
                title = self._words.step(template, step.step_id)
                yield f"{title}{other}", step.wake_at, step.calendar_confirmed


def _place(order: list[str], step_id: str) -> int:
    return order.index(step_id) if step_id in order else len(order)


def _known(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise Problem(422, f"`{name}` cannot be {value!r}; it may be {', '.join(one for one in known if one)}.")


def _step(at: str) -> tuple[str, str] | None:
    if not at:
        return None
    template_id, colon, step_id = at.partition(":")
    if not colon or not template_id:
        raise Problem(422, f"`at` cannot be {at!r}: it is a template and a step, such as supply_exception:judge.")
    return template_id, step_id


def _assignees(directory: Directory, person: str, department: str) -> frozenset[str] | None:
    """Whom the cases may wait for; None: anybody. Empty for a department that nobody works in."""
    if not person and not department:
        return None
    if not department:
        return frozenset({person})
    members = {one.person_id for one in directory.people.values() if one.department_name == department}
    return frozenset(members & {person} if person else members)


def _people(directory: Directory, ids: Iterable[str]) -> list[tuple[str, str]]:
    return sorted((directory.name(one), one) for one in ids)


def _departments(directory: Directory) -> list[str]:
    return sorted({one.department_name for one in directory.people.values() if one.department_name})
