"""What somebody or something asks of a case, in the imperative. `decide` answers with events or a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from workflow_jobs.engine.values import Number


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCase:
    """Open a case of the environment's template.

    `observed` and `threshold` are the raw figure and the limit that it crossed, `direction` the forbidden side of the
    limit (above or below). `requested_by` is a person who may then decide nothing in it. `data` fills the template's
    inputs; keys that the template does not declare are kept as they are. `priority` None takes the template's. `times`
    is how often it was seen before the case was opened, this time included.
    """

    case_id: str
    rule_id: str
    subject_kind: str = ""
    subject_id: str = ""
    subject_label: str = ""
    metric: str = ""
    direction: Literal["above", "below", ""] = ""
    observed: Number | None = None
    threshold: Number | None = None
    snapshot_id: str = ""
    requested_by: str | None = None
    priority: str | None = None
    times: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    parent_case_id: str | None = None
    parent_step_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBreach:
    """The rule of an open case breached again. The snapshot recorded last changes nothing, nor does another one in
    which the figure and what is told of it are the same.

    `times` is how often it was seen in all, where the caller counts; None counts one more. `data` replaces entries of
    the case's data, so that an incident always says what fails now.
    """

    observed: Number | None
    snapshot_id: str
    times: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideTask:
    """A person's choice on a task, as of the version that he saw. `form` maps field names to what he typed."""

    task_id: str
    task_version: int
    person_id: str
    outcome: str
    form: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    """A person has seen the task. A second acknowledgement changes nothing."""

    task_id: str
    person_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnoozeTask:
    """Let a task rest until an instant (aware), with a reason. Its SLA clock waits meanwhile."""

    task_id: str
    task_version: int
    person_id: str
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseTask:
    """Stop a task's clock for a reason that its step states (`actions.pauses`), until an instant (aware) at the latest.

    `until` None: as long as the reason allows.
    """

    task_id: str
    task_version: int
    person_id: str
    reason_id: str
    until: datetime | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimTask:
    """Take a task that nobody has. Who holds its role may."""

    task_id: str
    task_version: int
    person_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseTask:
    """Give a task back to all who hold its role. Its assignee may."""

    task_id: str
    task_version: int
    person_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegateTask:
    """Ask somebody to work on a task and to advise. Its assignee may; the decision stays his."""

    task_id: str
    task_version: int
    person_id: str
    to: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddApprover:
    """Ask for a further approval of the same question. Its assignee may."""

    task_id: str
    task_version: int
    person_id: str
    to: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerConsultation:
    """A consulted person says what he thinks, before the decision."""

    task_id: str
    person_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawCase:
    """Take an open case back."""

    person_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSignal:
    """Something that a wait step waits for has happened. `person_id` None: a program says so.

    A signal that no step waits for is refused. `wait` (`<step>.<visit>`, see `signals`) is the wait that is meant:
    another one that waits for the same signal is not ended then.
    """

    signal: str
    data: Mapping[str, Any] = field(default_factory=dict)
    person_id: str | None = None
    wait: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseChild:
    """The case that a process step asks for cannot be opened; `reason` is the sentence that says why."""

    child_case_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndChild:
    """The case that a process step waits for has ended. `data` is the whole data of that case."""

    child_case_id: str
    outcome: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndWithParent:
    """The case that opened this one ended, or went on without it: take this one back too."""

    parent_case_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FireTimers:
    """End every wait whose time has come, and fire every due rung of the case's own ladder, in order of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecomputeClocks:
    """Compute due times and rungs of open clocks, and ends of waits, anew: the working calendar changed."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCase:
    """Rate the process when the case is over, 1 to 5. Those who took part may."""

    person_id: str
    score: int
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeTask:
    """End a task's rest before its time. A task that does not rest is left as it is."""

    task_id: str
    person_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignTask:
    """Hand a task to another person who may decide it. The clock runs on."""

    task_id: str
    task_version: int
    person_id: str
    to: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReassignAbsent:
    """Ask somebody else wherever the assignee is away today, or where nobody could be asked before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOutPool:
    """Ask somebody by name wherever a pooled task has waited too long for somebody to claim it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteService:
    """A service step's job succeeded. With `idempotency_key`, a result for an earlier visit of the step is refused."""

    step_id: str
    run_id: str
    result: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailService:
    """A service step's job failed. `final`: do not try again, ask a person.

    The same run reported again, and a run of an earlier `attempt`, change nothing.
    """

    step_id: str
    run_id: str
    error: str
    final: bool = False
    attempt: int | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOutServices:
    """Fail every service attempt whose time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FireRungs:
    """Fire every rung of the case that is due at `now`, in the order in which they were due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveIncident:
    """The cause of the case is gone (its check passes again)."""

    snapshot_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenIncident:
    """The cause of a closed case came back within the template's `reopens_within`."""

    observed: Number | None
    snapshot_id: str
    times: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinIncident:
    """The case turned out to be a symptom of what the case `into` is about."""

    into: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeEffect:
    """Compare the metric after the effect window. `observed` None: there is no figure (yet).

    `as_of` is the day up to which the figure counts; one from before the window is over is none. None: nobody says.
    """

    observed: Number | None
    snapshot_id: str
    as_of: date | None = None


Command = (
    OpenCase
    | RecordBreach
    | DecideTask
    | Acknowledge
    | SnoozeTask
    | WakeTask
    | AssignTask
    | ReassignAbsent
    | HandOutPool
    | CompleteService
    | FailService
    | TimeOutServices
    | FireRungs
    | ResolveIncident
    | ReopenIncident
    | JoinIncident
    | JudgeEffect
    | PauseTask
    | ClaimTask
    | ReleaseTask
    | DelegateTask
    | AddApprover
    | AnswerConsultation
    | WithdrawCase
    | SendSignal
    | RefuseChild
    | EndChild
    | EndWithParent
    | FireTimers
    | RecomputeClocks
    | RateCase
)
