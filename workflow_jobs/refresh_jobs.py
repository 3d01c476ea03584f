"""The jobs on the data: the refresh, the audit on demand, and the monthly operating analysis."""

from __future__ import annotations

import dagster as dg

REFRESH_JOB = "refresh_job"
OPERATING_ANALYSIS_JOB = "operating_analysis_job"
# Staging models are views: a refresh has nothing to do for them, and planning them would cost an event each.
_REFRESHED = (
    dg.AssetSelection.assets("landed_batches", "warehouse_build", "published_snapshot")
    | dg.AssetSelection.tag("layer", "conformed")
    | dg.AssetSelection.tag("layer", "metric")
).without_checks()

refresh_job = dg.define_asset_job(
    REFRESH_JOB,
    selection=_REFRESHED,
    description="Loads what landed, builds what changed, audits, publishes a snapshot and reports the audit as checks.",
    tags={"trueloop/kind": "refresh"},
    executor_def=dg.in_process_executor,
)

audit_job = dg.define_asset_job(
    "audit_job",
    selection=dg.AssetSelection.all_asset_checks(),
    description="Shows the audit of the newest snapshot as asset checks: warnings, and red lines as blocking errors.",
    tags={"trueloop/kind": "audit"},
    executor_def=dg.in_process_executor,
)

operating_analysis_job = dg.define_asset_job(
    OPERATING_ANALYSIS_JOB,
    selection=dg.AssetSelection.assets("operating_analysis"),
    description="Writes the monthly operating analysis from published figures.",
    tags={"trueloop/kind": "analysis"},
    executor_def=dg.in_process_executor,
)
