"""A case's log as visits of its steps: when each was entered and left, and how much of that it waited. Pure.

Belongs here: folding events (as the store keeps them, JSON) into visits and into what became of each task. Does not
belong here: which rows of them the warehouse gets (history) and figures over many cases (dbt models).

A visit is counted by the calendar by which the clock of its task runs, of the first one where several were asked; what
is nobody's task by the template's. A step is **in hand** while somebody who was asked has taken one of its open tasks
up (acknowledged, claimed or delegated it, given advice) and the task does not rest; a job or another case that runs is
work in hand too. A wait step is never in hand. Whatever working time a visit is not in hand, it waits. Forks and
decisions have no visit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

Working = Callable[[datetime, datetime], timedelta]
Calendars = Callable[[str | None], Working]
"""Working time by the calendar of that name; None: by that of the case's template."""
Event = Mapping[str, Any]

_TIMELESS: Final = frozenset({"fork", "decision"})
_TAKEN_UP: Final = frozenset({"TaskAcknowledged", "TaskClaimed", "TaskDelegated", "TaskAdvised", "ApproverAdded"})
_PUT_DOWN: Final = frozenset({"TaskReassigned", "TaskReleased"})


@dataclass(frozen=True, slots=True)
class StepVisit:
    """One visit of one step. Instants are aware UTC; `ended_at` is None while it lasts.

    `status` is active, completed or cancelled. `again` is "" for a first visit, else why the step is done once more:
    returned (the case was sent back) or reopened. `sent_back` says that this visit's outcome returned the case to an
    earlier step, which is `returned_to`; `return_status` is how far that one is, done again (as `status`; None where
    it has no visits). `working` is the working time from entry to end, `waiting` the part of it in which the step was
    not in hand; both cover what has passed up to the last change. `last_seq` is the event that changed the visit last.
    """

    step_id: str
    visit: int
    kind: str
    entered_at: datetime
    ended_at: datetime | None
    status: str
    outcome: str | None
    role: str | None
    assignee: str | None
    again: str
    sent_back: bool
    reassignments: int
    rungs: int
    working: timedelta
    waiting: timedelta
    last_seq: int
    returned_to: str | None = None
    return_status: str | None = None


@dataclass(frozen=True, slots=True)
class TaskFate:
    """What became of a task. `status` is open, decided or cancelled; `by_default` means that the template decided."""

    task_id: str
    purpose: str
    status: str
    ended_at: datetime | None
    by_default: bool


def step_visits(events: Iterable[Event], calendars: Calendars) -> tuple[list[StepVisit], dict[str, TaskFate]]:
    """The visits of a case, in order of entry, and the fate of its tasks by id."""
    fold = _Fold()
    for event in events:
        fold.take(event)
    visits = [visit.frozen(calendars) for visit in fold.visits]
    return visits, {one.task_id: one.fate() for one in fold.tasks.values()}


@dataclass
class _Task:
    task_id: str
    visit: _Visit
    purpose: str
    assignee: str | None
    calendar: str | None
    status: str = "open"
    ended_at: datetime | None = None
    by_default: bool = False
    taken: bool = False
    resting: bool = False

    def fate(self) -> TaskFate:
        return TaskFate(self.task_id, self.purpose, self.status, self.ended_at, self.by_default)


@dataclass
class _Visit:
    step_id: str
    visit: int
    kind: str
    entered_at: datetime
    again: str
    since: datetime
    seq: int
    ended_at: datetime | None = None
    status: str = "active"
    outcome: str | None = None
    role: str | None = None
    assignee: str | None = None
    sent_back: bool = False
    reassignments: int = 0
    rungs: int = 0
    # From when to when, and whether it was in hand.
    spent: list[tuple[datetime, datetime, bool]] = field(default_factory=list)
    tasks: list[_Task] = field(default_factory=list)
    returned_to: str | None = None
    # The visit that this one's outcome led to, and the one whose outcome led here.
    target: _Visit | None = None
    returner: _Visit | None = None

    @property
    def in_hand(self) -> bool:
        still_open = [task for task in self.tasks if task.status == "open"]
        if any(task.taken and not task.resting for task in still_open):
            return True
        return self.kind in ("service", "process") and not still_open

    def settle(self, at: datetime) -> None:
        """Keep how the time since the last change was spent."""
        if self.status == "active" and at > self.since:
            self.spent.append((self.since, at, self.in_hand))
        self.since = max(self.since, at)

    def turn(self, status: str, seq: int) -> None:
        """Another status, which is told of the return that led here as well."""
        self.status, self.seq = status, seq
        if self.returner is not None:
            self.returner.seq = seq

    def frozen(self, calendars: Calendars) -> StepVisit:
        working = calendars(self.tasks[0].calendar if self.tasks else None)
        spans = [(working(start, end), in_hand) for start, end, in_hand in self.spent]
        return StepVisit(
            self.step_id, self.visit, self.kind, self.entered_at, self.ended_at, self.status, self.outcome, self.role,
            self.assignee, self.again, self.sent_back, self.reassignments, self.rungs,
            sum((span for span, _ in spans), timedelta(0)),
            sum((span for span, in_hand in spans if not in_hand), timedelta(0)),
            self.seq, self.returned_to, self.target.status if self.target is not None else None,
        )  # fmt: skip


class _Fold:
    def __init__(self) -> None:
        self._returning: _Visit | None = None
        self.visits: list[_Visit] = []
        self.tasks: dict[str, _Task] = {}
        self._latest: dict[str, _Visit] = {}
        self._seen: set[str] = set()

    def take(self, event: Event) -> None:
        kind, at, seq = event["type"], datetime.fromisoformat(event["at"]), int(event["seq"])
        task = self.tasks.get(str(event.get("task_id")))
        visit = task.visit if task is not None else self._latest.get(str(event.get("step_id")))
        if kind == "CaseReopened":
            self._seen.clear()
        elif kind == "StepEntered":
            self._enter(event, at, seq)
        elif kind == "CaseReturned":
            self._sent_back(event, seq)
        elif kind == "TaskCreated" and visit is not None:
            self._ask(event, visit, at, seq)
        elif kind in ("StepCompleted", "StepCancelled") and visit is not None and visit.status == "active":
            visit.settle(at)
            visit.turn("completed" if kind == "StepCompleted" else "cancelled", seq)
            visit.ended_at, visit.outcome = at, event.get("outcome")
        elif task is not None:
            self._on_task(event, task, at, seq)

    def _enter(self, event: Event, at: datetime, seq: int) -> None:
        # What is entered first after a return is where it leads.
        returner, self._returning = self._returning, None
        if event["kind"] in _TIMELESS:
            return
        step_id, number = event["step_id"], int(event["visit"])
        again = "returned" if step_id in self._seen else "reopened" if number > 1 else ""
        self._seen.add(step_id)
        visit = _Visit(step_id, number, event["kind"], at, again, since=at, seq=seq, returner=returner)
        if returner is not None:
            returner.target = visit
        self._latest[step_id] = visit
        self.visits.append(visit)

    def _sent_back(self, event: Event, seq: int) -> None:
        visit = self._latest.get(event["from_step"])
        if visit is not None:
            visit.sent_back, visit.returned_to, visit.seq = True, event["to_step"], seq
        self._returning = visit

    def _ask(self, event: Event, visit: _Visit, at: datetime, seq: int) -> None:
        visit.settle(at)
        purpose = event.get("purpose", "decide")
        task = _Task(event["task_id"], visit, purpose, event.get("assignee"), event.get("calendar"))
        self.tasks[task.task_id] = task
        visit.tasks.append(task)
        visit.role, visit.assignee, visit.seq = event["role"], task.assignee, seq

    def _on_task(self, event: Event, task: _Task, at: datetime, seq: int) -> None:
        kind, visit = event["type"], task.visit
        visit.settle(at)
        visit.seq = seq
        if kind in _TAKEN_UP:
            task.taken = True
            if kind == "TaskClaimed":
                task.assignee = event["person_id"]
        elif kind in _PUT_DOWN:
            task.taken, task.resting, task.assignee = False, False, event.get("assignee")
            visit.reassignments += kind == "TaskReassigned"
        elif kind == "TaskPaused":
            task.resting = True
        elif kind == "TaskResumed":
            # Who put a task aside had looked at it; one whose case had ended begins as it was.
            task.taken, task.resting = task.taken or event.get("because") != "reopened", False
            self._open_again(task, at, seq)
        elif kind == "TaskDecided":
            task.status, task.ended_at = "decided", at
        elif kind == "TaskCancelled":
            task.status, task.ended_at = "cancelled", at
        elif kind == "DefaultTaken":
            task.status, task.ended_at, task.by_default = "decided", at, True
        elif kind == "RungFired":
            visit.rungs += 1
        elif kind == "ClockRecomputed":
            task.calendar = event["calendar"]
        visit.assignee = task.assignee

    def _open_again(self, task: _Task, at: datetime, seq: int) -> None:
        visit = task.visit
        self._seen.add(visit.step_id)
        if task.status != "open":
            task.status, task.ended_at = "open", None
        if visit.status != "active":
            visit.turn("active", seq)
            visit.ended_at, visit.outcome, visit.since = None, None, at
