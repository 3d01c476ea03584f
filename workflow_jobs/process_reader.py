"""Questions to the process: cases, tasks, what is due, and the modal for a form. Writes nothing and locks nothing.

Does not belong here: commands (service) and the lists' SQL (store.reading).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import tzinfo
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy.engine import Connection, Engine

from resources.clock import Clock
from resources.ops_database import reading
from resources.people import Directory
from workflow_jobs.case_board import BoardColumn, BoardFilter, BoardPlace, CaseMessage
from workflow_jobs.cases import (
    CaseSummary,
    ServiceOutcome,
    ServiceStep,
    TaskSummary,
    UnknownCase,
    UnknownTask,
)
from workflow_jobs.engine import asking
from workflow_jobs.engine import events as e
from workflow_jobs.engine.environment import Environment
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.shared_refusals import decided_already, stale_task, task_withdrawn
from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.task_actions import actions_of, current_task
from workflow_jobs.engine.template import Template, load_template, template_hash
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.evidence import EvidenceFile, files_of
from workflow_jobs.slack import modals, task_buttons
from workflow_jobs.slack.button_seal import Seal, unsealed
from workflow_jobs.slack.wording import CardContext, MetricFigure
from workflow_jobs.store import board_rows, case_rows, template_rows
from workflow_jobs.store import reading as rows
from workflow_jobs.store.due_rows import START, Place

_Found = TypeVar("_Found")
# So many values are bound in one statement.
_AT_ONCE: Final = 500


class Templates(Protocol):
    """Where new cases get their template from; raises LookupError for an id that it does not have."""

    def get(self, template_id: str) -> Template: ...


class ProcessReader:
    """Reads cases and tasks.

    ``directory`` gives the people as they are now; ``calendar`` is the default one, ``calendars`` are those with a
    name; ``pack`` names the source pack, for addresses of people who have no e-mail; ``channel`` takes what concerns no
    single person; ``language`` is en or zh; ``figures`` gives a metric's label and unit, where they are known;
    ``address`` is that of the gateway's pages, for links on cards; ``seal`` makes the nonces of buttons. Unknown ids
    raise UnknownCase or UnknownTask.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Clock,
        templates: Templates,
        directory: Callable[[], Directory],
        calendar: WorkingCalendar,
        calendars: Mapping[str, WorkingCalendar] | None = None,
        pack: str = "trueloop",
        channel: str = "trueloop",
        language: str = "en",
        figures: Callable[[str], MetricFigure | None] = lambda _metric: None,
        address: str = "",
        seal: Seal = unsealed,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._templates = templates
        self._directory = directory
        self._calendar = calendar
        self._calendars = dict(calendars or {})
        self._pack = pack
        self._channel = channel
        self._language = language
        self._figures = figures
        self._address = address
        self.seal = seal
        self._pinned: dict[str, Template] = {}

    def directory(self) -> Directory:
        """The people as they are now."""
        return self._directory()

    def case(self, case_id: str) -> CaseState:
        """The case as it stands."""
        with reading(self._engine) as connection:
            return self._known(case_rows.read(connection, case_id), case_id)

    def summary(self, case_id: str) -> CaseSummary:
        """The case as lists show it."""
        with reading(self._engine) as connection:
            return self._known(rows.case_summary(connection, case_id), case_id)

    def cases(
        self,
        status: str | None = None,
        template: str | None = None,
        *,
        subject_id: str | None = None,
        limit: int = 200,
        offset: int = 0,
    ) -> list[CaseSummary]:
        """Cases, newest first; ``offset`` leaves out as many."""
        of = {"status": status, "template_id": template, "subject_id": subject_id}
        with reading(self._engine) as connection:
            return rows.case_list(connection, **of, limit=limit, offset=offset)

    def count_cases(self, status: str | None = None, template: str | None = None) -> int:
        """How many cases there are of a status and template, or in all."""
        with reading(self._engine) as connection:
            return rows.case_count(connection, status=status, template_id=template)

    def events(self, case_id: str) -> list[e.Event]:
        """The log of a case, in order."""
        with reading(self._engine) as connection:
            self._known(case_rows.read(connection, case_id), case_id)
            return [event for event, _ in rows.case_events(connection, case_id)]

    def task(self, task_id: str) -> TaskSummary:
        """One task."""
        with reading(self._engine) as connection:
            found = rows.task_row(connection, task_id)
        if found is None:
            raise UnknownTask(f"there is no task {task_id!r}")
        return found

    def tasks(
        self,
        assignee: str | None = None,
        open_only: bool = True,
        *,
        case_id: str | None = None,
        limit: int = 200,
    ) -> list[TaskSummary]:
        """Tasks, those due first first."""
        with reading(self._engine) as connection:
            return rows.task_list(connection, assignee=assignee, case_id=case_id, open_only=open_only, limit=limit)

    def open_work(self) -> dict[str, tuple[int, float]]:
        """How many open tasks each assignee has, and their weight; absent means none."""
        with reading(self._engine) as connection:
            return rows.open_work(connection)

    def due_service_steps(self, limit: int = 100, behind: Place = START) -> list[ServiceStep]:
        """Service steps whose job is to run, by the end of their time; start each once by its ``run_key``."""
        with reading(self._engine) as connection:
            return rows.requested_services(connection, limit, behind)

    def service_step(self, idempotency_key: str) -> ServiceOutcome | None:
        """How the service step with this key stands; None for a key that nobody asked for."""
        with reading(self._engine) as connection:
            return rows.service_outcome(connection, idempotency_key)

    def template_of(self, case: CaseState) -> Template:
        """The template version that the case pinned."""
        return self._version_of(case.template_id, case.template_hash)

    def template_in_force(self, template_id: str) -> Template:
        """The version with which new cases open. Raises LookupError for a template that there is not."""
        with reading(self._engine) as connection:
            return self._in_force(connection, template_id)

    def calendar(self, name: str = "default") -> WorkingCalendar:
        """The working calendar of that name (a task or a case says by which its clock runs), else the default one."""
        return self._calendars.get(name, self._calendar)

    def calendar_name(self, template_id: str, template_hash: str) -> str:
        """By which calendar goes what is nobody's own in cases of that version. Raises LookupError: not stored."""
        return self._version_of(template_id, template_hash).calendar

    def last_change(self) -> int:
        """A number that grows with every change of any case."""
        with reading(self._engine) as connection:
            return board_rows.last_event_no(connection)

    def board(
        self, asked: BoardFilter, *, each: int, offset: int = 0
    ) -> tuple[list[BoardColumn], list[BoardPlace], dict[str, CaseState]]:
        """Where cases stand: every column, ``each`` places of each after ``offset``, and the cases of those places."""
        with reading(self._engine) as connection:
            asked = board_rows.narrowed(connection, asked)
            columns = board_rows.board_columns(connection, asked, self._clock.now())
            places = board_rows.board_places(connection, asked, columns, each=each, offset=offset)
            return columns, places, board_rows.cases_of(connection, {place.case_id for place in places})

    def waited_for(self) -> list[str]:
        """The people who have open tasks."""
        with reading(self._engine) as connection:
            return board_rows.waited_for(connection)

    def states(self, case_ids: Collection[str]) -> dict[str, CaseState]:
        """These cases as they stand, by id."""
        wanted = sorted(set(case_ids))
        found: dict[str, CaseState] = {}
        with reading(self._engine) as connection:
            for start in range(0, len(wanted), _AT_ONCE):
                found |= board_rows.cases_of(connection, wanted[start : start + _AT_ONCE])
        return found

    def templates_used(self) -> dict[str, Template]:
        """Every template that a case ever used, by id, in the version that was put to use last."""
        with reading(self._engine) as connection:
            texts = board_rows.newest_templates(connection)
        found = {}
        for template_id, text in texts:
            content = template_hash(text)
            if content not in self._pinned:
                self._pinned[content] = load_template(text, file=f"{template_id}.yaml")
            found[template_id] = self._pinned[content]
        return found

    def similar_cases(self, case: CaseState, limit: int = 50) -> list[CaseSummary]:
        """Ended cases of the same template that may be alike, at most twice ``limit``: its rule or subject, and new."""
        with reading(self._engine) as connection:
            return board_rows.similar_cases(connection, case, limit)

    def taken_in(self, case: CaseState, limit: int = 50) -> list[CaseSummary]:
        """Cases that became part of this one, oldest first."""
        with reading(self._engine) as connection:
            return board_rows.taken_in(connection, case, limit)

    def messages(self, case_id: str, limit: int = 200) -> list[CaseMessage]:
        """The newest Slack messages of a case, oldest first."""
        with reading(self._engine) as connection:
            return board_rows.case_messages(connection, case_id, limit)

    def files(self, case_id: str) -> list[EvidenceFile]:
        """The files that people added to a case, oldest first."""
        with reading(self._engine) as connection:
            return files_of(connection, case_id)

    def card_context(self, metric: str = "", reader: str | None = None) -> CardContext:
        """Language, time zone, names and the metric's words, for rendering cards and modals; for a ``reader`` in his
        language and the time zone of his calendar.
        """
        return self._context(self._directory(), metric, reader=reader)

    def decision_modal(
        self, task_id: str, version: int, outcome: str, language: str = "", reader: str | None = None
    ) -> dict[str, Any]:
        """The modal for a button whose step has a form, in the ``reader``'s time zone and ``language`` (default: as his
        cards). Refused where the card is stale or has no such outcome.
        """
        directory = self._directory()
        case, template = self._case_of_task(task_id)
        task = case.tasks[task_id]
        if task.status == "decided":
            raise decided_already(template, task, directory.name, None)
        if task.status != "open":
            raise task_withdrawn(case, task)
        if task.version != version:
            raise stale_task()
        context = self._context(directory, case.metric, language, reader)
        try:
            return modals.decision_modal(case, task, template, context, outcome=outcome, roles=sorted(directory.roles))
        except KeyError:
            raise Refused(
                "unknown_outcome", f"{outcome!r} is no choice of this task.", f"该任务没有选项 {outcome!r}。"
            ) from None

    def action_modal(
        self, task_id: str, version: int, action: str, language: str = "", reader: str | None = None
    ) -> dict[str, Any]:
        """The modal of a button that needs more than a press, in the ``reader``'s time zone and ``language`` (default:
        as his cards). Refused where the card is stale.
        """
        directory = self._directory()
        case, template = self._case_of_task(task_id)
        flow = Flow(case.case_id, case, self._clock.now(), self._company(template, directory))
        if action == task_buttons.ANSWER:
            # An opinion is about the question, whoever has the task by now.
            asked = case.tasks[task_id]
            if asked.status != "open":
                raise Refused("task_closed", "This is not asked any more.", "已不再征求意见。")
            return task_buttons.answer_modal(asked, self._context(directory, case.metric, language, reader))
        # As whoever is assigned: who may do it is asked again when the modal is submitted.
        task = current_task(flow, task_id, version, case.tasks[task_id].assignee)
        context = self._context(directory, case.metric, language, reader)
        if action == task_buttons.SNOOZE:
            times = task_buttons.snooze_times(flow.now, actions_of(flow, task), self.calendar(task.calendar))
            if times:
                return task_buttons.snooze_modal(task, context, times)
        elif action == task_buttons.ASSIGN:
            others = [person for person in asking.assignable(flow, task) if person != task.assignee]
            if not others:
                raise Refused(
                    "transfer_invalid", "There is nobody else who may decide this.", "没有其他人员有权决定该任务。"
                )
            return task_buttons.assign_modal(task, context, others)
        elif action == task_buttons.RELEASE:
            return task_buttons.release_modal(task, context)
        elif action in (task_buttons.DELEGATE, task_buttons.ADD_APPROVER):
            roles = getattr(actions_of(flow, task), action)
            people = None
            if not isinstance(roles, bool):
                holders = (one for role in roles for one in directory.candidates(role))
                people = [one for one in dict.fromkeys(holders) if one != task.assignee]
                if not people:
                    raise Refused(
                        "transfer_invalid",
                        f"Nobody else holds {' or '.join(roles)}.",
                        f"没有其他人担任角色 {' 或 '.join(roles)}。",
                    )
            return task_buttons.ask_modal(task, context, action, people)
        elif action == task_buttons.PAUSE and actions_of(flow, task).pauses:
            return task_buttons.pause_modal(task, context, actions_of(flow, task).pauses)
        raise Refused(
            "action_not_offered", f"This task has no such choice as {action!r}.", f"该任务没有操作 {action!r}。"
        )

    def _case_of_task(self, task_id: str) -> tuple[CaseState, Template]:
        """The case that a task belongs to, and its template. Raises UnknownTask."""
        with reading(self._engine) as connection:
            return self._read_case_of_task(connection, task_id)

    def _read_case_of_task(self, connection: Connection, task_id: str) -> tuple[CaseState, Template]:
        row = rows.task_row(connection, task_id)
        if row is None:
            raise UnknownTask(f"there is no task {task_id!r}")
        case = self._known(case_rows.read(connection, row.case_id), row.case_id)
        return case, self._template_of(connection, case)

    def _company(
        self, template: Template, directory: Directory, loads: Mapping[str, float] | None = None
    ) -> Environment:
        """What the engine looks at besides the case; without ``loads`` everybody counts as having no open work."""
        return Environment(
            template=template,
            calendar=self._calendar,
            directory=directory,
            loads=loads if loads is not None else {},
            calendars=self._calendars,
        )

    def _zone_of(self, directory: Directory, person_id: str) -> tzinfo:
        """The time zone of the calendar by which the person works."""
        return self.calendar(directory.calendar_of(person_id) or "default").time_zone

    def _context(self, directory: Directory, metric: str, language: str = "", reader: str | None = None) -> CardContext:
        context = CardContext(
            language=language or self._language,
            zone=self._calendar.time_zone,
            name=directory.name,
            figure=self._figures(metric) if metric else None,
            address=self._address,
            seal=self.seal,
        )
        if reader is None:
            return context
        return context.read_in(self._zone_of(directory, reader), language or directory.language_of(reader))

    def _template_of(self, connection: Connection, state: CaseState) -> Template:
        return self._stored(connection, state.template_id, state.template_hash)

    def _in_force(self, connection: Connection, template_id: str) -> Template:
        """The folder's newest version, unless somebody put an earlier one in force; asked anew for every case."""
        newest = self._templates.get(template_id)
        chosen = template_rows.in_force(connection, template_id)
        if chosen is None or chosen == newest.hash:
            return newest
        return self._stored(connection, template_id, chosen)

    def _version_of(self, template_id: str, content_hash: str) -> Template:
        """A stored version; the database is asked for one that this process has not read yet."""
        known = self._pinned.get(content_hash)
        if known is not None:
            return known
        with reading(self._engine) as connection:
            return self._stored(connection, template_id, content_hash)

    def _stored(self, connection: Connection, template_id: str, content_hash: str) -> Template:
        known = self._pinned.get(content_hash)
        if known is None:
            text = case_rows.template_text(connection, content_hash)
            if text is None:
                raise LookupError(f"the version {content_hash} of template {template_id} is not stored")
            known = self._pinned[content_hash] = load_template(text, file=f"{template_id}.yaml")
        return known

    @staticmethod
    def _known(state: _Found | None, case_id: str) -> _Found:
        if state is None:
            raise UnknownCase(f"There is no case {case_id!r}; `./trueloop cases list` shows them.")
        return state
