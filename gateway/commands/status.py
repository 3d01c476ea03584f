"""`./trueloop status`, `refresh` and the hidden `prepare` of the installation."""

from __future__ import annotations

import os

import typer

from gateway.commands.context import JSON_OPTION, open_platform
from gateway.own_pages import answers
from gateway.refresh_run import PID_TAG, run_job
from gateway.sample_data import wants_sample, write_sample
from gateway.start_check import UNREADABLE, in_words, read_everything
from gateway.terminal import fail, one_sentence_errors, print_json, show_one
from ops_assets.catalog import CatalogError, load_catalog
from ops_assets.failures import set_aside_sources
from ops_assets.ingestion import quarantine
from resources.dbt import DbtError
from resources.platform import Platform
from workflow_jobs.detection import read_snapshot
from workflow_jobs.template_names import nobody_behind
from workflow_jobs.wiring import contributors, library, process_service

HELD_BACK_EXIT_CODE = 3


def status(as_json: bool = JSON_OPTION) -> None:
    """Where Trueloop stands: services, snapshot, held metrics, quarantine, open cases."""
    platform = open_platform()
    settings = platform.settings
    snapshot = platform.snapshots.current()
    body = {
        "state_folder": str(settings.home),
        "source_pack": platform.pack.title,
        "gateway": _service(settings.gateway_url, "/healthz"),
        "dagster": _service(settings.dagster_url, "/server_info"),
        "snapshot": snapshot.id if snapshot else None,
        "as_of": snapshot.as_of if snapshot else None,
        "metrics": _states(platform),
        "quarantined_rows_open": sum(
            number for (_, _, state), number in quarantine.counts(platform.ops_engine).items() if state == "open"
        ),
        "files_set_aside": len(quarantine.list_set_aside(platform.ops_engine)),
        "open_cases": process_service(platform).count_cases("open"),
        "nobody_behind": _nobody_behind(platform),
    }
    show_one(body, as_json=as_json)


@one_sentence_errors(DbtError, CatalogError)
def refresh(
    as_json: bool = JSON_OPTION,
    quiet: bool = typer.Option(False, "--quiet", help="No progress; for cron."),
) -> None:
    """Load what landed, build, audit, publish; waits for the end.

    Exit code 0: published (or nothing new); 3: published, but red lines hold metrics back; 1: failed.
    """
    platform = open_platform()
    try:
        read_everything(platform)
    except UNREADABLE as error:
        fail(f"Nothing was refreshed: {in_words(error)}")
    if wants_sample(platform):
        write_sample(platform, lambda sentence: None if quiet or as_json else print(f"  {sentence}", flush=True))
    if not platform.settings.landing_dir.is_dir():
        platform.settings.landing_dir.mkdir(parents=True) if platform.settings.source_dir is None else fail(
            f"TRUELOOP_SOURCE_DIR is {platform.settings.landing_dir}, which is no folder."
        )
    say = None if quiet or as_json else (lambda sentence: print(f"  {sentence}", flush=True))
    try:
        outcome = run_job(platform.settings, "refresh_job", progress=say, tags={PID_TAG: str(os.getpid())})
    except RuntimeError as error:
        fail(str(error))
    snapshot = platform.snapshots.current()
    if snapshot is not None:
        # The sensors do this when they run; a refresh from cron must not leave a breach without its case.
        watches = load_catalog(platform.models_dir).watches(platform.pack.watch_thresholds)
        aside = set_aside_sources(platform.ops_engine)
        read_snapshot(process_service(platform), snapshot, watches, aside, contributors(platform))
    body = {
        "run": outcome.run_id,
        "published": outcome.published,
        "snapshot": snapshot.id if snapshot else None,
        "as_of": snapshot.as_of if snapshot else None,
        "metrics": _states(platform),
        "open_cases": process_service(platform).count_cases("open"),
        "failures": list(outcome.step_failures),
    }
    if as_json:
        print_json(body)
    else:
        show_one({key: value for key, value in body.items() if value}, as_json=False)
    if not outcome.published:
        raise typer.Exit(1)
    newest = platform.snapshots.list()[:1]
    if newest and newest[0].held:
        raise typer.Exit(HELD_BACK_EXIT_CODE)
    if outcome.status != "SUCCESS":
        raise typer.Exit(1)


@one_sentence_errors(DbtError, CatalogError)
def prepare() -> None:
    """Parse the dbt project, so that the first start does not have to."""
    open_platform().dbt.ensure_fresh_manifest()


def _states(platform: Platform) -> dict[str, int]:
    """How many metrics are in which state; empty before the first publication."""
    snapshot = platform.snapshots.current()
    if snapshot is None:
        return {}
    rows = snapshot.rows("select state, count(*) as n from metrics group by state order by state")
    return {row["state"]: row["n"] for row in rows}


def _nobody_behind(platform: Platform) -> list[dict[str, str]]:
    """Roles and skills that templates want and nobody has today; empty before the first publication."""
    missed = nobody_behind(library(platform.settings.templates_dir), platform.people())
    return [{"nobody": name, "templates": f"wanted by {', '.join(ids)}"} for name, ids in missed.items()]


def _service(base: str, path: str) -> str:
    return f"running at {base}" if answers(f"{base}{path}", timeout=3) else "not running (`make up` starts it)"
