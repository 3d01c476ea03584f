"""Cards, modals and the Block Kit limits: what people read, what buttons carry, what Slack would refuse."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.engine_world import Play, human, people, shipped, small, to_the_end
from tests.process_world import REGULAR
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.state import TaskState
from workflow_jobs.slack import cards, modals
from workflow_jobs.slack.block_kit import BlockKitError, validate, validate_blocks, validate_message, validate_view
from workflow_jobs.slack.case_lines import next_steps
from workflow_jobs.slack.decision_buttons import ButtonValue
from workflow_jobs.slack.message import Message
from workflow_jobs.slack.wording import CardContext, MetricFigure

FIGURE = MetricFigure("Supplier reject rate", "供应商拒收率", "percent", 2)


def context(language: str = "en") -> CardContext:
    return CardContext(language=language, zone=ZoneInfo("Asia/Shanghai"), name=people().name, figure=FIGURE)


def play(**changes: Any) -> Play:
    started = Play(shipped("supply_exception"))
    values: dict[str, Any] = {
        "case_id": "C-000007",
        "rule_id": "supplier_reject_rate_high",
        "subject_kind": "supplier",
        "subject_id": "V000123",
        "subject_label": "Huaxin Castings",
        "metric": "metric_supplier_reject_rate",
        "direction": "above",
        "observed": "0.0931",
        "threshold": "0.08",
        "snapshot_id": "snap-1",
        "data": {"as_of": "2026-11-15"},
    }
    started.do(c.OpenCase(**{**values, **changes}))
    return started


def task(game: Play, step: str) -> TaskState:
    return next(t for t in game.state.open_tasks if t.step_id == step)


def card(game: Play, step: str, language: str = "en") -> Message:
    return cards.task_card(game.state, task(game, step), game.template, context(language))


def decide(game: Play, step: str) -> TaskState:
    asked = task(game, step)
    outcome, form = REGULAR[step]
    game.do(
        c.DecideTask(
            task_id=asked.task_id,
            task_version=asked.version,
            person_id=asked.assignee or "",
            outcome=outcome,
            form=form,
        )
    )
    return game.state.tasks[asked.task_id]


def buttons(message: Message) -> list[dict[str, Any]]:
    return [e for block in message.blocks if block["type"] == "actions" for e in block["elements"]]


def test_a_card_shows_what_happened_what_is_asked_until_when_and_what_follows() -> None:
    text = str(card(play(), "judge").blocks)
    for part in (
        "Judge the exception: Huaxin Castings",
        "Supplier reject rate",
        "9.31 %",
        "at most 8.00 %",
        "2026-11-15",
        "Mon 2026-11-16 15:00 (Asia/Shanghai)",
        "Wang One",
        "quality engineer",
        "quality manager",
        "Confirm: Work with the supplier + Protect customer orders",
        "No action needed: the case is closed",
        "C-000007",
    ):
        assert part in text, part


def test_a_card_speaks_the_language_of_the_settings() -> None:
    chinese = card(play(), "judge", "zh")
    text = str(chinese.blocks)
    for part in ("质量判定", "供应商拒收率", "不高于 8.00 %", "2026-11-16 周一 15:00", "确认异常"):
        assert part in text, part
    assert "Judge" not in text and "Due" not in chinese.text


def test_buttons_carry_task_version_and_outcome() -> None:
    confirm, reject = buttons(card(play(), "judge"))
    assert (confirm["action_id"], confirm["style"], reject["style"]) == ("decide:confirm", "primary", "danger")
    assert ButtonValue.read(confirm["value"]) == ButtonValue("C-000007.judge.1", 1, "confirm", form=True)
    incident = Play(shipped("data_incident"))
    incident.do(c.OpenCase(case_id="C-1", rule_id="red"))
    stated, *others = buttons(card(incident, "explain"))
    assert stated["value"] == '{"task_id":"C-1.explain.1","version":1,"outcome":"stated","form":true}'
    assert [button["action_id"] for button in others] == ["act:acknowledge", "act:snooze", "act:assign"]
    assert others[0]["value"] == '{"task_id":"C-1.explain.1","version":1,"action":"acknowledge"}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        "7",
        '{"task_id":1,"version":1,"outcome":"x"}',
        '{"task_id":"t","version":true,"outcome":"x"}',
    ],
)
def test_a_foreign_button_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no button of a card"):
        ButtonValue.read(text)


def test_a_decided_card_says_who_and_has_no_buttons() -> None:
    game = play()
    judged = decide(game, "judge")
    message = cards.closed_task_card(game.state, judged, game.template, context())
    assert buttons(message) == []
    assert "*Confirm* by Wang One, Mon 2026-11-16 09:30" in str(message.blocks)
    assert "• Amount at stake (CNY): 60,000\\n• Cause: Transport" in str(message.blocks)
    chinese = str(cards.closed_task_card(game.state, judged, game.template, context("zh")).blocks)
    assert "• 涉及金额（元）: 60,000\\n• 原因: 运输" in chinese and "优先级 高" in chinese
    assert chinese.count("• 涉及金额") == 1
    following = str(card(game, "supplier", "zh").blocks)
    assert "(采购员)" in following and "• 原因: 运输" in following


def test_a_case_says_how_it_ended_and_who_asked_for_it() -> None:
    game = play(rule_id="opened_in_slack:V1", requested_by="b1")
    assert "asked for by Wu One" in str(card(game, "judge").blocks[-1]) and "V1" not in str(card(game, "judge"))
    asked = task(game, "judge")
    game.do(
        c.DecideTask(
            task_id=asked.task_id,
            task_version=asked.version,
            person_id=asked.assignee or "",
            outcome="reject",
            form={"judgement": "It was a slip"},
        )
    )
    drawn = [str(cards.case_card(game.state, game.template, context(one)).blocks) for one in ("en", "zh")]
    assert "*Outcome*: no action needed" in drawn[0] and "*结果*: 无需处理" in drawn[1]


def test_the_case_card_follows_the_case_to_its_end() -> None:
    game = play()
    for step in ("judge", "supplier", "protect"):
        decide(game, step)
    game.do(c.FailService(step_id="replan", run_id="r", error="disk <full>", final=True))
    failed = cards.case_card(game.state, game.template, context())
    assert "! Replan production: The job failed" in str(failed.blocks)
    rescue = card(game, "replan")
    assert "disk &lt;full&gt;" in str(rescue.blocks) and "Try again: runs by itself" in str(rescue.blocks)
    game.do(c.CompleteService(step_id="replan", run_id="r2"))
    for step in ("assess", "promise"):
        decide(game, step)
    done = cards.case_card(game.state, game.template, context())
    assert "closed; its effect is watched" in str(done.blocks) and "Mon 2026-11-23" in str(done.blocks)


def test_what_follows_a_branch_is_the_join() -> None:
    following = next_steps(shipped("supply_exception"), "protect", context())
    assert following == "waits for the other branches → Assess the impact"
    assert next_steps(shipped("supply_exception"), "supplier", context()) == "Replan production"
    assert next_steps(shipped("supply_exception"), "promise", context()) == "the case is closed"
    assert "cause is gone" in next_steps(shipped("data_incident"), "explain", context())


def test_text_from_elsewhere_can_neither_mention_nor_link_nor_break_the_limits() -> None:
    game = play(subject_label="<!channel> <https://evil|x> & " + "长" * 5000, subject_id="S" * 3000)
    message = card(game, "judge")
    marked = [
        str(value["text"])
        for block in message.blocks
        for value in [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
        if isinstance(value, dict) and value.get("type") == "mrkdwn"
    ]
    assert marked and not any("<!" in text or "<http" in text for text in marked)
    assert "<!" not in message.text


def test_figures_are_written_in_their_unit() -> None:
    plain = replace(context(), figure=None)
    assert plain.value("0.0931") == "0.0931"
    assert context().value("0.09315") == "9.32 %"
    assert replace(context(), figure=MetricFigure("x", unit="days", decimals=1)).value("1234.55") == "1,234.6 days"
    assert replace(context("zh"), figure=MetricFigure("x", unit="cny", decimals=2)).value("5") == "5.00 元"
    assert (context().value(None), context().value("n/a"), plain.value("100")) == ("–", "n/a", "100")


def test_a_modal_asks_for_the_form_of_the_outcome() -> None:
    game = play()
    judge = task(game, "judge")
    view = modals.decision_modal(game.state, judge, game.template, context(), outcome="confirm")
    inputs = {b["block_id"]: b for b in view["blocks"] if b["type"] == "input"}
    assert list(inputs) == ["field:impact_amount", "field:exception_cause", "field:judgement"]
    assert [b["optional"] for b in inputs.values()] == [False, False, True]
    assert inputs["field:impact_amount"]["element"]["is_decimal_allowed"] is True
    assert modals.button_of_view(view) == ButtonValue(judge.task_id, 1, "confirm", form=True)
    with pytest.raises(KeyError):
        modals.decision_modal(game.state, judge, game.template, context(), outcome="perhaps")


def test_what_was_typed_comes_back_by_field() -> None:
    values = {
        "field:amount": {"field:amount": {"type": "number_input", "value": "12.50"}},
        "field:cause": {"a": {"type": "static_select", "selected_option": {"value": "transport"}}},
        "field:sure": {"a": {"type": "static_select", "selected_option": {"value": "bool:false"}}},
        "field:day": {"a": {"type": "datepicker", "selected_date": "2026-12-01"}},
        "field:note": {"a": {"type": "plain_text_input", "value": None}},
        "field:none": {"a": {"type": "static_select", "selected_option": None}},
        "other": {"a": {"type": "plain_text_input", "value": "x"}},
    }
    assert modals.form_from_view({"state": {"values": values}}) == {
        "amount": "12.50",
        "cause": "transport",
        "sure": False,
        "day": "2026-12-01",
    }


_OPTION = {"text": {"type": "plain_text", "text": "x"}, "value": "v"}


def _button(**changes: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "x"}, "value": "v", **changes}


def _section(text: str = "x") -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _input(element: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "input", "label": {"type": "plain_text", "text": "l"}, "element": {"action_id": "a", **element}}]


@pytest.mark.parametrize(
    ("blocks", "complaint"),
    [
        ([], "is empty"),
        ([_section()] * 51, "at most 50"),
        ([{**_section(), "block_id": "b"}] * 2, "twice"),
        ([{"type": "actions", "elements": [_button(), _button()]}], "twice"),
        ([{"type": "actions", "elements": []}], "at least one"),
        ([{"type": "actions", "elements": [_button(action_id=f"a{n}") for n in range(26)]}], "at most 25"),
        ([{"type": "actions", "elements": [_button(value="v" * 2001)]}], "at most 2000"),
        ([{"type": "actions", "elements": [_button(style="default")]}], "primary or danger"),
        ([{"type": "actions", "elements": [_button(text={"type": "mrkdwn", "text": "x"})]}], "must be plain_text"),
        ([{"type": "actions", "elements": [_button(text={"type": "plain_text", "text": "x" * 76})]}], "at most 75"),
        ([_section("")], "is empty"),
        ([_section("  ")], "is blank"),
        ([_section("x" * 3001)], "at most 3000"),
        ([_section("x" * 2500)] * 5, "in all"),
        ([{"type": "section"}], "text or fields"),
        ([{"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11}], "at most 10"),
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "at most 150"),
        ([{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}], "at most 10"),
        ([{"type": "video"}], "not a block we send"),
        (["text"], "must be an object"),
        ([{"text": "x"}], "type: is missing"),
        ([{"type": "image", "alt_text": "x"}], "image_url or slack_file"),
        ([{"type": "image", "image_url": "u"}], "must be text"),
        (_input({"type": "number_input"}), "is_decimal_allowed"),
        (_input({"type": "button", "text": {"type": "plain_text", "text": "x"}}), "may not stand here"),
        (_input({"type": "plain_text_input", "max_length": 3001}), "max_length"),
        (_input({"type": "datepicker", "initial_date": "1.2.2026"}), "YYYY-MM-DD"),
        (_input({"type": "static_select", "options": []}), "at least one"),
        (_input({"type": "radio_buttons", "options": [_OPTION] * 2}), "twice"),
    ],
)  # fmt: skip
def test_what_slack_would_refuse_is_refused_before_it_is_stored(blocks: list[Any], complaint: str) -> None:
    with pytest.raises(BlockKitError, match=complaint):
        validate_blocks(blocks)


def test_a_message_needs_words_for_its_notification() -> None:
    for text in ("", "  ", "x" * 4001):
        with pytest.raises(BlockKitError, match="text: "):
            validate_message(text, [_section()])
    validate({"text": "x", "blocks": [_section()]})
    with pytest.raises(BlockKitError):
        Message("", (_section(),))


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda view: view.pop(name)


def _with(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda view: view.update(changes)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_without("title"), "title: a modal needs"),
        (_without("submit"), "submit: a modal with an input"),
        (_with(title={"type": "plain_text", "text": "x" * 25}), "at most 24"),
        (_with(private_metadata="x" * 3001), "at most 3000"),
        (_with(blocks=None), "needs a list"),
        (_with(blocks=[_section()] * 101), "at most 100"),
    ],
)
def test_a_view_has_limits_of_its_own(change: Callable[[dict[str, Any]], None], complaint: str) -> None:
    game = play()
    good = modals.decision_modal(game.state, task(game, "judge"), game.template, context(), outcome="confirm")
    validate(good)
    bad = copy.deepcopy(good)
    change(bad)
    with pytest.raises(BlockKitError, match=complaint):
        validate_view(bad)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            "*Given with it*\n• Order: SO1\n• Who wants it: Customer\n• What changes: Quantity\n• What is wanted: Ten",
        ),
        ("zh", "*附带信息*\n• 订单号: SO1\n• 变更提出方: 客户\n• 变更类型: 数量\n• 变更内容: Ten"),
    ],
)
def test_who_decides_sees_what_was_asked_for(language: str, said: str) -> None:
    data = {"order_no": "SO1", "asked_by": "customer", "change_kind": "quantity", "wanted": "Ten"}
    asked = Play(shipped("order_change")).open(rule_id="r", metric="", requested_by="q1", data=data)
    task = asked.task("take_in")
    for card in (
        cards.task_card(asked.state, task, asked.template, context(language)),
        cards.case_card(asked.state, asked.template, context(language)),
    ):
        assert said in [
            block["text"]["text"] for block in card.blocks if block["type"] == "section" and "text" in block
        ]


STATED = (
    ", actions: {snooze: {at_most: P2D}, pauses: ["
    "{id: supplier, title: {en: Waiting for the supplier, zh: 等待供应商}, at_most: P5D}]}"
)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("Clock stopped until", ": Waiting for the supplier", "Let the clock run")),
        ("zh", ("计时暂停至", ": 等待供应商", "恢复计时")),
    ],
)
def test_a_clock_that_is_stopped_for_a_stated_reason_is_no_snooze(language: str, said: tuple[str, ...]) -> None:
    game = Play(small(f"  - {human('a', extra=STATED)}\n")).open()
    who = game.task("a").assignee or ""
    game.do(c.PauseTask(task_id="c1.a.1", task_version=1, person_id=who, reason_id="supplier"))
    drawn = json.dumps(card(game, "a", language).blocks, ensure_ascii=False)
    assert [one for one in said if one not in drawn] == []
    assert "nooze" not in drawn
    assert "暂缓" not in drawn


def test_whoever_is_asked_after_a_reopening_reads_why_on_his_card() -> None:
    game = to_the_end(Play(shipped("supply_exception")))
    game.wait(days=7).do(c.JudgeEffect(observed="0.1204", snapshot_id="s9"))
    again = card(game, "judge")
    whole = cards.case_card(game.state, game.template, context())
    for message in (again, whole):
        assert "The case is open again" in str(message.blocks[1])
        assert "The case did not work: 12.04 % after 7 d" in str(message.blocks[1])
        assert message.picture is not None
        assert "fields" in message.blocks[int(message.picture["after"])], "the trend stands below the facts"
