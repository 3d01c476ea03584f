"""People as a list: where they stand, which roles they hold, who is away today, how much they have to do.

Belongs here: what the lists for people say, and which roles nobody holds. Who is asked for a task is the engine's
business; the directory itself is ``resources.people``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches

from resources.people import Directory
from workflow_jobs.engine.template import Template
from workflow_jobs.process_reader import ProcessReader
from workflow_jobs.template_names import nobody_behind

_ROLE = "role "


class UnknownName(LookupError):
    """There is no such role or department; the sentence says which are meant or which there are."""


@dataclass(frozen=True, slots=True)
class PersonLine:
    """One person. ``department`` and ``manager`` are names, the latter None at the top.

    ``away`` is whether an absence covers today, by the date of the calendar by which the person works; ``away_until``
    its last day, None for one without an end; ``stands_in`` are the names of those whom he named for today. ``limit``
    is the most open work that he should have (weights of tasks; None: none is stated), ``open_work`` what he has, in
    ``open_tasks`` tasks. ``language`` (en, zh) is the one that is stated for him or his department, empty for none.
    """

    person_id: str
    name: str
    login: str
    department_id: str
    department: str
    manager: str | None
    roles: tuple[str, ...]
    away: bool
    away_until: date | None
    stands_in: tuple[str, ...]
    limit: float | None
    open_work: float
    open_tasks: int
    language: str = ""


@dataclass(frozen=True, slots=True)
class VacantRole:
    """A role that nobody holds, with its title in the pack and the ids of the templates that name it."""

    role: str
    title: str
    templates: tuple[str, ...]


def people_list(
    service: ProcessReader, now: datetime, *, role: str | None = None, department: str | None = None
) -> list[PersonLine]:
    """The people, by department and id; those who hold ``role``, those of ``department`` (its id or name, with what
    stands under it). Raises UnknownName for a department that there is not; a role that nobody holds has no line.
    """
    people, work = service.directory(), service.open_work()
    chosen = set(people.people if role is None else people.candidates(role))
    if department is not None:
        chosen &= {one for found in _departments(people, department) for one in people.people_in(found)}
    roles: dict[str, list[str]] = {}
    for held, holders in people.roles.items():
        for person_id in holders:
            roles.setdefault(person_id, []).append(held)
    lines = []
    for person_id in chosen:
        person, manager = people.person(person_id), people.manager_of(person_id)
        today = now.astimezone(service.calendar(people.calendar_of(person_id) or "default").time_zone).date()
        last = max((last for first, last in people.absences.get(person_id, ()) if first <= today <= last), default=None)
        tasks, weight = work.get(person_id, (0, 0.0))
        lines.append(
            PersonLine(
                person_id=person_id,
                name=person.label,
                login=person.login,
                department_id=person.department_id,
                department=person.department_name or person.department_id,
                manager=people.name(manager) if manager is not None else None,
                roles=tuple(sorted(roles.get(person_id, ()))),
                away=last is not None,
                away_until=last if last != date.max else None,
                stands_in=tuple(map(people.name, people.substitutes_on(person_id, today))) if last is not None else (),
                limit=people.capacity_of(person_id),
                open_work=weight,
                open_tasks=tasks,
                language=people.language_of(person_id),
            )
        )
    return sorted(lines, key=lambda one: (one.department_id, one.person_id))


def vacant_roles(templates: Iterable[Template], people: Directory, titles: Mapping[str, str]) -> list[VacantRole]:
    """Roles that nobody holds: of those that the pack declares (``titles``) and those that templates name."""
    missed = nobody_behind(templates, people)
    named = {name.removeprefix(_ROLE): ids for name, ids in missed.items() if name.startswith(_ROLE)}
    vacant = {role for role in titles if not people.candidates(role)} | named.keys()
    return [VacantRole(role, titles.get(role, ""), tuple(named.get(role, ()))) for role in sorted(vacant)]


def known_role(role: str, people: Directory, vacant: Collection[VacantRole]) -> str:
    """The role itself, where anybody holds, declares or names it. Raises UnknownName."""
    known = sorted({*people.roles, *(one.role for one in vacant)})
    if role not in known:
        raise UnknownName(f"There is no role {role!r}{_instead(role, dict(zip(known, known, strict=True)))}")
    return role


def _departments(people: Directory, asked: str) -> list[str]:
    """Ids of the departments that have this id or name; the case of letters does not count."""
    wanted = asked.casefold()
    found = [one.department_id for one in people.departments.values() if wanted == one.department_id.casefold()]
    found = found or [one.department_id for one in people.departments.values() if wanted == one.name.casefold()]
    if not found:
        labels = {one: f"{one.department_id} {one.name}".strip() for one in people.departments.values()}
        words = {word: label for one, label in labels.items() for word in (one.department_id, one.name) if word}
        raise UnknownName(f"There is no department {asked!r}{_instead(asked, words)}")
    return found


def _instead(asked: str, known: Mapping[str, str]) -> str:
    """What was probably meant, or what there is; ``known`` maps what may be written to how it is told."""
    close = get_close_matches(asked, known, n=1)
    return (
        f"; did you mean {known[close[0]]}?"
        if close
        else f" (there are: {', '.join(dict.fromkeys(known.values())) or 'none'})."
    )
