"""The employees: departments, names, roles, who manages whom, and their absences.

Belongs here: everything the HR system exports. The people are the same for every scale; names follow the seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from ops_assets.dongchen.plan import Emit
from ops_assets.dongchen.tables import LEAF, Row
from ops_assets.dongchen.timeline import moment, stream

DEPARTMENTS = (
    ("D01", "Management"),
    ("D02", "Quality"),
    ("D03", "Purchasing"),
    ("D04", "Production Suzhou"),
    ("D05", "Production Chengdu"),
    ("D06", "Production Foshan"),
    ("D07", "Finance"),
    ("D08", "Sales"),
    ("D09", "Logistics"),
    ("D10", "Human Resources"),
    ("D11", "Data and IT"),
    ("D12", "Engineering"),
)

_HEADS = (
    ("D01", "ceo", "Chief executive"),
    ("D02", "quality_manager", "Quality manager"),
    ("D03", "purchasing_manager", "Purchasing manager"),
    ("D04", "plant_manager", "Plant manager Suzhou"),
    ("D05", "plant_manager", "Plant manager Chengdu"),
    ("D06", "plant_manager", "Plant manager Foshan"),
    ("D07", "cfo", "Chief financial officer"),
    ("D08", "sales_director", "Sales director"),
    ("D09", "logistics_manager", "Logistics manager"),
    ("D10", "hr_manager", "HR manager"),
    ("D11", "it_manager", "IT manager"),
    ("D12", "data_owner", "Head of engineering"),
)
"""Department heads in the order of DEPARTMENTS; employee 1 is the chief executive."""

_STAFF = (
    ("D04", "production_manager", "Production manager", 1),
    ("D07", "finance_manager", "Finance manager", 1),
    ("D08", "sales_manager", "Sales manager", 1),
    ("D09", "warehouse_manager", "Warehouse manager", 1),
    ("D02", "quality_engineer", "Quality engineer", 4),
    ("D03", "buyer", "Buyer", 4),
    ("D04", "production_planner", "Production planner", 2),
    ("D05", "production_planner", "Production planner", 1),
    ("D06", "production_planner", "Production planner", 1),
    ("D07", "finance_analyst", "Finance analyst", 3),
    ("D08", "sales_rep", "Sales representative", 4),
    ("D11", "data_steward", "Data steward", 2),
    ("D11", "data_owner", "Data owner", 1),
    ("D02", "", "Inspector", 6),
    ("D03", "", "Purchasing assistant", 4),
    ("D04", "", "Operator", 14),
    ("D05", "", "Operator", 14),
    ("D06", "", "Operator", 14),
    ("D07", "", "Accountant", 5),
    ("D08", "", "Sales assistant", 6),
    ("D09", "", "Warehouse clerk", 9),
    ("D10", "", "HR officer", 3),
    ("D11", "", "System administrator", 3),
    ("D12", "", "Design engineer", 5),
)

_FAMILY = ("Li", "Wang", "Zhang", "Liu", "Chen", "Yang", "Zhao", "Huang", "Zhou", "Wu", "Xu", "Sun", "Hu", "Zhu", "Gao")
_GIVEN = (
    *("Wei", "Fang", "Min", "Jing", "Lei", "Qiang", "Yan", "Jun", "Xia", "Tao", "Ming", "Hua", "Ping", "Bo", "Na"),
    *("Yu", "Hong", "Chao", "Lin", "Mei", "Rui", "Hao", "Ting", "Kai", "Xin"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """One employee. ``role`` is empty for those who answer for no step of a process."""

    number: int
    name: str
    login: str
    title: str
    department: str
    manager: int | None
    role: str
    hired_on: date

    @property
    def employee_no(self) -> str:
        """The number that HR uses."""
        return f"E{self.number:05d}"


def staff(seed: int) -> tuple[Person, ...]:
    """All employees, the chief executive first, then the heads of the departments."""
    rng = stream(seed, "people", 0)
    head_of = {department: index + 1 for index, (department, _, _) in enumerate(_HEADS)}
    places: list[tuple[str, str, str, int | None]] = []
    for department, role, title in _HEADS:
        places.append((department, role, title, None if role == "ceo" else 1))
    for department, role, title, count in _STAFF:
        places.extend([(department, role, title, head_of[department])] * count)
    people = []
    for number, (department, role, title, manager) in enumerate(places, start=1):
        family, given = rng.choice(_FAMILY), rng.choice(_GIVEN)
        people.append(
            Person(
                number=number,
                name=f"{given} {family}",
                login=f"{family.lower()}.{given.lower()}{number}",
                title=title,
                department=department,
                manager=manager,
                role=role,
                hired_on=date(2012, 1, 2) + timedelta(days=rng.randrange(3600)),
            )
        )
    return tuple(people)


def hr_rows(people: tuple[Person, ...], name: str) -> list[Row]:
    """Rows of one HR snapshot."""
    if name == "hr.departments":
        return [(code, title, "CN") for code, title in DEPARTMENTS]
    if name == "hr.employees":
        return [
            (
                person.employee_no,
                person.name,
                f"{person.login}@dongchen.example",
                person.login,
                person.title,
                person.department,
                None if person.manager is None else f"E{person.manager:05d}",
                person.hired_on,
            )
            for person in people
        ]
    if name == "hr.employee_roles":
        rows = [(person.employee_no, person.role) for person in people if person.role]
        return [*rows, *((person.employee_no, "data_owner") for person in people if person.role == "cfo")]
    raise KeyError(name)


def plan_absences(seed: int, people: tuple[Person, ...], day: int, emit: Emit) -> None:
    """Absences that are asked for on a day; they start within a week. Everybody takes turns, about six a year.

    Turns keep the holders of one role from being away all at once. One of a day's absences starts the next day, so
    that somebody is always absent.
    """
    rng = stream(seed, "absences", day)
    for sequence in range(2):
        turn = day * 2 + sequence
        person = people[turn * 37 % len(people)]
        starts = day + 1 + rng.randrange(6) * sequence
        length = (1, 1, 2, 3, 5)[rng.randrange(5)]
        row = (
            f"AB{date.fromordinal(day):%Y%m%d}-{sequence + 1:02d}",
            person.employee_no,
            date.fromordinal(starts),
            date.fromordinal(starts + length - 1),
            ("annual", "annual", "sick", "business")[rng.randrange(4)],
        )
        emit("hr.absences", moment(day, 34_000 + rng.randrange(20_000)), row, LEAF)
