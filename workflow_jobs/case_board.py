"""What the board of cases asks and gets: filters, columns, places of cases, messages. Data only; no SQL, no words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

# task: a person is asked; service: a job runs; rest: neither (the cause is awaited, the effect watched, or it ended).
PlaceKind = Literal["task", "service", "rest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardFilter:
    """Which cases a board shows; None and "" leave a filter out.

    ``assignees`` are the people it may wait for (one person, or a department's), ``requester`` is who asked for it.
    ``words`` is looked for in the case's id and in the id and label of its subject, without regard to the case of ASCII
    letters; not in subjects of the ``hidden_subjects`` (metric, kind of subject): what is found would tell what stands
    there.
    ``case_ids`` are the only cases that it may show; a search is answered by them where they are few.
    ``step`` is one column: the ids of its template and step ("" for cases at rest).
    """

    status: str | None = "open"
    template_id: str | None = None
    priority: str | None = None
    assignees: frozenset[str] | None = None
    requester: str | None = None
    words: str = ""
    hidden_subjects: frozenset[tuple[str, str]] = frozenset()
    case_ids: frozenset[str] | None = None
    step: tuple[str, str] | None = None

    @property
    def reads_cases(self) -> bool:
        """Whether it needs more of an open task than the task itself."""
        return self.status != "open" or bool(self.words) or self.requester is not None


@dataclass(frozen=True, slots=True)
class BoardColumn:
    """How often cases stand at a step (once for each person whom it asks), and how many of these are past due."""

    template_id: str
    kind: PlaceKind
    step_id: str
    cases: int
    overdue: int


@dataclass(frozen=True, slots=True)
class BoardPlace:
    """One case at one step. A case in two branches has two. ``due_at`` is UTC; None for cases at rest."""

    case_id: str
    template_id: str
    kind: PlaceKind
    step_id: str
    task_id: str | None
    assignee: str | None
    role: str | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class CaseMessage:
    """One message of a case. ``to`` is a person id, a channel with ``#``, or "" for an update of a card that stands.

    ``status`` is the outbox's: pending, sending, sent, dead. Instants are UTC.
    """

    kind: str
    card_key: str | None
    to: str
    text: str
    status: str
    attempts: int
    created_at: datetime
    sent_at: datetime | None
