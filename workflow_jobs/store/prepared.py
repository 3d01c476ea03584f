"""Statements of the hot path: compiled once, and run with values that are bound here.

Belongs here: how such a statement runs on SQLite and PostgreSQL. Does not belong here: which statements there are.
Binding and running are two things, so that values are bound before a lock is taken and run while it is held.
SQLAlchemy looks a statement up in its cache, asks for each value how it is bound, and makes a context and a result of
its own at every execution; with some eight statements a step that was a third of the step's time. So the driver's
cursor runs them, on SQLAlchemy's connection and in its transaction, and errors are SQLAlchemy's. Where somebody listens
to the statements of the engine or connection, SQLAlchemy runs them, so that he sees them as he sees all others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql.compiler import SQLCompiler

_NAMED = re.compile(r"%\((\w+)\)s")
_MOST_ROWS = 500
T = TypeVar("T")


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

    def rows(self, connection: Connection) -> list[Sequence[Any]]:
        """Run it now; the rows that it answers."""
        return _run(connection, [self], _all_rows)

    def changes(self, connection: Connection) -> int:
        """Run it now; how many rows it changed."""
        return _run(connection, [self], _row_count)


def run_all(connection: Connection, statements: Sequence[Bound]) -> None:
    """Run statements whose answers nobody asks for, in their order."""
    if connection.dialect.name != "sqlite" and len(statements) > 1:
        # One round trip to the server instead of one for each: psycopg2 puts the values into the text itself.
        text = ";\n".join(statement.text for statement in statements)
        statements = [Bound(text, tuple(value for statement in statements for value in statement.values))]
    if statements:
        _run(connection, statements, _row_count)


def _run(connection: Connection, statements: Sequence[Bound], answer: Callable[[Any], T]) -> T:
    """Run the statements; what ``answer`` makes of the last one's cursor."""
    heard = connection.dispatch
    if heard.before_cursor_execute or heard.after_cursor_execute:
        results = [connection.exec_driver_sql(*statement) for statement in statements]
        return answer(results[-1])
    if not connection.in_transaction():
        connection.begin()
    cursor = connection.connection.cursor()
    text, values = statements[0]
    try:
        for text, values in statements:
            if isinstance(values, list):
                cursor.executemany(text, values)
            else:
                cursor.execute(text, values)
        return answer(cursor)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_sqlalchemy(connection, text, values, error) from error
    finally:
        cursor.close()


def _as_sqlalchemy(connection: Connection, text: str, values: Any, error: Any) -> Exception:
    """The driver's error as SQLAlchemy raises it. A connection that is gone is given up."""
    dialect = connection.dialect
    gone = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
    if gone:
        connection.invalidate(error)
    wrapped: Exception = sa.exc.DBAPIError.instance(
        text, values, error, dialect.loaded_dbapi.Error, connection_invalidated=gone, dialect=dialect
    )
    return wrapped


def _all_rows(cursor: Any) -> list[Sequence[Any]]:
    found: list[Sequence[Any]] = cursor.fetchall()
    return found


def _row_count(cursor: Any) -> int:
    count: int = cursor.rowcount
    return count


class Prepared:
    """A statement whose values come by name, as with SQLAlchemy's own ``execute``: bound parameters and columns."""

    def __init__(self, statement: sa.ClauseElement) -> None:
        self._statement = statement
        self._known: dict[tuple[str, ...], _Compiled] = {}

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        """Run once; the rows that it answers, as the driver gives them."""
        return self.bind(connection.dialect, values).rows(connection)

    def one(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """Run once; the one value of the only row, None where there is no row."""
        found = self.rows(connection, values)
        if len(found) > 1:
            raise sa.exc.MultipleResultsFound("several rows where one at most was expected")
        return found[0][0] if found else None

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
