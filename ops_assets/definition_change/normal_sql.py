"""A normal form of a model's SQL: equal where only its writing differs, and what changed between two of them.

Pure. Two texts with one normal form give the same rows; the converse is not promised: a rewritten query that happens to
give the same rows counts as changed, and its shadow figures then say so.

What the form leaves out: layout, comments, letter case and quotes of names, the schema and database of other models,
the order of conditions that are joined by `and` or `or`, a final `order by` without a limit, and the order of columns
of a CTE. The last is kept wherever it could matter: with positions (`group by 1`), stars or set operations.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

_DIALECT = "duckdb"
_RAW = "raw"
# Quoted text of every kind is taken whole, so that nothing in it is taken for a comment.
_QUOTED_OR_COMMENT = re.compile(
    r"""(?P<kept>\b[eE]'(?:\\.|[^'\\])*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)"""
    r"""|--[^\n]*|/\*.*?\*/""",
    re.DOTALL,
)


class SqlProblem(ValueError):
    """SQL that cannot be read. ``line`` counts in the compiled text, from 1; 0 where it is not known."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class DiffLine:
    """One line of a difference: ``mark`` is "+" (new), "-" (old) or " " (both)."""

    mark: str
    text: str


@lru_cache(maxsize=4096)
def normal_sql(sql: str) -> str:
    """The normal form of one query, laid out for reading. Raises SqlProblem."""
    try:
        # Out before parsing: the parser does not know `order /* ... */ by` for what it is.
        parsed = sqlglot.parse(_without_comments(sql), dialect=_DIALECT)
    except SqlglotError as error:
        first = (getattr(error, "errors", None) or [{}])[0]
        raise SqlProblem(str(first.get("description") or error).split(". ")[0], int(first.get("line") or 0)) from error
    trees = [tree for tree in parsed if tree is not None]
    if len(trees) != 1:
        raise SqlProblem(f"a model is one query, this is {len(trees)}", 1)
    tree = trees[0]
    _plain_names(tree)
    _order_conditions(tree)
    if isinstance(tree, exp.Query) and tree.args.get("limit") is None and tree.args.get("offset") is None:
        tree.set("order", None)
    _order_cte_columns(tree)
    return tree.sql(dialect=_DIALECT, pretty=True, comments=False, normalize_functions="lower")


def difference(old: str, new: str) -> list[DiffLine]:
    """What changed between two queries, by line of their normal forms; empty where nothing did. Raises SqlProblem."""
    if old == new:
        return []
    before, after = (normal_sql(text).splitlines() if text else [] for text in (old, new))
    if before == after:
        return []
    lines = list(difflib.unified_diff(before, after, n=3, lineterm=""))[2:]
    return [DiffLine(" ", "…") if line.startswith("@@") else DiffLine(line[0], line[1:]) for line in lines]


def _without_comments(sql: str) -> str:
    return _QUOTED_OR_COMMENT.sub(lambda found: found["kept"] or " ", sql)


def placed_sql(sql: str, models: Collection[str], schema: str) -> str:
    """A query that reads these models from another schema, and everything else where it stands. Raises SqlProblem."""
    try:
        tree = sqlglot.parse_one(_without_comments(sql), dialect=_DIALECT)
    except SqlglotError as error:
        raise SqlProblem(str(error), 0) from error
    for table in tree.find_all(exp.Table):
        if table.name in models and table.args.get("db") is not None:
            table.set("db", exp.to_identifier(schema, quoted=True))
    return tree.sql(dialect=_DIALECT)


def _plain_names(tree: exp.Expr) -> None:
    for table in tree.find_all(exp.Table):
        table.set("catalog", None)
        # A model is the same wherever it is built; the raw tables keep the schema that tells them from models.
        if table.db.lower() != _RAW:
            table.set("db", None)
    for name in tree.find_all(exp.Identifier):
        # DuckDB's names ignore case, quoted or not.
        name.set("this", name.this.lower())
        name.set("quoted", False)


def _order_conditions(tree: exp.Expr) -> None:
    """Sort what `and` and `or` join, innermost first; neither cares for order."""
    for node in sorted(tree.find_all(exp.And, exp.Or), key=lambda found: -found.depth):
        kind = type(node)
        parent = node.parent
        if isinstance(parent, kind) or (isinstance(parent, exp.Paren) and isinstance(parent.parent, kind)):
            continue
        parts = sorted(_joined(node, kind), key=lambda part: part.sql(dialect=_DIALECT, comments=False))
        combined: exp.Expr = parts[0].copy()
        for part in parts[1:]:
            combined = kind(this=combined, expression=part.copy())
        if node.parent is None:
            continue
        node.replace(combined)


def _joined(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    inner = node
    while isinstance(inner, exp.Paren) and isinstance(inner.this, (kind, exp.Paren)):
        inner = inner.this
    if isinstance(inner, kind):
        return [*_joined(inner.this, kind), *_joined(inner.expression, kind)]
    return [node]


def _order_cte_columns(tree: exp.Expr) -> None:
    """Sort the columns of CTEs, where nothing in the whole query goes by their position."""
    if tree.find(exp.SetOperation) is not None and tree.find(exp.Star) is not None:
        return
    for cte in tree.find_all(exp.CTE):
        select = cte.this
        if not isinstance(select, exp.Select) or cte.args["alias"].args.get("columns"):
            continue
        names = [projection.alias_or_name for projection in select.expressions]
        plain = all(names) and "*" not in names and len(set(names)) == len(names) and not select.args.get("distinct")
        if plain and not _goes_by_position(select) and not _read_by_star(tree, cte.alias):
            select.set("expressions", sorted(select.expressions, key=lambda projection: projection.alias_or_name))


def _goes_by_position(select: exp.Select) -> bool:
    keys: list[exp.Expr] = []
    for part in ("group", "order"):
        clause = select.args.get(part)
        keys += clause.expressions if clause is not None else []
    bare = [key.this if isinstance(key, exp.Ordered) else key for key in keys]
    return any(isinstance(key, exp.Literal) and not key.is_string for key in bare)


def _read_by_star(tree: exp.Expr, name: str) -> bool:
    """Whether the order of a CTE's columns shows in the query's own: its final select takes all of them."""
    final = tree.find(exp.Select) if not isinstance(tree, exp.Select) else tree
    return final is not None and any(isinstance(column, exp.Star) or column.is_star for column in final.expressions)
