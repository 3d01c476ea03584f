"""People as a list, with a real store behind what they have to do; and the roles that nobody holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from resources import ops_database
from resources.people import Directory, Person, directory
from resources.people_file import PeopleFile, PersonEntry, SubstituteEntry
from tests.engine_world import MONDAY, STAFF, human, shipped, small
from tests.process_world import World
from workflow_jobs.engine.assignment import task_weight
from workflow_jobs.people_list import UnknownName, VacantRole, known_role, people_list, vacant_roles

ENDLESS = (date(2026, 11, 16), date.max)


def company() -> Directory:
    places = {"b1": ("D2", "Buying"), "b2": ("D2", "Buying"), "bm": ("D2", "Buying"), "pm": ("D1", "Plant")}
    people = [
        Person(i, name, login=f"{i}.login", manager_id="pm" if i == "bm" else boss,
               department_id=places.get(i, ("", ""))[0], department_name=places.get(i, ("", ""))[1])
        for i, (name, boss, _) in STAFF.items()
    ]  # fmt: skip
    stands_in = (SubstituteEntry.model_validate({"person": "b2"}),)
    return directory(
        people,
        [(i, role) for i, (_, _, roles) in STAFF.items() for role in roles],
        [
            ("b1", date(2026, 11, 2), date(2026, 11, 16)),
            ("b1", date(2026, 11, 16), date(2026, 11, 18)),
            ("q1", *ENDLESS),
        ],
        notes=PeopleFile(
            capacity=8,
            people={"b1": PersonEntry(substitutes=stands_in), "b2": PersonEntry(capacity=2.5, language="zh")},
        ),
    )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    engine = ops_database.open_engine(f"sqlite:///{tmp_path / 'ops.db'}")
    ops_database.migrate(engine)
    yield World(engine, directory=company())
    engine.dispose()


def test_a_person_is_told_with_absence_limit_and_open_work(world: World) -> None:
    for subject in ("S1", "S2"):
        world.open(subject)
        world.decide(world.service.cases(subject_id=subject)[0].case_id, "judge")
    weight = 2 * task_weight(shipped("supply_exception").priority)
    lines = {one.person_id: one for one in people_list(world.service, MONDAY)}
    assert len(lines) == len(STAFF)
    absent, there = lines["b1"], lines["b2"]
    assert (absent.away, absent.away_until, absent.stands_in, absent.limit) == (
        True,
        date(2026, 11, 18),
        ("Wu Two",),
        8,
    )
    assert (absent.open_work, absent.open_tasks) == (0, 0)
    assert (there.name, there.login, there.department, there.manager) == ("Wu Two", "b2.login", "Buying", "Zhao Buying")
    assert (there.roles, there.away, there.limit, there.stands_in) == (("buyer",), False, 2.5, ())
    assert (there.open_work, there.open_tasks) == (weight, 2)
    assert (there.language, absent.language) == ("zh", "")
    assert (lines["q1"].away, lines["q1"].away_until) == (True, None)
    assert (lines["ceo"].manager, lines["lm"].roles) == (None, ("logistics_manager", "warehouse_manager"))


def test_they_are_chosen_by_role_and_by_department_with_what_is_under_it(world: World) -> None:
    def ids(**asked: str) -> list[str]:
        return [one.person_id for one in people_list(world.service, MONDAY, **asked)]

    assert ids(role="buyer") == ["b1", "b2"]
    assert ids(department="buying") == ids(department="D2") == ["b1", "b2", "bm"]
    assert ids(department="D1") == ["pm", "b1", "b2", "bm"], "the buyers stand under the plant"
    assert ids(department="D1", role="plant_manager") == ["pm"]
    with pytest.raises(UnknownName, match=r"no department 'Byuing'; did you mean D2 Buying\?"):
        ids(department="Byuing")
    with pytest.raises(UnknownName, match=r"no department 'x' \(there are: D1 Plant, D2 Buying\)\."):
        ids(department="x")


def test_roles_that_nobody_holds_are_told_with_who_names_them() -> None:
    people, template = company(), small(f"- {human('a', role='welder')}\n")
    vacant = vacant_roles([template], people, {"buyer": "Buyer", "painter": "Painter", "welder": "Welder"})
    assert vacant == [VacantRole("painter", "Painter", ()), VacantRole("welder", "Welder", ("small",))]
    assert known_role("painter", people, vacant) == "painter"
    assert known_role("buyer", people, vacant) == "buyer"
    with pytest.raises(UnknownName, match=r"no role 'byer'; did you mean buyer\?"):
        known_role("byer", people, vacant)
