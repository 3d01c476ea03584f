"""Walks a template through every branch, on a real database, saved and reloaded between any two steps.

What there is to walk is read from the template itself (``turns_of``): every outcome, tier, rule, branch, end of a wait,
end of a job, withdrawal, default, judged effect. What was walked is read from the logs of the cases (``turns_in``). A
walk takes what no walk took before, as far forward as it can: ways that end or return come last where something further
on is still to be seen. ``walk_every_branch`` goes on until nothing is left, or says what cannot be reached.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import islice, product
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine

from resources.clock import FixedClock
from resources.people import Directory
from tests.engine_world import JOBS, MONDAY, ROLES, calendar, people
from workflow_jobs.cases import OpenRequest
from workflow_jobs.engine import events as e
from workflow_jobs.engine.conditions import compile_condition, declared_fields
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.layout import Layout, layout_of
from workflow_jobs.engine.parts import FormField, Outcome
from workflow_jobs.engine.question import DONE_BY_HAND, RETRY, question_of
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Decision, Fork, HumanStep, ProcessStep, ServiceStep, Template, WaitStep
from workflow_jobs.evidence import Evidence
from workflow_jobs.service import ProcessService
from workflow_jobs.template_library import TemplateLibrary, load_library

Turn = tuple[str, ...]
MOST_WALKS = 80
MOST_ACTIONS = 250
MOST_COMBINATIONS = 500
REQUESTER = "d2"  # holds a role that decides in few templates
SUBJECT = "walk"


@cache
def shipped_library() -> TemplateLibrary:
    """The shipped templates."""
    return load_library(known_roles=ROLES, known_jobs=JOBS)


def turns_of(template: Template) -> frozenset[Turn]:
    """Everything that a case of the template may come to."""
    return frozenset(_turns(template))


def _turns(template: Template) -> Iterator[Turn]:
    for step_id, place in layout_of(template).places.items():
        node = place.node
        match node:
            case HumanStep():
                yield from (("outcome", step_id, outcome.id) for outcome in node.outcomes)
                yield from (("tier", step_id, str(number)) for number in range(len(node.tiers)))
                if node.vote is not None and isinstance(node.vote.needed, int):
                    yield ("divided", step_id)
                ladder = node.ladder if node.ladder is not None else template.ladder
                yield from (("default", step_id, rung.outcome or "") for rung in ladder if rung.action == "default")
            case ServiceStep():
                yield from (("job", step_id, end) for end in ("completed", "failed", DONE_BY_HAND))
            case WaitStep():
                yield ("wait", step_id, "elapsed")
                if node.signal is not None:
                    yield ("wait", step_id, "signalled")
            case ProcessStep():
                yield ("other case", step_id)
            case Fork():
                yield from (("branch", step_id, str(number)) for number in range(len(node.branches)))
            case Decision():
                yield from (("rule", step_id, rule.id) for rule in node.rules)
    if template.closes == "on_resolution":
        yield ("resolved",)
    elif "people" in template.opened_by:
        yield from (("withdrawn", by) for by in template.withdrawn_by)
    if template.effect is not None:
        yield from (("effect", judged) for judged in ("effective", "ineffective"))


def turns_in(template: Template, log: Sequence[e.Event]) -> frozenset[Turn]:
    """What a case came to, by its log."""
    return frozenset(_taken(template, log))


def _taken(template: Template, log: Sequence[e.Event]) -> Iterator[Turn]:
    places = layout_of(template).places
    requester: str | None = None
    for event in log:
        match event:
            case e.CaseOpened():
                requester = event.requested_by
            case e.StepCompleted():
                node = places[event.step_id].node
                if isinstance(node, HumanStep):
                    yield ("outcome", event.step_id, event.outcome)
                elif isinstance(node, ServiceStep):
                    yield ("job", event.step_id, event.outcome)
                elif isinstance(node, WaitStep):
                    yield ("wait", event.step_id, event.outcome)
                elif isinstance(node, ProcessStep):
                    yield ("other case", event.step_id)
            case e.TaskCreated() if event.tier is not None:
                yield ("tier", event.step_id, str(event.tier))
            case e.TaskDecided() if event.outcome == RETRY:
                yield ("job", event.step_id, "failed")
            case e.VoteCounted() if event.outcome is not None and event.approvals and event.rejections:
                yield ("divided", event.step_id)
            case e.DefaultTaken():
                yield ("default", event.step_id, event.outcome)
            case e.RulesApplied():
                yield from (("rule", event.step_id, rule) for rule in event.rules)
            case e.BranchJoined() if isinstance(places[event.fork_id].node, Fork):
                yield ("branch", event.fork_id, str(event.branch))
            case e.CaseWithdrawn():
                yield ("withdrawn", "requester" if event.person_id == requester else "owner")
            case e.CaseClosed() if event.outcome == "resolved":
                yield ("resolved",)
            case e.EffectJudged() if event.effective is not None:
                yield ("effect", "effective" if event.effective else "ineffective")
            case _:
                pass


@dataclass
class Walks:
    """All walks of one template on one database.

    ``values`` fixes what is typed into fields, by name; ``folder`` is where evidence is kept, if steps need it.
    """

    template: Template
    engine: Engine
    values: Mapping[str, Any] = field(default_factory=dict)
    requester: str | None = REQUESTER
    folder: Path | None = None
    library: TemplateLibrary = field(default_factory=shipped_library)
    directory: Directory = field(default_factory=people)
    clock: FixedClock = field(default_factory=lambda: FixedClock(MONDAY))
    taken: set[Turn] = field(default_factory=set)
    used: Counter[object] = field(default_factory=Counter)
    walks: int = 0
    reloads: int = 0
    _service: ProcessService | None = None
    _votes: dict[object, Outcome] = field(default_factory=dict)
    _against: Counter[object] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.layout: Layout = layout_of(self.template)
        self.all = turns_of(self.template)
        self.order = {step: number for number, step in enumerate(self.layout.places)}
        self._candidates = {name: _interesting(self.template, name) for name in _names(self.template)}

    @property
    def missing(self) -> set[Turn]:
        """What no walk took yet."""
        return set(self.all) - self.taken

    def service(self) -> ProcessService:
        """The service of this walk. It keeps no case: every command reads the case from the database and stores it."""
        if self._service is None:
            self._service = ProcessService(
                self.engine,
                clock=self.clock,
                templates=self.library,
                directory=lambda: self.directory,
                calendar=calendar(),
                pack="walks",
                channel="walks",
            )
        return self._service

    def reload(self, case_id: str) -> CaseState:
        """The case as the database has it; what is stored must be what its log says."""
        service = self.service()
        state, log = service.case(case_id), service.events(case_id)
        assert replay(log) == state
        self.taken |= turns_in(self.template, log)
        self.reloads += 1
        return state

    def walk(self) -> CaseState:
        """One case from its opening to its end."""
        self.walks += 1
        self._service = None  # as if the process had been started again: the template, too, is read from the database
        by_person = "people" in self.template.opened_by
        label = f"{SUBJECT} {self.walks}"
        requester = self.requester if by_person else None
        if by_person and self.template.requesters:
            requester = self.directory.candidates(self.template.requesters[0])[0]
        request = OpenRequest(
            template_id=self.template.id,
            rule_id="walk",
            subject_kind="walk",
            subject_id=label,
            subject_label=label,
            metric="metric_walk" if self.template.effect is not None else "",
            direction="below" if self.template.effect is not None else "",
            observed="0.7" if self.template.effect is not None else None,
            threshold="0.8" if self.template.effect is not None else None,
            snapshot_id="s1",
            requested_by=requester,
            data=self._fill(self.template.inputs, lambda one: one.required is True or one.type in ("role", "choice")),
        )
        service = self.service()
        opened = service.open_by_person(request) if by_person else service.open_case(request)
        assert opened.created
        state = self.reload(opened.case_id)
        for _ in range(MOST_ACTIONS):
            if not self._act(state):
                break
            state = self.reload(opened.case_id)
        else:
            raise AssertionError(f"{opened.case_id} of {self.template.id} did not end in {MOST_ACTIONS} actions")
        assert not state.holds_key
        assert not state.open_tasks
        return state

    def to_its_end(self, case_id: str) -> None:
        """Plain work on a case that is there already: nothing is looked for that no walk took yet."""
        self.taken |= self.all
        for _ in range(MOST_ACTIONS):
            if not self._act(self.service().case(case_id)):
                return
        raise AssertionError(f"{case_id} of {self.template.id} did not end in {MOST_ACTIONS} actions")

    def _act(self, state: CaseState) -> bool:
        """One thing that somebody or something does with the case; False once nothing is left to do."""
        if state.status == "watching_effect":
            return self._judge(state)
        if not state.is_open:
            return False
        if self._withdraw(state):
            return True
        if state.awaiting_resolution:
            self.service().resolve_incident(state.rule_id, state.subject_id)
            return True
        ways: list[tuple[str, Callable[[], None]]] = []
        ways += [(task.step_id, partial(self._decide, state, task)) for task in state.open_tasks]
        ways += [(step.step_id, partial(self._job, state, step.step_id)) for step in state.waiting_services]
        ways += [(step.step_id, partial(self._wait, state, step.step_id)) for step in state.waits]
        ways += [
            (step.step_id, partial(self._end_other, step.child_case_id))
            for step in state.steps.values()
            if step.kind == "process" and step.status == "active" and step.child_case_id is not None
        ]
        assert ways, f"{state.case_id} is open and waits for nothing: {state}"
        min(ways, key=lambda way: (not self._promises(way[0]), self.used[way[0]]))[1]()
        return True

    def _promises(self, step_id: str) -> bool:
        """Whether to go on with this step first leads to something that no walk took yet: in it, or by its branch."""
        own: set[Turn] = set()
        place = self.layout.places[step_id]
        while place.parent is not None:
            block, branch = place.parent
            own.add(("branch", block, str(branch)))
            place = self.layout.places[block]
        return any(turn in own or turn[1:2] == (step_id,) for turn in self.missing)

    # -- decisions ---------------------------------------------------------------------------------------------------

    def _decide(self, state: CaseState, task: TaskState) -> None:
        self.used[task.step_id] += 1
        question = question_of(self.template, task)
        node = self.layout.places[task.step_id].node
        if isinstance(node, ServiceStep):
            choice = question.outcomes[0 if ("job", task.step_id, "failed") in self.missing else 1]
        elif self._default_is_due(state, task):
            self._let_time_pass(task)
            return
        else:
            assert isinstance(node, HumanStep)
            choice = self._choice(state, node, task, question.outcomes)
        if task.pooled and task.assignee is None:
            holder = next(p for p in self.directory.candidates(task.role) if p != state.requested_by)
            self.service().claim(task.task_id, task.version, holder)
            return
        person = task.assignee
        assert person is not None, f"{task.task_id}: {task.assigned_because}"
        form = self._fill(question.form, lambda one: one.required_for(choice.id))
        for one in question.form:
            if one.type == "file" and one.name in form:
                form[one.name] = [self._evidence(state.case_id, task.task_id, one.name, person)]
        self.service().decide_task(task.task_id, task.version, person, choice.id, form, "walk")

    def _choice(self, state: CaseState, node: HumanStep, task: TaskState, offered: tuple[Outcome, ...]) -> Outcome:
        """What a step comes to: for a vote the same for all its voters, divided where a number of them is enough."""
        visit = state.steps[node.id].visit
        key = (state.case_id, node.id, visit)
        if node.vote is None or node.vote.needed == "any":
            return self._wanted(node, offered)
        chosen = self._votes.get(key)
        if chosen is None:
            chosen = self._votes[key] = self._wanted(node, offered)
        if chosen.id == node.vote.approves and isinstance(node.vote.needed, int):
            voters = sum(1 for one in state.tasks.values() if one.step_id == node.id and one.voter is not None)
            spare = voters // max(visit, 1) - node.vote.needed
            if self._against[key] < spare and self._against[key] < 1:
                self._against[key] += 1
                against = node.outcome(node.vote.rejects or "")
                assert against is not None
                return against
        return chosen

    def _wanted(self, node: HumanStep, offered: tuple[Outcome, ...]) -> Outcome:
        going_on = [one for one in offered if one.ends_case is None and one.returns_to is None]
        returning = [one for one in offered if one.returns_to is not None]
        ending = [one for one in offered if one.ends_case is not None]
        new = [one for one in (*going_on, *returning) if ("outcome", node.id, one.id) in self.missing]
        if new:
            return new[0]
        if self._further(node.id) and going_on:
            return self._least_used(going_on, node.id)
        for one in ending:
            if ("outcome", node.id, one.id) in self.missing:
                return one
        return self._least_used(going_on or ending or returning, node.id)

    def _further(self, step_id: str) -> bool:
        """Whether something that no walk took yet may lie beyond the step."""
        beyond = self.order[step_id]
        for turn in self.missing:
            if turn[0] in ("effect", "resolved"):
                return True
            if len(turn) > 1 and turn[1] in self.order and self.order[turn[1]] > beyond:
                return True
        return False

    def _least_used(self, offered: list[Outcome], step_id: str) -> Outcome:
        chosen = min(offered, key=lambda one: self.used[step_id, one.id])
        self.used[step_id, chosen.id] += 1
        return chosen

    def _default_is_due(self, state: CaseState, task: TaskState) -> bool:
        return any(turn[:2] == ("default", task.step_id) for turn in self.missing) and task.next_rung_at is not None

    def _let_time_pass(self, task: TaskState) -> None:
        assert task.next_rung_at is not None
        self._advance_to(task.next_rung_at)
        self.service().fire_due_rungs()

    def _evidence(self, case_id: str, task_id: str, name: str, person: str) -> str:
        assert self.folder is not None, f"{self.template.id} asks for the file {name}: give the walks a folder"
        content = f"{name} of {task_id}".encode()
        return (
            Evidence(self.engine, self.folder, self.clock).add(case_id, task_id, f"{name}.txt", content, person).file_id
        )

    # -- jobs, waits, other cases, the end ---------------------------------------------------------------------------

    def _job(self, state: CaseState, step_id: str) -> None:
        self.used[step_id] += 1
        known = state.steps[step_id]
        fails = ("job", step_id, "failed") in self.missing or (
            ("job", step_id, DONE_BY_HAND) in self.missing and ("job", step_id, "completed") in self.taken
        )
        if known.status == "active" and fails and not self._just_retried(state, step_id):
            self.service().fail_service(state.case_id, step_id, f"run-{known.attempt}", "it broke", final=True)
        else:
            self.service().complete_service(
                state.case_id, step_id, f"run-{known.attempt}", {}, idempotency_key=known.idempotency_key
            )

    def _just_retried(self, state: CaseState, step_id: str) -> bool:
        return any(t.step_id == step_id and t.outcome == RETRY for t in state.tasks.values())

    def _wait(self, state: CaseState, step_id: str) -> None:
        self.used[step_id] += 1
        node = self.layout.places[step_id].node
        known = state.steps[step_id]
        assert isinstance(node, WaitStep)
        ends = [end for end in ("elapsed", "signalled") if ("wait", step_id, end) in self.all]
        end = min(ends, key=lambda one: (("wait", step_id, one) in self.taken, self.used[step_id, one]))
        self.used[step_id, end] += 1
        if end == "signalled":
            data = self._fill(node.form, lambda one: one.type != "file")
            self.service().send_signal(state.case_id, node.signal or "", data, via="walk")
        else:
            assert known.wake_at is not None
            self._advance_to(known.wake_at)
            self.service().fire_due_rungs()

    def _end_other(self, case_id: str) -> None:
        """Bring a case that this one opened to its end, by its first going-on choices; withdraw every second one."""
        other = self.service().template_of(self.service().case(case_id))
        self.used["other case", other.id] += 1
        if "owner" in other.withdrawn_by and self.used["other case", other.id] % 2 == 0:
            asked = self.service().case(case_id).requested_by
            owner = next(one for one in self.directory.candidates(other.owner_role) if one != asked)
            self.service().withdraw_case(case_id, owner, "Not needed here")
            return
        inner = Walks(
            other,
            self.engine,
            self.values,
            library=self.library,
            folder=self.folder,
            directory=self.directory,
            clock=self.clock,
        )
        inner.to_its_end(case_id)

    def _judge(self, state: CaseState) -> bool:
        assert state.effect_due_at is not None
        self._advance_to(state.effect_due_at)
        holds = ("effect", "ineffective") in self.taken or ("effect", "effective") in self.missing
        self.service().judge_effect(state.case_id, "0.9" if holds else "0.5", f"later-{state.effect_attempt}")
        return True

    def _withdraw(self, state: CaseState) -> bool:
        """The last walks are taken back, as soon as they are open."""
        left = [turn for turn in self.missing if turn[0] == "withdrawn"]
        if not left or len(left) < len(self.missing):
            return False
        by = sorted(left)[0][1]
        owners = self.directory.candidates(self.template.owner_role)
        person = state.requested_by if by == "requester" else next(p for p in owners if p != state.requested_by)
        assert person is not None
        self.service().withdraw_case(state.case_id, person, "Not wanted any more")
        return True

    # -- what is typed -----------------------------------------------------------------------------------------------

    def _fill(self, fields: Sequence[FormField], wanted: Callable[[FormField], bool]) -> dict[str, Any]:
        """What is typed: of all combinations of values that make a difference, one that was typed least so far."""
        asked = [one for one in fields if one.name in self.values or wanted(one)]
        values = [self._values(one) for one in asked]
        names = tuple(one.name for one in asked)
        combinations = list(islice(product(*values), MOST_COMBINATIONS))
        number = min(range(len(combinations)), key=lambda one: self.used[names, one])
        self.used[names, number] += 1
        return dict(zip(names, combinations[number], strict=True))

    def _values(self, one: FormField) -> list[Any]:
        if one.name in self.values:
            return [self.values[one.name]]
        return self._candidates.get(one.name) or [_plain_value(one, self._today())]

    def _today(self) -> str:
        return (calendar().local_date(self.clock.now()) + timedelta(days=3)).isoformat()

    def _advance_to(self, instant: datetime) -> None:
        self.clock.advance(max(instant - self.clock.now(), timedelta()))


def walk_every_branch(walks: Walks) -> Walks:
    """Walk until every turn of the template was taken. Fails with what is left after MOST_WALKS."""
    while walks.missing and walks.walks < MOST_WALKS:
        walks.walk()
    assert not walks.missing, f"never taken in {walks.walks} walks: {sorted(walks.missing)}"
    return walks


def _names(template: Template) -> set[str]:
    return {one.name for _, one in declared_fields(template)}


def _conditions(template: Template) -> Iterator[str]:
    for place in layout_of(template).places.values():
        if isinstance(place.node, HumanStep):
            yield from (tier.when for tier in place.node.tiers if tier.when is not None)
        elif isinstance(place.node, Decision):
            yield from (rule.when for rule in place.node.rules if rule.when is not None)


def _interesting(template: Template, name: str) -> list[Any]:
    """Values of a field on both sides of every condition that reads it; every option of a choice; yes and no."""
    field = next(one for _, one in declared_fields(template) if one.name == name)
    if field.options:
        return [option.value for option in field.options]
    if field.type == "boolean":
        return [True, False]
    read = [source for source in _conditions(template) if ("data", name) in compile_condition(source).members]
    numbers = {number for source in read for number in re.findall(rf"data\.{name}\s*[<>=!]+\s*(\d+(?:\.\d+)?)", source)}
    if field.type == "decimal" and numbers:
        ascending = sorted(numbers, key=float)
        step = 10**-field.decimals
        return [value for n in ascending for value in (f"{float(n) - step:.{field.decimals}f}", n)]
    if field.type == "integer" and numbers:
        return [
            value for n in sorted(numbers, key=float) for value in (int(float(n)) - 1, int(float(n)), int(float(n)) + 1)
        ]
    texts = [text for source in read for text in re.findall(rf"data\.{name}\s*==\s*[\"']([^\"']*)[\"']", source)]
    return [*dict.fromkeys(texts), "something else"] if texts else []


def _plain_value(one: FormField, day: str) -> Any:
    match one.type:
        case "decimal":
            return str(one.min if one.min is not None else 1)
        case "integer":
            return int(one.min if one.min is not None else 1)
        case "date":
            return day
        case "role":
            return "data_owner"
        case "file":
            return []
        case _:
            return f"{one.name} typed"[: one.max_length]
