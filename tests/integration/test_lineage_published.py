"""The lineage of the real project, as it is kept with a snapshot, drawn on a metric's page and asked on the line."""

from __future__ import annotations

import json
from collections.abc import Callable

import dagster as dg
import httpx
import pytest
from typer.testing import CliRunner

from gateway.app import create_app
from gateway.cli import app as command_line
from ops_assets.dbt_translator import column_lineage
from ops_assets.definition_bundle import DefinitionBundle, bundle_of
from ops_assets.impact import impact_of
from ops_assets.lineage import Column
from tests.gateway_stack import free_port, serving
from tests.platform_world import PlatformWorld, PublishedHome


@pytest.fixture
def world(published: PublishedHome, copy_world: Callable[..., PlatformWorld]) -> PlatformWorld:
    return copy_world(published.home)


@pytest.fixture
def bundle(world: PlatformWorld) -> DefinitionBundle:
    return bundle_of(world.platform.snapshots, world.snapshot)


def test_every_model_can_be_read_and_every_figure_reaches_its_sources(
    world: PlatformWorld, bundle: DefinitionBundle
) -> None:
    lineage = bundle.lineage
    assert {name: one.unread for name, one in lineage.relations.items() if one.unread} == {}
    known = {column for relation in lineage.relations.values() for column in relation.values}
    assert known, "no model has a column with a lineage"
    for name in (metric for metric in bundle.metrics if world.definitions.project.has(metric)):
        for column in world.definitions.project.models[name].columns:
            assert column in lineage.relations[name].values, f"{name}.{column} has no lineage"
        figure = lineage.relations[name]
        reached = lineage.upstream([Column(name, "numerator"), *figure.rows])
        assert any(lineage.relations[one.relation].layer in {"source", "seed"} for one in reached), name


def test_a_snapshot_knows_the_models_that_the_rows_of_a_metric_come_from(world: PlatformWorld) -> None:
    lines = {row["asset"]: row for row in world.snapshot.rows("select * from row_line")}
    on_time = lines["metric_on_time_in_full"]
    assert "fct_sales_order_line" in on_time["rows_from"]
    assert not [name for name in on_time["rows_from"] if name.startswith("dim_")], "a dimension brings no rows"
    assert set(on_time["rows_from"]) < set(on_time["upstream"])
    assert "erp__sales_order_lines" in lines["fct_sales_order_line"]["sources"]


def test_the_margin_is_made_of_price_quantity_cost_freight_and_rebate(bundle: DefinitionBundle) -> None:
    reached = bundle.lineage.upstream([Column("metric_order_gross_margin", "numerator")])
    assert {str(one) for one in reached if bundle.lineage.relations[one.relation].layer == "source"} == {
        "erp.sales_order_lines.quantity",
        "erp.sales_order_lines.unit_price",
        "erp.order_costs.actual_cost_amount",
        "erp.order_freight.amount",
        "erp.order_rebates.amount",
    }


def test_the_query_of_the_semantic_layer_stands_on_the_metric_model(bundle: DefinitionBundle) -> None:
    query = bundle.lineage.relations["order_gross_margin"]
    assert (query.layer, query.reads) == ("query", ("metric_order_gross_margin",))
    (sources,) = query.values.values()
    assert {str(one) for one in sources} == {
        "metric_order_gross_margin.numerator",
        "metric_order_gross_margin.denominator",
    }
    described = {name for name, one in bundle.lineage.relations.items() if one.layer == "query"}
    built = {name for name, one in bundle.lineage.relations.items() if one.layer == "metrics"}
    assert {f"metric_{name}" for name in described} == built


def test_the_impact_names_metrics_owners_checks_and_processes(bundle: DefinitionBundle) -> None:
    column = bundle.lineage.column("wms.receipts.rejected_quantity")
    found = impact_of(column, bundle.lineage, bundle.metrics, bundle.checks)
    by_name = {one.metric: one for one in found.metrics}
    assert by_name["metric_supplier_reject_rate"].how == "value"
    assert by_name["metric_supplier_reject_rate"].accountable == "quality_manager"
    assert ("supply_exception", "supplier_reject_rate_high", "metric_supplier_reject_rate") in found.templates
    assert any(asset == "metric_supplier_reject_rate" for asset, _ in found.checks)
    assert "metric_order_gross_margin" not in by_name


def test_the_command_prints_the_impact_and_refuses_unknown_names(
    world: PlatformWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUELOOP_HOME", str(world.home))
    answer = CliRunner().invoke(command_line, ["impact", "erp.order_freight.amount", "--json"])
    assert answer.exit_code == 0, answer.output
    assert "metric_order_gross_margin" in {one["metric"] for one in json.loads(answer.output)["metrics"]}
    text = CliRunner().invoke(command_line, ["impact", "erp.order_freight.amount"])
    assert "metric_order_gross_margin: its value; owner finance_manager" in text.output
    wrong = CliRunner().invoke(command_line, ["impact", "fct_order_freigt.amount"])
    assert wrong.exit_code == 1
    assert "fct_order_freight" in wrong.output


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Source columns of the figure"), ("zh", "构成指标数值的源字段")]
)
def test_the_part_of_the_page_draws_the_lineage(world: PlatformWorld, language: str, words: str) -> None:
    port = free_port()
    app = create_app(world.platform.settings, clock=world.clock)
    with serving(app, port), httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        answer = client.get(f"/metrics/metric_order_gross_margin/part/lineage?lang={language}")
        assert answer.status_code == 200
        assert words in answer.text
        assert "erp.order_freight" in answer.text
        assert client.get("/metrics/metric_none/part/lineage").status_code == 404


def test_dagster_gets_the_columns_that_a_column_is_made_of(bundle: DefinitionBundle) -> None:
    metadata = column_lineage(bundle.lineage, dg.AssetKey("stg_erp__order_freight"))
    lineage = metadata["dagster/column_lineage"]
    assert lineage.deps_by_column["amount"] == [dg.TableColumnDep(dg.AssetKey(["erp", "order_freight"]), "amount")]
