"""From MetricFlow's SQL to the statement that a snapshot runs: parameters, relations, order and limit.

All of it is done on the syntax tree, never on text, so nothing that stands in a literal can become syntax. Compiled
statements are kept by shape; values are bound when the statement runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlglot import exp, parse

from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.semantic.engine import FIRST_DAY, LAST_DAY, marker
from ops_assets.semantic.manifest import SCHEMA, TIME, part_names
from ops_assets.semantic.shape import FIRST, LAST, LIMIT, SHOWN_FROM, Shape, Source

PERIOD = "period_start"
_DIALECT = "duckdb"
_LATEST = "event_date__day__complete"  # MetricFlow's name for the last day of a figure that does not add up over time


class UnexpectedStatement(RuntimeError):
    """MetricFlow compiled something that this module does not know how to make safe; it is never run."""


@dataclass(frozen=True)
class Statement:
    """One SELECT with named parameters. Columns: period_start (with a grain), dimensions, numerators, denominators."""

    sql: str
    columns: tuple[str, ...]
    parameters: frozenset[str]


def compiled(text: str, shape: Shape, definitions: Mapping[str, MetricDefinition]) -> Statement:
    """The statement for ``shape`` from MetricFlow's ``text``. Raises UnexpectedStatement."""
    (tree,) = _one_select(text)
    _forget_filters_of_latest_day(tree)
    _forget_needless_truncation(tree)
    _put_parameters(tree, shape)
    _put_relations(tree, shape, definitions)
    tree = _in_order(tree, shape)
    statement = Statement(
        sql=tree.sql(_DIALECT, pretty=True, comments=False),
        columns=_columns(shape),
        parameters=frozenset(shape.placeholders()),
    )
    found = {str(node.this) for node in tree.find_all(exp.Placeholder)}
    if found != statement.parameters:
        raise UnexpectedStatement(f"parameters {sorted(found ^ statement.parameters)} do not fit: {statement.sql}")
    return statement


def _one_select(text: str) -> tuple[exp.Select]:
    trees = parse(text, dialect=_DIALECT)
    if len(trees) != 1 or not isinstance(trees[0], exp.Select):
        raise UnexpectedStatement(f"not one SELECT: {text}")
    return (trees[0],)


def _forget_filters_of_latest_day(tree: exp.Select) -> None:
    """A stock figure is that of the last counted day of all rows, as its headline is, also for a filtered subject.

    MetricFlow looks for the last day of the rows that pass the filter: an item that went out of stock a year ago would
    show its stock of then.
    """
    for select in tree.find_all(exp.Select):
        if any(column.alias == _LATEST for column in select.expressions):
            where = select.args.get("where")
            kept = [one for one in _conjuncts(where.this) if one.find(exp.Between)] if where is not None else []
            select.set("where", exp.Where(this=exp.and_(*kept)) if kept else None)


def _conjuncts(condition: exp.Expr) -> Iterable[exp.Expr]:
    return condition.flatten() if isinstance(condition, exp.And) else [condition]


def _forget_needless_truncation(tree: exp.Select) -> None:
    """``event_date`` is a date: truncated to a day it is itself, but Parquet's statistics no longer help."""
    for node in list(tree.find_all(exp.TimestampTrunc, exp.DateTrunc)):
        if str(node.args["unit"].name).lower() == "day":
            node.replace(node.this)


def _put_parameters(tree: exp.Select, shape: Shape) -> None:
    places = {marker(parameter): parameter for parameter in shape.placeholders()}
    places |= {f"{FIRST_DAY:%Y-%m-%d}": FIRST, f"{LAST_DAY:%Y-%m-%d}": LAST}
    for literal in list(tree.find_all(exp.Literal)):
        if literal.is_string and literal.this in places:
            literal.replace(exp.Placeholder(this=places[literal.this]))


def _put_relations(tree: exp.Select, shape: Shape, definitions: Mapping[str, MetricDefinition]) -> None:
    places = {source.metric: (place, source) for place, source in enumerate(shape.sources)}
    cte_names = {cte.alias for cte in tree.find_all(exp.CTE)}
    for table in list(tree.find_all(exp.Table)):
        if not table.db and table.name in cte_names:
            continue
        if table.db != SCHEMA or table.name not in places:
            raise UnexpectedStatement(f"reads {table.sql(_DIALECT)}")
        place, source = places[table.name]
        table.replace(_relation(place, source, definitions[source.metric], table.alias))


def _relation(place: int, source: Source, metric: MetricDefinition, alias: str) -> exp.Expr:
    if source.relation is None:
        return _nothing(metric).subquery(alias)
    table = exp.table_(source.relation, db=SCHEMA)
    if source.rows_of is None:
        return exp.alias_(table, alias, table=True)
    allowed = [exp.Placeholder(this=name) for name in source.parameters(place)]
    column = exp.cast(exp.column(source.rows_of, quoted=True), "VARCHAR")
    condition = column.isin(*allowed) if allowed else exp.false()
    return exp.select("*").from_(table).where(condition).subquery(alias)


def _nothing(metric: MetricDefinition) -> exp.Select:
    """A relation with the metric's columns and no rows."""
    types = {"event_date": "DATE", "numerator": "DECIMAL(28, 6)", "denominator": "DECIMAL(28, 6)"}
    for dimension in metric.dimensions.values():
        types |= {dimension.id: "VARCHAR", dimension.label: "VARCHAR"}
    columns = [exp.alias_(exp.cast(exp.null(), kind), name) for name, kind in types.items()]
    return exp.select(*columns).where(exp.false())


def _columns(shape: Shape) -> tuple[str, ...]:
    period = (PERIOD,) if shape.grain else ()
    return (*period, *shape.dimensions, *(part for metric in shape.metrics for part in part_names(metric)))


def _in_order(tree: exp.Select, shape: Shape) -> exp.Select:
    """MetricFlow's statement as a sub-query: columns in our order, running sums where asked, order and limit."""
    selected: list[exp.Expr] = []
    if shape.grain:
        selected.append(exp.alias_(exp.cast(exp.column(f"{TIME}__{shape.grain}"), "DATE"), PERIOD))
    selected += [exp.alias_(exp.cast(exp.column(name), "VARCHAR"), name) for name in shape.dimensions]
    parts = [part for metric in shape.metrics for part in part_names(metric)]
    selected += [_running(part, shape) for part in parts] if shape.figure != "period" else map(exp.column, parts)
    inner = exp.select(*selected).from_(tree.subquery("grouped"))
    if shape.figure == "window":
        shown = exp.column(PERIOD) >= exp.Placeholder(this=SHOWN_FROM)
        inner = exp.select("*").from_(inner.subquery("running")).where(shown)
    outer = exp.select(*map(exp.column, _columns(shape))).from_(inner.subquery("figures"))
    order = _order(shape)
    return (outer.order_by(*order) if order else outer).limit(exp.Placeholder(this=LIMIT))


def _running(part: str, shape: Shape) -> exp.Expr:
    """The sum of ``part`` up to each period, or over the days of the metric's window that end with it."""
    period = exp.column(f"{TIME}__{shape.grain}")
    if shape.window_days is None:
        spec = exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW")
    else:
        back = exp.Interval(this=exp.Literal.string(str(shape.window_days - 1)), unit=exp.var("DAY"))
        spec = exp.WindowSpec(kind="RANGE", start=back, start_side="PRECEDING", end="CURRENT ROW")
    window = exp.Window(
        this=exp.Sum(this=exp.column(part)),
        partition_by=[exp.column(name) for name in shape.dimensions],
        order=exp.Order(expressions=[exp.Ordered(this=period)]),
        spec=spec,
    )
    return exp.alias_(window, part)


def _order(shape: Shape) -> list[exp.Expr]:
    keys: list[exp.Expr] = []
    for key in shape.order:
        if key.by in shape.metrics:
            value = _value(key.by, shape.aggregations[shape.metrics.index(key.by)])
        else:
            value = exp.column(PERIOD if key.by == "period" else key.by)
        keys.append(exp.Ordered(this=value, desc=key.direction == "desc", nulls_first=False))
    # The rest of the key makes the order total, so that a limit always cuts at the same row.
    named = {key.by for key in shape.order}
    rest = [PERIOD] if shape.grain and "period" not in named else []
    rest += [name for name in shape.dimensions if name not in named]
    return keys + [exp.Ordered(this=exp.column(name), desc=False, nulls_first=False) for name in rest]


def _value(metric: str, aggregation: str) -> exp.Expr:
    numerator, denominator = (exp.column(part) for part in part_names(metric))
    if aggregation != "ratio":
        return numerator
    nonzero = exp.Nullif(this=denominator, expression=exp.Literal.number(0))
    return exp.Div(this=exp.cast(numerator, "DOUBLE"), expression=exp.cast(nonzero, "DOUBLE"), typed=False, safe=False)
