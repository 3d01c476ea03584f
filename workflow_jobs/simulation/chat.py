"""How a question travels through a group chat until somebody answers it. Pure: one function of the question.

No routing: the asker names somebody, perhaps the wrong one, or asks everybody. No clocks: only his patience. No absence
list: who is away reads it when he is back. Messages are read in the order of the chat (see reading_order).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from workflow_jobs.simulation.office import Office
from workflow_jobs.simulation.reading_order import ReadingOrder

How = Literal["answered", "without_authority", "left_out"]


@dataclass(frozen=True)
class Question:
    """Something that one of the ``holders`` has to decide or do. ``key`` names it in both arms.

    ``ready_at`` is when it could be asked; ``handed_on`` tells that somebody finished a step before it and has to ask.
    ``others`` are the people whom one might ask by mistake.
    """

    key: tuple[object, ...]
    ready_at: datetime
    holders: tuple[str, ...]
    others: tuple[str, ...]
    agreed: timedelta
    approval: bool
    handed_on: bool


@dataclass(frozen=True)
class Answer:
    """When the question was over, and how: ``left_out`` if the work went on without it (``by`` None then).

    ``asked`` is how often it was asked, ``forgotten`` and ``overlooked`` how often somebody forgot or skipped it.
    """

    at: datetime
    by: str | None
    how: How
    asked: int
    forgotten: int
    overlooked: int


@dataclass
class _Search:
    """The best answer so far, and what went wrong."""

    at: datetime | None = None
    by: str | None = None
    how: How = "answered"
    forgotten: int = 0
    overlooked: int = 0

    def offer(self, at: datetime, by: str, how: How) -> None:
        if self.at is None or at < self.at:
            self.at, self.by, self.how = at, by, how


def answer(office: Office, reading: Callable[[str], ReadingOrder], question: Question) -> Answer:
    """What becomes of the question. Raises ValueError where nobody holds the role."""
    if not question.holders:
        raise ValueError(f"nobody can answer {question.key}")
    chat, draws, key = office.assumed.chat, office.draws, question.key
    found = _Search()
    asked_at = question.ready_at
    if question.handed_on and draws.chance(chat.forgets_to_hand_on.value, "hand on", *key):
        asked_at = _patient(office, asked_at, "wonders", *key)
    asked = 0
    while True:
        asked += 1
        _ask(office, reading, question, asked_at, asked, found)
        again_at = _patient(office, asked_at, "patience", asked, *key)
        if found.at is not None and found.at <= again_at:
            return Answer(found.at, found.by, found.how, asked, found.forgotten, found.overlooked)
        if found.at is None and asked >= chat.asks_at_most.value:
            if question.approval and draws.chance(chat.goes_on_without.value, "goes on", *key):
                return Answer(again_at, None, "left_out", asked, found.forgotten, found.overlooked)
            at_work = office.present(question.holders, again_at) or question.holders
            called = draws.pick(at_work, "calls", *key)
            found.offer(_done(office, question, called, again_at), called, "answered")
        asked_at = again_at


def _ask(
    office: Office,
    reading: Callable[[str], ReadingOrder],
    question: Question,
    posted: datetime,
    asked: int,
    found: _Search,
) -> None:
    """Post the question once more, and look who takes it up."""
    chat, draws, key = office.assumed.chat, office.draws, (asked, *question.key)
    if not draws.chance(chat.names_somebody.value, "names", *key):
        for person in question.holders:
            read = reading(person).read_at(posted)
            if read is None:
                found.overlooked += 1
            elif draws.chance(chat.takes_unnamed.value, "takes", person, *key):
                _take_up(office, question, person, read, asked, found)
        return
    person = draws.pick(question.holders, "whom", *key)
    if question.others and draws.chance(chat.asks_wrong_person.value, "wrong", *key):
        wrong = draws.pick(question.others, "whom wrongly", *key)
        read = reading(wrong).read_at(posted)
        if read is None:
            found.overlooked += 1
            return
        does = draws.uniform("wrong does", *key)
        if does < chat.wrong_person_answers.value:
            found.offer(_done(office, question, wrong, read), wrong, "without_authority")
            return
        if does >= chat.wrong_person_answers.value + chat.wrong_person_passes_on.value:
            return
        posted = read
    read = reading(person).read_at(posted)
    if read is None:
        found.overlooked += 1
    else:
        _take_up(office, question, person, read, asked, found)


def _take_up(office: Office, question: Question, person: str, read: datetime, asked: int, found: _Search) -> None:
    if office.forgets(person, asked, *question.key):
        found.forgotten += 1
    else:
        found.offer(_done(office, question, person, read), person, "answered")


def _done(office: Office, question: Question, person: str, knows: datetime) -> datetime:
    return office.finish(person, knows, office.effort(person, question.agreed, *question.key))


def _patient(office: Office, since: datetime, *key: object) -> datetime:
    chat = office.assumed.chat
    days = office.draws.lognormal(chat.patience.value, chat.patience_sigma.value, *key)
    return office.calendar.add_working(since, office.calendar.day_length * days)
