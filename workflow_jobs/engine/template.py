"""Process templates: the YAML as typed, frozen models, and how a text becomes one.

Belongs here: what a template may say. Whether a well-formed template makes sense is `lint`; how a case moves through
it is `decide`; which files there are is the template library's business.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, PrivateAttr, Tag, ValidationError, model_validator

from workflow_jobs.engine.duration import IsoDuration, parse_duration
from workflow_jobs.engine.parts import (
    Actions,
    Duration,
    Effect,
    FormField,
    Learning,
    Model,
    Name,
    Outcome,
    Priority,
    Raci,
    RoleRef,
    Rung,
    Text,
    Tier,
    Vote,
)
from workflow_jobs.engine.template_errors import sentences
from workflow_jobs.engine.yaml_lines import Lines, YamlProblem, read

DEFAULT_RESCUE_SLA: Final = parse_duration("PT4H")


class TemplateError(Exception):
    """A template that cannot be read. Says file, line and every problem found."""

    def __init__(self, file: str, line: int, message: str, more: tuple[tuple[int, str], ...] = ()) -> None:
        self.file = file
        self.line = line
        self.message = message
        self.problems: tuple[tuple[int, str], ...] = ((line, message), *more)
        super().__init__("\n".join(f"{file}:{at}: {what}" for at, what in self.problems))


class HumanStep(Model):
    """A person decides within `sla` (working time), or several do (`vote`).

    Who decided one of the steps of `separate_from` may not decide this one. `skills` are what the person asked needs to
    have. `pool`: nobody is asked by name; the holders of the role are told, and whoever claims the task has it.
    """

    id: Name
    kind: Literal["human"]
    title: Text
    description: Text | None = None
    raci: Raci
    sla: Duration
    outcomes: Annotated[tuple[Outcome, ...], Field(min_length=1)]
    form: tuple[FormField, ...] = ()
    tiers: tuple[Tier, ...] = ()
    vote: Vote | None = None
    separate_from: tuple[Name, ...] = ()
    skills: tuple[Name, ...] = ()
    pool: bool = False
    actions: Actions = Actions()
    ladder: tuple[Rung, ...] | None = None

    def outcome(self, outcome_id: str) -> Outcome | None:
        """The outcome with this id."""
        return next((o for o in self.outcomes if o.id == outcome_id), None)


class ServiceStep(Model):
    """A job runs. After `attempts` failures the R role is asked: try again, or say that it was done by hand.

    `timeout` is clock time for one attempt; `sla` is the working time for the rescue.
    """

    id: Name
    kind: Literal["service"]
    title: Text
    description: Text | None = None
    raci: Raci
    job: Name
    timeout: Duration
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    sla: Duration = DEFAULT_RESCUE_SLA
    ladder: tuple[Rung, ...] | None = None


class Until(Model):
    """When a wait is over at the latest: working time, clock time, or the morning of the day in a date field."""

    working: Duration | None = None
    clock: Duration | None = None
    date: Name | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(value is not None for value in (self.working, self.clock, self.date)) != 1:
            raise ValueError("write exactly one of `working`, `clock` and `date`")
        return self


class WaitStep(Model):
    """Nothing is to be done until a time has come, or a signal from outside: outcome `elapsed` or `signalled`.

    `form` are the fields that a signal may bring. With `pauses_case` the clock of the case rests meanwhile.
    """

    id: Name
    kind: Literal["wait"]
    title: Text
    description: Text | None = None
    raci: Raci
    until: Until
    signal: Name | None = None
    form: tuple[FormField, ...] = ()
    pauses_case: bool = False


class ProcessStep(Model):
    """Another template's case is opened, and this one goes on when it has ended; its outcome is the step's.

    `passes` maps inputs of the other template to fields of this case, `brings` fields of this case to fields of the
    other one.
    """

    id: Name
    kind: Literal["process"]
    title: Text
    description: Text | None = None
    raci: Raci
    template: Name
    passes: Mapping[Name, Name] = Field(default_factory=dict)
    brings: Mapping[Name, Name] = Field(default_factory=dict)

    @property
    def sla(self) -> IsoDuration:
        """The working time of who is asked where the other case cannot be opened."""
        return DEFAULT_RESCUE_SLA

    @property
    def ladder(self) -> tuple[Rung, ...] | None:
        """None: where somebody is asked, the template's ladder counts."""
        return None


def _join(value: Any) -> Any:
    if value in ("all", "any") or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 50):
        return value
    raise ValueError(f"a join is `all`, `any`, or how many branches it waits for, not {value!r}")


Join = Annotated[Literal["all", "any"] | int, BeforeValidator(_join)]


class Fork(Model):
    """Branches that run side by side; the join waits for `all`, `any`, or a number of them.

    Where it does not wait for all, what is still under way in the others is withdrawn.
    """

    id: Name
    title: Text | None = None
    join: Join
    branches: Annotated[tuple[tuple[Node, ...], ...], Field(min_length=1)]

    @property
    def needed(self) -> int:
        """How many branches the join waits for."""
        return {"all": len(self.branches), "any": 1}[self.join] if isinstance(self.join, str) else self.join


class ForkNode(Model):
    """A fork as an entry of a sequence: `- fork: {...}`."""

    fork: Fork


class Rule(Model):
    """A line of a decision table: when it holds, `set` goes into the case's data and `steps` are done.

    `default` holds where no other rule does. Without `title` people read the id as words.
    """

    id: Name
    title: Text | None = None
    when: str | None = None
    default: bool = False
    set: Mapping[Name, str | bool | int] = Field(default_factory=dict)
    steps: tuple[Node, ...] = ()

    @model_validator(mode="after")
    def _condition_or_default(self) -> Self:
        if self.default == (self.when is not None):
            raise ValueError("a rule has either `when` or `default: true`")
        return self


class Decision(Model):
    """A decision table: no person is asked. `accountable` answers for its rules.

    `policy` first: the first rule that holds is taken. collect: all that hold are taken; what they set is collected
    into lists, their steps are done side by side, and the case goes on when all of those are done. The step's
    outcome is the id of the rule, or the ids joined by `+`.
    """

    id: Name
    title: Text
    description: Text | None = None
    accountable: RoleRef
    policy: Literal["first", "collect"] = "first"
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]


class DecisionNode(Model):
    """A decision as an entry of a sequence: `- decision: {...}`."""

    decision: Decision


def _node_kind(value: Any) -> str | None:
    for block, cls in (("fork", ForkNode), ("decision", DecisionNode)):
        if isinstance(value, cls) or (isinstance(value, dict) and block in value):
            return block
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if isinstance(kind, str) else None


Node = Annotated[
    Annotated[HumanStep, Tag("human")]
    | Annotated[ServiceStep, Tag("service")]
    | Annotated[WaitStep, Tag("wait")]
    | Annotated[ProcessStep, Tag("process")]
    | Annotated[ForkNode, Tag("fork")]
    | Annotated[DecisionNode, Tag("decision")],
    Discriminator(
        _node_kind,
        custom_error_type="step_kind",
        custom_error_message="a step needs `kind: human`, service, wait or process, or is a `fork:` or `decision:`",
    ),
]
# What somebody is asked to rescue: its job has failed, or the other case cannot be opened.
RescuedStep = ServiceStep | ProcessStep
# A step that asks a person.
AskingStep = HumanStep | ServiceStep | ProcessStep
Step = HumanStep | ServiceStep | WaitStep | ProcessStep
Block = Fork | Decision


class Template(Model):
    """A whole process. `closes: on_resolution` keeps the case open until its cause is gone, whatever people did.

    Such a case goes on, instead of a new one being opened, when its cause comes back within `reopens_within` (clock
    time) of its end. `tells` names an entry of the case's data that lists roles: their holders get one message about
    the case, which is kept up to date.

    `sla` is the working time for the whole case, with `case_ladder`. `calendar` names a calendar of the pack for
    steps whose assignee's department has none. `opened_by`: watch rules, people (of the roles `requesters`, or anyone),
    other cases. `subject` is the input that says what a case opened by a person is about. `withdrawn_by` may take an
    open case back; nobody may where it closes on resolution.
    """

    id: Name
    version: Annotated[int, Field(ge=1)]
    title: Text
    description: Text
    owner_role: Name
    calendar: Name = "default"
    priority: Priority = "normal"
    closes: Literal["after_last_step", "on_resolution"] = "after_last_step"
    reopens_within: Duration | None = None
    tells: Name | None = None
    opened_by: Annotated[tuple[Literal["rules", "people", "cases"], ...], Field(min_length=1)] = ("rules",)
    requesters: tuple[Name, ...] = ()
    subject: Name | None = None
    withdrawn_by: tuple[Literal["requester", "owner"], ...] = ("requester", "owner")
    inputs: tuple[FormField, ...] = ()
    effect: Effect | None = None
    learning: Learning | None = None
    sla: Duration | None = None
    case_ladder: tuple[Rung, ...] = ()
    ladder: tuple[Rung, ...] = ()
    steps: Annotated[tuple[Node, ...], Field(min_length=1)]

    _hash: str = PrivateAttr(default="")
    _text: str = PrivateAttr(default="")
    _file: str = PrivateAttr(default="")
    _lines: Lines = PrivateAttr(default_factory=lambda: Lines({}))
    _layout: object = PrivateAttr(default=None)  # filled and read by `layout`

    @property
    def hash(self) -> str:
        """Content hash of the text that the template was read from: what a case pins."""
        return self._hash

    @property
    def text(self) -> str:
        """The YAML text as it was read."""
        return self._text

    @property
    def file(self) -> str:
        """The file's name as given to `load_template`."""
        return self._file

    def line(self, *path: str | int) -> int:
        """Line in the file of a path such as ("steps", 0, "sla")."""
        return self._lines.of(path)


Fork.model_rebuild()
Rule.model_rebuild()
Decision.model_rebuild()
Template.model_rebuild()


def template_hash(text: str) -> str:
    """Content hash ("sha256:...") of a template's text; line ends of other systems do not count."""
    return "sha256:" + hashlib.sha256(text.replace("\r\n", "\n").encode("utf-8")).hexdigest()


def load_template(text: str, *, file: str) -> Template:
    """Read a template. `file` is used in messages; its stem must be the template's id when it ends in .yaml or .yml.

    Raises TemplateError with file, line and every problem found. Does not lint.
    """
    try:
        data, lines = read(text)
    except YamlProblem as problem:
        raise TemplateError(file, problem.line, problem.message) from problem
    if not isinstance(data, dict):
        raise TemplateError(file, 1, "a template is a map of keys such as id, version, title, steps")
    try:
        template = Template.model_validate(data)
    except ValidationError as error:
        found = sorted({(lines.of(path), what) for path, what in sentences(error.errors(), data)})
        raise TemplateError(file, *found[0], more=tuple(found[1:])) from error
    path = PurePath(file)
    if path.suffix in (".yaml", ".yml") and path.stem != template.id:
        raise TemplateError(file, lines.of(("id",)), f"the id is {template.id!r} but the file is named {path.name!r}")
    template._hash = template_hash(text)
    template._text = text
    template._file = file
    template._lines = lines
    return template
