"""What a change of one column would touch: metrics with their owners, checks, claims, and the processes they open.

Pure: the definitions and the lineage of one publication in, a list out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ops_assets.dictionary.base import Text
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.lineage import Column, Lineage, Reach

How = Literal["value", "dimension", "rows"]


@dataclass(frozen=True)
class TouchedMetric:
    """A metric that the change would touch.

    ``how``: "value" where the column enters numerator or denominator, "dimension" where it enters what the figure is
    split or shown by, "rows" where it only chooses which rows count.
    """

    metric: str
    label: Text
    how: How
    columns: tuple[str, ...]
    owner_role: str
    accountable: str


@dataclass(frozen=True)
class Impact:
    """Everything that stands on ``column``. ``checks`` are (asset, check), ``claims`` (metric, claim), ``templates``
    (template, watch rule, metric).
    """

    column: Column
    relations: tuple[Reach, ...]
    metrics: tuple[TouchedMetric, ...]
    checks: tuple[tuple[str, str], ...]
    claims: tuple[tuple[str, str], ...]
    templates: tuple[tuple[str, str, str], ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "column": str(self.column),
            "metrics": [
                {
                    "metric": one.metric,
                    "label": one.label.en,
                    "label_zh": one.label.zh,
                    "how": one.how,
                    "columns": list(one.columns),
                    "owner_role": one.owner_role,
                    "accountable": one.accountable,
                }
                for one in self.metrics
            ],
            "checks": [{"asset": asset, "check": check} for asset, check in self.checks],
            "claims": [{"metric": metric, "claim": claim} for metric, claim in self.claims],
            "templates": [
                {"template": template, "rule": rule, "metric": metric} for template, rule, metric in self.templates
            ],
            "relations": [
                {
                    "relation": reach.relation.name,
                    "layer": reach.relation.layer,
                    "columns": list(reach.columns),
                    "rows": reach.rows,
                }
                for reach in self.relations
            ],
        }


def impact_of(
    column: Column,
    lineage: Lineage,
    metrics: Mapping[str, MetricDefinition],
    model_checks: Mapping[str, tuple[tuple[str, str], ...]],
) -> Impact:
    """The impact of ``column``. ``model_checks`` maps an asset to its checks as (name, text that names its columns)."""
    reached = lineage.downstream(column)
    touched = {name: reach for name, reach in reached.items() if name in metrics}
    if column.relation in metrics:
        touched[column.relation] = Reach(lineage.relations[column.relation], (column.name,), False)
    found = tuple(_touched(metrics[name], reach) for name, reach in sorted(touched.items()))
    everywhere = {column.relation: Reach(lineage.relations[column.relation], (column.name,), False), **reached}
    return Impact(
        column=column,
        relations=tuple(reached.values()),
        metrics=found,
        checks=tuple(
            (asset, name)
            for asset, reach in everywhere.items()
            for name, text in model_checks.get(asset, ())
            if reach.rows or set(re.findall(r"\w+", text)) & set(reach.columns)
        ),
        claims=tuple(
            (name, claim.name)
            for name, metric in sorted(metrics.items())
            for claim in metric.claims
            if claim.model in everywhere
        ),
        templates=tuple(
            (rule.template, rule.name, one.metric)
            for one in found
            if one.how != "dimension" or metrics[one.metric].dimensions
            for rule in metrics[one.metric].watch
        ),
    )


def _touched(metric: MetricDefinition, reach: Reach) -> TouchedMetric:
    columns = set(reach.columns)
    how: How = "rows"
    if columns & {"numerator", "denominator"}:
        how = "value"
    elif columns:
        how = "dimension"
    return TouchedMetric(
        metric=metric.name,
        label=metric.label,
        how=how,
        columns=reach.columns,
        owner_role=metric.owner_role,
        accountable=metric.raci.accountable,
    )
