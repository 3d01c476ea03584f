"""What a case knows: fields and their types, dates of waits, data between cases.

Belongs here: rules about data. What conditions make of it is `lint_conditions`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from workflow_jobs.engine.certainty import Source, known_at, one_alone, order_of
from workflow_jobs.engine.forms import read_value
from workflow_jobs.engine.layout import Place
from workflow_jobs.engine.lint_conditions import conditions
from workflow_jobs.engine.lint_subject import Found, Subject
from workflow_jobs.engine.parts import FormField
from workflow_jobs.engine.template import HumanStep, ProcessStep, WaitStep
from workflow_jobs.engine.yaml_lines import Path

_KINDS: Final = {str: "text", bool: "boolean", int: "integer"}


def data(subject: Subject) -> Found:
    """Findings about fields, types and conditions."""
    yield from _types(subject)
    yield from _side_by_side(subject)
    yield from conditions(subject)
    yield from _fields(("inputs",), "", subject.template.inputs, outcomes=())
    for place in subject.layout.places.values():
        node = place.node
        if isinstance(node, HumanStep):
            yield from _fields((*place.path, "form"), node.id, node.form, [o.id for o in node.outcomes])
        elif isinstance(node, WaitStep):
            yield from _fields((*place.path, "form"), node.id, node.form, ("signalled",))
            yield from _date(subject, place, node)
        elif isinstance(node, ProcessStep):
            yield from _passed(subject, place, node)


def _types(subject: Subject) -> Found:
    """Each name has one type, whichever steps fill it."""
    typed: dict[str, FormField] = {}
    values: dict[str, tuple[str, bool]] = {}
    for source in subject.sources:
        if source.field is not None:
            first = typed.setdefault(source.name, source.field)
            if first.type != source.field.type:
                says = f"the field {source.name!r} is {first.type} elsewhere and {source.field.type} here"
                yield source.path, source.step, says
    for source in subject.sources:
        for value in source.values:
            kind = (_KINDS[type(value)], source.collected)
            first_kind = values.setdefault(source.name, kind)
            if first_kind != kind:
                says = f"{source.name!r} is set to {_said(first_kind)} elsewhere and to {_said(kind)} here"
                yield source.path, source.step, f"{says}: use one type"
            elif source.name in typed:
                yield from _fits(source, typed[source.name], value)


def _side_by_side(subject: Subject) -> Found:
    """A name that two may fill at once: whoever is later would overwrite the other, and the case go by that."""
    for number, source in enumerate(subject.sources):
        for other in subject.sources[:number]:
            if other.name == source.name and _overwrites(subject, source, other):
                says = (
                    f"{other.step!r} may fill {source.name!r} at the same time, and the later of them would overwrite"
                )
                yield source.path, source.step, f"{says} the other: give each a name of its own"
                break


def _overwrites(subject: Subject, one: Source, other: Source) -> bool:
    if not (one.step and other.step) or order_of(subject.layout, other.step, one.step) != "parallel":
        return False
    same = one.values == other.values != () and not one.collected and not other.collected
    return not same and not one_alone(subject.layout, one.step, other.step)


def _said(kind: tuple[str, bool]) -> str:
    return f"a list of {kind[0]}" if kind[1] else kind[0]


def _fits(source: Source, field: FormField, value: str | bool | int) -> Found:
    problem = ""
    if source.collected:
        problem = "a list"
    else:
        try:
            if read_value(field, value) != value:
                problem = f"{value!r}, which is written {read_value(field, value)!r}"
        except ValueError as error:
            problem = f"{value!r}, and it {error}"
    if problem:
        says = f"{source.name!r} is a field of type {field.type}; it cannot be set to {problem}: use another name"
        yield source.path, source.step, says


def _fields(path: Path, step: str, fields: tuple[FormField, ...], outcomes: Collection[str]) -> Found:
    seen: set[str] = set()
    for number, field in enumerate(fields):
        here: Path = (*path, number)
        if field.name in seen:
            yield here, step, f"the field {field.name!r} stands here twice"
        seen.add(field.name)
        if field.type == "file" and not step:
            yield here, step, "a case has no files before it is open: ask for them in a form of its first step"
        if field.type == "role" and step:
            yield here, step, "a form cannot ask for a role: declare it under `inputs`"
        if field.min is not None and field.max is not None and field.min > field.max:
            yield here, step, f"min {field.min} is above max {field.max}: nothing could be entered"
        values = [option.value for option in field.options]
        if len(set(values)) < len(values):
            yield here, step, f"the options of {field.name!r} repeat a value"
        if not isinstance(field.required, bool):
            for outcome in field.required:
                if outcome not in outcomes:
                    yield here, step, f"required names the outcome {outcome!r}, which this step does not have"


def _date(subject: Subject, place: Place, step: WaitStep) -> Found:
    name = step.until.date
    if name is None:
        return
    path: Path = (*place.path, "until", "date")
    field = subject.declared(name)
    if field is None or field.type != "date":
        yield path, step.id, f"{name!r} is no field of type date: name one of an input or of a step before this one"
    elif name not in known_at(subject.template, place).fields:
        yield path, step.id, f"the date {name!r} is not certain to be known here: make it a required field before this"


def _passed(subject: Subject, place: Place, step: ProcessStep) -> Found:
    names = {source.name for source in subject.sources}
    for theirs, ours in step.passes.items():
        if ours not in names:
            says = f"this process has no field {ours!r} to pass: name an input or a form's field"
            yield (*place.path, "passes", theirs), step.id, says
