"""What templates have to do with each other: processes inside processes.

Belongs here: rules that need more than one template. One template by itself is `lint`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from workflow_jobs.engine.certainty import known_at, sources_of
from workflow_jobs.engine.layout import Place, layout_of
from workflow_jobs.engine.lint_subject import Finding
from workflow_jobs.engine.parts import FormField
from workflow_jobs.engine.template import ProcessStep, Template
from workflow_jobs.engine.yaml_lines import Path

# Where in the step, and what to do.
_Said = Iterator[tuple[Path, str]]


def lint_library(templates: Collection[Template]) -> list[Finding]:
    """Findings about process steps, over all templates that are in service together."""
    known = {template.id: template for template in templates}
    found: list[Finding] = []
    for template in templates:
        for place in layout_of(template).places.values():
            if isinstance(place.node, ProcessStep):
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
    yield from _passed(template, place, step, child)
    yield from _brought(template, step, child)


def _passed(template: Template, place: Place, step: ProcessStep, child: Template) -> _Said:
    ours = _typed(template)
    certain = known_at(template, place).fields
    inputs = {field.name: field for field in child.inputs}
    for theirs, name in step.passes.items():
        field = inputs.get(theirs)
        if field is None:
            offered = ", ".join(inputs) or "none"
            yield ("passes", theirs), f"{child.id!r} has no input {theirs!r} (its inputs: {offered})"
            continue
        passed = ours.get(name)
        if passed is not None and not _same_type(passed, field):
            yield ("passes", theirs), f"{name!r} is {passed.type} here, but the input {theirs!r} is {field.type}"
        elif passed is not None:
            for says in _beyond(passed, field):
                yield ("passes", theirs), f"{name!r} {says} of the input {theirs!r} of {child.id!r}"
        if field.required is True and name not in certain:
            says = f"{child.id!r} needs {theirs!r}, but {name!r} is not certain to be known here: require it before"
            yield ("passes", theirs), says
    for field in child.inputs:
        if field.required is True and field.name not in step.passes:
            yield (), f"{child.id!r} needs the input {field.name!r}: add it to `passes`"


def _brought(template: Template, step: ProcessStep, child: Template) -> _Said:
    ours, theirs = _typed(template), _typed(child)
    names = {source.name for source in sources_of(child)}
    for name, brought in step.brings.items():
        if brought not in names:
            yield ("brings", name), f"{child.id!r} has no field {brought!r} to bring: name one of its inputs or forms"
        elif name in ours and brought in theirs and not _same_type(theirs[brought], ours[name]):
            says = f"{name!r} is {ours[name].type} here, but {brought!r} of {child.id!r} is {theirs[brought].type}"
            yield ("brings", name), says


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
