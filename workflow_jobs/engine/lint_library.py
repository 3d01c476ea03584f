"""What templates have to do with each other: processes inside processes.

Belongs here: rules that need more than one template. One template by itself is `lint`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress

from workflow_jobs.engine.certainty import Source, known_at, order_of, settling, sources_of
from workflow_jobs.engine.condition_kinds import reads
from workflow_jobs.engine.condition_tree import Unreadable, tree_of
from workflow_jobs.engine.conditions import ConditionError, compile_condition, conditions_of
from workflow_jobs.engine.forms import read_value
from workflow_jobs.engine.layout import Place, layout_of
from workflow_jobs.engine.lint_subject import Finding
from workflow_jobs.engine.parts import FormField
from workflow_jobs.engine.template import HumanStep, ProcessStep, Template
from workflow_jobs.engine.yaml_lines import Path

# Where in the step, and what to do.
_Said = Iterator[tuple[Path, str]]


def lint_library(templates: Collection[Template], unread: Collection[str] = ()) -> list[Finding]:
    """Findings about process steps, over all templates that are in service together.

    `unread` are the ids of templates that stand beside these and cannot be read: what opens them cannot be examined.
    """
    known = {template.id: template for template in templates}
    found: list[Finding] = []
    for template in templates:
        for place in layout_of(template).places.values():
            if isinstance(place.node, ProcessStep):
                if place.node.template in unread:
                    says = f"{place.node.template!r} cannot be read, so what it takes is not known: mend it first"
                    found.append(Finding(template.file, template.line(*place.path, "template"), place.node.id, says))
                    continue
                for path, says in _process(known, template, place, place.node):
                    found.append(Finding(template.file, template.line(*place.path, *path), place.node.id, says))
    return sorted(set(found))


def _process(known: Mapping[str, Template], template: Template, place: Place, step: ProcessStep) -> _Said:
    child = known.get(step.template)
    if child is None:
        yield ("template",), f"there is no template {step.template!r} (known: {', '.join(sorted(known))})"
        return
    circle = _circle(known, template.id, step.template)
    if circle:
        yield ("template",), f"these processes open each other for ever: {' > '.join(circle)}; end the circle somewhere"
    if "cases" not in child.opened_by:
        yield ("template",), f"cases do not open {child.id!r}: add `cases` to its `opened_by`"
    if child.closes == "on_resolution":
        yield ("template",), f"{child.id!r} ends when a check passes, not when people are done: name another template"
    yield from _passed(known, template, place, step, child)
    yield from _brought(known, template, step, child)
    yield from _looked_at(template, step, child)


def _passed(
    known: Mapping[str, Template], template: Template, place: Place, step: ProcessStep, child: Template
) -> _Said:
    certain = known_at(template, place).fields
    inputs = {field.name: field for field in child.inputs}
    for theirs, name in step.passes.items():
        field = inputs.get(theirs)
        if field is None:
            offered = ", ".join(inputs) or "none"
            yield ("passes", theirs), f"{child.id!r} has no input {theirs!r} (its inputs: {offered})"
            continue
        for source in _filled(known, template, name):
            for says in _passed_amiss(source, field, f"the input {theirs!r} of {child.id!r}"):
                yield ("passes", theirs), f"{name!r} {says}"
        if field.required is True and name not in certain:
            says = f"{child.id!r} needs {theirs!r}, but {name!r} is not certain to be known here: require it before"
            yield ("passes", theirs), says
    for field in child.inputs:
        if field.required is True and field.name not in step.passes:
            yield (), f"{child.id!r} needs the input {field.name!r}: add it to `passes`"


def _brought(known: Mapping[str, Template], template: Template, step: ProcessStep, child: Template) -> _Said:
    ours = _typed(template)
    names = {source.name for source in sources_of(child)}
    for name, brought in step.brings.items():
        if brought not in names:
            yield ("brings", name), f"{child.id!r} has no field {brought!r} to bring: name one of its inputs or forms"
        elif name in ours:
            for source in _filled(known, child, brought):
                says = _brought_amiss(source, ours[name], name)
                if says:
                    yield ("brings", name), f"{brought!r} of {child.id!r} {says}"


def _looked_at(template: Template, step: ProcessStep, child: Template) -> _Said:
    """A case that was withdrawn or refused is over as well, and lets this one go on like one that was completed."""
    layout = layout_of(template)
    otherwise = _other_endings(child)
    followed = any(order_of(layout, step.id, other) == "before" for other in layout.places)
    if otherwise and followed and ("outcomes", step.id) not in set(_read(template)):
        says = f"{child.id!r} may also end as {' or '.join(otherwise)}, and this case goes on all the same"
        yield ("template",), f"{says}: ask `outcomes.{step.id}` in a decision behind this step"


def _other_endings(child: Template) -> list[str]:
    """How a case that another one opened can end without being completed. Who asked for both does not withdraw it."""
    asked = [step for step in layout_of(child).steps() if isinstance(step, HumanStep)]
    ended = [outcome.ends_case for step in asked for outcome in settling(step) if outcome.ends_case is not None]
    taken_back = ["withdrawn"] if "owner" in child.withdrawn_by else []
    return list(dict.fromkeys(taken_back + ended))


def _read(template: Template) -> Iterator[tuple[str, ...]]:
    """Every path that a condition of the template reads."""
    for place in layout_of(template).places.values():
        for source in conditions_of(place.node):
            with suppress(ConditionError, Unreadable):  # found where the template is examined by itself
                compile_condition(source)
                yield from reads(tree_of(source))


def _passed_amiss(source: Source, wanted: FormField, called: str) -> Iterator[str]:
    """How what fills a name here does not suit an input."""
    if source.field is not None:
        if not _same_type(source.field, wanted):
            yield f"is {_kind(source.field)} here, but {called} is {_kind(wanted)}: pass another field"
        else:
            yield from (f"{says} of {called}" for says in _beyond(source.field, wanted))
    elif source.collected:
        yield f"is a list here, which {called} does not take: set it in a decision with `policy: first`"
    else:
        for value in source.values:
            try:
                read_value(wanted, value)
            except ValueError as error:
                yield f"is set by {source.step!r}, and {called} {error}: set what it takes, or pass another field"


def _brought_amiss(source: Source, ours: FormField, name: str) -> str:
    """How what fills a name of another process does not suit the field that it is brought to."""
    if source.field is not None:
        suits = _same_type(source.field, ours)
        return (
            "" if suits else f"is {_kind(source.field)}, but {name!r} is {_kind(ours)} here: bring it to another name"
        )
    if source.collected:
        return f"is a list there, but {name!r} is {_kind(ours)} here: bring it to another name"
    for value in source.values:
        try:
            if read_value(ours, value) == value:
                continue
        except ValueError:
            pass
        return f"is set to {value!r} there, but {name!r} is {_kind(ours)} here: bring it to another name"
    return ""


def _kind(field: FormField) -> str:
    return f"a choice of {', '.join(one.value for one in field.options)}" if field.options else field.type


def _filled(
    known: Mapping[str, Template], template: Template, name: str, seen: frozenset[str] = frozenset()
) -> Iterator[Source]:
    """Everything that fills a name of this template's cases; what another process brings is what fills it there."""
    for source in sources_of(template):
        if source.name != name:
            continue
        step = layout_of(template).places[source.step].node if source.step else None
        if not isinstance(step, ProcessStep):
            yield source
        elif step.template in known and step.template not in seen:
            yield from _filled(known, known[step.template], step.brings[name], seen | {template.id})


def _same_type(given: FormField, wanted: FormField) -> bool:
    if given.type != wanted.type:
        return wanted.type == "text" and given.type in ("choice", "role", "date")
    return {one.value for one in given.options} <= {one.value for one in wanted.options}


def _beyond(given: FormField, wanted: FormField) -> Iterator[str]:
    """How what may stand in one field could be more than what the other takes."""
    if wanted.type == "text":
        longest = {"text": given.max_length, "date": len("2026-01-01")}.get(given.type, 0)
        longest = max((longest, *(len(one.value) for one in given.options)))
        if longest > wanted.max_length:
            yield f"may have {longest} characters, above the `max_length` {wanted.max_length}"
    if wanted.min is not None and (given.min is None or given.min < wanted.min):
        yield f"may be below the `min` {wanted.min}"
    if wanted.max is not None and (given.max is None or given.max > wanted.max):
        yield f"may be above the `max` {wanted.max}"
    if wanted.type == "decimal" and given.decimals > wanted.decimals:
        yield f"may have {given.decimals} decimal places, above the `decimals` {wanted.decimals}"


def _typed(template: Template) -> dict[str, FormField]:
    return {source.name: source.field for source in sources_of(template) if source.field is not None}


def _circle(known: Mapping[str, Template], start: str, first: str) -> list[str]:
    """The way from `first` back to `start` through process steps, if there is one."""
    ways = [[start, first]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        if way[-1] == start:
            return way
        if way[-1] in seen or way[-1] not in known:
            continue
        seen.add(way[-1])
        for step in layout_of(known[way[-1]]).steps():
            if isinstance(step, ProcessStep):
                ways.append([*way, step.template])
    return []
