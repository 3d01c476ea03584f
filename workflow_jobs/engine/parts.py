"""The parts that steps and templates are made of: texts, roles, fields, outcomes, tiers, votes, rungs, actions.

Belongs here: what may be written inside a step. Steps, blocks and the whole template are `template`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

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


class Raci(Model):
    """Responsible, Accountable (exactly one role), Consulted and Informed. A tiered step names R in its tiers."""

    responsible: RoleRef | None = None
    accountable: RoleRef
    consulted: tuple[Name, ...] = ()
    informed: tuple[Name, ...] = ()


class Option(Model):
    """One choice of a choice field."""

    value: Name
    title: Text


class FormField(Model):
    """A typed field of a form or an input. `required` may list the outcomes that need it.

    A decimal is exact text with at most `decimals` places and 15 significant digits. `min` and `max` are inclusive.
    """

    name: Name
    type: Literal["text", "decimal", "integer", "date", "boolean", "choice", "role"]
    title: Text
    hint: Text | None = None
    required: bool | tuple[Name, ...] = False
    min: Decimal | None = None
    max: Decimal | None = None
    decimals: Annotated[int, Field(ge=0, le=6)] = 2
    max_length: Annotated[int, Field(ge=1, le=3000)] = 3000
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
    """A button. `ends_case` closes the whole case with that outcome instead of going on."""

    id: Name
    title: Text
    style: Literal["primary", "danger", "default"] = "default"
    ends_case: Name | None = None


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


class Rung(Model):
    """One rung of the ladder: at this percentage of the SLA (working time), remind or escalate.

    `to` is assignee, manager (of the assignee), accountable, requester, owner, or `role:<name>`. With
    `unless: acknowledged` the rung is passed over once somebody has said that he looks after the task.
    """

    at: Annotated[int, Field(ge=1, le=10_000)]
    action: Literal["remind", "escalate"]
    to: Annotated[
        str, StringConstraints(pattern=r"^(assignee|manager|accountable|requester|owner|role:[a-z][a-z0-9_]*)$")
    ]
    unless: Literal["acknowledged"] | None = None


class Snooze(Model):
    """How long (clock time) a person may let a task rest at once, and how often. The SLA clock waits meanwhile."""

    at_most: Duration
    times: Annotated[int, Field(ge=1, le=20)] = 3


class Actions(Model):
    """What a person may do with a task besides deciding it; each is a button on its card.

    `assign` hands it to another holder of the step's roles; a list names further roles whose holders may get it.
    """

    acknowledge: bool = False
    assign: bool | tuple[Name, ...] = False
    snooze: Snooze | None = None


class Effect(Model):
    """What the case was to move: after `window` (clock time from closing) `rule` is judged on the trigger's metric.

    The rule is CEL over value, threshold, baseline (the figure at opening; all numbers) and direction ("above" or
    "below", the forbidden side). A failed case is reopened `max_reopens` times at most, then escalated to the owner.
    """

    metric_from: Literal["trigger"]
    window: Duration
    rule: str
    on_failure: Literal["reopen", "escalate"]
    max_reopens: Annotated[int, Field(ge=0, le=10)] = 1
