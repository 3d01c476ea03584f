"""The SQL of one side: its rows with keys, day, figures and inputs under agreed names and in agreed exact types.

Columns of a side: ``k0 ..`` keys, ``day``, ``n`` and ``d`` (numerator, denominator; null counts as 0), ``x_<input>``
for the inputs that it knows, ``twice`` (a repeated row of a side that is added up to a coarser grain).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import duckdb

from ops_assets.reconciliation.spec import Comparison, ComparisonError, Side

_WHOLE = {
    "BOOLEAN": 1, "TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "HUGEINT": 38,
    "UTINYINT": 3, "USMALLINT": 5, "UINTEGER": 10, "UBIGINT": 20,
}  # fmt: skip
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_MOST_DIGITS = 38


@dataclass(frozen=True)
class Exact:
    """A decimal type."""

    digits: int
    scale: int

    def __str__(self) -> str:
        return f"decimal({self.digits}, {self.scale})"

    def with_(self, other: Exact) -> Exact:
        """The smallest type that holds both, as far as there is one."""
        scale = max(self.scale, other.scale)
        whole = max(self.digits - self.scale, other.digits - other.scale)
        return Exact(min(whole + scale, _MOST_DIGITS), scale)


@dataclass(frozen=True)
class Layout:
    """The agreed types of a comparison: figures, and inputs that at least one side knows."""

    keys: tuple[str, ...]
    key_types: tuple[str, ...]
    numerator: Exact
    denominator: Exact
    inputs: Mapping[str, Exact]
    shared: tuple[str, ...]
    known: tuple[frozenset[str], frozenset[str]]

    def row_columns(self, side: int, *, day: bool = True) -> list[str]:
        """Columns that hold a row of side 0 (ours) or 1 (theirs): day, figures, known inputs."""
        return [*(["day"] if day else []), "n", "d", *(f"x_{name}" for name in self.inputs if name in self.known[side])]


def make_layout(db: duckdb.DuckDBPyConnection, comparison: Comparison, relations: tuple[str, str]) -> Layout:
    """Look at both relations. Raises ComparisonError for columns that are not there or not exact."""
    sides = (comparison.ours, comparison.theirs)
    types = [_types(db, relation) for relation in relations]
    key_types = []
    for column in comparison.grain:
        ours, theirs = (
            _type(found, side, column, "the grain's column") for found, side in zip(types, sides, strict=True)
        )
        key_types.append(ours if ours == theirs else _common_key(ours, theirs))
    exact: dict[str, Exact] = {}
    known: list[set[str]] = [set(), set()]
    for number, (found, side) in enumerate(zip(types, sides, strict=True)):
        _type(found, side, side.date_column, "the date")
        columns = {"": "numerator", **({" ": "denominator"} if comparison.ratio else {})}
        wanted = {**columns, **{name: column for name, column in side.columns.items() if column is not None}}
        for name, column in wanted.items():
            here = _exact(_type(found, side, column, "the column"), side, column)
            exact[name] = exact[name].with_(here) if name in exact else here
        known[number] = {name for name, column in side.columns.items() if column is not None}
    return Layout(
        keys=tuple(f"k{number}" for number in range(len(comparison.grain))),
        key_types=tuple(key_types),
        numerator=exact[""],
        denominator=exact.get(" ", Exact(1, 0)),
        inputs={each.name: exact[each.name] for each in comparison.inputs if each.name in exact},
        shared=tuple(each.name for each in comparison.shared_inputs()),
        known=(frozenset(known[0]), frozenset(known[1])),
    )


def side_query(
    comparison: Comparison, layout: Layout, side: int, relation: str, bucket: str, where: Mapping[str, str]
) -> str:
    """The rows of a side at the compared grain. ``bucket`` is SQL over ``day``: rows of different buckets are never
    added up. ``where`` maps columns to the named parameters that they must equal as text.
    """
    spec = (comparison.ours, comparison.theirs)[side]
    plain = ", ".join(_plain_columns(comparison, layout, side, spec))
    conditions = [f'"{spec.date_column}" is not null']
    conditions += [f'cast("{column}" as varchar) = ${name}' for column, name in where.items()]
    base = f"from {relation} where {' and '.join(conditions)}"
    if not comparison.adds_up(spec):
        return f"select {plain}, false as twice {base}"
    own = {f"own{number}": column for number, column in enumerate(spec.own_grain)}
    sums = ["sum(n) as n", "sum(d) as d", *(f"sum(x_{name}) as x_{name}" for name, _ in _own(layout, side))]
    keys = ", ".join(layout.keys)
    return f"""
        with numbered as (
            select *, row_number() over (
                partition by {", ".join(own)} order by {", ".join(row_order(layout, side))}) > 1 as twice
            from (select {plain}, {", ".join(f'"{column}" as {name}' for name, column in own.items())} {base}) as plain
        )
        select {keys}, min(day) as day, {", ".join(sums)}, false as twice
        from numbered where not twice group by {keys}, date_trunc('month', day), {bucket}
        union all by name
        select * exclude ({", ".join(own)}) from numbered where twice
    """


def row_order(layout: Layout, side: int, prefix: str = "") -> list[str]:
    """The stated order of rows: day, shared inputs (missing last), figures."""
    inputs = [f"{prefix}x_{name} nulls last" for name in layout.shared]
    return [f"{prefix}day", *inputs, f"{prefix}n", f"{prefix}d"]


def decimals_of(value: Fraction) -> int:
    """Digits after the point that ``value`` (a decimal number) needs."""
    digits = 0
    while value.denominator != 1:
        value, digits = value * 10, digits + 1
    return digits


def _plain_columns(comparison: Comparison, layout: Layout, side: int, spec: Side) -> Iterator[str]:
    for column, key, key_type in zip(comparison.grain, layout.keys, layout.key_types, strict=True):
        yield f'cast("{column}" as {key_type}) as {key}'
    yield f'cast("{spec.date_column}" as date) as day'
    yield f"{_cast('numerator', layout.numerator, fill=True)} as n"
    yield f"{_cast('denominator', layout.denominator, fill=True)} as d" if comparison.ratio else "0 as d"
    for name, kind in _own(layout, side):
        yield f"{_cast(str(spec.columns[name]), kind)} as x_{name}"


def _own(layout: Layout, side: int) -> list[tuple[str, Exact]]:
    return [(name, kind) for name, kind in layout.inputs.items() if name in layout.known[side]]


def _cast(column: str, kind: Exact, *, fill: bool = False) -> str:
    # Booleans become decimals only by way of an integer; DuckDB drops casts that change nothing.
    value = f'cast("{column}" as {kind})'
    return f"coalesce({value}, 0)" if fill else value


def _types(db: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    return {name: str(kind) for name, kind, *_ in db.execute(f"describe select * from {relation}").fetchall()}


def _type(types: Mapping[str, str], side: Side, column: str, what: str) -> str:
    if column not in types:
        raise ComparisonError(
            f"{side.model} has no column {column!r}, which is {what} of {side.name}. It has: {', '.join(types)}."
        )
    return types[column]


def _exact(kind: str, side: Side, column: str) -> Exact:
    decimal = _DECIMAL.fullmatch(kind)
    if decimal:
        return Exact(int(decimal[1]), int(decimal[2]))
    if kind in _WHOLE:
        return Exact(_WHOLE[kind], 0)
    raise ComparisonError(
        f"{side.model}.{column} is {kind}; a gap is computed exactly, so cast it to decimal in the model."
    )


def _common_key(ours: str, theirs: str) -> str:
    whole = set(_WHOLE) - {"BOOLEAN"}
    return "hugeint" if {ours, theirs} <= whole else "varchar"
