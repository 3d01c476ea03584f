"""The pages ``/metrics`` (all metrics, with search) and ``/metrics/{name}`` (everything about one of them).

Meaning comes from the definitions of the snapshot that is shown, figures from the snapshot itself. What other parts of
the platform know about a metric is loaded into slots after the page, each from a route of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from gateway.context import context_of, require_reader
from gateway.figure_words import amount
from gateway.metric_facts import check_facts, watch_words
from gateway.metric_lines import DOMAINS, MetricLine, Reading
from gateway.metric_search import search_metrics
from gateway.pages import has_route, page, snapshot_read
from gateway.tokens import READ
from gateway.words import text
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.figures import raw_value
from ops_assets.search import Found

router = APIRouter(include_in_schema=False)
SLOTS = ("trust", "movement", "claims", "lineage", "changes")
_SUBJECTS_SHOWN = 8
_MONTHS_SHOWN = 24


@router.get("/metrics")
def all_metrics(
    request: Request, q: Annotated[str, Query(max_length=200)] = "", seen: Annotated[str, Query(max_length=80)] = ""
) -> Response:
    """Every metric by domain; with ``q`` those that it finds, best first. ``seen`` asks only for a newer snapshot."""
    require_reader(request, READ)
    context = context_of(request)
    snapshot = context.snapshots.current()
    if snapshot is None:
        return page(request, "nothing_published.html", status=503, title="metrics")
    if seen == snapshot.id:
        return Response(status_code=204)
    reading = Reading(request, snapshot)
    found: dict[str, Found] | None = None
    if q.strip():
        results = search_metrics(context.snapshots, snapshot, q, context.settings.search_embedder)
        found = {one.name: one for one in results}
    lines = reading.lines(list(found) if found is not None else None)
    if found is not None:
        order = list(found)
        groups = [("", sorted(lines, key=lambda line: order.index(line.name)))]
    else:
        groups = [(domain, [one for one in lines if one.domain == domain]) for domain in (*DOMAINS, "")]
    return page(
        request,
        "metrics.html",
        query=q,
        found=found,
        groups=[(domain, members) for domain, members in groups if members],
        count=len(lines),
        reading=reading,
        snapshot=snapshot,
    )


@router.get("/metrics/{name}")
def one_metric(request: Request, name: str) -> Response:
    """Everything about one metric. The prefix ``metric_`` may be left out, as on the command line."""
    require_reader(request, READ)
    if context_of(request).snapshots.current() is None:
        return page(request, "nothing_published.html", status=503, title="metrics")
    snapshot = snapshot_read(request)
    reading = Reading(request, snapshot)
    lines = reading.lines([name, f"metric_{name}"])
    if not lines:
        near = [one.name for one in search_metrics(reading.context.snapshots, snapshot, name.replace("_", " "))]
        known = {line.name: line for line in reading.lines(near)}
        return page(
            request, "metric_unknown.html", status=404, name=name, near=[known[one] for one in near if one in known][:5]
        )
    (line,) = lines
    metric = line.definition
    return page(
        request,
        "metric.html",
        line=line,
        metric=metric,
        reading=reading,
        snapshot=snapshot,
        change=reading.change(line),
        trend=_trend(reading, line),
        subjects=[] if line.refused else _subjects(reading, line),
        details=[] if line.refused else _details(reading, line),
        checks=check_facts(reading, line.name),
        watches=[] if metric is None else [watch_words(reading, metric, rule) for rule in metric.watch],
        raci=_raci(reading, metric),
        slots=[
            {"name": slot, "address": f"/metrics/{line.name}/part/{slot}?snapshot={snapshot.id}",
             "there": has_route(request, f"/metrics/{line.name}/part/{slot}")}
            for slot in SLOTS
        ],
        dagster=f"{reading.context.settings.dagster_url}/assets/{line.name}",
        dbt=f"/dbt/#!/model/model.trueloop.{line.name}" if _has_dbt_docs(reading) else "",
    )  # fmt: skip


@router.get("/part/newer")
def newer(request: Request, seen: Annotated[str, Query(max_length=80)]) -> Response:
    """A line that says that newer figures were published than those of the snapshot ``seen``; 204 while there are none.

    A page that people read and open parts of says so instead of changing under their eyes.
    """
    require_reader(request, READ)
    snapshot = context_of(request).snapshots.current()
    if snapshot is None or snapshot.id == seen:
        return Response(status_code=204)
    return page(request, "_newer.html", snapshot=snapshot)


def _trend(reading: Reading, line: MetricLine) -> dict[str, Any] | None:
    """The months as charts.js takes them, with the target's line."""
    months = line.months[-_MONTHS_SHOWN:]
    if not any(month.value is not None for month in months):
        return None
    points = [
        {
            "label": f"{month.start:%Y-%m}" + ("" if month.is_whole else f" ({text(reading.language, 'so_far')})"),
            "y": month.value,
            "text": month.shown,
        }
        for month in months
    ]
    data: dict[str, Any] = {"points": points}
    metric = line.definition
    if metric is not None and line.target is not None:
        scale = 100 if metric.unit == "percent" else 1
        data["target"] = {
            "label": text(reading.language, "target"),
            "y": float(line.target * scale),
            "text": reading.level(metric, line.target),
        }
    return data


def _subjects(reading: Reading, line: MetricLine) -> list[dict[str, Any]]:
    """For each dimension its largest subjects (by denominator; sums by size) as bars, as the reader may see them."""
    metric = line.definition
    if metric is None:
        return []
    size = "denominator" if metric.aggregation == "ratio" else "numerator"
    rows = reading.snapshot.rows(
        f"with ranked as (select *, row_number() over (partition by dimension order by abs(try_cast({size} as double))"
        " desc nulls last, subject_id) as place, count(*) over (partition by dimension) as subjects"
        " from metric_subject where metric = ?) select * from ranked where place <= ? order by dimension, place",
        [line.name, _SUBJECTS_SHOWN],
    )
    seen, hidden = reading.figures.subjects(reader=reading.reader, metric=line.name, rows=rows)
    found: list[dict[str, Any]] = []
    for dimension in metric.dimensions:
        members = [row for row in seen if row["dimension"] == dimension]
        if not members:
            continue
        key = f"dimension_{dimension}"
        words = text(reading.language, key)
        found.append(
            {
                "dimension": dimension,
                "label": dimension.replace("_", " ").capitalize() if words == key else words,
                "total": members[0]["subjects"],
                "hidden": hidden.sentence(reading.language) if hidden else "",
                "data": {"bars": [_bar(reading, metric, row) for row in members]},
            }
        )
    return found


def _bar(reading: Reading, metric: MetricDefinition, row: Mapping[str, Any]) -> dict[str, Any]:
    value = row["value"]
    scale = 100 if metric.unit == "percent" else 1
    return {
        "label": row["subject_label"] or row["subject_id"],
        "value": None if value is None else value * scale,
        "text": reading.shown(metric, _exact(metric, row)),
    }


def _exact(metric: MetricDefinition, row: Mapping[str, Any]) -> Decimal | None:
    """The raw figure of a row that carries numerator and denominator as text."""
    numerator, denominator = (None if row[key] is None else Decimal(row[key]) for key in ("numerator", "denominator"))
    return raw_value(metric, numerator, denominator)


def _details(reading: Reading, line: MetricLine) -> Sequence[tuple[str, str]]:
    rows = reading.snapshot.rows(
        "select label_en, label_zh, value from metric_detail where metric = ? order by name", [line.name]
    )
    chinese = reading.language == "zh"
    return [
        (row["label_zh" if chinese else "label_en"], amount(reading.language, row["value"], "count")) for row in rows
    ]


def _raci(reading: Reading, metric: MetricDefinition | None) -> list[tuple[str, list[Any]]]:
    if metric is None:
        return []
    parts = (
        ("responsible", (metric.raci.responsible,)),
        ("accountable", (metric.raci.accountable,)),
        ("consulted", metric.raci.consulted),
        ("informed", metric.raci.informed),
    )
    return [(key, [reading.owner(role) for role in roles]) for key, roles in parts if roles]


def _has_dbt_docs(reading: Reading) -> bool:
    return (reading.context.settings.dbt_docs_dir / "index.html").is_file()
