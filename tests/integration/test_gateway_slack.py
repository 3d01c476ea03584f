"""Decisions through Slack's requests: what the embedded Slack sends is what Slack would send."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from gateway.embedded_slack.faults import Fault
from gateway.embedded_slack.inputs import elements
from gateway.embedded_slack.interactions import sign
from resources.clock import FixedClock, SystemClock
from tests.gateway_stack import Stack, running_stack, wait_until
from workflow_jobs.slack.decision_buttons import ButtonValue

PAGE = {"HX-Request": "true"}
CONFIRM = {"impact_amount": "42000.50", "exception_cause": "supplier_quality"}


@pytest.fixture
def stack(tmp_path: Path, clock: FixedClock) -> Iterator[Stack]:
    with running_stack(tmp_path / "home", clock) as running:
        yield running


def press(stack: Stack, person: str, outcome: str, *, card: dict[str, Any] | None = None, channel: str = "") -> str:
    """Press a button of the newest card that has it; returns the page's notice."""
    cards = [card] if card else [one for one in stack.cards(person) if one.get("blocks")]
    for one in cards:
        for name, _, element in elements(one["blocks"]):
            if element["action_id"] == f"decide:{outcome}":
                fields = {
                    "as": stack.user(person),
                    "channel": channel or stack.dm(person),
                    "ts": one["ts"],
                    "element": name,
                }
                return stack.http.post("/embedded-slack/act", data=fields, headers=PAGE).text
    raise AssertionError(f"{person} has no card with {outcome}")


def modal(stack: Stack, person: str) -> Any:
    wait_until(lambda: stack.workspace.views.top(stack.user(person)))
    return stack.workspace.views.top(stack.user(person))


def submit(stack: Stack, person: str, form: dict[str, str]) -> str:
    view = modal(stack, person)
    fields = {"as": stack.user(person), "view": view.id}
    for name, block, _ in elements(view.body["blocks"]):
        value = form.get(block["block_id"].removeprefix("field:"))
        if value is not None:
            fields[name] = value
    return stack.http.post("/embedded-slack/submit", data=fields, headers=PAGE).text


def ephemeral(stack: Stack, person: str) -> list[str]:
    shown = stack.workspace.messages.shown(stack.dm(person), stack.user(person))
    return [message.text for message in shown if message.only_for]


def interact(stack: Stack, payload: dict[str, Any], *, secret: str = "", age: int = 0) -> httpx.Response:
    """A request as Slack sends it, with any secret and age."""
    # Every request of Slack has a trigger of its own; the very same bytes again would be a replay.
    body = urlencode({"payload": json.dumps(payload | {"trigger_id": secrets.token_hex(8)})}).encode()
    timestamp = int(SystemClock().now().timestamp()) - age
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": str(timestamp),
        "X-Slack-Signature": sign(secret or stack.workspace.secrets.signing_secret, timestamp, body),
    }
    return stack.http.post("/slack/events", content=body, headers=headers)


def view_submission(stack: Stack, person: str, form: dict[str, Any], task: Any, outcome: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in form.items():
        answer: dict[str, Any] = {"type": "plain_text_input", "value": value}
        if name == "exception_cause":
            answer = {"type": "static_select", "selected_option": {"value": value}}
        values[f"field:{name}"] = {f"field:{name}": answer}
    labels = {"impact_amount": "Amount at stake (CNY)", "exception_cause": "Cause", "judgement": "Judgement"}
    blocks = [
        {"type": "input", "block_id": f"field:{name}", "label": {"type": "plain_text", "text": label}}
        for name, label in labels.items()
    ]
    metadata = ButtonValue(task.task_id, task.version, outcome, form=True).to_json(stack.context.service.seal)
    return {
        "type": "view_submission",
        "team": {"id": "T1"},
        "user": {"id": stack.user(person)},
        "trigger_id": secrets.token_hex(8),
        "view": {"type": "modal", "callback_id": "decide", "private_metadata": metadata, "blocks": blocks,
                 "state": {"values": values}},
    }  # fmt: skip


def test_a_decision_moves_the_case_and_the_cards(stack: Stack) -> None:
    case_id = stack.open_case()
    assert press(stack, "E003", "confirm") == ""
    assert submit(stack, "E003", CONFIRM) == ""
    assert stack.workspace.views.top(stack.user("E003")) is None
    state = stack.context.service.case(case_id)
    decided = next(task for task in state.tasks.values() if task.step_id == "judge")
    assert (decided.decided_by, decided.outcome, state.data["impact_amount"]) == ("E003", "confirm", "42000.50")
    # The click itself started the delivery: the next person has a card, Dagster knows the step, no sensor ran.
    wait_until(lambda: stack.cards("E005"))
    wait_until(lambda: stack.dagster.reported)
    report = stack.dagster.reported[0]
    assert report["asset_key"] == ["process", "supply_exception", "judge"]
    assert report["metadata"]["case_id"] == case_id
    log = stack.context.service.events(case_id)
    assert [type(event).__name__ for event in log].count("TaskDecided") == 1


def test_pressing_twice_or_from_two_windows_decides_once(stack: Stack) -> None:
    case_id = stack.open_case()
    task = stack.open_task(case_id, "judge")
    payload = view_submission(stack, "E003", CONFIRM, task, "confirm")
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(interact(stack, payload))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "")] * 4
    log = stack.context.service.events(case_id)
    assert [type(event).__name__ for event in log].count("TaskDecided") == 1


def test_a_different_answer_after_the_decision_is_told_who_decided(stack: Stack) -> None:
    task = stack.open_task(stack.open_case(), "judge")
    assert interact(stack, view_submission(stack, "E003", CONFIRM, task, "confirm")).text == ""
    answer = interact(stack, view_submission(stack, "E002", {"judgement": "no"}, task, "reject")).json()
    assert answer["response_action"] == "update"
    assert "Li Na" in json.dumps(answer["view"])


def test_who_may_not_decide_is_told_so_and_nothing_moves(stack: Stack) -> None:
    case_id = stack.open_case()
    task = stack.open_task(case_id, "judge")
    seq = stack.context.service.case(case_id).seq
    answer = interact(stack, view_submission(stack, "E009", CONFIRM, task, "confirm")).json()
    assert "may not decide" in json.dumps(answer)
    assert stack.context.service.case(case_id).seq == seq


def test_what_the_form_lacks_stands_beside_its_field(stack: Stack) -> None:
    task = stack.open_task(stack.open_case(), "judge")
    answer = interact(stack, view_submission(stack, "E003", {"impact_amount": "1"}, task, "confirm")).json()
    assert answer["response_action"] == "errors"
    assert set(answer["errors"]) == {"field:exception_cause"}
    answer = interact(stack, view_submission(stack, "E003", CONFIRM | {"impact_amount": "-5"}, task, "confirm")).json()
    assert set(answer["errors"]) == {"field:impact_amount"}


def test_a_refusal_is_said_in_the_language_of_whoever_reads_it(stack: Stack) -> None:
    for person in ("E002", "E003", "E009"):
        stack.workspace.locales[stack.user(person)] = "zh-CN"
    task = stack.open_task(stack.open_case(), "judge")
    # The modal is in the reader's language, and so is what is wrong with it, beside its field.
    assert press(stack, "E003", "confirm") == ""
    labels = [block["label"]["text"] for block in modal(stack, "E003").body["blocks"] if block["type"] == "input"]
    assert labels == ["涉及金额（元）", "原因", "判定说明"]
    wrong = interact(stack, view_submission(stack, "E003", CONFIRM | {"impact_amount": "-5"}, task, "confirm")).json()
    assert wrong["errors"] == {"field:impact_amount": "涉及金额（元）：不得小于 0，当前为 -5。"}
    for person, title, sentence in (
        (
            "E009",
            "未作决定",
            "Xu Jing 无权决定该任务。现由 Li Na 处理；须由角色 quality_engineer 或 quality_manager 决定。",
        ),
        ("E010", "Nothing was decided", "Ma Chao may not decide this. It is with Li Na; it takes the role "),
    ):
        view = interact(stack, view_submission(stack, person, CONFIRM, task, "confirm")).json()["view"]
        assert view["title"]["text"] == title and view["blocks"][0]["text"]["text"].startswith(sentence)
    # A button that is no longer good is explained in the message that only the reader sees.
    card = stack.cards("E003")[0]
    assert interact(stack, view_submission(stack, "E003", CONFIRM, task, "confirm")).text == ""
    copy = stack.slack.chat_postMessage(channel=stack.user("E002"), text=card["text"], blocks=card["blocks"])
    press(stack, "E002", "confirm", card={"ts": copy["ts"], "blocks": card["blocks"]})
    wait_until(lambda: ephemeral(stack, "E002"))
    assert ephemeral(stack, "E002") == ["Li Na 已作出决定：确认异常。"]


def test_an_old_button_is_explained_to_the_person_alone(stack: Stack) -> None:
    case_id = stack.open_case()
    card = stack.cards("E003")[0]
    task = stack.open_task(case_id, "judge")
    interact(stack, view_submission(stack, "E003", CONFIRM, task, "confirm"))
    # A copy of the card as it stood before the decision, in another channel.
    copy = stack.slack.chat_postMessage(channel="#supply", text=card["text"], blocks=card["blocks"])
    press(stack, "E002", "confirm", card={"ts": copy["ts"], "blocks": card["blocks"]}, channel=copy["channel"])

    def seen() -> list[str]:
        shown = stack.workspace.messages.shown(copy["channel"], stack.user("E002"))
        return [message.text for message in shown if message.only_for == stack.user("E002")]

    wait_until(seen)
    assert "Li Na" in seen()[0]


def test_a_button_that_no_card_of_ours_carries_is_explained(stack: Stack) -> None:
    stack.open_case()
    blocks = [{"type": "actions", "elements": [
        {"type": "button", "action_id": "decide:confirm", "value": "rubbish",
         "text": {"type": "plain_text", "text": "Go"}}
    ]}]  # fmt: skip
    posted = stack.slack.chat_postMessage(channel=stack.user("E003"), text="x", blocks=blocks)
    card = {"ts": posted["ts"], "blocks": posted["message"]["blocks"]}
    assert press(stack, "E003", "confirm", card=card) == ""
    wait_until(lambda: ephemeral(stack, "E003"))
    assert "older version" in ephemeral(stack, "E003")[0]


def test_a_wrong_signature_or_an_old_request_is_refused(stack: Stack) -> None:
    case_id = stack.open_case()
    task = stack.open_task(case_id, "judge")
    payload = view_submission(stack, "E003", CONFIRM, task, "confirm")
    assert interact(stack, payload, secret="0" * 32).status_code == 401
    assert interact(stack, payload, age=600).status_code == 401
    assert stack.http.post("/slack/events", data={"payload": json.dumps(payload)}).status_code == 401
    assert stack.http.get("/slack/events").status_code == 405
    assert stack.open_task(case_id, "judge").status == "open"


def test_a_slack_user_whom_the_directory_does_not_know_decides_nothing(stack: Stack) -> None:
    case_id = stack.open_case()
    task = stack.open_task(case_id, "judge")
    payload = view_submission(stack, "E003", CONFIRM, task, "confirm") | {"user": {"id": "U404"}}
    assert "does not know you" in json.dumps(interact(stack, payload).json())
    assert stack.open_task(case_id, "judge").status == "open"


def test_slack_being_away_decides_nothing_and_says_so(stack: Stack) -> None:
    case_id = stack.open_case()
    task = stack.open_task(case_id, "judge")
    stack.workspace.faults.plan("users.info", Fault("server_error"))
    payload = view_submission(stack, "E003", CONFIRM, task, "confirm")
    assert "try again" in json.dumps(interact(stack, payload).json())
    assert interact(stack, payload).text == ""
    assert stack.context.service.task(task.task_id).decided_by == "E003"


def test_an_unknown_action_is_404_and_rubbish_is_no_500(stack: Stack) -> None:
    answer = interact(stack, {"type": "block_actions", "user": {"id": "U1"}, "actions": [{"action_id": "other"}]})
    assert answer.status_code == 404
    assert stack.http.post("/slack/events", content=b"\xff\xfe").status_code == 400


def test_the_whole_case_is_decided_step_by_step(stack: Stack, clock: FixedClock) -> None:
    """Quality, supplier, logistics, finance, sales, each on their own card; service steps end as by a run."""
    case_id = stack.open_case()
    forms: dict[str, dict[str, str]] = {"judge": CONFIRM}
    for _ in range(12):
        for step in stack.context.service.due_service_steps():
            stack.context.service.complete_service(step.case_id, step.step_id, "run-1", {"moved_orders": 2})
        tasks = stack.context.service.tasks(case_id=case_id)
        if not tasks:
            break
        task = tasks[0]
        assert task.assignee is not None
        stack.deliver()
        clock.advance(timedelta(minutes=7))
        card = next(one for one in stack.cards(task.assignee) if task.task_id in json.dumps(one.get("blocks", [])))
        choice = next(e["action_id"] for _, _, e in elements(card["blocks"])).removeprefix("decide:")
        assert press(stack, task.assignee, choice, card=card) == ""
        if stack.context.service.task(task.task_id).status == "open":
            answers = forms.get(task.step_id) or fill(modal(stack, task.assignee), clock.now())
            assert submit(stack, task.assignee, answers) == ""
        assert stack.context.service.task(task.task_id).decided_by == task.assignee
    assert stack.context.service.case(case_id).status in ("closed", "watching_effect")


def fill(view: Any, now: datetime) -> dict[str, str]:
    """Something that fits into every required field of a form."""
    form = {}
    for _, block, element in elements(view.body["blocks"]):
        name = block["block_id"].removeprefix("field:")
        if block.get("optional"):
            continue
        if element["type"] == "static_select":
            form[name] = element["options"][0]["value"]
        elif element["type"] == "datepicker":
            form[name] = f"{now + timedelta(days=14):%Y-%m-%d}"
        else:
            form[name] = "12" if element["type"] == "number_input" else "Agreed with all sides."
    return form
