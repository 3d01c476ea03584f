"""Past cases played on another version of their template, before it goes live: what would have gone another way. Pure.

From a log the things that happened from outside are taken at their times: decisions of people, results of jobs,
signals, pauses, figures. They are played on both versions with the people and calendars of today, so that only the
template makes a difference; timers run by themselves. Who of several holders of a role was asked, hand-overs and advice
are not compared: they depend on the day's load, not on the template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.decide import decide_and_fold
from workflow_jobs.engine.environment import Environment
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.refusal import EngineError, Refused
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import ProcessStep, ServiceStep, Template

# What a refusal says about the person, rather than about the template: then whoever is asked now decides instead.
_ABOUT_THE_PERSON: Final = frozenset({"not_allowed", "own_request", "decided_before", "has_a_voice"})
_MOST_TIMERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Difference:
    """`kind` is path, tier, roles, due or outcome; `before` and `after` say it for the old and the new version."""

    kind: str
    step: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """A past case on two versions. `stopped` says where the old decisions lead no further on the new one, and why."""

    case_id: str
    differences: tuple[Difference, ...]
    stopped: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the case would have gone the same way."""
        return not self.differences and not self.stopped


def replay_case(
    log: Sequence[e.Event], old: Template, new: Template, environment: Callable[[Template], Environment]
) -> Replayed:
    """Play a case's log on both versions and compare. Raises EngineError for a log that does not begin a case."""
    if not log or not isinstance(log[0], e.CaseOpened):
        raise EngineError("a log starts with CaseOpened")
    courses = []
    for template in (old, new):
        course = _Course(environment(template), log)
        course.play()
        courses.append(course)
    before, after = courses
    if after.current is None or before.current is None:
        return Replayed(log[0].case_id, (), tuple(after.stopped or before.stopped))
    told = set(before.stopped)
    stopped = [one for one in (*after.stopped, *after.left()) if one not in told and one not in before.left()]
    notes = [f"on the old version too: {one}" for one in (*before.stopped, *before.left())]
    return Replayed(log[0].case_id, tuple(_differences(before, after)), tuple(stopped), (*notes, *after.notes))


@dataclass
class _Course:
    """One play of the log's decisions on one version."""

    env: Environment
    past: Sequence[e.Event]
    current: CaseState | None = None
    events: list[e.Event] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    waiting: list[e.Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.asked = {event.task_id: event for event in self.past if isinstance(event, e.TaskCreated)}

    @property
    def state(self) -> CaseState:
        assert self.current is not None
        return self.current

    def play(self) -> None:
        opened = self.past[0]
        assert isinstance(opened, e.CaseOpened)
        try:
            self._do(_opening(opened), opened.at)
        except Refused as refused:
            self.stopped.append(f"the case would not be opened: {refused.sentence}")
            return
        for index, event in enumerate(self.past[1:], 1):
            if type(event) not in _FROM_OUTSIDE or not _is_from_outside(event, self.past[index - 1]):
                continue
            self._timers(event.at)
            self.waiting.append(event)
            self._catch_up(event.at)
        self._timers(self.past[-1].at)

    def left(self) -> list[str]:
        """What of the log found no place, and what nobody decided."""
        found = [f"nothing waits for {_words(event)}" for event in self.waiting]
        if self.state.is_open and any(isinstance(event, e.CaseClosed) for event in self.past):
            steps = dict.fromkeys(task.step_id for task in self.state.open_tasks)
            found += [f"step {step}: nobody decided it in the past" for step in steps]
        return found

    def _catch_up(self, now: datetime) -> None:
        """Apply whatever waits and can be applied, until nothing more can."""
        moved = True
        while moved:
            moved = False
            for event in tuple(self.waiting):
                if self._apply(event, now):
                    self.waiting.remove(event)
                    moved = True
                    break

    def _apply(self, event: e.Event, now: datetime) -> bool:
        """Whether the event is dealt with: played, or found impossible for good and said."""
        try:
            commands = list(self._commands(event))
            if not commands:
                return type(event) in _IN_PASSING
            for command in commands:
                self._do(command, now)
        except Refused as refused:
            if isinstance(event, e.TaskDecided) and refused.code in _ABOUT_THE_PERSON:
                return self._by_another(event, now, refused)
            if refused.code in ("step_not_waiting", "signal_not_awaited", "unknown_step", "effect_not_due"):
                return False
            said = self.notes if type(event) in _IN_PASSING else self.stopped
            said.append(f"{_words(event)}: {refused.sentence}")
        return True

    def _by_another(self, event: e.TaskDecided, now: datetime, refused: Refused) -> bool:
        task = self._open_task(event.task_id, event.person_id)
        if task is None or task.assignee is None or task.assignee == event.person_id:
            self.stopped.append(f"{_words(event)}: {refused.sentence}")
            return True
        try:
            self._do(self._decision(event, task, task.assignee), now)
        except Refused as again:
            self.stopped.append(f"{_words(event)}: {again.sentence}")
            return True
        name = self.env.directory.name
        self.notes.append(f"step {event.step_id}: {name(event.person_id)} may not decide it, {name(task.assignee)} may")
        return True

    def _do(self, command: c.Command, now: datetime) -> None:
        events, self.current = decide_and_fold(self.current, command, now, self.env)
        self.events += events

    def _timers(self, until: datetime) -> None:
        """Let every rung and wait that is due by then happen at its time."""
        for _ in range(_MOST_TIMERS):
            rung, timer = self.state.next_rung_at, self.state.next_timer_at
            due = min((at for at in (rung, timer) if at is not None), default=None)
            if due is None or due > until:
                return
            before = self.state.seq
            self._do(c.FireRungs() if due == rung else c.FireTimers(), due)
            if self.state.seq == before:
                return  # nothing of ours: what is due does not move on by itself
            self._catch_up(due)

    def _commands(self, event: e.Event) -> Iterator[c.Command]:
        """The commands that the event stands for; none while nothing waits for it."""
        state = self.state
        match event:
            case e.TaskDecided():
                task = self._open_task(event.task_id, event.person_id)
                if task is not None:
                    yield self._decision(event, task, event.person_id)
            case e.TaskAcknowledged():
                task = self._open_task(event.task_id, event.person_id)
                if task is not None:
                    yield c.Acknowledge(task_id=task.task_id, person_id=event.person_id)
            case e.TaskPaused():
                task = self._open_task(event.task_id, event.person_id)
                if task is not None:
                    yield _rest(event, task)
            case e.TaskResumed():
                task = self._open_task(event.task_id, event.person_id)
                if task is not None:
                    yield c.WakeTask(task_id=task.task_id, person_id=event.person_id or "")
            case e.ApproverAdded():
                task = self._open_task(event.task_id, event.person_id)
                if task is not None:
                    yield c.AddApprover(
                        task_id=task.task_id,
                        task_version=task.version,
                        person_id=event.person_id,
                        to=event.to,
                        reason=event.reason,
                    )
            case e.ServiceCompleted():
                known = state.steps.get(event.step_id)
                if known is not None and known.status in ("active", "failed"):
                    yield c.CompleteService(step_id=event.step_id, run_id=event.run_id, result=event.result)
            case e.ServiceFailed():
                known = state.steps.get(event.step_id)
                if known is not None and known.status == "active":
                    yield self._failure(event)
            case e.SignalReceived():
                if any(step.signal == event.signal for step in state.waits):
                    # Who says so makes no difference to the way; a person may have another role by now.
                    yield c.SendSignal(signal=event.signal, data=event.data)
            case e.ChildEnded():
                known = state.steps.get(event.step_id)
                place = layout_of(self.env.template).places.get(event.step_id)
                if known is not None and known.status == "active" and known.child_case_id is not None:
                    brings = place.node.brings if place is not None and isinstance(place.node, ProcessStep) else {}
                    data = {other: event.data[own] for own, other in brings.items() if own in event.data}
                    yield c.EndChild(child_case_id=known.child_case_id, outcome=event.outcome, data=data)
            case e.CaseWithdrawn():
                yield c.WithdrawCase(person_id=event.person_id, reason=event.reason)
            case e.BreachRecorded():
                kind = c.RecordBreach if state.holds_key else c.ReopenIncident
                yield kind(
                    observed=event.observed, snapshot_id=event.snapshot_id, times=event.breaches, data=event.data
                )
            case e.CaseClosed():
                yield c.JoinIncident(into=event.joined) if event.joined else c.ResolveIncident()
            case e.EffectJudged():
                yield c.JudgeEffect(observed=event.observed, snapshot_id=event.snapshot_id)
            case e.EffectDue():
                yield c.JudgeEffect(observed=None, snapshot_id="")

    def _open_task(self, task_id: str, person_id: str | None) -> TaskState | None:
        """The open task that asks what that task of the log asked; of several the person's own, or the same voter's."""
        once = self.asked[task_id]
        found = [t for t in self.state.open_tasks if (t.step_id, t.purpose) == (once.step_id, once.purpose)]
        return min(found, key=lambda t: (t.assignee != person_id, t.voter != once.voter), default=None)

    def _decision(self, event: e.TaskDecided, task: TaskState, person_id: str) -> c.DecideTask:
        offered = {entry.name for entry in question_of(self.env.template, task).form}
        return c.DecideTask(
            task_id=task.task_id,
            task_version=task.version,
            person_id=person_id,
            outcome=event.outcome,
            form={name: value for name, value in event.form.items() if name in offered},
        )

    def _failure(self, event: e.ServiceFailed) -> c.FailService:
        node = layout_of(self.env.template).places[event.step_id].node
        once = isinstance(node, ServiceStep) and event.final and event.attempt < node.attempts
        # A run without an id would count as reported before.
        run_id = event.run_id or f"attempt {event.attempt}"
        return c.FailService(step_id=event.step_id, run_id=run_id, error=event.error, final=once)


# What is played where there is such a task, and passed over where there is none: the case goes on without it.
_IN_PASSING: Final[frozenset[type[e.Event]]] = frozenset(
    {e.TaskAcknowledged, e.TaskPaused, e.TaskResumed, e.ApproverAdded}
)
_FROM_OUTSIDE: Final[frozenset[type[e.Event]]] = _IN_PASSING | frozenset(
    {
        e.TaskDecided,
        e.ServiceCompleted,
        e.ServiceFailed,
        e.SignalReceived,
        e.ChildEnded,
        e.CaseWithdrawn,
        e.BreachRecorded,
        e.CaseClosed,
        e.EffectJudged,
        e.EffectDue,
    }
)


def _is_from_outside(event: e.Event, before: e.Event) -> bool:
    match event:
        case e.TaskResumed():
            return event.because == "woken"
        case e.CaseClosed():
            return event.outcome in ("resolved", "joined")
        case e.EffectDue():
            return event.attempt > 1
    return True


def _opening(opened: e.CaseOpened) -> c.OpenCase:
    return c.OpenCase(
        case_id=opened.case_id,
        rule_id=opened.rule_id,
        subject_kind=opened.subject_kind,
        subject_id=opened.subject_id,
        subject_label=opened.subject_label,
        metric=opened.metric,
        direction="above" if opened.direction == "above" else "below" if opened.direction == "below" else "",
        observed=opened.observed,
        threshold=opened.threshold,
        snapshot_id=opened.snapshot_id,
        requested_by=opened.requested_by,
        priority=opened.priority,
        times=opened.breaches,
        data=opened.data,
        parent_case_id=opened.parent_case_id,
        parent_step_id=opened.parent_step_id,
    )


def _rest(event: e.TaskPaused, task: TaskState) -> c.Command:
    if event.reason_id:
        return c.PauseTask(
            task_id=task.task_id,
            task_version=task.version,
            person_id=event.person_id,
            reason_id=event.reason_id,
            until=event.until,
        )
    return c.SnoozeTask(
        task_id=task.task_id,
        task_version=task.version,
        person_id=event.person_id,
        until=event.until,
        reason=event.reason,
    )


def _words(event: e.Event) -> str:
    """What happened from outside, in a few words."""
    match event:
        case e.TaskDecided():
            return f"the choice {event.outcome!r} in step {event.step_id}"
        case e.ServiceCompleted() | e.ServiceFailed():
            return f"the job's answer in step {event.step_id}"
        case e.SignalReceived():
            return f"the signal {event.signal!r}"
        case e.ChildEnded():
            return f"the end of the other process in step {event.step_id}"
    return type(event).__name__


def _differences(before: _Course, after: _Course) -> Iterator[Difference]:
    paths = [_path(course.events) for course in (before, after)]
    for step in (one for one in paths[0] if one not in paths[1]):
        yield Difference("path", step, "done", "not reached")
    for step in (one for one in paths[1] if one not in paths[0]):
        yield Difference("path", step, "not there", "reached")
    common = [[one for one in path if one in paths[0] and one in paths[1]] for path in paths]
    if common[0] != common[1]:
        yield Difference("path", "", " > ".join(common[0]), " > ".join(common[1]))
    tasks = [_tasks(course.events) for course in (before, after)]
    for key in (key for key in tasks[0] if key in tasks[1]):
        old, new = tasks[0][key], tasks[1][key]
        if old.tier != new.tier:
            yield Difference("tier", old.step_id, _tier(old), _tier(new))
        if (old.role, old.accountable) != (new.role, new.accountable):
            yield Difference("roles", old.step_id, f"{old.role}, {old.accountable}", f"{new.role}, {new.accountable}")
        if old.due_at != new.due_at:
            yield Difference("due", old.step_id, old.due_at.isoformat(), new.due_at.isoformat())
    for step in common[0]:
        outcomes = [course.state.steps[step].outcome or course.state.steps[step].status for course in (before, after)]
        if outcomes[0] != outcomes[1]:
            yield Difference("outcome", step, outcomes[0], outcomes[1])
    ends = [course.state.outcome or course.state.status for course in (before, after)]
    if ends[0] != ends[1]:
        yield Difference("outcome", "", ends[0], ends[1])


def _path(events: Sequence[e.Event]) -> list[str]:
    """Steps in the order in which they were first entered, forks left out."""
    return list(dict.fromkeys(ev.step_id for ev in events if isinstance(ev, e.StepEntered) and ev.kind != "fork"))


def _tasks(events: Sequence[e.Event]) -> dict[tuple[str, str, int], e.TaskCreated]:
    """Tasks by step, purpose and how many of these came before."""
    found: dict[tuple[str, str, int], e.TaskCreated] = {}
    for event in events:
        if isinstance(event, e.TaskCreated):
            number = sum(key[:2] == (event.step_id, event.purpose) for key in found)
            found[event.step_id, event.purpose, number] = event
    return found


def _tier(task: e.TaskCreated) -> str:
    return "no tier" if task.tier is None else f"tier {task.tier + 1}"
