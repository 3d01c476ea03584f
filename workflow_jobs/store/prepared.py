"""Statements of the hot path: compiled once, and run with values that are bound here.

Belongs here: how such a statement runs on SQLite and PostgreSQL. Does not belong here: which statements there are.
Binding and running are two things, so that values are bound before a lock is taken and run while it is held.
SQLAlchemy looks a statement up in its cache, and asks for each value how it is bound, at every execution; with some
eight statements a step that was a third of the step's time (0.25 ms). Listeners of the engine see these statements as
they see all others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, CursorResult, Dialect
from sqlalchemy.sql.compiler import SQLCompiler

_NAMED = re.compile(r"%\((\w+)\)s")
_MOST_ROWS = 500
_FEW = 2


@dataclass(frozen=True)
class _Compiled:
    text: str
    head: str
    row: str
    bound: tuple[tuple[str, Callable[[Any], Any] | None], ...]
    own: Mapping[str, Any]

    def values(self, given: Mapping[str, Any]) -> tuple[Any, ...]:
        if self.own:
            given = {**self.own, **given}
        return tuple([given[name] if bind is None else bind(given[name]) for name, bind in self.bound])


class Bound(NamedTuple):
    """A statement with its values, for the kind of database for which it was bound; a list has one entry a row."""

    text: str
    values: tuple[Any, ...] | list[tuple[Any, ...]]

    def run(self, connection: Connection) -> CursorResult[Any]:
        """Run it now."""
        return connection.exec_driver_sql(self.text, self.values)


def run_all(connection: Connection, statements: Sequence[Bound]) -> None:
    """Run statements whose answers nobody asks for, in their order."""
    if connection.dialect.name == "sqlite" or len(statements) < _FEW:
        for statement in statements:
            statement.run(connection)
        return
    # One round trip to the server instead of one for each: psycopg2 puts the values into the text itself.
    text = ";\n".join(statement.text for statement in statements)
    connection.exec_driver_sql(text, tuple(value for statement in statements for value in statement.values))


class Prepared:
    """A statement whose values come by name, as with SQLAlchemy's own ``execute``: bound parameters and columns."""

    def __init__(self, statement: sa.ClauseElement) -> None:
        self._statement = statement
        self._known: dict[tuple[str, ...], _Compiled] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Run once."""
        return self.bind(connection.dialect, values).run(connection)

    def bind(self, dialect: Dialect, values: Mapping[str, Any]) -> Bound:
        """The statement with these values, to be run later."""
        compiled = self._for(dialect, values)
        return Bound(compiled.text, compiled.values(values))

    def bind_rows(self, dialect: Dialect, rows: Sequence[Mapping[str, Any]]) -> list[Bound]:
        """Inserts of all rows (all with the same columns) in their order, some hundred with a statement."""
        if not rows:
            return []
        compiled = self._for(dialect, rows[0])
        found = []
        for start in range(0, len(rows), _MOST_ROWS):
            some = [compiled.values(row) for row in rows[start : start + _MOST_ROWS]]
            if dialect.name == "sqlite":
                found.append(Bound(compiled.text, some))
            else:
                # The driver would make a round trip for each row.
                text = f"{compiled.head} VALUES {', '.join([compiled.row] * len(some))}"
                found.append(Bound(text, tuple(value for row in some for value in row)))
        return found

    def _for(self, dialect: Dialect, values: Mapping[str, Any]) -> _Compiled:
        shape = (dialect.name, *values)
        known = self._known.get(shape)
        if known is None:
            known = self._known[shape] = self._compile(dialect, list(values))
        return known

    def _compile(self, dialect: Dialect, columns: list[str]) -> _Compiled:
        compiled = self._statement.compile(dialect=dialect, column_keys=columns)
        assert isinstance(compiled, SQLCompiler)
        text = str(compiled)
        if compiled.positional:
            names = list(compiled.positiontup or ())
        else:
            names = _NAMED.findall(text)
            text = _NAMED.sub("%s", text)
        head, _, row = text.partition(" VALUES ")
        binds = compiled.binds
        bound = tuple((name, binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names)
        # Values that stand in the statement itself, such as a limit's.
        own = {name: binds[name].effective_value for name in names if name not in columns}
        return _Compiled(text, head, row, bound, own)
