"""MetricFlow as a library: one warm engine for each published set of definitions, which compiles and never runs.

MetricFlow numbers its sub-queries in a global and is not made for threads, so all engines of a process share one lock.
It is told names from the dictionary and fixed conditions only: its ``where`` is a template that it would execute.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from ops_assets.semantic.manifest import TIME, described_models, label_dimension, part_names, short_name
from ops_assets.semantic.query import Operator
from ops_assets.semantic.shape import FilterShape, Shape

if TYPE_CHECKING:
    from metricflow.engine.metricflow_engine import MetricFlowEngine

# MetricFlow widens a range to whole periods of the grain. These two days begin and end a week, a month, a quarter and a
# year, so it leaves them alone; the real days replace them in the compiled statement.
FIRST_DAY = datetime(2001, 1, 1)  # noqa: DTZ001 - a calendar day, and MetricFlow takes no zone
LAST_DAY = datetime(2006, 12, 31)  # noqa: DTZ001

_compiling = threading.RLock()


class CompileOnly(RuntimeError):
    """MetricFlow tried to run a statement; it is here to compile."""


class CompileEngine:
    """Compiles shapes with the definitions of one bundle. Building one takes some 0.1 s, a compilation 10 to 40 ms."""

    def __init__(self, manifest: str) -> None:
        with _compiling:
            self._engine = _metricflow(manifest)

    def compile(self, shape: Shape) -> str:
        """MetricFlow's SQL for a shape: values are the texts of :func:`marker`, the range is FIRST_DAY to LAST_DAY.

        Raises MetricFlow's errors: the caller has checked every name, so an error here is a defect.
        """
        from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

        conditions = [_condition(shape, place, found) for place, found in enumerate(shape.filters)]
        groups = list(shape.dimensions)
        if shape.grain is not None:
            groups.insert(0, f"{TIME}__{shape.grain}")
        request = MetricFlowQueryRequest.create(
            metric_names=[part for metric in shape.metrics for part in part_names(metric)],
            group_by_names=groups or None,
            where_constraints=conditions or None,
            time_constraint_start=FIRST_DAY,
            time_constraint_end=LAST_DAY,
        )
        with _compiling:
            return str(self._engine.explain(request).sql_statement.sql)

    def compile_metric(self, name: str) -> str:
        """MetricFlow's SQL for a metric as dbt declares it, over all time and without groups."""
        from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

        with _compiling:
            return str(self._engine.explain(MetricFlowQueryRequest.create(metric_names=[name])).sql_statement.sql)


def metric_queries(manifest: str) -> dict[str, str]:
    """MetricFlow's SQL of every metric that ``manifest`` describes, by the name that it has there."""
    engine = CompileEngine(manifest)
    return {short_name(model): engine.compile_metric(short_name(model)) for model in sorted(described_models(manifest))}


def marker(parameter: str) -> str:
    """The text that stands for a parameter in what MetricFlow compiles."""
    return f"value of {parameter}"


_CONDITIONS: dict[Operator, str] = {
    "eq": "{column} = {values}",
    "ne": "({column} IS NULL OR {column} <> {values})",
    "in": "{column} IN ({values})",
    "not_in": "({column} IS NULL OR {column} NOT IN ({values}))",
    "is_null": "{column} IS NULL",
    "is_not_null": "{column} IS NOT NULL",
    "contains": "CONTAINS(LOWER({column}), LOWER({values}))",
    "starts_with": "STARTS_WITH(LOWER({column}), LOWER({values}))",
}


def _condition(shape: Shape, place: int, found: FilterShape) -> str:
    if found.on == "label":
        (metric,) = shape.metrics
        element = f"{{{{ Dimension('{label_dimension(metric, found.dimension)}') }}}}"
    else:
        element = f"{{{{ Entity('{found.dimension}') }}}}"
    values = ", ".join(f"'{marker(parameter)}'" for parameter in found.parameters(place))
    return _CONDITIONS[found.op].format(column=f"CAST({element} AS VARCHAR)", values=values)


def _metricflow(manifest: str) -> MetricFlowEngine:
    from metricflow.engine.metricflow_engine import MetricFlowEngine
    from metricflow.protocols.sql_client import SqlEngine
    from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
    from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
    from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

    class Client:
        """What MetricFlow wants to know of a database: how to write for it. There is none behind it."""

        sql_engine_type = SqlEngine.DUCKDB
        sql_plan_renderer = DuckDbSqlPlanRenderer()

        def query(self, stmt: str, sql_bind_parameter_set: Any = None) -> NoReturn:
            raise CompileOnly(stmt)

        execute = dry_run = query

        def close(self) -> None:
            """Nothing is open."""

        def render_bind_parameter_key(self, bind_parameter_key: str) -> str:
            return f"${bind_parameter_key}"

    lookup = SemanticManifestLookup(parse_manifest_from_dbt_generated_manifest(manifest))
    return MetricFlowEngine(semantic_manifest_lookup=lookup, sql_client=Client())
