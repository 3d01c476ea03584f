"""The process service: one command, one transaction, its events, tasks and messages committed together.

Belongs here: the commands that people, sensors and jobs may give. Does not belong here: what is done because time
passes (timekeeping), the transaction that they share (case_transactions), what may happen (engine), SQL (store), what
messages say (slack.cards, outgoing), sending them (outbox).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy.engine import Connection

from resources.ops_database import reading
from workflow_jobs.cases import (
    DecisionResult,
    OpenRequest,
    OpenResult,
    dismissed,
    may_open,
    moving,
    news,
    open_key,
)
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.decide import reopenable
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.template import Template
from workflow_jobs.engine.values import Number
from workflow_jobs.evidence import require_files
from workflow_jobs.people_commands import PeopleCommands
from workflow_jobs.sightings import Sightings
from workflow_jobs.store import case_rows
from workflow_jobs.timekeeping import Timekeeping
from workflow_jobs.wait_commands import WaitCommands

CASE_NUMBER = "case"


class ProcessService(PeopleCommands, WaitCommands, Timekeeping, Sightings):
    """Opens and moves cases. Built like :class:`ProcessReader`.

    Refusals of the engine pass through as :class:`~workflow_jobs.engine.refusal.Refused`.
    """

    def open_case(self, request: OpenRequest, *, via: str = "sensor") -> OpenResult:
        """Open a case, or add the breach to the case that has the same rule and subject and is not judged yet.

        The same snapshot again changes nothing, and what people dismissed comes back only when it got worse. A case
        that closed by itself not longer ago than its template states (``reopens_within``) is opened again instead.
        Raises LookupError for an unknown template, Refused for wrong inputs.
        """
        directory = self._directory()
        if request.metric:
            # The first look at a publication opens it, which takes a while: not when others wait for the transaction.
            self._figures(request.metric)

        def work(connection: Connection) -> OpenResult:
            now = self._clock.now()
            template = self._in_force(connection, request.template_id)
            found = case_rows.lock_by_open_key(connection, request.open_key)
            if found is None:
                last = case_rows.read_last(connection, request.rule_id, request.subject_id)
                if last is not None and dismissed(last, request):
                    return OpenResult(last.case_id, created=False)
                if last is not None and reopenable(last, self._template_of(connection, last), now):
                    # Locked and read again: another transaction may have opened it since.
                    found = self._locked(connection, last.case_id)
            if found is not None:
                pinned = self._template_of(connection, found)
                command = c.RecordBreach if found.holds_key else c.ReopenIncident
                again = command(
                    observed=request.observed,
                    snapshot_id=request.snapshot_id,
                    times=request.times,
                    data=news(request, pinned),
                )
                self._apply(connection, found, again, pinned, directory, now, via)
                return OpenResult(found.case_id, created=False, reopened=not found.holds_key)
            case_rows.keep_template(connection, template.hash, template.id, template.text, now)
            case_id = f"C-{case_rows.next_number(connection, CASE_NUMBER):06d}"
            opening = request.opening(case_id)
            self._apply(connection, None, moving(opening, template, self._figures), template, directory, now, via)
            return OpenResult(case_id, created=True)

        return self._transaction("open_case", work)

    def open_by_person(self, request: OpenRequest, *, via: str = "api") -> OpenResult:
        """Open a case because ``requested_by`` asks for it, where the template lets people, and him, do so."""
        template, person = self.template_in_force(request.template_id), request.requested_by or ""
        if not may_open(template, self._directory().roles_of(person)):
            roles, let = ", ".join(template.requesters), "people" in template.opened_by
            who = f"it takes one of the roles {roles}" if let else "people do not open it"
            who_zh = f"须为以下角色之一：{roles}" if let else "该流程不由个人发起"
            raise Refused(
                "may_not_open",
                f"You may not open the process {template.title.en}: {who}.",
                f"您不可发起流程“{template.title.zh}”：{who_zh}。",
            )
        return self.open_case(request, via=via)

    def opens_a_case(self, request: OpenRequest) -> bool:
        """Whether :meth:`open_case` would begin a case now: none is open, and people did not dismiss this very breach.

        For evidence that takes time to gather; another process may open the case in between.
        """
        with reading(self._engine) as connection:
            if case_rows.has_open_key(connection, request.open_key):
                return False
            last = case_rows.read_last(connection, request.rule_id, request.subject_id)
            return last is None or not dismissed(last, request)

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
        command = c.DecideTask(
            task_id=task_id, task_version=version, person_id=person_id, outcome=outcome, form=dict(form or {})
        )

        def check(connection: Connection, state: CaseState, template: Template) -> None:
            require_files(connection, state.case_id, question_of(template, state.tasks[task_id]).form, command.form)

        after = self._on_task("decide_task", task_id, command, via=via, check=check)
        task = after.tasks[task_id]
        return DecisionResult(after.case_id, task_id, task.step_id, task.outcome or outcome, after, task)

    def require_decidable(
        self, task_id: str, version: int, person_id: str, outcome: str, form: Mapping[str, Any]
    ) -> None:
        """Raises what :meth:`decide_task` would raise, and changes nothing: to be asked before files are taken in.

        Files of ``form`` may be named by any ids, for the case does not have them yet.
        """
        directory = self._directory()
        command = c.DecideTask(
            task_id=task_id, task_version=version, person_id=person_id, outcome=outcome, form=dict(form)
        )
        with reading(self._engine) as connection:
            state, template = self._read_case_of_task(connection, task_id)
            self._decided(connection, state, command, template, directory, self._clock.now())

    def acknowledge(self, task_id: str, person_id: str, via: str = "api") -> CaseState:
        """Note that a person has seen the task; the clock runs on."""
        command = c.Acknowledge(task_id=task_id, person_id=person_id)
        return self._on_task("acknowledge", task_id, command, via=via)

    def snooze(
        self, task_id: str, version: int, person_id: str, until: datetime, reason: str, via: str = "api"
    ) -> CaseState:
        """Let a task rest until ``until`` (aware); its SLA clock waits, and goes on by itself then."""
        command = c.SnoozeTask(task_id=task_id, task_version=version, person_id=person_id, until=until, reason=reason)
        return self._on_task("snooze", task_id, command, via=via)

    def pause(
        self,
        task_id: str,
        version: int,
        person_id: str,
        reason_id: str,
        until: datetime | None = None,
        comment: str = "",
        via: str = "api",
    ) -> CaseState:
        """Stop a task's clock for a reason that its step states, until then (aware; None: as long as it allows)."""
        command = c.PauseTask(
            task_id=task_id,
            task_version=version,
            person_id=person_id,
            reason_id=reason_id,
            until=until,
            comment=comment,
        )
        return self._on_task("pause", task_id, command, via=via)

    def wake(self, task_id: str, person_id: str, via: str = "api") -> CaseState:
        """End a task's rest before its time."""
        return self._on_task("wake", task_id, c.WakeTask(task_id=task_id, person_id=person_id), via=via)

    def assign(
        self, task_id: str, version: int, person_id: str, to: str, reason: str = "", via: str = "api"
    ) -> CaseState:
        """Hand a task to another person who may decide it; the clock runs on."""
        command = c.AssignTask(task_id=task_id, task_version=version, person_id=person_id, to=to, reason=reason)
        return self._on_task("assign", task_id, command, via=via)

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

    def withdraw_case(self, case_id: str, person_id: str, reason: str, via: str = "api") -> CaseState:
        """Take an open case back, with what it opened. Who asked for it may, or who answers for its process."""
        return self._on_case(
            "withdraw_case", case_id, c.WithdrawCase(person_id=person_id, reason=reason), via=via
        ).after

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

    def join_incident(self, case_id: str, into: str) -> CaseState | None:
        """Close an open incident as a symptom of the incident ``into``; None if it is closed already."""
        try:
            return self._on_case("join_incident", case_id, c.JoinIncident(into=into), via="sensor").after
        except Refused as refused:
            if refused.code != "case_closed":
                raise
            return None

    def judge_effect(
        self, case_id: str, observed: Number | None, snapshot_id: str, as_of: date | None = None
    ) -> CaseState:
        """Judge a closed case by its metric's figure after the effect window (raw figure; None where there is none).

        ``as_of`` is the day up to which the figure counts, None where nobody says.
        """
        command = c.JudgeEffect(observed=observed, snapshot_id=snapshot_id, as_of=as_of)
        return self._on_case("judge_effect", case_id, command, via="sensor").after
