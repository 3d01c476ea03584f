"""The course of all cases of one arm: what is asked, reaches somebody; what somebody does, moves the case.

Belongs here: everything that both arms share. Does not belong here: the two ways in which a task reaches a person
(cards, group_chat), how long people need (office), where cases are kept (ledgers).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.state import CaseState, StepState, TaskState
from workflow_jobs.engine.template import WaitStep
from workflow_jobs.simulation.agenda import Agenda
from workflow_jobs.simulation.chat import Answer
from workflow_jobs.simulation.choices import choose, fill
from workflow_jobs.simulation.happenings import Happening
from workflow_jobs.simulation.ledgers import Changed, Ledger, figure
from workflow_jobs.simulation.office import Office

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class Record:
    """What an arm leaves behind: its cases by happening, and what became of its questions."""

    cases: dict[str, CaseState] = field(default_factory=dict)
    happenings: dict[str, Happening] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    decided: dict[str, str | None] = field(default_factory=dict)
    forgotten: int = 0
    asked_again: int = 0


class Reach(Protocol):
    """How tasks reach people."""

    def asked(self, course: Course, state: CaseState, task: TaskState) -> None:
        """A task came to be, or went to somebody else."""
        ...

    def told(self, course: Course, changed: Changed) -> None:
        """Rungs of a ladder fired."""
        ...

    @property
    def watches_the_clock(self) -> bool:
        """Whether ladders fire at all."""
        ...


class Course:
    """Moves the cases of one arm. ``ended`` is called with every case as it closes."""

    def __init__(self, office: Office, agenda: Agenda, ledger: Ledger, reach: Reach) -> None:
        self.office = office
        self.agenda = agenda
        self.ledger = ledger
        self.reach = reach
        self.record = Record()
        self.ended: list[Callable[[Happening, CaseState], None]] = []
        self._seen: set[tuple[object, ...]] = set()
        self._keys: dict[str, str] = {}
        self._states: dict[str, CaseState] = {}
        self._open: dict[str, CaseState] = {}
        self._looks: set[datetime] = set()

    def begin(self, happening: Happening) -> None:
        """Open the happening's case now."""
        state = self.ledger.open(happening)
        self._keys[state.case_id] = happening.key
        self.record.happenings[happening.key] = happening
        self.take(state)

    def key(self, state: CaseState) -> str:
        """The happening behind a case: the same in both arms."""
        return self._keys[state.case_id]

    def now_of(self, state: CaseState) -> CaseState:
        """The case as it stands by now."""
        return self._states[state.case_id]

    def task_key(self, state: CaseState, task: TaskState) -> tuple[object, ...]:
        """Names a task alike in both arms: happening, step, and the how-manieth of the step it is."""
        of_step = [one.task_id for one in state.tasks.values() if one.step_id == task.step_id]
        return self.key(state), task.step_id, of_step.index(task.task_id)

    def decide(self, state: CaseState, task: TaskState, person: str) -> None:
        """Let the person decide the task now, by the stated weights. Raises Refused where he may not."""
        template = self.ledger.template(state)
        question = question_of(template, task)
        key = self.key(state)
        visit = state.steps[task.step_id].visit
        offered = question.outcomes
        chosen = choose(self.office.assumed, self.office.draws, template.id, task.step_id, offered, visit, key)
        today = self.office.calendar.local_date(self.agenda.now())
        form = fill(self.office.assumed, self.office.draws, question.form, chosen, today, key, visit)
        after = self.ledger.decide(state, task, person, chosen, form)
        self.record.decided[task.task_id] = person
        self.take(after)

    def take(self, state: CaseState) -> None:
        """Note a case's new state, and put down everything that follows from it."""
        before = self._states.get(state.case_id)
        self._states[state.case_id] = self.record.cases[self.key(state)] = state
        if state.is_open:
            self._open[state.case_id] = state
        else:
            self._open.pop(state.case_id, None)
        for task in state.open_tasks:
            if self._first_time(task.task_id, task.version):
                self.reach.asked(self, state, task)
        for step in state.waiting_services:
            if self._first_time(state.case_id, step.step_id, step.visit, step.attempt):
                self._run_job(state, step)
        for wait in state.waits:
            if self._first_time(state.case_id, wait.step_id, wait.visit):
                self._wait_outside(state, wait)
        if state.status == "watching_effect" and self._first_time(state.case_id, "effect", state.effect_attempt):
            self._judge_later(state)
        if before is not None and before.is_open and not state.is_open:
            for listener in self.ended:
                listener(self.record.happenings[self.key(state)], state)
        self._watch_clock(state)

    def watch_absences(self, until: datetime) -> None:
        """Move tasks from people who are away, whenever a working day ends and another day's absences count."""
        calendar = self.office.calendar

        def look() -> None:
            day = calendar.local_date(calendar.next_working(self.agenda.now()))
            absent = self.office.directory.absent_on
            moved = [
                state
                for state in self._open.values()
                if any(task.assignee is None or absent(task.assignee, day) for task in state.open_tasks)
            ]
            if moved:
                for state in self.ledger.move_from_absent(moved):
                    self.take(state)
            if self.agenda.now() < until or self._open:
                self.agenda.at(self._tick(self._day_end()), look)

        self.agenda.at(self._tick(self._day_end()), look)

    def _day_end(self) -> datetime:
        calendar = self.office.calendar
        begins = calendar.next_working(self.agenda.now() + timedelta(seconds=1))
        midnight = datetime.combine(calendar.local_date(begins), datetime.min.time(), calendar.time_zone)
        worked = calendar.working_between(midnight, midnight + timedelta(days=1))
        ends = calendar.add_working(midnight, worked)
        return ends if ends > self.agenda.now() else calendar.add_working(ends, worked)

    def still_asks(self, state: CaseState, task: TaskState) -> bool:
        """Whether the task is open as it was put: to the same person, in the same version."""
        current = self.now_of(state).tasks[task.task_id]
        return current.status == "open" and current.version == task.version

    def _first_time(self, *what: object) -> bool:
        if what in self._seen:
            return False
        self._seen.add(what)
        return True

    def _run_job(self, state: CaseState, step: StepState) -> None:
        ready = self.agenda.now() + timedelta(minutes=self.office.assumed.platform.job_minutes.value)

        def finish() -> None:
            current = self.now_of(state)
            known = current.steps[step.step_id]
            if known.status == "active" and known.visit == step.visit:
                self.take(self.ledger.complete(current, known))

        self.agenda.at(ready, finish)

    def _wait_outside(self, state: CaseState, wait: StepState) -> None:
        """Whoever is waited for answers after a while, where the step takes an answer; else its time passes."""
        place = layout_of(self.ledger.template(state)).places[wait.step_id].node
        if not isinstance(place, WaitStep) or place.signal is None or wait.wake_at is None:
            return
        people = self.office.assumed.people
        share = self.office.draws.lognormal(
            people.wait_share.value, people.wait_sigma.value, "outside", self.key(state), wait.step_id, wait.visit
        )
        arrives = self.agenda.now() + (wait.wake_at - self.agenda.now()) * share
        if arrives >= wait.wake_at:
            return

        def signal() -> None:
            current = self.now_of(state)
            known = current.steps[wait.step_id]
            if known.status == "active" and known.visit == wait.visit:
                self.take(self.ledger.signal(current, known))

        self.agenda.at(arrives, signal)

    def _judge_later(self, state: CaseState) -> None:
        assert state.effect_due_at is not None
        company = self.office.assumed.company
        holds = self.office.draws.chance(company.effect_holds.value, "effect", self.key(state), state.reopened)

        def judge() -> None:
            self.take(
                self.ledger.judge(self.now_of(state), figure(company.figure_right if holds else company.figure_wrong))
            )

        self.agenda.at(state.effect_due_at, judge)

    def _watch_clock(self, state: CaseState) -> None:
        """Look at due timers when the next one is due, at the sensor's next look."""
        due = [state.next_timer_at, state.next_rung_at if self.reach.watches_the_clock else None]
        for instant in due:
            if instant is not None:
                at = self._tick(max(instant, self.agenda.now()))
                if at not in self._looks:
                    self._looks.add(at)
                    self.agenda.at(at, self._look_at_timers)

    def _look_at_timers(self) -> None:
        now = self.agenda.now()
        self._looks.discard(now)
        due = [
            state
            for state in self._open.values()
            if any(at is not None and at <= now for at in (state.next_rung_at, state.next_timer_at))
        ]
        for changed in self.ledger.timers(due) if due else ():
            self.take(changed.state)
            self.reach.told(self, changed)

    def _tick(self, instant: datetime) -> datetime:
        every = timedelta(seconds=self.office.assumed.platform.timer_every.value)
        return _EPOCH + -((_EPOCH - instant) // every) * every
