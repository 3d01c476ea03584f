"""Column lineage of the dbt project: which source columns a figure is made of, and what stands on a column.

Pure: the graph and its questions; ops_assets.sql_lineage reads it from compiled SQL. Two kinds of edges are told apart.
A column's *values* come from the columns in its expression. A model's *rows* are chosen by the columns in its joins,
filters and groupings: they are in no expression, and yet a change of theirs moves the figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Column:
    """A column of a model, seed or source table; a source table is named ``system.table``."""

    relation: str
    name: str

    def __str__(self) -> str:
        return f"{self.relation}.{self.name}"


@dataclass(frozen=True)
class Relation:
    """One model, seed or source table. ``values`` maps each column to the columns that its values are made of, ``rows``
    are the columns that choose the rows, ``reads`` the relations it reads, whichever of their columns. ``layer`` is its
    folder: source, staging, conformed, metrics, claims ... ``unread`` says why the SQL of a model could not be read;
    such a model has no lineage of its own.
    """

    name: str
    layer: str
    columns: tuple[str, ...]
    values: Mapping[str, tuple[Column, ...]]
    rows: tuple[Column, ...]
    reads: tuple[str, ...] = ()
    unread: str = ""


@dataclass(frozen=True)
class Reach:
    """What a column reaches in one relation: the columns whose values it enters, and whether it chooses rows."""

    relation: Relation
    columns: tuple[str, ...]
    rows: bool


@dataclass(frozen=True)
class Lineage:
    """The graph over all enabled relations."""

    relations: Mapping[str, Relation]

    def column(self, text: str) -> Column:
        """The column that ``model.column`` or ``system.table.column`` names. Raises LookupError with near names."""
        relation, _, name = text.rpartition(".")
        if relation not in self.relations:
            near = get_close_matches(relation or text, list(self.relations), n=5)
            raise LookupError(
                f"There is no model or source table {relation or text!r}; write model.column, or system.table.column "
                f"for a source. Near: {', '.join(near) or 'nothing'}."
            )
        known = self.relations[relation].columns
        if name not in known:
            raise LookupError(f"{relation} has no column {name!r}. It has: {', '.join(known)}.")
        return Column(relation, name)

    def upstream(self, start: Iterable[Column]) -> frozenset[Column]:
        """All columns that the values of ``start`` are made of, themselves included."""
        found: set[Column] = set()
        waiting = list(start)
        while waiting:
            column = waiting.pop()
            if column in found:
                continue
            found.add(column)
            if column.relation in self.relations:
                waiting += self.relations[column.relation].values.get(column.name, ())
        return frozenset(found)

    def downstream(self, start: Column) -> dict[str, Reach]:
        """What stands on ``start``, by relation, in an order in which nothing comes before what it stands on.

        Where the column chooses a relation's rows, everything that reads that relation is reached by its rows too.
        """
        values: dict[str, set[str]] = {start.relation: {start.name}}
        rows: set[str] = set()
        for relation in self._in_order:
            if relation.name == start.relation:
                continue
            entered = {
                name
                for name, sources in relation.values.items()
                if any(source.name in values.get(source.relation, ()) for source in sources)
            }
            chosen = any(source.name in values.get(source.relation, ()) for source in relation.rows)
            inherited = any(parent in rows for parent in relation.reads)
            if entered:
                values[relation.name] = entered
            if chosen or inherited:
                rows.add(relation.name)
        return {
            relation.name: Reach(relation, tuple(sorted(values.get(relation.name, ()))), relation.name in rows)
            for relation in self._in_order
            if relation.name != start.relation and (relation.name in values or relation.name in rows)
        }

    def parents(self, relation: str) -> frozenset[str]:
        """The relations that ``relation`` reads."""
        return frozenset(self.relations[relation].reads)

    @cached_property
    def _in_order(self) -> tuple[Relation, ...]:
        done: dict[str, Relation] = {}

        def visit(name: str) -> None:
            if name in done or name not in self.relations:
                return
            for parent in self.relations[name].reads:
                visit(parent)
            done[name] = self.relations[name]

        for name in sorted(self.relations):
            visit(name)
        return tuple(done.values())

    def to_json(self) -> dict[str, Any]:
        return {
            name: {
                "layer": relation.layer,
                "columns": list(relation.columns),
                "values": {
                    column: [[source.relation, source.name] for source in sources]
                    for column, sources in relation.values.items()
                },
                "rows": [[source.relation, source.name] for source in relation.rows],
                "reads": list(relation.reads),
                "unread": relation.unread,
            }
            for name, relation in sorted(self.relations.items())
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Lineage:
        return cls(
            {
                name: Relation(
                    name=name,
                    layer=relation["layer"],
                    columns=tuple(relation["columns"]),
                    values={
                        column: tuple(Column(*source) for source in sources)
                        for column, sources in relation["values"].items()
                    },
                    rows=tuple(Column(*source) for source in relation["rows"]),
                    reads=tuple(relation["reads"]),
                    unread=relation["unread"],
                )
                for name, relation in body.items()
            }
        )
