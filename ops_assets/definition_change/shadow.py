"""Old and new figures of a proposal, side by side on one state of the warehouse.

What the warehouse does not have is built in full into a schema of its own, with its unit tests, contracts and data
tests, from the very tables that stand there; the schema is dropped afterwards. The lock on the warehouse is held
meanwhile, so that nothing moves between the two; how long is said.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from graphlib import TopologicalSorter
from typing import Any

import duckdb

from ops_assets.definition_bundle import bundle_of
from ops_assets.definition_change.candidate import Compiled, compile_project
from ops_assets.definition_change.compiled_sql import compiled_sql
from ops_assets.definition_change.meaning import Meaning, change_between
from ops_assets.definition_change.normal_sql import placed_sql
from ops_assets.definition_change.proposals import Proposal
from ops_assets.definition_change.register import Register
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.figures import raw_value, shown_value
from ops_assets.publishing.headline import headline_filter
from ops_assets.publishing.months import read_months
from ops_assets.refresh import BuildState, state_path
from resources.dbt import NodeResult, node_results
from resources.platform import Platform

_SUBJECTS_KEPT = 100


class ShadowError(RuntimeError):
    """The new definition cannot be computed; the message carries dbt's or the database's own sentence."""


@dataclass(frozen=True)
class _Side:
    """One definition: what is built for it, and where its metrics' rows are then."""

    name: str
    compiled: Compiled | None
    meanings: Mapping[str, Meaning]
    build: frozenset[str]
    definitions: Mapping[str, MetricDefinition]

    def relation(self, metric: str) -> str:
        return f'"{self.schema}"."{metric}"' if metric in self.build else f'"metrics"."{metric}"'

    @property
    def schema(self) -> str:
        return f"shadow_{self.name}"


def compute(platform: Platform, proposal: Proposal) -> dict[str, Any]:
    """The figures of both definitions: headline, months and subjects of each dimension. Plain JSON.

    Raises ShadowError where the new one cannot be built or breaks its tests.
    """
    sides = _sides(platform, proposal)
    begun = time.monotonic()
    with platform.warehouse.exclusive():
        held = time.monotonic()
        try:
            _build_from_sql(platform, sides[0])
            tests = build_side(platform, sides[1].compiled, sides[1].build, sides[1].schema, tests=True)
            with platform.warehouse.connection() as connection:
                metrics = {
                    metric: _compare(platform, connection, metric, *sides) for metric in sorted(proposal.metrics)
                }
        finally:
            _drop(platform, [side.schema for side in sides])
        state = BuildState.load(state_path(platform))
        released = time.monotonic()
    return {
        "as_of": platform.as_of().isoformat(),
        "batch_seq": state.batch_seq,
        "waited_seconds": round(held - begun, 2),
        "lock_seconds": round(released - held, 2),
        "built": sorted({model for side in sides for model in side.build}),
        "tests": tests,
        "metrics": metrics,
    }


def try_empty(platform: Platform, compiled: Compiled, metrics: Sequence[str]) -> float:
    """Build the changed models without a row, so that wrong columns, types and unit tests show; seconds of the lock.

    Raises ShadowError with dbt's sentence.
    """
    versions = Register(platform.ops_engine).in_force()
    state = BuildState.load(state_path(platform))
    built = compiled_sql(platform, state.fingerprint) or {}
    names = _to_build({name: compiled.meanings[name] for name in metrics if name in versions}, built)
    with platform.warehouse.exclusive():
        begun = time.monotonic()
        try:
            build_side(platform, compiled, names, "shadow_try", tests=True, empty=True)
        finally:
            _drop(platform, ["shadow_try"])
        return round(time.monotonic() - begun, 2)


def build_side(
    platform: Platform,
    compiled: Compiled | None,
    models: frozenset[str],
    schema: str,
    *,
    tests: bool,
    empty: bool = False,
) -> list[str]:
    """Build ``models`` of a project into ``schema``, on the warehouse's tables for everything else; the tests that ran.

    The caller holds the warehouse. Raises ShadowError.
    """
    if compiled is None or not models:
        return []
    dbt = platform.candidate(compiled.folder)
    arguments = ["build" if tests else "run", "--full-refresh", *(["--empty"] if empty else [])]
    with _placed(compiled.dbt_manifest, models, schema):
        result = dbt.invoke(
            [*arguments, "--select", *sorted(models)],
            manifest=compiled.dbt_manifest,
            raise_on_failed_nodes=False,
            artefacts=False,
        )
    results = node_results(result)
    failed = [_sentence(compiled, node) for node in results if node.failed]
    if failed:
        raise ShadowError("; ".join(failed))
    return sorted(
        node.unique_id.split(".")[-1 if node.unique_id.startswith("unit_test.") else 2]
        for node in results
        if node.unique_id.startswith(("test.", "unit_test."))
    )


@contextmanager
def _placed(manifest: Any, models: frozenset[str], schema: str) -> Iterator[None]:
    """Let dbt build these models in another schema; everything that refers to one of them finds it there."""
    nodes = [node for node in manifest.nodes.values() if node.resource_type == "model" and node.name in models]
    before = [(node.schema, node.relation_name) for node in nodes]
    for node in nodes:
        node.relation_name = node.relation_name.replace(f'"{node.schema}"', f'"{schema}"')
        node.schema = schema
    try:
        yield
    finally:
        for node, (old_schema, relation) in zip(nodes, before, strict=True):
            node.schema, node.relation_name = old_schema, relation


def _sides(platform: Platform, proposal: Proposal) -> tuple[_Side, _Side]:
    versions = Register(platform.ops_engine).in_force()
    state = BuildState.load(state_path(platform))
    new = compile_project(platform, platform.projects.copy(proposal.new_project))
    built = compiled_sql(platform, state.fingerprint) or {}
    old_meanings = {name: versions[name].meaning for name in proposal.metrics}
    new_meanings = {name: new.meanings[name] for name in proposal.metrics}
    old_build = _to_build(old_meanings, built)
    current = platform.snapshots.current()
    if current is None:
        raise ShadowError("Nothing was published yet, so there is no figure to compare with.")
    in_force = bundle_of(platform.snapshots, current).metrics
    return (
        _Side("old", None, old_meanings, old_build, in_force),
        _Side("new", new, new_meanings, _to_build(new_meanings, built), new.catalog.metrics),
    )


def _build_from_sql(platform: Platform, side: _Side) -> None:
    """Build a definition in force from the SQL that the register keeps of it; it passed its tests when it came."""
    sql = {model: text for meaning in side.meanings.values() for model, text in meaning.sql.items()}
    reads = {model: _reads(sql, model) & side.build for model in side.build}
    with platform.warehouse.connection() as connection:
        connection.execute(f'create schema if not exists "{side.schema}"')
        for model in TopologicalSorter(reads).static_order():
            query = placed_sql(sql[model], side.build, side.schema)
            try:
                connection.execute(f'create or replace table "{side.schema}"."{model}" as {query}')
            except duckdb.Error as error:
                raise ShadowError(f"{model}, as it is in force, cannot be computed any more: {error}") from error


def _to_build(meanings: Mapping[str, Meaning], built: Mapping[str, str]) -> frozenset[str]:
    """The models that are not built as these meanings want them, and what stands on them up to the metrics."""
    found: set[str] = set()
    for name, meaning in meanings.items():
        standing = {model: built.get(model, "") for model in meaning.sql}
        changed = set(change_between(Meaning(name, standing, meaning.fields), meaning).models)
        if changed:
            found |= {model for model in meaning.sql if model in changed or _stands_on(meaning, model, changed)}
    return frozenset(found)


def _reads(sql: Mapping[str, str], model: str) -> set[str]:
    """The models that a model's compiled SQL names."""
    return {other for other in sql if other != model and f'"{other}"' in sql[model]}


def _stands_on(meaning: Meaning, model: str, changed: set[str]) -> bool:
    """Whether a model's SQL reads a changed one, at any distance, within one metric's models."""
    read = _reads(meaning.sql, model)
    return bool(read & changed) or any(_stands_on(meaning, other, changed) for other in read)


def _compare(
    platform: Platform, connection: duckdb.DuckDBPyConnection, metric: str, old: _Side, new: _Side
) -> dict[str, Any]:
    before, after = (_figures(platform, connection, side.definitions[metric], side) for side in (old, new))
    definition = new.definitions[metric]
    dimensions = {}
    for dimension in definition.dimensions:
        pairs = _paired(before["subjects"].get(dimension, {}), after["subjects"].get(dimension, {}))
        moved = sorted(pairs, key=lambda row: (-abs(row["change"] or 0.0), row["id"]))
        dimensions[dimension] = {"subjects": moved[:_SUBJECTS_KEPT], "count": len(moved)}
    return {
        "unit": definition.unit,
        "decimals": definition.decimals,
        "old": before["headline"],
        "new": after["headline"],
        "periods": _paired(before["periods"], after["periods"]),
        "dimensions": dimensions,
    }


def _figures(
    platform: Platform, connection: duckdb.DuckDBPyConnection, metric: MetricDefinition, side: _Side
) -> dict[str, Any]:
    relation = side.relation(metric.name)
    today = platform.pack.today(platform.clock.now())
    as_of: date = today if metric.as_of == "clock" else platform.as_of()
    window = platform.pack.window_days(metric.name, metric.window_days)
    where = headline_filter(metric.aggregation, relation, as_of, window)
    total = connection.execute(f"select sum(numerator), sum(denominator), count(*) from {relation} where {where}")
    numerator, denominator, rows = total.fetchone() or (None, None, 0)
    subjects = {}
    for dimension, columns in metric.dimensions.items():
        found = connection.execute(
            f"select cast({columns.id} as varchar), max(cast({columns.label} as varchar)), sum(numerator), "
            f"sum(denominator) from {relation} where {where} and {columns.id} is not null group by {columns.id}"
        ).fetchall()
        subjects[dimension] = {key: _figure(metric, label, n, d) for key, label, n, d in found}
    months = read_months(connection, metric, relation, as_of, code="")
    return {
        "headline": {**_figure(metric, "", numerator, denominator), "rows": int(rows)},
        "periods": {
            f"{month.start:%Y-%m}": _figure(metric, "", month.numerator, month.denominator)
            for month in months
            if month.start <= as_of
        },
        "subjects": subjects,
    }


def _figure(
    metric: MetricDefinition, label: str, numerator: Decimal | None, denominator: Decimal | None
) -> dict[str, Any]:
    value = raw_value(metric, numerator, denominator)
    return {
        "label": label,
        "numerator": None if numerator is None else f"{numerator:f}",
        "denominator": None if denominator is None else f"{denominator:f}",
        "value": None if value is None else float(value),
        "text": shown_value(metric, value),
    }


def _paired(old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Both sides of every key, in order of key; ``change`` is new minus old, None where one side has no figure."""
    rows = []
    for key in sorted({*old, *new}):
        before, after = old.get(key, {}), new.get(key, {})
        values = (before.get("value"), after.get("value"))
        rows.append(
            {
                "id": key,
                "label": after.get("label") or before.get("label") or key,
                "old": before.get("text"),
                "new": after.get("text"),
                "old_value": values[0],
                "new_value": values[1],
                "change": None if values[0] is None or values[1] is None else values[1] - values[0],
            }
        )
    return rows


def _sentence(compiled: Compiled, node: NodeResult) -> str:
    known = compiled.manifest["nodes"].get(node.unique_id) or compiled.manifest["unit_tests"].get(node.unique_id, {})
    where = known.get("original_file_path", "")
    return f"{where}: {known.get('name', node.unique_id)}: {' '.join(node.message.split())}"


def _drop(platform: Platform, schemas: Sequence[str]) -> None:
    with platform.warehouse.connection() as connection:
        for schema in schemas:
            connection.execute(f'drop schema if exists "{schema}" cascade')
