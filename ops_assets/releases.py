"""Releases: an owner puts a held metric back in service in spite of a red line, with a reason.

A release is bound to the failing state that its owner saw: it ends by itself when a clean audit comes, or when other
assets fail than those that were released.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ops_assets.audit import AuditReport
from resources.durable_files import write_json_atomically


@dataclass(frozen=True)
class Release:
    """One release. ``causes`` are the failed assets at that time; ``at`` is an ISO instant in UTC."""

    metric: str
    reason: str
    by: str
    at: str
    causes: tuple[str, ...]


class Releases:
    """The releases in force, kept beside the snapshots."""

    def __init__(self, serving_dir: Path) -> None:
        self._path = serving_dir / "releases.json"

    def all(self) -> dict[str, Release]:
        if not self._path.exists():
            return {}
        body = json.loads(self._path.read_text(encoding="utf-8"))
        return {name: Release(**{**entry, "causes": tuple(entry["causes"])}) for name, entry in body.items()}

    def add(self, release: Release) -> None:
        self._write({**self.all(), release.metric: release})

    def in_force(self, report: AuditReport) -> dict[str, str]:
        """Metric -> reason, for releases whose failing assets are still those that were released; ends the others."""
        kept = {
            name: release
            for name, release in self.all().items()
            if name in report.held and report.held[name] <= frozenset(release.causes)
        }
        if kept != self.all():
            self._write(kept)
        return {name: f"{release.reason} ({release.by}, {release.at})" for name, release in kept.items()}

    def _write(self, releases: Mapping[str, Release]) -> None:
        write_json_atomically(self._path, {name: asdict(release) for name, release in releases.items()})
