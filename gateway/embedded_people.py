"""The directory's people as members of the embedded Slack."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.embedded_slack.members import Member, member_id
from resources.people import Directory
from resources.people_reading import CurrentDirectory


def directory_members(
    directory: CurrentDirectory, pack: str
) -> Callable[[], tuple[str, Callable[[], Sequence[Member]]]]:
    """What the embedded workspace asks for: the directory's version, and its members if that version is new to it."""

    def people() -> tuple[str, Callable[[], Sequence[Member]]]:
        current = directory()
        return current.version, lambda: members_of(current, pack)

    return people


def members_of(directory: Directory, pack: str) -> list[Member]:
    return [
        Member(
            id=member_id(person.person_id),
            person_id=person.person_id,
            name=person.login or person.person_id,
            real_name=person.label,
            email=person.address(pack),
            title=person.title,
            department=person.department_name,
        )
        for person in directory.people.values()
    ]
