"""How people say in Slack that what a case waits for has happened: message, button and modal.

Belongs here: rendering these and reading them back. Does not belong here: who is asked and when (outgoing_waits) and
who may say it (engine.signals). Pure.

A button's ``action_id`` begins with ``wait:`` and its ``value`` is JSON with ``case_id``, ``wait`` (which visit of
which step), ``signal`` and ``nonce`` (button_seal); the modal's ``callback_id`` is ``wait`` and its
``private_metadata`` that value. Its fields are those of the step's form (modals).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from workflow_jobs.engine.signals import wait_key, wait_step
from workflow_jobs.engine.state import CaseState, StepState
from workflow_jobs.engine.template import Template
from workflow_jobs.slack import cards, modals
from workflow_jobs.slack.button_seal import Seal, nonce_of, require, unsealed
from workflow_jobs.slack.card_blocks import decision_facts
from workflow_jobs.slack.case_lines import step_title
from workflow_jobs.slack.message import Block, Message
from workflow_jobs.slack.modal_frame import framed
from workflow_jobs.slack.wording import CardContext, cut, escaped, markdown, plain_text

ACTION_PREFIX: Final = "wait:"
CALLBACK_ID: Final = "wait"


@dataclass(frozen=True, slots=True)
class WaitValue:
    """What such a button carries back; ``wait`` is the engine's wait key."""

    case_id: str
    wait: str
    signal: str

    def to_json(self, seal: Seal = unsealed) -> str:
        body = {"case_id": self.case_id, "wait": self.wait, "signal": self.signal}
        nonce = nonce_of(seal, "wait", self.case_id, self.wait, self.signal)
        return json.dumps(body | ({"nonce": nonce} if nonce else {}), separators=(",", ":"))

    @classmethod
    def read(cls, text: str, seal: Seal = unsealed) -> WaitValue:
        """Raises ValueError for anything that no message of ours carries."""
        try:
            body = json.loads(text)
            value = cls(body["case_id"], body["wait"], body["signal"])
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(f"this is no button of a wait: {text[:100]!r}") from error
        if not all(isinstance(part, str) for part in (value.case_id, value.wait, value.signal)):
            raise ValueError(f"this is no button of a wait: {text[:100]!r}")
        require(seal, body.get("nonce"), "wait", value.case_id, value.wait, value.signal)
        return value


@dataclass(frozen=True, slots=True)
class WaitEnd:
    """How a wait ended: ``how`` is signalled, elapsed or cancelled. ``person_id`` said it; None: the program ``via``
    did, where anybody did. ``at`` is aware UTC.
    """

    how: str
    at: datetime
    person_id: str | None = None
    via: str = ""


def happened_button(case: CaseState, step: StepState, context: CardContext, number: int | None = None) -> Block:
    """The button; ``number`` tells several in one view apart."""
    return {
        "type": "button",
        "style": "primary",
        "action_id": f"{ACTION_PREFIX}happened" + ("" if number is None else f":{number}"),
        "text": plain_text(context.word("act_happened"), 75),
        "value": WaitValue(case.case_id, wait_key(step), step.signal).to_json(context.seal),
    }


def until_line(step: StepState, context: CardContext) -> str:
    """Until when it is waited for, in local time, and whether that is certain; plain text."""
    if step.wake_at is None:
        return ""
    return f"{context.word('wait_until')}: {context.certain(context.zoned(step.wake_at), step.calendar_confirmed)}"


def wait_message(case: CaseState, step: StepState, template: Template, context: CardContext) -> Message:
    """What is waited for, until when, and the button for whoever learns that it has happened."""
    return cards.notice(
        case,
        template,
        context,
        _what(step, template, context),
        heading=context.word("wait_heading"),
        asks=f"{until_line(step, context)}\n{context.word('wait_asks')}",
        buttons=[happened_button(case, step, context)],
    )


def ended_message(case: CaseState, step: StepState, template: Template, context: CardContext, end: WaitEnd) -> Message:
    """The same message once nothing is waited for any more: how it ended, and no button."""
    line = f"{step_title(template, step.step_id, context)}: {end_words(end, context)}"
    return cards.notice(case, template, context, line, heading=context.word("wait_over"))


def end_words(end: WaitEnd, context: CardContext) -> str:
    """How a wait ended, by whom and when; plain text."""
    words = context.word(f"wait_{end.how}")
    if end.how == "signalled":
        program = f"{context.word('a_program')} ({end.via})" if end.via else context.word("a_program")
        words += f" {context.name(end.person_id) if end.person_id is not None else program}"
    return f"{words}, {context.instant(end.at)}"


def wait_modal(
    case: CaseState, step: StepState, template: Template, context: CardContext, *, roles: Sequence[str] = ()
) -> dict[str, Any]:
    """The form that the signal fills; without one, the question whether it is so. ``roles`` for fields of that type."""
    node = wait_step(template, step.step_id)
    fields = [field for field in node.form if field.type != "role" or roles] if node is not None else []
    title = step_title(template, step.step_id, context)
    said = f"*{escaped(title)}*\n{escaped(_described(step, template, context))}".strip()
    blocks: list[Block] = [
        {"type": "section", "text": markdown(cut(said, 3000))},
        decision_facts(case, None, context),
        *(modals.input_block(field, "signalled", context, roles) for field in fields),
        {"type": "context", "elements": [markdown(escaped(context.word("wait_confirm")))]},
    ]
    value = WaitValue(case.case_id, wait_key(step), step.signal)
    return framed(CALLBACK_ID, value.to_json(context.seal), context.word("act_happened"), blocks, context)


def _what(step: StepState, template: Template, context: CardContext) -> str:
    title, described = step_title(template, step.step_id, context), _described(step, template, context)
    return f"{title}: {described}" if described else title


def _described(step: StepState, template: Template, context: CardContext) -> str:
    node = wait_step(template, step.step_id)
    return context.title(node.description) if node is not None and node.description is not None else ""
