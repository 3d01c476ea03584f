"""Reads the people directory: HR data from the published snapshot, the rest from the people file.

Belongs here: reading, and noticing that there is something new to read. What the directory answers is ``people``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from resources.calendars import CalendarSpec
from resources.people import Directory, Person, directory
from resources.people_file import PeopleFile, PeopleFileError, read_people_file

if TYPE_CHECKING:
    from resources.serving import Snapshot

logger = logging.getLogger(__name__)


def directory_from_snapshot(
    snapshot: Snapshot | None,
    *,
    notes: PeopleFile | None = None,
    calendars: Mapping[str, CalendarSpec] | None = None,
) -> Directory:
    """Read the directory from a published snapshot; without one it is empty."""
    if snapshot is None:
        return Directory(people={})
    people = snapshot.rows(
        "select person_id, name, email, login, title, department_id, department_name, manager_id, country from people",
        [],
    )
    roles = snapshot.rows("select person_id, role from person_roles", [])
    absences = snapshot.rows("select person_id, starts_on, ends_on from absences", [])
    return directory(
        (_person(row) for row in people),
        ((str(row["person_id"]), str(row["role"])) for row in roles),
        ((str(row["person_id"]), row["starts_on"], row["ends_on"] or date.max) for row in absences),
        version=snapshot.id,
        notes=notes,
        calendars=calendars,
    )


def _person(row: Mapping[str, Any]) -> Person:
    return Person(
        person_id=str(row["person_id"]),
        name=str(row["name"] or ""),
        email=str(row["email"] or ""),
        login=str(row["login"] or ""),
        title=str(row["title"] or ""),
        department_id=str(row["department_id"] or ""),
        department_name=str(row["department_name"] or ""),
        manager_id=str(row["manager_id"]) if row["manager_id"] else None,
        country=str(row["country"] or ""),
    )


class _Snapshots(Protocol):
    def current(self) -> Snapshot | None: ...


class CurrentDirectory:
    """Callable that gives the directory as it is now; reads again when a snapshot is published or the file changes.

    ``people_file`` need not exist. One that cannot be used when the directory is first read raises PeopleFileError; one
    that is broken later is logged once, and what was read before stays in force: clicks must not stop for it.
    """

    def __init__(
        self,
        store: _Snapshots,
        *,
        calendars: Mapping[str, CalendarSpec] | None = None,
        people_file: Path | None = None,
    ) -> None:
        self._store = store
        self._calendars = calendars or {}
        self._file = people_file
        self._lock = threading.Lock()
        self._notes: PeopleFile | None = None
        self._seen: tuple[int, int] | None = None
        self._cached: Directory | None = None

    def __call__(self) -> Directory:
        snapshot = self._store.current()
        version = snapshot.id if snapshot is not None else ""
        with self._lock:
            renewed = self._read_file()
            if self._cached is None or renewed or self._cached.version != version:
                self._cached = directory_from_snapshot(snapshot, notes=self._notes, calendars=self._calendars)
                if self._cached.unknown and snapshot is not None:
                    logger.warning("%s names people whom HR does not: %s", self._file, ", ".join(self._cached.unknown))
            return self._cached

    def _read_file(self) -> bool:
        if self._file is None:
            return False
        try:
            found = self._file.stat()
            stamp = (found.st_mtime_ns, found.st_size)
        except FileNotFoundError:
            stamp = (0, 0)
        if stamp == self._seen:
            return False
        try:
            notes = read_people_file(self._file, self._calendars) if stamp != (0, 0) else PeopleFile()
        except (PeopleFileError, OSError) as error:
            if self._notes is None:
                raise
            logger.error("%s The people file as it was before stays in force.", error)
            self._seen = stamp
            return False
        self._notes, self._seen = notes, stamp
        return True
