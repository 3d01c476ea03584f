"""The page of one case over HTTP, from opening to the judged effect, and as readers of other roles see it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.tokens import READ, create_token
from resources.clock import FixedClock
from tests.gateway_stack import METRIC, Stack, running_stack
from tests.process_world import REGULAR
from workflow_jobs.incidents import RED_LINE_RULE, Finding, keep_incidents
from workflow_jobs.store.tables import outbox

MONDAY = datetime(2026, 11, 16, 1, 30, tzinfo=UTC)
_subjects = count(100)


@pytest.fixture(scope="module")
def module_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("cases") / "home", FixedClock(MONDAY)) as running:
        yield running


@pytest.fixture
def clock(module_stack: Stack) -> FixedClock:
    """The clock of the module's gateway, in a week after the last test's; a Monday 09:30 in Shanghai."""
    clock = module_stack.clock
    assert isinstance(clock, FixedClock)
    weeks = (clock.now() - MONDAY) // timedelta(days=7) + 1
    clock.advance(MONDAY + weeks * timedelta(days=7) - clock.now())
    return clock


@pytest.fixture
def stack(module_stack: Stack) -> Stack:
    module_stack.http.cookies.clear()  # the language of the test before
    return module_stack


def opened(stack: Stack, label: str = "Huaxin Castings") -> str:
    """A case about a subject of its own."""
    return stack.open_case_undelivered(f"V-{next(_subjects):04d}", label)


def case_page(stack: Stack, case_id: str, query: str = "", **headers: str) -> str:
    answer = stack.http.get(f"/cases/{case_id}{query}", headers=headers)
    assert answer.status_code == 200, answer.text[:500]
    return answer.text


def graph(text: str) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """The drawn states by node, and the edges."""
    found = re.search(r'id="process-data">(.+?)</script>', text, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    onward = {(edge[0], edge[1]) for edge in data["edges"] if not edge[2:] or not edge[2].get("back")}
    return {node["id"]: node.get("state", "") for node in data["nodes"]}, onward


def timeline(text: str) -> str:
    found = re.search(r'<ol class="timeline">(.+?)</ol>', text, re.DOTALL)
    assert found is not None
    return re.sub(r"<[^>]+>", " ", found[1])


def effect(text: str) -> str:
    """Whether what was done helped, in words."""
    found = re.search(r"<dd data-effect>(.+?)</dd>", text)
    assert found is not None
    return re.sub(r"<[^>]+>", "", found[1])


def decide(stack: Stack, case_id: str, step: str, person: str | None = None) -> None:
    task = stack.open_task(case_id, step)
    outcome, form = REGULAR[step]
    stack.context.service.decide_task(task.task_id, task.version, person or task.assignee, outcome, form, "test")


def serve(stack: Stack, case_id: str) -> None:
    (step,) = [one for one in stack.context.service.due_service_steps() if one.case_id == case_id]
    stack.context.service.complete_service(
        case_id, step.step_id, "run-1", {"moves": []}, idempotency_key=step.idempotency_key
    )


def finish(stack: Stack, case_id: str) -> None:
    for step in ("judge", "supplier", "protect"):
        decide(stack, case_id, step)
    serve(stack, case_id)
    decide(stack, case_id, "assess")
    decide(stack, case_id, "promise")


# First, while no message of another test waits for its turn in the channel.
def test_messages_are_listed_with_their_recipients(stack: Stack) -> None:
    text = case_page(stack, stack.open_case(f"V-{next(_subjects):04d}"))
    assert "To: #trueloop" in text
    assert "To: Li Na" in text


def test_a_case_says_what_it_is_about_and_who_must_act(stack: Stack) -> None:
    case_id = stack.open_case(f"V-{next(_subjects):04d}")
    text = case_page(stack, case_id)
    assert "<h1>Supply exception: Huaxin Castings</h1>" in text
    assert f'<a href="/metrics/{METRIC}">' in text
    assert "supplier_reject_rate_high" in text
    assert "9.31" in text
    assert "Judge the exception: Li Na" in text
    assert "0 % of the time used" in text
    assert "The process with the state of this case" in text
    assert "E003" not in text


def test_the_drawing_follows_the_case(stack: Stack, clock: FixedClock) -> None:
    case_id = opened(stack)
    states, edges = graph(case_page(stack, case_id))
    assert states["judge"] == "current"
    assert {one for one, state in states.items() if not state} == set(states) - {"judge"}
    assert {("judge", "fork:respond"), ("fork:respond", "supplier"), ("fork:respond", "protect")} < edges
    assert {("replan", "join:respond"), ("protect", "join:respond"), ("join:respond", "assess")} < edges
    decide(stack, case_id, "judge")
    decide(stack, case_id, "protect")
    states, _ = graph(case_page(stack, case_id))
    assert (states["judge"], states["fork:respond"], states["supplier"]) == ("done", "done", "current")
    assert (states["protect"], states["join:respond"], states["assess"]) == ("done", "current", "")
    clock.advance(timedelta(days=4))
    late = case_page(stack, case_id)
    assert graph(late)[0]["supplier"] == "overdue"
    assert "overdue" in late


def test_a_case_that_ends_early_shows_what_was_not_needed(stack: Stack) -> None:
    case_id = opened(stack)
    task = stack.open_task(case_id, "judge")
    stack.context.service.decide_task(
        task.task_id, task.version, task.assignee, "reject", {"judgement": "Counted <twice>"}, "test"
    )
    text = case_page(stack, case_id)
    states, _ = graph(text)
    assert (states["judge"], states["assess"], states["fork:respond"]) == ("done", "skipped", "skipped")
    assert "Counted &lt;twice&gt;" in text
    assert "decides “No action needed”" in timeline(text)
    assert effect(text) == "is not judged"


def test_a_reopened_case_is_drawn_from_its_first_step(stack: Stack, clock: FixedClock) -> None:
    case_id = opened(stack)
    finish(stack, case_id)
    ended = case_page(stack, case_id)
    assert {state for one, state in graph(ended)[0].items() if one != "end:"} == {"done"}
    assert "looked at again on" in effect(ended)
    clock.advance(timedelta(days=8))
    stack.context.service.judge_effect(case_id, "0.09", "20261116-000001")
    text = case_page(stack, case_id)
    states, _ = graph(text)
    assert (states["judge"], states["supplier"], states["promise"], states["end:"]) == ("current", "", "", "")
    assert "It did not work" in timeline(text)
    assert "Open again" in timeline(text)
    assert effect(text) == "it did not work; the case is open again"


def test_everything_that_happened_is_told_in_words_with_names(stack: Stack) -> None:
    case_id = opened(stack)
    decide(stack, case_id, "judge", person="E002")
    told = timeline(case_page(stack, case_id))
    assert "Judge the exception: Li Na is asked" in told
    assert "Zhou Min decides “Confirm” for Li Na" in told
    assert "Respond: 2 branches begin side by side" in told
    text = case_page(stack, case_id)
    assert "<dt>Amount at stake (CNY)</dt><dd>60,000</dd>" in text
    assert "<dt>Cause</dt><dd>Transport</dd>" in text
    chinese = case_page(stack, case_id, "?lang=zh")
    assert "质量判定：Zhou Min 代 Li Na 决定“确认异常”" in timeline(chinese)
    assert "<dt>原因</dt><dd>运输</dd>" in chinese


def test_every_event_of_a_whole_case_has_words(stack: Stack, clock: FixedClock) -> None:
    case_id = stack.open_case_undelivered("V-0001")
    assert stack.open_case_undelivered("V-0001") == case_id
    clock.advance(timedelta(days=2))
    while stack.context.service.fire_due_rungs():
        pass
    finish(stack, case_id)
    clock.advance(timedelta(days=8))
    day = clock.now().date()
    stack.context.service.judge_effect(case_id, "0.01", "20261116-000001", day)
    assert f"figures as of {day}" in case_page(stack, case_id)
    assert f"数据日期 {day}" in case_page(stack, case_id, "?lang=zh")
    names = {type(event).__name__ for event in stack.context.service.events(case_id)}
    assert {"RungFired", "EffectJudged", "ServiceCompleted", "BranchJoined"} <= names
    for language in ("en", "zh"):
        told = timeline(case_page(stack, case_id, f"?lang={language}"))
        assert "event_" not in told
        unsaid = [name for name in names if re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize() in told]
        assert unsaid == []


def test_the_ledger_has_pauses_with_reasons_and_rungs(stack: Stack, clock: FixedClock) -> None:
    finding = Finding(
        rule_id=RED_LINE_RULE, subject_id="fct_receipt_line", kind="asset", label="fct_receipt_line",
        owner_role="quality_engineer", failed=[("quantities_in_range", "4 % is above 1 %.")], symptoms=[],
        held=[{"metric": METRIC, "en": "Supplier reject rate", "zh": "供应商拒收率", "as_of": "2026-11-14"}],
        affected_roles=[], sighting="s1",
    )  # fmt: skip
    service = stack.context.service
    (case_id,) = keep_incidents(service, [finding], {RED_LINE_RULE}).opened
    task = service.case(case_id).open_tasks[0]
    service.snooze(task.task_id, task.version, task.assignee or "", clock.now() + timedelta(hours=5), "No lorry")
    text = case_page(stack, case_id)
    assert f"rests until {clock.now():%m-%d} 14:30" in text
    assert "No lorry" in text
    clock.advance(timedelta(days=3))
    while service.fire_due_rungs():
        pass
    text = case_page(stack, case_id)
    assert "rested for 3 h 30 min" in text
    assert "The clock runs again" in text
    assert "escalated to Zhou Min" in text
    assert f'<a href="/metrics/{METRIC}">Supplier reject rate</a>' in text


def test_an_incident_names_those_that_became_part_of_it(stack: Stack) -> None:
    service = stack.context.service
    findings = [
        Finding(
            rule_id=RED_LINE_RULE, subject_id=subject, kind="asset", label=subject, owner_role="quality_engineer",
            failed=[], symptoms=[], held=[], affected_roles=[], sighting="s9",
        )
        for subject in ("stg_deep", "fct_on_top")
    ]  # fmt: skip
    deep, on_top = keep_incidents(service, findings, {RED_LINE_RULE}).opened
    service.join_incident(on_top, deep)
    assert f'<a href="/cases/{on_top}">{on_top}</a> fct_on_top' in case_page(stack, deep)
    part = case_page(stack, on_top)
    assert f'<dt>Part of</dt><dd><a href="/cases/{deep}">{deep}</a></dd>' in part
    assert f"Became part of {deep}" in timeline(part)
    assert f'href="/cases/{deep}"' in stack.http.get("/incidents").text


def test_similar_cases_say_how_they_ended(stack: Stack, clock: FixedClock) -> None:
    first = opened(stack)
    clock.advance(timedelta(minutes=35))
    finish(stack, first)
    clock.advance(timedelta(days=8))
    stack.context.service.judge_effect(first, "0.01", "20261116-000001")
    text = case_page(stack, opened(stack, "Another"))
    assert f'<a href="/cases/{first}">{first}</a>' in text
    assert "judged ones worked." in text
    assert "No case like this one has ended yet." not in text
    assert "the same rule, the same metric" in text
    assert '<td data-label="Took">35 min</td>' in text


def renewal(text: str) -> str:
    """The address at which an open page asks whether it is still current."""
    found = re.search(r'data-watch hx-get="([^"]+)"', text)
    assert found is not None
    return found[1]


def test_an_open_page_hears_of_its_case(stack: Stack, clock: FixedClock) -> None:
    case_id = opened(stack)
    address = renewal(case_page(stack, case_id))
    assert stack.http.get(address).status_code == 204
    clock.advance(timedelta(hours=2))
    renewed = stack.http.get(address)
    assert "50 % of the time used" in renewed.text, "the light of an open page goes on by itself"
    address = renewal(renewed.text)
    assert stack.http.get(address).status_code == 204
    with stack.context.engine.begin() as connection:
        connection.execute(sa.update(outbox).where(outbox.c.case_id == case_id).values(status="dead"))
    assert stack.http.get(address).status_code == 200, "messages were given up"
    assert stack.http.get("/cases/C-999999").status_code == 404
    assert "There is no case C-999999" in stack.http.get("/cases/C-999999").text
    assert f'href="/cases/{case_id}"' in stack.http.get("/").text


def test_names_entries_and_messages_are_hidden_from_those_who_may_not_see_them(stack: Stack) -> None:
    context = stack.context
    policy = replace(context.access, case_people="personal")
    stack.app.state.context = replace(context, access=policy)
    made = create_token(context.engine, name="kiosk", scopes=[READ], clock=context.clock, reader_role="analyst")
    headers = {"authorization": f"Bearer {made.text}"}
    case_id = opened(stack)
    decide(stack, case_id, "judge")
    try:
        hidden_from(stack, case_id, headers)
    finally:
        stack.app.state.context = context


def hidden_from(stack: Stack, case_id: str, headers: dict[str, str]) -> None:
    text = case_page(stack, case_id, **headers)
    for hidden in ("Li Na", "E003", "60,000", "60000"):
        assert hidden not in text, hidden
    assert re.search(r"person-[0-9a-f]{10} decides “Confirm”", timeline(text))
    assert "What was entered is not shown to your role." in text
    board = stack.http.get("/cases", headers=headers)
    assert board.status_code == 200
    assert "Zhang Wei" not in board.text
    assert stack.http.get("/cases?person=E005", headers=headers).status_code == 403
    assert stack.http.get("/cases?department=Purchasing", headers=headers).status_code == 403
