"""The limits that Slack puts on blocks and views, checked as Slack would when a message or modal arrives.

Written from Slack's reference on its own, not shared with what composes the messages: a second opinion is the point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
_BUTTON_STYLES = {"primary", "danger"}
_SELECTS = {"static_select", "external_select", "users_select", "conversations_select", "channels_select"}
_MULTI_SELECTS = {f"multi_{name}" for name in _SELECTS}
_PICKERS = {"datepicker", "timepicker", "datetimepicker", "radio_buttons", "checkboxes"}
_TEXT_INPUTS = {"plain_text_input", "number_input", "email_text_input", "url_text_input"}
_ACTION_ELEMENTS = {"button", "overflow"} | _SELECTS | _MULTI_SELECTS | _PICKERS
_INPUT_ELEMENTS = _TEXT_INPUTS | _SELECTS | _MULTI_SELECTS | _PICKERS | {"file_input"}
_ACCESSORIES = _ACTION_ELEMENTS | {"image"}
Problems = list[str]


def block_problems(blocks: Any, *, in_view: bool = False) -> Problems:
    """Everything Slack would refuse in a list of blocks, each with the path of the place; empty where it is fine."""
    if not isinstance(blocks, list):
        return ["blocks must be an array"]
    problems: Problems = []
    limit = VIEW_BLOCKS if in_view else MESSAGE_BLOCKS
    if len(blocks) > limit:
        problems.append(f"no more than {limit} items allowed [json-pointer:/blocks]")
    block_ids: list[str] = []
    for at, block in enumerate(blocks):
        where = f"/blocks/{at}"
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            problems.append(f"missing required field: type [json-pointer:{where}]")
            continue
        if isinstance(block.get("block_id"), str):
            block_ids.append(block["block_id"])
            if len(block["block_id"]) > 255:
                problems.append(f"must be less than 256 characters [json-pointer:{where}/block_id]")
        check = _CHECKS.get(block["type"])
        if check is None or (block["type"] == "input" and not in_view and "element" not in block):
            problems.append(f"unsupported type: {block['type']} [json-pointer:{where}/type]")
            continue
        check(block, where, problems)
        _unique(_action_ids(block), "action_id", where, problems)
    _unique(block_ids, "block_id", "/blocks", problems)
    return problems


def view_problems(view: Any) -> Problems:
    """Everything Slack would refuse in a view."""
    if not isinstance(view, dict):
        return ["view must be an object"]
    problems: Problems = []
    kind = view.get("type")
    if kind not in ("modal", "home"):
        return [f"unsupported type: {kind} [json-pointer:/type]"]
    if kind == "modal":
        _text(view.get("title"), 24, "/title", problems, plain=True)
        for part in ("submit", "close"):
            if part in view:
                _text(view[part], 24, f"/{part}", problems, plain=True)
        has_input = any(isinstance(b, dict) and b.get("type") == "input" for b in view.get("blocks") or [])
        if has_input and "submit" not in view:
            problems.append("submit is required when an input block is within blocks [json-pointer:/submit]")
    if len(str(view.get("private_metadata", ""))) > 3000:
        problems.append("must be less than 3001 characters [json-pointer:/private_metadata]")
    if len(str(view.get("callback_id", ""))) > 255:
        problems.append("must be less than 256 characters [json-pointer:/callback_id]")
    return problems + block_problems(view.get("blocks"), in_view=True)


def _text(text: Any, longest: int, where: str, problems: Problems, *, plain: bool = False) -> None:
    if not isinstance(text, dict) or not isinstance(text.get("text"), str):
        problems.append(f"missing required field: text [json-pointer:{where}]")
        return
    kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    if text.get("type") not in kinds:
        problems.append(f"must be one of {', '.join(kinds)} [json-pointer:{where}/type]")
    if not text["text"]:
        problems.append(f"must be more than 0 characters [json-pointer:{where}/text]")
    if len(text["text"]) > longest:
        problems.append(f"must be less than {longest + 1} characters [json-pointer:{where}/text]")


def _section(block: dict[str, Any], where: str, problems: Problems) -> None:
    fields = block.get("fields")
    if "text" not in block and not fields:
        problems.append(f"missing required field: text or fields [json-pointer:{where}]")
    if "text" in block:
        _text(block["text"], 3000, f"{where}/text", problems)
    if fields is not None:
        if not isinstance(fields, list) or not 1 <= len(fields) <= 10:
            problems.append(f"1 to 10 items allowed [json-pointer:{where}/fields]")
        else:
            for at, field in enumerate(fields):
                _text(field, 2000, f"{where}/fields/{at}", problems)
    if "accessory" in block:
        _element(block["accessory"], _ACCESSORIES, f"{where}/accessory", problems)


def _header(block: dict[str, Any], where: str, problems: Problems) -> None:
    _text(block.get("text"), 150, f"{where}/text", problems, plain=True)


def _context(block: dict[str, Any], where: str, problems: Problems) -> None:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= 10:
        problems.append(f"1 to 10 items allowed [json-pointer:{where}/elements]")
        return
    for at, element in enumerate(elements):
        if isinstance(element, dict) and element.get("type") == "image":
            _image(element, f"{where}/elements/{at}", problems)
        else:
            _text(element, 3000, f"{where}/elements/{at}", problems)


def _actions(block: dict[str, Any], where: str, problems: Problems) -> None:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= 25:
        problems.append(f"1 to 25 items allowed [json-pointer:{where}/elements]")
        return
    for at, element in enumerate(elements):
        _element(element, _ACTION_ELEMENTS, f"{where}/elements/{at}", problems)


def _image(block: dict[str, Any], where: str, problems: Problems) -> None:
    if not block.get("image_url") and not block.get("slack_file"):
        problems.append(f"missing required field: image_url [json-pointer:{where}]")
    if not block.get("alt_text"):
        problems.append(f"missing required field: alt_text [json-pointer:{where}]")


def _input(block: dict[str, Any], where: str, problems: Problems) -> None:
    _text(block.get("label"), 2000, f"{where}/label", problems, plain=True)
    if "hint" in block:
        _text(block["hint"], 2000, f"{where}/hint", problems, plain=True)
    _element(block.get("element"), _INPUT_ELEMENTS, f"{where}/element", problems)


def _nothing(block: dict[str, Any], where: str, problems: Problems) -> None:
    """A divider and rich text carry nothing that the platform could get wrong."""


_CHECKS: dict[str, Callable[[dict[str, Any], str, Problems], None]] = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "image": _image,
    "input": _input,
    "divider": _nothing,
    "rich_text": _nothing,
}


def _element(element: Any, allowed: set[str], where: str, problems: Problems) -> None:
    kind = element.get("type") if isinstance(element, dict) else None
    if kind not in allowed:
        problems.append(f"unsupported type: {kind} [json-pointer:{where}/type]")
        return
    if kind == "image":
        _image(element, where, problems)
        return
    if len(str(element.get("action_id", ""))) > 255:
        problems.append(f"must be less than 256 characters [json-pointer:{where}/action_id]")
    if kind == "button":
        _text(element.get("text"), 75, f"{where}/text", problems, plain=True)
        if len(str(element.get("value", ""))) > 2000:
            problems.append(f"must be less than 2001 characters [json-pointer:{where}/value]")
        if "style" in element and element["style"] not in _BUTTON_STYLES:
            problems.append(f"must be primary or danger [json-pointer:{where}/style]")
    if "placeholder" in element:
        _text(element["placeholder"], 150, f"{where}/placeholder", problems, plain=True)
    if kind in ("static_select", "multi_static_select", "radio_buttons", "checkboxes", "overflow"):
        _options(element, kind, where, problems)
    if kind == "number_input" and "is_decimal_allowed" not in element:
        problems.append(f"missing required field: is_decimal_allowed [json-pointer:{where}]")
    if kind == "file_input" and not 1 <= int(element.get("max_files", 10)) <= 10:
        problems.append(f"must be between 1 and 10 [json-pointer:{where}/max_files]")
    if "confirm" in element:
        for part in ("title", "text", "confirm", "deny"):
            _text(element["confirm"].get(part), 300, f"{where}/confirm/{part}", problems)


def _options(element: dict[str, Any], kind: str, where: str, problems: Problems) -> None:
    options = element.get("options")
    if options is None and kind.endswith("static_select") and element.get("option_groups"):
        options = [option for group in element["option_groups"] for option in group.get("options", [])]
    most = 100 if kind.endswith("static_select") else 10 if kind != "overflow" else 5
    if not isinstance(options, list) or not 1 <= len(options) <= most:
        problems.append(f"1 to {most} items allowed [json-pointer:{where}/options]")
        return
    for at, option in enumerate(options):
        _text(option.get("text"), 75, f"{where}/options/{at}/text", problems)
        value = option.get("value")
        if not isinstance(value, str) or not 1 <= len(value) <= 150:
            problems.append(f"must be 1 to 150 characters [json-pointer:{where}/options/{at}/value]")


def _action_ids(block: dict[str, Any]) -> list[str]:
    elements = [*(block.get("elements") or []), block.get("accessory"), block.get("element")]
    return [e["action_id"] for e in elements if isinstance(e, dict) and isinstance(e.get("action_id"), str)]


def _unique(ids: list[str], what: str, where: str, problems: Problems) -> None:
    twice = sorted({one for one in ids if ids.count(one) > 1})
    problems.extend(f"`{what}` {one!r} already exists [json-pointer:{where}]" for one in twice)
