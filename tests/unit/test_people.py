"""The people directory."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from resources.people import Directory, Person, UnknownPerson, directory
from resources.people_reading import CurrentDirectory, directory_from_snapshot


class _Snapshot:
    def __init__(self, snapshot_id: str, tables: dict[str, list[dict[str, Any]]]) -> None:
        self.id = snapshot_id
        self.tables = tables
        self.reads = 0

    def rows(self, sql: str, _parameters: Any = ()) -> list[dict[str, Any]]:
        self.reads += 1
        return self.tables[sql.rsplit(" ", 1)[1]]


class _Store:
    def __init__(self, snapshot: Any) -> None:
        self.snapshot = snapshot

    def current(self) -> Any:
        return self.snapshot


def _company() -> Directory:
    return directory(
        [
            Person("1", "Li Wei", "Li.Wei@dongchen.example", "li.wei1", manager_id="2"),
            Person("2", title="Buyer", login="buyer0", manager_id="2"),
            Person("3", manager_id="gone"),
        ],
        [("1", "buyer"), ("2", "buyer"), ("9", "buyer")],
        [("1", date(2026, 1, 5), date(2026, 1, 7)), ("9", date(2026, 1, 1), date(2026, 1, 1))],
        version="v",
    )


def test_roles_lead_to_people_only() -> None:
    people = _company()
    assert people.candidates("buyer") == ("1", "2")
    assert people.candidates("nobody") == ()
    assert people.roles_of("1") == ("buyer",)
    assert len(people) == 3 and "9" not in people


def test_absence_is_inclusive_on_both_ends() -> None:
    people = _company()
    days = [date(2026, 1, day) for day in range(4, 9)]
    assert [people.absent_on("1", day) for day in days] == [False, True, True, True, False]
    assert not people.absent_on("2", days[1])


def test_nobody_is_his_own_manager_and_a_manager_who_left_is_none() -> None:
    people = _company()
    assert [people.manager_of(i) for i in ("1", "2", "3", "9")] == ["2", None, None, None]


def test_names_addresses_and_look_ups() -> None:
    people = _company()
    assert [people.name(i) for i in ("1", "2", "3", "9")] == ["Li Wei", "Buyer (buyer0)", "3", "9"]
    assert people.person("1").address("dongchen") == "li.wei@dongchen.example"
    assert people.person("2").address("small") == "buyer0@small.example"
    assert people.by_login("LI.WEI1") == people.person("1")
    assert people.by_email("li.wei@DONGCHEN.example") == people.person("1")
    assert people.by_email("buyer0@small.example", pack="small") == people.person("2")
    assert people.by_email("buyer0@small.example") is None
    with pytest.raises(UnknownPerson, match="no person '9'"):
        people.person("9")


def test_it_is_read_from_a_snapshot_once_per_publication() -> None:
    nobody = dict.fromkeys(("name", "email", "title", "department_id", "department_name", "country"))
    tables: dict[str, list[dict[str, Any]]] = {
        "people": [{**nobody, "person_id": 7, "login": "a", "manager_id": None}],
        "person_roles": [{"person_id": 7, "role": "buyer"}],
        "absences": [{"person_id": 7, "starts_on": date(2026, 1, 1), "ends_on": None}],
    }
    snapshot = _Snapshot("s1", tables)
    store = _Store(snapshot)
    current = CurrentDirectory(store)
    assert current() is current()
    assert snapshot.reads == 3
    assert current().candidates("buyer") == ("7",)
    assert current().absent_on("7", date(2030, 1, 1)), "an absence without end has not ended"
    store.snapshot = _Snapshot("s2", tables | {"person_roles": []})
    assert current().candidates("buyer") == ()
    store.snapshot = None
    assert len(current()) == 0 and len(directory_from_snapshot(None)) == 0
