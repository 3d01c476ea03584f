"""dbt's semantic manifest as a snapshot needs it: relations under the snapshot's names, in an order that never varies.

Pure text to text. Which names a metric, its parts and its dimensions have in the manifest is said here alone.
"""

from __future__ import annotations

import json
from typing import Any

SCHEMA = "main"
TIME = "metric_time"


def published_manifest(text: str) -> str:
    """The manifest with every relation as ``main.<name>``, the view that a snapshot has of a metric model.

    Models and metrics are sorted, so that the text (and with it the digest of a definition bundle) depends on the
    definitions alone, and not on the name of the warehouse or the order in which dbt parsed the files.
    """
    body: dict[str, Any] = json.loads(text)
    models = sorted(body.get("semantic_models", []), key=lambda model: str(model["name"]))
    metrics = sorted(body.get("metrics", []), key=lambda metric: str(metric["name"]))
    configuration = body.get("project_configuration", {})
    for holder in [*models, *configuration.get("time_spines", [])]:
        alias = holder["node_relation"]["alias"]
        holder["node_relation"] = {"alias": alias, "schema_name": SCHEMA, "relation_name": f"{SCHEMA}.{alias}"}
    return json.dumps(
        {"semantic_models": models, "metrics": metrics, "project_configuration": configuration, "saved_queries": []},
        sort_keys=True,
        ensure_ascii=False,
    )


def described_models(text: str) -> frozenset[str]:
    """The metric models that the manifest describes: those that the pack builds."""
    return frozenset(str(model["name"]) for model in json.loads(text or "{}").get("semantic_models", []))


def short_name(metric: str) -> str:
    """The metric's name in dbt and MetricFlow: the model's without ``metric_``."""
    return metric.removeprefix("metric_")


def part_names(metric: str) -> tuple[str, str]:
    """The dbt metrics that sum numerator and denominator."""
    return f"{short_name(metric)}_numerator", f"{short_name(metric)}_denominator"


def label_dimension(metric: str, dimension: str) -> str:
    """MetricFlow's name of the label of a dimension: the label belongs to the model's rows."""
    return f"{short_name(metric)}_row__{dimension}_label"
