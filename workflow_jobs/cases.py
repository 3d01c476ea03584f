"""What the process service takes and gives: requests, answers and rows for lists. Data only; no SQL, no decisions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, Protocol, cast, get_args

from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.conditions import declared_fields
from workflow_jobs.engine.parts import Priority, Text
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Template
from workflow_jobs.engine.texts import read_text
from workflow_jobs.engine.values import Number

NO_ACTION = "closed_no_action"
# Characters, as the columns of the store have them.
_LONGEST: Final = {"rule_id": 200, "subject_id": 200, "subject_kind": 100, "subject_label": 500, "metric": 200}
_ONE_OF: Final[Mapping[str, tuple[str, ...]]] = {"priority": get_args(Priority), "direction": ("above", "below", "")}


class UnknownCase(LookupError):
    """There is no case with this id."""


class UnknownTask(LookupError):
    """There is no task with this id."""


class Observed(NamedTuple):
    """A published raw figure, None where there is none, and the local day up to which it counts."""

    value: Number | None
    as_of: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRequest:
    """Why a case is to be opened.

    ``observed`` and ``threshold`` are raw figures (0.0931 for 9.31 %), ``direction`` the forbidden side. ``as_of``
    is the local date as of which the snapshot states its figures. ``data`` fills the template's inputs. ``rule_id``
    with ``subject_id`` names the one open case that there may be. ``times`` is how often it was seen in all, where the
    caller counts; None counts one more for each new ``snapshot_id``.

    ``priority`` None takes the template's.

    Raises Refused(form_invalid) where a text has characters that nobody can see or is longer than the store keeps, and
    for a priority or direction that there is not.
    """

    template_id: str
    rule_id: str
    subject_id: str = ""
    subject_kind: str = ""
    subject_label: str = ""
    metric: str = ""
    direction: Literal["above", "below", ""] = ""
    observed: Number | None = None
    threshold: Number | None = None
    snapshot_id: str = ""
    as_of: date | None = None
    requested_by: str | None = None
    priority: str | None = None
    times: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, longest in _LONGEST.items():
            what = Text(en=f"The {name} of a case", zh=f"事件单的 {name}")
            read_text(what, getattr(self, name), longest=longest)
        for name, known in _ONE_OF.items():
            value = getattr(self, name)
            if value is not None and value not in known:
                there_are, typed = ", ".join(one or '""' for one in known), repr(value)[:80]
                raise Refused(
                    "form_invalid",
                    f"The {name} of a case is one of {there_are}, not {typed}.",
                    f"事件单的 {name} 只能是 {there_are}，不能是 {typed}。",
                    fields=(name,),
                )

    @property
    def whole_data(self) -> dict[str, Any]:
        """The data of a case that is opened: ``as_of`` and ``data``."""
        as_of = {} if self.as_of is None else {"as_of": self.as_of.isoformat()}
        return {**as_of, **self.data}

    @property
    def open_key(self) -> str:
        return open_key(self.rule_id, self.subject_id)

    def opening(self, case_id: str) -> c.OpenCase:
        """The command that opens a case for this request under that id."""
        return c.OpenCase(
            case_id=case_id,
            rule_id=self.rule_id,
            subject_kind=self.subject_kind,
            subject_id=self.subject_id,
            subject_label=self.subject_label,
            metric=self.metric,
            direction=self.direction,
            observed=self.observed,
            threshold=self.threshold,
            snapshot_id=self.snapshot_id,
            requested_by=self.requested_by,
            priority=self.priority,
            times=self.times,
            data=self.whole_data,
        )


def open_key(rule_id: str, subject_id: str) -> str:
    """The key that only one open case may hold."""
    return f"{rule_id}|{subject_id}"


class Published(Protocol):
    """The whole company's figure of a metric in the current snapshot; ``value`` None where there is none."""

    @property
    def value(self) -> Decimal | None: ...
    @property
    def snapshot_id(self) -> str: ...


def moving(opening: c.OpenCase, template: Template, figures: Callable[[str], Published | None]) -> c.OpenCase:
    """The opening with the figure that the case is to move: its trigger's, else the whole company's of the metric that
    the template names, as published now.
    """
    effect = template.effect
    if effect is None or effect.metric is None or (opening.metric and effect.metric_from == "trigger"):
        return opening
    now = figures(effect.metric)
    return replace(
        opening,
        metric=effect.metric,
        subject_kind="",
        direction="",
        threshold=None,
        observed=now.value if now is not None else None,
        snapshot_id=now.snapshot_id if now is not None else "",
    )


def may_open(template: Template, roles: Collection[str]) -> bool:
    """Whether a person who holds ``roles`` may open a case of the template by himself, rather than a rule or a job."""
    return "people" in template.opened_by and (
        not template.requesters or not set(template.requesters).isdisjoint(roles)
    )


def ancestors(case_id: str) -> list[str]:
    """The cases that this one belongs to, the outermost first, told by its id: C-000007-2-1 belongs to C-000007-2."""
    parts = case_id.split("-")
    return ["-".join(parts[:end]) for end in range(2, len(parts))]


def opening_of_child(parent: CaseState, asked: e.ChildRequested) -> c.OpenCase:
    """How the case that a process step asks for is opened: about the same subject and figure, for the same person."""
    return c.OpenCase(
        case_id=asked.child_case_id,
        rule_id=f"{asked.child_case_id}/{asked.step_id}",
        subject_kind=parent.subject_kind,
        subject_id=parent.subject_id,
        subject_label=parent.subject_label,
        metric=parent.metric,
        direction=cast(Literal["above", "below", ""], parent.direction),
        observed=parent.latest_observed,
        threshold=parent.threshold,
        snapshot_id=parent.latest_snapshot_id,
        requested_by=parent.requested_by,
        priority=parent.priority,
        data=asked.data,
        parent_case_id=parent.case_id,
        parent_step_id=asked.step_id,
    )


def news(request: OpenRequest, template: Template) -> dict[str, Any]:
    """What of a repeated request's data goes into the case that is open already.

    An incident says what fails now. In other cases people decide on the figures of the opening, so only what is neither
    an input nor a form's field is brought up to date.
    """
    if template.closes == "on_resolution":
        return request.whole_data
    declared = {field.name for _, field in declared_fields(template)}
    return {name: value for name, value in request.data.items() if name not in declared}


def dismissed(last: CaseState, request: OpenRequest) -> bool:
    """Whether people judged this very breach to need no action: the figure is no worse than the one they judged.

    Without this, a rule would open a new case at every refresh after somebody said that nothing is to be done.
    """
    if last.outcome != NO_ACTION:
        return False
    if last.latest_observed is None or request.observed is None:
        # Missing rows have no figure that could get worse; they are news once there were rows in between.
        episode = request.data.get("episode")
        return episode is not None and last.data.get("episode") == episode
    judged, now = Decimal(last.latest_observed), Decimal(str(request.observed))
    return now <= judged if request.direction == "above" else now >= judged


@dataclass(frozen=True, slots=True)
class OpenResult:
    """``created`` is False where a case of the same rule and subject took the breach in; ``reopened`` where it had been
    closed.
    """

    case_id: str
    created: bool
    reopened: bool = False


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """A decision that is committed. ``case`` and ``task`` are as they stand after it."""

    case_id: str
    task_id: str
    step_id: str
    outcome: str
    case: CaseState
    task: TaskState


@dataclass(frozen=True, slots=True)
class ServiceStep:
    """A service step whose job is to run.

    ``run_key`` differs between attempts and is what a scheduler should use to run each attempt once; all attempts
    of one visit share ``idempotency_key``, so that the work is done once.
    """

    case_id: str
    template_id: str
    step_id: str
    job: str
    idempotency_key: str
    attempt: int
    requested_at: datetime
    timeout_at: datetime

    @property
    def run_key(self) -> str:
        return f"{self.idempotency_key}.{self.attempt}"


@dataclass(frozen=True, slots=True)
class ServiceOutcome:
    """How a service step stands: requested, done, failed or withdrawn, with its result (plain JSON) or error."""

    step: ServiceStep
    status: str
    run_id: str | None
    result: Mapping[str, Any] | None
    error: str | None


@dataclass(frozen=True, slots=True)
class CaseSummary:
    """One line of a list of cases. Instants are UTC."""

    case_id: str
    template_id: str
    status: str
    outcome: str | None
    rule_id: str
    subject_kind: str
    subject_id: str
    subject_label: str
    metric: str
    priority: str
    opened_at: datetime
    changed_at: datetime
    closed_at: datetime | None
    effect_due_at: datetime | None
    effective: bool | None


@dataclass(frozen=True, slots=True)
class TaskSummary:
    """One line of a list of tasks. Instants are UTC; ``working_minutes`` is set once the task is decided."""

    task_id: str
    case_id: str
    template_id: str
    step_id: str
    role: str
    assignee: str | None
    status: str
    version: int
    created_at: datetime
    due_at: datetime
    next_rung_at: datetime | None
    rungs_fired: int
    decided_at: datetime | None
    decided_by: str | None
    outcome: str | None
    working_minutes: int | None
    breached: bool
