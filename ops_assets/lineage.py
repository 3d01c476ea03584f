"""Column lineage of the dbt project: which source columns a figure is made of, and what stands on a column.

Pure: compiled SQL in, a graph out. Two kinds of edges are told apart. A column's *values* come from the columns in its
expression. A model's *rows* are chosen by the columns in its joins, filters and groupings: they are in no expression,
and yet a change of theirs moves the figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope, walk_in_scope

DIALECT = "duckdb"
# Columns that ingestion adds to every raw table; no .yml declares them.
_INGESTION_COLUMNS = ("_batch_id", "_batch_seq", "_row_no", "_loaded_at", "_is_current")
_Found = dict[str, set["Column"]]


class LineageError(ValueError):
    """A model whose compiled SQL could not be read; the sentence names it."""


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
    are the columns that choose the rows. ``layer`` is its folder: source, staging, conformed, metrics, claims ...
    """

    name: str
    layer: str
    columns: tuple[str, ...]
    values: Mapping[str, tuple[Column, ...]]
    rows: tuple[Column, ...]


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
            raise LookupError(
                f"There is no model or source table {relation or text!r}; write model.column, or system.table.column "
                f"for a source. Near: {', '.join(_near(relation or text, self.relations)) or 'nothing'}."
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
            inherited = any(parent in rows for parent in self._parents[relation.name])
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
        return self._parents[relation]

    @cached_property
    def _parents(self) -> Mapping[str, frozenset[str]]:
        return {
            relation.name: frozenset(
                source.relation for group in (*relation.values.values(), relation.rows) for source in group
            )
            for relation in self.relations.values()
        }

    @cached_property
    def _in_order(self) -> tuple[Relation, ...]:
        done: dict[str, Relation] = {}

        def visit(name: str) -> None:
            if name in done or name not in self.relations:
                return
            for parent in sorted(self._parents[name]):
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
                )
                for name, relation in body.items()
            }
        )


def read_lineage(manifest: Mapping[str, Any]) -> Lineage:
    """The lineage of a compiled dbt manifest. Raises LineageError for a model that was not compiled or cannot be read.

    The manifest must come from a full build: the incremental form of a model also reads what is there already.
    """
    names: dict[tuple[str, str], str] = {}
    columns: dict[str, tuple[str, ...]] = {}
    schema: dict[str, dict[str, dict[str, str]]] = {}
    models: list[Mapping[str, Any]] = []
    relations: dict[str, Relation] = {}
    for node in (*manifest["sources"].values(), *manifest["nodes"].values()):
        if node["resource_type"] not in {"source", "model", "seed"}:
            continue
        is_source = node["resource_type"] == "source"
        table = node["identifier"] if is_source else node["alias"]
        name = f"{node['source_name']}.{node['name']}" if is_source else node["name"]
        names[node["schema"], table] = name
        columns[name] = tuple(node["columns"])
        known = (*columns[name], *(_INGESTION_COLUMNS if is_source else ()))
        schema.setdefault(node["schema"], {})[table] = dict.fromkeys(known, "UNKNOWN")
        if node["resource_type"] == "model":
            models.append(node)
        else:
            layer = "source" if is_source else "seed"
            relations[name] = Relation(name, layer, columns[name], {}, ())
    for node in models:
        values, rows = _read_model(node, schema, names)
        relations[node["name"]] = Relation(
            name=node["name"],
            layer=node["fqn"][1] if len(node["fqn"]) > 2 else "model",
            columns=columns[node["name"]] or tuple(values),
            values={column: tuple(sorted(sources)) for column, sources in values.items()},
            rows=tuple(sorted(rows)),
        )
    return Lineage(relations)


def query_lineage(
    sql: str, tables: Mapping[str, Sequence[str]]
) -> tuple[Mapping[str, frozenset[Column]], frozenset[Column]]:
    """The same for one query over ``tables`` (name -> columns): the sources of each output column, and of the rows.

    Raises LineageError.
    """
    schema = {name: dict.fromkeys(columns, "UNKNOWN") for name, columns in tables.items()}
    try:
        scope = build_scope(_qualified(sql, schema))
    except SqlglotError as error:
        raise LineageError(f"The query cannot be read: {error}") from error
    if scope is None:
        raise LineageError("The text is no query.")
    reader = _Reader(lambda table: table.name)
    outputs = reader.outputs(scope)
    return {name: frozenset(found) for name, found in outputs.items()}, frozenset(reader.rows(scope))


def _read_model(
    node: Mapping[str, Any],
    schema: Mapping[str, Mapping[str, Mapping[str, str]]],
    names: Mapping[tuple[str, str], str],
) -> tuple[_Found, set[Column]]:
    code = node.get("compiled_code")
    if not code:
        raise LineageError(f"{node['name']} was not compiled; its lineage is read after a full build.")
    try:
        scope = build_scope(_qualified(code, schema))
    except SqlglotError as error:
        raise LineageError(f"{node['original_file_path']}: the compiled SQL cannot be read: {error}") from error
    if scope is None:
        raise LineageError(f"{node['original_file_path']}: the compiled SQL is no query.")
    reader = _Reader(lambda table: names.get((table.db, table.name), table.name))
    return reader.outputs(scope), reader.rows(scope)


def _qualified(sql: str, schema: Mapping[str, Any]) -> exp.Expr:
    """The query with every column named by its table and every star spelt out. Database names are dropped: one
    project lives in one database, whatever its file is called.
    """
    tree = parse_one(sql, dialect=DIALECT)
    for table in tree.find_all(exp.Table):
        table.set("catalog", None)
    return qualify(
        tree,
        schema=dict(schema),
        dialect=DIALECT,
        validate_qualify_columns=False,
        quote_identifiers=False,
        identify=False,
    )


class _Reader:
    """Follows columns through the scopes of one query, each scope once."""

    def __init__(self, relation_of: Callable[[exp.Table], str]) -> None:
        self._relation_of = relation_of
        self._outputs: dict[Scope, list[tuple[str, set[Column]]]] = {}

    def outputs(self, scope: Scope) -> _Found:
        """The source columns of each output column of ``scope``."""
        return dict(self._outputs_of(scope))

    def _outputs_of(self, scope: Scope) -> list[tuple[str, set[Column]]]:
        if scope not in self._outputs:
            self._outputs[scope] = []  # a recursive query meets itself here and adds nothing
            self._outputs[scope] = self._read_outputs(scope)
        return self._outputs[scope]

    def rows(self, scope: Scope) -> set[Column]:
        """The source columns in joins, filters and groupings, of the scope and of all that it reads."""
        found: set[Column] = set()
        for part in scope.traverse():
            if not isinstance(part.expression, exp.Select):
                continue
            for clause in ("joins", "where", "group", "having", "qualify", "distinct"):
                value = part.expression.args.get(clause)
                for node in value if isinstance(value, list) else [value]:
                    if isinstance(node, exp.Join):
                        node = node.args.get("on") or node.args.get("using")  # noqa: PLW2901
                    if isinstance(node, exp.Expr):
                        found |= self._sources(part, node)
        return found

    def _read_outputs(self, scope: Scope) -> list[tuple[str, set[Column]]]:
        expression = scope.expression
        if isinstance(expression, exp.SetOperation):
            left, right = (self._outputs_of(branch) for branch in scope.set_operation_scopes)
            # A union takes its names from the left side and its columns by position.
            return [(name, mine | theirs) for (name, mine), (_, theirs) in zip(left, right, strict=True)]
        if not isinstance(expression, exp.Select):
            return []
        return [(projection.alias_or_name, self._sources(scope, projection)) for projection in expression.selects]

    def _sources(self, scope: Scope, expression: exp.Expr) -> set[Column]:
        found: set[Column] = set()
        for node in walk_in_scope(expression):
            if isinstance(node, exp.Column):
                found |= self._resolve(scope, node)
        inside = {id(node) for node in expression.walk()}
        for nested in scope.subquery_scopes:
            if id(nested.expression) in inside:
                for sources in self.outputs(nested).values():
                    found |= sources
        return found

    def _resolve(self, scope: Scope, column: exp.Column) -> set[Column]:
        source = scope.sources.get(column.table)
        if isinstance(source, Scope):
            return self.outputs(source).get(column.name, set())
        if isinstance(source, exp.Table):
            return {Column(self._relation_of(source), column.name)}
        # A correlated sub-query names a table of the query around it.
        return self._resolve(scope.parent, column) if scope.parent is not None else set()


def _near(text: str, names: Iterable[str]) -> Iterator[str]:
    from difflib import get_close_matches

    yield from get_close_matches(text, list(names), n=5)
