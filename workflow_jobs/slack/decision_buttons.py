"""The buttons that decide: one for each choice of a task, and what a click carries back.

Belongs here: rendering them and reading them back. Does not belong here: what else may be done with a task
(task_buttons), what its form asks (modals), whether the decision is allowed (engine). Pure.

A button's ``action_id`` is ``decide:<outcome>`` and its ``value`` JSON with ``task_id``, ``version``, ``outcome``,
``form`` (true where a modal must ask for more before the decision) and ``nonce`` (button_seal).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.template import Template
from workflow_jobs.slack.button_seal import Seal, nonce_of, require, unsealed
from workflow_jobs.slack.message import Block
from workflow_jobs.slack.wording import CardContext, plain_text

ACTION_PREFIX: Final = "decide:"


@dataclass(frozen=True, slots=True)
class ButtonValue:
    """What a button carries back. Read it from a click with :meth:`read`."""

    task_id: str
    version: int
    outcome: str
    form: bool = False

    def to_json(self, seal: Seal = unsealed) -> str:
        body: dict[str, Any] = {"task_id": self.task_id, "version": self.version, "outcome": self.outcome}
        nonce = nonce_of(seal, "decide", self.task_id, self.version, self.outcome)
        body |= ({"form": True} if self.form else {}) | ({"nonce": nonce} if nonce else {})
        return json.dumps(body, separators=(",", ":"))

    @classmethod
    def read(cls, text: str, seal: Seal = unsealed) -> ButtonValue:
        """Raises ValueError for anything that no card of ours carries."""
        try:
            body = json.loads(text)
            value = cls(body["task_id"], body["version"], body["outcome"], bool(body.get("form", False)))
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(f"this is no button of a card: {text[:100]!r}") from error
        if not (isinstance(value.task_id, str) and type(value.version) is int and isinstance(value.outcome, str)):
            raise ValueError(f"this is no button of a card: {text[:100]!r}")
        require(seal, body.get("nonce"), "decide", value.task_id, value.version, value.outcome)
        return value


def decision_buttons(task: TaskState, template: Template, context: CardContext) -> list[Block]:
    """One button for each choice of the task."""
    buttons: list[Block] = []
    question = question_of(template, task)
    for choice in question.outcomes:
        value = ButtonValue(task.task_id, task.version, choice.id, form=bool(question.form))
        button: Block = {
            "type": "button",
            "action_id": f"{ACTION_PREFIX}{choice.id}",
            "text": plain_text(context.title(choice.title), 75),
            "value": value.to_json(context.seal),
        }
        if choice.style in ("primary", "danger"):
            button["style"] = choice.style
        buttons.append(button)
    return buttons
