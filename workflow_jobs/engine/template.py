"""Process templates: the YAML as typed, frozen models, and how a text becomes one.

Belongs here: what a template may say. Whether a well-formed template makes sense is `lint`; how a case moves through
it is `decide`; which files there are is the template library's business.
"""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, PrivateAttr, Tag, ValidationError

from workflow_jobs.engine.duration import parse_duration
from workflow_jobs.engine.parts import (
    Actions,
    Duration,
    Effect,
    FormField,
    Model,
    Name,
    Outcome,
    Priority,
    Raci,
    Rung,
    Text,
    Tier,
)
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
    """A person decides within `sla` (working time)."""

    id: Name
    kind: Literal["human"]
    title: Text
    description: Text | None = None
    raci: Raci
    sla: Duration
    outcomes: Annotated[tuple[Outcome, ...], Field(min_length=1)]
    form: tuple[FormField, ...] = ()
    tiers: tuple[Tier, ...] = ()
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


class Fork(Model):
    """Branches that run side by side; the join waits for all of them."""

    id: Name
    title: Text | None = None
    join: Literal["all"]
    branches: Annotated[tuple[tuple[Node, ...], ...], Field(min_length=1)]


class ForkNode(Model):
    """A fork as an entry of a sequence: `- fork: {...}`."""

    fork: Fork


def _node_kind(value: Any) -> str | None:
    if isinstance(value, ForkNode) or (isinstance(value, dict) and "fork" in value):
        return "fork"
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if isinstance(kind, str) else None


Node = Annotated[
    Annotated[HumanStep, Tag("human")] | Annotated[ServiceStep, Tag("service")] | Annotated[ForkNode, Tag("fork")],
    Discriminator(
        _node_kind,
        custom_error_type="step_kind",
        custom_error_message="a step needs `kind: human` or `kind: service`, or is a `fork:`",
    ),
]
Step = HumanStep | ServiceStep


class Template(Model):
    """A whole process. `closes: on_resolution` keeps the case open until its cause is gone, whatever people did.

    Such a case goes on, instead of a new one being opened, when its cause comes back within `reopens_within` (clock
    time) of its end. `tells` names an entry of the case's data that lists roles: their holders get one message about
    the case, which is kept up to date.
    """

    id: Name
    version: Annotated[int, Field(ge=1)]
    title: Text
    description: Text
    owner_role: Name
    calendar: Literal["default"] = "default"
    priority: Priority = "normal"
    closes: Literal["after_last_step", "on_resolution"] = "after_last_step"
    reopens_within: Duration | None = None
    tells: Name | None = None
    inputs: tuple[FormField, ...] = ()
    effect: Effect | None = None
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
        found = sorted({(lines.nearest(entry["loc"]), _sentence(entry)) for entry in error.errors()})
        raise TemplateError(file, *found[0], more=tuple(found[1:])) from error
    path = PurePath(file)
    if path.suffix in (".yaml", ".yml") and path.stem != template.id:
        raise TemplateError(file, lines.of(("id",)), f"the id is {template.id!r} but the file is named {path.name!r}")
    template._hash = template_hash(text)
    template._text = text
    template._file = file
    template._lines = lines
    return template


def _sentence(entry: Any) -> str:
    location = [str(part) for part in entry["loc"] if part not in ("human", "service", "fork")]
    where = ".".join(location)
    what = str(entry["msg"]).removeprefix("Value error, ")
    if entry["type"] == "extra_forbidden":
        return f"{where}: there is no such key here"
    if entry["type"] == "missing":
        return f"{where}: is missing"
    return f"{where}: {what}"
