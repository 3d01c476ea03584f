"""Where the dbt project stands: the checkout that engineers propose, and the project that is in force.

They are the same folder until an approved change is in force that the checkout does not have (yet): then the project in
force is a copy of the checkout with the approved files laid over it, in the state folder. A copy is named by the digest
of its content and never changes; the checkout is never written. Which change is approved is not decided here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from resources.ops_database import UtcDateTime, metadata, reading

# dbt reads the content of an undated file to see whether it changed; for a dated .yml it believes the date.
_UNDATED = 0
_FOLDERS = ("models", "macros", "seeds", "tests")

definition_overlay = sa.Table(
    "definition_overlay",
    metadata,
    sa.Column("path", sa.String(500), primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("change_id", sa.String(40), nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),
)


class ProjectFolders:
    """The checkout, the folder of copies, and the approved files that lie over the checkout."""

    def __init__(self, checkout: Path, copies: Path, engine: Callable[[], sa.Engine]) -> None:
        self.checkout = checkout
        self._copies = copies
        self._engine = engine

    def in_force(self) -> Path:
        """The dbt project that figures are made with. Raises OSError when the copy cannot be written."""
        changed = {path: text for path, text in self.overlays().items() if self.text(self.checkout, path) != text}
        return self.copy_with(self.checkout, changed) if changed else self.checkout

    def overlays(self) -> dict[str, str]:
        """Approved files by their path in the project, whether the checkout has them by now or not."""
        with reading(self._engine()) as connection:
            rows = connection.execute(sa.select(definition_overlay.c.path, definition_overlay.c.text)).all()
        return {row.path: row.text for row in rows}

    def absorb(self) -> None:
        """Forget approved files that the checkout has word for word, so that its next change of them is seen."""
        mine = [path for path, text in self.overlays().items() if self.text(self.checkout, path) == text]
        if mine:
            with self._engine().begin() as connection:
                connection.execute(definition_overlay.delete().where(definition_overlay.c.path.in_(mine)))

    def copy_with(self, base: Path, changed: Mapping[str, str]) -> Path:
        """A copy of the project ``base`` with ``changed`` files (path in the project -> text); one per content."""
        files = {path: (base / path).read_bytes() for path in project_files(base)}
        files |= {path: text.encode("utf-8") for path, text in changed.items()}
        digest = _digest(files)
        folder = self.copy(digest)
        if not folder.is_dir():
            self._copies.mkdir(parents=True, exist_ok=True)
            building = self._copies / f".{digest}.{uuid.uuid4().hex[:8]}"
            try:
                for path, content in files.items():
                    target = building / path
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content)
                    os.utime(target, (_UNDATED, _UNDATED))
                # Another process may have made the same copy meanwhile; its content is the same.
                if not folder.is_dir():
                    building.rename(folder)
            finally:
                shutil.rmtree(building, ignore_errors=True)
        return folder

    def keep(self, project: Path) -> str:
        """Keep a copy of a project for good, so that its definitions can be built again; returns its digest."""
        return self.copy_with(project, {}).name

    def copy(self, digest: str) -> Path:
        """The folder of a kept copy."""
        return self._copies / digest

    def text(self, project: Path, path: str) -> str | None:
        """The text of one file of a project, None where there is none."""
        file = project / path
        return file.read_text(encoding="utf-8") if file.is_file() else None


def is_copy(project: Path) -> bool:
    """Whether a folder is one of the copies, so that dbt goes by the content of its files alone."""
    return (project / "dbt_project.yml").stat().st_mtime == _UNDATED


def lay_over(connection: Connection, files: Mapping[str, str], *, change_id: str, since: datetime) -> None:
    """Put approved files over the checkout, within the caller's transaction."""
    for path in files:
        connection.execute(definition_overlay.delete().where(definition_overlay.c.path == path))
    for path, text in files.items():
        connection.execute(definition_overlay.insert().values(path=path, text=text, change_id=change_id, since=since))


def project_files(project: Path) -> Iterator[str]:
    """Paths, relative to the project, of everything that makes it; sorted."""
    found = [path for folder in _FOLDERS for path in (project / folder).rglob("*") if path.is_file()]
    found += [path for path in project.iterdir() if path.is_file() and path.suffix in {".yml", ".toml", ".lock"}]
    for path in sorted(found):
        if not any(part.startswith((".", "__pycache__")) for part in path.relative_to(project).parts):
            yield str(PurePosixPath(path.relative_to(project)))


def _digest(files: Mapping[str, bytes]) -> str:
    found = hashlib.sha256()
    for path, content in sorted(files.items()):
        found.update(f"{path}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return found.hexdigest()[:16]
