"""What a case waits for is said to have happened in Slack: by signed requests, on both databases, once, by who may."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.embedded_slack.inputs import elements
from resources.clock import FixedClock
from tests.engine_world import MONDAY, human
from tests.gateway_stack import Stack, running_stack, wait_until
from tests.slack_desk import PAGE, act, answers, interact, modal, submit
from workflow_jobs.cases import OpenRequest
from workflow_jobs.engine.template import load_template
from workflow_jobs.template_library import TEMPLATES_FOLDER
from workflow_jobs.wiring import library

T = "{en: The parts, zh: 零件}"
WAIT = (
    "{id: rest, kind: wait, title: {en: Parts come, zh: 到货}, "
    "raci: {responsible: logistics_manager, accountable: logistics_manager}, "
    f"until: {{working: P5D}}, signal: come, form: [{{name: proof, type: file, title: {T}, required: true}}]}}"
)
PARTS = (
    "id: parts\nversion: 1\ntitle: {en: Parts, zh: 零件}\ndescription: {en: Parts, zh: 零件}\n"
    f"owner_role: quality_manager\nsteps:\n- {WAIT}\n- {human('look', 'quality_engineer')}\n"
)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(MONDAY)


@pytest.fixture
def stack(tmp_path: Path, clock: FixedClock, ops_url: str) -> Iterator[Stack]:
    with running_stack(tmp_path / "home", clock, database_url=ops_url) as running:
        yield running


def returned_goods(stack: Stack, order: str) -> str:
    """An after-sales case that waits for its goods, everything delivered."""
    service = stack.context.service
    data = {"order_no": order, "request_kind": "return", "claim_amount": "5000"}
    case_id = service.open_by_person(
        OpenRequest(
            template_id="after_sales", rule_id=f"asked:{order}", subject_label=order, requested_by="E009", data=data
        )
    ).case_id
    task = service.case(case_id).open_tasks[0]
    service.decide_task(task.task_id, task.version, task.assignee or "", "authorised", {})
    assert service.case(case_id).steps["goods_back"].status == "active"
    stack.deliver()
    return case_id


def messages(stack: Stack, person: str) -> list[Any]:
    """Everything in a person's direct messages, newest first."""
    channel = stack.dm(person)
    rows = stack.workspace.database.rows("select ts from message where channel = ? order by ts desc", channel)
    found = [stack.workspace.messages.get(channel, row["ts"]) for row in rows]
    return [one for one in found if one is not None and one.only_for is None]


def about(stack: Stack, person: str, case_id: str) -> Any:
    """The one message to a person about the wait of a case."""
    found = [
        one for one in messages(stack, person) if case_id in json.dumps(one.blocks) and "Goods come back" in one.text
    ]
    assert len(found) == 1, [one.text for one in messages(stack, person)]
    return found[0]


def button(blocks: list[Any]) -> str:
    values = (element["value"] for _, _, element in elements(blocks) if element["action_id"].startswith("wait:"))
    return str(next(values))


def pressed(stack: Stack, person: str, value: str) -> None:
    """A press of the button as Slack sends it, from the person's direct messages."""
    payload = {
        "type": "block_actions",
        "user": {"id": stack.user(person)},
        "channel": {"id": stack.dm(person)},
        "actions": [{"type": "button", "action_id": "wait:happened", "block_id": "task", "value": value}],
    }
    assert interact(stack, payload).status_code == 200


def submitted(stack: Stack, person: str, view: Any, pieces: str) -> dict[str, Any]:
    """The filled modal as Slack sends it; what is answered."""
    answer = {"field:received_quantity": {"type": "number_input", "value": pieces}}
    payload = {
        "type": "view_submission",
        "user": {"id": stack.user(person)},
        "view": {
            "type": "modal",
            "callback_id": "wait",
            "private_metadata": view.body["private_metadata"],
            "blocks": view.body["blocks"],
            "state": {"values": {"field:received_quantity": answer}},
        },
    }
    answered = interact(stack, payload)
    assert answered.status_code == 200
    found: dict[str, Any] = answered.json() if answered.text else {}
    return found


def opened_form(stack: Stack, person: str, action_id: str, blocks: list[Any], **where: str) -> Any:
    """Press the button and get its modal. A busy machine may be too slow to open it: then one presses again."""
    for _ in range(4):
        assert act(stack, person, action_id, blocks, **where) == ""
        deadline = time.monotonic() + 5
        while stack.workspace.views.top(stack.user(person)) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if stack.workspace.views.top(stack.user(person)) is not None:
            return modal(stack, person)
    raise AssertionError(answers(stack, person))


def home(stack: Stack, person: str) -> Any:
    """A person's Home tab once he has opened it."""
    stack.http.post("/embedded-slack/opened", data={"as": stack.user(person)}, headers=PAGE)
    wait_until(lambda: stack.workspace.views.home(stack.user(person)))
    return stack.workspace.views.home(stack.user(person))


def home_tab_lists_it(stack: Stack, case_id: str, other_id: str) -> None:
    """Whom nobody told, the owner of the process, finds both waits in his tab and ends the first one there."""
    view = home(stack, "E002")
    assert "Say when it has happened (2)" in json.dumps(view.body)
    assert "Say when" not in json.dumps(home(stack, "E005").body)
    form = opened_form(stack, "E002", "wait:happened:0", view.body["blocks"], view=view.id)
    assert case_id in json.dumps(form.body)
    assert submit(stack, "E002", {"received_quantity": "7"}) == ""
    wait_until(lambda: stack.context.service.case(case_id).data.get("received_quantity") == 7)

    def shown() -> str:
        now = stack.workspace.views.home(stack.user("E002"))
        return json.dumps(now.body) if now is not None else ""

    wait_until(lambda: "Say when it has happened (1)" in shown())
    assert other_id in shown()
    waits, more = stack.context.service.waits_for("E002", 1)
    assert ([case.case_id for case, _ in waits], more) == ([other_id], False)


def test_the_goods_are_there_by_a_click_once_and_only_from_who_may_say_so(stack: Stack, clock: FixedClock) -> None:
    case_id, home_id, late_id = (returned_goods(stack, f"SO-{number}") for number in (1, 2, 3))
    message = about(stack, "E011", case_id)
    shown = json.dumps(message.blocks)
    assert "Please say when it has happened" in shown and "The warehouse says when the goods are there" in shown
    assert "Waited for until: Mon 2026-11-30" in shown
    page = stack.http.get(f"/cases/{case_id}?lang=en").text
    assert "may say in Slack that it has happened: Warehouse manager, Logistics manager, Quality manager" in page
    # Somebody else who learns of the button is told why not, and nothing opens.
    pressed(stack, "E005", button(message.blocks))
    wait_until(lambda: any("Zhang Wei may not say this" in one for one in answers(stack, "E005")))
    assert stack.workspace.views.top(stack.user("E005")) is None
    # The modal asks for the form; what is wrong stands beside its field, and nothing has moved.
    view = opened_form(stack, "E011", "wait:happened", message.blocks, channel=message.channel, ts=message.ts)
    answer = submitted(stack, "E011", view, "-5")
    assert answer["response_action"] == "errors" and "received_quantity" in next(iter(answer["errors"]))
    assert stack.context.service.case(case_id).steps["goods_back"].status == "active"
    assert submitted(stack, "E011", view, "12") == {}
    case = stack.context.service.case(case_id)
    assert (case.data["received_quantity"], case.steps["goods_back"].outcome) == (12, "signalled")
    assert stack.context.service.said_by(case_id, "goods_back.1") == "E011"
    # The same once more changes nothing and is no error; another person is told who was first.
    assert submitted(stack, "E011", view, "12") == {}
    assert "He Ping said so before" in json.dumps(submitted(stack, "E002", view, "13"))
    assert stack.context.service.case(case_id) == case
    stack.deliver()
    assert "it has happened, says He Ping" in json.dumps(about(stack, "E011", case_id).blocks)
    assert "wait:happened" not in json.dumps(about(stack, "E011", case_id).blocks)
    home_tab_lists_it(stack, home_id, late_id)
    # Its time passes: the message says so, and the button that somebody still has is stale.
    stale = button(about(stack, "E011", late_id).blocks)
    clock.advance(timedelta(days=20))
    stack.context.service.fire_due_rungs()
    stack.deliver()
    over = json.dumps(about(stack, "E011", late_id).blocks)
    assert "the time for it is over" in over and "wait:happened" not in over
    pressed(stack, "E011", stale)
    wait_until(lambda: any("its time was over before this was said" in one for one in answers(stack, "E011")))


@pytest.fixture
def parts(tmp_path: Path, clock: FixedClock) -> Iterator[Stack]:
    """A gateway with a process whose signal brings a file."""
    template = load_template(PARTS, file="parts.yaml")
    library(TEMPLATES_FOLDER)._by_id[template.id] = template
    with running_stack(tmp_path / "home", clock) as running:
        yield running
    del library(TEMPLATES_FOLDER)._by_id[template.id]


def test_files_come_with_the_word_and_are_kept_with_the_case(parts: Stack) -> None:
    case_id = parts.context.service.open_case(OpenRequest(template_id="parts", rule_id="r", subject_id="P1")).case_id
    parts.deliver()
    (message,) = [one for one in messages(parts, "E011") if "Parts come" in one.text]
    form = opened_form(parts, "E011", "wait:happened", message.blocks, channel=message.channel, ts=message.ts)
    (name,) = [name for name, _, _ in elements(form.body["blocks"])]
    assert submit(parts, "E011", {}, files=[(name, ("note.txt", b"twelve boxes", "text/plain"))]) == ""
    wait_until(lambda: parts.context.service.case(case_id).steps["rest"].outcome == "signalled")
    (kept,) = parts.context.service.files(case_id)
    assert (kept.name, kept.task_id, kept.uploaded_by) == ("note.txt", None, "E011")
    assert parts.context.service.case(case_id).data["proof"] == [kept.file_id]
