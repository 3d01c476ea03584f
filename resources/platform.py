"""Everything that one process needs to call, put together once from the settings.

``Platform`` is what Dagster's definitions, the gateway and the command line share; a test builds one on a temporary
state folder. Nothing is opened before it is asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from resources import fault_points, ops_database
from resources.built_once import built_once
from resources.clock import Clock, clock_from_settings
from resources.dbt import Dbt
from resources.packs import SourcePack, load_pack
from resources.people_reading import CurrentDirectory
from resources.project_folders import ProjectFolders
from resources.serving import SnapshotStore
from resources.settings import DBT_PROJECT_DIR, Settings
from resources.warehouse import Warehouse

MODELS_DIR: Path = DBT_PROJECT_DIR / "models"
T = TypeVar("T")


class StateFolderError(RuntimeError):
    """The state folder cannot be used; the sentence says why and what to do."""


class Platform:
    """One installation: settings, pack, clock, warehouse, dbt, snapshots and ops database."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None, checkout: Path = DBT_PROJECT_DIR) -> None:
        self.settings = settings
        self._checkout = checkout
        self.clock: Clock = clock or clock_from_settings(settings)
        self._once: dict[Callable[[Platform], Any], Any] = {}
        self._building = threading.RLock()
        fault_points.arm(settings.fault_point)

    def once(self, build: Callable[[Platform], T]) -> T:
        """What ``build`` makes for this platform: made by the first who asks, kept as long as the platform is."""
        with self._building:
            if build not in self._once:
                self._once[build] = build(self)
            made: T = self._once[build]
            return made

    @built_once
    def pack(self) -> SourcePack:
        return load_pack(self.settings.source_pack)

    @built_once
    def warehouse(self) -> Warehouse:
        return Warehouse(self.settings.warehouse_path)

    @built_once
    def projects(self) -> ProjectFolders:
        """The checkout that engineers propose, and the dbt project that is in force."""
        return ProjectFolders(self._checkout, self.settings.home / "definitions", lambda: self.ops_engine)

    @property
    def models_dir(self) -> Path:
        """The models that are in force now."""
        return self.projects.in_force() / "models"

    @property
    def dbt(self) -> Dbt:
        """dbt on the project that is in force now; whoever does several things with one project keeps it."""
        return Dbt(self.settings, self.pack, self.projects.in_force())

    def candidate(self, project_dir: Path) -> Dbt:
        """dbt on a project that is not in force; its target folder is one that all candidates share in turn."""
        return Dbt(self.settings, self.pack, project_dir, self.settings.home / "dbt" / f"{self.pack.name}-candidate")

    @built_once
    def snapshots(self) -> SnapshotStore:
        return SnapshotStore(self.settings.serving_dir)

    @built_once
    def people(self) -> CurrentDirectory:
        """The people as they are now: of the current snapshot, and the people file."""
        file = self.settings.people_file or self.pack.folder / "people.toml"
        return CurrentDirectory(self.snapshots, calendars=self.pack.calendars, people_file=file)

    @built_once
    def ops_engine(self) -> sa.Engine:
        """The migrated ops database."""
        engine = ops_database.open_engine(self.settings.database_url)
        ops_database.migrate(engine)
        return engine

    def as_of(self) -> date:
        """The date as of which figures are stated now, in the pack's local calendar."""
        return self.pack.as_of_date(self.clock.now(), self.settings.as_of)

    def claim_state_folder(self) -> None:
        """Create the state folder and bind it to the pack. Raises StateFolderError.

        One folder holds one pack: figures of two companies in one warehouse could not be told apart.
        """
        home = self.settings.home
        try:
            home.mkdir(parents=True, exist_ok=True)
            probe = home / ".writable"
            probe.write_text("")
            probe.unlink()
        except OSError as error:
            raise StateFolderError(
                f"The state folder {home} cannot be written ({error.strerror}). Make it writable or choose another "
                "with TRUELOOP_HOME."
            ) from error
        marker = home / "source_pack"
        # An empty one is of a start that was killed as it made it.
        if not marker.exists() or not marker.read_text().strip():
            marker.write_text(self.pack.name + "\n")
        bound = marker.read_text().strip()
        if bound != self.pack.name:
            raise StateFolderError(
                f"The state folder {home} belongs to the source pack {bound!r}, but TRUELOOP_SOURCE_PACK is "
                f"{self.pack.name!r}. Choose another folder with TRUELOOP_HOME."
            )
