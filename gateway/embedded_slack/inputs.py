"""What a person entered into inputs: from the fields of an HTML form to Slack's ``state.values``, with Slack's checks.

Slack's own client refuses an empty required field or a number out of range before the app hears of it; so does this.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

_TEXT = {"plain_text_input", "number_input", "email_text_input", "url_text_input"}
_PLAIN_VALUES = {
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
}
_LISTS = {
    "multi_users_select": "selected_users",
    "multi_conversations_select": "selected_conversations",
    "multi_channels_select": "selected_channels",
}


def elements(blocks: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Every interactive element of the blocks as ``(field name in the page's form, block, element)``."""
    for at, block in enumerate(blocks):
        parts = [block.get("element"), block.get("accessory"), *(block.get("elements") or [])]
        for number, element in enumerate(parts):
            if isinstance(element, dict) and "action_id" in element:
                yield f"v-{at}-{number}", block, element


def state_values(blocks: Sequence[Mapping[str, Any]], form: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """``{block_id: {action_id: {...}}}`` for every element that holds a value (buttons hold none)."""
    values: dict[str, Any] = {}
    for name, block, element in elements(blocks):
        if element["type"] in ("button", "overflow"):
            continue
        values.setdefault(block["block_id"], {})[element["action_id"]] = {
            "type": element["type"],
            **entered(element, form.get(name, ())),
        }
    return values


def entered(element: Mapping[str, Any], given: Sequence[str]) -> dict[str, Any]:
    """The value part that Slack sends for one element."""
    kind = element["type"]
    first = given[0].strip() if given else ""
    if kind == "file_input":
        return {"files": [json.loads(one) for one in given if one]}
    if kind in _TEXT:
        return {"value": given[0] if first else None}
    if kind in _PLAIN_VALUES:
        return {_PLAIN_VALUES[kind]: first or None}
    if kind in _LISTS:
        return {_LISTS[kind]: [one for one in given if one]}
    if kind == "datetimepicker":
        return {"selected_date_time": int(first) if first.isdigit() else None}
    options = [option for option in options_of(element) if option["value"] in given]
    if kind in ("checkboxes", "multi_static_select", "multi_external_select"):
        return {"selected_options": options}
    return {"selected_option": options[0] if options else None}


def options_of(element: Mapping[str, Any]) -> list[dict[str, Any]]:
    options = list(element.get("options") or [])
    for group in element.get("option_groups") or []:
        options.extend(group.get("options") or [])
    return options


def problems(blocks: Sequence[Mapping[str, Any]], form: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """A sentence per block id of an input that Slack's client would not submit."""
    found: dict[str, str] = {}
    for name, block, element in elements(blocks):
        if block["type"] != "input":
            continue
        given = [one for one in form.get(name, ()) if one.strip()]
        if not given:
            if not block.get("optional", False):
                found[block["block_id"]] = "Please complete this required field."
            continue
        sentences = [_problem(element, one) for one in (given if element["type"] == "file_input" else given[:1])]
        if element["type"] == "file_input" and len(given) > int(element.get("max_files", 10)):
            sentences.append(f"At most {element['max_files']} files may be added.")
        sentence = next((one for one in sentences if one), "")
        if sentence:
            found[block["block_id"]] = sentence
    return found


def _problem(element: Mapping[str, Any], text: str) -> str:
    kind = element["type"]
    if kind == "file_input":
        file = json.loads(text)
        allowed = element.get("filetypes")
        return "" if not allowed or file["filetype"] in allowed else f"Only {', '.join(allowed)} may be added."
    if kind == "number_input":
        return _number_problem(element, text.strip())
    if kind == "email_text_input" and "@" not in text:
        return "Please enter a valid email address."
    if kind == "url_text_input" and "://" not in text:
        return "Please enter a valid URL."
    if kind == "datepicker":
        try:
            date.fromisoformat(text)
        except ValueError:
            return "Please enter a date as YYYY-MM-DD."
    if kind == "plain_text_input":
        if len(text) < int(element.get("min_length", 0)):
            return f"Please enter at least {element['min_length']} characters."
        if len(text) > int(element.get("max_length", 3000)):
            return f"Please enter at most {element.get('max_length', 3000)} characters."
    return ""


def _number_problem(element: Mapping[str, Any], text: str) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        return "Please enter a number without separators, such as 120000 or 0.5."
    if not element.get("is_decimal_allowed", False) and number != number.to_integral_value():
        return "Please enter a whole number."
    if "min_value" in element and number < Decimal(str(element["min_value"])):
        return f"Please enter a number of at least {element['min_value']}."
    if "max_value" in element and number > Decimal(str(element["max_value"])):
        return f"Please enter a number of at most {element['max_value']}."
    return ""
