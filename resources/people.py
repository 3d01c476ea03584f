"""The people directory: who exists, which roles they hold, who leads them, when they are away and who stands in.

Belongs here: the frozen in-memory directory, put together from HR data and the people file. Does not belong here:
reading both (``people_reading``), choosing a person for a task (the process engine does that) and Slack user ids (the
outbox resolves those).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from resources.calendars import CalendarSpec, calendar_of
from resources.departments import Department, Member, departments_of, language_of, line_of
from resources.people_file import PeopleFile


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


@dataclass(frozen=True, slots=True)
class Substitute:
    """Who stands in for somebody between two local dates, both inclusive."""

    person_id: str
    starts_on: date
    ends_on: date


@dataclass(frozen=True)
class Directory:
    """All people, frozen. Build it with :func:`directory`.

    ``roles`` maps a role to person ids in ascending order; ``absences`` maps a person id to ``(first, last)`` local
    dates, both inclusive. ``substitutes`` are those whom a person named himself, in his order. ``capacities`` are the
    most open work (in weights of tasks), ``calendars`` names of working calendars, ``languages`` (en, zh) what people
    read; all only where one is stated.
    ``version`` names the snapshot it was read from; ``unknown`` are people whom the people file names and HR does not.
    """

    people: Mapping[str, Person]
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    absences: Mapping[str, tuple[tuple[date, date], ...]] = field(default_factory=dict)
    version: str = ""
    departments: Mapping[str, Department] = field(default_factory=dict)
    substitutes: Mapping[str, tuple[Substitute, ...]] = field(default_factory=dict)
    capacities: Mapping[str, float] = field(default_factory=dict)
    skills: Mapping[str, frozenset[str]] = field(default_factory=dict)
    calendars: Mapping[str, str] = field(default_factory=dict)
    languages: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

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

    def substitutes_on(self, person_id: str, day: date) -> tuple[str, ...]:
        """Whom the person named to stand in for him on the local date, in his order."""
        named = self.substitutes.get(person_id, ())
        return tuple(one.person_id for one in named if one.starts_on <= day <= one.ends_on)

    def capacity_of(self, person_id: str) -> float | None:
        """The most open work (in weights of tasks) that the person should have; None where nothing is stated."""
        return self.capacities.get(person_id)

    def skills_of(self, person_id: str) -> frozenset[str]:
        """What the person is stated to be able to do."""
        return self.skills.get(person_id, frozenset())

    def calendar_of(self, person_id: str) -> str | None:
        """Name of the person's working calendar; None where neither he nor his department has one."""
        return self.calendars.get(person_id)

    def language_of(self, person_id: str) -> str:
        """The language (en, zh) in which the person reads; empty where neither he nor his department has one."""
        return self.languages.get(person_id, "")

    def channel_of(self, person_id: str) -> str | None:
        """The channel of the person's department, or of the nearest above it that has one; None: the company's."""
        person = self.people.get(person_id)
        line = line_of(self.departments, person.department_id) if person is not None else ()
        return next((one.channel for one in line if one.channel), None)

    def people_in(self, department_id: str) -> tuple[str, ...]:
        """Ids of the people of a department and of those under it, ascending."""
        return tuple(
            sorted(
                person_id
                for person_id, person in self.people.items()
                if any(one.department_id == department_id for one in line_of(self.departments, person.department_id))
            )
        )

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
    notes: PeopleFile | None = None,
    calendars: Mapping[str, CalendarSpec] | None = None,
) -> Directory:
    """Build a directory from ``(person_id, role)`` and ``(person_id, first, last)`` rows and the people file.

    Roles and absences of ids that are no person are left out: a role must never lead to nobody. ``calendars`` are those
    that the pack declares.
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
    found = Directory(
        people=by_id,
        roles={role: tuple(sorted(ids)) for role, ids in sorted(holders.items())},
        absences={person_id: tuple(sorted(spans)) for person_id, spans in away.items()},
        version=version,
        departments=departments_of(
            Member(one.person_id, one.department_id, one.department_name, one.manager_id, one.country)
            for one in by_id.values()
        ),
    )
    return _with_calendars(_with_notes(found, notes or PeopleFile()), calendars or {}, notes or PeopleFile())


def _named(found: Directory, name: str) -> str | None:
    """Id of the person whom the people file calls by id, login or e-mail address."""
    if name in found.people:
        return name
    person = found.by_login(name) or found.by_email(name)
    return person.person_id if person is not None else None


def _with_notes(found: Directory, notes: PeopleFile) -> Directory:
    unknown: set[str] = set()

    def known(name: str) -> str | None:
        person_id = _named(found, name)
        if person_id is None:
            unknown.add(name)
        return person_id

    departments = dict(found.departments)
    for department_id, stated in notes.departments.items():
        before = departments.get(department_id, Department(department_id))
        departments[department_id] = replace(
            before,
            parent_id=stated.parent or before.parent_id,
            manager_id=(known(stated.manager) if stated.manager else None) or before.manager_id,
            plant=stated.plant,
            channel=stated.channel,
            language=stated.language or "",
        )
    capacities = dict.fromkeys(found.people, notes.capacity) if notes.capacity is not None else {}
    skills: dict[str, frozenset[str]] = {}
    of_department = {one: language_of(line_of(departments, one)) for one in departments}
    languages = {
        person_id: language
        for person_id, person in found.people.items()
        if (language := of_department.get(person.department_id))
    }
    substitutes: dict[str, tuple[Substitute, ...]] = {}
    for name, entry in notes.people.items():
        person_id = known(name)
        if person_id is None:
            continue
        if entry.capacity is not None:
            capacities[person_id] = entry.capacity
        skills[person_id] = frozenset(entry.skills)
        if entry.language is not None:
            languages[person_id] = entry.language
        named = [(known(one.person), one) for one in entry.substitutes]
        substitutes[person_id] = tuple(
            Substitute(other, one.starts_on, one.ends_on)
            for other, one in named
            if other is not None and other != person_id
        )
    return replace(
        found,
        departments=departments,
        capacities=capacities,
        skills=skills,
        languages=languages,
        substitutes=substitutes,
        unknown=tuple(sorted(unknown)),
    )


def _with_calendars(found: Directory, calendars: Mapping[str, CalendarSpec], notes: PeopleFile) -> Directory:
    of_department = {
        department_id: calendar_of(calendars, line_of(found.departments, department_id))
        for department_id in found.departments
    }
    names = {
        person_id: name
        for person_id, person in found.people.items()
        if (name := of_department.get(person.department_id)) is not None
    }
    for who, entry in notes.people.items():
        person_id = _named(found, who)
        if person_id is not None and entry.calendar:
            names[person_id] = entry.calendar
    return replace(found, calendars=names)
