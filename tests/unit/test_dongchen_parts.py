"""The small pieces of the sample company: days and numbers, rounding, formats, people, refusals."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from ops_assets.dongchen.__main__ import main
from ops_assets.dongchen.company import Company
from ops_assets.dongchen.generate import generate
from ops_assets.dongchen.ledger import Ledger
from ops_assets.dongchen.people import hr_rows, plan_absences, staff
from ops_assets.dongchen.tables import TABLES, Row
from ops_assets.dongchen.timeline import chunks, number, weekday, workdays_until
from ops_assets.dongchen.truth import exact_text, rounded
from ops_assets.dongchen.world import build_world
from ops_assets.dongchen.writer import encode, texts
from resources.packs import load_pack
from resources.people import Person, directory
from resources.people_file import read_people_file

ROLES = {
    *("quality_engineer", "quality_manager", "buyer", "purchasing_manager", "production_planner", "production_manager"),
    *("plant_manager", "finance_analyst", "finance_manager", "cfo", "sales_rep", "sales_manager", "sales_director"),
    *("logistics_manager", "warehouse_manager", "hr_manager", "data_steward", "data_owner", "it_manager", "ceo"),
}


def test_days_are_named_as_in_the_calendar() -> None:
    for day in range(date(2026, 1, 1).toordinal(), date(2026, 3, 1).toordinal()):
        assert weekday(day) == date.fromordinal(day).weekday()
        assert workdays_until(day) - workdays_until(day - 1) == int(weekday(day) < 5)


def test_numbers_of_different_days_never_meet() -> None:
    seen = {number(date(2024, 1, 1).toordinal() + day, sequence) for day in range(800) for sequence in (0, 2699)}
    assert len(seen) == 1600
    assert all(len(digits) == 10 for digits in seen)
    with pytest.raises(ValueError, match="smaller scale"):
        number(date(2024, 1, 1).toordinal(), 2700)


@pytest.mark.parametrize("weekly", [True, False])
def test_chunks_cover_every_day_once_and_end_with_single_days(weekly: bool) -> None:
    start, until = date(2025, 11, 22).toordinal(), date(2026, 11, 21).toordinal()
    spans = list(chunks(start, until, weekly=weekly))
    assert [day for first, last in spans for day in range(first, last + 1)] == list(range(start, until + 1))
    assert all(first == last for first, last in spans[-14:])
    assert max(last - first for first, last in spans) == (6 if weekly else 30)
    assert len(list(chunks(until - 5, until, weekly=weekly))) == 6


def test_values_are_rounded_half_up() -> None:
    assert rounded(Fraction(25, 200), 2) == "0.13"
    assert rounded(Fraction(1249, 10000), 2) == "0.12"
    assert rounded(Fraction(-25, 200), 2) == "-0.13"
    assert rounded(Fraction(0), 2) == "0.00"
    assert rounded(Fraction(200, 3), 4) == "66.6667"
    assert exact_text(Fraction(10**20 + 1, 8)) == "12500000000000000000.125"
    assert exact_text(Fraction(1200)) == "1200"
    with pytest.raises(ValueError, match="no finite"):
        exact_text(Fraction(1, 3))


def test_amounts_are_written_with_their_digits() -> None:
    table = TABLES["finance.ledger_margin"]
    row: Row = ("LE1", "SO1", 2, date(2026, 1, 5), 123_456, 5, -1, 0)
    assert texts(table, [row]) == [["LE1", "SO1", "2", "2026-01-05", "1234.56", "0.05", "-0.01", "0.00"]]
    run = TABLES["mes.production_runs"]
    at = datetime(2026, 1, 5, 8, 30)
    line = encode(run, texts(run, [("RUN1", "WO1", "L01", "1-A", at, None, 480, 10, 9, 60_060)])).decode()
    assert json.loads(line)["server_time"] is None
    assert '"ideal_cycle_seconds": 60.060' in line
    assert '"machine_time": "2026-01-05 08:30:00"' in line


def test_everybody_but_the_chief_executive_has_a_manager_and_every_role_is_held() -> None:
    people = staff(7)
    assert 115 <= len(people) <= 125
    assert [person.role for person in people if person.manager is None] == ["ceo"]
    numbers = {person.number for person in people}
    assert all(person.manager in numbers for person in people[1:])
    held = Counter(row[1] for row in hr_rows(people, "hr.employee_roles"))
    assert set(held) == ROLES
    assert max(held.values()) <= 4
    assert all(
        held[role] >= 2 for role in ("quality_engineer", "buyer", "production_planner", "finance_analyst", "sales_rep")
    )
    logins = [person.login for person in people]
    assert len(set(logins)) == len(logins)
    assert len({row[0] for row in hr_rows(people, "hr.departments")}) == 12


def test_the_people_file_knows_who_reads_another_language_than_the_channels() -> None:
    pack, people = load_pack("dongchen"), staff(7)
    notes = read_people_file(pack.folder / "people.toml", pack.calendars)
    known = (Person(one.employee_no, department_id=one.department) for one in people)
    found = directory(known, hr_rows(people, "hr.employee_roles"), notes=notes)
    assert set(notes.departments) <= {row[0] for row in hr_rows(people, "hr.departments")} and not found.unknown
    read = {role: {found.language_of(one) for one in found.candidates(role)} for role in ROLES}
    assert read["plant_manager"] == read["production_planner"] == {"zh"}
    assert read["quality_engineer"] == read["ceo"] == {""}, "they read what the channels say"


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_somebody_is_always_absent_and_never_all_of_one_role(seed: int) -> None:
    people = staff(seed)
    away: dict[int, set[str]] = defaultdict(set)
    start = date(2026, 1, 1).toordinal()

    def emit(table: str, when: datetime, row: Row, mark: int = 1) -> None:
        assert when.date() < row[2] <= row[3]
        for day in range(row[2].toordinal(), row[3].toordinal() + 1):
            away[day].add(row[1])

    for day in range(start, start + 365):
        plan_absences(seed, people, day, emit)
    holders: dict[str, set[str]] = defaultdict(set)
    for employee, role in hr_rows(people, "hr.employee_roles"):
        holders[role].add(employee)
    for day in range(start + 10, start + 360):
        assert away[day]
        for role in ("quality_engineer", "buyer", "production_planner", "finance_analyst", "sales_rep"):
            assert holders[role] - away[day], (role, date.fromordinal(day))


def test_a_resumed_company_goes_on_as_the_one_that_never_stopped() -> None:
    world = build_world(4, 0.05)
    start = date(2026, 1, 1).toordinal()
    steady = Company(world, start)
    for _ in range(150):
        steady.run_day(disputed=False)
    resumed = Company.resume(world, start, start + 150, steady.stock.levels)
    for _ in range(5):
        assert resumed.run_day(disputed=False) == steady.run_day(disputed=False)
    with pytest.raises(ValueError, match="does not belong"):
        Company.resume(world, start, start + 150, {("SKU1", "WH-SZ"): 3})


def test_stock_is_never_negative_and_moves_explain_every_count() -> None:
    world = build_world(4, 0.02)
    company = Company(world, date(2026, 1, 1).toordinal())
    booked: Counter[tuple[str, str]] = Counter()
    for _ in range(120):
        events = company.run_day(disputed=False)
        for event in events["wms.stock_moves"]:
            booked[event.row[1], event.row[2]] += event.row[4]
        counted = {(event.row[1], event.row[2]): event.row[3] for event in events["wms.stock_counts"]}
        assert min(counted.values()) >= 0
        assert {place: level for place, level in booked.items() if place[0] != world.story_item.sku} == counted


def test_a_row_with_dependants_cannot_be_taken_back() -> None:
    ledger = Ledger(build_world(1, 0.02))
    line: Row = ("PO2026000001", 1, "V000101", "M-20001", date(2026, 1, 5), date(2026, 1, 20), 120, 1, 1)
    receipt: Row = ("GR1", "PO2026000001", 1, "SUP-101", "SKU00020001", datetime(2026, 1, 20, 9), 120, "EA", 6)
    ledger.add("erp.purchase_order_lines", line)
    ledger.add("wms.receipts", receipt)
    day = date(2026, 1, 20).toordinal()
    assert ledger.supplier_on_time() == {"V000101": {day: [1, 1, 1]}}
    assert ledger.supplier_rejects() == {"V000101": {day: [6, 120, 1]}}
    with pytest.raises(ValueError, match="has receipts"):
        ledger.remove("erp.purchase_order_lines", line)
    ledger.remove("wms.receipts", receipt)
    assert ledger.supplier_on_time() == {}
    ledger.remove("erp.purchase_order_lines", line)


def test_unusable_arguments_say_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    until = date(2026, 11, 21)
    with pytest.raises(ValueError, match=r"scale 99 .* from 0\.01 to 20"):
        generate(tmp_path / "landing", None, scale=99, until=until)
    with pytest.raises(ValueError, match="at least 45"):
        generate(tmp_path / "landing", None, days=10, until=until)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    with pytest.raises(FileExistsError, match="not an empty folder"):
        generate(tmp_path / "full", None, until=until)
    assert main(["--landing", str(tmp_path / "full"), "--until", "2026-11-21"]) == 2
    assert "not an empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_a_killed_generation_leaves_no_landing_folder_and_the_next_one_succeeds(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def die(sentence: str) -> None:
        raise Killed

    until = date(2026, 11, 21)
    with pytest.raises(Killed):
        generate(tmp_path / "landing", None, scale=0.02, days=60, until=until, progress=die)
    assert not (tmp_path / "landing").exists()
    said: list[str] = []
    generate(tmp_path / "landing", None, scale=0.02, days=60, until=until, progress=said.append)
    assert (tmp_path / "landing" / "erp").is_dir()
    assert not (tmp_path / "landing.partial").exists()
    assert said[-1] == "sample company: 60 of 60 days"
