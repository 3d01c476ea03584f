"""One set of names for start, linter and copies; and which of them nobody stands behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.packs import PackError, SourcePack, load_pack
from resources.people import Person, directory
from resources.people_file import PeopleFile, PersonEntry
from tests.engine_world import human, small
from workflow_jobs.engine.lint import lint
from workflow_jobs.jobs import service_jobs
from workflow_jobs.template_copy import copy_template
from workflow_jobs.template_library import TemplateProblems, load_library
from workflow_jobs.template_names import SERVICE_JOBS, TemplateNames, names_of, nobody_behind, require_names

ROLES = {"buyer": "Buyer", "plant_manager": "Plant manager"}
PACK = SourcePack(name="own", folder=Path("packs/own"), title="Own", entities=("item",), roles=ROLES)
TYPO = small(f"- {human('a', role='buyerr')}\n")


def test_the_names_of_jobs_are_those_that_dagster_has() -> None:
    assert {job.name for job in service_jobs()} == SERVICE_JOBS


@pytest.mark.parametrize("name", ["dongchen", "adventureworks"])
def test_the_library_starts_with_each_pack(name: str) -> None:
    pack = load_pack(name)
    require_names(load_library(known_jobs=SERVICE_JOBS), pack)
    names = names_of(pack)
    for template in load_library():
        assert lint(template, names.roles, names.jobs, names.skills, names.calendars) == []


def test_a_role_that_the_pack_does_not_declare_stops_the_start_with_its_line() -> None:
    with pytest.raises(
        PackError, match=r"small.yaml:\d+: a: nobody can hold the role 'buyerr'.*\nDeclare them in packs"
    ):
        require_names([TYPO], PACK)
    require_names([TYPO], PACK.model_copy(update={"roles": {}}))  # it does not say which roles there are


def test_a_copy_is_checked_by_the_same_names(tmp_path: Path) -> None:
    names = TemplateNames(roles=("plant_manager", "buyerr"), jobs=(), skills=(), calendars=("plants",))
    with pytest.raises(TemplateProblems, match=r"there is no calendar 'default' \(there are: plants\)"):
        copy_template(TYPO, "other", tmp_path, names)
    assert not list(tmp_path.iterdir())


def test_roles_and_skills_that_nobody_has_are_told_with_who_wants_them() -> None:
    able = small(f"- {human('a', extra=', skills: [welding, torque]')}\n")
    notes = PeopleFile(people={"b1": PersonEntry(skills=("welding",))})
    buyer = directory([Person("b1")], [("b1", "buyer")], notes=notes)
    assert nobody_behind([able, TYPO], buyer) == {
        "role buyerr": ["small"],
        "role plant_manager": ["small"],
        "skill torque": ["small"],
    }
    both = directory([Person("b1")], [("b1", "buyer"), ("b1", "plant_manager")])
    assert nobody_behind([able], both) == {}, "nobody says who has which skill"
    assert nobody_behind([able], directory([])) == {}, "nobody is known before the first publication"
