"""Whether the parts of a condition fit each other, in every branch of it: what is accepted here always has an answer.

Belongs here: kinds of values, and what may be asked of which. What a template says about a name is handed in; where
nothing is known of it (what a job returns), nothing is claimed. Which values lead where is `condition_reach`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from typing import Final, Literal

import cel

from workflow_jobs.engine import condition_tree as t

KindName = Literal["number", "text", "date", "boolean", "list", "null", "any"]
Path = tuple[str, ...]
_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_SAID: Final[dict[KindName, str]] = {
    "number": "a number",
    "text": "a text",
    "date": "a date",
    "boolean": "a yes or no",
    "list": "a list",
    "null": "null",
    "any": "anything",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value can be. `values` are all that a text or yes or no may be, None where it may be any.

    `of` is what a list holds. A `nullable` one may be null instead.
    """

    name: KindName
    values: frozenset[str | bool] | None = None
    of: Kind | None = None
    nullable: bool = False


ANY: Final = Kind("any")
NUMBER: Final = Kind("number")
TEXT: Final = Kind("text")
DATE: Final = Kind("date")
BOOLEAN: Final = Kind("boolean")
_NULL: Final = Kind("null")


@dataclass
class Examined:
    """What was found in a condition: sentences about parts that do not fit each other, and about values that there are
    not. `unasked` are the paths that some part reads without `has(...)` before it.
    """

    misfits: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    unasked: set[Path] = field(default_factory=set)


def examine(tree: t.Tree, kind_of: Callable[[Path], Kind]) -> Examined:
    """Look at every part. `kind_of` gives the kind of a path such as ("data", "amount")."""
    examiner = _Examiner(kind_of)
    examiner.holds(tree, frozenset())
    return examiner.found


Fact = tuple[Literal["there", "value"], Path]
Facts = frozenset[Fact]


def _facts(tree: t.Tree, answer: bool) -> Facts:
    """What is certain where the tree has given this answer: that something is there, or is not null."""
    match tree:
        case t.Has(path):
            return frozenset({("there", path)}) if answer else frozenset()
        case t.Not(of):
            return _facts(of, not answer)
        case t.Every(parts) | t.Some(parts):
            each = [_facts(part, answer) for part in parts]
            together = isinstance(tree, t.Every) == answer
            return reduce(frozenset.union if together else frozenset.intersection, each)
        case t.Either(test, yes, no):
            first = _facts(test, True) | _facts(yes, answer)
            return first & (_facts(test, False) | _facts(no, answer))
        case t.Compare("==" | "!=" as sign, left, right) if (sign == "!=") == answer:
            sides = [(left, right), (right, left)]
            return frozenset(("value", one.path) for one, other in sides if isinstance(one, t.Name) and _is_null(other))
    return frozenset()


def _is_null(tree: t.Tree) -> bool:
    return isinstance(tree, t.Literal) and tree.value is None


class _Examiner:
    def __init__(self, kind_of: Callable[[Path], Kind]) -> None:
        self.kind_of = kind_of
        self.found = Examined()

    def say(self, sentence: str) -> None:
        if sentence not in self.found.misfits:
            self.found.misfits.append(sentence)

    def holds(self, tree: t.Tree, facts: Facts) -> None:
        """The tree has to answer yes or no."""
        kind = self.kind(tree, facts)
        if kind.name not in ("boolean", "any"):
            self.say(f"{written(tree)} is {_SAID[kind.name]}, not true or false: compare it with something")

    def kind(self, tree: t.Tree, facts: Facts) -> Kind:
        """The kind of what the tree gives, where the facts hold."""
        match tree:
            case t.Literal(value):
                return _literal(value)
            case t.Name(path):
                return self.name(path, facts)
            case t.Has(path):
                self.asked(path)
            case t.Not(of):
                self.holds(of, facts)
            case t.Every(parts) | t.Some(parts):
                for part in parts:
                    self.holds(part, facts)
                    facts |= _facts(part, isinstance(tree, t.Every))
            case t.Either(test, yes, no):
                self.holds(test, facts)
                return self.one_kind([(yes, facts | _facts(test, True)), (no, facts | _facts(test, False))], tree)
            case t.Compare(sign, left, right):
                self.compare(sign, left, right, facts)
            case t.Listing(items):
                kind = self.one_kind([(item, facts) for item in items], tree) if items else ANY
                return Kind("list", of=Kind(kind.name, kind.values, kind.of))
            case t.Call(name, of, given):
                return self.call(name, of, given, facts)
        return BOOLEAN

    def name(self, path: Path, facts: Facts) -> Kind:
        if ("there", path) not in facts:
            self.found.unasked.add(path)
        kind = self.kind_of(path)
        return Kind(kind.name, kind.values, kind.of) if ("value", path) in facts else kind

    def asked(self, path: Path) -> None:
        if path[0] == "case":
            self.say(f"{'.'.join(path)} is there in every case: write `{'.'.join(path)} != null` where it may be empty")

    def one_kind(self, items: list[tuple[t.Tree, Facts]], whole: t.Tree) -> Kind:
        kinds = [self.kind(item, facts) for item, facts in items]
        first = kinds[0]
        for kind in kinds[1:]:
            if not _alike(first, kind):
                self.say(f"{written(whole)} mixes {_SAID[first.name]} with {_SAID[kind.name]}: use one kind")
                return ANY
        known = [kind.values for kind in kinds if kind.values is not None]
        values = frozenset().union(*known) if len(known) == len(kinds) else None
        return Kind(first.name, values, first.of, any(kind.nullable for kind in kinds))

    def call(self, name: str, of: t.Tree, given: tuple[t.Tree, ...], facts: Facts) -> Kind:
        kind = self.kind(of, facts)
        takes = ("text", "date", "list") if name == "size" else ("text", "date")
        if kind.name not in (*takes, "any") or kind.nullable:
            self.say(f"{name}() is asked of {written(of)}, which is {_SAID[kind.name]}: only texts have it")
        for one in given:
            other = self.kind(one, facts)
            if other.name not in ("text", "any"):
                self.say(f"{name}() takes a text in its brackets, not {written(one)}")
        if name == "matches":
            self.pattern(given[0])
        return NUMBER if name == "size" else BOOLEAN

    def pattern(self, given: t.Tree) -> None:
        if not isinstance(given, t.Literal) or not isinstance(given.value, str):
            self.say("matches() takes a pattern that stands in the condition itself: write it in quotes")
            return
        try:
            cel.evaluate(f"''.matches({given.text})")
        except Exception:  # noqa: BLE001 - CEL raises what its own regular expressions do
            self.say(f"{given.text} is no pattern that matches() can read: mend the regular expression")

    def compare(self, sign: str, left: t.Tree, right: t.Tree, facts: Facts) -> None:
        one, other = self.kind(left, facts), self.kind(right, facts)
        if sign == "in":
            self.among(left, one, right, other)
        elif sign in ("==", "!="):
            self.equal(left, one, right, other)
        else:
            self.order(sign, left, one, right, other)

    def order(self, sign: str, left: t.Tree, one: Kind, right: t.Tree, other: Kind) -> None:
        for tree, kind in ((left, one), (right, other)):
            if kind.nullable:
                path = written(tree)
                self.say(f"{path} may be empty, and nothing is above or below that: ask `{path} != null && ...`")
        for tree, kind in ((left, one), (right, other)):
            if kind.name not in ("number", "text", "date", "any"):
                self.say(f"{written(tree)} is {_SAID[kind.name]}, which `{sign}` cannot compare: use == or !=")
                return
        if not _alike(one, other):
            self.say(_never(left, one, right, other, f"`{sign}` has no answer"))
        else:
            self.days(left, one, right, other)

    def equal(self, left: t.Tree, one: Kind, right: t.Tree, other: Kind) -> None:
        if "null" in (one.name, other.name):
            tree, kind = (right, other) if one.name == "null" else (left, one)
            if kind.name != "any" and not kind.nullable:
                path = written(tree)
                self.say(f"{path} is never null: ask `has({path})` for what may be missing")
        elif not _alike(one, other):
            self.say(_never(left, one, right, other, "they are never equal"))
        else:
            self.days(left, one, right, other)
            self.possible(left, one, right)
            self.possible(right, other, left)

    def among(self, left: t.Tree, one: Kind, right: t.Tree, other: Kind) -> None:
        if other.name == "any":
            return
        if other.name != "list":
            self.say(f"`in` looks into a list, and {written(right)} is {_SAID[other.name]}: write [...] or use ==")
        elif isinstance(right, t.Listing):
            for item in right.items:
                self.equal(left, one, item, _literal(item.value) if isinstance(item, t.Literal) else ANY)
        elif other.of is not None:
            self.equal(left, one, right, other.of)

    def possible(self, tree: t.Tree, kind: Kind, other: t.Tree) -> None:
        """A literal must be one of the values that there are."""
        if kind.values is None or not isinstance(other, t.Literal) or isinstance(other.value, bool):
            return
        if isinstance(other.value, str) and other.value not in kind.values:
            known = ", ".join(sorted(str(value) for value in kind.values)) or "none"
            says = f"{written(tree)} is never {other.text}: write one of its values ({known})"
            if says not in self.found.strangers:
                self.found.strangers.append(says)

    def days(self, left: t.Tree, one: Kind, right: t.Tree, other: Kind) -> None:
        """A date is compared as the text that it is kept as."""
        for kind, tree in ((one, right), (other, left)):
            if kind.name == "date" and isinstance(tree, t.Literal) and not _DAY.fullmatch(str(tree.value)):
                self.say(f"{tree.text} is no date: write it as '2026-03-31'")


def _literal(value: bool | float | str | None) -> Kind:
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return BOOLEAN
    return TEXT if isinstance(value, str) else NUMBER


def _alike(one: Kind, other: Kind) -> bool:
    if "any" in (one.name, other.name):
        return True
    if one.name == other.name == "list":
        return one.of is None or other.of is None or _alike(one.of, other.of)
    return one.name == other.name or {one.name, other.name} == {"text", "date"}


def _never(left: t.Tree, one: Kind, right: t.Tree, other: Kind, why: str) -> str:
    return f"{written(left)} is {_SAID[one.name]} and {written(right)} is {_SAID[other.name]}, so {why}"


def written(tree: t.Tree) -> str:
    """The tree in a few words, as it stands in the condition."""
    match tree:
        case t.Literal():
            return tree.text
        case t.Name(path):
            return ".".join(path)
        case t.Listing():
            return "[...]"
        case t.Call(name, of, _):
            return f"{written(of)}.{name}()"
    return "(...)"


def reads(tree: t.Tree) -> Iterator[Path]:
    """Every path that the tree reads or asks for."""
    for part in t.parts_of(tree):
        if isinstance(part, t.Name | t.Has):
            yield part.path
