"""What a case knows: fields and their types, conditions of tiers and decisions, dates of waits, data between cases.

Belongs here: rules about data. A condition may only read what is certain to be known at its place.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, Final

from workflow_jobs.engine.certainty import Source, known_at, order_of
from workflow_jobs.engine.conditions import (
    CASE_NAMES,
    CASE_VARIABLES,
    Condition,
    ConditionError,
    compile_condition,
)
from workflow_jobs.engine.forms import SIGNIFICANT_DIGITS, read_value
from workflow_jobs.engine.layout import Place
from workflow_jobs.engine.lint_subject import Found, Subject
from workflow_jobs.engine.parts import FormField
from workflow_jobs.engine.template import Decision, HumanStep, ProcessStep, WaitStep
from workflow_jobs.engine.yaml_lines import Path

_SAMPLES: Final[dict[str, Any]] = {
    "decimal": 0.0,
    "integer": 0,
    "boolean": False,
    "date": "2026-01-01",
    "file": [],
}
_HAS = re.compile(r"\bhas\(\s*data\s*\.\s*([A-Za-z_]\w*)\s*\)")
_KINDS: Final = {str: "text", bool: "boolean", int: "integer"}


def data(subject: Subject) -> Found:
    """Findings about fields, types and conditions."""
    yield from _types(subject)
    yield from _fields(("inputs",), "", subject.template.inputs, outcomes=())
    for place in subject.layout.places.values():
        node = place.node
        if isinstance(node, HumanStep):
            yield from _fields((*place.path, "form"), node.id, node.form, [o.id for o in node.outcomes])
            for number, tier in enumerate(node.tiers):
                if tier.when is not None:
                    yield from _condition(subject, (*place.path, "tiers", number, "when"), place, tier.when)
        elif isinstance(node, Decision):
            for number, rule in enumerate(node.rules):
                if rule.when is not None:
                    yield from _condition(subject, (*place.path, "rules", number, "when"), place, rule.when)
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


def _condition(subject: Subject, path: Path, place: Place, source: str) -> Found:
    step = place.node.id
    try:
        condition = compile_condition(source)
    except ConditionError as error:
        yield path, step, str(error)
        return
    unknown = condition.variables - CASE_VARIABLES
    if unknown:
        says = f"the condition reads {', '.join(sorted(unknown))}; it may read data, results, outcomes, case"
        yield path, step, says
        return
    if condition.reads_whole:
        yield path, step, "write data.<field>, case.<name>, outcomes.<step> or results.<step>.<key>, without brackets"
    if condition.uses_arithmetic:
        yield path, step, "arithmetic on amounts is not exact in a condition: compare fields with literals only"
    if condition.longest_number > SIGNIFICANT_DIGITS:
        yield path, step, f"a number with more than {SIGNIFICANT_DIGITS} digits is not compared exactly"
    problems = list(_members(subject, condition, place))
    yield from ((path, step, problem) for problem in problems)
    if not problems and "results" not in condition.variables:  # whose shape no template declares
        try:
            condition.holds(_sample(subject))
        except ConditionError as error:
            yield path, step, f"the condition does not fit the types of its fields: {error}"


def _members(subject: Subject, condition: Condition, place: Place) -> Iterator[str]:
    known = known_at(subject.template, place)
    asked = set(_HAS.findall(condition.source))
    for owner, name in sorted(condition.members):
        if owner == "case" and name not in CASE_NAMES:
            yield f"case has no {name!r} (it has {', '.join(CASE_NAMES)})"
        if owner in ("outcomes", "results") and name not in known.steps:
            yield f"{owner}.{name}: no step {name!r} is certain to be done before this one"
        if owner == "data":
            yield from _datum(subject, name, place, certain=name in known.fields, asked=name in asked)


def _datum(subject: Subject, name: str, place: Place, *, certain: bool, asked: bool) -> Iterator[str]:
    sources = [source for source in subject.sources if source.name == name]
    typed = any(source.field is not None or source.values for source in sources)
    if not certain and not (asked and typed):
        hint = f"or ask `has(data.{name}) && ...`" if typed else "or declare it as an input, so that its type is known"
        yield (
            f"data.{name} is not certain to be known here: make it a required field of a step before this one, {hint}"
        )
        return
    field = subject.declared(name)
    if field is not None and field.type == "file":
        yield f"data.{name} holds files, which a condition cannot look into: ask for a choice or a yes or no beside it"
    for source in sources:
        if source.step and _meanwhile(subject, source, place):
            yield f"data.{name} decides here, so the step {source.step!r} must not change it at the same time"


def _meanwhile(subject: Subject, source: Source, place: Place) -> bool:
    """Whether the source may fill its name while the condition is read, or while a tiered task waits for its answer."""
    order = order_of(subject.layout, source.step, place.node.id)
    return order == "parallel" or (source.step == place.node.id and source.field is not None)


def _sample(subject: Subject) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for source in subject.sources:
        if source.field is not None:
            field = source.field
            known[source.name] = field.options[0].value if field.options else _SAMPLES.get(field.type, "")
        elif source.values:
            known.setdefault(source.name, list(source.values) if source.collected else source.values[0])
    case: dict[str, Any] = dict.fromkeys(CASE_NAMES, "")
    case |= {"observed": 0.0, "threshold": 0.0, "breaches": 1}
    return {"data": known, "case": case, "outcomes": dict.fromkeys(subject.layout.places, ""), "results": {}}


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
