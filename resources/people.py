"""The people directory: who exists, which roles they hold, who leads them and when they are away.

Belongs here: the frozen in-memory directory and how it is read from a published snapshot.
Does not belong here: choosing a person for a task (the process engine does that) and Slack user ids (the outbox
resolves those).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from resources.serving import Snapshot, SnapshotStore


class UnknownPerson(LookupError):
    """The directory has no person with this id."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person of the company. ``name`` and ``email`` may be empty: some HR systems do not export them."""

    person_id: str
    name: str = ""
    email: str = ""
    login: str = ""
    title: str = ""
    department_id: str = ""
    department_name: str = ""
    manager_id: str | None = None
    country: str = ""

    @property
    def label(self) -> str:
        """What people read: the name, else job title and login, else the id."""
        if self.name:
            return self.name
        if self.title and self.login:
            return f"{self.title} ({self.login})"
        return self.title or self.login or self.person_id

    def address(self, pack: str) -> str:
        """E-mail address by which Slack knows the person: the directory's, else ``<login>@<pack>.example``."""
        return (self.email or f"{self.login or self.person_id}@{pack}.example").lower()


@dataclass(frozen=True)
class Directory:
    """All people, their roles and absences, frozen. Build it with :func:`directory`.

    ``roles`` maps a role to person ids in ascending order; ``absences`` maps a person id to ``(first, last)`` local
    dates, both inclusive. ``version`` names the snapshot it was read from.
    """

    people: Mapping[str, Person]
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    absences: Mapping[str, tuple[tuple[date, date], ...]] = field(default_factory=dict)
    version: str = ""

    def __contains__(self, person_id: object) -> bool:
        return person_id in self.people

    def __len__(self) -> int:
        return len(self.people)

    def person(self, person_id: str) -> Person:
        """The person, or :class:`UnknownPerson`."""
        try:
            return self.people[person_id]
        except KeyError:
            raise UnknownPerson(
                f"the people directory has no person {person_id!r} (read from snapshot {self.version or 'none'})"
            ) from None

    def name(self, person_id: str) -> str:
        """The person's label; an id that the directory does not know is its own label."""
        person = self.people.get(person_id)
        return person.label if person is not None else person_id

    def candidates(self, role: str) -> tuple[str, ...]:
        """Ids of the people who hold the role, ascending; empty where nobody does."""
        return self.roles.get(role, ())

    def roles_of(self, person_id: str) -> tuple[str, ...]:
        """The roles a person holds, ascending."""
        return tuple(sorted(role for role, holders in self.roles.items() if person_id in holders))

    def manager_of(self, person_id: str) -> str | None:
        """Id of the person's manager; None for the top, for an unknown id and for a manager who left."""
        person = self.people.get(person_id)
        if person is None or person.manager_id is None or person.manager_id == person_id:
            return None
        return person.manager_id if person.manager_id in self.people else None

    def absent_on(self, person_id: str, day: date) -> bool:
        """Whether an absence of the person covers the local date."""
        return any(first <= day <= last for first, last in self.absences.get(person_id, ()))

    def by_login(self, login: str) -> Person | None:
        """The person with this login, compared without regard to case."""
        wanted = login.casefold()
        return next((p for p in self.people.values() if p.login and p.login.casefold() == wanted), None)

    def by_email(self, email: str, *, pack: str = "") -> Person | None:
        """The person with this address; with ``pack`` also by the address that stands in for a missing one."""
        wanted = email.casefold()
        for person in self.people.values():
            if person.email and person.email.casefold() == wanted:
                return person
            if pack and person.address(pack) == wanted:
                return person
        return None


def directory(
    people: Iterable[Person],
    roles: Iterable[tuple[str, str]] = (),
    absences: Iterable[tuple[str, date, date]] = (),
    *,
    version: str = "",
) -> Directory:
    """Build a directory from ``(person_id, role)`` and ``(person_id, first, last)`` rows.

    Roles and absences of ids that are no person are left out: a role must never lead to nobody.
    """
    by_id = {person.person_id: person for person in people}
    holders: dict[str, set[str]] = {}
    for person_id, role in roles:
        if person_id in by_id:
            holders.setdefault(role, set()).add(person_id)
    away: dict[str, list[tuple[date, date]]] = {}
    for person_id, first, last in absences:
        if person_id in by_id:
            away.setdefault(person_id, []).append((first, last))
    return Directory(
        people=by_id,
        roles={role: tuple(sorted(ids)) for role, ids in sorted(holders.items())},
        absences={person_id: tuple(sorted(spans)) for person_id, spans in away.items()},
        version=version,
    )


def directory_from_snapshot(snapshot: Snapshot | None) -> Directory:
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
    """Callable that gives the directory of the current snapshot and re-reads it only when the snapshot changed."""

    def __init__(self, store: SnapshotStore | _Snapshots) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._cached: Directory | None = None

    def __call__(self) -> Directory:
        snapshot = self._store.current()
        version = snapshot.id if snapshot is not None else ""
        with self._lock:
            if self._cached is None or self._cached.version != version:
                self._cached = directory_from_snapshot(snapshot)
            return self._cached
