"""What happened to a case, in the past tense. The log of these is the case; `evolve` folds them into its state.

Every event says everything that the fold needs: due times, names and rungs are computed once, by `decide`, so that a
replay needs neither template nor calendar nor directory. Instants are aware UTC. Fields may be added with a default;
a field is never renamed or removed without an entry in `_UPGRADES`, because old logs must load for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from workflow_jobs.engine import codec
from workflow_jobs.engine.values import Plain

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Common to all: the case, the position in its log (1, 2, 3 ...) and when it was decided."""

    case_id: str
    seq: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOpened(Event):
    """First event of every log. `observed` and `threshold` are exact decimal text; `direction` is above or below."""

    template_id: str
    template_hash: str
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
    data: Mapping[str, Plain] = field(default_factory=dict)
    breaches: int = 1
    parent_case_id: str | None = None
    parent_step_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachRecorded(Event):
    """The same rule and subject breached again in a later snapshot; `breaches` counts them, the first included.

    `data` has the entries of the case's data that changed.
    """

    observed: str | None
    snapshot_id: str
    breaches: int
    data: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEntered(Event):
    """`kind` is human, service, wait, process, fork or decision; `visit` counts entries of this step.

    `branches` is how many start: 0 but for a fork or a decision. `needed` is how many of them the join waits for (0:
    all). The case's data lose the fields `dropped`: what only this step had said, when it sent the case back.
    """

    step_id: str
    kind: str
    visit: int
    branches: int = 0
    needed: int = 0
    note: str = ""
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesApplied(Event):
    """A decision table was read: the rules that held, the branches (0-based) that they start, what they set."""

    step_id: str
    rules: tuple[str, ...]
    branches: tuple[int, ...]
    data: Mapping[str, Plain] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitStarted(Event):
    """Nothing happens before `wake_at`, or the `signal` (empty: none is waited for).

    `day` is the date that was stated for it (ISO), empty where it goes by none.
    """

    step_id: str
    wake_at: datetime
    signal: str = ""
    pauses_case: bool = False
    note: str = ""
    day: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitRecomputed(Event):
    """The working calendar changed, or the template's time: a wait under way ends at another time.

    `rests_until` is until when the clock of the case rests at the latest, where it rests; `day` is as in WaitStarted.
    """

    step_id: str
    wake_at: datetime
    previous_wake_at: datetime
    reason: str
    note: str = ""
    day: str = ""
    rests_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalReceived(Event):
    """What a wait step waited for has come. `data` are the fields that it brought; `person_id` who sent it."""

    step_id: str
    signal: str
    data: Mapping[str, Plain] = field(default_factory=dict)
    person_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildRequested(Event):
    """Another template's case is opened in the same transaction; its id is this case's with a number."""

    step_id: str
    child_case_id: str
    template_id: str
    data: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildRefused(Event):
    """The other template's case cannot be opened, and `reason` says why; a person is asked (purpose rescue)."""

    step_id: str
    child_case_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildEnded(Event):
    """The case that this one waited for has ended. `data` are the fields that it brings."""

    step_id: str
    child_case_id: str
    outcome: str
    data: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReturned(Event):
    """The case goes back to `to_step`. `undone` are the steps that had been completed and are to be done again.

    The case's data lose the fields `dropped`, which only steps filled that are to be done again.
    """

    from_step: str
    to_step: str
    person_id: str
    reason: str
    undone: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseWithdrawn(Event):
    """Who asked for it (or answers for the process) takes the case back; it is closed by the events that follow.

    An empty `person_id`: the case that opened this one ended, or went on without it.
    """

    person_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateMigrated(Event):
    """The case follows another version of its template from here on. `person_id` gave the command."""

    from_hash: str
    to_hash: str
    person_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCreated(Event):
    """A person is asked. `purpose` is decide (the step's own question) or rescue (a job failed, or another case could
    not be opened).

    `tier` is the index of the approval tier or None. `assignee` is None while the directory knows nobody for the role.
    `due_at` and `next_rung_at` are derived in working time; `calendar_confirmed` is False when the due date lies past
    the date to which the working calendar is published. `sla_seconds` is the agreed working time by `calendar`.
    `voter` is the position among the voters of a voting step; `added_by` asked for this further approval. A `pooled`
    task has no assignee until somebody claims it.
    """

    task_id: str
    step_id: str
    role: str
    accountable: str
    assignee: str | None
    assigned_because: str
    due_at: datetime
    sla_seconds: int
    calendar_confirmed: bool
    next_rung_at: datetime | None
    version: int
    substitute_for: str | None = None
    tier: int | None = None
    purpose: str = "decide"
    calendar: str = "default"
    voter: int | None = None
    added_by: str | None = None
    pooled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAcknowledged(Event):
    """Somebody said that he has seen the task. The clock runs on."""

    task_id: str
    person_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReassigned(Event):
    """Another person is asked. The new `version` makes every card of the old one stale; the clock runs on.

    `by` is the person who handed it over, None where nobody did (the assignee is away); `reason` is what he wrote.
    """

    task_id: str
    version: int
    assignee: str
    assigned_because: str
    previous: str | None = None
    substitute_for: str | None = None
    by: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskClaimed(Event):
    """Somebody took a task that nobody had, or from those who share it. The new `version` makes older cards stale."""

    task_id: str
    version: int
    person_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReleased(Event):
    """The assignee gave the task back to all who hold its role."""

    task_id: str
    version: int
    person_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDelegated(Event):
    """The assignee `person_id` asks `to` to work on the task and to advise him; the decision stays his."""

    task_id: str
    version: int
    person_id: str
    to: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAdvised(Event):
    """The delegate `person_id` advises `outcome`; the task is with `back_to` again, who decides.

    `substitute_for` is who had delegated it, where he is away and `back_to` decides in his place.
    """

    task_id: str
    version: int
    person_id: str
    outcome: str
    back_to: str
    form: Mapping[str, Plain] = field(default_factory=dict)
    substitute_for: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproverAdded(Event):
    """The assignee asks `to` for a further approval; a TaskCreated for him follows."""

    task_id: str
    person_id: str
    to: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteCounted(Event):
    """How the vote of a step stands after a decision. `outcome` is set where it is settled.

    `data` is then what becomes the case's: in a vote the form of the last one who chose what the step comes to, else
    what all who chose it typed, later over earlier. Each one's form stays on his task.
    """

    step_id: str
    approvals: int
    rejections: int
    needed: int
    voters: int
    outcome: str | None = None
    data: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationAnswered(Event):
    """A person who was consulted answered before the decision."""

    task_id: str
    person_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultTaken(Event):
    """Nobody decided in time: the template's rung took the stated outcome itself."""

    task_id: str
    step_id: str
    version: int
    outcome: str
    rung_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRecomputed(Event):
    """The working calendar changed, or the template's time. `task_id` None: the clock of the case.

    `sla_seconds` and `rung_index` are set where the case moved to a version of its template with another time or
    ladder.
    """

    task_id: str | None
    due_at: datetime
    next_rung_at: datetime | None
    calendar: str
    calendar_confirmed: bool
    previous_due_at: datetime
    reason: str
    sla_seconds: int | None = None
    rung_index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPaused(Event):
    """The task rests until `until`; its SLA clock waits. `due_at` is the due time if it rests that long.

    With `TaskResumed` this is the ledger of a task's pauses: who, why, from when to when. `reason_id` names the stated
    reason, empty for a person's own words.
    """

    task_id: str
    person_id: str
    until: datetime
    reason: str
    due_at: datetime
    reason_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResumed(Event):
    """The task's clock runs again. `paused_seconds` is the working time of all its pauses so far.

    `because` is over (the time was up), woken (by `person_id`), decided (by `person_id`, before the time was up),
    withdrawn (so is the task, by the TaskCancelled that follows), or reopened (the case had ended; the time in between
    counts as a pause, and the task is open again).
    """

    task_id: str
    because: str
    paused_seconds: int
    due_at: datetime
    next_rung_at: datetime | None
    person_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDecided(Event):
    """The decision. `acting_for` names the assignee when somebody else who may decided in his place.

    `one_of_several`: others are asked the same. The form stays with the task; what of it becomes the case's data is
    said by the VoteCounted that settles the step.
    """

    task_id: str
    step_id: str
    version: int
    person_id: str
    outcome: str
    form: Mapping[str, Plain]
    acting_for: str | None = None
    late: bool = False
    one_of_several: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCancelled(Event):
    """The question is withdrawn: the case ended, or the service step finished after all."""

    task_id: str
    step_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRequested(Event):
    """A job is to run. All attempts of one visit share `idempotency_key`, so that the work is done once."""

    step_id: str
    job: str
    idempotency_key: str
    attempt: int
    timeout_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCompleted(Event):
    """The job's result, kept under `results.<step_id>` for conditions."""

    step_id: str
    run_id: str
    result: Mapping[str, Plain]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFailed(Event):
    """One attempt failed or took too long. `final` says that no further attempt follows by itself."""

    step_id: str
    run_id: str
    error: str
    attempt: int
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCompleted(Event):
    """The step is done. `outcome` is the person's choice, `completed` for a service step, `joined` for a fork, the
    rules for a decision, `elapsed` or `signalled` for a wait, the other case's outcome for a process step.
    """

    step_id: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCancelled(Event):
    """The step was under way when the case ended, returned to an earlier step, or went on without its branch."""

    step_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResumed(Event):
    """A fork or a decision was withdrawn with its case, and is under way again because the case is."""

    step_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchJoined(Event):
    """A branch (0-based) reached the join of its fork. `remaining` is how many the join still waits for."""

    fork_id: str
    branch: int
    remaining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionAwaited(Event):
    """All steps are done; the case stays open until its cause is gone (ResolveIncident)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RungFired(Event):
    """One rung of the escalation ladder. `scheduled_at` is when it was due; `to_person` is None if nobody was found.

    `next_rung_at` is None after the last rung.
    """

    task_id: str
    rung_index: int
    percent: int
    action: str
    to: str
    to_person: str | None
    scheduled_at: datetime
    next_rung_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RungSkipped(Event):
    """A rung was due but has nothing to say any more: the task was acknowledged."""

    task_id: str
    rung_index: int
    percent: int
    scheduled_at: datetime
    next_rung_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseClockStarted(Event):
    """The working time for the whole case begins to run."""

    due_at: datetime
    sla_seconds: int
    calendar: str
    calendar_confirmed: bool
    next_rung_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRungFired(Event):
    """One rung of the case's own ladder; fields as in RungFired."""

    rung_index: int
    percent: int
    action: str
    to: str
    to_person: str | None
    scheduled_at: datetime
    next_rung_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePaused(Event):
    """The clock of the case rests while `step_id` waits, until `until` at the latest."""

    step_id: str
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResumed(Event):
    """The clock of the case runs again. `paused_seconds` is the working time of all its pauses so far."""

    paused_seconds: int
    due_at: datetime
    next_rung_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRated(Event):
    """One who took part rates the process, 1 (bad) to 5 (good); his last rating counts."""

    person_id: str
    score: int
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseClosed(Event):
    """The people's part is over: `outcome` is completed, resolved, joined, or what an ending choice names.

    `joined` is the case of which this one turned out to be a symptom. `withdrawn` are the steps that were under way, in
    the order of the file; None in logs of before it was kept.
    """

    outcome: str
    joined: str = ""
    withdrawn: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectDue(Event):
    """The metric is to be looked at again at `due_at`. `attempt` counts looks that found no figure."""

    due_at: datetime
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectJudged(Event):
    """Whether the case moved its metric. `effective` is None when no figure could be had at all."""

    effective: bool | None
    observed: str | None
    snapshot_id: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReopened(Event):
    """The case is open again: its effect failed (it starts from its first step), or its cause came back.

    `reopened` counts.
    """

    reopened: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectEscalated(Event):
    """The ineffective case is handed up; the case itself is finished."""

    to: str
    to_person: str | None
    reason: str


EVENT_TYPES: Final[Mapping[str, type[Event]]] = {
    cls.__name__: cls
    for cls in (
        CaseOpened,
        BreachRecorded,
        StepEntered,
        TaskCreated,
        TaskAcknowledged,
        TaskReassigned,
        TaskPaused,
        TaskResumed,
        TaskDecided,
        TaskCancelled,
        ServiceRequested,
        ServiceCompleted,
        ServiceFailed,
        StepCompleted,
        StepCancelled,
        StepResumed,
        BranchJoined,
        ResolutionAwaited,
        RungFired,
        RungSkipped,
        CaseClosed,
        EffectDue,
        EffectJudged,
        CaseReopened,
        EffectEscalated,
        RulesApplied,
        WaitStarted,
        WaitRecomputed,
        SignalReceived,
        ChildRequested,
        ChildRefused,
        ChildEnded,
        CaseReturned,
        CaseWithdrawn,
        TemplateMigrated,
        TaskClaimed,
        TaskReleased,
        TaskDelegated,
        TaskAdvised,
        ApproverAdded,
        VoteCounted,
        ConsultationAnswered,
        DefaultTaken,
        ClockRecomputed,
        CaseClockStarted,
        CaseRungFired,
        CasePaused,
        CaseResumed,
        CaseRated,
    )
}

# (type, schema version) -> what turns the body of that version into the body of the next one.
_UPGRADES: Final[Mapping[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]]] = {}


def to_json(event: Event) -> dict[str, Any]:
    """An event as plain JSON with its `type` and `schema_version`."""
    return {"type": type(event).__name__, "schema_version": SCHEMA_VERSION, **codec.encode(event)}


def from_json(body: Mapping[str, Any]) -> Event:
    """The event that `to_json` of this or an earlier version wrote. Raises codec.CodecError."""
    fields = dict(body)
    name, version = fields.pop("type", None), fields.pop("schema_version", None)
    cls = EVENT_TYPES.get(name) if isinstance(name, str) else None
    if cls is None:
        raise codec.CodecError(f"unknown event type {name!r}: written by a later version?")
    if not isinstance(version, int) or not 1 <= version <= SCHEMA_VERSION:
        raise codec.CodecError(f"{name} has schema version {version!r}, this engine reads 1 to {SCHEMA_VERSION}")
    for step in range(version, SCHEMA_VERSION):
        upgrade = _UPGRADES.get((cls.__name__, step))
        fields = upgrade(fields) if upgrade else fields
    return codec.decode(cls, fields)
