"""Puts the process service together for one platform; the same for sensors, gateway and command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from ops_assets.access_file import access_policy_of
from ops_assets.breach import Breach
from ops_assets.catalog import Watch
from ops_assets.contributors import SECONDS, contributors_of
from ops_assets.definition_bundle import bundle_of
from ops_assets.governed_figures import GovernedFigures
from ops_assets.trust import trust_of
from ops_assets.watching import subject_figure
from resources.calendars import DEFAULT
from resources.packs import SourcePack
from resources.platform import Platform
from resources.secret_file import secret_bytes
from resources.serving import Snapshot
from workflow_jobs.calendars import build_calendars
from workflow_jobs.detection import Contributors
from workflow_jobs.service import ProcessService
from workflow_jobs.slack.button_seal import seal_of
from workflow_jobs.slack.wording import MetricFigure
from workflow_jobs.template_library import TemplateLibrary, load_library
from workflow_jobs.template_names import SERVICE_JOBS, names_of, require_names
from workflow_jobs.template_versions import TemplateVersions

S = TypeVar("S", ProcessService, TemplateVersions)


BUTTON_KEY = "button_key"


@cache
def library(folder: Path) -> TemplateLibrary:
    """The templates in service, linted, of the folder that the settings name. Raises TemplateProblems.

    A process reads a folder once. A running stack reads the copy that it started with (TRUELOOP_TEMPLATES_DIR): a
    draft in the folder stops no run.
    """
    return load_library(folder, known_jobs=SERVICE_JOBS)


def read_folder(folder: Path, pack: SourcePack) -> TemplateLibrary:
    """The templates of a folder as a start would take them. Raises TemplateProblems, PackError or OSError."""
    found = load_library(folder, known_jobs=SERVICE_JOBS)
    require_names(found, pack)
    return found


def process_service(platform: Platform) -> ProcessService:
    """A service on the platform's ops database, with the people of the current snapshot and the pack's calendars.

    One per platform, since its calendars take a while to compute. Raises PackError for calendars that cannot be, and
    where a template names a role or a calendar that the pack does not declare.
    """
    return platform.once(_process_service)


def template_versions(platform: Platform) -> TemplateVersions:
    """Versions of templates on the same database, with the same people and calendars. Raises PeopleFileError too."""
    return platform.once(_template_versions)


def _process_service(platform: Platform) -> ProcessService:
    return _wired(ProcessService, platform)


def _template_versions(platform: Platform) -> TemplateVersions:
    made = _wired(TemplateVersions, platform)
    made.names = names_of(platform.pack, platform.settings.people_file)
    return made


def _wired(kind: type[S], platform: Platform) -> S:
    calendars = build_calendars(platform.pack)
    templates = library(platform.settings.templates_dir)
    require_names(templates, platform.pack)
    return kind(
        platform.ops_engine,
        clock=platform.clock,
        templates=templates,
        directory=platform.people,
        calendar=calendars[DEFAULT],
        calendars=calendars,
        pack=platform.pack.name,
        channel=platform.settings.slack_channel,
        language=platform.settings.language,
        figures=lambda metric: _figure(platform, metric),
        address=platform.settings.gateway_url,
        seal=seal_of(secret_bytes(platform.settings.home / BUTTON_KEY)),
    )


def contributors(platform: Platform) -> Contributors:
    """What moved the figure of a breach, by the definitions of its snapshot and the platform's access policy."""

    def found(snapshot: Snapshot, watch: Watch, breach: Breach, seconds: float) -> Mapping[str, Any]:
        return contributors_of(
            snapshot,
            lambda: GovernedFigures(bundle_of(platform.snapshots, snapshot), access_policy_of(platform.settings)),
            watch,
            breach,
            seconds=min(seconds, SECONDS),
        )

    return found


def _figure(platform: Platform, metric: str) -> MetricFigure | None:
    snapshot = platform.snapshots.current()
    if snapshot is None:
        return None
    known = _published.setdefault(snapshot, {})
    if metric not in known:
        known[metric] = _published_figure(snapshot, metric)
    figure = known[metric]
    if figure is None:
        return None
    trust = trust_of(snapshot, platform.clock.now())[metric]
    return replace(figure, trust_en=trust.sentence("en"), trust_zh=trust.sentence("zh"))


# A snapshot never changes, and every card asks for its metric's words: only trust is judged anew.
_published: WeakKeyDictionary[Snapshot, dict[str, MetricFigure | None]] = WeakKeyDictionary()


def _published_figure(snapshot: Snapshot, metric: str) -> MetricFigure | None:
    rows = snapshot.rows("select label_en, label_zh, unit, decimals from metrics where metric = ?", [metric])
    if not rows:
        return None
    return MetricFigure(**rows[0], value=subject_figure(snapshot, metric, "", ""), snapshot_id=snapshot.id)
