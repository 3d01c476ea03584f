"""The compiled SQL of every model, kept from the last full build, and the meanings that follow from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops_assets.catalog import Catalog
from ops_assets.definition_change.meaning import Meaning, meanings_of, semantic_of
from ops_assets.project import Project
from resources.durable_files import write_json_atomically
from resources.platform import Platform


def current_meanings(
    platform: Platform, catalog: Catalog, project: Project, compiled: Mapping[str, str], semantic_manifest: str
) -> dict[str, Meaning]:
    """The meaning of every metric of a project, with the windows of the chosen pack."""
    windows = {name: platform.pack.window_days(name, metric.window_days) for name, metric in catalog.metrics.items()}
    return meanings_of(
        catalog.metrics.values(), project, compiled, windows=windows, semantic=semantic_of(semantic_manifest)
    )


def note_compiled(platform: Platform, fingerprint: str, manifest: Mapping[str, Any]) -> None:
    """Keep the SQL of a full build by model, so that nothing has to be compiled again to know what figures mean."""
    path = _compiled_path(platform, fingerprint)
    write_json_atomically(path, sql_of(manifest))
    for other in path.parent.glob("*.json"):
        if other != path:
            other.unlink(missing_ok=True)


def compiled_sql(platform: Platform, fingerprint: str) -> dict[str, str] | None:
    """The SQL of the last full build, None where that was of another project."""
    path = _compiled_path(platform, fingerprint)
    if not path.exists():
        return None
    loaded: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def sql_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Compiled SQL by model of dbt's manifest; a seed is its content's checksum."""
    found = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "seed":
            found[node["name"]] = f"select '{(node.get('checksum') or {}).get('checksum')}' as seed"
        elif node["resource_type"] == "model" and node.get("compiled_code"):
            found[node["name"]] = node["compiled_code"]
    return found


def _compiled_path(platform: Platform, fingerprint: str) -> Path:
    return platform.settings.home / "definitions" / "compiled" / platform.pack.name / f"{fingerprint}.json"
