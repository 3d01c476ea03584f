"""One play of a past case on a version of its template: what came from outside comes again, timers run by themselves.

Belongs here: the play. What the log says of the moments is `past_moments`; comparing plays is `replaying`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.decide import decide_and_fold
from workflow_jobs.engine.environment import Environment
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.past_moments import HAND_OVERS, IN_PASSING, Moment, moments
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import ProcessStep, ServiceStep

# What a refusal says about the person, rather than about the template: then whoever is asked now decides instead.
_ABOUT_THE_PERSON: Final = frozenset({"not_allowed", "own_request", "decided_before", "has_a_voice"})
_NOT_WAITED_FOR: Final = frozenset({"step_not_waiting", "signal_not_awaited", "unknown_step", "effect_not_due"})
_MOST_TIMERS: Final = 10_000


@dataclass
class Course:
    """One play of a log on the version of `env`. `stopped` says what could not be played, and why."""

    env: Environment
    past: Sequence[e.Event]
    current: CaseState | None = None
    events: list[e.Event] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    waiting: list[e.Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.asked = {event.task_id: event for event in self.past if isinstance(event, e.TaskCreated)}
        self.clock = self.past[0].at
        self.ended = not replay(self.past).is_open
        # Which visit of its step asked for another case.
        self.visits: dict[str, int] = {}
        visits: dict[str, int] = {}
        for event in self.past:
            if isinstance(event, e.StepEntered):
                visits[event.step_id] = event.visit
            elif isinstance(event, e.ChildRequested):
                self.visits[event.child_case_id] = visits[event.step_id]

    @property
    def state(self) -> CaseState:
        assert self.current is not None
        return self.current

    def play(self) -> None:
        """Open the case and let everything come at its moment."""
        opened = self.past[0]
        assert isinstance(opened, e.CaseOpened)
        try:
            self._do(_opening(opened), opened.at)
        except Refused as refused:
            self.stopped.append(f"the case would not be opened: {refused.sentence}")
            return
        for moment in moments(self.past):
            self._timers(moment)
            self.clock = moment.at
            if moment.kind == "outside":
                self.waiting.append(moment.event)
            elif moment.kind != "end":
                self._do(c.FireRungs() if moment.kind == "rungs" else c.FireTimers(), moment.at)
            self._catch_up(moment.at)

    def left(self) -> list[str]:
        """What of the log found no place, and what nobody decided."""
        found = [f"nothing waits for {_words(event)}" for event in self.waiting]
        if self.state.is_open and self.ended:
            steps = dict.fromkeys(task.step_id for task in self.state.open_tasks)
            found += [f"step {step}: nobody decided it in the past" for step in steps]
        return found

    def _timers(self, moment: Moment) -> None:
        """Let what is due before the moment happen, as far as somebody looked: at its time, or at the next look."""
        began = min(self.clock, moment.at)
        for _ in range(_MOST_TIMERS):
            due = [
                (max(at, began), number)
                for number, at in enumerate((self.state.next_rung_at, self.state.next_timer_at))
                if at is not None and at <= moment.at
            ]
            seen = (moment.no_rungs_since, moment.no_timers_since)
            free = [(at, number) for at, number in due if (blind := seen[number]) is None or at < blind]
            if not free:
                return
            now, number = min(free)
            before = self.state.seq
            self._do(c.FireTimers() if number else c.FireRungs(), now)
            if self.state.seq == before:
                return  # nothing of ours: what is due does not move on by itself
            self._catch_up(now)

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
        """Whether the event is dealt with: played, passed over, or found impossible for good and said."""
        try:
            commands = list(self._commands(event))
            if not commands:
                return type(event) in IN_PASSING or self._taken_back(event) or self._not_added(event)
            for command in commands:
                self._do(command, now)
        except Refused as refused:
            if isinstance(event, e.TaskDecided) and refused.code in _ABOUT_THE_PERSON:
                return self._by_another(event, now, refused)
            if refused.code in _NOT_WAITED_FOR:
                return False
            if type(event) not in HAND_OVERS:  # who has a task depends on the day, and is not compared
                said = self.notes if type(event) in IN_PASSING else self.stopped
                said.append(f"{_words(event)}: {refused.sentence}")
        return True

    def _taken_back(self, event: e.Event) -> bool:
        """Whether this is the end of another case that was taken back on this version, and so never came."""
        if not isinstance(event, e.ChildEnded):
            return False
        known = self.state.steps.get(event.step_id)
        if known is None or known.child_case_id is None or known.status != "cancelled":
            return False
        if known.visit < self.visits.get(event.child_case_id, 1):
            return False  # it is the end of one that a later visit asks for
        self.notes.append(f"step {known.step_id}: the other process is taken back before it ends")
        return True

    def _not_added(self, event: e.Event) -> bool:
        """Whether this is the decision of an approver whom nobody adds on this version."""
        once = self.asked[event.task_id] if isinstance(event, e.TaskDecided) else None
        if once is None or once.added_by is None or once.step_id not in self.state.steps:
            return False
        self.notes.append(f"step {once.step_id}: {self.env.directory.name(once.assignee or '')} is not added to decide")
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

    def _commands(self, event: e.Event) -> Iterator[c.Command]:
        """The commands that the event stands for; none while nothing waits for it."""
        state = self.state
        match event:
            case e.TaskDecided():
                task = self._open_task(event.task_id, event.person_id)
                if task is not None:
                    yield self._decision(event, task, event.person_id)
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
            case e.ChildRefused():
                known = state.steps.get(event.step_id)
                if known is not None and known.status == "active" and known.child_case_id is not None:
                    yield c.RefuseChild(child_case_id=known.child_case_id, reason=event.reason)
            case e.CaseWithdrawn(person_id=""):
                yield c.EndWithParent(parent_case_id=state.parent_case_id or "", reason=event.reason)
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
                as_of = date.fromisoformat(event.as_of) if event.as_of else None
                yield c.JudgeEffect(observed=event.observed, snapshot_id=event.snapshot_id, as_of=as_of)
            case e.EffectDue():
                yield c.JudgeEffect(observed=None, snapshot_id="")
            case _:
                yield from self._in_passing(event)

    def _in_passing(self, event: e.Event) -> Iterator[c.Command]:
        """The commands on a task that stays open."""
        if isinstance(event, e.TaskReassigned) and event.by is None:
            # Somebody was away, or nobody had claimed it: today's people decide whether that is so.
            yield from (c.ReassignAbsent(), c.HandOutPool())
            return
        person = getattr(event, "person_id", None) or getattr(event, "by", None) or ""
        task = self._open_task(getattr(event, "task_id", ""), person)
        if task is None:
            return
        owner = task.delegated_by or task.assignee or person
        on, seen = task.task_id, task.version
        match event:
            case e.TaskAcknowledged():
                yield c.Acknowledge(task_id=on, person_id=person)
            case e.TaskPaused():
                yield _rest(event, task)
            case e.TaskResumed():
                yield c.WakeTask(task_id=on, person_id=person)
            case e.TaskReassigned():
                yield c.AssignTask(
                    task_id=on, task_version=seen, person_id=person, to=event.assignee, reason=event.reason
                )
            case e.TaskClaimed() if task.assignee is None:
                yield c.ClaimTask(task_id=on, task_version=seen, person_id=person)
            case e.TaskReleased():
                yield c.ReleaseTask(task_id=on, task_version=seen, person_id=owner, reason=event.reason)
            case e.TaskDelegated():
                yield c.DelegateTask(task_id=on, task_version=seen, person_id=owner, to=event.to, reason=event.reason)
            case e.TaskAdvised() if task.delegated_by is not None and task.assignee == person:
                yield c.DecideTask(
                    task_id=on, task_version=seen, person_id=person, outcome=event.outcome, form=event.form
                )
            case e.ApproverAdded():
                yield c.AddApprover(task_id=on, task_version=seen, person_id=owner, to=event.to, reason=event.reason)

    def _open_task(self, task_id: str, person_id: str | None) -> TaskState | None:
        """The open task that asks what that task of the log asked; of several the person's own, or the same voter's.

        What was asked of an added approver is asked of nobody else.
        """
        once = self.asked[task_id]
        asks = (once.step_id, once.purpose, once.added_by is None)
        found = [t for t in self.state.open_tasks if (t.step_id, t.purpose, t.added_by is None) == asks]
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
