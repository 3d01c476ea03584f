"""The process service: one command, one transaction, its events, tasks and messages committed together.

Belongs here: locking the case, asking the engine, writing what it answered. Does not belong here: what may happen
(engine), SQL (store), what messages say (slack_messages, outgoing), sending them (outbox).

Every changing call locks its case first (``SELECT ... FOR UPDATE``, ``BEGIN IMMEDIATE`` on SQLite), so of two
people who decide at the same moment one wins, and the other gets the engine's refusal that names the first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from resources.fault_points import fault_point
from resources.ops_database import reading
from resources.people import Directory
from workflow_jobs import outgoing
from workflow_jobs.candidates import askable
from workflow_jobs.cases import (
    DecisionResult,
    OpenRequest,
    OpenResult,
    UnknownTask,
    dismissed,
    open_key,
)
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.decide import decide
from workflow_jobs.engine.environment import Environment
from workflow_jobs.engine.evolve import fold
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Template
from workflow_jobs.engine.values import Number
from workflow_jobs.process_reader import ProcessReader
from workflow_jobs.store import case_rows, outbox_rows
from workflow_jobs.store import reading as rows

logger = logging.getLogger(__name__)

CASE_NUMBER = "case"
# An open case that another transaction inserted between our look and our insert shows up as a unique violation once.
_MOST_TRIES = 3
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Change:
    """What one command did to one case."""

    before: CaseState | None
    after: CaseState
    events: tuple[e.Event, ...]


class ProcessService(ProcessReader):
    """Opens and moves cases. Built like :class:`ProcessReader`.

    Refusals of the engine pass through as :class:`~workflow_jobs.engine.refusal.Refused`.
    """

    # --- commands -----------------------------------------------------------------------------------------------

    def open_case(self, request: OpenRequest, *, via: str = "sensor") -> OpenResult:
        """Open a case, or add the breach to the case that has the same rule and subject and is not judged yet.

        The same snapshot again changes nothing, and what people dismissed comes back only when it got worse. Raises
        LookupError for an unknown template, Refused for wrong inputs.
        """
        template = self._templates.get(request.template_id)
        directory = self._directory()

        def work(connection: Connection) -> OpenResult:
            now = self._clock.now()
            found = case_rows.lock_by_open_key(connection, request.open_key)
            if found is not None:
                breach = c.RecordBreach(observed=request.observed, snapshot_id=request.snapshot_id)
                self._apply(connection, found, breach, self._template_of(connection, found), directory, now, via)
                return OpenResult(found.case_id, created=False)
            last = rows.last_case(connection, request.rule_id, request.subject_id)
            if last is not None and dismissed(last, request):
                return OpenResult(last.case_id, created=False)
            case_rows.keep_template(connection, template.hash, template.id, template.text, now)
            case_id = f"C-{case_rows.next_number(connection, CASE_NUMBER):06d}"
            as_of = {} if request.as_of is None else {"as_of": request.as_of.isoformat()}
            command = c.OpenCase(
                case_id=case_id,
                rule_id=request.rule_id,
                subject_kind=request.subject_kind,
                subject_id=request.subject_id,
                subject_label=request.subject_label,
                metric=request.metric,
                direction=request.direction,
                observed=request.observed,
                threshold=request.threshold,
                snapshot_id=request.snapshot_id,
                requested_by=request.requested_by,
                priority=request.priority,
                data={**as_of, **request.data},
            )
            self._apply(connection, None, command, template, directory, now, via)
            return OpenResult(case_id, created=True)

        return self._transaction("open_case", work)

    def decide_task(
        self,
        task_id: str,
        version: int,
        person_id: str,
        outcome: str,
        form: Mapping[str, Any] | None = None,
        via: str = "api",
    ) -> DecisionResult:
        """Take a person's decision. ``version`` is that of the card which the person saw; ``form`` is what he typed."""
        directory = self._directory()
        command = c.DecideTask(
            task_id=task_id, task_version=version, person_id=person_id, outcome=outcome, form=dict(form or {})
        )

        def work(connection: Connection) -> DecisionResult:
            state = self._of_task(connection, task_id)
            template = self._template_of(connection, state)
            after = self._apply(connection, state, command, template, directory, self._clock.now(), via).after
            task = after.tasks[task_id]
            return DecisionResult(after.case_id, task_id, task.step_id, task.outcome or outcome, after, task)

        return self._transaction("decide_task", work)

    def acknowledge(self, task_id: str, person_id: str, via: str = "api") -> CaseState:
        """Note that a person has seen the task; the clock runs on."""
        directory = self._directory()

        def work(connection: Connection) -> CaseState:
            state = self._of_task(connection, task_id)
            template = self._template_of(connection, state)
            command = c.Acknowledge(task_id=task_id, person_id=person_id)
            return self._apply(connection, state, command, template, directory, self._clock.now(), via).after

        return self._transaction("acknowledge", work)

    def complete_service(
        self,
        case_id: str,
        step_id: str,
        run_id: str,
        result: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
    ) -> CaseState:
        """Take the result (plain JSON) of a service step's job. Refused where the step waits for none (any more)."""
        command = c.CompleteService(
            step_id=step_id, run_id=run_id, result=dict(result), idempotency_key=idempotency_key
        )
        return self._on_case("complete_service", case_id, command, via="job").after

    def fail_service(
        self,
        case_id: str,
        step_id: str,
        run_id: str,
        error: str,
        *,
        final: bool = False,
        attempt: int | None = None,
        idempotency_key: str | None = None,
    ) -> CaseState:
        """Note that a job failed; it is requested again, or a person is asked once its attempts are used up."""
        command = c.FailService(
            step_id=step_id,
            run_id=run_id,
            error=error,
            final=final,
            attempt=attempt,
            idempotency_key=idempotency_key,
        )
        return self._on_case("fail_service", case_id, command, via="job").after

    def resolve_incident(self, rule_id: str, subject_id: str = "", *, snapshot_id: str = "") -> str | None:
        """Close the open case of a rule and subject because its cause is gone; its id, or None if there is none."""
        directory = self._directory()

        def work(connection: Connection) -> str | None:
            state = case_rows.lock_by_open_key(connection, open_key(rule_id, subject_id))
            if state is None:
                return None
            template = self._template_of(connection, state)
            command = c.ResolveIncident(snapshot_id=snapshot_id)
            self._apply(connection, state, command, template, directory, self._clock.now(), "sensor")
            return state.case_id

        return self._transaction("resolve_incident", work)

    def judge_effect(self, case_id: str, observed: Number | None, snapshot_id: str) -> CaseState:
        """Judge a closed case by its metric's figure after the effect window (raw figure; None where there is none)."""
        directory = self._directory()

        def work(connection: Connection) -> CaseState:
            state = self._locked(connection, case_id)
            command = c.JudgeEffect(observed=observed, snapshot_id=snapshot_id)
            template = self._template_of(connection, state)
            return self._apply(connection, state, command, template, directory, self._clock.now(), "sensor").after

        return self._transaction("judge_effect", work)

    def fire_due_rungs(self, limit: int = 100) -> int:
        """Fire every timer that is due: rungs of the escalation ladder and service attempts whose time is over.

        One transaction a case; returns how many rungs fired and attempts timed out. A case that fails is logged and
        does not stop the others; the failures are raised together at the end.
        """
        now = self._clock.now()
        with reading(self._engine) as connection:
            ladders = case_rows.cases_with_due_rungs(connection, now, limit)
            services = case_rows.cases_with_late_services(connection, now, limit)
        jobs: list[tuple[str, c.Command]] = [(case_id, c.FireRungs()) for case_id in ladders]
        jobs += [(case_id, c.TimeOutServices()) for case_id in services]
        events = self._on_each("fire_due_rungs", jobs)
        return sum(isinstance(event, (e.RungFired, e.ServiceFailed)) for event in events)

    def reassign_absent(self) -> int:
        """Ask somebody else wherever the assignee of an open task is away, or nobody could be asked; how many moved."""
        directory = self._directory()
        day = self._calendar.local_date(self._calendar.next_working(self._clock.now()))
        with reading(self._engine) as connection:
            asked = case_rows.open_assignees(connection)
            away = [person for person in asked if person is not None and directory.absent_on(person, day)]
            cases = (
                case_rows.cases_of_assignees(connection, away, unassigned=None in asked)
                if away or None in asked
                else []
            )
        events = self._on_each("reassign_absent", [(case_id, c.ReassignAbsent()) for case_id in cases])
        return sum(isinstance(event, e.TaskReassigned) for event in events)

    # --- machinery ----------------------------------------------------------------------------------------------

    def _transaction(self, name: str, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in one transaction, with fault points around its commit."""
        for attempt in range(1, _MOST_TRIES + 1):
            try:
                with self._engine.begin() as connection:
                    result = work(connection)
                    fault_point(f"service.{name}.before_commit")
            except sa.exc.IntegrityError:
                if attempt == _MOST_TRIES:
                    raise
                logger.info("%s met a row that another transaction had just inserted; looking again", name)
                continue
            fault_point(f"service.{name}.after_commit")
            return result
        raise AssertionError("unreachable")

    def _on_case(self, name: str, case_id: str, command: c.Command, *, via: str) -> _Change:
        directory = self._directory()

        def work(connection: Connection) -> _Change:
            state = self._locked(connection, case_id)
            template = self._template_of(connection, state)
            return self._apply(connection, state, command, template, directory, self._clock.now(), via)

        return self._transaction(name, work)

    def _on_each(self, name: str, jobs: Iterable[tuple[str, c.Command]]) -> list[e.Event]:
        events: list[e.Event] = []
        failures: list[Exception] = []
        for case_id, command in jobs:
            try:
                events.extend(self._on_case(name, case_id, command, via="timer").events)
            except Exception as error:
                logger.exception("%s failed for case %s", name, case_id)
                error.add_note(f"case {case_id}")
                failures.append(error)
        if failures:
            raise ExceptionGroup(f"{name} failed for {len(failures)} case(s)", failures)
        return events

    def _apply(
        self,
        connection: Connection,
        before: CaseState | None,
        command: c.Command,
        template: Template,
        directory: Directory,
        now: datetime,
        via: str,
    ) -> _Change:
        people = askable(template, before.data if before is not None else getattr(command, "data", {}), directory)
        environment = Environment(
            template=template,
            calendar=self._calendar,
            directory=directory,
            loads=case_rows.open_loads(connection, people),
        )
        events = decide(before, command, now, environment)
        if not events:
            assert before is not None
            return _Change(before, before, ())
        after = fold(before, events)
        key = open_key(after.rule_id, after.subject_id)
        derived = {task.task_id: self._derived(task, now) for task in case_rows.changed_tasks(before, after)}
        minutes = None if after.closed_at is None else self._minutes(after.opened_at, after.closed_at)
        case_rows.write_case(connection, before, after, key, now, minutes)
        fault_point("service.write.after_case")
        case_rows.write_events(connection, events, via)
        fault_point("service.write.after_events")
        case_rows.write_tasks(connection, before, after, derived)
        case_rows.write_service_steps(connection, events, after)
        fault_point("service.write.after_tasks")
        telling = outgoing.Telling(
            template=template,
            people=directory,
            context=self._context(directory, after.metric),
            address=lambda person_id: directory.person(person_id).address(self._pack) if person_id in directory else "",
            channel=self._channel,
            today=self._calendar.local_date(now),
            working_minutes=lambda task: self._derived(task, now).working_minutes,
        )
        notices = self._notice_cards(connection, before, events)
        outbox_rows.put(connection, after.case_id, outgoing.messages(before, after, events, telling, notices), now)
        return _Change(before, after, events)

    def _notice_cards(
        self, connection: Connection, before: CaseState | None, events: Sequence[e.Event]
    ) -> dict[str, Sequence[str]]:
        """Card keys of the escalation notices of tasks that end now and had gone up the ladder."""
        found: dict[str, Sequence[str]] = {}
        for event in events:
            if before is not None and isinstance(event, (e.TaskDecided, e.TaskCancelled)):
                task = before.tasks.get(event.task_id)
                if task is not None and task.rung_index > 0:
                    prefix = outgoing.notice_prefix(event.task_id)
                    found[event.task_id] = outbox_rows.card_keys(connection, before.case_id, prefix)
        return found

    def _derived(self, task: TaskState, now: datetime) -> case_rows.Derived:
        ended = task.decided_at or task.closed_at
        minutes = None if task.decided_at is None else self._minutes(task.created_at, task.decided_at)
        late = now >= task.due_at if ended is None else ended > task.due_at
        return case_rows.Derived(working_minutes=minutes, breached=late)

    def _minutes(self, start: datetime, end: datetime) -> int:
        return int(self._calendar.working_between(start, max(start, end)).total_seconds() // 60)

    def _locked(self, connection: Connection, case_id: str) -> CaseState:
        return self._known(case_rows.lock(connection, case_id), case_id)

    def _of_task(self, connection: Connection, task_id: str) -> CaseState:
        state = case_rows.lock_by_task(connection, task_id)
        if state is None:
            raise UnknownTask(f"there is no task {task_id!r}")
        return state
