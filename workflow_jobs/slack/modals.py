"""The modal that asks for a form before a decision, and how its answers are read.

Belongs here: form fields of a template as Block Kit inputs and back. Does not belong here: whether the answers are
right (the engine refuses with a sentence). Pure.

``callback_id`` is ``decide``; ``private_metadata`` is the button's value; the input of field ``f`` has the block id
``field:f`` and the action id ``field:f``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workflow_jobs.engine.parts import FormField
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Template
from workflow_jobs.evidence_kinds import KINDS
from workflow_jobs.slack.button_seal import Seal, unsealed
from workflow_jobs.slack.card_blocks import decision_facts
from workflow_jobs.slack.case_lines import step_title
from workflow_jobs.slack.decision_buttons import ButtonValue
from workflow_jobs.slack.modal_frame import framed
from workflow_jobs.slack.wording import CardContext, escaped, markdown, plain_text

CALLBACK_ID = "decide"
_FIELD = "field:"


def decision_modal(
    case: CaseState,
    task: TaskState,
    template: Template,
    context: CardContext,
    *,
    outcome: str,
    roles: Sequence[str] = (),
) -> dict[str, Any]:
    """The modal for one outcome of a task. ``roles`` are offered by fields of type role.

    Raises KeyError if the task has no such outcome.
    """
    question = question_of(template, task)
    choice = question.outcome(outcome)
    if choice is None:
        raise KeyError(f"task {task.task_id} has no outcome {outcome!r}")
    value = ButtonValue(task.task_id, task.version, outcome, form=True)
    blocks = [
        {"type": "section", "text": markdown(f"*{escaped(step_title(template, task.step_id, context))}*")},
        decision_facts(case, task, context),
        *(input_block(field, outcome, context, roles) for field in question.form if field.type != "role" or roles),
    ]
    return framed(CALLBACK_ID, value.to_json(context.seal), context.title(choice.title), blocks, context)


def form_from_view(view: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed, by field name, from a ``view_submission`` payload's ``view``. Empty fields are left out.

    Files are left out too: they are fetched first (gateway.slack_evidence).
    """
    typed: dict[str, Any] = {}
    for block_id, actions in ((view.get("state") or {}).get("values") or {}).items():
        if not block_id.startswith(_FIELD):
            continue
        for answer in actions.values():
            value = None if answer.get("type") == "file_input" else _answer(answer)
            if value not in (None, ""):
                typed[block_id.removeprefix(_FIELD)] = value
    return typed


def button_of_view(view: Mapping[str, Any], seal: Seal = unsealed) -> ButtonValue:
    """Which decision a submitted modal is about. Raises ValueError for a modal that is not ours."""
    return ButtonValue.read(str(view.get("private_metadata") or ""), seal)


def _answer(answer: Mapping[str, Any]) -> Any:
    kind = answer.get("type")
    if kind == "static_select":
        value = (answer.get("selected_option") or {}).get("value")
        return {"bool:true": True, "bool:false": False}.get(str(value), value)
    if kind == "datepicker":
        return answer.get("selected_date")
    if kind == "users_select":
        return answer.get("selected_user")
    return answer.get("value")


def input_block(field: FormField, outcome: str, context: CardContext, roles: Sequence[str]) -> dict[str, Any]:
    """The input block of one field; ``outcome`` says whether it must be filled in."""
    block: dict[str, Any] = {
        "type": "input",
        "block_id": f"{_FIELD}{field.name}",
        "optional": not field.required_for(outcome),
        "label": plain_text(context.title(field.title), 2000),
        "element": _element(field, context, roles),
    }
    if field.hint is not None:
        block["hint"] = plain_text(context.title(field.hint), 2000)
    return block


def _element(field: FormField, context: CardContext, roles: Sequence[str]) -> dict[str, Any]:
    base: dict[str, Any] = {"action_id": f"{_FIELD}{field.name}"}
    if field.type in ("decimal", "integer"):
        number = base | {"type": "number_input", "is_decimal_allowed": field.type == "decimal"}
        if field.min is not None:
            number["min_value"] = format(field.min, "f")
        if field.max is not None:
            number["max_value"] = format(field.max, "f")
        return number
    if field.type == "file":
        return base | {"type": "file_input", "filetypes": list(KINDS), "max_files": field.max_files}
    if field.type == "date":
        return base | {"type": "datepicker"}
    if field.type == "boolean":
        return _select(base, [("bool:true", context.word("yes")), ("bool:false", context.word("no"))])
    if field.type == "choice":
        return _select(base, [(option.value, context.title(option.title)) for option in field.options])
    if field.type == "role":
        return _select(base, [(role, context.role(role)) for role in roles[:100]])
    return base | {
        "type": "plain_text_input",
        "multiline": field.max_length > 200,
        "max_length": field.max_length,
    }


def _select(base: dict[str, Any], options: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return base | {
        "type": "static_select",
        "options": [{"text": plain_text(text, 75), "value": value} for value, text in options],
    }
