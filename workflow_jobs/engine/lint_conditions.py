"""Conditions of tiers and decision tables: whether each always has an answer, and can be the one that decides.

Belongs here: what the template says of the names that a condition reads, and the findings. How the parts of a condition
fit each other is `condition_kinds`, which values lead where `condition_reach`; fields themselves are `lint_data`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import combinations
from typing import Final

from workflow_jobs.engine import condition_tree as t
from workflow_jobs.engine.certainty import Known, Source, going_on, known_at, order_of
from workflow_jobs.engine.condition_kinds import ANY, BOOLEAN, DATE, NUMBER, TEXT, Examined, Kind, examine, reads
from workflow_jobs.engine.condition_reach import Range, idle
from workflow_jobs.engine.conditions import CASE_NAMES, CASE_VARIABLES, ConditionError, compile_condition
from workflow_jobs.engine.forms import SIGNIFICANT_DIGITS
from workflow_jobs.engine.layout import Place
from workflow_jobs.engine.lint_subject import Found, Subject
from workflow_jobs.engine.parts import FormField
from workflow_jobs.engine.template import Decision, Fork, HumanStep, Node, ServiceStep, WaitStep
from workflow_jobs.engine.yaml_lines import Path

_WHOLE: Final = "write data.<field>, case.<name>, outcomes.<step> or results.<step>.<key>, without brackets"
_PRIORITIES: Final = frozenset({"urgent", "high", "normal", "low"})
_MAYBE_NUMBER: Final = Kind("number", nullable=True)
_CASE: Final[dict[str, Kind]] = dict.fromkeys(CASE_NAMES, TEXT) | {
    "priority": Kind("text", _PRIORITIES),
    "direction": Kind("text", frozenset({"above", "below", ""})),
    # Nobody measured anything where a person opened the case, or where rows are missing.
    "observed": _MAYBE_NUMBER,
    "threshold": _MAYBE_NUMBER,
    "breaches": NUMBER,
}
_TYPES: Final[dict[str, Kind]] = {
    "text": TEXT,
    "role": TEXT,
    "date": DATE,
    "decimal": NUMBER,
    "integer": NUMBER,
    "boolean": BOOLEAN,
    "file": ANY,
}
_MOST_RULES: Final = 8
_ALWAYS: Final = t.Literal(True, "true")


@dataclass(frozen=True)
class _View:
    """What conditions at one place may read."""

    subject: Subject
    place: Place

    @cached_property
    def known(self) -> Known:
        return known_at(self.subject.template, self.place)

    def kind(self, path: tuple[str, ...]) -> Kind:
        owner = path[0]
        if len(path) == 2 and owner == "data":
            return _data_kind(self.subject, path[1])
        if len(path) == 2 and owner == "outcomes":
            known = self.subject.layout.places.get(path[1])
            values = _outcomes(known.node) if known is not None else None
            return Kind("text", values)
        if len(path) == 2 and owner == "case":
            return _CASE.get(path[1], ANY)
        return ANY

    def range(self, path: tuple[str, ...]) -> Range:
        kind = self.kind(path)
        if path[0] != "data":
            return Range(kind, least=Decimal(1) if path == ("case", "breaches") else None)
        optional = path[1] not in self.known.fields
        fields = [
            source.field for source in self.subject.sources if source.name == path[1] and source.field is not None
        ]
        if kind.name != "number" or not fields:
            return Range(kind, optional)
        least, most = [field.min for field in fields], [field.max for field in fields]
        return Range(
            kind,
            optional,
            None if None in least else min(bound for bound in least if bound is not None),
            None if None in most else max(bound for bound in most if bound is not None),
            max(0 if field.type == "integer" else field.decimals for field in fields),
        )


def conditions(subject: Subject) -> Found:
    """Findings about the conditions of all tiers and decision tables."""
    for place in subject.layout.places.values():
        node = place.node
        if isinstance(node, HumanStep):
            whens = [tier.when for tier in node.tiers]
            yield from _table(subject, (*place.path, "tiers"), place, whens, first=True)
        elif isinstance(node, Decision):
            whens = [rule.when for rule in node.rules]
            yield from _table(subject, (*place.path, "rules"), place, whens, first=node.policy == "first")


def _table(subject: Subject, path: Path, place: Place, whens: Sequence[str | None], *, first: bool) -> Found:
    view, step = _View(subject, place), place.node.id
    trees: dict[int, t.Tree] = {}
    for number, when in enumerate(whens):
        if when is None:
            continue
        tree, problems = _read(view, when)
        yield from (((*path, number, "when"), step, problem) for problem in problems)
        if tree is None or problems:
            continue
        trees[number] = tree
    numbers = list(trees)
    for position, what in idle([trees[number] for number in numbers], view.range, first).items():
        number = numbers[position]
        if not first and trees[number] == _ALWAYS:
            continue  # where all that hold are taken, this one is meant to be among them each time
        before = next((n for n in numbers[:position] if trees[n] == trees[number]), None)
        if what == "never":
            says = "this condition never holds, whatever the case knows: mend it, or remove what it leads to"
        elif what == "always":
            says = "this condition always holds, so nothing is decided by it: mend it, or write `default: true`"
        elif before is not None:
            says = (
                f"this condition stands above already (number {before + 1}), and the first that holds is taken: mend it"
            )
        else:
            says = "wherever this condition holds, one above it does, so it is never taken: mend it, or move it up"
        yield (*path, number, "when"), step, says


def _read(view: _View, source: str) -> tuple[t.Tree | None, list[str]]:
    """The tree of a condition, None where it cannot be read, and what is wrong with it."""
    try:
        compiled = compile_condition(source)
    except ConditionError as error:
        return None, [str(error)]
    unknown = compiled.variables - CASE_VARIABLES
    if unknown:
        return None, [f"the condition reads {', '.join(sorted(unknown))}; it may read data, results, outcomes, case"]
    try:
        tree = t.tree_of(source)
    except t.Unreadable as error:
        return None, [str(error)]
    paths = set(reads(tree))
    if any(len(path) < 2 or (len(path) > 2 and path[0] != "results") for path in paths):
        return tree, [_WHOLE]
    problems = list(_digits(tree))
    examined = examine(tree, view.kind)
    problems += _members(view, paths, examined)
    problems += [f"the condition does not fit the types of its fields: {misfit}" for misfit in examined.misfits]
    problems += examined.strangers
    return tree, problems


def _digits(tree: t.Tree) -> Iterator[str]:
    for part in t.parts_of(tree):
        if isinstance(part, t.Literal) and isinstance(part.value, int | float) and not isinstance(part.value, bool):
            digits = part.text.lower().partition("e")[0] if "0x" not in part.text.lower() else str(part.value)
            if len(digits.replace(".", "").lstrip("-0")) > SIGNIFICANT_DIGITS:
                yield f"a number with more than {SIGNIFICANT_DIGITS} digits is not compared exactly"


def _members(view: _View, paths: set[tuple[str, ...]], examined: Examined) -> Iterator[str]:
    for owner, name, *_ in sorted(paths):
        if owner == "case" and name not in CASE_NAMES:
            yield f"case has no {name!r} (it has {', '.join(CASE_NAMES)})"
        if owner in ("outcomes", "results") and name not in view.known.steps:
            yield f"{owner}.{name}: no step {name!r} is certain to be done before this one"
        if owner == "data":
            yield from _datum(view, name, asked=("data", name) not in examined.unasked)


def _datum(view: _View, name: str, *, asked: bool) -> Iterator[str]:
    subject = view.subject
    sources = [source for source in subject.sources if source.name == name]
    typed = any(source.field is not None or source.values for source in sources)
    if name not in view.known.fields and not (asked and typed):
        hint = f"or ask `has(data.{name}) && ...`" if typed else "or declare it as an input, so that its type is known"
        yield (
            f"data.{name} is not certain to be known here: make it a required field of a step before this one, {hint}"
        )
        return
    field = subject.declared(name)
    if field is not None and field.type == "file":
        yield f"data.{name} holds files, which a condition cannot look into: ask for a choice or a yes or no beside it"
    for source in sources:
        if source.step and _meanwhile(view, source):
            yield f"data.{name} decides here, so the step {source.step!r} must not change it at the same time"


def _meanwhile(view: _View, source: Source) -> bool:
    """Whether the source may fill its name while the condition is read, or while a tiered task waits for its answer."""
    order = order_of(view.subject.layout, source.step, view.place.node.id)
    return order == "parallel" or (source.step == view.place.node.id and source.field is not None)


def _data_kind(subject: Subject, name: str) -> Kind:
    sources = [source for source in subject.sources if source.name == name]
    fields = [source.field for source in sources if source.field is not None]
    set_to = frozenset(value for source in sources for value in source.values)
    if fields:
        options = [_options(field) for field in fields]
        if all(one is not None for one in options):
            texts = frozenset(value for value in set_to if isinstance(value, str))
            return Kind("text", texts.union(*(one for one in options if one is not None)))
        return _TYPES.get(fields[0].type, TEXT)
    return _set_kind(sources, set_to)


def _options(field: FormField) -> frozenset[str] | None:
    return frozenset(option.value for option in field.options) if field.type == "choice" else None


def _set_kind(sources: Sequence[Source], set_to: frozenset[str | bool | int]) -> Kind:
    """The kind of what only decisions set, and other cases bring."""
    if not set_to:
        return ANY
    brought = any(source.field is None and not source.values for source in sources)
    one = next(iter(set_to))
    if isinstance(one, bool):
        values = frozenset(value for value in set_to if isinstance(value, bool))
        kind = Kind("boolean", None if brought else values)
    elif isinstance(one, int):
        kind = NUMBER
    else:
        kind = Kind("text", None if brought else frozenset(str(value) for value in set_to))
    return Kind("list", of=kind) if any(source.collected for source in sources) else kind


def _outcomes(node: Node | Fork | Decision) -> frozenset[str | bool] | None:
    """What the outcome of a step can be where the case has gone on from it; None: it cannot be told."""
    match node:
        case HumanStep():
            return frozenset(outcome.id for outcome in going_on(node))
        case ServiceStep():
            return frozenset({"completed", "done_by_hand"})
        case WaitStep():
            return frozenset({"elapsed", "signalled"} if node.signal is not None else {"elapsed"})
        case Fork():
            return frozenset({"joined"})
        case Decision():
            ids = [rule.id for rule in node.rules]
            if node.policy == "first":
                return frozenset(ids)
            # The default holds alone: where no other rule does.
            alone = frozenset(rule.id for rule in node.rules if rule.default)
            held = [one for one in ids if one not in alone]
            if len(held) <= _MOST_RULES:
                joined = ("+".join(some) for count in range(1, len(held) + 1) for some in combinations(held, count))
                return alone.union(joined)
    return None
