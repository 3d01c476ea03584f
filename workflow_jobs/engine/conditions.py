"""Conditions in CEL: compiled once, given plain data only, answering yes or no. Never Python.

What a condition sees:

- `data.<field>`: inputs of the template, form fields decided so far, and what decisions set,
- `results.<step>.<key>`: what service steps returned, `outcomes.<step>`: what people chose,
- `case.<name>`: metric, rule_id, subject_kind, subject_id, direction, priority, observed, threshold, breaches.

Numbers: a decimal is kept as exact text and shown to CEL as the nearest double. Rounding to doubles keeps the order of
decimals and keeps decimals of up to 15 significant digits apart, so comparing a field with a literal is exact: 49999.99
is below 50000.0, and 50000.00 is not. Arithmetic on doubles is not exact, so the linter refuses it in conditions, and
a form takes no decimal of more than 15 significant digits. CEL compares int and double by value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import cel

from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.parts import FormField
from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.template import Block, Decision, HumanStep, ProcessStep, Step, Template, WaitStep
from workflow_jobs.engine.values import Plain

CASE_NAMES: Final = (
    "metric",
    "rule_id",
    "subject_kind",
    "subject_id",
    "direction",
    "priority",
    "observed",
    "threshold",
    "breaches",
)
CASE_VARIABLES: Final = frozenset({"case", "data", "results", "outcomes"})
EFFECT_VARIABLES: Final = frozenset({"value", "threshold", "baseline", "direction"})
_UNREAD = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|//[^\n]*")
_MEMBER = re.compile(r"\b(data|case|outcomes|results)\s*\.\s*([A-Za-z_]\w*)")


class ConditionError(Exception):
    """A condition that cannot be read, or has no yes-or-no answer on this data."""


@dataclass(frozen=True)
class Condition:
    """A compiled condition. `variables` are the names it reads, `members` the (variable, field) pairs."""

    source: str
    program: Any
    variables: frozenset[str]
    members: frozenset[tuple[str, str]]

    def holds(self, variables: Mapping[str, Any]) -> bool:
        """Evaluate on plain data. Raises ConditionError for missing data, mixed types or an answer not yes or no."""
        try:
            answer = self.program.execute(dict(variables))
        except Exception as error:
            raise ConditionError(f"{self.source!r} has no answer here: {_first_sentence(error)}") from error
        if not isinstance(answer, bool):
            raise ConditionError(f"{self.source!r} answers {answer!r}, not true or false")
        return answer


@lru_cache(maxsize=1024)
def compile_condition(source: str) -> Condition:
    """Compile CEL source. Raises ConditionError with the compiler's first line."""
    try:
        program = cel.compile(source)
    except Exception as error:
        raise ConditionError(f"{source!r} is no CEL condition: {_first_sentence(error)}") from error
    bare = _UNREAD.sub("''", source)
    return Condition(
        source=source,
        program=program,
        variables=frozenset(program.variables()),
        members=frozenset((owner, name) for owner, name in _MEMBER.findall(bare)),
    )


def case_variables(template: Template, state: CaseState) -> dict[str, Any]:
    """What a condition of a step sees of a case. What is empty there is missing, so that `has` asks for both."""
    kinds = field_kinds(template)
    case: dict[str, Any] = {name: getattr(state, name) for name in CASE_NAMES}
    case["observed"] = _double(state.latest_observed)
    case["threshold"] = _double(state.threshold)
    return {
        "case": case,
        "data": {name: _seen(kinds.get(name), value) for name, value in state.data.items() if value is not None},
        "results": dict(state.results),
        "outcomes": {s.step_id: s.outcome for s in state.steps.values() if s.outcome is not None},
    }


def effect_variables(state: CaseState, value: str) -> dict[str, Any]:
    """What an effect rule sees."""
    return {
        "value": _double(value),
        "threshold": _double(state.threshold),
        "baseline": _double(state.observed),
        "direction": state.direction,
    }


def declared_fields(template: Template) -> list[tuple[str, FormField]]:
    """Every input and form field with the step that it belongs to ("" for inputs), in the order of the file."""
    found = [("", entry) for entry in template.inputs]
    for step in layout_of(template).steps():
        if isinstance(step, HumanStep | WaitStep):
            found += [(step.id, entry) for entry in step.form]
    return found


def filled_fields(template: Template) -> list[tuple[str, str]]:
    """(name, step or decision that fills it; "" for inputs) of everything that a case's data may hold by its template.

    Besides what people enter: what another case brings, and what a decision sets.
    """
    found = [(entry.name, owner) for owner, entry in declared_fields(template)]
    for place in layout_of(template).places.values():
        if isinstance(place.node, ProcessStep):
            found += [(name, place.node.id) for name in place.node.brings]
        elif isinstance(place.node, Decision):
            found += [(name, place.node.id) for rule in place.node.rules for name in rule.set]
    return found


def conditions_of(node: Step | Block) -> Iterator[str]:
    """The conditions that are asked when the place comes: of tiers, and of rules."""
    lines = node.rules if isinstance(node, Decision) else node.tiers if isinstance(node, HumanStep) else ()
    yield from (line.when for line in lines if line.when is not None)


def field_kinds(template: Template) -> dict[str, str]:
    """Field name to type."""
    return {entry.name: entry.type for _, entry in declared_fields(template)}


def _seen(kind: str | None, value: Plain) -> Any:
    """A text that is no amount, as a case of an older version may hold, stays one: comparing it has no answer."""
    if kind != "decimal" or not isinstance(value, str):
        return value
    try:
        return _double(value)
    except ValueError:
        return value


def _double(text: str | None) -> float | None:
    return None if text is None else float(text)


def _first_sentence(error: BaseException) -> str:
    text = f"no {error}" if isinstance(error, KeyError) else str(error)
    return text.splitlines()[0].split(". ")[0] if text else type(error).__name__
