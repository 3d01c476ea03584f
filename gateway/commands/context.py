"""What every command needs: the platform of the current settings, and the published snapshot."""

from __future__ import annotations

import os
from pathlib import Path

import typer
from pydantic import ValidationError

from gateway.stack_lock import stack_runs
from gateway.terminal import fail
from resources.moved_database import require_same_database
from resources.packs import PackError
from resources.platform import Platform, StateFolderError
from resources.serving import Snapshot
from resources.settings import Settings, load_settings

JSON_OPTION = typer.Option(False, "--json", help="Print JSON for programs instead of a table.")


def open_platform() -> Platform:
    """The platform on the claimed state folder; ends with a sentence when settings or folder are wrong.

    Beside a running stack the command, and what it starts, goes by the templates with which that one started.
    """
    return open_with_folder()[0]


def open_with_folder() -> tuple[Platform, Path | None]:
    """`open_platform`; and where a stack runs the folder from which the next start takes its templates, else None."""
    settings = read_settings()
    try:
        platform = Platform(settings)
        platform.claim_state_folder()
        require_same_database(settings)
    except (PackError, StateFolderError) as error:
        fail(str(error))
    kept, folder = settings.started_templates_dir, settings.templates_dir
    if kept == folder or not _stack_runs(settings) or not kept.is_dir():
        return platform, None
    os.environ["TRUELOOP_TEMPLATES_DIR"] = str(kept)  # as `make up` gives it to all that it starts
    return Platform(read_settings()), folder


def read_settings() -> Settings:
    """The settings; ends with a sentence that names the wrong variable."""
    try:
        return load_settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "TRUELOOP_" + "_".join(str(part) for part in first["loc"]).upper()
        fail(f"{name}: {first['msg']}. docs/settings.md lists all settings.")


def published(platform: Platform) -> Snapshot:
    """The current snapshot; ends with a sentence when nothing was published yet."""
    snapshot = platform.snapshots.current()
    if snapshot is None:
        fail("Nothing was published yet; run `./trueloop refresh` first.")
    return snapshot


def _stack_runs(settings: Settings) -> bool:
    try:
        return stack_runs(settings)
    except OSError as error:
        fail(f"It cannot be told whether Trueloop runs on {settings.home}: {error.strerror} ({error.filename}).")
