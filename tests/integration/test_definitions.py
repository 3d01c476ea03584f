"""The code location as Dagster sees it: complete, acyclic, described, loadable from anywhere, and its jobs run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterEventType, DagsterInstance

from definitions import build_defs
from ops_assets.audit import enabled_checks
from resources.dagster_home import prepare_dagster_home
from resources.settings import PROJECT_ROOT
from tests.platform_world import PlatformWorld, PublishedHome

CHECKED = DagsterEventType.ASSET_CHECK_EVALUATION
MATERIALIZED = DagsterEventType.ASSET_MATERIALIZATION
# On for every refresh, changed or not: they say what the refresh did.
ALWAYS = {"landed_batches", "warehouse_build", "published_snapshot"}


@pytest.fixture(scope="module", params=["dongchen", "adventureworks"])
def defs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.Definitions]:
    if request.param == "dongchen":
        world = PlatformWorld(request.getfixturevalue("empty_home"))
    else:
        folder = tmp_path_factory.mktemp("adventureworks")
        world = PlatformWorld(folder / "home", source_pack="adventureworks", source_dir=folder)
    yield build_defs(resources={"platform": world.platform})
    world.close()


def _nodes(defs: dg.Definitions) -> list[Any]:
    graph = defs.resolve_asset_graph()
    return [graph.get(key) for key in graph.get_all_asset_keys()]


def test_the_graph_has_no_circle_and_walks_from_file_to_case_and_back(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    parents: dict[Any, set[Any]] = {key: set(graph.get(key).parent_keys) for key in graph.get_all_asset_keys()}
    for check in graph.asset_check_keys:
        parents[check] = {check.asset_key}
    order = list(TopologicalSorter(parents).static_order())
    assert set(order) == set(parents), "everything that is stood on is defined"

    def upstream(key: str) -> set[str]:
        waiting, found = [dg.AssetKey.from_user_string(key)], set()
        while waiting:
            for parent in parents[waiting.pop()]:
                if parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        return {found_key.to_user_string() for found_key in found}

    assert {"metric_supplier_reject_rate", "landed_batches"} <= upstream("process/supply_exception/judge")
    assert {"process/supply_exception/outcome", "process/supply_exception/replan"} <= upstream("metric_case_cycle_time")
    assert "metric_supplier_reject_rate" in upstream("published_snapshot")


def test_publication_stands_on_no_blocking_check(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    blocked_by = {check.asset_key for check in graph.asset_check_keys}
    assert not set(graph.get(dg.AssetKey("published_snapshot")).parent_keys) & blocked_by


def test_every_asset_is_described_grouped_owned_and_has_kinds(defs: dg.Definitions) -> None:
    for node in _nodes(defs):
        name = node.key.to_user_string()
        assert node.description, name
        assert node.group_name and node.group_name != "default", name
        assert node.owners and all(owner.startswith("team:") for owner in node.owners), name
        assert node.kinds, name
        assert node.tags, name


def test_metrics_show_definition_formula_unit_owner_and_links(defs: dg.Definitions) -> None:
    metrics = [node for node in _nodes(defs) if node.key.to_user_string().startswith("metric_")]
    assert len(metrics) >= 8
    for node in metrics:
        for name in ("definition", "formula", "unit", "owner_role", "accountable", "definition_version"):
            assert node.metadata.get(name), (node.key, name)
        for link in ("page", "dbt_docs"):
            assert node.metadata[link].value.startswith("http://127.0.0.1:"), (node.key, link)
        assert node.tags["layer"] == "metric"
        assert node.group_name == node.tags["domain"]


def test_every_check_job_schedule_and_sensor_is_described_and_switched_on(defs: dg.Definitions) -> None:
    repository = defs.get_repository_def()
    graph = defs.resolve_asset_graph()
    for key in graph.asset_check_keys:
        spec = repository.asset_checks_defs_by_key[key].get_spec_for_check_key(key)
        assert spec.description, key
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    assert {job.name for job in jobs} == {
        "refresh_job", "audit_job", "operating_analysis_job", "replan_production_job",
        "shadow_definition_job", "publish_definition_job", "grant_data_access_job", "revoke_data_access_job",
    }  # fmt: skip
    for job in jobs:
        assert job.name.endswith("_job")
        assert job.description and len(job.description) > 30, job.name
    for schedule in repository.schedule_defs:
        assert schedule.description, schedule.name
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING, schedule.name
        assert schedule.execution_timezone, schedule.name
    assert {schedule.name for schedule in repository.schedule_defs} == {
        "five_minute_refresh", "monthly_operating_analysis",
    }  # fmt: skip
    assert len(repository.sensor_defs) >= 10
    for sensor in repository.sensor_defs:
        assert sensor.name.endswith("_sensor")
        assert sensor.description and len(sensor.description) > 30, sensor.name
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING, sensor.name


def test_the_workspace_loads_from_any_folder(tmp_path: Path, empty_home: Path) -> None:
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", str(PROJECT_ROOT / "workspace.yaml")]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "TRUELOOP_HOME": str(empty_home), "DAGSTER_DISABLE_TELEMETRY": "yes"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "validation successful" in (done.stdout + done.stderr).lower()


class Runs:
    """Runs of the jobs on a Dagster instance like the one of `make up`."""

    def __init__(self, world: PlatformWorld, instance: DagsterInstance) -> None:
        self._defs = build_defs(resources={"platform": world.platform})
        self._instance = instance

    def run(self, job: str) -> dg.ExecuteInProcessResult:
        result = self._defs.resolve_job_def(job).execute_in_process(instance=self._instance)
        assert result.success
        return result


@pytest.fixture
def world(copy_world: Callable[..., PlatformWorld], published: PublishedHome) -> PlatformWorld:
    return copy_world(published.home)


@pytest.fixture
def runs(world: PlatformWorld) -> Iterator[Runs]:
    with DagsterInstance.from_config(str(prepare_dagster_home(world.platform.settings))) as instance:
        yield Runs(world, instance)


def _materialized(result: dg.ExecuteInProcessResult) -> set[str]:
    return {
        event.asset_key.to_user_string()
        for event in result.all_events
        if event.event_type is MATERIALIZED and event.asset_key is not None
    }


def _evaluated(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], bool]:
    found = [event.asset_check_evaluation_data for event in result.all_events if event.event_type is CHECKED]
    return {(one.asset_key.to_user_string(), one.check_name): one.passed for one in found}


def test_the_jobs_run_and_report_what_changed_and_no_more(world: PlatformWorld, runs: Runs) -> None:
    nothing_new = runs.run("refresh_job")
    assert _materialized(nothing_new) == ALWAYS
    assert _evaluated(nothing_new) == {}, "an unchanged audit is not said again"

    answer = {"survey_id": "SV-T", "account_id": "A", "order_no": None, "surveyed_at": "2026-11-21 10:00:00"}
    world.post("crm", "satisfaction", [{**answer, "score": 5}])
    changed = runs.run("refresh_job")
    project = world.definitions.project
    touched = {
        name
        for name, model in project.models.items()
        if "crm__satisfaction" in project.sources[name] and model.materialized != "view"
    }
    assert "metric_customer_satisfaction" in touched
    assert len(touched) < 6
    assert _materialized(changed) == ALWAYS | touched | {"crm/satisfaction"}
    evaluated = _evaluated(changed)
    assert evaluated[("landed_batches", "rows_in_are_loaded_or_quarantined")] is True
    assert evaluated[("metric_customer_satisfaction", "customer_satisfaction_is_recent")] is True
    assert {asset for asset, _ in evaluated} == {"landed_batches", "metric_customer_satisfaction"}

    audited = _evaluated(runs.run("audit_job"))
    rules = enabled_checks(world.definitions.catalog, project)
    declared = {(rule.asset, rule.name) for rule in rules} | {("landed_batches", "rows_in_are_loaded_or_quarantined")}
    assert set(audited) == declared
    assert all(audited.values())

    runs.run("operating_analysis_job")
    report = world.home / "reports" / "operating_analysis_2026-10.md"
    text = report.read_text(encoding="utf-8")
    assert text.startswith("# Operating analysis 2026-10\n")
    assert f"Published figures of snapshot {world.snapshot.id}." in text
    october = world.truth["metrics"]["metric_supplier_reject_rate"]["monthly"]["2026-10"]["value"]
    assert f"| Supplier reject rate | {october} %" in text
