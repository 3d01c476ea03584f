"""The refresh, step by step and free of Dagster: build what changed, audit, publish.

Each step takes the warehouse's lock for itself. Audit and publication share one hold of it, so that no other refresh
can change the warehouse between what was audited and what is published.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from ops_assets.audit import AuditReport, audit
from ops_assets.catalog import Catalog, load_catalog
from ops_assets.definition_bundle import DefinitionBundle, bundle_of, make_bundle
from ops_assets.definition_change.compiled_sql import compiled_sql, note_compiled, sql_of
from ops_assets.definition_change.in_force import keep_definitions, standing
from ops_assets.definition_change.register import with_versions
from ops_assets.dictionary.docs_page import described
from ops_assets.lineage import Lineage
from ops_assets.project import Project, read_project
from ops_assets.publishing.publisher import Publisher
from ops_assets.publishing.snapshot_writer import PublishReport
from ops_assets.releases import Releases
from ops_assets.semantic.engine import metric_queries
from ops_assets.semantic.manifest import published_manifest
from ops_assets.sql_lineage import read_lineage, with_queries
from resources.dbt import NodeResult
from resources.durable_files import write_json_atomically
from resources.fault_points import fault_point
from resources.platform import Platform
from resources.serving import SnapshotStore

Progress = Callable[[str], None]


@dataclass
class BuildState:
    """What the warehouse was last built with; kept beside dbt's target so that a killed build is simply redone.

    ``batch_seq`` is the last ingested batch whose rows are in all models; ``broken`` maps models whose build or dbt
    test failed to the reason; ``failed_nodes`` are the dbt selectors to try again; ``code`` is what each model was
    built from (see Project).
    """

    fingerprint: str = ""
    batch_seq: int = 0
    broken: dict[str, str] = field(default_factory=dict)
    failed_nodes: list[str] = field(default_factory=list)
    code: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> BuildState:
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else cls()

    def save(self, path: Path) -> None:
        write_json_atomically(path, vars(self))


@dataclass(frozen=True)
class BuildReport:
    """``kind`` is "full" (all of it), "changed" (the models whose code changed, and what stands on them),
    "incremental", "selected" or "nothing" (no new rows).
    """

    kind: str
    results: Sequence[NodeResult]
    state: BuildState


@dataclass(frozen=True)
class Definitions:
    """The catalogue and the parsed project of one installation."""

    catalog: Catalog
    project: Project
    manifest: Mapping[str, Any]
    semantic_manifest: str
    project_dir: Path


def load_definitions(platform: Platform) -> Definitions:
    """Read catalogue and project. Raises CatalogError or DbtError with file and line."""
    dbt = platform.dbt
    catalog = load_catalog(dbt.project_dir / "models")
    manifest = dbt.manifest()
    return Definitions(
        catalog=catalog,
        project=read_project(manifest),
        manifest=manifest,
        semantic_manifest=published_manifest(dbt.semantic_manifest()),
        project_dir=dbt.project_dir,
    )


def in_force(platform: Platform, definitions: Definitions) -> Definitions:
    """``definitions``, read anew where a change of definition was published or rolled back since they were read."""
    return definitions if definitions.project_dir == platform.projects.in_force() else load_definitions(platform)


def build(
    platform: Platform,
    definitions: Definitions,
    *,
    only: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> BuildReport:
    """Build the models whose sources got rows since the last build, or all of them when definitions changed.

    ``only`` rebuilds just these models, on request; that does not count as the build of a batch.
    """
    path = state_path(platform)
    with platform.warehouse.exclusive():
        platform.projects.absorb()
        definitions = in_force(platform, definitions)
        project, dbt = definitions.project, platform.dbt
        state = BuildState.load(path)
        with platform.warehouse.connection() as connection:
            newest, changed = _new_rows(connection, state.batch_seq)
        if only is not None:
            selected = dbt.build(select=only, tests=True, progress=progress)
            return BuildReport("selected", selected, state)
        renewed = _renewed(project, state)
        full = renewed is None
        fault_point("refresh.before_build")
        compiled: dict[str, str] = {}
        results: list[NodeResult] = []
        if renewed is None or renewed:
            results = dbt.build(select=sorted(renewed or ()), tests=True, full_refresh=True, progress=progress)
            compiled = _note_build(platform, definitions, state.fingerprint, renewed)
        if not full:
            select = [name for name in _selection(project, changed, state.failed_nodes) if name not in (renewed or ())]
            if not select and not renewed and state.fingerprint == project.fingerprint:
                return BuildReport("nothing", (), state)
            if select:
                results += dbt.build(select=select, tests=False, progress=progress)
            if state.failed_nodes:
                tests = [node for node in state.failed_nodes if node.startswith("test:")]
                if tests:
                    results += dbt.build(select=[t.removeprefix("test:") for t in tests], tests=True)
        broken, failed_nodes = _failures(results, definitions)
        if not any(result.failed for result in results if not result.unique_id.startswith("test.")):
            state.batch_seq = newest
        if not compiled and state.fingerprint != project.fingerprint:
            _note_build(platform, definitions, state.fingerprint, ())
        state.fingerprint, state.code = project.fingerprint, _built_code(project, results, renewed)
        state.broken, state.failed_nodes = broken, failed_nodes
        fault_point("refresh.after_build")
        state.save(path)
        if full or renewed or not (platform.settings.dbt_docs_dir / "index.html").exists():
            dbt.generate_docs(after_full_build=full, describe=described)
    kind = "full" if full else "changed" if renewed else "incremental"
    return BuildReport(kind, results, state)


def audit_and_publish(
    platform: Platform, definitions: Definitions, *, progress: Progress | None = None
) -> tuple[AuditReport, PublishReport | None]:
    """Audit the warehouse and publish a snapshot; no snapshot when nothing has changed since the last one."""
    as_of = platform.as_of()
    today = platform.pack.today(platform.clock.now())
    # A rollback of a definition takes the second lock alone: it waits for a publication, never for a build.
    with platform.warehouse.connection() as connection, platform.snapshots.publishing():
        definitions = in_force(platform, definitions)
        project = definitions.project
        state = BuildState.load(state_path(platform))
        approved = standing(
            platform, definitions.catalog, project, definitions.semantic_manifest, built=state.fingerprint
        )
        catalog = with_versions(definitions.catalog, approved.versions)
        report = audit(connection, catalog, project, as_of=as_of, broken=state.broken)
        report = replace(report, unapproved=approved.unapproved)
        releases = Releases(platform.settings.serving_dir)
        released = releases.in_force(report)
        # Not before: the lineage is that of the models as they were built.
        bundle = make_bundle(
            catalog,
            definitions.project_dir / "models",
            semantic_manifest=definitions.semantic_manifest,
            lineage=load_lineage(platform),
        )
        bundle = _with_held_definitions(platform.snapshots, bundle, report.held_metrics(released))
        inputs = _digest(
            [
                state.batch_seq,
                state.fingerprint,
                as_of.isoformat(),
                today.isoformat(),
                sorted(state.broken),
                sorted(released.items()),
                bundle.digest,
                sorted((metric, words.en) for metric, words in approved.unapproved.items()),
                # Views in a snapshot name their Parquet files in full: a moved state folder needs a new snapshot.
                str(platform.settings.serving_dir),
            ]
        )
        newest = platform.snapshots.list()[:1]
        if newest and newest[0].inputs == inputs:
            # A publication that was killed when its snapshot was complete is brought to its end.
            if platform.snapshots.serve_newest():
                platform.snapshots.remove_orphans()
            return report, None
        publisher = Publisher(platform.snapshots, catalog, project, platform.pack, bundle)
        published = publisher.publish(
            connection,
            report,
            now=platform.clock.now(),
            batch_seq=state.batch_seq,
            inputs=inputs,
            today=today,
            released=released,
            keep=platform.settings.snapshots_kept,
            kept_for=timedelta(hours=platform.settings.snapshots_kept_hours),
            progress=progress,
        )
    return report, published


def load_lineage(platform: Platform) -> Lineage:
    """The column lineage of the last full build; empty before the first one."""
    path = _lineage_path(platform)
    return Lineage.from_json(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else Lineage({})


def _renewed(project: Project, state: BuildState) -> frozenset[str] | None:
    """The models to build anew in full because their code changed, or what they stand on; None for all of them."""
    if not state.code or state.code.get("") != project.code.get(""):
        return frozenset() if state.fingerprint == project.fingerprint else None
    changed = {name for name in project.models if state.code.get(name) != project.code.get(name)}
    return frozenset(name for name in project.models if name in changed or project.upstream[name] & changed)


def _built_code(project: Project, results: Sequence[NodeResult], renewed: frozenset[str] | None) -> dict[str, str]:
    """What the models are built from now. One that could not be built anew still holds rows of its former code."""
    failed = {result.unique_id for result in results if result.failed or result.status == "skipped"}
    stale = {
        name
        for name, model in project.models.items()
        if model.unique_id in failed and (renewed is None or name in renewed)
    }
    return {name: code for name, code in project.code.items() if name not in stale}


def _note_build(
    platform: Platform, definitions: Definitions, before: str, renewed: Collection[str] | None
) -> dict[str, str]:
    """Keep lineage and SQL of what was built in full, which is when a model is compiled in its full form; the others'
    are those of the build ``before``. ``renewed`` are the models built in full, None for all of them.
    """
    manifest = json.loads(platform.dbt.manifest_path.read_text(encoding="utf-8"))
    kept = compiled_sql(platform, before) or {}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and (renewed is not None and node["name"] not in renewed):
            node["compiled_code"] = kept.get(node["name"])
    lineage = with_queries(read_lineage(manifest), metric_queries(definitions.semantic_manifest))
    write_json_atomically(_lineage_path(platform), lineage.to_json())
    note_compiled(platform, definitions.project.fingerprint, manifest)
    return sql_of(manifest)


def _with_held_definitions(store: SnapshotStore, bundle: DefinitionBundle, held: Collection[str]) -> DefinitionBundle:
    """A metric that keeps its last good figures keeps the definition that made them."""
    newest = store.list()[:1]
    if not held or not newest:
        return bundle
    before = store.get(newest[0].id)
    try:
        good = {row["metric"] for row in before.rows("select metric from metrics where as_of is not null")}
        return keep_definitions(bundle, bundle_of(store, before), good & set(held))
    finally:
        before.close()


def _lineage_path(platform: Platform) -> Path:
    return platform.settings.dbt_target_dir / "column_lineage.json"


def state_path(platform: Platform) -> Path:
    return platform.settings.dbt_target_dir / "build_state.json"


def _new_rows(connection: duckdb.DuckDBPyConnection, since: int) -> tuple[int, set[str]]:
    """The newest batch and the raw tables that got rows after batch ``since``."""
    rows = connection.execute(
        "select table_name, max(seq) from raw.loaded_batch where seq > ? group by table_name", [since]
    ).fetchall()
    return max((seq for _, seq in rows), default=since), {table for table, _ in rows}


def _selection(project: Project, changed: Iterable[str], failed_nodes: Sequence[str]) -> list[str]:
    """Models to run: tables downstream of a changed source (a view needs no run), and those that failed before."""
    touched = set(changed)
    names = {
        name
        for name, model in project.models.items()
        if model.materialized != "view" and project.sources[name] & touched
    }
    return sorted(names | {node for node in failed_nodes if not node.startswith("test:")})


def _failures(results: Sequence[NodeResult], definitions: Definitions) -> tuple[dict[str, str], list[str]]:
    nodes = definitions.manifest["nodes"]
    names = {model.unique_id: name for name, model in definitions.project.models.items()}
    broken: dict[str, str] = {}
    retry: list[str] = []
    for result in results:
        if not (result.failed or (result.status == "skipped" and result.unique_id in names)):
            continue
        name = names.get(result.unique_id)
        if name is not None:
            broken[name] = f"The model was not built ({result.status}): {result.message.strip() or 'see its parents'}"
            retry.append(name)
            continue
        node = nodes.get(result.unique_id) or definitions.manifest.get("unit_tests", {}).get(result.unique_id, {})
        attached = node.get("attached_node") or next(iter(node.get("depends_on", {}).get("nodes", [])), None)
        if attached in names:
            broken[names[attached]] = f"The dbt test {node.get('name', result.unique_id)} failed: {result.message}"
        retry.append(f"test:{node.get('name', result.unique_id)}")
    return broken, retry


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]
