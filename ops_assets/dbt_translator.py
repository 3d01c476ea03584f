"""How dbt models look in Dagster: keys, groups, owners, descriptions and metadata, from the governed catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator

from ops_assets.catalog import Catalog
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.lineage import Lineage

DATA_TEAM = "team:data_owner"


def source_key(source: str, table: str) -> dg.AssetKey:
    """Asset key of a source table: its system, then its name."""
    return dg.AssetKey([source, table])


def relation_key(relation: str) -> dg.AssetKey:
    """Asset key of a relation as the lineage names it: a model, or ``system.table`` for a source table."""
    system, dot, table = relation.partition(".")
    return source_key(system, table) if dot else dg.AssetKey(system)


def column_lineage(lineage: Lineage, key: dg.AssetKey) -> dict[str, Any]:
    """The columns that each column of a model is made of, as Dagster's metadata; nothing for an unknown model."""
    relation = lineage.relations.get(key.to_user_string())
    if relation is None:
        return {}
    deps = {
        column: [dg.TableColumnDep(relation_key(source.relation), source.name) for source in sources]
        for column, sources in relation.values.items()
        if sources
    }
    return {"dagster/column_lineage": dg.TableColumnLineage(deps)}


class CatalogTranslator(DagsterDbtTranslator):
    """Keys are model names; groups are domains or layers; owners and definitions come from the catalogue."""

    def __init__(self, catalog: Catalog, gateway_url: str) -> None:
        super().__init__()
        self._catalog = catalog
        self._gateway_url = gateway_url

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return source_key(dbt_resource_props["source_name"], dbt_resource_props["name"])
        return dg.AssetKey(dbt_resource_props["name"])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        metric = self._metric(dbt_resource_props)
        if metric is not None:
            return metric.domain
        folders = dbt_resource_props["fqn"][1:-1]
        layer = folders[0] if folders else ""
        return layer if layer in {"staging", "claims"} else "conformed"

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        metric = self._metric(dbt_resource_props)
        return [f"team:{metric.owner_role}" if metric is not None else DATA_TEAM]

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        metric = self._metric(dbt_resource_props)
        if metric is not None:
            return f"{metric.label.en} ({metric.label.zh}). {metric.definition.en}"
        return str(dbt_resource_props.get("description") or dbt_resource_props["name"])

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        metric = self._metric(dbt_resource_props)
        layer = "metric" if metric is not None else self.get_group_name(dbt_resource_props)
        tags = {"layer": layer}
        if metric is not None:
            tags |= {"domain": metric.domain, "security_class": metric.security_class}
        return tags

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        metric = self._metric(dbt_resource_props)
        if metric is None:
            return {}
        return {
            "definition": metric.definition.en,
            "formula": metric.formula,
            "unit": metric.unit,
            "owner_role": metric.owner_role,
            "accountable": metric.raci.accountable,
            "definition_version": metric.version,
            "page": dg.MetadataValue.url(f"{self._gateway_url}/metrics/{metric.name}"),
            "dbt_docs": dg.MetadataValue.url(f"{self._gateway_url}/dbt/#!/model/model.trueloop.{metric.name}"),
        }

    def _metric(self, props: Mapping[str, Any]) -> MetricDefinition | None:
        return self._catalog.metrics.get(props["name"])
