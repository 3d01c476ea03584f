"""What every command needs: the platform of the current settings, and the published snapshot."""

from __future__ import annotations

import typer
from pydantic import ValidationError

from gateway.terminal import fail
from resources.packs import PackError
from resources.platform import Platform, StateFolderError
from resources.serving import Snapshot
from resources.settings import load_settings

JSON_OPTION = typer.Option(False, "--json", help="Print JSON for programs instead of a table.")


def open_platform() -> Platform:
    """The platform on the claimed state folder; ends with a sentence when settings or folder are wrong."""
    try:
        platform = Platform(load_settings())
        platform.claim_state_folder()
    except ValidationError as error:
        first = error.errors()[0]
        name = "TRUELOOP_" + "_".join(str(part) for part in first["loc"]).upper()
        fail(f"{name}: {first['msg']}. docs/settings.md lists all settings.")
    except (PackError, StateFolderError) as error:
        fail(str(error))
    return platform


def published(platform: Platform) -> Snapshot:
    """The current snapshot; ends with a sentence when nothing was published yet."""
    snapshot = platform.snapshots.current()
    if snapshot is None:
        fail("Nothing was published yet; run `./trueloop refresh` first.")
    return snapshot
