"""Where a case is kept: on paper (the pure engine alone), or in the real service on a real database.

Both take the same few requests and give back the case as it stands. Nobody is told anything here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from resources.clock import Clock
from workflow_jobs.cases import OpenRequest
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.decide import decide
from workflow_jobs.engine.environment import Environment
from workflow_jobs.engine.evolve import fold
from workflow_jobs.engine.state import CaseState, StepState, TaskState
from workflow_jobs.engine.template import Template
from workflow_jobs.evidence import Evidence
from workflow_jobs.process_reader import Templates
from workflow_jobs.service import ProcessService
from workflow_jobs.simulation.assumptions import Assumption
from workflow_jobs.simulation.choices import EVIDENCE, fill
from workflow_jobs.simulation.happenings import Happening
from workflow_jobs.simulation.office import Office

RULE: Final = "simulated"


@dataclass(frozen=True)
class Told:
    """A rung that fired: whom it reached."""

    task_id: str
    to_person: str | None


@dataclass(frozen=True)
class Changed:
    """A case after the clock moved it, and who was told of what."""

    state: CaseState
    told: tuple[Told, ...] = ()


class Ledger(Protocol):
    """What both ledgers can do. Each request gives the case as it stands after it; refusals of the engine pass."""

    def template(self, state: CaseState) -> Template:
        """The template that the case follows."""
        ...

    def open(self, happening: Happening) -> CaseState:
        """Open a case of its own for the happening."""
        ...

    def decide(
        self, state: CaseState, task: TaskState, person: str, outcome: str, form: Mapping[str, Any]
    ) -> CaseState:
        """Take a person's decision. A file in the form is EVIDENCE; whoever keeps files makes one of it."""
        ...

    def complete(self, state: CaseState, step: StepState) -> CaseState:
        """A service step's job has finished."""
        ...

    def signal(self, state: CaseState, step: StepState) -> CaseState:
        """What a wait step waits for has happened."""
        ...

    def judge(self, state: CaseState, observed: str) -> CaseState:
        """Judge the effect by this figure."""
        ...

    def timers(self, due: Iterable[CaseState]) -> list[Changed]:
        """Do what the clock asks of these cases; those that changed."""
        ...

    def move_from_absent(self, moved: Iterable[CaseState]) -> list[CaseState]:
        """Ask others where people are away; these cases afterwards."""
        ...


class Paper:
    """The procedure as everybody knows it: what is to be done next, and nothing that reminds anybody of it.

    Files are not kept: their name is enough on paper.
    """

    def __init__(self, office: Office, clock: Clock, templates: Templates) -> None:
        self._office = office
        self._clock = clock
        self._templates = templates
        self._opened = 0

    def template(self, state: CaseState) -> Template:
        return self._templates.get(state.template_id)

    def open(self, happening: Happening) -> CaseState:
        request = request_of(happening, self._templates.get(happening.template), self._office)
        self._opened += 1
        return self._do(None, request.opening(f"P-{self._opened:06d}"), self._templates.get(happening.template))

    def decide(
        self, state: CaseState, task: TaskState, person: str, outcome: str, form: Mapping[str, Any]
    ) -> CaseState:
        command = c.DecideTask(
            task_id=task.task_id, task_version=task.version, person_id=person, outcome=outcome, form=form
        )
        return self._do(state, command)

    def complete(self, state: CaseState, step: StepState) -> CaseState:
        return self._do(state, c.CompleteService(step_id=step.step_id, run_id=f"run-{state.case_id}"))

    def signal(self, state: CaseState, step: StepState) -> CaseState:
        return self._do(state, c.SendSignal(signal=step.signal))

    def judge(self, state: CaseState, observed: str) -> CaseState:
        return self._do(state, c.JudgeEffect(observed=observed, snapshot_id="later"))

    def timers(self, due: Iterable[CaseState]) -> list[Changed]:
        """Waits end by themselves; rungs of a ladder do not exist on paper."""
        now = self._clock.now()
        over = [s for s in due if any(w.wake_at is not None and w.wake_at <= now for w in s.waits)]
        return [Changed(self._do(state, c.FireTimers())) for state in over]

    def move_from_absent(self, moved: Iterable[CaseState]) -> list[CaseState]:
        return []

    def _do(self, state: CaseState | None, command: c.Command, template: Template | None = None) -> CaseState:
        known = template or self._templates.get(state.template_id if state else "")
        environment = Environment(known, self._office.calendar, self._office.directory)
        events = decide(state, command, self._clock.now(), environment)
        return fold(state, events)


class Books:
    """The real service on a real database: every decision one transaction, with events, tasks and messages."""

    def __init__(self, office: Office, service: ProcessService, templates: Templates, evidence: Evidence) -> None:
        self._evidence = evidence
        self._office = office
        self._service = service
        self._templates = templates

    def template(self, state: CaseState) -> Template:
        return self._service.template_of(state)

    def open(self, happening: Happening) -> CaseState:
        request = request_of(happening, self._templates.get(happening.template), self._office)
        opened = self._service.open_case(request, via="simulation")
        if not opened.created:
            raise AssertionError(f"{happening.key} was taken for another case, {opened.case_id}")
        return self._service.case(opened.case_id)

    def decide(
        self, state: CaseState, task: TaskState, person: str, outcome: str, form: Mapping[str, Any]
    ) -> CaseState:
        typed = {
            name: [self._file(state, task, person, name)] if value == [EVIDENCE] else value
            for name, value in form.items()
        }
        return self._service.decide_task(task.task_id, task.version, person, outcome, typed, "simulation").case

    def _file(self, state: CaseState, task: TaskState, person: str, name: str) -> str:
        content = f"{name} of {task.task_id}, simulated".encode()
        return self._evidence.add(state.case_id, task.task_id, f"{name}.txt", content, person).file_id

    def complete(self, state: CaseState, step: StepState) -> CaseState:
        return self._service.complete_service(
            state.case_id, step.step_id, f"run-{state.case_id}", {}, idempotency_key=step.idempotency_key
        )

    def signal(self, state: CaseState, step: StepState) -> CaseState:
        return self._service.send_signal(state.case_id, step.signal, via="simulation")

    def judge(self, state: CaseState, observed: str) -> CaseState:
        return self._service.judge_effect(state.case_id, observed, "later")

    def timers(self, due: Iterable[CaseState]) -> list[Changed]:
        self._service.fire_due_rungs()
        found = []
        for before in due:
            fresh = [event for event in self._service.events(before.case_id) if event.seq > before.seq]
            told = tuple(Told(event.task_id, event.to_person) for event in fresh if isinstance(event, e.RungFired))
            if fresh:
                found.append(Changed(fold(before, fresh), told))
        return found

    def move_from_absent(self, moved: Iterable[CaseState]) -> list[CaseState]:
        self._service.reassign_absent()
        return [self._service.case(state.case_id) for state in moved]


def request_of(happening: Happening, template: Template, office: Office) -> OpenRequest:
    """The request that opens a happening's case, with every input that the template requires."""
    watched = happening.requested_by is None
    day = office.calendar.local_date(happening.at)
    required = fill(office.assumed, office.draws, template.inputs, "", day, happening.key)
    return OpenRequest(
        template_id=happening.template,
        rule_id=RULE,
        subject_kind="simulated",
        subject_id=happening.key,
        subject_label=happening.label,
        metric="metric_simulated" if watched else "",
        direction="below" if watched else "",
        observed=figure(office.assumed.company.figure_wrong) if watched else None,
        threshold=figure(office.assumed.company.figure_limit) if watched else None,
        snapshot_id="simulated",
        as_of=day if watched else None,
        requested_by=happening.requested_by,
        data={**required, **happening.data},
    )


def figure(assumed: Assumption) -> str:
    """An assumed figure as a command takes it."""
    return f"{assumed.value:g}"
