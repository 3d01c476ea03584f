"""How long, how large, and what can be read: durations, rungs, the bounds of fields, and texts.

Belongs here: rules about single values, wherever they stand. They are asked of a template that is to go into service,
not of a stored version that a case follows: that one runs with what it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from workflow_jobs.engine.duration import IsoDuration
from workflow_jobs.engine.lint_subject import Found, Subject
from workflow_jobs.engine.parts import FormField, Model, Rung, Text
from workflow_jobs.engine.template import HumanStep, ProcessStep, ServiceStep
from workflow_jobs.engine.texts import require_readable, said
from workflow_jobs.engine.yaml_lines import Path

# Three years: nobody waits longer for a step, and every calendar reaches so far.
LONGEST_DAYS: Final = 1096
_WORKING: Final = ("sla", "working")
_WORKING_HOURS: Final = 8
_USED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "min": ("decimal", "integer"),
    "max": ("decimal", "integer"),
    "decimals": ("decimal",),
    "max_length": ("text", "role"),
    "max_files": ("file",),
}


def bounds(subject: Subject) -> Found:
    """Findings about values that are too long, or mean nothing where they stand."""
    for path, value in _written(subject.template, ()):
        for says in _wrong(path, value):
            yield path, _step_at(subject, path), says
    yield from _rungs(subject)


def _wrong(path: Path, value: object) -> Iterator[str]:
    if isinstance(value, IsoDuration):
        if _days(value, path) > LONGEST_DAYS:
            yield f"{value} is too long: write at most P{LONGEST_DAYS}D, which is three years"
    elif isinstance(value, str):
        try:
            require_readable(value)
        except ValueError as problem:
            yield f"the text {problem}"
    elif isinstance(value, Text):
        for language, text in (("en", value.en), ("zh", value.zh)):
            if not said(text):
                yield f"there is nothing to read in `{language}`: write a text"
    elif isinstance(value, FormField):
        # A bound that a field of this type does not have would be passed over without a word.
        for key, types in _USED_BY.items():
            if key in value.model_fields_set and value.type not in types:
                only = f"only {' and '.join(types)} has it"
                yield f"`{key}` means nothing for the {value.type} field {value.name!r}: {only}; remove it"


def _written(value: object, path: Path) -> Iterator[tuple[Path, object]]:
    """Every value that the file states, with its place; what stands in lists and maps after these."""
    if isinstance(value, Model):
        yield path, value
        for name in sorted(value.model_fields_set):
            yield from _written(getattr(value, name), (*path, name))
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _written(item, (*path, number))
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _written(item, (*path, name))
    else:
        yield path, value


def _step_at(subject: Subject, path: Path) -> str:
    """The innermost step or block around a place of the file; "" for the template as a whole."""
    around = [place for place in subject.layout.places.values() if path[: len(place.path)] == place.path]
    return max(around, key=lambda place: len(place.path)).node.id if around else ""


def _days(duration: IsoDuration, path: Path) -> float:
    hours = _WORKING_HOURS if path[-1] in _WORKING else 24
    return duration.days + duration.seconds / (hours * 3600)


def _rungs(subject: Subject) -> Found:
    """A rung that stands so far behind the due time that nobody waits for it; each is told once."""
    template = subject.template
    ladders: dict[Path, tuple[str, tuple[Rung, ...], list[IsoDuration]]]
    ladders = {} if template.sla is None else {("case_ladder",): ("", template.case_ladder, [template.sla])}
    shared: list[IsoDuration] = []
    for place in subject.layout.places.values():
        node = place.node
        if isinstance(node, HumanStep | ServiceStep | ProcessStep):
            if node.ladder is None:
                shared.append(node.sla)
            else:
                ladders[*place.path, "ladder"] = (node.id, node.ladder, [node.sla])
    ladders["ladder",] = ("", template.ladder, shared)
    for path, (step, ladder, times) in ladders.items():
        within = [one for one in times if _days(one, ("sla",)) <= LONGEST_DAYS]
        for number, rung in enumerate(ladder):
            longest = max(within, key=lambda one: _days(one, ("sla",)), default=None)
            if longest is not None and _days(longest, ("sla",)) * rung.at / 100 > LONGEST_DAYS:
                says = f"{rung.at} % of {longest} is longer than P{LONGEST_DAYS}D, which is three years: lower it"
                yield (*path, number, "at"), step, says
