"""Which waits a person is shown as his to end: found among others', whatever older cases and versions hold."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from resources.clock import FixedClock
from tests.engine_world import MONDAY, calendar, human, people
from workflow_jobs.cases import OpenRequest
from workflow_jobs.engine.template import Template, load_template
from workflow_jobs.service import ProcessService
from workflow_jobs.store import wait_rows
from workflow_jobs.store.tables import template_version
from workflow_jobs.template_library import TemplateLibrary

T = "{en: T, zh: 题}"
INPUT = f"inputs: [{{name: dept, type: role, title: {T}, required: true}}]\n"
WAIT = (
    f"{{id: rest, kind: wait, title: {T}, raci: {{accountable: {{input: dept, default: logistics_manager}}}}, "
    "until: {working: P5D}, signal: come}"
)


def template(name: str, steps: str, head: str = "") -> Template:
    about = f"id: {name}\nversion: 1\ntitle: {T}\ndescription: {T}\nowner_role: plant_manager\n"
    return load_template(f"{about}{head}steps:\n{steps}", file=f"{name}.yaml")


class House:
    """Cases that wait for whom their input names, and others with a timer that nobody may end."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.clock, self.opened = engine, FixedClock(MONDAY), 0
        parts = template("parts", f"- {WAIT}\n- {human('look')}\n", INPUT)
        silent = template("silent", f"- {WAIT.replace(', signal: come', '')}\n- {human('look')}\n", INPUT)
        self.service = ProcessService(
            engine,
            clock=self.clock,
            templates=TemplateLibrary((parts, silent)),
            directory=people,
            calendar=calendar(),
        )

    def open(self, role: str, name: str = "parts") -> str:
        self.opened += 1
        number = str(self.opened)
        request = OpenRequest(template_id=name, rule_id=f"r{number}", subject_id=number, data={"dept": role})
        return self.service.open_case(request).case_id

    def shown(self, person: str, limit: int = 5) -> tuple[list[str], bool]:
        waits, more = self.service.waits_for(person, limit)
        return [case.case_id for case, _ in waits], more


@pytest.fixture
def house(ops_engine: Engine) -> House:
    return House(ops_engine)


def test_waits_of_others_hide_nobodys_own(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait_rows, "_PAGES", (2, 3))
    for _ in range(7):
        house.open("logistics_manager")
        house.open("finance_manager", "silent")
    house.clock.advance(timedelta(hours=1))
    mine = [house.open("finance_manager") for _ in range(3)]
    assert house.shown("fm") == (mine, False)
    assert house.shown("fm", 2) == (mine[:2], True)
    assert house.shown("fm", 3) == (mine, False)
    found, more = house.shown("lm", 6)
    assert len(set(found)) == 6 and more
    assert house.shown("b1") == ([], False)
    # Only so many are looked into: then nobody can say that there are no more.
    monkeypatch.setattr(wait_rows, "MOST_CASES", 7)
    assert house.shown("fm") == ([], True)
    monkeypatch.setattr(wait_rows, "MOST_CASES", 8)
    assert house.shown("fm") == (mine[:1], True)


def test_texts_that_nobody_can_see_keep_no_wait_from_being_found(house: House) -> None:
    first, second = (house.open("finance_manager") for _ in range(2))
    spoil = sa.text("update process_case set state = replace(cast(state as text), :old, :new) where case_id = :id")
    if house.engine.dialect.name == "postgresql":
        spoil = sa.text(
            "update process_case set state = cast(replace(cast(state as text), :old, :new) as json) where case_id = :id"
        )
    with house.engine.begin() as connection:
        connection.execute(
            spoil, {"id": first, "old": '"finance_manager"', "new": '"finance_manager", "x": "a\\u0000"'}
        )
    assert house.service.case(first).data["x"] == "a\0"
    assert house.shown("fm") == ([first, second], False)


def test_a_version_that_cannot_be_read_costs_its_own_cases_only_and_is_told(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    lost, found = house.open("finance_manager"), house.open("finance_manager")
    with house.engine.begin() as connection:
        for content in ("sha256:old", "sha256:unused"):
            text = "id: parts\nsome_old_key: 1\n"
            connection.execute(
                template_version.insert().values(hash=content, template_id="parts", text=text, first_used_at=MONDAY)
            )
        connection.execute(
            sa.text("update process_case set template_hash = 'sha256:old' where case_id = :id"), {"id": lost}
        )
    with caplog.at_level(logging.ERROR):
        assert house.shown("fm") == ([found], False)
        assert house.shown("b1") == ([], False)
    assert "sha256:old of parts" in caplog.text
    assert "sha256:unused" not in caplog.text
