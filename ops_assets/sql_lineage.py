"""Reads column lineage from compiled SQL, with sqlglot's scopes. Pure: text in, columns out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope, walk_in_scope

from ops_assets.lineage import Column, Lineage, Relation

DIALECT = "duckdb"
# Columns that ingestion adds to every raw table; no .yml declares them.
_INGESTION_COLUMNS = ("_batch_id", "_batch_seq", "_row_no", "_loaded_at", "_is_current")
_Found = dict[str, set[Column]]


class LineageError(ValueError):
    """A model whose compiled SQL could not be read; the sentence names it."""


def read_lineage(manifest: Mapping[str, Any]) -> Lineage:
    """The lineage of a compiled dbt manifest.

    The manifest must come from a full build: the incremental form of a model also reads what is there already. A model
    whose SQL cannot be read is in ``unread`` with the reason: a figure does not wait for its lineage.
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
        if known:
            schema.setdefault(node["schema"], {})[table] = dict.fromkeys(known, "UNKNOWN")
        if node["resource_type"] == "model":
            models.append(node)
        else:
            layer = "source" if is_source else "seed"
            relations[name] = Relation(name, layer, columns[name], {}, ())
    for node in models:
        values: _Found = {}
        rows: set[Column] = set()
        reads: set[str] = set()
        unread = ""
        try:
            values, rows, reads = _read_model(node, schema, names)
        except LineageError as error:
            unread = str(error)
        relations[node["name"]] = Relation(
            name=node["name"],
            layer=node["fqn"][1] if len(node["fqn"]) > 2 else "model",
            columns=columns[node["name"]] or tuple(values),
            values={column: tuple(sorted(sources)) for column, sources in values.items()},
            rows=tuple(sorted(rows)),
            reads=tuple(sorted(reads)),
            unread=unread,
        )
    return Lineage(relations)


def query_lineage(
    sql: str, tables: Mapping[str, Sequence[str]]
) -> tuple[Mapping[str, frozenset[Column]], frozenset[Column]]:
    """The same for one query over ``tables`` (name -> columns): the sources of each output column, and of the rows.

    Schemas in the query are ignored.

    Raises LineageError.
    """
    schema = {name: dict.fromkeys(columns, "UNKNOWN") for name, columns in tables.items()}
    try:
        scope = build_scope(_qualified(sql, schema, keep_schema=False))
    except SqlglotError as error:
        raise LineageError(f"The query cannot be read: {error}") from error
    if scope is None:
        raise LineageError("The text is no query.")
    reader = _Reader(lambda table: table.name)
    outputs = reader.outputs(scope)
    return {name: frozenset(found) for name, found in outputs.items()}, frozenset(reader.rows(scope))


def with_queries(lineage: Lineage, queries: Mapping[str, str]) -> Lineage:
    """``lineage`` and, as a relation of the layer ``query`` each, the compiled queries of the semantic layer.

    ``queries`` maps a name to its SQL over the relations of ``lineage``.
    """
    tables = {name: relation.columns for name, relation in lineage.relations.items() if relation.columns}
    relations = dict(lineage.relations)
    for name, sql in queries.items():
        try:
            values, rows = query_lineage(sql, tables)
        except LineageError as error:
            relations[name] = Relation(name, "query", (), {}, (), unread=str(error))
            continue
        used = {column.relation for found in (*values.values(), rows) for column in found}
        relations[name] = Relation(
            name=name,
            layer="query",
            columns=tuple(values),
            values={column: tuple(sorted(found)) for column, found in values.items()},
            rows=tuple(sorted(rows)),
            reads=tuple(sorted(used)),
        )
    return Lineage(relations)


def _read_model(
    node: Mapping[str, Any],
    schema: Mapping[str, Mapping[str, Mapping[str, str]]],
    names: Mapping[tuple[str, str], str],
) -> tuple[_Found, set[Column], set[str]]:
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
    read = {names.get((table.db, table.name)) for table in scope.expression.find_all(exp.Table)}
    return reader.outputs(scope), reader.rows(scope), {name for name in read if name is not None}


def _qualified(sql: str, schema: Mapping[str, Any], *, keep_schema: bool = True) -> exp.Expr:
    """The query with every column named by its table and every star spelt out. Database names are dropped: one
    project lives in one database, whatever its file is called.
    """
    tree = parse_one(sql, dialect=DIALECT)
    for table in tree.find_all(exp.Table):
        table.set("catalog", None)
        if not keep_schema:
            table.set("db", None)
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
