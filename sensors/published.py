"""Reads each new snapshot once: breaches open cases, root causes of red lines open incidents, mended ones close."""

# No postponed annotations here: Dagster reads those of decorated functions as they are.
from collections.abc import Sequence

import dagster as dg

from ops_assets.catalog import Watch
from ops_assets.failures import set_aside_sources
from resources.platform import Platform
from workflow_jobs.detection import read_snapshot
from workflow_jobs.wiring import contributors, process_service


def build_published_sensor(watches: Sequence[Watch]) -> dg.SensorDefinition:
    """The sensor on published snapshots, for the watch rules of the catalogue."""

    @dg.sensor(
        name="published_metrics_sensor",
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Holds every newly published snapshot against the watch rules. A breach opens a case, or is added to the "
            "open one; each root cause of red lines opens one incident, which a clean audit closes."
        ),
    )
    def published_metrics_sensor(
        context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
    ) -> dg.SensorResult | dg.SkipReason:
        snapshot = platform.snapshots.current()
        if snapshot is None:
            return dg.SkipReason("Nothing was published yet.")
        if context.cursor == snapshot.id:
            return dg.SkipReason(f"Snapshot {snapshot.id} was read already.")
        aside = set_aside_sources(platform.ops_engine)
        said = read_snapshot(process_service(platform), snapshot, watches, aside, contributors(platform))
        # The cursor moves only after everything was committed: a tick that dies is simply done again.
        return dg.SensorResult(skip_reason=f"Read snapshot {snapshot.id}: {said}.", cursor=snapshot.id)

    return published_metrics_sensor
