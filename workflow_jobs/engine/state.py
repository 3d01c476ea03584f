"""What a case is at a moment: the fold of its events. Frozen; a new event gives a new state.

Derived figures only; nothing here decides. Instants are aware UTC. The JSON form is a cache of the log: it can be
thrown away and replayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import field

from workflow_jobs.engine import codec
from workflow_jobs.engine.codec import Instant
from workflow_jobs.engine.values import Plain

STATE_VERSION: Final = 5


class Advice(codec.Value, frozen=True, kw_only=True, omit_defaults=True):
    """What a delegate advised the assignee to decide."""

    person_id: str
    outcome: str
    at: Instant
    form: Mapping[str, Plain] = field(default_factory=dict)


class Answer(codec.Value, frozen=True, kw_only=True, omit_defaults=True):
    """What a consulted person answered."""

    person_id: str
    text: str
    at: Instant


class PauseEntry(codec.Value, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the ledger of pauses. `task_id` None: the clock of the case. `ended_at` None: it rests still.

    `working_seconds` is the working time that it rested.
    """

    task_id: str | None
    step_id: str
    reason: str
    began_at: Instant
    until: Instant
    reason_id: str = ""
    person_id: str | None = None
    ended_at: Instant | None = None
    working_seconds: int = 0


class Rating(codec.Value, frozen=True, kw_only=True, omit_defaults=True):
    """One person's rating of the process."""

    score: int
    comment: str
    at: Instant


class TaskState(codec.Value, frozen=True, kw_only=True, omit_defaults=True):
    """One question to one person. `status` is open, decided or cancelled.

    While it rests, `paused_until` says until when, and `next_rung_at` is that instant: the next thing that its clock
    has to do is to go on. `paused_seconds` is the working time of all pauses that are over, `pauses` counts those that
    a person asked for. `clock_of` is who was asked first, by whose calendar the clock runs (None: nobody, it is the
    template's). `late_rest`: the rest that is under way (or being withdrawn with its case) began when the task
    was late; `late_rest_seconds` is the part of `paused_seconds` of such rests, which do not move the due time.
    `withdrawn_because` is why a cancelled task was.
    """

    task_id: str
    step_id: str
    role: str
    accountable: str
    assignee: str | None
    assigned_because: str
    status: str
    version: int
    created_at: Instant
    due_at: Instant
    sla_seconds: int
    calendar_confirmed: bool
    next_rung_at: Instant | None
    rung_index: int = 0
    purpose: str = "decide"
    tier: int | None = None
    substitute_for: str | None = None
    acknowledged_by: str | None = None
    acknowledged_at: Instant | None = None
    decided_by: str | None = None
    decided_at: Instant | None = None
    acting_for: str | None = None
    outcome: str | None = None
    late: bool = False
    form: Mapping[str, Plain] = field(default_factory=dict)
    closed_at: Instant | None = None
    assigned_by: str | None = None
    paused_at: Instant | None = None
    paused_until: Instant | None = None
    paused_by: str | None = None
    pause_reason: str = ""
    pauses: int = 0
    paused_seconds: int = 0
    pause_reason_id: str = ""
    calendar: str = "default"
    voter: int | None = None
    added_by: str | None = None
    pooled: bool = False
    delegated_by: str | None = None
    advice: Advice | None = None
    answers: tuple[Answer, ...] = ()
    by_default: bool = False
    advisers: tuple[str, ...] = ()
    late_rest: bool = False
    late_rest_seconds: int = 0
    clock_of: str | None = None
    withdrawn_because: str = ""


class StepState(codec.Value, frozen=True, kw_only=True, omit_defaults=True):
    """One step in its latest visit.

    `status` is active, failed (a person was asked to rescue it), completed, cancelled, or undone (it was done, at
    least in part, and the case returned to a step before it, or began again after its effect failed). `attempt`, `job`,
    `idempotency_key`, `timeout_at`, `run_id` belong to service steps, `error` to what failed; `branches`, `joined`,
    `needed` to forks and decisions (`needed` 0: all), `rules` to decisions; `wake_at`, `signal`, `day`,
    `calendar_confirmed` to waits; `child_case_id` to process steps; `approvals`, `rejections` to votes. `tasks` counts
    those of all visits, `earlier_tasks` those of the visits before this one, and those that do not count any more
    since the step was asked afresh.
    """

    step_id: str
    kind: str
    status: str
    visit: int
    entered_at: Instant
    completed_at: Instant | None = None
    outcome: str | None = None
    note: str = ""
    tasks: int = 0
    job: str | None = None
    idempotency_key: str | None = None
    attempt: int = 0
    timeout_at: Instant | None = None
    run_id: str | None = None
    error: str | None = None
    branches: int = 0
    joined: tuple[int, ...] = ()
    needed: int = 0
    rules: tuple[str, ...] = ()
    started: tuple[int, ...] = ()
    wake_at: Instant | None = None
    signal: str = ""
    child_case_id: str | None = None
    approvals: int = 0
    rejections: int = 0
    earlier_tasks: int = 0
    day: str = ""
    calendar_confirmed: bool = True


class CaseState(codec.Value, frozen=True, kw_only=True, omit_defaults=True):
    """A whole case.

    `status`: open; watching_effect (people are done, the metric is to be looked at again at `effect_due_at`);
    effective, ineffective (judged); closed (nothing to judge, or no figure could be had); cancelled. `joined` is the
    case that a closed one became part of. `due_at`, `sla_seconds`, `rung_index`, `rung_at`, `paused_*` are the clock of
    the whole case, where its template has one. `children` counts cases opened by this one; `returns` how often it went
    back; `ledger` has every pause; `withdrawn` are the steps that were under way when it was closed (None: not kept).
    `late_rest` and `late_rest_seconds` are of the case's clock what they are of a task's.
    """

    case_id: str
    template_id: str
    template_hash: str
    status: str
    seq: int
    opened_at: Instant
    priority: str
    rule_id: str
    subject_kind: str = ""
    subject_id: str = ""
    subject_label: str = ""
    metric: str = ""
    direction: str = ""
    observed: str | None = None
    threshold: str | None = None
    snapshot_id: str = ""
    requested_by: str | None = None
    outcome: str | None = None
    closed_at: Instant | None = None
    awaiting_resolution: bool = False
    breaches: int = 1
    latest_observed: str | None = None
    latest_snapshot_id: str = ""
    effect_due_at: Instant | None = None
    effect_attempt: int = 0
    effect_observed: str | None = None
    reopened: int = 0
    joined: str = ""
    data: Mapping[str, Plain] = field(default_factory=dict)
    results: Mapping[str, Plain] = field(default_factory=dict)
    steps: Mapping[str, StepState] = field(default_factory=dict)
    tasks: Mapping[str, TaskState] = field(default_factory=dict)
    parent_case_id: str | None = None
    parent_step_id: str | None = None
    children: int = 0
    returns: int = 0
    withdrawn_by: str | None = None
    due_at: Instant | None = None
    clock_started_at: Instant | None = None
    sla_seconds: int = 0
    calendar: str = "default"
    calendar_confirmed: bool = True
    rung_index: int = 0
    rung_at: Instant | None = None
    paused_at: Instant | None = None
    paused_until: Instant | None = None
    paused_seconds: int = 0
    ledger: tuple[PauseEntry, ...] = ()
    ratings: Mapping[str, Rating] = field(default_factory=dict)
    withdrawn: tuple[str, ...] | None = None
    late_rest: bool = False
    late_rest_seconds: int = 0

    @property
    def is_open(self) -> bool:
        """Whether people or services still work on it."""
        return self.status == "open"

    @property
    def holds_key(self) -> bool:
        """Whether breaches of its rule and subject belong to it: while it is open, and until its effect is judged.

        A figure over a window moves slowly: it would open a new case the moment that the measures were agreed.
        """
        return self.status in ("open", "watching_effect")

    @property
    def open_tasks(self) -> tuple[TaskState, ...]:
        """Tasks that wait for a person, in order of creation."""
        return tuple(task for task in self.tasks.values() if task.status == "open")

    @property
    def next_rung_at(self) -> datetime | None:
        """When the next rung of any open task is due."""
        return min((t.next_rung_at for t in self.open_tasks if t.next_rung_at is not None), default=None)

    @property
    def waits(self) -> tuple[StepState, ...]:
        """Wait steps whose time has not come."""
        return tuple(s for s in self.steps.values() if s.kind == "wait" and s.status == "active")

    @property
    def next_timer_at(self) -> datetime | None:
        """When the case itself has something to do: a wait ends, or a rung of its own ladder is due."""
        due = [step.wake_at for step in self.waits if step.wake_at is not None]
        if self.is_open and self.rung_at is not None:
            due.append(self.rung_at)
        return min(due, default=None)

    @property
    def waiting_services(self) -> tuple[StepState, ...]:
        """Service steps whose job is to run or runs."""
        return tuple(s for s in self.steps.values() if s.kind == "service" and s.status == "active")


def state_to_json(state: CaseState) -> dict[str, Any]:
    """A state as plain JSON with its `state_version`; what holds its default is left out.

    So a changed default needs a new `STATE_VERSION`.
    """
    return {"state_version": STATE_VERSION, **codec.encode(state)}


def state_from_json(body: Mapping[str, Any]) -> CaseState:
    """The state that `state_to_json` wrote. Raises codec.CodecError (replay the log then)."""
    fields = dict(body)
    version = fields.pop("state_version", None)
    if version != STATE_VERSION:
        raise codec.CodecError(f"the state has version {version!r}, this engine reads {STATE_VERSION}: replay the log")
    return codec.decode(CaseState, fields)
