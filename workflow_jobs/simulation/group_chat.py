"""The group chat's way to a person: somebody asks, and what comes of it is `chat`.

Belongs here: putting a step's question to the chat, and what its answer means for the case.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.simulation.chat import Answer, Question, answer
from workflow_jobs.simulation.course import Course
from workflow_jobs.simulation.ledgers import Changed
from workflow_jobs.simulation.office import Office
from workflow_jobs.simulation.reading_order import ReadingOrder

_AT_THE_BEGINNING = timedelta(seconds=60)
_NOT_ENTITLED = ("not_allowed", "own_request", "decided_before", "has_a_voice")


class GroupChat:
    """The group chat's way: see chat. The procedure is known (on paper), but nothing brings it to anybody."""

    watches_the_clock = False

    def __init__(self, office: Office, begins: datetime) -> None:
        self._office = office
        self._reading = cache(lambda person: ReadingOrder(office, person, begins))

    def asked(self, course: Course, state: CaseState, task: TaskState) -> None:
        """Somebody writes into the chat; the answer comes when it comes."""
        handed_on = course.agenda.now() - state.opened_at > _AT_THE_BEGINNING
        question = self._question(course, state, task, handed_on=handed_on)
        found = answer(self._office, self._reading, question)
        course.record.answers[task.task_id] = found
        course.record.forgotten += found.forgotten
        course.record.asked_again += found.asked - 1
        course.agenda.at(found.at, lambda: self._over(course, state, task, found))

    def told(self, course: Course, changed: Changed) -> None:
        """Nobody is told of anything."""

    def _question(self, course: Course, state: CaseState, task: TaskState, *, handed_on: bool) -> Question:
        people = self._office.directory
        roles: Sequence[str] = (task.role, task.accountable, course.ledger.template(state).owner_role)
        groups = [[p for p in people.candidates(role) if p != state.requested_by] for role in roles]
        holders = tuple(next((group for group in groups if group), ()))
        everybody = {person for ids in people.roles.values() for person in ids}
        return Question(
            key=course.task_key(state, task),
            ready_at=course.agenda.now(),
            holders=holders,
            others=tuple(sorted(everybody - set(holders))),
            agreed=timedelta(seconds=task.sla_seconds),
            approval=self._office.assumed.is_approval(state.template_id, task.step_id),
            handed_on=handed_on,
        )

    def _over(self, course: Course, state: CaseState, task: TaskState, found: Answer) -> None:
        current = course.now_of(state)
        if not course.still_asks(state, task):
            return
        task = current.tasks[task.task_id]
        if found.how == "answered" and found.by is not None:
            try:
                course.decide(current, task, found.by)
                return
            except Refused as refused:
                if refused.code not in _NOT_ENTITLED:
                    raise
                course.record.answers[task.task_id] = Answer(
                    found.at, found.by, "without_authority", found.asked, found.forgotten, found.overlooked
                )
        # The work goes on all the same. On paper it stands under the name of who should have answered.
        course.decide(current, task, task.assignee or found.by or "")
        course.record.decided[task.task_id] = found.by
