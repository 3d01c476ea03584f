"""The page of a case with every construct of a template: decision tables, waits, votes, returns, pauses, ratings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from resources.clock import FixedClock
from tests.gateway_stack import Stack, running_stack
from tests.integration.test_case_page import case_page, graph, timeline
from workflow_jobs.cases import OpenRequest
from workflow_jobs.engine import events as e
from workflow_jobs.engine.template import Template, load_template
from workflow_jobs.evidence import Evidence
from workflow_jobs.service import ProcessService

MONDAY = datetime(2026, 11, 16, 1, 30, tzinfo=UTC)
TEXT = """
id: sample_change
version: 1
title: {en: "Sample change", zh: "样品变更"}
description: {en: "A change.", zh: "变更。"}
owner_role: quality_manager
opened_by: [people, cases]
sla: P5D
case_ladder: [{at: 50, action: remind, to: owner}]
learning: {cause: cause, remedy: remedy}
ladder: [{at: 100, action: escalate, to: manager}]
inputs:
  - {name: kind, type: choice, title: {en: "Kind", zh: "类型"}, required: true, options: [
      {value: big, title: {en: "Big", zh: "大"}}, {value: small, title: {en: "Small", zh: "小"}}]}
steps:
  - id: draft
    kind: human
    title: {en: "Draft it", zh: "起草"}
    raci: {responsible: quality_engineer, accountable: quality_manager, consulted: [buyer]}
    sla: P1D
    actions: {acknowledge: true, delegate: true, pauses: [
      {id: waiting_for_supplier, title: {en: "Waiting for the supplier", zh: "等待供应商"}, at_most: P3D}]}
    form:
      - {name: cause, type: text, title: {en: "Cause", zh: "原因"}, required: true}
      - {name: remedy, type: text, title: {en: "Remedy", zh: "措施"}, required: true}
    outcomes: [{id: drafted, style: primary, title: {en: "Drafted", zh: "已起草"}}]
  - decision:
      id: size
      title: {en: "How big is it", zh: "规模"}
      accountable: quality_manager
      rules:
        - id: big_change
          when: 'data.kind == "big"'
          steps:
            - id: board
              kind: human
              title: {en: "Vote on it", zh: "表决"}
              raci: {responsible: quality_manager, accountable: plant_manager}
              sla: P1D
              vote: {voters: [quality_manager, purchasing_manager, sales_manager], needed: 2, approves: agreed,
                     rejects: again}
              form: [{name: why, type: text, title: {en: "Why", zh: "理由"}, required: [again]}]
              outcomes:
                - {id: agreed, style: primary, title: {en: "Agreed", zh: "同意"}}
                - {id: again, style: danger, title: {en: "Draft it again", zh: "重新起草"}, returns_to: draft}
        - {id: small_change, default: true}
  - id: customer
    kind: wait
    title: {en: "The customer confirms", zh: "客户确认"}
    raci: {responsible: sales_manager, accountable: sales_manager}
    until: {working: P2D}
    signal: customer_confirmed
    pauses_case: true
  - id: file
    kind: human
    title: {en: "File it", zh: "归档"}
    raci: {responsible: quality_engineer, accountable: quality_manager}
    sla: P1D
    outcomes: [{id: filed, style: primary, title: {en: "Filed", zh: "已归档"}}]
"""


PARENT = """
id: whole_change
version: 1
title: {en: "Whole change", zh: "整体变更"}
description: {en: "A change that another process makes.", zh: "由其他流程完成的变更。"}
owner_role: quality_manager
opened_by: [people]
inputs:
  - {name: kind, type: text, title: {en: "Kind", zh: "类型"}, required: true}
steps:
  - id: made
    kind: process
    title: {en: "Change it", zh: "变更"}
    raci: {responsible: quality_manager, accountable: quality_manager}
    template: sample_change
    passes: {kind: kind}
"""


class _Templates:
    def get(self, template_id: str) -> Template:
        return load_template(PARENT if template_id == "whole_change" else TEXT, file=f"{template_id}.yaml")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("constructs") / "home", FixedClock(MONDAY)) as running:
        yield running


class Driver:
    """Plays cases of the one template on the gateway's database and clock."""

    def __init__(self, stack: Stack) -> None:
        context = stack.context
        assert isinstance(stack.clock, FixedClock)
        self.clock = stack.clock
        self.opened = 0
        self.service = ProcessService(
            context.engine, clock=stack.clock, templates=_Templates(), directory=context.directory,
            calendar=context.service.calendar(),
        )  # fmt: skip

    def open(self, kind: str, template: str = "sample_change") -> str:
        self.opened += 1
        asked = OpenRequest(
            template_id=template, rule_id=template, subject_kind="item", subject_id=f"P-{self.opened}",
            requested_by="E009", data={"kind": kind},
        )  # fmt: skip
        return self.service.open_by_person(asked).case_id

    def decide(self, case_id: str, step: str, outcome: str, **form: Any) -> None:
        task = next(task for task in self.service.tasks(case_id=case_id) if task.step_id == step)
        self.clock.advance(timedelta(minutes=1))
        self.service.decide_task(task.task_id, task.version, task.assignee or "", outcome, form)


@pytest.fixture(scope="module")
def driver(stack: Stack) -> Driver:
    return Driver(stack)


@pytest.fixture(scope="module")
def big(driver: Driver) -> str:
    """A big change: paused, advised on, sent back once, agreed, confirmed by the customer, filed and rated."""
    case_id = driver.open("big")
    (task,) = driver.service.tasks(case_id=case_id)
    person = task.assignee or ""
    driver.service.answer_consultation(task.task_id, "E005", "The supplier can do it")
    driver.service.pause(task.task_id, task.version, person, "waiting_for_supplier")
    driver.clock.advance(timedelta(hours=2))
    driver.service.wake(task.task_id, person)
    driver.decide(case_id, "draft", "drafted", cause="Wear", remedy="Harder steel")
    driver.decide(case_id, "board", "again", why="Too dear")
    driver.decide(case_id, "board", "again", why="Too dear indeed")
    driver.decide(case_id, "draft", "drafted", cause="Wear", remedy="Oil")
    for _ in range(2):
        driver.decide(case_id, "board", "agreed")
    return case_id


def test_the_drawing_has_rules_votes_waits_and_returns(stack: Stack, driver: Driver, big: str) -> None:
    text = case_page(stack, big)
    states, edges = graph(text)
    assert {("draft", "rule:size"), ("rule:size", "board"), ("board", "customer"), ("rule:size", "customer")} < edges
    assert (states["draft"], states["board"], states["customer"], states["file"]) == ("done", "done", "current", "")
    data = json.loads(re.search(r'id="process-data">(.+?)</script>', text, re.DOTALL)[1])  # type: ignore[index]
    said = {(edge[0], edge[1]): edge[2] for edge in data["edges"] if edge[2:]}
    assert said["board", "draft"] == {"label": "Draft it again", "back": True}
    assert said["rule:size", "board"] == {"label": "big change"}
    kinds = {node["id"]: node["kind"] for node in data["nodes"]}
    assert kinds["rule:size"] == "big change"
    assert kinds["customer"].startswith("now: until 2026-11-")
    board = stack.http.get("/cases?lang=en").text
    assert "Waits for a time, a signal or another case" in board
    assert re.search(r'<span class="waits">The customer confirms <small>until 11-\d\d \d\d:\d\d', board)
    # Nobody must act, and yet somebody is waited for.
    assert re.search(r"<li data-awaited>The customer confirms: Sales manager, Quality manager, until 2026-11-", text)
    # Some minutes of the case's five days were used when it came to rest; the rest that is to come is not.
    clock = text.split("<h3>The whole case</h3>")[1].split("</div>")[0]
    assert re.search(r'width: [0-9]%"', clock)
    assert re.search(r"\b[0-4] h \d+ min of 5 d used", clock)


def test_a_rule_that_does_not_hold_needs_no_steps(stack: Stack, driver: Driver) -> None:
    case_id = driver.open("small")
    before, _ = graph(case_page(stack, case_id))
    assert before["board"] == ""
    driver.decide(case_id, "draft", "drafted", cause="Wear", remedy="Oil")
    states, _ = graph(case_page(stack, case_id))
    assert (states["rule:size"], states["board"], states["customer"]) == ("done", "skipped", "current")


def test_a_vote_says_how_it_stands(stack: Stack, driver: Driver) -> None:
    case_id = driver.open("big")
    driver.decide(case_id, "draft", "drafted", cause="Wear", remedy="Oil")
    driver.decide(case_id, "board", "agreed")
    pending = case_page(stack, case_id)
    assert "1 for, 0 against, 2 open" in pending
    assert pending.count("typed, not yet agreed") == 1
    driver.decide(case_id, "board", "again", why="No")
    driver.decide(case_id, "board", "again", why="No")
    settled = case_page(stack, case_id)
    states, _ = graph(settled)
    assert (states["draft"], states["rule:size"], states["board"]) == ("current", "", "")
    assert "typed, not yet agreed" not in settled


def test_everything_is_told_in_words_in_both_languages(stack: Stack, driver: Driver, big: str) -> None:
    driver.service.send_signal(big, "customer_confirmed", person_id="E010")
    driver.decide(big, "file", "filed")
    driver.service.rate_case(big, "E009", 4, "Quick enough")
    withdrawn = driver.open("small")
    driver.service.withdraw_case(withdrawn, "E009", "Not needed any more")
    told = timeline(case_page(stack, big, "?lang=en"))
    for sentence in (
        "Draft it: Zhang Wei was asked and answers", "The supplier can do it",
        "sends it back from Vote on it to Draft it", "How big is it: the rules say big change",
        "Vote on it: 2 for, 0 against; 2 of 3 are needed", "The customer confirms: waits to be told",
        "The customer confirms: Ma Chao says that it has happened", "Xu Jing rates the process 4 of 5",
        "The case is due 2026-", "clock rests while The customer confirms waits",
    ):  # fmt: skip
        assert sentence in told, sentence
    assert "Xu Jing withdraws the case" in timeline(case_page(stack, withdrawn))
    for case_id in (big, withdrawn):
        names = {type(event).__name__ for event in driver.service.events(case_id)}
        for language in ("en", "zh"):
            told = timeline(case_page(stack, case_id, f"?lang={language}"))
            assert "event_" not in told
            assert [n for n in names if re.sub(r"(?<=[a-z])(?=[A-Z])", " ", n).capitalize() in told] == []


def test_a_step_that_another_case_does_leads_there_and_back(stack: Stack, driver: Driver) -> None:
    parent = driver.open("small", "whole_change")
    child = driver.service.case(parent).steps["made"].child_case_id
    text = case_page(stack, parent, "?lang=en")
    data = json.loads(re.search(r'id="process-data">(.+?)</script>', text, re.DOTALL)[1])  # type: ignore[index]
    node = next(one for one in data["nodes"] if one["id"] == "made")
    assert (node["href"], node["kind"]) == (f"/cases/{child}", f"now: {child}")
    assert f"Change it: the case {child} is opened" in timeline(text)
    back = case_page(stack, child or "", "?lang=en")
    assert f'<dt>Opened for a step of</dt><dd><a href="/cases/{parent}">' in back


def test_files_are_listed_and_named_in_what_was_entered(stack: Stack, driver: Driver, big: str) -> None:
    assert "No file was added." in case_page(stack, big, "?lang=en")
    context = stack.context
    evidence = Evidence(context.engine, context.settings.evidence_dir, stack.clock)
    kept = evidence.add(big, None, "gauge & ring.txt", b"3.2 mm", "E003")
    text = case_page(stack, big, "?lang=en")
    assert f'<a href="/cases/{big}/files/{kept.file_id}">gauge &amp; ring.txt</a>' in text
    assert "1 KB, Li Na" in text


def test_every_event_has_words() -> None:
    from gateway.words import all_texts

    silent = {"StepEntered", "StepCompleted"}
    keys = all_texts()
    assert [n for n in e.EVENT_TYPES if n not in silent and not any(k.startswith(f"event_{n}") for k in keys)] == []


def test_pauses_have_reason_person_and_working_time(stack: Stack, big: str) -> None:
    text = case_page(stack, big, "?lang=en")
    (row, *_) = re.findall(r"<tr data-pause>.*?</tr>", text, re.DOTALL)
    assert "Waiting for the supplier" in row
    assert "Li Na" in row
    assert "2 h" in row
    assert "The whole case" in text
    assert re.search(r"Li Na stops the clock until [\d :-]+: Waiting for the supplier", text), "it is no snooze"
    assert "lets it rest" not in text


def test_what_was_learnt_and_ratings_are_shown_and_lead_to_later_cases(stack: Stack, driver: Driver, big: str) -> None:
    text = case_page(stack, big, "?lang=en")
    assert "4.0 of 5, from 1" in text
    assert "Quick enough" in text
    later = case_page(stack, driver.open("big"))
    line = re.search(rf'<tr><td[^>]*><a href="/cases/{big}">.*?</tr>', later, re.DOTALL)
    assert line is not None
    assert "Wear: Oil" in line[0]
    assert "the same rule, Kind, same kind: " in line[0]
