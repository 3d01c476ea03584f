"""The board of cases over HTTP: columns, lights, filters, pages, renewal, and what a reader may not see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.cases_board import EACH, ONE_COLUMN
from gateway.tokens import READ, create_token
from resources.clock import FixedClock
from tests.gateway_stack import Stack, running_stack
from workflow_jobs.cases import OpenRequest


@pytest.fixture
def stack(tmp_path: Path, clock: FixedClock) -> Iterator[Stack]:
    with running_stack(tmp_path / "home", clock) as running:
        yield running


def board(stack: Stack, query: str = "", **headers: str) -> str:
    answer = stack.http.get(f"/cases{query}", headers=headers)
    assert answer.status_code == 200, answer.text[:500]
    return answer.text


def shown(text: str) -> list[str]:
    return re.findall(r'data-case="([^"]+)"', text)


def columns(text: str) -> list[str]:
    return re.findall(r'data-step="([^"]+)"', text)


def tally(text: str) -> list[str]:
    return re.findall(r"<li[^>]*>([^<]+)</li>", text.split('class="tally"')[1].split("</ul>", maxsplit=1)[0])


def lights(text: str) -> list[str]:
    return re.findall(r'class="case-card (\w*)"', text)


def judge(stack: Stack, case_id: str) -> None:
    task = stack.open_task(case_id, "judge")
    form = {"impact_amount": "60000", "exception_cause": "transport"}
    stack.context.service.decide_task(task.task_id, task.version, task.assignee, "confirm", form, "test")


def test_a_case_stands_at_every_step_that_waits_for_somebody(stack: Stack, clock: FixedClock) -> None:
    case_id = stack.open_case_undelivered()
    first = board(stack)
    assert columns(first) == ["supply_exception:judge"]
    assert lights(first) == ["green"]
    assert "Li Na" in first
    assert "Huaxin Castings" in first
    judge(stack, case_id)
    assert columns(board(stack)) == ["supply_exception:supplier", "supply_exception:protect"]
    assert shown(board(stack)) == [case_id, case_id]
    assert f'href="/cases/{case_id}"' in board(stack)


def test_lights_follow_the_working_time_used(stack: Stack, clock: FixedClock) -> None:
    """Four hours of work from Monday 09:30: 80 % are used at 14:12, all at 15:00, both in Shanghai."""
    stack.open_case_undelivered()
    assert "0 % of the time used" in board(stack)
    clock.advance(timedelta(hours=4, minutes=20))
    assert lights(board(stack)) == ["green"]
    clock.advance(timedelta(minutes=25))
    assert lights(board(stack)) == ["amber"]
    clock.advance(timedelta(hours=1))
    late = board(stack)
    assert lights(late) == ["red"]
    assert "1 overdue" in late


def test_filters_leave_only_what_fits(stack: Stack) -> None:
    cases = [stack.open_case_undelivered(f"V-000{number}", f"Supplier {name}") for number, name in enumerate("abc")]
    judge(stack, cases[0])
    assert set(shown(board(stack, "?person=E003"))) == set(cases[1:])
    assert set(shown(board(stack, "?department=Quality"))) == set(cases[1:])
    assert set(shown(board(stack, "?department=Purchasing"))) == {cases[0]}
    assert shown(board(stack, "?department=Purchasing&person=E003")) == []
    assert set(shown(board(stack, "?q=supplier+B"))) == {cases[1]}
    assert set(shown(board(stack, "?q=V-0002"))) == {cases[2]}
    assert set(shown(board(stack, f"?q={cases[2]}"))) == {cases[2]}
    assert shown(board(stack, "?q=100%25")) == []
    assert set(shown(board(stack, "?priority=high"))) == set(cases)
    assert shown(board(stack, "?priority=low")) == []
    assert shown(board(stack, "?template=data_incident")) == []
    assert shown(board(stack, "?status=closed")) == []
    assert set(shown(board(stack, "?at=supply_exception:judge"))) == set(cases[1:])
    asked = OpenRequest(template_id="supply_exception", rule_id="asked", subject_label="Asked", requested_by="E003")
    own = stack.context.service.open_case(asked).case_id
    for query in ("?requester=E003", "?requester=E003&status=any", "?requester=E003&q=asked"):
        assert shown(board(stack, query)) == [own]
    assert shown(board(stack, "?requester=E004&status=any")) == []
    assert '<option value="E003" selected>Li Na' in board(stack, "?requester=E003")


def test_ended_cases_are_found_by_their_state(stack: Stack) -> None:
    case_id = stack.open_case_undelivered()
    task = stack.open_task(case_id, "judge")
    stack.context.service.decide_task(task.task_id, task.version, task.assignee, "reject", {"judgement": "no"}, "test")
    assert shown(board(stack)) == []
    state = stack.context.service.case(case_id).status
    assert shown(board(stack, f"?status={state}")) == [case_id]
    assert columns(board(stack, "?status=any")) == ["supply_exception:"]
    assert '<span class="waits">closed</span>' in board(stack, "?status=any&lang=en")
    assert tally(board(stack)) == ["0 steps wait"]
    assert tally(board(stack, f"?status={state}")) == ["1 case"]
    assert tally(board(stack, "?status=any")) == ["0 steps wait", "1 case at rest or over"]


def test_a_filter_that_does_not_exist_says_what_may_be_asked(stack: Stack) -> None:
    for query, named in (("status=shut", "watching_effect"), ("priority=huge", "urgent"), ("at=judge", "supply_exc")):
        answer = stack.http.get(f"/cases?{query}")
        assert answer.status_code == 422
        assert named in answer.json()["detail"]
        page = stack.http.get(f"/cases?{query}", headers={"accept": "text/html"})
        assert (page.status_code, named in page.text, "<h1>This cannot be shown" in page.text) == (422, True, True)
        assert 'href="/cases"' in page.text
    assert "<script>" not in board(stack, "?q=%3Cscript%3E&template=%3Cscript%3E&person=%3Cscript%3E")


def test_a_long_column_is_cut_and_leads_to_all_of_it(stack: Stack) -> None:
    ids = [stack.open_case_undelivered(f"V-{number:04d}", f"Supplier {number}") for number in range(ONE_COLUMN + 2)]
    text = board(stack)
    assert len(shown(text)) == EACH
    assert f"Show all {len(ids)}" in text
    first, second = (shown(board(stack, f"?at=supply_exception:judge&page={page}")) for page in (1, 2))
    assert (len(first), len(second)) == (ONE_COLUMN, 2)
    assert sorted(first + second) == sorted(ids)
    assert shown(board(stack, "?at=supply_exception:judge&page=3")) == []


def test_a_board_costs_as_many_statements_for_many_cases_as_for_one(stack: Stack) -> None:
    counted: list[str] = []
    sa.event.listen(stack.context.engine, "before_cursor_execute", lambda *given: counted.append(given[2]))

    def statements() -> int:
        counted.clear()
        board(stack)
        return sum(statement.lstrip().upper().startswith(("SELECT", "WITH")) for statement in counted)

    stack.open_case_undelivered()
    board(stack)
    few = statements()
    for number in range(EACH):
        stack.open_case_undelivered(f"V-01{number:02d}", f"Supplier {number}")
    assert statements() == few <= 7


def test_an_open_board_hears_of_every_change(stack: Stack, clock: FixedClock) -> None:
    stack.open_case_undelivered()
    renewal = re.search(r'data-watch hx-get="([^"]+)"', board(stack, "?priority=high"))
    assert renewal is not None
    address = renewal[1].replace("&amp;", "&")
    assert stack.http.get(address).status_code == 204
    second = stack.open_case_undelivered("V-0009", "Another")
    answer = stack.http.get(address)
    assert answer.status_code == 200
    assert second in shown(answer.text)
    assert "priority=high" in answer.text
    renewed = re.search(r'data-watch hx-get="([^"]+)"', answer.text)
    assert renewed is not None
    address = renewed[1].replace("&amp;", "&")
    assert stack.http.get(address).status_code == 204
    clock.advance(timedelta(minutes=1))
    assert stack.http.get(address).status_code == 200


def test_a_reader_who_sees_nothing_internal_gets_no_board(stack: Stack) -> None:
    context = stack.context
    made = create_token(context.engine, name="kiosk", scopes=[READ], clock=context.clock, reader_role="public")
    headers = {"authorization": f"Bearer {made.text}"}
    stack.open_case_undelivered()
    assert stack.http.get("/cases", headers=headers).status_code == 403


def test_the_board_speaks_chinese_and_stands_in_the_navigation(stack: Stack) -> None:
    stack.open_case_undelivered()
    text = board(stack, "?lang=zh")
    assert "质量判定" in text
    assert "已用时 0%" in text
    assert 'href="/cases" aria-current="page"' in text
    assert stack.http.get("/cases", headers={"host": "figures.example"}).status_code == 401
