"""One process may have several platforms: each has its own service, with the templates of its own settings."""

from __future__ import annotations

import gc
import shutil
import weakref
from pathlib import Path

from resources.platform import Platform
from resources.settings import Settings
from workflow_jobs.template_library import TEMPLATES_FOLDER
from workflow_jobs.wiring import process_service

ID = "order_change"


def test_a_platform_s_templates_are_those_of_its_settings_and_go_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    shutil.copytree(TEMPLATES_FOLDER, folder)
    text = (folder / f"{ID}.yaml").read_text(encoding="utf-8")
    (folder / "own_change.yaml").write_text(text.replace(f"id: {ID}", "id: own_change", 1), encoding="utf-8")
    platform = Platform(Settings(home=tmp_path / "home", templates_dir=folder))
    platform.claim_state_folder()

    service = process_service(platform)
    assert process_service(platform) is service
    assert service.template_in_force("own_change").id == "own_change"

    gone = weakref.ref(platform)
    platform.ops_engine.dispose()
    del platform, service
    gc.collect()
    assert gone() is None, "what is wired for a platform keeps it no longer than it is needed"
