"""What runs by the clock: the five-minute refresh and the monthly operating analysis."""

# No postponed annotations here: Dagster reads those of decorated functions as they are.
from collections.abc import Iterator

import dagster as dg

from resources.platform import Platform
from sensors.running import is_running
from workflow_jobs.refresh_jobs import REFRESH_JOB, operating_analysis_job, refresh_job


def build_schedules(time_zone: str) -> list[dg.ScheduleDefinition]:
    """Both schedules, on from the start; ``time_zone`` is the pack's."""

    @dg.schedule(
        name="five_minute_refresh",
        job=refresh_job,
        cron_schedule="*/5 * * * *",
        execution_timezone=time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Refreshes every five minutes, also when no file announced itself; skips while a refresh runs.",
    )
    def five_minute_refresh(
        context: dg.ScheduleEvaluationContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        if is_running(context.instance, REFRESH_JOB):
            yield dg.SkipReason("A refresh is running; it will load what has landed by now.")
            return
        yield dg.RunRequest(tags={"trueloop/as_of": platform.as_of().isoformat()})

    monthly = dg.ScheduleDefinition(
        name="monthly_operating_analysis",
        job=operating_analysis_job,
        cron_schedule="0 6 1 * *",
        execution_timezone=time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Writes the operating analysis of the month before, on the first of each month at 06:00.",
    )
    return [five_minute_refresh, monthly]
