"""A condition as a tree, so that the linter can look at every part of it, whatever a sample would pass over.

Belongs here: reading the part of CEL that templates may use. What a condition answers is CEL's own business (see
`conditions`): this tree is examined and never decides a case. Whether its parts fit each other is `condition_kinds`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import cel

_DEEPEST: Final = 40
_LONGEST: Final = 2000
_TOKEN = re.compile(
    r"""(?P<gap>\s+|//[^\n]*)
    |(?P<text>[rR]?(?:"(?!"")(?:\\.|[^"\\\n])*"|'(?!'')(?:\\.|[^'\\\n])*'))
    |(?P<number>0[xX][0-9a-fA-F]+(?![\w.])|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<name>[A-Za-z_]\w*)
    |(?P<sign>\|\||&&|==|!=|<=|>=|[<>!?:()\[\],.+\-*/%{}])""",
    re.VERBOSE,
)
_RELATIONS: Final = ("==", "!=", "<", "<=", ">", ">=", "in")
CALLS: Final = {"size": 0, "startsWith": 1, "endsWith": 1, "contains": 1, "matches": 1}
_USABLE: Final = f"==, !=, <, <=, >, >=, in, &&, ||, !, ? :, has(), {', '.join(f'{name}()' for name in CALLS)}"


class Unreadable(Exception):
    """What a template's condition may not say. The text says what to write instead."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the condition; `text` is how it is written there."""

    value: bool | int | float | str | None
    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """`data.amount` as ("data", "amount")."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """`has(data.amount)`."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """`!of`."""

    of: Tree


@dataclass(frozen=True, slots=True)
class Every:
    """`a && b && ...`."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """`a || b || ...`."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """`test ? yes : no`."""

    test: Tree
    yes: Tree
    no: Tree


@dataclass(frozen=True, slots=True)
class Compare:
    """`left sign right`; the sign is one of == != < <= > >= in."""

    sign: str
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Listing:
    """`[a, b]`."""

    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """`of.name(given)`, or `size(of)`."""

    name: str
    of: Tree
    given: tuple[Tree, ...]


Tree: TypeAlias = Literal | Name | Has | Not | Every | Some | Either | Compare | Listing | Call


def tree_of(source: str) -> Tree:
    """The tree of a condition that CEL compiles. Raises Unreadable for what templates do not use of CEL."""
    reader = _Reader(list(_tokens(source)))
    tree = reader.either()
    if reader.here:
        raise Unreadable(_unknown(reader.here))
    return tree


def parts_of(tree: Tree) -> Iterator[Tree]:
    """The tree and everything in it."""
    yield tree
    inside: tuple[Tree, ...] = ()
    match tree:
        case Not(of):
            inside = (of,)
        case Every(parts) | Some(parts) | Listing(parts):
            inside = parts
        case Either(test, yes, no):
            inside = (test, yes, no)
        case Compare(_, left, right):
            inside = (left, right)
        case Call(_, of, given):
            inside = (of, *given)
    for one in inside:
        yield from parts_of(one)


def _tokens(source: str) -> Iterator[tuple[str, str]]:
    at, count = 0, 0
    while at < len(source):
        found = _TOKEN.match(source, at)
        if found is None or found.lastgroup is None:
            raise Unreadable(_unknown(source[at : at + 20].splitlines()[0]))
        at, count = found.end(), count + 1
        if count > _LONGEST:
            raise Unreadable("the condition is too long to be examined: let a decision before it set a field")
        if found.lastgroup != "gap":
            yield found.lastgroup, found.group()


def _unknown(text: str) -> str:
    return f"a condition may use {_USABLE}, numbers and texts in single quotes or double quotes, but not {text!r}"


class _Reader:
    """Reads tokens from left to right, one method for each level of precedence."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    @property
    def here(self) -> str:
        """The next token; empty at the end."""
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def take(self, sign: str) -> bool:
        """Go past this sign, if it comes next."""
        if self.kind in ("sign", "name") and self.here == sign:
            self.at += 1
            return True
        return False

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise Unreadable(_unknown(self.here or "the end"))

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Unreadable("the condition is nested too deep to be examined: let a decision before it set a field")

    def either(self) -> Tree:
        self.deeper()
        test = self.some()
        if self.take("?"):
            yes = self.some()
            self.need(":")
            test = Either(test, yes, self.either())
        self.depth -= 1
        return test

    def some(self) -> Tree:
        parts = [self.every()]
        while self.take("||"):
            parts.append(self.every())
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def every(self) -> Tree:
        parts = [self.relation()]
        while self.take("&&"):
            parts.append(self.relation())
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def relation(self) -> Tree:
        left = self.member()
        count = 0
        while self.here in _RELATIONS and self.kind != "text":
            sign = self.here
            self.at += 1
            left = Compare(sign, left, self.member())
            count += 1
            if count > _DEEPEST:
                raise Unreadable(_unknown(sign))
        return left

    def member(self) -> Tree:
        if self.take("!"):
            self.deeper()
            turned = Not(self.member())
            self.depth -= 1
            return turned
        tree = self.primary()
        while True:
            if self.here in ("+", "-", "*", "/", "%") and self.kind == "sign":
                raise Unreadable("arithmetic on amounts is not exact in a condition: compare fields with literals only")
            if self.here in ("[", "{") and self.kind == "sign":
                raise Unreadable(
                    "write data.<field>, case.<name>, outcomes.<step> or results.<step>.<key>, without brackets"
                )
            if not self.take("."):
                return tree
            tree = self.after_dot(tree)

    def after_dot(self, tree: Tree) -> Tree:
        name = self.here
        if self.kind != "name":
            raise Unreadable(_unknown(f".{name}"))
        self.at += 1
        if self.here == "(" and self.kind == "sign":
            if name not in CALLS:
                raise Unreadable(_unknown(f"{name}()"))
            given = self.given(")")
            if len(given) != CALLS[name]:
                raise Unreadable(f"{name}() takes {CALLS[name] or 'nothing'} in its brackets")
            return Call(name, tree, given)
        if not isinstance(tree, Name):
            raise Unreadable(_unknown(f".{name}"))
        return Name((*tree.path, name))

    def given(self, end: str) -> tuple[Tree, ...]:
        self.at += 1
        items: list[Tree] = []
        while not self.take(end):
            if items:
                self.need(",")
                if self.take(end):
                    break
            items.append(self.either())
        return tuple(items)

    def primary(self) -> Tree:
        kind, text = self.kind, self.here
        if kind == "sign":
            return self.sign(text)
        self.at += 1
        match kind:
            case "text" | "number":
                return Literal(cel.evaluate(text), text)
            case "name" if text in ("true", "false", "null"):
                return Literal({"true": True, "false": False, "null": None}[text], text)
            case "name" if self.here == "(" and self.kind == "sign":
                return self.called(text)
            case "name":
                return Name((text,))
        raise Unreadable(_unknown(text or "the end"))

    def sign(self, text: str) -> Tree:
        if text == "(":
            self.at += 1
            tree = self.either()
            self.need(")")
            return tree
        if text == "[":
            return Listing(self.given("]"))
        if text == "-":
            self.at += 1
            number = self.here
            if self.kind != "number":
                raise Unreadable("arithmetic on amounts is not exact in a condition: compare fields with literals only")
            self.at += 1
            return Literal(cel.evaluate(f"-{number}"), f"-{number}")
        raise Unreadable(_unknown(text))

    def called(self, name: str) -> Tree:
        given = self.given(")")
        if name == "has" and len(given) == 1 and isinstance(given[0], Name):
            return Has(given[0].path)
        if name == "size" and len(given) == 1:
            return Call("size", given[0], ())
        raise Unreadable(_unknown(f"{name}()"))
