"""One command on one case in one transaction: lock, ask the engine, write what it answered, put the messages.

Belongs here: the transaction that all commands share. Does not belong here: which commands there are (service), what
may happen (engine), SQL (store), what messages say (slack.cards, outgoing).

Of two people who decide at the same moment one wins, and the other gets the engine's refusal that names the first: a
case's row is changed only where it still stands as the decision found it, and where it does not, the command is decided
again under the case's lock (``SELECT ... FOR UPDATE``, ``BEGIN IMMEDIATE`` on SQLite).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from resources.fault_points import fault_point, number_statements
from resources.ops_database import deciding, writing
from resources.people import Directory
from workflow_jobs import outgoing, outgoing_waits
from workflow_jobs.candidates import OpenWork, askable
from workflow_jobs.cases import UnknownTask, ancestors, moving, open_key, opening_of_child
from workflow_jobs.engine import clocks
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.children import waiting_for
from workflow_jobs.engine.decide import decide_and_fold
from workflow_jobs.engine.environment import Environment
from workflow_jobs.engine.forms import read_inputs
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.signals import wait_key
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import ProcessStep, Template
from workflow_jobs.outgoing_writer import Telling
from workflow_jobs.process_reader import ProcessReader
from workflow_jobs.store import case_rows, outbox_rows, template_rows
from workflow_jobs.store.prepared import Bound, run_all

logger = logging.getLogger(__name__)

# An open case that another transaction inserted between our look and our insert shows up as a unique violation once.
_MOST_TRIES = 3
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Change:
    """What one command did to one case."""

    before: CaseState | None
    after: CaseState
    events: tuple[e.Event, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a change writes: statements with their values. ``case`` is the one that tells whether it still may."""

    change: Change
    case: Bound
    events: Sequence[Bound]
    tasks: Sequence[Bound]
    messages: Sequence[Bound]


Find = Callable[[Connection, bool], CaseState]
"""Reads the case that a command is about; with True it takes the case's lock."""
Check = Callable[[Connection, CaseState, Template], None]
"""What has to hold besides what the engine asks; raises Refused."""


def _nothing(_connection: Connection, _state: CaseState, _template: Template) -> None:
    return None


class CaseTransactions(ProcessReader):
    """What the service's commands are made of."""

    def _transaction(self, name: str, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in one transaction, with fault points before each of its statements and around its commit."""
        for attempt in range(1, _MOST_TRIES + 1):
            try:
                with self._engine.begin() as connection:
                    number_statements(connection, f"service.{name}")
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

    def _on_case(self, name: str, case_id: str, command: c.Command, *, via: str, check: Check = _nothing) -> Change:
        def find(connection: Connection, locked: bool) -> CaseState:
            if locked:
                return self._locked(connection, case_id)
            return self._known(case_rows.read(connection, case_id), case_id)

        return self._take(name, find, command, via, check)

    def _on_task(self, name: str, task_id: str, command: c.Command, *, via: str, check: Check = _nothing) -> CaseState:
        def find(connection: Connection, locked: bool) -> CaseState:
            if locked:
                return self._of_task(connection, task_id)
            return _of_known_task(case_rows.read_by_task(connection, task_id), task_id)

        return self._take(name, find, command, via, check).after

    def _take(self, name: str, find: Find, command: c.Command, via: str, check: Check) -> Change:
        """Decide about the case as it stands, then write in one short transaction.

        While a command is decided and its messages are drawn, nobody waits: the case is locked by the statement that
        changes it, which does so only where the case stands as it was read. Where another command was faster, this one
        is decided once more under the lock. So is one on a case that opened others or was opened by one, whose
        commands may write to all of them.
        """
        directory = self._directory()
        with deciding(self._engine) as connection:
            number_statements(connection, f"service.{name}")
            state = find(connection, False)
            template, now = self._template_of(connection, state), self._clock.now()
            if not _has_relatives(state):
                check(connection, state, template)
                change = self._decided(connection, state, command, template, directory, now)
                if not change.events:
                    return change
                if not _has_relatives(change.after):
                    plan = self._planned(connection, change, template, directory, now, via)
                    if self._written(name, connection, plan):
                        return change

        def work(connection: Connection) -> Change:
            state = find(connection, True)
            template = self._template_of(connection, state)
            check(connection, state, template)
            return self._apply(connection, state, command, template, directory, self._clock.now(), via)

        return self._transaction(name, work)

    def _written(self, name: str, connection: Connection, plan: Plan) -> bool:
        """Write what was planned, in one transaction; False, with nothing written, where another command was faster."""
        try:
            with writing(connection):
                self._carry_out(connection, plan)
                fault_point(f"service.{name}.before_commit")
        except (case_rows.LostUpdate, sa.exc.IntegrityError) as faster:
            logger.info("%s: %s; deciding once more", name, faster)
            return False
        fault_point(f"service.{name}.after_commit")
        return True

    def _apply(
        self,
        connection: Connection,
        before: CaseState | None,
        command: c.Command,
        template: Template,
        directory: Directory,
        now: datetime,
        via: str,
    ) -> Change:
        change = self._decided(connection, before, command, template, directory, now)
        if not change.events:
            return change
        return self._write(connection, change, template, directory, now, via)

    def _decided(
        self,
        connection: Connection,
        before: CaseState | None,
        command: c.Command,
        template: Template,
        directory: Directory,
        now: datetime,
    ) -> Change:
        data = before.data if before is not None else getattr(command, "data", {})
        environment = self._environment(connection, template, data, directory)
        events, after = decide_and_fold(before, command, now, environment)
        return Change(before, after, events)

    def _environment(
        self, connection: Connection, template: Template, data: Mapping[str, Any], directory: Directory
    ) -> Environment:
        """The company as it is now, to be used while the connection is open: open work is counted where it matters."""
        loads = OpenWork(lambda: case_rows.open_loads(connection, askable(template, data, directory)))
        return self._company(template, directory, loads)

    def _write(
        self,
        connection: Connection,
        change: Change,
        template: Template,
        directory: Directory,
        now: datetime,
        via: str,
    ) -> Change:
        """Write what a command changed, with the messages that follow from it; ``template`` is that of the case now."""
        if change.before is None:
            self._keep_children(connection, template, now)
        self._carry_out(connection, self._planned(connection, change, template, directory, now, via))
        if _has_relatives(change.after):
            return self._with_relatives(connection, change, directory, now, via)
        return change

    def _planned(
        self,
        connection: Connection,
        change: Change,
        template: Template,
        directory: Directory,
        now: datetime,
        via: str,
    ) -> Plan:
        """What is to be written for a change, with every message drawn and every value bound; writes nothing."""
        before, after, events, dialect = change.before, change.after, change.events, connection.dialect
        derived = {task.task_id: self._derived(task, now) for task in case_rows.changed_tasks(before, after)}
        minutes = None
        if after.closed_at is not None:
            minutes = self._minutes(after.opened_at, after.closed_at, after.calendar)
        telling = Telling(
            template=template,
            people=directory,
            context=self._context(directory, after.metric),
            address=lambda person_id: directory.person(person_id).address(self._pack) if person_id in directory else "",
            channel=self._channel,
            today=self._calendar.local_date(now),
            working_minutes=lambda task: self._derived(task, now).working_minutes,
            via=via,
            zone_of=lambda person_id: self._zone_of(directory, person_id),
            language_of=directory.language_of,
        )
        notices = self._notice_cards(connection, change, template)
        fired = case_rows.rungs_before(connection, before, events)
        messages = outgoing.messages(before, after, events, telling, notices, fired)
        key = open_key(after.rule_id, after.subject_id)
        return Plan(
            change=change,
            case=case_rows.case_statement(dialect, before, after, key, now, minutes),
            events=case_rows.event_statements(dialect, events, via),
            tasks=[
                *case_rows.task_statements(dialect, before, after, derived),
                *case_rows.service_statements(dialect, before, events, after),
            ],
            messages=outbox_rows.message_statements(dialect, after.case_id, messages, now),
        )

    def _carry_out(self, connection: Connection, plan: Plan) -> None:
        """Write what was planned. Raises LostUpdate, before anything is written, where the case moved on meanwhile."""
        case_rows.write_case(connection, plan.case, plan.change.after)
        fault_point("service.write.after_case")
        run_all(connection, [*plan.events, *plan.tasks, *plan.messages])
        fault_point("service.write.after_messages")

    def _with_relatives(
        self, connection: Connection, change: Change, directory: Directory, now: datetime, via: str
    ) -> Change:
        """Carry a change into the cases that belong to it: open those that it asks for, take back those that nobody
        waits for any more, and tell its parent that it ended. A root is locked before what it opened (`_locked`).
        """
        before, after = change.before, change.after
        for event in change.events:
            if isinstance(event, e.ChildRequested):
                if waiting_for(self._locked(connection, after.case_id), event.child_case_id) is None:
                    continue  # the case went on without it within this very command
                child = self._child_version(connection, event, after)
                if isinstance(child, str):
                    # Who asked for it decided rightly: what is to be done about the other case is asked in its step.
                    parent = self._locked(connection, after.case_id)
                    refuse = c.RefuseChild(child_case_id=event.child_case_id, reason=child)
                    self._apply(connection, parent, refuse, self._template_of(connection, parent), directory, now, via)
                    continue
                case_rows.keep_template(connection, child.hash, child.id, child.text, now)
                opening = moving(opening_of_child(after, event), child, self._figures)
                self._apply(connection, None, opening, child, directory, now, via)
            elif isinstance(event, e.StepCancelled) and before is not None:
                known = before.steps.get(event.step_id)
                if known is not None and known.status == "active" and known.child_case_id is not None:
                    self._end_with_parent(connection, known.child_case_id, after, event.reason, directory, now)
            elif isinstance(event, e.CaseClosed) and after.parent_case_id is not None:
                self._end_child(connection, after, directory, now, via)
        return Change(before, self._locked(connection, after.case_id), change.events)

    def _keep_children(self, connection: Connection, template: Template, now: datetime) -> None:
        """Store the versions of what a new case may open: they take what it passes, later ones may not."""
        seen, waiting = {template.id}, [template]
        while waiting:
            for step in layout_of(waiting.pop()).steps():
                if not isinstance(step, ProcessStep) or step.template in seen:
                    continue
                seen.add(step.template)
                with contextlib.suppress(LookupError):  # the linter names templates that do not exist
                    child = self._in_force(connection, step.template)
                    case_rows.keep_template(connection, child.hash, child.id, child.text, now)
                    waiting.append(child)

    def _child_version(self, connection: Connection, asked: e.ChildRequested, parent: CaseState) -> Template | str:
        """The version with which a process step's case opens: the one in force, else the newest stored one that takes
        what the step passes; where no version does, the sentence that says why.

        The linter lets no circle of processes be; versions that were put in force one by one may make one.
        """
        above = [self._known(case_rows.read(connection, one), one).template_id for one in ancestors(parent.case_id)]
        circle = [*above, parent.template_id, asked.template_id]
        if asked.template_id in circle[:-1]:
            return (
                f"These processes open each other for ever: {' > '.join(circle[circle.index(asked.template_id) :])}. "
                "Put versions in force that end the circle."
            )
        refusal: Refused | None = None
        for template in self._versions_for(connection, asked.template_id):
            try:
                read_inputs(template.inputs, asked.data)
            except Refused as refused:
                refusal = refusal or refused
            else:
                return template
        if refusal is None:
            return f"There is no process {asked.template_id!r}. Add it, or move this case to another version."
        return (
            f"The process {asked.template_id!r} cannot be opened from here. {refusal.sentence} Put a version in force "
            "that takes what this case passes, or move this case to another version."
        )

    def _versions_for(self, connection: Connection, template_id: str) -> Iterator[Template]:
        with contextlib.suppress(LookupError):  # its file was removed: cases that run still know it
            yield self._in_force(connection, template_id)
        for stored in reversed(template_rows.stored_versions(connection, template_id)):
            yield self._stored(connection, template_id, stored.hash)

    def _end_with_parent(
        self,
        connection: Connection,
        case_id: str,
        parent: CaseState,
        reason: str,
        directory: Directory,
        now: datetime,
    ) -> None:
        child = case_rows.lock(connection, case_id)
        if child is not None and child.is_open:
            command = c.EndWithParent(parent_case_id=parent.case_id, reason=f"{parent.case_id}: {reason}")
            self._apply(connection, child, command, self._template_of(connection, child), directory, now, "parent")

    def _end_child(
        self, connection: Connection, child: CaseState, directory: Directory, now: datetime, via: str
    ) -> None:
        assert child.parent_case_id is not None
        parent = self._known(case_rows.lock(connection, child.parent_case_id), child.parent_case_id)
        if waiting_for(parent, child.case_id) is None:
            return  # the parent ended or went on without it, or the child was reopened and ended again
        command = c.EndChild(child_case_id=child.case_id, outcome=child.outcome or "", data=child.data)
        self._apply(connection, parent, command, self._template_of(connection, parent), directory, now, via)

    def _notice_cards(self, connection: Connection, change: Change, template: Template) -> dict[str, Sequence[str]]:
        """Card keys of the escalation notices of tasks that end now and had gone up the ladder, of what was said about
        the rungs of tasks that climb now, of the messages to whom the case concerns, and of those about waits that are
        over or were moved.
        """
        before = change.before
        if before is None:
            return {}
        prefixes: dict[str, str] = {}
        if template.tells is not None:
            prefixes[before.case_id] = outgoing.told_prefix(before.case_id)
        for event in change.events:
            if isinstance(event, (e.TaskDecided, e.TaskCancelled)):
                task = before.tasks.get(event.task_id)
                if task is not None and task.rung_index > 0:
                    prefixes[event.task_id] = outgoing.notice_prefix(event.task_id)
            elif isinstance(event, (e.RungFired, e.CaseRungFired)):
                of = event.task_id if isinstance(event, e.RungFired) else before.case_id
                for prefix in (outgoing.ladder_prefix(of), outgoing.notice_prefix(of)):
                    prefixes[prefix] = prefix
        changed = (*outgoing_waits.ended(before, change.after), *outgoing_waits.moved(before, change.after))
        for step in changed:
            prefix = outgoing_waits.card_prefix(before.case_id, wait_key(step))
            prefixes[prefix] = prefix
        return {of: outbox_rows.card_keys(connection, before.case_id, prefix) for of, prefix in prefixes.items()}

    def _derived(self, task: TaskState, now: datetime) -> case_rows.Derived:
        ended = task.decided_at or task.closed_at
        minutes = None
        if task.decided_at is not None:
            # What a task rested is nobody's working time.
            minutes = max(0, self._minutes(task.created_at, task.decided_at, task.calendar) - task.paused_seconds // 60)
        late = now >= task.due_at if ended is None else ended > task.due_at
        until = clocks.claim_until(task, self.calendar(task.calendar)) if task.pooled else None
        return case_rows.Derived(working_minutes=minutes, breached=late, claim_until=until)

    def _minutes(self, start: datetime, end: datetime, calendar: str) -> int:
        return int(self.calendar(calendar).working_between(start, max(start, end)).total_seconds() // 60)

    def _locked(self, connection: Connection, case_id: str) -> CaseState:
        """The case, locked; those that opened it are locked first, so that related cases never wait for each other."""
        for ancestor in ancestors(case_id):
            case_rows.lock(connection, ancestor)
        return self._known(case_rows.lock(connection, case_id), case_id)

    def _of_task(self, connection: Connection, task_id: str) -> CaseState:
        for ancestor in ancestors(task_id.partition(".")[0]):
            case_rows.lock(connection, ancestor)
        return _of_known_task(case_rows.lock_by_task(connection, task_id), task_id)


def _of_known_task(state: CaseState | None, task_id: str) -> CaseState:
    if state is None:
        raise UnknownTask(f"there is no task {task_id!r}")
    return state


def _has_relatives(state: CaseState) -> bool:
    """Whether the case opened others, or was opened by one."""
    return state.parent_case_id is not None or bool(state.children)
