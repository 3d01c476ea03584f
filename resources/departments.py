"""Departments: who leads them and under which they stand.

HR exports name departments and everybody's manager; the tree follows from both. A department's head is who answers to
nobody in it, and it stands under the department of the head's manager.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Department:
    """One department. ``parent_id`` is the department above it, ``manager_id`` a person; ``channel`` where it is told
    what concerns it as a whole, empty for the company's channel; ``language`` (en, zh) is what its people read, empty
    where none is stated.
    """

    department_id: str
    name: str = ""
    country: str = ""
    parent_id: str | None = None
    manager_id: str | None = None
    plant: str = ""
    channel: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """What the tree needs to know of a person."""

    person_id: str
    department_id: str
    department_name: str
    manager_id: str | None
    country: str


def departments_of(members: Iterable[Member]) -> dict[str, Department]:
    """The departments of these people, by id, with head and parent as their reporting lines give them."""
    people = {member.person_id: member for member in members}
    staff: dict[str, list[Member]] = {}
    for member in people.values():
        if member.department_id:
            staff.setdefault(member.department_id, []).append(member)
    found = {}
    for department_id, those in sorted(staff.items()):
        head = _head(those, people)
        above = people.get(head.manager_id) if head.manager_id else None
        parent = above.department_id if above is not None and above.department_id != department_id else ""
        found[department_id] = Department(
            department_id=department_id,
            name=next((one.department_name for one in those if one.department_name), ""),
            country=next((one.country for one in those if one.country), ""),
            parent_id=parent or None,
            manager_id=head.person_id,
        )
    return found


def line_of(departments: Mapping[str, Department], department_id: str) -> tuple[Department, ...]:
    """The department and those above it, its own first; circles end where they close."""
    line: dict[str, Department] = {}
    following: str | None = department_id
    while following and following in departments and following not in line:
        line[following] = departments[following]
        following = departments[following].parent_id
    return tuple(line.values())


def language_of(line: tuple[Department, ...]) -> str:
    """The language (en, zh) of the nearest department of a line that states one; empty where none does."""
    return next((one.language for one in line if one.language), "")


def _head(those: list[Member], people: Mapping[str, Member]) -> Member:
    inside = {one.person_id for one in those}
    reports = Counter(one.manager_id for one in people.values() if one.manager_id)
    leads = [one for one in those if one.manager_id not in inside or one.manager_id == one.person_id] or those
    return min(leads, key=lambda one: (-reports[one.person_id], one.person_id))
