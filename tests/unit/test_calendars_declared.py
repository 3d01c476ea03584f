"""What packs and people files say: calendars, who follows which, departments, capacities, skills, substitutes."""

from __future__ import annotations

import logging
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.calendars import CalendarSpec, calendar_of
from resources.departments import Department, Member, departments_of, line_of
from resources.packs import PackError, SourcePack, list_packs, load_pack
from resources.people import Directory, Person, directory
from resources.people_file import PeopleFile, PeopleFileError, read_people_file
from resources.people_reading import CurrentDirectory
from workflow_jobs.calendars import build_calendars, digest_of
from workflow_jobs.engine.template import load_template
from workflow_jobs.template_names import require_names

STAFF = (
    ("1", "", "D1", None),
    ("2", "li.wei", "D4", "1"),
    ("3", "wang.fang", "D4", "2"),
    ("4", "chen.bo", "D41", "2"),
    ("5", "zhao.min", "D9", "1"),
)


def pack(**calendars: Any) -> SourcePack:
    return SourcePack(name="small", folder=Path("small"), title="Small", entities=(), calendars=calendars)


def company(notes: PeopleFile | None = None, **calendars: Any) -> Directory:
    return directory(
        (
            Person(
                i, f"Name {i}", f"{login}@small.example" if login else "", login, "", dept, f"Dept {dept}", boss, "CN"
            )
            for i, login, dept, boss in STAFF
        ),
        notes=notes,
        calendars=pack(**calendars).calendars,
    )


def test_every_pack_has_a_default_calendar_that_can_be_built() -> None:
    for name in list_packs():
        found = load_pack(name)
        built = build_calendars(found)
        assert "default" in built
        assert (built["default"].country, built["default"].time_zone.key) == (found.calendar, found.time_zone)
        assert build_calendars(found)["default"] is built["default"], "each is computed once"


def test_a_calendar_takes_from_the_pack_what_it_does_not_say() -> None:
    night = {"mon-fri": ["22:00-06:00"]}
    built = build_calendars(
        pack(
            plant={"week": night, "days_off": ["2026-11-20"], "departments": ["D4"]},
            none={"country": "", "hours": ["00:00-24:00"]},
            vietnam={"country": "VN", "time_zone": "Asia/Ho_Chi_Minh"},
        )
    )
    assert (built["plant"].country, built["plant"].time_zone.key) == ("CN", "Asia/Shanghai")
    assert built["plant"].day_length == timedelta(hours=8)
    assert not built["plant"].is_working_day(date(2026, 11, 20))
    assert built["none"].is_working_day(date(2026, 10, 1))
    assert built["vietnam"].time_zone.key == "Asia/Ho_Chi_Minh"
    assert built["default"].working_between(
        datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 17, tzinfo=UTC)
    ) == timedelta(hours=7.5)


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        (
            {"a": {"departments": ["D1"]}, "b": {"departments": ["D1"]}},
            "department 'D1' is in the calendars 'a' and 'b'",
        ),
        ({"a": {"hours": ["09:00-12:00"], "week": {"mon": ["09:00-12:00"]}}}, "either `hours` or `week`"),
        ({"a": {"shift": ["09:00-12:00"]}}, "Extra inputs"),
    ],
)
def test_calendars_that_contradict_each_other_are_refused(declared: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        pack(**declared)


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ({"hours": ["9-12"]}, "pack.toml: calendars.a: working hours '9-12' cannot be read"),
        ({"country": "XX"}, "pack.toml: calendars.a: no holidays are known for the country 'XX'"),
        ({"time_zone": "Asia/Nowhere"}, "pack.toml: calendars.a: unknown time zone"),
    ],
)
def test_a_calendar_that_cannot_be_is_named_with_its_file(declared: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PackError, match=sentence):
        build_calendars(pack(a=declared))


def test_a_template_with_a_calendar_that_the_pack_lacks_is_refused_with_its_line() -> None:
    text = (
        "id: small\nversion: 1\ntitle: {en: S, zh: 小}\ndescription: {en: S, zh: 小}\nowner_role: buyer\n"
        "calendar: plant\nsteps:\n- {id: a, kind: human, title: {en: A, zh: 步}, "
        "raci: {accountable: buyer, responsible: buyer}, sla: PT4H, outcomes: [{id: ok, title: {en: Ok, zh: 好}}]}\n"
    )
    template = load_template(text, file="small.yaml")
    with pytest.raises(PackError, match=r"small.yaml:6: there is no calendar 'plant' \(there are: default\)"):
        require_names([template], pack())
    require_names([template], pack(plant={}))


def test_the_digest_tells_calendars_and_who_follows_them_apart() -> None:
    one, other = build_calendars(pack()), build_calendars(pack(default={"days_off": ["2026-11-20"]}))
    assert len({digest_of(one, {}), digest_of(other, {}), digest_of(one, {"1": "default"})}) == 3
    assert digest_of(build_calendars(pack()), {}) == digest_of(one, {})


# -- departments ---------------------------------------------------------------------------------------------------


def test_departments_follow_from_who_reports_to_whom() -> None:
    found = company().departments
    assert {one.department_id: (one.manager_id, one.parent_id) for one in found.values()} == {
        "D1": ("1", None),
        "D4": ("2", "D1"),
        "D41": ("4", "D4"),
        "D9": ("5", "D1"),
    }
    assert company().people_in("D4") == ("2", "3", "4")
    assert company().people_in("D1") == ("1", "2", "3", "4", "5")
    assert found[company().people["3"].department_id].name == "Dept D4"


members = st.lists(
    st.builds(
        Member,
        person_id=st.sampled_from("abcdefgh"),
        department_id=st.sampled_from(["", "X", "Y", "Z"]),
        department_name=st.just(""),
        manager_id=st.none() | st.sampled_from("abcdefgh"),
        country=st.just(""),
    ),
    unique_by=lambda member: member.person_id,
)


@given(members)
@settings(max_examples=200, deadline=None)
def test_any_reporting_lines_give_a_department_a_head_of_its_own_and_a_line_without_circles(
    those: list[Member],
) -> None:
    found = departments_of(those)
    assert set(found) == {one.department_id for one in those} - {""}
    for department in found.values():
        assert department.manager_id in {
            one.person_id for one in those if one.department_id == department.department_id
        }
        line = line_of(found, department.department_id)
        assert len(line) == len({one.department_id for one in line}) <= len(found)


def test_the_nearest_department_wins_then_the_plant_then_the_country() -> None:
    line = (Department("D41", plant="SZ", country="VN"), Department("D4", country="CN"), Department("D1"))
    by_department = {"high": CalendarSpec(departments=("D1",)), "near": CalendarSpec(departments=("D4",))}
    by_place = {"land": CalendarSpec(countries=("VN",)), "works": CalendarSpec(plants=("SZ",))}
    assert calendar_of({**by_place, **by_department}, line) == "near"
    assert calendar_of(by_place, line) == "works"
    assert calendar_of({"land": by_place["land"]}, line) == "land"
    assert calendar_of({}, line) is None
    people = company(plant={"departments": ["D4"]})
    assert [people.calendar_of(i) for i in "12345"] == [None, "plant", "plant", "plant", None]


# -- the people file -----------------------------------------------------------------------------------------------

NOTES = """
capacity = 12
[people."LI.WEI@small.example"]
capacity = 4.5
skills = ["gauge", "laser"]
substitutes = [{person = "3", from = 2026-11-16, to = 2026-11-20}, {person = "chen.bo"}, {person = "gone"}]
[people."5"]
calendar = "plant"
[departments.D9]
plant = "SZ"
channel = "plant-suzhou"
parent = "D4"
manager = "wang.fang"
"""


def notes(tmp_path: Path, text: str = NOTES) -> Path:
    path = tmp_path / "people.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_people_file_says_what_hr_does_not(tmp_path: Path) -> None:
    read = read_people_file(notes(tmp_path), ["default", "plant"])
    people = company(read, plant={"plants": ["SZ"]})
    assert (people.capacity_of("2"), people.capacity_of("3")) == (4.5, 12)
    assert people.skills_of("2") == {"gauge", "laser"}
    assert not people.skills_of("3")
    days = [date(2026, 11, day) for day in (15, 16, 20, 21)]
    assert [people.substitutes_on("2", day) for day in days] == [("4",), ("3", "4"), ("3", "4"), ("4",)]
    assert people.unknown == ("gone",)
    assert people.calendar_of("5") == "plant"
    department = people.departments["D9"]
    assert (department.parent_id, department.manager_id, department.channel) == ("D4", "3", "plant-suzhou")
    assert people.people_in("D4") == ("2", "3", "4", "5")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("capacity = 0", "line 1: capacity: Input should be greater than 0"),
        ("[people.x]\nskill = ['a']", "line 2: people.x.skill: Extra inputs"),
        ("[people.x]\ncalendar = 'night'", "line 2: people.x.calendar: 'night' is none of default, plant"),
        (
            "capacity = 3\n[people.a]\nlanguage = 'en'\n\n[people.'li.wei']  # he\n'language' = 'de'",
            "line 6: people.li.wei.language: Input should be 'en' or 'zh'",
        ),
        ("[people]\nx = {language = ''}", "line 2: people.x.language: Input should be 'en' or 'zh'"),
        ("[departments . D4]\nlanguage='ZH'", "line 2: departments.D4.language: Input should be 'en' or 'zh'"),
        (
            "[people.x]\nsubstitutes = [{person = '1', from = 2026-11-20, to = 2026-11-16}]",
            r"line 2: people.x.substitutes.0: `to` \(2026-11-16\) is before `from`",
        ),
        ("capacity = ", "not valid TOML"),
    ],
)
def test_a_people_file_that_cannot_be_used_says_where(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(PeopleFileError, match=rf"people.toml: {sentence}"):
        read_people_file(notes(tmp_path, text), ["plant", "default"])


def test_a_person_reads_his_own_language_else_that_of_the_nearest_department_above(tmp_path: Path) -> None:
    file = '[departments.D4]\nlanguage = "zh"\n[departments.D9]\nparent = "D4"\n[people."chen.bo"]\nlanguage = "en"\n'
    people = company(read_people_file(notes(tmp_path, file), []))
    assert [people.language_of(one) for one in ("1", "2", "3", "4", "5", "gone")] == ["", "zh", "zh", "en", "zh", ""]
    assert company().language_of("2") == ""


def test_the_examples_in_the_documents_can_be_used(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "people-and-time.md").read_text(encoding="utf-8")
    calendars, file = (body.split("```")[0] for body in page.split("```toml\n")[1:])
    declared = tomllib.loads(calendars)["calendars"]
    built = build_calendars(pack(**declared))
    assert set(built) == {"default", "plant", "vietnam"}
    read = read_people_file(notes(tmp_path, file), list(built))
    assert set(read.people) == {"li.wei@dongchen.example"} and set(read.departments) == {"D04"}


class _Snapshot:
    id = "s1"

    def rows(self, sql: str, _parameters: Any = ()) -> list[dict[str, Any]]:
        table = sql.rsplit(" ", 1)[1]
        blank = dict.fromkeys(("name", "email", "title", "department_name", "country", "manager_id"))
        return [{**blank, "person_id": "7", "login": "a.b", "department_id": "D4"}] if table == "people" else []


class _Store:
    def current(self) -> Any:
        return _Snapshot()


def test_the_file_is_read_again_when_it_changes_and_a_broken_one_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "people.toml"
    current = CurrentDirectory(_Store(), calendars=pack().calendars, people_file=path)
    assert current().capacity_of("7") is None
    notes(tmp_path, "[people.'a.b']\ncapacity = 3\n[people.nobody]\ncapacity = 3")
    with caplog.at_level(logging.WARNING):
        assert current().capacity_of("7") == 3
        assert "names people whom HR does not: nobody" in caplog.text
        caplog.clear()
        notes(tmp_path, "[people.'a.b']\ncapacity = -3")
        assert (current().capacity_of("7"), current().capacity_of("7")) == (3, 3)
        assert caplog.text.count("stays in force") == 1
    path.unlink()
    assert current().capacity_of("7") is None
    notes(tmp_path, "nonsense")
    with pytest.raises(PeopleFileError):
        CurrentDirectory(_Store(), people_file=path)()
