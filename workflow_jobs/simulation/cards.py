"""The platform's way to a person: a card of his own, reminders, and those above him who hear that it is late.

Belongs here: when a person comes to know of a task by the platform. What he then does takes as long as in a chat.
"""

from __future__ import annotations

from datetime import timedelta

from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.simulation.course import Course
from workflow_jobs.simulation.ledgers import Changed


class Cards:
    """The platform's way: one person is asked by a card of his own; clocks remind him, and tell those above him."""

    watches_the_clock = True

    def __init__(self) -> None:
        self._busy: set[tuple[str, int]] = set()
        self._told: dict[tuple[str, int], int] = {}

    def asked(self, course: Course, state: CaseState, task: TaskState) -> None:
        """A card reaches the assignee; he sees it when he looks at his messages next."""
        if task.assignee is not None:
            self._tell(course, state, task, task.assignee)

    def told(self, course: Course, changed: Changed) -> None:
        """A reminder reaches the assignee again; who stands above him speaks to him after reading of it."""
        for told in changed.told:
            task = changed.state.tasks[told.task_id]
            if task.status != "open" or task.assignee is None:
                continue
            if told.to_person == task.assignee:
                self._tell(course, changed.state, task, task.assignee, again=True)
            elif told.to_person is None:
                # The rung found nobody; where it was the last one, only his list of work is left to remind him.
                if task.next_rung_at is None:
                    self._find_tomorrow(course, changed.state, task)
            else:
                speaks = course.office.next_look(str(told.to_person), course.agenda.now())
                course.agenda.at(speaks, lambda task=task: self._spoken_to(course, changed.state, task))  # type: ignore[misc]

    def _tell(self, course: Course, state: CaseState, task: TaskState, person: str, *, again: bool = False) -> None:
        key = (task.task_id, task.version)
        self._told[key] = self._told.get(key, 0) + 1
        asked = self._told[key]
        course.record.asked_again += again

        def look() -> None:
            if key in self._busy or not course.still_asks(state, task):
                return
            if course.office.forgets(person, asked, *course.task_key(state, task)):
                course.record.forgotten += 1
                if course.now_of(state).tasks[task.task_id].next_rung_at is None:
                    self._find_tomorrow(course, state, task)
                return
            self._work(course, state, task, person)

        course.agenda.at(course.office.next_look(person, course.agenda.now()), look)

    def _find_tomorrow(self, course: Course, state: CaseState, task: TaskState) -> None:
        """No reminder comes any more: he finds it in his list of work the next day, and does it."""
        calendar = course.office.calendar
        tomorrow = calendar.add_working(course.agenda.now(), calendar.day_length)
        finds = course.office.next_look(str(task.assignee), tomorrow)
        course.agenda.at(finds, lambda: self._spoken_to(course, state, task))

    def _spoken_to(self, course: Course, state: CaseState, task: TaskState) -> None:
        if (task.task_id, task.version) not in self._busy and course.still_asks(state, task):
            assert task.assignee is not None
            self._work(course, state, task, task.assignee)

    def _work(self, course: Course, state: CaseState, task: TaskState, person: str) -> None:
        self._busy.add((task.task_id, task.version))
        office = course.office
        effort = office.effort(person, timedelta(seconds=task.sla_seconds), *course.task_key(state, task))

        def act() -> None:
            current = course.now_of(state)
            if course.still_asks(state, task):
                course.decide(current, current.tasks[task.task_id], person)

        course.agenda.at(office.finish(person, course.agenda.now(), effort), act)
