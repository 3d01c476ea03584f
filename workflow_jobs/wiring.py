"""Puts the process service together for one platform; the same for sensors, gateway and command line."""

from __future__ import annotations

from functools import cache

from resources.people import CurrentDirectory
from resources.platform import Platform
from resources.serving import SnapshotStore
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
        figures=lambda metric: _figure(platform.snapshots, metric),
    )


def _figure(snapshots: SnapshotStore, metric: str) -> MetricFigure | None:
    snapshot = snapshots.current()
    if snapshot is None:
        return None
    rows = snapshot.rows("select label_en, label_zh, unit, decimals from metrics where metric = ?", [metric])
    return MetricFigure(**rows[0]) if rows else None
