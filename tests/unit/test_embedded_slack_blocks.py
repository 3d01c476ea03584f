"""What the embedded Slack refuses in blocks and views, and how it reads a form."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.embedded_slack.block_rules import block_problems, view_problems
from gateway.embedded_slack.inputs import problems, state_values


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def section(text: str = "x", **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(action_id: str = "a", **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": plain("Go"), **more}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def input_block(element: dict[str, Any], block_id: str = "f", **more: Any) -> dict[str, Any]:
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain("Field"),
        "element": {"action_id": "v", **element},
        **more,
    }


GOOD = [
    {"type": "header", "text": plain("Head")},
    section(fields=[{"type": "mrkdwn", "text": "*a*"}]),
    {"type": "divider"},
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "small"}]},
    actions(button("a", style="primary", value="1"), button("b")),
]


def test_good_blocks_pass() -> None:
    assert block_problems(GOOD) == []


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ("no list", "must be an array"),
        ([section()] * 51, "no more than 50"),
        ([section("")], "more than 0 characters"),
        ([section("x" * 3001)], "less than 3001"),
        ([{"type": "header", "text": plain("x" * 151)}], "less than 151"),
        ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "must be one of plain_text"),
        ([section(block_id="s"), section(block_id="s")], "already exists"),
        ([actions(button("a"), button("a"))], "already exists"),
        ([actions(button(value="x" * 2001))], "less than 2001"),
        ([actions(button(style="warning"))], "primary or danger"),
        ([actions(*[button(str(n)) for n in range(26)])], "1 to 25"),
        ([section(fields=[plain("x")] * 11)], "1 to 10"),
        ([{"type": "carousel"}], "unsupported type"),
        ([{"type": "section"}], "text or fields"),
        ([{}], "missing required field: type"),
        ([{"type": "image", "image_url": "https://e.com/x.png"}], "alt_text"),
    ],
)
def test_bad_blocks_are_refused_with_the_place(blocks: Any, said: str) -> None:
    assert said in " ".join(block_problems(blocks))


def test_a_modal_with_inputs_needs_a_submit_button() -> None:
    view = {"type": "modal", "title": plain("T"), "blocks": [input_block({"type": "plain_text_input"})]}
    assert "submit is required" in " ".join(view_problems(view))
    assert view_problems(view | {"submit": plain("Send")}) == []


def test_a_modal_s_title_is_short() -> None:
    assert "less than 25" in " ".join(view_problems({"type": "modal", "title": plain("x" * 25), "blocks": [section()]}))


SELECT = {
    "type": "static_select",
    "options": [{"text": plain("One"), "value": "1"}, {"text": plain("Two"), "value": "2"}],
}


@pytest.mark.parametrize(
    ("element", "given", "value"),
    [
        ({"type": "plain_text_input"}, ["hello"], {"value": "hello"}),
        ({"type": "plain_text_input"}, ["  "], {"value": None}),
        ({"type": "number_input", "is_decimal_allowed": True}, ["1.5"], {"value": "1.5"}),
        ({"type": "datepicker"}, ["2026-11-16"], {"selected_date": "2026-11-16"}),
        (SELECT, ["2"], {"selected_option": SELECT["options"][1]}),
        (SELECT, ["3"], {"selected_option": None}),
        (SELECT | {"type": "checkboxes"}, ["1", "2"], {"selected_options": SELECT["options"]}),
        ({"type": "users_select"}, ["U1"], {"selected_user": "U1"}),
    ],
)
def test_a_form_becomes_slack_s_state(element: dict[str, Any], given: list[str], value: dict[str, Any]) -> None:
    blocks = [section(), input_block(element)]
    assert state_values(blocks, {"v-1-0": given}) == {"f": {"v": {"type": element["type"], **value}}}


@pytest.mark.parametrize(
    ("element", "text", "said"),
    [
        ({"type": "plain_text_input"}, " ", "complete this required field"),
        ({"type": "number_input", "is_decimal_allowed": False}, "1.5", "whole number"),
        ({"type": "number_input", "is_decimal_allowed": True}, "many", "a number"),
        ({"type": "number_input", "is_decimal_allowed": True}, "NaN", "a number"),
        ({"type": "number_input", "is_decimal_allowed": True, "min_value": "0"}, "-1", "at least 0"),
        ({"type": "number_input", "is_decimal_allowed": True, "max_value": "5"}, "6", "at most 5"),
        ({"type": "datepicker"}, "tomorrow", "YYYY-MM-DD"),
        ({"type": "plain_text_input", "max_length": 3}, "four", "at most 3"),
    ],
)
def test_a_form_is_checked_before_it_is_sent(element: dict[str, Any], text: str, said: str) -> None:
    assert said in problems([input_block(element)], {"v-0-0": [text]})["f"]


def test_an_optional_field_may_stay_empty() -> None:
    assert problems([input_block({"type": "plain_text_input"}, optional=True)], {}) == {}
