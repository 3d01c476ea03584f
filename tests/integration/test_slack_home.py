"""The Home tab: what it shows to whom, its buttons, and that it follows what its person does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.slack_home import reports_of
from resources.clock import FixedClock
from resources.people import Directory, Person, directory
from resources.people_reading import CurrentDirectory
from tests.gateway_stack import Stack, running_stack, wait_until
from tests.slack_desk import PAGE, act, submit
from workflow_jobs.cases import OpenRequest


@pytest.fixture
def stack(tmp_path: Path, clock: FixedClock) -> Iterator[Stack]:
    """A gateway whose quality engineer works by the calendar of the plants."""
    people = tmp_path / "people.toml"
    people.write_text('[people.E003]\ncalendar = "plants"\n')
    with running_stack(tmp_path / "home", clock, people_file=people) as running:
        yield running


def home(stack: Stack, person: str) -> dict[str, Any]:
    """The tab as the person sees it after opening it; its view's body."""
    fields = {"as": stack.user(person)}
    before = stack.workspace.views.home(stack.user(person))
    assert stack.http.post("/embedded-slack/opened", data=fields, headers=PAGE).text == ""

    def drawn() -> bool:
        now = stack.workspace.views.home(stack.user(person))
        return now is not None and (before is None or now.hash != before.hash)

    wait_until(drawn)
    return body(stack, person)


def body(stack: Stack, person: str) -> dict[str, Any]:
    view = stack.workspace.views.home(stack.user(person))
    assert view is not None
    return view.body


def text(view: dict[str, Any]) -> str:
    return json.dumps(view, ensure_ascii=False)


def test_a_person_sees_his_work_and_decides_in_the_tab(stack: Stack) -> None:
    case_id = stack.open_case()
    view = home(stack, "E003")
    shown = text(view)
    assert "My work (1)" in shown and "🟢 *Judge the exception*" in shown and f"/cases/{case_id}|{case_id}>" in shown
    assert "Late in my department" not in shown
    page = stack.http.get(f"/embedded-slack/?as={stack.user('E003')}&channel=home").text
    assert "My requests (0)" in page and 'hx-post="/embedded-slack/opened"' in page
    shown_view = stack.workspace.views.home(stack.user("E003"))
    assert shown_view is not None
    assert act(stack, "E003", "decide:confirm:0", view["blocks"], view=shown_view.id) == ""
    assert submit(stack, "E003", {"impact_amount": "42000.50", "exception_cause": "supplier_quality"}) == ""
    # Nobody opened the tab again: it follows the decision by itself.
    wait_until(lambda: "My work (0)" in text(body(stack, "E003")))
    assert stack.context.service.case(case_id).data["impact_amount"] == "42000.50"


def test_a_manager_sees_what_is_late_among_his_people_and_everybody_what_he_asked_for(
    stack: Stack, clock: FixedClock
) -> None:
    case_id = stack.open_case()
    request = OpenRequest(
        template_id="supply_exception", rule_id="asked", subject_label="Asked by sales", requested_by="E009"
    )
    asked = stack.context.service.open_case(request).case_id
    assert "Late in my department (0)" in text(home(stack, "E002"))
    clock.advance(timedelta(days=3))
    late = text(home(stack, "E002"))
    assert "Late in my department (2)" in late and "🔴 Li Na" in late and case_id in late
    # The plant's head leads everybody below his managers, too; sales leads nobody of quality.
    assert "Late in my department (2)" in text(home(stack, "E001"))
    assert "Late in my department (0)" in text(home(stack, "E010"))
    mine = text(home(stack, "E009"))
    assert "My requests (1)" in mine and asked in mine and "Asked by sales" in mine and "waiting: Li Na" in mine


def test_long_lists_are_cut_and_lead_to_the_board(stack: Stack) -> None:
    for number in range(9):
        stack.open_case_undelivered(f"V-{number:04d}", "Supplier " + "x" * 400)
    view = home(stack, "E003")
    assert "My work (9)" in text(view) and "+3 · <" in text(view) and "/cases?person=E003|" in text(view)
    assert sum(block["type"] == "actions" for block in view["blocks"]) == 6


def test_what_goes_wrong_with_waits_costs_nobody_the_rest_of_his_tab(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    case_id = stack.open_case_undelivered("V-1", "Supplier 1")

    def fails(person_id: str, limit: int) -> None:
        raise RuntimeError("a state that nobody can read")

    monkeypatch.setattr(stack.context.service, "waits_for", fails)
    shown = text(home(stack, "E003"))
    assert "My work (1)" in shown and case_id in shown and "Say when it has happened (0+)" in shown
    assert "a state that nobody can read" in caplog.text


def test_tabs_go_on_following_their_people_after_the_directory_could_not_be_read(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for label in ("First", "Second"):
        stack.open_case(f"V-{label}", label)
    view = home(stack, "E003")
    read, failures = CurrentDirectory.__call__, [OSError("the snapshot's file is gone")]

    def flaky(self: CurrentDirectory) -> Directory:
        if failures and threading.current_thread().name == "gateway-slack-home":
            raise failures.pop()
        return read(self)

    monkeypatch.setattr(CurrentDirectory, "__call__", flaky)
    shown = stack.workspace.views.home(stack.user("E003"))
    assert shown is not None
    for number in (0, 1):
        assert act(stack, "E003", f"decide:confirm:{number}", view["blocks"], view=shown.id) == ""
        assert submit(stack, "E003", {"impact_amount": "1000", "exception_cause": "supplier_quality"}) == ""
        wait_until(lambda: not failures)
    wait_until(lambda: "My work (0)" in text(body(stack, "E003")))
    assert "the snapshot's file is gone" in caplog.text


def test_the_light_is_that_of_the_board_where_somebody_works_by_another_calendar(
    stack: Stack, clock: FixedClock
) -> None:
    """Four hours from 09:30 are over at 13:30 where nobody has a lunch break; at 12:30 three of them are used."""
    stack.open_case()
    clock.advance(timedelta(hours=3))
    assert 'class="case-card green"' in stack.http.get("/cases").text
    assert "🟢 *Judge the exception*" in text(home(stack, "E003"))


def test_somebody_whom_the_directory_does_not_know_has_no_tab(stack: Stack) -> None:
    member = stack.workspace.members.get(stack.user("E011"))
    assert member is not None
    with stack.workspace.database.writing() as connection:
        connection.execute("update member set email = 'nobody@x.example' where id = ?", (member.id,))
    fields = {"as": member.id}
    assert stack.http.post("/embedded-slack/opened", data=fields, headers=PAGE).text == ""
    home(stack, "E003")
    assert stack.workspace.views.home(member.id) is None


def test_reports_are_found_to_any_depth_and_circles_end() -> None:
    chain = [("a", None), ("b", "a"), ("c", "b"), ("x", "y"), ("y", "x")]
    found = directory(Person(person_id=one, manager_id=boss) for one, boss in chain)
    assert reports_of(found, "a") == {"b", "c"}
    assert reports_of(found, "c") == frozenset()
    assert reports_of(found, "x") == {"y"}
