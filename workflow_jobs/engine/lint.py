"""Whether a well-formed template makes sense. Every finding names file, line and step, and says what to do.

Belongs here: the whole examination, and the rules about the template as such. People are `lint_people`, the way through
it `lint_flow`, fields and conditions `lint_data`, how long and how large something may be `lint_bounds`, requests that
nobody could decide `lint_requester`; what several templates have to do with each other is `lint_library`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain, product
from typing import Final

from workflow_jobs.engine.conditions import EFFECT_VARIABLES, Condition, ConditionError, compile_condition
from workflow_jobs.engine.lint_bounds import bounds
from workflow_jobs.engine.lint_data import data
from workflow_jobs.engine.lint_flow import flow
from workflow_jobs.engine.lint_people import people
from workflow_jobs.engine.lint_requester import requester
from workflow_jobs.engine.lint_subject import Finding, Found, Subject
from workflow_jobs.engine.template import HumanStep, ProcessStep, Template
from workflow_jobs.engine.yaml_lines import Path

# In any order, and alike.
_FIGURES: Final = (1.0, 2.0, 3.0)


def lint(
    template: Template,
    known_roles: Collection[str] | None = None,
    known_jobs: Collection[str] | None = None,
    known_skills: Collection[str] | None = None,
    known_calendars: Collection[str] | None = None,
) -> list[Finding]:
    """All findings, in the order of the file. Names that are None are not checked."""
    subject = Subject(template, known_roles, known_jobs, known_skills)
    found = chain(
        _calendar(template, known_calendars),
        _effect(template),
        _incident(subject),
        _opening(subject),
        _learning(subject),
    )
    everything = chain(found, people(subject), requester(subject), flow(subject), data(subject), bounds(subject))
    return _in_order(template, everything)


def lint_names(
    template: Template, known_roles: Collection[str] | None, known_calendars: Collection[str] | None
) -> list[Finding]:
    """What `lint` finds about people and the calendar alone: for a template that is linted otherwise."""
    found = people(Subject(template, known_roles))
    return _in_order(template, chain(_calendar(template, known_calendars), found))


def _in_order(template: Template, found: Iterable[tuple[Path, str, str]]) -> list[Finding]:
    return sorted({Finding(template.file, template.line(*path), step, text) for path, step, text in found})


def _calendar(template: Template, known: Collection[str] | None) -> Found:
    if known is not None and template.calendar not in known:
        there = ", ".join(sorted(known))
        says = f"there is no calendar {template.calendar!r} (there are: {there}): declare it, or write `default`"
        yield ("calendar",), "", says


def _effect(template: Template) -> Found:
    effect = template.effect
    if effect is None:
        return
    if template.closes == "on_resolution":
        yield ("effect",), "", "a case that closes on resolution has no effect to judge: remove `effect`"
    people_open = "people" in template.opened_by
    if effect.metric is None and (effect.metric_from == "template" or people_open):
        why = "the template says by which" if effect.metric_from == "template" else "people open it without a trigger"
        yield ("effect",), "", f"no metric is named although {why}: add `metric`"
    path: Path = ("effect", "rule")
    try:
        rule = compile_condition(effect.rule)
    except ConditionError as error:
        yield path, "", str(error)
        return
    unknown = rule.variables - EFFECT_VARIABLES
    if unknown:
        names = ", ".join(sorted(EFFECT_VARIABLES))
        yield path, "", f"the rule reads {', '.join(sorted(unknown))}; it may read {names}"
        return
    sides = [("above", threshold) for threshold in _FIGURES] + [("below", threshold) for threshold in _FIGURES]
    problem = _answers(rule, sides)
    if problem:
        yield path, "", problem
    elif people_open and _answers(rule, [("", None)]):
        says = "a case that people open has no threshold and no direction, so this has no answer there"
        yield path, "", f"{says}: compare with `baseline`, or ask `threshold != null` first"


def _answers(rule: Condition, sides: Iterable[tuple[str, float | None]]) -> str:
    """Why the rule has no answer on some order of the figures; empty where it always has one."""
    for (direction, threshold), value, baseline in product(sides, _FIGURES, _FIGURES):
        try:
            rule.holds({"value": value, "threshold": threshold, "baseline": baseline, "direction": direction})
        except ConditionError as error:
            return str(error)
    return ""


def _incident(subject: Subject) -> Found:
    template, by_itself = subject.template, subject.template.closes == "on_resolution"
    if template.reopens_within is not None and not by_itself:
        yield ("reopens_within",), "", "only a case that closes on resolution goes on when its cause comes back"
    if template.tells is not None and template.tells in subject.inputs:
        yield ("tells",), "", f"{template.tells!r} is an input of one value; `tells` names a list that no input is"
    if by_itself and template.opened_by != ("rules",):
        says = "a case that closes on resolution ends when a check passes: only rules open it"
        yield ("opened_by",), "", says


def _opening(subject: Subject) -> Found:
    template = subject.template
    if template.requesters and "people" not in template.opened_by:
        yield ("requesters",), "", "people do not open these cases: add `people` to `opened_by`, or remove `requesters`"
    if template.subject is not None and template.subject not in subject.inputs:
        yield ("subject",), "", f"{template.subject!r} is no input: name the input that says what the case is about"
    for place in subject.layout.places.values():
        if isinstance(place.node, ProcessStep) and place.node.template == template.id:
            says = "a process cannot open itself, it would never end: name another template"
            yield (*place.path, "template"), place.node.id, says


def _learning(subject: Subject) -> Found:
    learning = subject.template.learning
    if learning is None:
        return
    asked = {
        field.name: field
        for place in subject.layout.places.values()
        if isinstance(place.node, HumanStep)
        for field in place.node.form
    }
    for key, name in (("cause", learning.cause), ("remedy", learning.remedy)):
        if name is None:  # only a rating is asked for
            continue
        field = asked.get(name)
        if field is None:
            yield ("learning", key), "", f"no form asks for {name!r}: add the field to the step that knows the {key}"
        elif field.type not in ("text", "choice"):
            yield ("learning", key), "", f"the {key} {name!r} is of type {field.type}: make it a text or a choice"
