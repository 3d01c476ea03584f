"""Dagster's view of the data: sources, dbt models, the published snapshot, and the checks as asset checks.

Glue only. What a step does stands in ingestion, refresh and publishing; here it gets keys, owners, descriptions and
metadata, so that the lineage of a figure can be walked in the Dagster UI from the landed file to the snapshot.
"""
# No postponed annotations: Dagster reads the annotations of decorated functions as they are.

from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg
from dagster import AssetCheckExecutionContext, AssetExecutionContext
from dagster_dbt import build_dbt_asset_specs

from ops_assets.audit import AuditReport, enabled_checks
from ops_assets.checks.rules import CheckRule
from ops_assets.checks.trust import Trust
from ops_assets.dbt_translator import DATA_TEAM, CatalogTranslator, column_lineage, source_key
from ops_assets.figures import with_unit
from ops_assets.ingestion.accounting import imbalances
from ops_assets.ingestion.landing_schema import LandingTable
from ops_assets.landing import PLATFORM_SYSTEM, land
from ops_assets.operating_analysis import write_operating_analysis
from ops_assets.publishing.snapshot_writer import PublishReport
from ops_assets.refresh import Definitions, audit_and_publish, build, load_lineage
from ops_assets.trust import trust_of
from resources.platform import Platform

LANDED_BATCHES = dg.AssetKey("landed_batches")
WAREHOUSE_BUILD = dg.AssetKey("warehouse_build")
PUBLISHED_SNAPSHOT = dg.AssetKey("published_snapshot")
_ACCOUNTED = "rows_in_are_loaded_or_quarantined"


def build_assets(
    definitions: Definitions,
    tables: Sequence[LandingTable],
    gateway_url: str,
    *,
    process_outcomes: Sequence[dg.AssetKey] = (),
) -> list[dg.AssetSpec | dg.AssetsDefinition | dg.AssetChecksDefinition]:
    """All assets of the refresh and of the operating analysis, for the parsed project of one pack.

    ``process_outcomes`` are the ends of the processes: the platform's own source tables stand on them, which closes the
    loop in the lineage.
    """
    model_specs = _in_order(
        [
            spec.replace_attributes(kinds={"dbt", "duckdb"})
            for spec in build_dbt_asset_specs(
                manifest=definitions.manifest,
                dagster_dbt_translator=CatalogTranslator(definitions.catalog, gateway_url),
            )
        ]
    )
    return [
        *_landing_assets(definitions, tables, process_outcomes),
        _model_assets(definitions, model_specs),
        _published_snapshot(definitions),
        _audit_checks(enabled_checks(definitions.catalog, definitions.project)),
        operating_analysis,
    ]


def _in_order(specs: Sequence[dg.AssetSpec]) -> list[dg.AssetSpec]:
    """Specs with every asset behind what it stands on; Dagster wants the results of one step in that order."""
    by_key = {spec.key: spec for spec in specs}
    graph = {spec.key: {dep.asset_key for dep in spec.deps if dep.asset_key in by_key} for spec in specs}
    return [by_key[key] for key in TopologicalSorter(graph).static_order()]


def _landing_assets(
    definitions: Definitions, tables: Sequence[LandingTable], process_outcomes: Sequence[dg.AssetKey]
) -> list[dg.AssetSpec | dg.AssetsDefinition]:
    """The source tables, and the step that loads them.

    The tables are external assets whose materialisations the step reports: a refresh touches a few of them, and an
    output per table would cost an event each, changed or not.
    """
    described = {source["identifier"]: source["description"] for source in definitions.manifest["sources"].values()}
    specs = [
        dg.AssetSpec(
            source_key(table.system, table.name),
            deps=[LANDED_BATCHES, *(process_outcomes if table.system == PLATFORM_SYSTEM else ())],
            description=described.get(table.identifier, ""),
            group_name="sources",
            owners=[DATA_TEAM],
            kinds={"file", "duckdb"},
            tags={"layer": "source", "system": table.system},
            metadata={"files": ", ".join(table.files), "key": ", ".join(table.key), "kind": table.kind},
        )
        for table in tables
    ]

    @dg.asset(
        key=LANDED_BATCHES,
        description="Landed files and posted events, loaded into the raw tables batch by batch; bad rows quarantined.",
        group_name="sources",
        owners=[DATA_TEAM],
        kinds={"file", "pandera"},
    )
    def landed_batches(
        context: AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult[Any]:
        report = land(platform, progress=context.log.info)
        for table in tables:
            rows = report[table.identifier]
            if rows.batches:
                context.log_event(dg.AssetMaterialization(source_key(table.system, table.name), metadata=vars(rows)))
        found = report.ingestion
        if found.batches:
            context.log_event(_accounting(report.imbalances))
        return dg.MaterializeResult(
            metadata={
                "batches": len(found.batches),
                "rows_in": found.rows_in,
                "rows_loaded": found.rows_loaded,
                "rows_quarantined": found.rows_quarantined,
                "set_aside": [f"{file.path}: {file.sentence}" for file in found.set_aside],
                "late": [file.path for file in found.late],
                "unclaimed": list(found.unclaimed),
            }
        )

    @dg.multi_asset_check(
        name="landing_accounts",
        specs=[
            dg.AssetCheckSpec(
                _ACCOUNTED,
                asset=LANDED_BATCHES,
                description="For every batch: rows in = rows loaded + rows quarantined. Nothing is dropped.",
            )
        ],
    )
    def landing_accounts(platform: dg.ResourceParam[Platform]) -> Iterator[dg.AssetCheckResult]:
        with platform.warehouse.connection() as connection:
            evaluation = _accounting([wrong.sentence for wrong in imbalances(platform.ops_engine, connection)])
        yield dg.AssetCheckResult(
            asset_key=LANDED_BATCHES,
            check_name=_ACCOUNTED,
            passed=evaluation.passed,
            description=evaluation.description,
            metadata=evaluation.metadata,
        )

    return [*specs, landed_batches, landing_accounts]


def _accounting(wrong: Sequence[str]) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=LANDED_BATCHES,
        check_name=_ACCOUNTED,
        passed=not wrong,
        severity=dg.AssetCheckSeverity.ERROR,
        description="Every row is accounted for." if not wrong else f"{len(wrong)} batches do not add up.",
        metadata={"wrong_batches": list(wrong)},
    )


def _model_assets(definitions: Definitions, specs: Sequence[dg.AssetSpec]) -> dg.AssetsDefinition:
    marker = dg.AssetSpec(
        WAREHOUSE_BUILD,
        deps=[LANDED_BATCHES, *(spec.key for spec in specs)],
        description="The state of the warehouse after a build: what was built, what failed. Not yet audited.",
        group_name="publication",
        owners=[DATA_TEAM],
        kinds={"duckdb"},
    )

    # Skippable, since a refresh rebuilds only what stands on changed sources and reports only that.
    @dg.multi_asset(
        specs=[*(spec.replace_attributes(skippable=True) for spec in specs), marker],
        name="build_models",
        can_subset=True,
        description="dbt builds the models whose sources got new rows, incrementally; all of them after a change.",
    )
    def build_models(
        context: AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        selected = context.selected_asset_keys
        whole = WAREHOUSE_BUILD in selected
        only = None if whole else sorted(key.to_user_string() for key in selected)
        report = build(platform, definitions, only=only, progress=context.log.info)
        lineage = load_lineage(platform)
        results = {result.unique_id: result for result in report.results}
        models = {dg.AssetKey(name): model for name, model in definitions.project.models.items()}
        for spec in specs:
            result = results.get(models[spec.key].unique_id) if spec.key in models else None
            if result is None or result.failed or result.status == "skipped":
                continue
            if whole and spec.key.to_user_string() in definitions.catalog.metrics:
                continue  # a metric counts as materialised once its figure is published, with the figure
            metadata = {"seconds": result.seconds, "status": result.status, **column_lineage(lineage, spec.key)}
            if spec.key in selected:
                yield dg.MaterializeResult(spec.key, metadata=metadata)
            else:
                context.log_event(dg.AssetMaterialization(spec.key, metadata=metadata))
        if whole:
            broken = sorted(report.state.broken)
            yield dg.MaterializeResult(
                WAREHOUSE_BUILD,
                metadata={"kind": report.kind, "batch_seq": report.state.batch_seq, "broken": broken},
            )

    return build_models


def _published_snapshot(definitions: Definitions) -> dg.AssetsDefinition:
    rules = enabled_checks(definitions.catalog, definitions.project)

    @dg.asset(
        key=PUBLISHED_SNAPSHOT,
        deps=[WAREHOUSE_BUILD],
        description=(
            "The immutable snapshot that everybody reads. It stands on the build and not on each metric, so that one "
            "red line holds back one metric and never the publication of the others."
        ),
        group_name="publication",
        owners=[DATA_TEAM],
        kinds={"duckdb", "parquet"},
    )
    def published_snapshot(
        context: AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult[Any]:
        before = _audit_rows(platform)
        report, published = audit_and_publish(platform, definitions, progress=context.log.info)
        for metric, causes in sorted(report.held.items()):
            context.log.warning(f"{metric} is held back by {', '.join(sorted(causes))}")
        after = _audit_rows(platform)
        for rule in rules:
            # An unchanged outcome is not said again: a refresh runs every five minutes.
            if after.get((rule.asset, rule.name)) != before.get((rule.asset, rule.name)):
                context.log_event(_evaluation(rule, after))
        if published is not None:
            for event in _published_values(platform, published):
                context.log_event(event)
        return dg.MaterializeResult(metadata=_publication_metadata(platform, report, published))

    return published_snapshot


def _published_values(
    platform: Platform, published: PublishReport
) -> Iterator[dg.AssetMaterialization | dg.AssetObservation]:
    """The published figure of every metric that changed, for its own page; a held one is observed, not materialised."""
    snapshot = platform.snapshots.get(published.info.id)
    rows = snapshot.rows("select * from metrics where state <> 'unavailable' order by metric")
    trusts = trust_of(snapshot, platform.clock.now())
    snapshot.close()
    lineage = load_lineage(platform)
    for row in rows:
        metadata = {
            "published_value": with_unit(row["unit"], row["value_text"]),
            "numerator": row["numerator"] or "-",
            "denominator": row["denominator"] or "-",
            "state": f"{row['state']}: {row['reason']}" if row["reason"] else row["state"],
            "trust": trusts[row["metric"]].sentence(),
            "quality_score": _score(trusts[row["metric"]]),
            "as_of": str(row["as_of"]),
            "snapshot": published.info.id,
        }
        if row["state"] in {"held", "none_good"}:
            yield dg.AssetObservation(row["metric"], metadata=metadata)
        elif row["metric"] in published.changed_metrics:
            key = dg.AssetKey(row["metric"])
            yield dg.AssetMaterialization(key, metadata=metadata | column_lineage(lineage, key))


def _publication_metadata(platform: Platform, report: AuditReport, published: PublishReport | None) -> dict[str, Any]:
    current = platform.snapshots.current()
    metadata: dict[str, Any] = {
        "snapshot": current.id if current else "none",
        "as_of": report.as_of.isoformat(),
        "changed": published is not None,
        "held": sorted(report.held),
    }
    if published is not None:
        metadata |= {
            "published": published.info.id,
            "switched": published.switched,
            "parts_written": published.parts_written,
            "parts_reused": published.reused_parts,
        }
    if current is not None:
        trusts = trust_of(current, platform.clock.now())
        for row in current.rows("select metric, unit, value_text from metrics where as_of is not null"):
            shown = with_unit(row["unit"], row["value_text"])
            metadata[row["metric"]] = f"{shown} ({trusts[row['metric']].sentence()})"
    return metadata


def _score(trust: Trust) -> float | str:
    return "not measured" if trust.score is None else trust.score


def _audit_checks(rules: Sequence[CheckRule]) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            rule.name,
            asset=dg.AssetKey(rule.asset),
            description=rule.description or f"{rule.dimension}: {rule.measure} of {', '.join(rule.columns) or 'rows'}",
            blocking=rule.can_hold_back,
            metadata={"dimension": rule.dimension, "measure": rule.measure},
        )
        for rule in rules
    ]

    @dg.multi_asset_check(
        name="audit_checks",
        specs=specs,
        can_subset=True,
        description="Shows the audit of the newest snapshot: warnings, and red lines as blocking errors.",
    )
    def audit_checks(
        context: AssetCheckExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.AssetCheckResult]:
        rows = _audit_rows(platform)
        selected = context.selected_asset_check_keys
        for rule in rules:
            evaluation = _evaluation(rule, rows)
            if evaluation.asset_check_key in selected:
                yield dg.AssetCheckResult(
                    asset_key=evaluation.asset_key,
                    check_name=evaluation.check_name,
                    passed=evaluation.passed,
                    severity=evaluation.severity,
                    description=evaluation.description,
                    metadata=evaluation.metadata,
                )

    return audit_checks


def _audit_rows(platform: Platform) -> dict[tuple[str, str], dict[str, Any]]:
    """The audit of the newest snapshot, whether readers see it or a rollback hides it: (asset, check) -> row."""
    newest = platform.snapshots.list()[:1]
    if not newest:
        return {}
    snapshot = platform.snapshots.get(newest[0].id)
    try:
        rows = snapshot.rows("select asset, check_name, severity, passed, observed, threshold, sentence from checks")
    finally:
        snapshot.close()
    return {(row["asset"], row["check_name"]): row for row in rows}


def _evaluation(rule: CheckRule, rows: Mapping[tuple[str, str], Mapping[str, Any]]) -> dg.AssetCheckEvaluation:
    row = rows.get((rule.asset, rule.name))
    red = rule.can_hold_back if row is None else row["severity"] == "red"
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(rule.asset),
        check_name=rule.name,
        passed=row is not None and bool(row["passed"]),
        severity=dg.AssetCheckSeverity.ERROR if red else dg.AssetCheckSeverity.WARN,
        description="Not audited: the asset was not built." if row is None else row["sentence"],
        metadata={} if row is None else {"observed": row["observed"], "threshold": row["threshold"]},
        blocking=rule.can_hold_back,
    )


@dg.asset(
    deps=[PUBLISHED_SNAPSHOT],
    description="The monthly operating analysis: every governed metric of the last full month beside the month before.",
    group_name="publication",
    owners=[DATA_TEAM],
    kinds={"markdown"},
)
def operating_analysis(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[Any]:
    written = write_operating_analysis(platform)
    return dg.MaterializeResult(
        metadata={
            "month": written.month.isoformat(),
            "file": dg.MetadataValue.path(str(written.path)),
            "metrics": written.metrics,
            "report": dg.MetadataValue.md(written.path.read_text(encoding="utf-8")),
        }
    )
