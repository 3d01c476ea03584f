"""Slack's limits on Block Kit payloads, checked before a payload is stored.

Belongs here: what Slack accepts (sizes, required fields, uniqueness of ids). Does not belong here: what a card
says. slack_sdk.models does not do this: it lets duplicate ids, more than 50 blocks and empty text through, and
Slack answers such a message with ``invalid_blocks`` when nobody is looking any more. Limits as documented in
Slack's Block Kit reference; ``TEXT_BUDGET`` is our own, well below what a client can show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
ROW_BUTTONS = 25
OPTIONS = 100
MESSAGE_TEXT = 4000
TEXT_BUDGET = 10_000
PRIVATE_METADATA = 3000
BUTTON_VALUE = 2000

# Below, dict and list are asked for first: asking an abstract class costs ten times as much, and is most of a check.
Json = Mapping[str, Any]
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_VIEW_TYPES = ("modal", "home")


class BlockKitError(ValueError):
    """A payload that Slack would refuse. The message gives the path in the payload, the fault and the limit."""


class TooMuchText(BlockKitError):
    """All texts together are longer than a message may be."""


def validate(payload: Json) -> None:
    """Check a message (``text`` and ``blocks``) or a view (``type`` modal or home). Raises :class:`BlockKitError`."""
    if payload.get("type") in _VIEW_TYPES:
        validate_view(payload)
    else:
        validate_message(str(payload.get("text") or ""), payload.get("blocks"))


def validate_message(text: str, blocks: Sequence[Json] | None) -> None:
    """Check a message. ``text`` is what notifications and screen readers get, so it may not be empty."""
    if not text.strip():
        raise BlockKitError("text: is empty; it is what a notification shows")
    if len(text) > MESSAGE_TEXT:
        raise BlockKitError(f"text: {len(text)} characters, at most {MESSAGE_TEXT}")
    if blocks is not None:
        validate_blocks(blocks)


def validate_view(view: Json) -> None:
    """Check a modal or a home view."""
    check = _Check()
    blocks = view.get("blocks")
    if view.get("type") == "modal":
        for part in ("title", "submit", "close"):
            if part in view:
                check.text(view[part], part, limit=24, kinds=("plain_text",))
        if "title" not in view:
            raise BlockKitError("title: a modal needs one")
        has_input = any(isinstance(b, Mapping) and b.get("type") == "input" for b in blocks or ())
        if has_input and "submit" not in view:
            raise BlockKitError("submit: a modal with an input block needs one")
    check.length(view.get("callback_id", ""), "callback_id", 255, minimum=0)
    check.length(view.get("private_metadata", ""), "private_metadata", PRIVATE_METADATA, minimum=0)
    if not isinstance(blocks, (list, tuple, Sequence)) or isinstance(blocks, (str, bytes)):
        raise BlockKitError("blocks: a view needs a list of blocks")
    check.blocks(blocks, most=VIEW_BLOCKS)


def validate_blocks(blocks: Sequence[Json]) -> None:
    """Check the blocks of a message. Raises :class:`BlockKitError`."""
    if not isinstance(blocks, (list, tuple, Sequence)) or isinstance(blocks, (str, bytes)):
        raise BlockKitError("blocks: must be a list")
    _Check().blocks(blocks, most=MESSAGE_BLOCKS)


@dataclass
class _Check:
    """One walk over a payload: ids seen so far and characters counted."""

    block_ids: set[str] = field(default_factory=set)
    action_ids: set[str] = field(default_factory=set)
    characters: int = 0

    def blocks(self, blocks: Sequence[Json], *, most: int) -> None:
        if not blocks:
            raise BlockKitError("blocks: is empty")
        if len(blocks) > most:
            raise BlockKitError(f"blocks: {len(blocks)} blocks, at most {most}")
        for index, block in enumerate(blocks):
            at = f"blocks[{index}]"
            kind = self.kind(block, at)
            checker = _BLOCKS.get(kind)
            if checker is None:
                raise BlockKitError(f"{at}.type: {kind!r} is not a block we send; known: {', '.join(_BLOCKS)}")
            if "block_id" in block:
                self.length(block["block_id"], f"{at}.block_id", 255)
                self.unique(self.block_ids, block["block_id"], f"{at}.block_id")
            checker(self, block, at)
        if self.characters > TEXT_BUDGET:
            raise TooMuchText(f"blocks: {self.characters} characters of text in all, at most {TEXT_BUDGET}")

    def kind(self, value: object, at: str) -> str:
        if not isinstance(value, (dict, Mapping)):
            raise BlockKitError(f"{at}: must be an object")
        kind = value.get("type")
        if not isinstance(kind, str):
            raise BlockKitError(f"{at}.type: is missing")
        return kind

    def length(self, value: object, at: str, most: int, *, minimum: int = 1) -> None:
        if not isinstance(value, str):
            raise BlockKitError(f"{at}: must be text")
        if len(value) < minimum:
            raise BlockKitError(f"{at}: is empty")
        if len(value) > most:
            raise BlockKitError(f"{at}: {len(value)} characters, at most {most}")

    def unique(self, seen: set[str], value: str, at: str) -> None:
        if value in seen:
            raise BlockKitError(f"{at}: {value!r} stands in the payload twice")
        seen.add(value)

    def text(self, value: object, at: str, *, limit: int, kinds: Sequence[str] = ("plain_text", "mrkdwn")) -> None:
        if type(value) is dict and value.get("type") in kinds:
            words = value.get("text")
            if type(words) is str and 0 < len(words) <= limit and not words.isspace():
                self.characters += len(words)
                return
        kind = self.kind(value, at)
        assert isinstance(value, (dict, Mapping))
        if kind not in kinds:
            raise BlockKitError(f"{at}.type: {kind!r}, must be {' or '.join(kinds)}")
        body = value.get("text")
        self.length(body, f"{at}.text", limit)
        if not str(body).strip():
            raise BlockKitError(f"{at}.text: is blank")
        self.characters += len(str(body))

    def many(self, block: Json, name: str, at: str, most: int) -> Sequence[Any]:
        items = block.get(name)
        if not isinstance(items, (list, tuple, Sequence)) or isinstance(items, (str, bytes)) or not items:
            raise BlockKitError(f"{at}.{name}: needs at least one entry")
        if len(items) > most:
            raise BlockKitError(f"{at}.{name}: {len(items)} entries, at most {most}")
        return items

    def element(self, element: object, at: str, allowed: Sequence[str]) -> None:
        kind = self.kind(element, at)
        assert isinstance(element, (dict, Mapping))
        if kind not in allowed:
            raise BlockKitError(f"{at}.type: {kind!r} may not stand here")
        if "action_id" in element:
            self.length(element["action_id"], f"{at}.action_id", 255)
            self.unique(self.action_ids, element["action_id"], f"{at}.action_id")
        elif kind != "image":
            raise BlockKitError(f"{at}.action_id: is missing")
        if "placeholder" in element:
            self.text(element["placeholder"], f"{at}.placeholder", limit=150, kinds=("plain_text",))
        if "confirm" in element:
            self.confirm(element["confirm"], f"{at}.confirm")
        _ELEMENTS[kind](self, element, at)

    def confirm(self, value: Any, at: str) -> None:
        if not isinstance(value, (dict, Mapping)):
            raise BlockKitError(f"{at}: must be an object")
        self.text(value.get("title"), f"{at}.title", limit=100, kinds=("plain_text",))
        self.text(value.get("text"), f"{at}.text", limit=300)
        self.text(value.get("confirm"), f"{at}.confirm", limit=30, kinds=("plain_text",))
        self.text(value.get("deny"), f"{at}.deny", limit=30, kinds=("plain_text",))

    def options(self, element: Json, at: str, most: int) -> None:
        values: set[str] = set()
        for index, option in enumerate(self.many(element, "options", at, most)):
            here = f"{at}.options[{index}]"
            if not isinstance(option, (dict, Mapping)):
                raise BlockKitError(f"{here}: must be an object")
            self.text(option.get("text"), f"{here}.text", limit=75)
            self.length(option.get("value"), f"{here}.value", 150)
            self.unique(values, option["value"], f"{here}.value")
        for name in ("initial_option", "initial_options"):
            chosen = element.get(name)
            for option in [chosen] if isinstance(chosen, Mapping) else chosen or ():
                if option not in element["options"]:
                    raise BlockKitError(f"{at}.{name}: is not one of the options")


def _section(check: _Check, block: Json, at: str) -> None:
    if "text" not in block and "fields" not in block:
        raise BlockKitError(f"{at}: a section needs text or fields")
    if "text" in block:
        check.text(block["text"], f"{at}.text", limit=3000)
    if "fields" in block:
        for index, entry in enumerate(check.many(block, "fields", at, 10)):
            check.text(entry, f"{at}.fields[{index}]", limit=2000)
    if "accessory" in block:
        check.element(block["accessory"], f"{at}.accessory", tuple(_ELEMENTS))


def _header(check: _Check, block: Json, at: str) -> None:
    check.text(block.get("text"), f"{at}.text", limit=150, kinds=("plain_text",))


def _divider(check: _Check, block: Json, at: str) -> None:
    return None


def _image(check: _Check, block: Json, at: str) -> None:
    if not (("image_url" in block) ^ ("slack_file" in block)):
        raise BlockKitError(f"{at}: an image needs image_url or slack_file, and only one of them")
    if "image_url" in block:
        check.length(block["image_url"], f"{at}.image_url", 3000)
    check.length(block.get("alt_text"), f"{at}.alt_text", 2000)
    if "title" in block:
        check.text(block["title"], f"{at}.title", limit=2000, kinds=("plain_text",))


def _context(check: _Check, block: Json, at: str) -> None:
    for index, entry in enumerate(check.many(block, "elements", at, 10)):
        here = f"{at}.elements[{index}]"
        if check.kind(entry, here) == "image":
            _image(check, entry, here)
        else:
            check.text(entry, here, limit=2000)


def _actions(check: _Check, block: Json, at: str) -> None:
    only_in_forms = ("image", "plain_text_input", "number_input", "file_input")
    allowed = tuple(kind for kind in _ELEMENTS if kind not in only_in_forms)
    for index, entry in enumerate(check.many(block, "elements", at, ROW_BUTTONS)):
        check.element(entry, f"{at}.elements[{index}]", allowed)


def _input(check: _Check, block: Json, at: str) -> None:
    check.text(block.get("label"), f"{at}.label", limit=2000, kinds=("plain_text",))
    if "hint" in block:
        check.text(block["hint"], f"{at}.hint", limit=2000, kinds=("plain_text",))
    allowed = tuple(kind for kind in _ELEMENTS if kind not in ("image", "button"))
    check.element(block.get("element"), f"{at}.element", allowed)


def _button(check: _Check, element: Json, at: str) -> None:
    check.text(element.get("text"), f"{at}.text", limit=75, kinds=("plain_text",))
    if "value" in element:
        check.length(element["value"], f"{at}.value", BUTTON_VALUE)
    if "url" in element:
        check.length(element["url"], f"{at}.url", 3000)
    if "style" in element and element["style"] not in ("primary", "danger"):
        raise BlockKitError(f"{at}.style: {element['style']!r}, must be primary or danger (or left out)")


def _text_input(check: _Check, element: Json, at: str) -> None:
    most = element.get("max_length", 3000)
    if not isinstance(most, int) or not 1 <= most <= 3000:
        raise BlockKitError(f"{at}.max_length: must lie in 1..3000")
    least = element.get("min_length", 0)
    if not isinstance(least, int) or not 0 <= least <= most:
        raise BlockKitError(f"{at}.min_length: must lie in 0..max_length")
    if "initial_value" in element:
        check.length(element["initial_value"], f"{at}.initial_value", 3000, minimum=0)


def _number_input(check: _Check, element: Json, at: str) -> None:
    if not isinstance(element.get("is_decimal_allowed"), bool):
        raise BlockKitError(f"{at}.is_decimal_allowed: must be true or false")
    for name in ("min_value", "max_value", "initial_value"):
        if name in element and not isinstance(element[name], str):
            raise BlockKitError(f"{at}.{name}: must be text that holds a number")


def _date_picker(check: _Check, element: Json, at: str) -> None:
    if "initial_date" in element and not _DATE.match(str(element["initial_date"])):
        raise BlockKitError(f"{at}.initial_date: must be YYYY-MM-DD")


def _select(check: _Check, element: Json, at: str) -> None:
    check.options(element, at, OPTIONS)


def _few_options(check: _Check, element: Json, at: str) -> None:
    check.options(element, at, 10)


def _overflow(check: _Check, element: Json, at: str) -> None:
    check.options(element, at, 5)


def _file_input(check: _Check, element: Json, at: str) -> None:
    most = element.get("max_files", 10)
    if not isinstance(most, int) or not 1 <= most <= 10:
        raise BlockKitError(f"{at}.max_files: must lie in 1..10")


def _plain(check: _Check, element: Json, at: str) -> None:
    return None


_Checker = Callable[[_Check, Json, str], None]
_BLOCKS: Mapping[str, _Checker] = {
    "section": _section,
    "header": _header,
    "divider": _divider,
    "image": _image,
    "context": _context,
    "actions": _actions,
    "input": _input,
}
_ELEMENTS: Mapping[str, _Checker] = {
    "button": _button,
    "image": _image,
    "plain_text_input": _text_input,
    "number_input": _number_input,
    "datepicker": _date_picker,
    "static_select": _select,
    "multi_static_select": _select,
    "radio_buttons": _few_options,
    "checkboxes": _few_options,
    "overflow": _overflow,
    "users_select": _plain,
    "file_input": _file_input,
}
