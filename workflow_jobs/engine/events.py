"""What happened to a case, in the past tense. The log of these is the case; `evolve` folds them into its state.

Every event says everything that the fold needs: due times, names and rungs are computed once, by `decide`, so that a
replay needs neither template nor calendar nor directory. Instants are aware UTC. Fields may be added with a default;
a field is never renamed or removed without an entry in `_UPGRADES`, because old logs must load for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import field

from workflow_jobs.engine import codec
from workflow_jobs.engine.codec import Instant
from workflow_jobs.engine.values import Plain

SCHEMA_VERSION: Final = 1


class Event(codec.Value, frozen=True, kw_only=True):
    """Common to all: the case, the position in its log (1, 2, 3 ...) and when it was decided."""

    case_id: str
    seq: int
    at: Instant


class CaseOpened(Event, frozen=True, kw_only=True):
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


class BreachRecorded(Event, frozen=True, kw_only=True):
    """The same rule and subject breached again in a later snapshot; `breaches` counts them, the first included.

    `data` has the entries of the case's data that changed.
    """

    observed: str | None
    snapshot_id: str
    breaches: int
    data: Mapping[str, Plain] = field(default_factory=dict)


class StepEntered(Event, frozen=True, kw_only=True):
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


class RulesApplied(Event, frozen=True, kw_only=True):
    """A decision table was read: the rules that held, the branches (0-based) that they start, what they set."""

    step_id: str
    rules: tuple[str, ...]
    branches: tuple[int, ...]
    data: Mapping[str, Plain] = field(default_factory=dict)
    note: str = ""


class WaitStarted(Event, frozen=True, kw_only=True):
    """Nothing happens before `wake_at`, or the `signal` (empty: none is waited for).

    `day` is the date that was stated for it (ISO), empty where it goes by none. `calendar_confirmed` is False where
    `wake_at` goes by working days past the date to which the calendar is published.
    """

    step_id: str
    wake_at: Instant
    signal: str = ""
    pauses_case: bool = False
    note: str = ""
    day: str = ""
    calendar_confirmed: bool = True


class WaitRecomputed(Event, frozen=True, kw_only=True):
    """The working calendar changed, or the template's time: a wait under way ends at another time.

    `rests_until` is until when the clock of the case rests at the latest, where it rests; `day` and
    `calendar_confirmed` are as in WaitStarted.
    """

    step_id: str
    wake_at: Instant
    previous_wake_at: Instant
    reason: str
    note: str = ""
    day: str = ""
    rests_until: Instant | None = None
    calendar_confirmed: bool = True


class SignalReceived(Event, frozen=True, kw_only=True):
    """What a wait step waited for has come. `data` are the fields that it brought; `person_id` who sent it."""

    step_id: str
    signal: str
    data: Mapping[str, Plain] = field(default_factory=dict)
    person_id: str | None = None


class ChildRequested(Event, frozen=True, kw_only=True):
    """Another template's case is opened in the same transaction; its id is this case's with a number."""

    step_id: str
    child_case_id: str
    template_id: str
    data: Mapping[str, Plain] = field(default_factory=dict)


class ChildRefused(Event, frozen=True, kw_only=True):
    """The other template's case cannot be opened, and `reason` says why; a person is asked (purpose rescue)."""

    step_id: str
    child_case_id: str
    reason: str


class ChildEnded(Event, frozen=True, kw_only=True):
    """The case that this one waited for has ended. `data` are the fields that it brings."""

    step_id: str
    child_case_id: str
    outcome: str
    data: Mapping[str, Plain] = field(default_factory=dict)


class CaseReturned(Event, frozen=True, kw_only=True):
    """The case goes back to `to_step`. `undone` are the steps that had been completed and are to be done again, and
    those withdrawn after somebody had decided there.

    The case's data lose the fields `dropped`, which only steps filled that are to be done again.
    """

    from_step: str
    to_step: str
    person_id: str
    reason: str
    undone: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


class CaseWithdrawn(Event, frozen=True, kw_only=True):
    """Who asked for it (or answers for the process) takes the case back; it is closed by the events that follow.

    An empty `person_id`: the case that opened this one ended, or went on without it.
    """

    person_id: str
    reason: str


class TemplateMigrated(Event, frozen=True, kw_only=True):
    """The case follows another version of its template from here on. `person_id` gave the command."""

    from_hash: str
    to_hash: str
    person_id: str


class TaskCreated(Event, frozen=True, kw_only=True):
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
    due_at: Instant
    sla_seconds: int
    calendar_confirmed: bool
    next_rung_at: Instant | None
    version: int
    substitute_for: str | None = None
    tier: int | None = None
    purpose: str = "decide"
    calendar: str = "default"
    voter: int | None = None
    added_by: str | None = None
    pooled: bool = False


class TaskAcknowledged(Event, frozen=True, kw_only=True):
    """Somebody said that he has seen the task. The clock runs on."""

    task_id: str
    person_id: str


class TaskReassigned(Event, frozen=True, kw_only=True):
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


class TaskClaimed(Event, frozen=True, kw_only=True):
    """Somebody took a task that nobody had, or from those who share it. The new `version` makes older cards stale.

    `substitute_for` is the absent holder of its role in whose place he did.
    """

    task_id: str
    version: int
    person_id: str
    substitute_for: str | None = None


class TaskReleased(Event, frozen=True, kw_only=True):
    """The assignee gave the task back to all who hold its role."""

    task_id: str
    version: int
    person_id: str
    reason: str = ""


class TaskDelegated(Event, frozen=True, kw_only=True):
    """The assignee `person_id` asks `to` to work on the task and to advise him; the decision stays his."""

    task_id: str
    version: int
    person_id: str
    to: str
    reason: str


class TaskAdvised(Event, frozen=True, kw_only=True):
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


class ApproverAdded(Event, frozen=True, kw_only=True):
    """The assignee asks `to` for a further approval; a TaskCreated for him follows."""

    task_id: str
    person_id: str
    to: str
    reason: str


class VoteCounted(Event, frozen=True, kw_only=True):
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


class ConsultationAnswered(Event, frozen=True, kw_only=True):
    """A person who was consulted answered before the decision."""

    task_id: str
    person_id: str
    text: str


class DefaultTaken(Event, frozen=True, kw_only=True):
    """Nobody decided in time: the template's rung took the stated outcome itself."""

    task_id: str
    step_id: str
    version: int
    outcome: str
    rung_index: int


class ClockRecomputed(Event, frozen=True, kw_only=True):
    """The working calendar changed, or the template's time. `task_id` None: the clock of the case.

    `sla_seconds` and `rung_index` are set where the case moved to a version of its template with another time or
    ladder.
    """

    task_id: str | None
    due_at: Instant
    next_rung_at: Instant | None
    calendar: str
    calendar_confirmed: bool
    previous_due_at: Instant
    reason: str
    sla_seconds: int | None = None
    rung_index: int | None = None


class TaskPaused(Event, frozen=True, kw_only=True):
    """The task rests until `until`; its SLA clock waits. `due_at` is the due time if it rests that long.

    With `TaskResumed` this is the ledger of a task's pauses: who, why, from when to when. `reason_id` names the stated
    reason, empty for a person's own words. `calendar_confirmed` is that of the new due time; None, in logs of before it
    was kept: as it was.
    """

    task_id: str
    person_id: str
    until: Instant
    reason: str
    due_at: Instant
    reason_id: str = ""
    calendar_confirmed: bool | None = None


class TaskResumed(Event, frozen=True, kw_only=True):
    """The task's clock runs again. `paused_seconds` is the working time of all its pauses so far.

    `because` is over (the time was up), woken (by `person_id`), decided (by `person_id`, before the time was up),
    withdrawn (so is the task, by the TaskCancelled that follows), or reopened (the case had ended; the time in between
    counts as a pause, and the task is open again). `calendar_confirmed` is as in TaskPaused.
    """

    task_id: str
    because: str
    paused_seconds: int
    due_at: Instant
    next_rung_at: Instant | None
    person_id: str | None = None
    calendar_confirmed: bool | None = None


class TaskDecided(Event, frozen=True, kw_only=True):
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


class TaskCancelled(Event, frozen=True, kw_only=True):
    """The question is withdrawn, and `reason` says why: the case ended, went back or went on without it, the step is
    decided, another tier is asked.

    `asked_afresh`: the step is asked once more in the same visit, and nothing counts that was decided there before.
    """

    task_id: str
    step_id: str
    reason: str
    asked_afresh: bool = False


class ServiceRequested(Event, frozen=True, kw_only=True):
    """A job is to run. All attempts of one visit share `idempotency_key`, so that the work is done once."""

    step_id: str
    job: str
    idempotency_key: str
    attempt: int
    timeout_at: Instant


class ServiceCompleted(Event, frozen=True, kw_only=True):
    """The job's result, kept under `results.<step_id>` for conditions."""

    step_id: str
    run_id: str
    result: Mapping[str, Plain]


class ServiceFailed(Event, frozen=True, kw_only=True):
    """One attempt failed or took too long. `final` says that no further attempt follows by itself."""

    step_id: str
    run_id: str
    error: str
    attempt: int
    final: bool


class StepCompleted(Event, frozen=True, kw_only=True):
    """The step is done. `outcome` is the person's choice, `completed` for a service step, `joined` for a fork, the
    rules for a decision, `elapsed` or `signalled` for a wait, the other case's outcome for a process step.
    """

    step_id: str
    outcome: str


class StepCancelled(Event, frozen=True, kw_only=True):
    """The step was under way when the case ended, returned to an earlier step, or went on without its branch."""

    step_id: str
    reason: str


class StepResumed(Event, frozen=True, kw_only=True):
    """A fork or a decision was withdrawn with its case, and is under way again because the case is."""

    step_id: str


class BranchJoined(Event, frozen=True, kw_only=True):
    """A branch (0-based) reached the join of its fork. `remaining` is how many the join still waits for."""

    fork_id: str
    branch: int
    remaining: int


class ResolutionAwaited(Event, frozen=True, kw_only=True):
    """All steps are done; the case stays open until its cause is gone (ResolveIncident)."""


class RungFired(Event, frozen=True, kw_only=True):
    """One rung of the escalation ladder. `scheduled_at` is when it was due; `to_person` is None if nobody was found.

    `next_rung_at` is None after the last rung. `channel` is that of the assignee's department where the rung is for it:
    empty, it has none and nobody was told there; None, the rung is for somebody else (or the log did not keep it).
    """

    task_id: str
    rung_index: int
    percent: int
    action: str
    to: str
    to_person: str | None
    scheduled_at: Instant
    next_rung_at: Instant | None
    channel: str | None = None


class RungSkipped(Event, frozen=True, kw_only=True):
    """A rung was due but has nothing to say any more: the task was acknowledged."""

    task_id: str
    rung_index: int
    percent: int
    scheduled_at: Instant
    next_rung_at: Instant | None


class CaseClockStarted(Event, frozen=True, kw_only=True):
    """The working time for the whole case begins to run."""

    due_at: Instant
    sla_seconds: int
    calendar: str
    calendar_confirmed: bool
    next_rung_at: Instant | None


class CaseRungFired(Event, frozen=True, kw_only=True):
    """One rung of the case's own ladder; fields as in RungFired."""

    rung_index: int
    percent: int
    action: str
    to: str
    to_person: str | None
    scheduled_at: Instant
    next_rung_at: Instant | None


class CasePaused(Event, frozen=True, kw_only=True):
    """The clock of the case rests while `step_id` waits, until `until` at the latest."""

    step_id: str
    reason: str
    until: Instant


class CaseResumed(Event, frozen=True, kw_only=True):
    """The clock of the case runs again. `paused_seconds` is the working time of all its pauses so far.

    `calendar_confirmed` is as in TaskPaused.
    """

    paused_seconds: int
    due_at: Instant
    next_rung_at: Instant | None
    calendar_confirmed: bool | None = None


class CaseRated(Event, frozen=True, kw_only=True):
    """One who took part rates the process, 1 (bad) to 5 (good); his last rating counts."""

    person_id: str
    score: int
    comment: str = ""


class CaseClosed(Event, frozen=True, kw_only=True):
    """The people's part is over: `outcome` is completed, resolved, joined, or what an ending choice names.

    `joined` is the case of which this one turned out to be a symptom. `withdrawn` are the steps that were under way, in
    the order of the file; None in logs of before it was kept.
    """

    outcome: str
    joined: str = ""
    withdrawn: tuple[str, ...] | None = None


class EffectDue(Event, frozen=True, kw_only=True):
    """The metric is to be looked at again at `due_at`. `attempt` counts looks that found no figure."""

    due_at: Instant
    attempt: int = 1


class EffectJudged(Event, frozen=True, kw_only=True):
    """Whether the case moved its metric. `effective` is None when no figure could be had at all.

    `as_of` is the day (ISO) up to which the figures counted that were looked at; empty in logs of before it was kept.
    """

    effective: bool | None
    observed: str | None
    snapshot_id: str
    note: str = ""
    as_of: str = ""


class CaseReopened(Event, frozen=True, kw_only=True):
    """The case is open again: its effect failed (it starts from its first step), or its cause came back.

    `reopened` counts. `undone` are the steps that are to be done again, as after a return; the case's data lose the
    fields `dropped`. Logs of before these were kept went on with what the case had known.
    """

    reopened: int
    reason: str
    undone: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


class EffectEscalated(Event, frozen=True, kw_only=True):
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
    """An event as plain JSON with its `type` and `schema_version`. Raises CodecError where its instant has no zone."""
    if event.at.tzinfo is None:
        raise codec.CodecError(f"{event.at!r} is a naive time: the engine keeps aware UTC instants only")
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
