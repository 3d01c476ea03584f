"""The whole Dagster code location on one page: assets, checks, jobs, schedules, sensors and what they call.

``workspace.yaml`` loads this file; tests call ``build_defs`` with resources of their own. Nothing imports it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ops_assets.assets import build_assets
from ops_assets.landing import landing_tables, process_metrics
from ops_assets.refresh import load_definitions
from resources.platform import Platform
from resources.settings import load_settings
from sensors.landing import landed_sources_sensor
from sensors.process import build_process_sensors
from sensors.published import build_published_sensor
from sensors.schedules import build_schedules
from sensors.watchdog import watchdog_sensor
from workflow_jobs.jobs import service_jobs
from workflow_jobs.refresh_jobs import audit_job, operating_analysis_job, refresh_job
from workflow_jobs.step_assets import OUTCOME, step_asset_specs, step_key
from workflow_jobs.template_library import load_library
from workflow_jobs.template_names import require_names


def build_defs(*, resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Fresh definitions. ``resources`` may replace the platform, for tests on a state folder of their own."""
    given = dict(resources or {})
    platform: Platform = given.setdefault("platform", Platform(load_settings()))
    definitions = load_definitions(platform)
    watches = definitions.catalog.watches(platform.pack.watch_thresholds)
    # A metric that the pack does not build is no asset to stand on; Dagster would make one up, without a word.
    available = [watch for watch in watches if definitions.project.has(watch.metric)]
    # Linted here with the names of the jobs: a step whose job does not exist must not wait until a case reaches it.
    templates = tuple(load_library(platform.settings.templates_dir, known_jobs=[job.name for job in service_jobs()]))
    require_names(templates, platform.pack)
    return dg.Definitions(
        assets=[
            *build_assets(
                definitions,
                landing_tables(platform),
                platform.settings.gateway_url,
                process_outcomes=[step_key(template.id, OUTCOME) for template in templates],
            ),
            *step_asset_specs(templates, available, process_metrics=process_metrics(definitions.project)),
        ],
        jobs=[refresh_job, audit_job, operating_analysis_job, *service_jobs()],
        schedules=build_schedules(platform.pack.time_zone),
        sensors=[
            landed_sources_sensor,
            build_published_sensor(watches),
            *build_process_sensors(),
            watchdog_sensor,
        ],
        resources=given,
        executor=dg.in_process_executor,
        metadata={"source_pack": platform.pack.title, "models": str(platform.models_dir)},
    )


@dg.definitions
def defs() -> dg.Definitions:
    return build_defs()
