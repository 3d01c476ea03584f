"""What dbt says about a parsed project, kept whole for those who read it.

dbt writes its files in place: a kill, or a look at the wrong moment, finds half of one. Readers get copies, which are
checked before they are renamed into place and again when they are read. Belongs here: these copies. Does not belong
here: when a project must be parsed (resources.dbt).
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Final

_MANIFEST: Final = "manifest.json"
_SEMANTIC: Final = "semantic_manifest.json"
# Another process that parses at the same time is through with a file after a fraction of a second.
_PATIENCE_SECONDS: Final = 5.0


class DbtArtefacts:
    """The manifest and the semantic manifest of one target folder of dbt."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._kept = target / "in_service"

    @property
    def manifest_path(self) -> Path:
        return self._kept / _MANIFEST

    @property
    def semantic_path(self) -> Path:
        return self._kept / _SEMANTIC

    def made_at(self) -> float | None:
        """When dbt began to write them, in seconds since 1970; None where one is missing or cannot be read."""
        if any(_parsed(path) is None for path in (self.manifest_path, self.semantic_path)):
            return None
        return self.manifest_path.stat().st_mtime

    def stamp(self) -> int:
        """Changes whenever dbt writes its manifest; 0 where there is none."""
        try:
            return (self._target / _MANIFEST).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def put_in_service(self, began: float) -> None:
        """Take over what dbt wrote since ``began``. Raises OSError where it cannot be read or written.

        The manifest comes last: its time says how new both are, so a kill in between makes the project be parsed again.
        """
        self._kept.mkdir(parents=True, exist_ok=True)
        for name in (_SEMANTIC, _MANIFEST):
            text = _whole(self._target / name)
            beside = self._kept / f".{name}.{os.getpid()}.tmp"
            beside.write_text(text, encoding="utf-8")
            # A file of the project that changes while dbt reads it is newer than this.
            os.utime(beside, (began, began))
            beside.replace(self._kept / name)


def _whole(path: Path) -> str:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while _parsed(path) is None:
        if time.monotonic() > deadline:
            raise OSError(f"dbt left {path} unfinished; is the disk full?")
        time.sleep(0.05)
    return path.read_text(encoding="utf-8")


def _parsed(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None where there is no file, or none that can be read."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return body if isinstance(body, dict) else None
