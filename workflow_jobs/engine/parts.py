"""The parts that steps and templates are made of: texts, roles, fields, outcomes, tiers, votes, rungs, actions.

Belongs here: what may be written inside a step. Steps, blocks and the whole template are `template`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StringConstraints, model_validator

from workflow_jobs.engine.duration import IsoDuration, parse_duration

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Duration = Annotated[IsoDuration, PlainValidator(parse_duration)]
Priority = Literal["urgent", "high", "normal", "low"]


class Model(BaseModel):
    """Base of all parts: frozen, and a key that nobody knows is an error rather than ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(Model):
    """A sentence in English and Chinese."""

    en: Annotated[str, StringConstraints(min_length=1)]
    zh: Annotated[str, StringConstraints(min_length=1)]

    def get(self, language: str) -> str:
        """The text in `zh`, else in English."""
        return self.zh if language.startswith("zh") else self.en


class RoleFromInput(Model):
    """A role that the case itself names: the value of an input, or `default` where nobody holds that role."""

    input: Name
    default: Name


RoleRef = Name | RoleFromInput


Moment = Literal["asked", "late", "decided"]


class Raci(Model):
    """Responsible, Accountable (exactly one role), Consulted and Informed. A tiered step names R in its tiers.

    Those consulted are asked with the task and may answer until it is decided. Those informed are told at the moments
    of `informs_at`.
    """

    responsible: RoleRef | None = None
    accountable: RoleRef
    consulted: tuple[Name, ...] = ()
    informed: tuple[Name, ...] = ()
    informs_at: Annotated[tuple[Moment, ...], Field(min_length=1)] = ("decided",)


class Option(Model):
    """One choice of a choice field."""

    value: Name
    title: Text


class FormField(Model):
    """A typed field of a form or an input. `required` may list the outcomes that need it.

    A decimal is exact text with at most `decimals` places and 15 significant digits. `min` and `max` are inclusive.
    A file field holds the ids of evidence kept with the case, `max_files` at most.
    """

    name: Name
    type: Literal["text", "decimal", "integer", "date", "boolean", "choice", "role", "file"]
    title: Text
    hint: Text | None = None
    required: bool | tuple[Name, ...] = False
    min: Decimal | None = None
    max: Decimal | None = None
    decimals: Annotated[int, Field(ge=0, le=6)] = 2
    max_length: Annotated[int, Field(ge=1, le=3000)] = 3000
    max_files: Annotated[int, Field(ge=1, le=10)] = 5
    options: tuple[Option, ...] = ()

    def required_for(self, outcome: str) -> bool:
        """Whether deciding with this outcome needs the field."""
        return self.required if isinstance(self.required, bool) else outcome in self.required

    @model_validator(mode="after")
    def _options_belong_to_choices(self) -> Self:
        if (self.type == "choice") != bool(self.options):
            raise ValueError("a choice field needs options, and only a choice field has them")
        return self


class Outcome(Model):
    """A button. `ends_case` closes the whole case with that outcome instead of going on.

    `returns_to` names an earlier step that is done again, with everything after it; it needs a reason.
    """

    id: Name
    title: Text
    style: Literal["primary", "danger", "default"] = "default"
    ends_case: Name | None = None
    returns_to: Name | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.ends_case is not None and self.returns_to is not None:
            raise ValueError("an outcome either ends the case or returns to a step, not both")
        return self


class Tier(Model):
    """One approval tier; the first whose condition holds decides who is asked. Only its own roles may decide."""

    when: str | None = None
    default: bool = False
    responsible: Name
    accountable: Name | None = None

    @model_validator(mode="after")
    def _condition_or_default(self) -> Self:
        if self.default == (self.when is not None):
            raise ValueError("a tier has either `when` or `default: true`")
        return self


class Vote(Model):
    """Several people decide one step: a task for each of them.

    `voters` are roles, one person of each is asked; empty: every holder of the step's responsible role is asked.
    `needed`: `any` - the first decision is the step's; `all`, or a number - the step's outcome is `approves` once so
    many have chosen it, and `rejects` as soon as so many cannot be had any more.
    """

    voters: Annotated[tuple[RoleRef, ...], Field(max_length=20)] = ()
    needed: Literal["all", "any"] | Annotated[int, Field(ge=1, le=20)]
    approves: Name | None = None
    rejects: Name | None = None

    @model_validator(mode="after")
    def _both_ends(self) -> Self:
        counted = self.needed != "any"
        if counted != (self.approves is not None) or counted != (self.rejects is not None):
            raise ValueError("`approves` and `rejects` name two outcomes where votes are counted, and only there")
        return self


class Rung(Model):
    """One rung of the ladder: at this percentage of the SLA (working time), do something.

    `action`: remind, escalate, reassign (the task goes to whoever `to` means), or default (the template takes
    `outcome` itself, and tells `to`). `to` is assignee, manager (of the assignee), accountable, requester, owner,
    department (the channel of the assignee's department), or `role:<name>`. With `unless: acknowledged` the rung is
    passed over once somebody has said that he looks after the task.
    """

    at: Annotated[int, Field(ge=1, le=10_000)]
    action: Literal["remind", "escalate", "reassign", "default"]
    to: Annotated[
        str,
        StringConstraints(pattern=r"^(assignee|manager|accountable|requester|owner|department|role:[a-z][a-z0-9_]*)$"),
    ]
    outcome: Name | None = None
    unless: Literal["acknowledged"] | None = None

    @model_validator(mode="after")
    def _outcome_of_a_default(self) -> Self:
        if (self.action == "default") != (self.outcome is not None):
            raise ValueError("`action: default` states the `outcome` that is taken, and only it does")
        if self.action == "reassign" and self.to in ("assignee", "department", "requester"):
            raise ValueError(f"a task cannot be reassigned to `{self.to}`")
        return self


class Snooze(Model):
    """How long (clock time) a person may let a task rest at once, and how often. The SLA clock waits meanwhile."""

    at_most: Duration
    times: Annotated[int, Field(ge=1, le=20)] = 3


class Pause(Model):
    """A stated reason for which the clock of a task waits, such as waiting for the supplier: `at_most` clock time."""

    id: Name
    title: Text
    at_most: Duration
    times: Annotated[int, Field(ge=1, le=20)] = 3


class Actions(Model):
    """What a person may do with a task besides deciding it; each is a button on its card.

    `assign` transfers it to another holder of the step's roles; a list names further roles whose holders may get it.
    `delegate` lets the assignee ask somebody else to work on it: his answer comes back as advice, the assignee decides.
    `add_approver` lets the assignee ask for a further approval; a list limits both to holders of those roles. `release`
    gives the task back to all who hold its role: whoever claims it first has it.
    """

    acknowledge: bool = False
    assign: bool | tuple[Name, ...] = False
    delegate: bool | tuple[Name, ...] = False
    add_approver: bool | tuple[Name, ...] = False
    release: bool = False
    snooze: Snooze | None = None
    pauses: tuple[Pause, ...] = ()


class Effect(Model):
    """What the case was to move: after `window` (clock time from closing) `rule` is judged on a metric.

    `metric_from` trigger: the figure, and its subject, that opened the case. template: the whole company's figure of
    `metric`. A case that people open has no trigger; `metric` then is what it is judged by.
    The rule is CEL over value, threshold, baseline (the figure at opening; all numbers) and direction ("above" or
    "below", the forbidden side). A failed case is reopened `max_reopens` times at most, then escalated to the owner.
    """

    metric_from: Literal["trigger", "template"]
    metric: Name | None = None
    window: Duration
    rule: str
    on_failure: Literal["reopen", "escalate"]
    max_reopens: Annotated[int, Field(ge=0, le=10)] = 1


def _both_or_a_rating(schema: dict[str, Any]) -> None:
    """The same for editors: both fields, or neither and no `rating: false`."""
    fields = ("cause", "remedy")
    named = {"required": list(fields), "properties": {name: {"type": "string"} for name in fields}}
    none: dict[str, Any] = {name: {"type": "null"} for name in fields}
    schema["anyOf"] = [named, {"properties": {**none, "rating": {"not": {"const": False}}}}]


class Learning(Model):
    """What is asked about a case that is over. `cause` and `remedy` name the fields that say what was learnt, asked in
    the forms of the steps that know it; both, or neither where only a rating is wanted.

    `rating`: those who took part are asked to rate the process from 1 to 5 when it is over.
    """

    model_config = ConfigDict(json_schema_extra=_both_or_a_rating)

    cause: Name | None = None
    remedy: Name | None = None
    rating: bool = True

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if (self.cause is None) != (self.remedy is None):
            raise ValueError("`cause` and `remedy` go together: name the fields of both, or of neither")
        if self.cause is None and not self.rating:
            raise ValueError("this asks for nothing: name `cause` and `remedy`, say `rating: true`, or remove it")
        return self
