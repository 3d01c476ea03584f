"""What people do with a whole case from Slack: withdraw it, rate it once it is over. Buttons, modal and messages.

Belongs here: rendering these and reading them back. Does not belong here: whether they are allowed (engine). Pure.

A button's ``action_id`` begins with ``case:`` and its ``value`` is JSON with ``case_id``, ``action``, ``score`` (of a
rating) and ``nonce`` (button_seal); the modal's ``callback_id`` is ``case`` and its ``private_metadata`` that value.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from workflow_jobs.engine.learning import HIGHEST, LOWEST
from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.task_actions import LONGEST_REASON
from workflow_jobs.engine.template import Template
from workflow_jobs.slack import cards
from workflow_jobs.slack.button_seal import Seal, nonce_of, require, unsealed
from workflow_jobs.slack.case_lines import subject_of
from workflow_jobs.slack.message import Block, Message
from workflow_jobs.slack.modal_frame import framed
from workflow_jobs.slack.wording import CardContext, escaped, markdown, plain_text

ACTION_PREFIX: Final = "case:"
CALLBACK_ID: Final = "case"
WITHDRAW: Final = "withdraw"
RATE: Final = "rate"


@dataclass(frozen=True, slots=True)
class CaseValue:
    """What such a button carries back. ``score`` is 0 but for a rating."""

    case_id: str
    action: str
    score: int = 0

    def to_json(self, seal: Seal = unsealed) -> str:
        body: dict[str, Any] = {"case_id": self.case_id, "action": self.action}
        body |= {"score": self.score} if self.score else {}
        nonce = nonce_of(seal, "case", self.case_id, self.action, self.score)
        return json.dumps(body | ({"nonce": nonce} if nonce else {}), separators=(",", ":"))

    @classmethod
    def read(cls, text: str, seal: Seal = unsealed) -> CaseValue:
        """Raises ValueError for anything that no message of ours carries."""
        try:
            body = json.loads(text)
            value = cls(body["case_id"], body["action"], body.get("score", 0))
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(f"this is no button of a case: {text[:100]!r}") from error
        known = value.action in (WITHDRAW, RATE) and type(value.score) is int
        if not (isinstance(value.case_id, str) and known):
            raise ValueError(f"this is no button of a case: {text[:100]!r}")
        require(seal, body.get("nonce"), "case", value.case_id, value.action, value.score)
        return value


def may_withdraw(case: CaseState, template: Template, person_id: str) -> bool:
    """Whether whoever asked for the case is offered to take it back; what another case opened only goes with that."""
    allowed = template.closes != "on_resolution" and "requester" in template.withdrawn_by
    return allowed and case.is_open and case.parent_case_id is None and case.requested_by == person_id


def withdraw_button(case: CaseState, context: CardContext, number: int = 0) -> Block:
    """The button; ``number`` tells several in one view apart."""
    return {
        "type": "button",
        "action_id": f"{ACTION_PREFIX}{WITHDRAW}:{number}",
        "text": plain_text(context.word("act_withdraw"), 75),
        "value": CaseValue(case.case_id, WITHDRAW).to_json(context.seal),
    }


def withdraw_modal(case: CaseState, template: Template, context: CardContext) -> dict[str, Any]:
    """Why the case is taken back."""
    subject = subject_of(case, template, context)
    said = f"*{escaped(case.case_id)}* {escaped(context.title(template.title))}: {escaped(subject)}"
    blocks: list[Block] = [
        {"type": "section", "text": markdown(said)},
        {"type": "context", "elements": [markdown(escaped(context.word("withdraw_note")))]},
        {
            "type": "input",
            "block_id": "field:reason",
            "label": plain_text(context.word("reason"), 2000),
            "element": {
                "type": "plain_text_input",
                "action_id": "field:reason",
                "multiline": True,
                "max_length": LONGEST_REASON,
            },
        },
    ]
    value = CaseValue(case.case_id, WITHDRAW)
    return framed(CALLBACK_ID, value.to_json(context.seal), context.word("act_withdraw"), blocks, context)


def rating_message(case: CaseState, template: Template, context: CardContext, given: int = 0) -> Message:
    """Five buttons for those who took part, once the case is over; ``given`` is the rating that one has given (0: none
    yet), which he may change.
    """
    asks = context.word("rating_given").format(given, HIGHEST) if given else context.word("rating_asks")
    note = cards.notice(case, template, context, asks, heading=context.word("rating_heading"))
    buttons = [
        {
            "type": "button",
            "action_id": f"{ACTION_PREFIX}{RATE}:{score}",
            "text": plain_text(f"{score}", 75),
            "value": CaseValue(case.case_id, RATE, score).to_json(context.seal),
            **({"style": "primary"} if score == given else {}),
        }
        for score in range(LOWEST, HIGHEST + 1)
    ]
    first, *rest = note.blocks
    actions = {"type": "actions", "block_id": "rating", "elements": buttons}
    return Message(note.text, (first, actions, *rest))
