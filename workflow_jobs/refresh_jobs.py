"""The two jobs on the data: the refresh and the monthly operating analysis."""

from __future__ import annotations

import dagster as dg

REFRESH_JOB = "refresh_job"
OPERATING_ANALYSIS_JOB = "operating_analysis_job"

refresh_job = dg.define_asset_job(
    REFRESH_JOB,
    selection=dg.AssetSelection.assets("published_snapshot").upstream(),
    description="Loads what landed, builds what changed, audits, publishes a snapshot and reports the audit as checks.",
    tags={"trueloop/kind": "refresh"},
    executor_def=dg.in_process_executor,
)

operating_analysis_job = dg.define_asset_job(
    OPERATING_ANALYSIS_JOB,
    selection=dg.AssetSelection.assets("operating_analysis"),
    description="Writes the monthly operating analysis from published figures.",
    tags={"trueloop/kind": "analysis"},
    executor_def=dg.in_process_executor,
)
