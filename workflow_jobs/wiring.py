"""Puts the process service together for one platform; the same for sensors, gateway and command line."""

from __future__ import annotations

from functools import cache

from ops_assets.trust import trust_of
from resources.people import CurrentDirectory
from resources.platform import Platform
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.service import ProcessService
from workflow_jobs.slack_text import MetricFigure
from workflow_jobs.template_library import TemplateLibrary, load_library


@cache
def library() -> TemplateLibrary:
    """The templates in service, linted. Raises TemplateProblems."""
    return load_library()


@cache
def process_service(platform: Platform) -> ProcessService:
    """A service on the platform's ops database, with the people of the current snapshot.

    One per platform, since its calendar takes a while to compute.
    """
    return ProcessService(
        platform.ops_engine,
        clock=platform.clock,
        templates=library(),
        directory=CurrentDirectory(platform.snapshots),
        calendar=WorkingCalendar(platform.pack.calendar, time_zone=platform.pack.time_zone),
        pack=platform.pack.name,
        channel=platform.settings.slack_channel,
        language=platform.settings.language,
        figures=lambda metric: _figure(platform, metric),
    )


def _figure(platform: Platform, metric: str) -> MetricFigure | None:
    snapshot = platform.snapshots.current()
    if snapshot is None:
        return None
    rows = snapshot.rows("select label_en, label_zh, unit, decimals from metrics where metric = ?", [metric])
    if not rows:
        return None
    trust = trust_of(snapshot, platform.clock.now())[metric]
    return MetricFigure(**rows[0], trust_en=trust.sentence("en"), trust_zh=trust.sentence("zh"))
