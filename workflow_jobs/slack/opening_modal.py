"""The modal with which a person opens a case: a template's inputs as a form, and how its answers are read.

Belongs here: rendering and reading. Does not belong here: opening (service) and the inputs' meaning (engine). Pure.

``callback_id`` is ``open_case``; ``private_metadata`` is JSON with ``template_id``; fields are named as in modals. The
last block, ``priority``, offers how urgent the case is, with the template's own priority chosen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

from workflow_jobs.engine.forms import please_fill_in, read_typed, wrong_value
from workflow_jobs.engine.parts import Priority
from workflow_jobs.engine.refusal import BadValue
from workflow_jobs.engine.template import Template
from workflow_jobs.slack import block_kit, modals
from workflow_jobs.slack.modal_frame import framed
from workflow_jobs.slack.wording import CardContext, escaped, markdown, plain_text, shortened

CALLBACK_ID: Final = "open_case"
_LONGEST_LABEL: Final = 200
_PRIORITY: Final = "priority"


def opening_modal(
    template: Template, context: CardContext, *, roles: Sequence[str] = (), words: str = ""
) -> dict[str, Any]:
    """The form of a new case. ``words`` are put into the first text field; ``roles`` are offered where one is asked."""
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": markdown(f"*{escaped(context.title(template.title))}*")},
        {"type": "context", "elements": [markdown(escaped(context.title(template.description)), 2000)]},
    ]
    given = words.strip()
    for field in template.inputs:
        # A file belongs to a case, and there is none yet.
        if field.type == "file" or (field.type == "role" and not roles):
            continue
        block = modals.input_block(field, "", context, roles)
        block["optional"] = field.required is not True
        if given and block["element"]["type"] == "plain_text_input":
            block["element"]["initial_value"] = given[: field.max_length]
            given = ""
        blocks.append(block)
    if len(blocks) < block_kit.VIEW_BLOCKS:  # a form without room for it is opened with the template's priority
        blocks.append(_priorities(template, context))
    value = json.dumps({"template_id": template.id}, separators=(",", ":"))
    return framed(CALLBACK_ID, value, context.word("open_a_case"), blocks, context)


def _priorities(template: Template, context: CardContext) -> dict[str, Any]:
    options = {
        one: {"text": plain_text(context.word(f"priority_{one}"), 75), "value": one} for one in get_args(Priority)
    }
    element = {"type": "static_select", "action_id": _PRIORITY, "options": list(options.values())}
    return {
        "type": "input",
        "block_id": _PRIORITY,
        "optional": True,
        "label": plain_text(context.word("priority").capitalize(), 2000),
        "element": element | {"initial_option": options[template.priority]},
    }


def priority_of_view(view: Mapping[str, Any]) -> str | None:
    """The priority that was chosen, as it came; None where none was: then the template's counts."""
    answer = ((view.get("state") or {}).get("values") or {}).get(_PRIORITY, {}).get(_PRIORITY) or {}
    return (answer.get("selected_option") or {}).get("value")


def template_of_view(view: Mapping[str, Any]) -> str:
    """Which template a submitted modal is about. Raises ValueError for a modal that is not ours."""
    try:
        found = json.loads(str(view.get("private_metadata") or ""))["template_id"]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError("this is no modal of ours") from error
    if not isinstance(found, str):
        raise ValueError("this is no modal of ours")
    return found


def input_errors(template: Template, typed: Mapping[str, Any], language: str) -> dict[str, str]:
    """A sentence by block id for every input that is missing or cannot be read."""
    errors: dict[str, str] = {}
    at = 1 if language.startswith("zh") else 0
    for field in template.inputs:
        value = typed.get(field.name)
        if value is None:
            if field.required is True:
                errors[f"field:{field.name}"] = please_fill_in(field)[at]
            continue
        try:
            read_typed(field, value)
        except BadValue as bad:
            errors[f"field:{field.name}"] = wrong_value(field, bad)[at]
    return errors


def subject_of(template: Template, typed: Mapping[str, Any]) -> str:
    """What a case that a person opened is called: the template's ``subject``, else the first line of its first text."""
    named = [field for field in template.inputs if field.name == template.subject]
    for field in named or template.inputs:
        value = typed.get(field.name)
        if isinstance(value, str) and value.strip() and (named or field.type == "text"):
            return shortened(value.strip().splitlines()[0], _LONGEST_LABEL)
    return ""
