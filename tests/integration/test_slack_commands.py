"""`/trueloop` as people type it: figures, cases, one's tasks and new cases, through signed requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.embedded_slack.messages import Message
from resources.clock import FixedClock
from tests.engine_world import MONDAY
from tests.gateway_stack import METRIC, Stack, running_stack, wait_until
from tests.slack_desk import act, answers, asked, interact, modal, signed, submit, typed
from workflow_jobs.engine.template import load_template
from workflow_jobs.template_library import TEMPLATES_FOLDER
from workflow_jobs.wiring import library

COMPLAINT = """
id: complaint
version: 1
title: {en: "Complaint", zh: "投诉"}
description: {en: "A customer complains.", zh: "客户投诉。"}
owner_role: sales_manager
opened_by: [people]
inputs:
  - {name: what, type: text, title: {en: "What happened", zh: "经过"}, required: true, max_length: 500}
  - {name: amount, type: decimal, title: {en: "Amount", zh: "金额"}, min: 0}
steps:
  - id: look
    kind: human
    title: {en: "Look at it", zh: "查看"}
    raci: {responsible: quality_engineer, accountable: quality_manager}
    sla: PT4H
    outcomes: [{id: done, style: primary, title: {en: "Done", zh: "完成"}}]
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    complaint = load_template(COMPLAINT, file="complaint.yaml")
    library(TEMPLATES_FOLDER)._by_id[complaint.id] = complaint
    home = tmp_path_factory.mktemp("commands") / "home"
    with running_stack(home, FixedClock(MONDAY), slack_reader_role="analyst") as running:
        yield running
    del library(TEMPLATES_FOLDER)._by_id[complaint.id]


def test_help_says_what_can_be_asked_in_the_persons_language(stack: Stack) -> None:
    assert "/trueloop metric &lt;name or words&gt;" in asked(stack, "E003", "/trueloop help")
    assert "I do not know “dance”" in asked(stack, "E003", "/trueloop dance now")
    stack.workspace.locales[stack.user("E011")] = "zh-CN"
    assert "查询指标" in asked(stack, "E011", "/trueloop")


def test_a_metric_is_found_by_name_and_by_words(stack: Stack) -> None:
    said = asked(stack, "E003", f"/trueloop metric {METRIC}")
    for part in ("Supplier reject rate", "3.1238 %", "as of 2026-11-15", f"/metrics/{METRIC}|"):
        assert part in said
    assert "Order gross margin" in asked(stack, "E003", "/trueloop metric gross margin")
    assert "No metric is found" in asked(stack, "E003", "/trueloop metric zzzqqq")
    assert "Which metric" in asked(stack, "E003", "/trueloop metric")


def test_a_figure_that_the_role_does_not_see_is_refused_in_words(tmp_path: Path) -> None:
    with running_stack(tmp_path / "home", FixedClock(MONDAY)) as small:
        said = asked(small, "E003", f"/trueloop metric {METRIC}")
        assert "3.1238" not in said
        assert "not shown to your role" in said
        assert "rusted" not in said, "nothing is said of a figure that is not shown"
        margin = asked(small, "E008", "/trueloop metric metric_order_gross_margin")
        assert "not shown to your role" not in margin, "the directory knows him as the CFO"


def test_the_answer_is_seen_by_the_person_alone_in_any_channel(stack: Stack) -> None:
    channel = stack.workspace.conversations.find("supply")
    assert channel is not None
    assert typed(stack, "E005", "/trueloop help", channel=channel.id) == ""
    wait_until(lambda: answers(stack, "E005", channel=channel.id))
    assert not stack.workspace.messages.shown(channel.id, stack.user("E003"))


def test_a_case_and_ones_own_tasks(stack: Stack) -> None:
    case_id = stack.open_case()
    said = asked(stack, "E005", f"/trueloop case {int(case_id[2:])}")
    assert "Huaxin Castings" in said and "Li Na" in said and f"/cases/{case_id}|" in said
    assert "There is no case C-999999" in asked(stack, "E005", "/trueloop case C-999999")
    assert "Give its number" in asked(stack, "E005", "/trueloop case please")
    mine = asked(stack, "E003", "/trueloop mine")
    assert case_id in mine and "/cases?person=E003" in mine
    assert "Nothing waits for you" in asked(stack, "E009", "/trueloop mine")


def test_a_person_opens_a_case_once(stack: Stack) -> None:
    assert "complaint" in asked(stack, "E009", "/trueloop open")
    assert "There is no process “supply_exception”" in asked(stack, "E009", "/trueloop open supply_exception")
    assert typed(stack, "E009", "/trueloop open complaint Box was empty") == ""
    view = modal(stack, "E009")
    assert '"initial_value": "Box was empty"' in json.dumps(view.body)
    submit(stack, "E009", {"what": "Box was empty", "amount": "-1"})
    assert "field:amount" in modal(stack, "E009").errors
    values = {"field:what": {"field:what": {"type": "plain_text_input", "value": "Box was empty\nand wet"}}}
    payload = {
        "type": "view_submission",
        "team": {"id": "T1"},
        "user": {"id": stack.user("E009")},
        "view": {"type": "modal", "id": view.id, "callback_id": "open_case", "blocks": view.body["blocks"],
                 "private_metadata": view.body["private_metadata"], "state": {"values": values}},
    }  # fmt: skip
    answers_ = [interact(stack, payload).json() for _ in range(3)]
    cases = stack.context.service.cases(template="complaint")
    assert [one.subject_label for one in cases] == ["Box was empty"]
    assert all(cases[0].case_id in json.dumps(one) for one in answers_)
    state = stack.context.service.case(cases[0].case_id)
    assert (state.requested_by, state.breaches, state.data["what"]) == ("E009", 1, "Box was empty\nand wet")
    assert state.priority == "normal", "the template's, since none was chosen"
    stack.deliver()
    told = [one for one in stack.cards("E009") if cases[0].case_id in str(one)]
    assert len(told) == 1, "he is told of his case, once"
    assert all(part in str(told) for part in ("Look at it: Li Na (quality engineer)", f"/cases/{cases[0].case_id}|"))


def choices(stack: Stack, person: str) -> Message:
    """The newest message that only this person sees."""
    shown = stack.workspace.messages.shown(stack.dm(person), stack.user(person))
    return [one for one in shown if one.only_for == stack.user(person)][-1]


def press(stack: Stack, person: str, number: int) -> Any:
    """Press the button of one of the offered processes; the form that it opens."""
    message = choices(stack, person)
    act(stack, person, f"open:{number}", message.blocks, channel=message.channel, ts=message.ts)
    return modal(stack, person).body


def test_a_process_is_found_by_its_title_and_by_words_of_it(stack: Stack) -> None:
    for words in ("Complaint Box was wet", "投诉 Box was wet", "COMPLAINS Box was wet"):
        stack.workspace.views.clear(stack.user("E009"))
        assert typed(stack, "E009", f"/trueloop open {words}") == ""
        view = modal(stack, "E009")
        assert view.body["private_metadata"] == '{"template_id":"complaint"}'
        assert '"initial_value": "Box was wet"' in json.dumps(view.body)


def test_several_processes_are_offered_as_buttons_and_without_a_match_all_of_them(stack: Stack) -> None:
    stack.workspace.views.clear(stack.user("E009"))
    said = asked(stack, "E009", "/trueloop open customer Box was wet")
    assert "“customer Box was wet” may mean:" in said
    body = press(stack, "E009", 1)
    offered = json.loads(choices(stack, "E009").blocks[2]["accessory"]["value"])
    assert body["private_metadata"] == json.dumps({"template_id": offered["template_id"]}, separators=(",", ":"))
    assert (offered["words"], '"initial_value": "Box was wet"' in json.dumps(body)) == ("Box was wet", True)
    stack.workspace.views.clear(stack.user("E009"))
    said = asked(stack, "E009", "/trueloop open zzzqqq")
    assert "There is no process “zzzqqq”" in said and "Complaint" in said
    press(stack, "E009", 0)
    stack.workspace.views.clear(stack.user("E009"))


def test_a_button_of_a_process_that_one_may_not_open_opens_nothing(stack: Stack) -> None:
    stack.workspace.views.clear(stack.user("E009"))
    for template_id in ("supply_exception", "nothing"):
        action = {"type": "button", "action_id": "open:0", "value": f'{{"template_id":"{template_id}","words":""}}'}
        payload = {"type": "block_actions", "team": {"id": "T1"}, "user": {"id": stack.user("E009")},
                   "channel": {"id": stack.dm("E009")}, "actions": [action]}  # fmt: skip
        assert interact(stack, payload).status_code == 200
    wait_until(lambda: sum("cannot open this process" in said for said in answers(stack, "E009")) == 2)
    assert stack.workspace.views.top(stack.user("E009")) is None


def test_who_opens_a_case_may_choose_its_priority_and_only_one_that_there_is(stack: Stack) -> None:
    typed(stack, "E009", "/trueloop open complaint Box was empty")
    block = modal(stack, "E009").body["blocks"][-1]
    assert (block["label"]["text"], block["element"]["initial_option"]["value"]) == ("Priority", "normal")
    assert [one["value"] for one in block["element"]["options"]] == ["urgent", "high", "normal", "low"]

    def sent(priority: str) -> str:
        what = {"field:what": {"field:what": {"type": "plain_text_input", "value": "Box was empty"}}}
        chosen = {"priority": {"priority": {"type": "static_select", "selected_option": {"value": priority}}}}
        view = {"type": "modal", "id": f"V-{priority}", "callback_id": "open_case", "blocks": [],
                "private_metadata": '{"template_id":"complaint"}', "state": {"values": what | chosen}}  # fmt: skip
        user = {"id": stack.user("E009")}
        return interact(stack, {"type": "view_submission", "team": {"id": "T1"}, "user": user, "view": view}).text

    before = len(stack.context.service.cases(template="complaint"))
    assert "one of urgent, high, normal, low" in sent("NOW")
    assert len(stack.context.service.cases(template="complaint")) == before
    sent("urgent")
    assert stack.context.service.cases(template="complaint")[0].priority == "urgent"


def test_who_is_not_in_the_directory_gets_a_sentence_and_no_form(stack: Stack) -> None:
    form = {"command": "/trueloop", "text": "open complaint", "user_id": "U404", "trigger_id": "1.2.x",
            "response_url": f"{stack.settings.gateway_url}/embedded-slack/response/none", "team_id": "T1"}  # fmt: skip
    assert signed(stack, form).status_code == 200
    before = len(stack.context.service.cases())
    values = {"field:what": {"field:what": {"type": "plain_text_input", "value": "x"}}}
    payload = {"type": "view_submission", "user": {"id": "U404"}, "team": {"id": "T1"},
               "view": {"id": "V1", "type": "modal", "callback_id": "open_case", "blocks": [],
                        "private_metadata": '{"template_id":"complaint"}', "state": {"values": values}}}  # fmt: skip
    assert "does not know you" in json.dumps(interact(stack, payload).json())
    assert len(stack.context.service.cases()) == before


def test_a_command_that_there_is_not_stays_in_the_workspace(stack: Stack) -> None:
    assert "/giphy is no command here" in typed(stack, "E003", "/giphy cat")


def test_the_page_offers_the_commands_while_one_types(stack: Stack) -> None:
    page = stack.http.get(f"/embedded-slack/?as={stack.user('E003')}").text
    assert 'data-command="/trueloop metric &lt;name or words&gt;"' in page
