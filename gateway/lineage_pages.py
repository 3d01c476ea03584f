"""The lineage part of a metric's page: the columns that its figure is made of, drawn and listed.

Reads the lineage that was kept with the snapshot, so that it is that of the figure shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.context import context_of, require_reader
from gateway.pages import language_of, page, snapshot_read
from gateway.problems import Problem
from gateway.tokens import READ
from gateway.words import text
from ops_assets.definition_bundle import bundle_of
from ops_assets.lineage import Column, Lineage
from ops_assets.semantic.manifest import short_name
from resources.serving import Snapshot

router = APIRouter(include_in_schema=False)
_FIGURE = ("numerator", "denominator")


@router.get("/metrics/{name}/part/lineage")
def lineage_part(request: Request, name: str) -> Response:
    require_reader(request, READ)
    context = context_of(request)
    snapshot = snapshot_read(request)
    bundle = bundle_of(context.snapshots, snapshot)
    if name not in bundle.metrics:
        raise Problem(404, f"There is no metric {name!r} in this snapshot; /metrics lists all.")
    lineage = bundle.lineage
    if name not in lineage.relations:
        return page(request, "_lineage.html", data=None, sources=[], rows=[])
    reached = lineage.upstream(Column(name, column) for column in _FIGURE)
    source_columns = [column for column in reached if lineage.relations[column.relation].layer in {"source", "seed"}]
    return page(
        request,
        "_lineage.html",
        data=_graph(name, lineage, reached, _failing(snapshot), request),
        sources=_by_relation(source_columns),
        rows=_by_relation(column for column in lineage.relations[name].rows if not column.name.startswith("_")),
    )


def _graph(
    name: str, lineage: Lineage, reached: frozenset[Column], failing: dict[str, str], request: Request
) -> dict[str, Any]:
    """Relations as nodes, with the columns that matter under their names; an edge where values pass."""
    context, language = context_of(request), language_of(request)
    columns = dict(_by_relation(reached))
    nodes = []
    for relation in sorted(columns):
        layer = lineage.relations[relation].layer
        node: dict[str, Any] = {
            "id": relation,
            "label": relation,
            "kind": f"{text(language, f'layer_{layer}')}: {', '.join(columns[relation])}"[:60],
            "href": f"{context.settings.dagster_url}/assets/{relation.replace('.', '/')}",
        }
        if relation in failing:
            node["state"] = failing[relation]
        if relation == name:
            node["own"] = True
        nodes.append(node)
    query = short_name(name)
    if query in lineage.relations:
        kind = f"{text(language, 'layer_query')}: {', '.join(lineage.relations[query].columns)}"
        nodes.append({"id": query, "label": query, "kind": kind[:60], "href": f"/api/v1/metrics/{name}"})
    edges = {
        (source.relation, column.relation)
        for column in reached
        for source in lineage.relations[column.relation].values.get(column.name, ())
    }
    edges |= {(name, query)} if query in lineage.relations else set()
    return {"nodes": nodes, "edges": [list(edge) for edge in sorted(edges)]}


def _failing(snapshot: Snapshot) -> dict[str, str]:
    """Assets with a failed check, the worst one each; a warning where nothing is red."""
    rows = snapshot.rows(
        "select asset, severity from checks where severity in ('red', 'warning') order by severity desc"
    )
    return {row["asset"]: "held" if row["severity"] == "red" else "warning" for row in rows}


def _by_relation(columns: Iterable[Column]) -> list[tuple[str, list[str]]]:
    grouped: dict[str, list[str]] = {}
    for column in sorted(columns):
        grouped.setdefault(column.relation, []).append(column.name)
    return list(grouped.items())
