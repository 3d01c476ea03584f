"""The semantic models say the same as the dictionary, and compile to the SQL that is kept beside this test.

``python -m pytest tests/contract/test_semantic_models.py --renew-golden-sql`` writes the SQL anew after a change that
was meant; the difference then stands in the review.
"""

from __future__ import annotations

import difflib
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops_assets.catalog import load_catalog
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.semantic.compiled import compiled
from ops_assets.semantic.engine import CompileEngine
from ops_assets.semantic.manifest import published_manifest, short_name
from ops_assets.semantic.shape import FilterShape, OrderKey, Shape, Source
from resources.platform import MODELS_DIR, Platform
from resources.settings import Settings

FOLDER = MODELS_DIR / "semantic"
GOLDEN = Path(__file__).parent / "golden_sql"


@cache
def metrics() -> dict[str, MetricDefinition]:
    return dict(load_catalog(MODELS_DIR).metrics)


def declared(metric: MetricDefinition) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((FOLDER / f"{short_name(metric.name)}.yml").read_text(encoding="utf-8"))
    return document


every_metric = pytest.mark.parametrize("metric", [pytest.param(one, id=name) for name, one in metrics().items()])


def test_there_is_a_semantic_model_of_each_metric_and_of_nothing_else() -> None:
    files = {path.stem for path in FOLDER.glob("*.yml")} - {"time_spine_day"}
    assert files == {short_name(name) for name in metrics()}


@every_metric
def test_semantic_model_says_what_the_dictionary_says(metric: MetricDefinition) -> None:
    (model,) = declared(metric)["semantic_models"]
    short = short_name(metric.name)
    assert model["name"] == metric.name
    assert model["model"] == f"ref('{metric.name}')"
    assert model["defaults"] == {"agg_time_dimension": "event_date"}
    assert model["primary_entity"] == f"{short}_row"
    assert model.get("entities", []) == [
        {"name": name, "type": "foreign", "expr": columns.id} for name, columns in metric.dimensions.items()
    ]
    assert model["dimensions"] == [
        {"name": "event_date", "type": "time", "type_params": {"time_granularity": "day"}},
        *(
            {"name": f"{name}_label", "type": "categorical", "expr": columns.label}
            for name, columns in metric.dimensions.items()
        ),
    ]
    latest = {"non_additive_dimension": {"name": "event_date", "window_choice": "max"}}
    more = latest if metric.aggregation == "latest_sum" else {}
    assert model["measures"] == [
        {"name": f"{short}_{part}", "agg": "sum", "expr": part, **more} for part in ("numerator", "denominator")
    ]


@every_metric
def test_dbt_metrics_follow_from_the_aggregation(metric: MetricDefinition) -> None:
    main, *parts = declared(metric)["metrics"]
    short = short_name(metric.name)
    assert (main["name"], main["label"]) == (short, metric.label.en)
    # The definition in words stands in one place.
    assert main["description"] == f"Defined with the model {metric.name}."
    if metric.aggregation == "ratio":
        assert main["type"] == "ratio"
        assert main["type_params"] == {"numerator": f"{short}_numerator", "denominator": f"{short}_denominator"}
    else:
        assert (main["type"], main["type_params"]) == ("simple", {"measure": f"{short}_numerator"})
    for part, entry in zip(("numerator", "denominator"), parts, strict=True):
        assert entry["name"] == f"{short}_{part}"
        assert (entry["type"], entry["type_params"]) == ("simple", {"measure": f"{short}_{part}"})


@every_metric
def test_semantic_model_is_enabled_where_the_metric_is(metric: MetricDefinition) -> None:
    document = declared(metric)
    for entry in (*document["semantic_models"], *document["metrics"]):
        enabled = (entry.get("config") or {}).get("enabled", "")
        assert set(re.findall(r"'(\w+)'", enabled.partition("|")[0])) == set(metric.needs), entry["name"]
        if metric.needs:
            assert "reject('in', var('pack_entities')) | list | length == 0" in " ".join(enabled.split())


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CompileEngine]:
    """An engine for each metric, with the manifest of a pack that has it."""
    found: dict[str, CompileEngine] = {}
    for pack in ("dongchen", "adventureworks"):
        platform = Platform(Settings(home=tmp_path_factory.mktemp(pack), source_pack=pack))
        if set(metrics()) - set(found):
            platform.dbt.parse()
            engine = CompileEngine(published_manifest(platform.dbt.semantic_manifest()))
            for name, metric in metrics().items():
                if set(metric.needs) <= set(platform.pack.entities):
                    found.setdefault(name, engine)
    return found


def golden_sql(metric: MetricDefinition, engine: CompileEngine) -> str:
    """The metric as dbt declares it, its headline, and its months by all dimensions under two filters."""
    names = list(metric.dimensions)
    filters = tuple(FilterShape(name, "id", "in", 2) for name in names[:1])
    filters += tuple(FilterShape(name, "label", "contains", 1) for name in names[1:2])
    shapes = {
        "The published figure": _shape(metric),
        "By month and every dimension, filtered, highest first": _shape(
            metric,
            dimensions=tuple(names),
            grain="month",
            filters=filters,
            order=(OrderKey(metric.name, "desc"),),
        ),
    }
    parts = [f"-- The metric {short_name(metric.name)} as MetricFlow compiles it"]
    parts.append(re.sub(r"^\s*--.*\n", "", engine.compile_metric(short_name(metric.name)), flags=re.MULTILINE))
    for title, shape in shapes.items():
        parts += [f"\n-- {title}", compiled(engine.compile(shape), shape, {metric.name: metric}).sql]
    return "\n".join(parts) + "\n"


def _shape(metric: MetricDefinition, **more: Any) -> Shape:
    values: dict[str, Any] = {"dimensions": (), "grain": None, "filters": (), "order": (), **more}
    return Shape(
        sources=(Source(metric.name, metric.name),),
        aggregations=(metric.aggregation,),
        figure="period",
        window_days=None,
        **values,
    )


@every_metric
def test_metric_compiles_to_its_golden_sql(
    metric: MetricDefinition, engines: dict[str, CompileEngine], request: pytest.FixtureRequest
) -> None:
    path = GOLDEN / f"{metric.name}.sql"
    sql = golden_sql(metric, engines[metric.name])
    if request.config.getoption("--renew-golden-sql"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(sql, encoding="utf-8")
    kept = path.read_text(encoding="utf-8") if path.exists() else ""
    changes = "\n".join(difflib.unified_diff(kept.splitlines(), sql.splitlines(), "kept", "compiled", lineterm=""))
    assert sql == kept, f"{path.name}: renew it with --renew-golden-sql if this was meant\n{changes}"


def test_there_is_no_golden_sql_of_a_metric_that_is_gone() -> None:
    assert {path.stem for path in GOLDEN.glob("*.sql")} <= set(metrics())
