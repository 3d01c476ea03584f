"""Claim, answer, pause, delegate, add an approver, vote, withdraw, rate: in Slack, by signed requests, to the end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.embedded_slack.inputs import elements
from resources.clock import FixedClock
from tests.engine_world import MONDAY
from tests.gateway_stack import Stack, running_stack, wait_until
from tests.slack_desk import PAGE, act, answers, modal, submit
from workflow_jobs.cases import OpenRequest
from workflow_jobs.engine.template import load_template
from workflow_jobs.template_library import TEMPLATES_FOLDER
from workflow_jobs.wiring import library

TEMPLATE = """
id: review
version: 1
title: {en: "Review", zh: "评审"}
description: {en: "Something is reviewed.", zh: "评审事项。"}
owner_role: quality_manager
opened_by: [people]
subject: what
inputs:
  - {name: what, type: text, title: {en: "What", zh: "事项"}, required: true}
learning: {cause: cause, remedy: remedy}
steps:
  - id: look
    kind: human
    title: {en: "Look at it", zh: "查看"}
    raci: {responsible: quality_engineer, accountable: quality_manager, consulted: [logistics_manager]}
    sla: PT8H
    pool: true
    actions:
      assign: true
      delegate: true
      add_approver: [finance_analyst]
      pauses:
        - {id: supplier, title: {en: "the supplier", zh: "供应商"}, at_most: P2D}
    outcomes:
      - {id: done, style: primary, title: {en: "Done", zh: "完成"}}
    form:
      - {name: cause, type: text, title: {en: "Cause", zh: "原因"}, required: true}
      - {name: remedy, type: text, title: {en: "Remedy", zh: "措施"}, required: true}
  - id: agree
    kind: human
    title: {en: "Agree", zh: "表决"}
    raci: {responsible: purchasing_manager, accountable: plant_manager}
    sla: P1D
    vote: {voters: [purchasing_manager, sales_manager, finance_manager], needed: 2, approves: "yes", rejects: "no"}
    outcomes:
      - {id: "yes", style: primary, title: {en: "Yes", zh: "同意"}}
      - {id: "no", style: danger, title: {en: "No", zh: "反对"}, ends_case: refused}
"""
LEARNT = {"cause": "Wrong gauge", "remedy": "New gauge"}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    template = load_template(TEMPLATE, file="review.yaml")
    library(TEMPLATES_FOLDER)._by_id[template.id] = template
    with running_stack(tmp_path / "home", FixedClock(MONDAY)) as running:
        yield running
    del library(TEMPLATES_FOLDER)._by_id[template.id]


def opened(stack: Stack, what: str = "Lot 7") -> str:
    request = OpenRequest(
        template_id="review", rule_id=f"asked:{what}", subject_label=what, requested_by="E009", data={"what": what}
    )
    case_id = stack.context.service.open_by_person(request, via="slack").case_id
    stack.deliver()
    return case_id


def messages(stack: Stack, person: str) -> list[Any]:
    """Everything in a person's direct messages, replies in threads too, newest first."""
    channel = stack.dm(person)
    rows = stack.workspace.database.rows("select ts from message where channel = ? order by ts desc", channel)
    found = [stack.workspace.messages.get(channel, row["ts"]) for row in rows]
    return [one for one in found if one is not None and one.only_for is None]


def press(stack: Stack, person: str, action_id: str) -> None:
    """Press the newest button of this kind that the person has."""
    for message in messages(stack, person):
        if any(element["action_id"] == action_id for _, _, element in elements(message.blocks)):
            assert act(stack, person, action_id, message.blocks, channel=message.channel, ts=message.ts) == ""
            return
    raise AssertionError(f"{person} has no button {action_id}: {[one.text for one in messages(stack, person)]}")


def fill(stack: Stack, person: str, action_id: str, field: str, form: dict[str, str]) -> str:
    """Press the button, fill in the modal that it opens, and submit it.

    A busy machine may be too slow for the two seconds that opening a modal may take; then the person is asked to press
    again, and does.
    """

    def there() -> bool:
        view = stack.workspace.views.top(stack.user(person))
        return view is not None and f"field:{field}" in json.dumps(view.body) and not view.errors

    for _ in range(4):
        press(stack, person, action_id)
        deadline = time.monotonic() + 5
        while not there() and time.monotonic() < deadline:
            time.sleep(0.05)
        if there():
            break
    assert there(), answers(stack, person)
    said = submit(stack, person, form)
    view = stack.workspace.views.top(stack.user(person))
    assert view is None or view.errors, view.body
    return said


def text(stack: Stack, person: str) -> str:
    return json.dumps([one.blocks for one in messages(stack, person)], ensure_ascii=False)


def task(stack: Stack, case_id: str, step: str) -> Any:
    return next(one for one in stack.context.service.case(case_id).open_tasks if one.step_id == step)


def test_a_case_of_many_hands_goes_to_its_end_in_slack(stack: Stack) -> None:
    case_id = opened(stack)
    # Nobody has it: the channel's card and whoever holds the role have the button.
    assert '"act:claim"' in json.dumps(channel_messages(stack))
    press(stack, "E003", "act:claim")
    wait_until(lambda: task(stack, case_id, "look").assignee == "E003")
    stack.deliver()
    # A consulted person answers; the card of who decides shows it.
    fill(stack, "E011", "act:answer", "text", {"text": "The gauge was changed on Friday."})
    stack.deliver()
    assert "*Answer of* He Ping: The gauge was changed on Friday." in text(stack, "E003")
    # The clock stops for a stated reason, and goes on.
    fill(stack, "E003", "act:pause", "reason_id", {"reason_id": "supplier"})
    wait_until(lambda: task(stack, case_id, "look").pause_reason_id == "supplier")
    stack.deliver()
    press(stack, "E003", "act:wake")
    wait_until(lambda: task(stack, case_id, "look").paused_until is None)
    stack.deliver()
    # Delegated to somebody chosen among Slack's people; his choice comes back as advice.
    fill(stack, "E003", "act:delegate", "to_user", {"to_user": stack.user("E005"), "reason": "You know the supplier"})
    wait_until(lambda: task(stack, case_id, "look").assignee == "E005")
    stack.deliver()
    assert "Delegated by Li Na" in text(stack, "E005")
    fill(stack, "E005", "decide:done", "cause", LEARNT)
    wait_until(lambda: task(stack, case_id, "look").assignee == "E003")
    stack.deliver()
    assert "*Advice of* Zhang Wei: Done" in text(stack, "E003")
    fill(stack, "E003", "decide:done", "cause", LEARNT)
    stack.deliver()
    # Two of three votes: the others' cards say how it stands.
    press(stack, "E004", "decide:yes")
    wait_until(lambda: stack.context.service.case(case_id).steps["agree"].approvals == 1)
    stack.deliver()
    assert "*Vote*: 1 / 2 for" in text(stack, "E010") and "waiting: Zhao Lei" in text(stack, "E010")
    press(stack, "E010", "decide:yes")
    wait_until(lambda: not stack.context.service.case(case_id).is_open)
    stack.deliver()
    # It is over: those who took part rate it, the last rating of each counts.
    press(stack, "E003", "case:rate:2")
    wait_until(lambda: "E003" in stack.context.service.case(case_id).ratings)
    press(stack, "E003", "case:rate:5")
    wait_until(lambda: stack.context.service.case(case_id).ratings["E003"].score == 5)
    wait_until(lambda: any("5 of 5" in one for one in answers(stack, "E003")))
    stack.deliver()
    assert "You gave 5 of 5. You may change it." in text(stack, "E003")
    press(stack, "E009", "case:rate:3")
    assert '"case:rate:1"' not in text(stack, "E001")


def channel_messages(stack: Stack) -> list[Any]:
    channel = stack.workspace.conversations.find("trueloop")
    assert channel is not None
    rows = stack.workspace.database.rows("select ts from message where channel = ?", channel.id)
    return [stack.workspace.messages.get(channel.id, row["ts"]).blocks for row in rows]  # type: ignore[union-attr]


def test_whoever_asked_takes_his_case_back_from_his_home_tab(stack: Stack) -> None:
    case_id = opened(stack)
    stack.workspace.locales[stack.user("E009")] = "zh-CN"
    stack.http.post("/embedded-slack/opened", data={"as": stack.user("E009")}, headers=PAGE)
    wait_until(lambda: stack.workspace.views.home(stack.user("E009")))
    home = stack.workspace.views.home(stack.user("E009"))
    assert home is not None
    assert act(stack, "E009", "case:withdraw:0", home.body["blocks"], view=home.id) == ""
    modal(stack, "E009")
    assert submit(stack, "E009", {"reason": "Lot\a 7"}) == ""
    said = "理由：含有不可见的控制字符（第 4 个字符为 U+0007），请删除或重新输入。"
    assert modal(stack, "E009").errors == {"field:reason": said}
    assert submit(stack, "E009", {"reason": "The lot was scrapped"}) == ""
    wait_until(lambda: stack.context.service.case(case_id).withdrawn_by == "E009")
    stack.deliver()
    assert "The lot was scrapped" in json.dumps(channel_messages(stack))
    assert stack.context.service.case(case_id).status != "open"


def test_a_further_approver_is_asked_and_a_wrong_one_is_refused_beside_the_field(stack: Stack) -> None:
    case_id = opened(stack)
    press(stack, "E003", "act:claim")
    wait_until(lambda: task(stack, case_id, "look").assignee == "E003")
    stack.deliver()
    fill(stack, "E003", "act:delegate", "to_user", {"to_user": stack.user("E003"), "reason": "Myself"})
    view = stack.workspace.views.top(stack.user("E003"))
    assert view is not None and "somebody else" in json.dumps(view.errors)
    fill(stack, "E003", "act:add_approver", "to", {"to": "E007", "reason": "It is expensive"})
    wait_until(lambda: len(stack.context.service.case(case_id).open_tasks) == 2)
    stack.deliver()
    assert "Further approval asked for by Li Na" in text(stack, "E007")
    fill(stack, "E003", "act:release", "reason", {"reason": ""})
    refused = stack.workspace.views.top(stack.user("E003"))
    assert refused is not None and "Nobody else may claim it" in json.dumps(refused.errors)
