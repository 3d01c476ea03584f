"""Whether a condition of a table can be the one that decides: tried on every value that tells its parts apart.

Belongs here: which values those are, and an answer of three kinds (yes, no, either) for each combination of them. It
errs on one side only: a condition that can hold is never said to be idle.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from itertools import product
from math import floor, prod
from typing import Any, Final, Literal

from workflow_jobs.engine import condition_tree as t
from workflow_jobs.engine.condition_kinds import Kind, Path, reads

_MOST: Final = 4000
_FAR: Final = Decimal(10) ** 18
_ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class _Mark(Enum):
    """What stands for a value: anything; a text that the table does not name; a name that is missing."""

    ANYTHING = "anything"
    OTHER = "other"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Range:
    """What a name can be: its kind, whether it may be missing, and for a number the bounds and the places behind the
    point (None: any).
    """

    kind: Kind
    optional: bool = False
    least: Decimal | None = None
    most: Decimal | None = None
    decimals: int = 6


Idle = Literal["never", "always", "late"]


def idle(trees: Sequence[t.Tree], range_of: Callable[[Path], Range], first: bool) -> dict[int, Idle]:
    """Which conditions of a table decide nothing, by their position.

    `never` holds on nothing, `always` on everything; `late`: the ones before it hold wherever it does, which matters
    where only the `first` one that holds is taken. Where there are too many combinations to try, nothing is said.
    """
    found: dict[int, Idle] = {}
    for number, tree in enumerate(trees):
        answers = {_answer(tree, values) for values in _combinations([tree], range_of)}
        if answers == {False}:
            found[number] = "never"
        elif answers == {True}:
            found[number] = "always"
    if first:
        late = set(range(1, len(trees))) - found.keys()
        tried = False
        for values in _combinations(trees, range_of):
            tried = True
            late -= set(_taken(trees, values))
            if not late:
                break
        found |= dict.fromkeys(late if tried else (), "late")
    return found


def _taken(trees: Sequence[t.Tree], values: Mapping[Path, object]) -> Iterator[int]:
    """The conditions that may be the first one to hold on these values."""
    for number, tree in enumerate(trees):
        answer = _answer(tree, values)
        if answer is not False:
            yield number
        if answer is True:
            return


def _combinations(trees: Sequence[t.Tree], range_of: Callable[[Path], Range]) -> Iterator[Mapping[Path, object]]:
    """Every combination of values that tell the parts apart; none where they are too many."""
    paths = sorted({path for tree in trees for path in reads(tree)})
    ranges = {path: range_of(path) for path in paths}
    literals = [part.value for tree in trees for part in t.parts_of(tree) if isinstance(part, t.Literal)]
    numbers = {_exact(value) for value in literals if isinstance(value, int | float) and not isinstance(value, bool)}
    numbers |= {bound for one in ranges.values() for bound in (one.least, one.most) if bound is not None}
    texts = {value for value in literals if isinstance(value, str)}
    texts |= {value for one in ranges.values() for value in one.kind.values or () if isinstance(value, str)}
    values = [_values(ranges[path], numbers, texts) for path in paths]
    if prod(map(len, values)) <= _MOST:
        for one in product(*values):
            yield dict(zip(paths, one, strict=True))


def _values(one: Range, numbers: set[Decimal], texts: set[str]) -> list[object]:
    found: list[object] = []
    match one.kind.name:
        case "number":
            found += _numbers(one, numbers)
        case "text" | "date":
            known = one.kind.values
            found += sorted(texts if known is None else map(str, known))
            found += [_Mark.OTHER] if known is None else []
        case "boolean":
            found += [False, True] if one.kind.values is None else sorted(bool(value) for value in one.kind.values)
        case _:
            found.append(_Mark.ANYTHING)
    if one.kind.nullable:
        found.append(None)
    if one.optional:
        found.append(_Mark.MISSING)
    return found


def _numbers(one: Range, numbers: set[Decimal]) -> list[Decimal]:
    """Each number that is compared with, and its neighbours on either side, as far as the field takes them."""
    step = Fraction(1, 10**one.decimals)
    near = {
        Decimal(floor(Fraction(number) / step) + more) * Decimal(10) ** -one.decimals
        for number in (max(-_FAR, min(_FAR, number)) for number in numbers | {Decimal(0)})
        for more in (-1, 0, 1, 2)
    }
    return sorted(
        value for value in near if (one.least is None or value >= one.least) and (one.most is None or value <= one.most)
    )


def _answer(tree: t.Tree, values: Mapping[Path, object]) -> object:
    """What the tree gives on these values; ANYTHING where that cannot be told."""
    match tree:
        case t.Literal(value):
            return _exact(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        case t.Name(path):
            read = values[path]
            return _Mark.ANYTHING if read is _Mark.MISSING else read
        case t.Has(path):
            return _Mark.ANYTHING if path[0] == "results" else values[path] is not _Mark.MISSING
        case t.Not(of):
            answer = _answer(of, values)
            return not answer if isinstance(answer, bool) else _Mark.ANYTHING
        case t.Every(parts) | t.Some(parts):
            ends = isinstance(tree, t.Some)
            answers = [_answer(part, values) for part in parts]
            if any(answer is ends for answer in answers):
                return ends
            return not ends if all(isinstance(answer, bool) for answer in answers) else _Mark.ANYTHING
        case t.Either(test, yes, no):
            asked = _answer(test, values)
            return _answer(yes if asked else no, values) if isinstance(asked, bool) else _Mark.ANYTHING
        case t.Compare(sign, left, right):
            return _compared(sign, left, right, values)
    return _Mark.ANYTHING


def _compared(sign: str, left: t.Tree, right: t.Tree, values: Mapping[Path, object]) -> object:
    one = _answer(left, values)
    if sign == "in":
        if not isinstance(right, t.Listing):
            return _Mark.ANYTHING
        answers = [_same(one, _answer(item, values), (left, item)) for item in right.items]
        if any(answer is True for answer in answers):
            return True
        return False if all(answer is False for answer in answers) else _Mark.ANYTHING
    other = _answer(right, values)
    if sign in ("==", "!="):
        same = _same(one, other, (left, right))
        return same if sign == "==" or not isinstance(same, bool) else not same
    both = (one, other)
    if _unsure(both, (left, right)) or any(value is None or value is _Mark.OTHER for value in both):
        return _Mark.ANYTHING
    return _ORDER[sign](one, other)


def _same(one: object, other: object, trees: tuple[t.Tree, t.Tree]) -> object:
    if _unsure((one, other), trees) or (one is _Mark.OTHER and other is _Mark.OTHER):
        return _Mark.ANYTHING
    return type(one) is type(other) and one == other


def _unsure(values: tuple[object, object], trees: tuple[t.Tree, t.Tree]) -> bool:
    """Whether these values cannot stand for all others: nothing is known of one, or both are numbers of fields, whose
    values in between were not tried.
    """
    if _Mark.ANYTHING in values:
        return True
    numbers = all(isinstance(value, Decimal) for value in values)
    return numbers and not any(isinstance(tree, t.Literal) for tree in trees)


def _exact(number: float) -> Decimal:
    return Decimal(str(number))
