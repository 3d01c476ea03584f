"""Whether a well-formed template makes sense: roles, jobs, tiers, conditions, ladders, forms, reachability.

Every finding names file, line and step and says what to do. Because templates are blocks, soundness needs no search:
a join of all waits for branches that all end, so what remains is checked place by place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from workflow_jobs.engine.conditions import (
    CASE_NAMES,
    CASE_VARIABLES,
    EFFECT_VARIABLES,
    Condition,
    ConditionError,
    compile_condition,
    declared_fields,
)
from workflow_jobs.engine.forms import SIGNIFICANT_DIGITS
from workflow_jobs.engine.layout import Place, layout_of, node_of
from workflow_jobs.engine.parts import FormField, RoleFromInput, RoleRef, Rung
from workflow_jobs.engine.template import Fork, HumanStep, Node, ServiceStep, Template
from workflow_jobs.engine.yaml_lines import Path


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing to mend. `step` is "" for the template as a whole."""

    file: str
    line: int
    step: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.step + ': ' if self.step else ''}{self.message}"


def lint(
    template: Template, known_roles: Collection[str] | None = None, known_jobs: Collection[str] | None = None
) -> list[Finding]:
    """All findings, in the order of the file. `known_roles` and `known_jobs` None: names are not checked."""
    linter = _Linter(template, known_roles, known_jobs)
    return sorted({Finding(template.file, template.line(*path), step, text) for path, step, text in linter.run()})


_Found = Iterator[tuple[Path, str, str]]


class _Linter:
    def __init__(
        self, template: Template, known_roles: Collection[str] | None, known_jobs: Collection[str] | None
    ) -> None:
        self.template = template
        self.layout = layout_of(template)
        self.known_roles = known_roles
        self.known_jobs = known_jobs
        self.inputs = {field.name: field for field in template.inputs}
        self.types: dict[str, FormField] = {}

    def run(self) -> _Found:
        for step, path in self.layout.repeated:
            yield path, step, f"the id {step!r} is used twice: give every step and fork its own id"
        yield from self._role(("owner_role",), "", self.template.owner_role)
        yield from self._ladder(("ladder",), "", self.template.ladder)
        yield from self._fields(("inputs",), "", self.template.inputs, outcomes=())
        yield from self._effect()
        yield from self._incident()
        for place in self.layout.places.values():
            if isinstance(place.node, Fork):
                yield from self._fork(place, place.node)
            else:
                yield from self._step(place)

    def _effect(self) -> _Found:
        effect = self.template.effect
        if effect is None:
            return
        if self.template.closes == "on_resolution":
            yield ("effect",), "", "a case that closes on resolution has no effect to judge: remove `effect`"
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
        for direction in ("above", "below"):
            try:
                rule.holds({"value": 1.0, "threshold": 2.0, "baseline": 3.0, "direction": direction})
            except ConditionError as error:
                yield path, "", str(error)
                return

    def _incident(self) -> _Found:
        template, by_itself = self.template, self.template.closes == "on_resolution"
        if template.reopens_within is not None and not by_itself:
            yield ("reopens_within",), "", "only a case that closes on resolution goes on when its cause comes back"
        if template.tells is not None and template.tells in self.inputs:
            yield ("tells",), "", f"{template.tells!r} is an input of one value; `tells` names a list that no input is"
        for place in self.layout.places.values():
            if by_itself and isinstance(place.node, HumanStep):
                for number, outcome in enumerate(place.node.outcomes):
                    if outcome.ends_case is not None:
                        path: Path = (*place.path, "outcomes", number)
                        yield path, place.node.id, "a case that closes on resolution is not ended by a choice"

    def _fork(self, place: Place, fork: Fork) -> _Found:
        if len(fork.branches) < 2:
            yield place.path, fork.id, "a fork needs two branches at least: write its steps in the sequence itself"
        for number, branch in enumerate(fork.branches):
            if not branch:
                yield (*place.path, "branches", number), fork.id, f"branch {number + 1} has no step"

    def _step(self, place: Place) -> _Found:
        node = place.node
        assert not isinstance(node, Fork)
        path, raci = place.path, node.raci
        yield from self._role((*path, "raci", "accountable"), node.id, raci.accountable)
        if raci.responsible is not None:
            yield from self._role((*path, "raci", "responsible"), node.id, raci.responsible)
        for letter, roles in (("consulted", raci.consulted), ("informed", raci.informed)):
            for number, role in enumerate(roles):
                yield from self._role((*path, "raci", letter, number), node.id, role)
        if node.ladder is not None:
            yield from self._ladder((*path, "ladder"), node.id, node.ladder)
        if isinstance(node, HumanStep):
            yield from self._human(place, node)
        else:
            yield from self._service(place, node)

    def _service(self, place: Place, step: ServiceStep) -> _Found:
        if step.raci.responsible is None:
            yield (
                (*place.path, "raci"),
                step.id,
                "nobody is responsible: name the role that is asked when the job fails",
            )
        if self.known_jobs is not None and step.job not in self.known_jobs:
            known = ", ".join(sorted(self.known_jobs)) or "none"
            yield (*place.path, "job"), step.id, f"there is no job {step.job!r} (known: {known})"

    def _human(self, place: Place, step: HumanStep) -> _Found:
        path = place.path
        if step.tiers and step.raci.responsible is not None:
            yield (*path, "raci", "responsible"), step.id, "the tiers say who is responsible: remove it here"
        if not step.tiers and step.raci.responsible is None:
            yield (*path, "raci"), step.id, "nobody is responsible: name a role, or give the step tiers"
        ids = [outcome.id for outcome in step.outcomes]
        for number, outcome in enumerate(ids):
            if outcome in ids[:number]:
                yield (*path, "outcomes", number), step.id, f"the outcome {outcome!r} stands here twice"
        ends_always = all(outcome.ends_case is not None for outcome in step.outcomes)
        if ends_always and (place.following is not None or place.parent is not None):
            after = node_of(place.following).id if place.following is not None else "the join"
            yield (*path, "outcomes"), step.id, f"every outcome ends the case, so {after} can never be reached"
        yield from self._fields((*path, "form"), step.id, step.form, outcomes=ids)
        if not isinstance(step.actions.assign, bool):
            for number, role in enumerate(step.actions.assign):
                yield from self._role((*path, "actions", "assign", number), step.id, role)
        yield from self._tiers(place, step)

    def _tiers(self, place: Place, step: HumanStep) -> _Found:
        if not step.tiers:
            return
        path: Path = (*place.path, "tiers")
        if not step.tiers[-1].default:
            yield (*path, len(step.tiers) - 1), step.id, "the last tier must be `default: true`, or no tier may fit"
        for number, tier in enumerate(step.tiers):
            here: Path = (*path, number)
            yield from self._role((*here, "responsible"), step.id, tier.responsible)
            if tier.accountable is not None:
                yield from self._role((*here, "accountable"), step.id, tier.accountable)
            if tier.default and number < len(step.tiers) - 1:
                yield here, step.id, "the default tier must be the last one: those after it can never be reached"
            if tier.when is not None:
                yield from self._condition((*here, "when"), place, tier.when)

    def _condition(self, path: Path, place: Place, source: str) -> _Found:
        step = place.node.id
        try:
            condition = compile_condition(source)
        except ConditionError as error:
            yield path, step, str(error)
            return
        unknown = condition.variables - CASE_VARIABLES
        if unknown:
            yield (
                path,
                step,
                f"the condition reads {', '.join(sorted(unknown))}; it may read data, results, outcomes, case",
            )
            return
        if condition.reads_whole:
            yield (
                path,
                step,
                "write data.<field>, case.<name>, outcomes.<step> or results.<step>.<key>, without brackets",
            )
        if condition.uses_arithmetic:
            yield path, step, "arithmetic on amounts is not exact in a condition: compare fields with literals only"
        if condition.longest_number > SIGNIFICANT_DIGITS:
            yield path, step, f"a number with more than {SIGNIFICANT_DIGITS} digits is not compared exactly"
        problems = list(self._members(condition, place))
        yield from ((path, step, problem) for problem in problems)
        if not problems and "results" not in condition.variables:  # whose shape no template declares
            try:
                condition.holds(self._sample())
            except ConditionError as error:
                yield path, step, f"the condition does not fit the types of its fields: {error}"

    def _members(self, condition: Condition, place: Place) -> Iterator[str]:
        before = self._before(place)
        certain = self._certain_fields(before)
        for owner, name in sorted(condition.members):
            if owner == "case" and name not in CASE_NAMES:
                yield f"case has no {name!r} (it has {', '.join(CASE_NAMES)})"
            if owner in ("outcomes", "results") and name not in before:
                yield f"{owner}.{name}: no step {name!r} is certain to be done before this one"
            if owner == "data" and name not in certain:
                yield f"data.{name} is not certain to be known here: make it a required field of a step before this one"
            if owner == "data" and name in certain:
                for other, field in declared_fields(self.template):
                    if field.name == name and other and other not in before and not self._after(other, place):
                        yield f"data.{name} decides the tier, so the step {other!r} must not change it at the same time"

    def _before(self, place: Place) -> set[str]:
        """Ids of the steps that are certain to be done when the place is entered."""
        done: set[str] = set()
        while True:
            for entry in place.sequence[: place.position]:
                done |= _inside(entry)
            if place.parent is None:
                return done
            place = self.layout.places[place.parent[0]]

    def _after(self, other: str, place: Place) -> bool:
        return place.node.id in self._before(self.layout.places[other])

    def _certain_fields(self, before: set[str]) -> set[str]:
        certain = {name for name, field in self.inputs.items() if field.required is True}
        for step in self.layout.steps():
            if step.id in before and isinstance(step, HumanStep):
                going_on = [outcome.id for outcome in step.outcomes if outcome.ends_case is None]
                certain |= {f.name for f in step.form if all(f.required_for(outcome) for outcome in going_on)}
        return certain

    def _sample(self) -> dict[str, Any]:
        samples: dict[str, Any] = {"decimal": 0.0, "integer": 0, "boolean": False, "date": "2026-01-01"}
        data = {
            field.name: field.options[0].value if field.options else samples.get(field.type, "")
            for _, field in declared_fields(self.template)
        }
        case: dict[str, Any] = dict.fromkeys(CASE_NAMES, "")
        case |= {"observed": 0.0, "threshold": 0.0, "breaches": 1}
        outcomes = {step.id: "" for step in self.layout.steps()}
        return {"data": data, "case": case, "outcomes": outcomes}

    def _fields(self, path: Path, step: str, fields: tuple[FormField, ...], outcomes: Collection[str]) -> _Found:
        seen: set[str] = set()
        for number, field in enumerate(fields):
            here: Path = (*path, number)
            if field.name in seen:
                yield here, step, f"the field {field.name!r} stands here twice"
            seen.add(field.name)
            first = self.types.setdefault(field.name, field)
            if first.type != field.type:
                yield here, step, f"the field {field.name!r} is {first.type} elsewhere and {field.type} here"
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

    def _ladder(self, path: Path, step: str, ladder: tuple[Rung, ...]) -> _Found:
        for number, rung in enumerate(ladder):
            if number and rung.at <= ladder[number - 1].at:
                yield (*path, number), step, f"rungs must ascend: {rung.at} % comes after {ladder[number - 1].at} %"
            if rung.unless is not None and not self._acknowledges(step):
                yield (*path, number), step, "nothing here can be acknowledged: offer it under `actions`"
            if rung.to.startswith("role:"):
                yield from self._role((*path, number, "to"), step, rung.to.removeprefix("role:"))

    def _acknowledges(self, step: str) -> bool:
        """Whether the step (any step, for the template's own ladder) offers to acknowledge its task."""
        asked = [one for one in self.layout.steps() if step in ("", one.id)]
        return any(isinstance(one, HumanStep) and one.actions.acknowledge for one in asked)

    def _role(self, path: Path, step: str, role: RoleRef) -> _Found:
        if isinstance(role, RoleFromInput):
            field = self.inputs.get(role.input)
            if field is None or field.type != "role":
                yield path, step, f"{role.input!r} is no input of type role"
            role = role.default
        if self.known_roles is not None and role not in self.known_roles:
            yield path, step, f"nobody can hold the role {role!r}: no such role is known"


def _inside(entry: Node) -> set[str]:
    node = node_of(entry)
    if not isinstance(node, Fork):
        return {node.id}
    return {node.id}.union(*(_inside(inner) for branch in node.branches for inner in branch))
