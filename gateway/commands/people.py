"""`./trueloop people`: who is there, with department, manager, roles, absence and open work; and roles nobody holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

from gateway.commands.context import JSON_OPTION, open_platform, published
from gateway.terminal import one_sentence_errors, print_json, show
from resources.people_file import PeopleFileError
from workflow_jobs.people_list import PersonLine, UnknownName, known_role, people_list, vacant_roles
from workflow_jobs.wiring import library, process_service

_COLUMNS = {
    "name": "PERSON",
    "login": "LOGIN",
    "department": "DEPARTMENT",
    "manager": "MANAGER",
    "roles": "ROLES",
    "away": "AWAY TODAY",
    "open_tasks": "OPEN TASKS",
    "open_work": "OPEN WORK",
    "limit": "LIMIT",
    "language": "READS",
}
_VACANT = {"role": "NOBODY HOLDS", "title": "TITLE", "templates": "NAMED BY"}


@one_sentence_errors(UnknownName, PeopleFileError)
def people(
    role: str | None = typer.Option(None, help="Only those who hold this role."),
    department: str | None = typer.Option(None, help="Only those of this department (id or name) and under it."),
    as_json: bool = JSON_OPTION,
) -> None:
    """People with department, manager, roles, absence today, open tasks and limit; and the roles that nobody holds."""
    platform = open_platform()
    published(platform)
    service = process_service(platform)
    found = service.directory()
    vacant = vacant_roles(library(platform.settings.templates_dir), found, platform.pack.roles)
    if role is not None:
        known_role(role, found, vacant)
    lines = people_list(service, platform.clock.now(), role=role, department=department)
    # Roles are the company's: of a department nobody says which it should have.
    told = [one for one in vacant if role in (None, one.role)] if department is None or role is not None else []
    if as_json:
        print_json({"people": [asdict(one) for one in lines], "roles_nobody_holds": [asdict(one) for one in told]})
        return
    if lines or not told:
        show([_row(one) for one in lines], _COLUMNS, as_json=False, empty="Nobody there holds that role.")
    if told:
        print(end="\n" if lines else "")
        show([asdict(one) for one in told], _VACANT, as_json=False, empty="")


def _row(one: PersonLine) -> dict[str, Any]:
    until = f"until {one.away_until}" if one.away_until is not None else "without an end"
    who = f", {', '.join(one.stands_in)} for him" if one.stands_in else ""
    return asdict(one) | {"away": f"{until}{who}" if one.away else ""}
