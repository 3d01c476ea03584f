"""docs/operations.md lists everything that stands in the state folder, so that a backup leaves nothing out."""

from __future__ import annotations

import re
from pathlib import Path

from resources.settings import OPS_DATABASE, PROJECT_ROOT, Settings
from workflow_jobs.wiring import BUTTON_KEY

PAGE = PROJECT_ROOT / "docs" / "operations.md"
LAYERS = ("gateway", "sensors", "workflow_jobs", "ops_assets", "resources")


def listed() -> set[str]:
    """What the first column of the table names, without the stroke of a folder."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## State folder\n")[2].partition("\n### ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name.rstrip("/") for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_every_path_of_the_settings_is_listed(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    paths = [getattr(settings, name) for name, kind in vars(Settings).items() if isinstance(kind, property)]
    below = {path.relative_to(tmp_path).parts[0] for path in paths if isinstance(path, Path)}
    assert "landing" in below
    assert below - listed() == set()


def test_every_other_file_that_is_put_there_is_listed() -> None:
    text = "\n".join(
        path.read_text(encoding="utf-8") for layer in LAYERS for path in (PROJECT_ROOT / layer).rglob("*.py")
    )
    named = set(re.findall(r'settings\.home / "([^"]+)"', text))
    named = {name for name in named if not name.startswith(".") and not name.endswith(".building")}
    assert {"reports", "sample.json"} <= named
    assert named | {OPS_DATABASE, BUTTON_KEY, "source_pack", "up.lock"} <= listed()


def test_a_backup_has_what_cannot_be_made_again() -> None:
    text = PAGE.read_text(encoding="utf-8")
    backup = text.partition("\n### Back up\n")[2].partition("\n### Restore\n")[0]
    section = text.partition("\n## State folder\n")[2].partition("\n### ")[0]
    lost = [line for line in section.splitlines() if re.search(r"cannot be made again|a new one is made", line)]
    names = [name.rstrip("/") for line in lost for name in re.findall(r"`([^`]+)`", line.split("|")[1])]
    assert len(names) >= 5
    assert [name for name in names if not re.search(rf"\b{re.escape(name)}", backup)] == []
