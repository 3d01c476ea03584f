"""The processes that somebody may open, offered as buttons: each opens the form of a new case.

Belongs here: rendering the choice and reading a button. Does not belong here: which processes are offered
(gateway.process_search) and the form (opening_modal). Pure.

A button's ``action_id`` is ``open:<number>`` and its ``value`` JSON with ``template_id`` and ``words``. It has no
nonce: it does no more than the typed command, and whether a case may be opened is asked when the form comes back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from workflow_jobs.engine.template import Template
from workflow_jobs.slack.message import Message
from workflow_jobs.slack.wording import CardContext, cut, escaped, markdown, plain_text, shortened

ACTION_PREFIX: Final = "open:"
MOST: Final = 10
# A value takes 2000 characters, and a quotation mark or a backslash is two in JSON.
_LONGEST_WORDS: Final = 800


@dataclass(frozen=True, slots=True)
class ChoiceValue:
    """What such a button carries back: which process, and the words for its form's first text."""

    template_id: str
    words: str = ""

    def to_json(self) -> str:
        body = {"template_id": self.template_id, "words": self.words[:_LONGEST_WORDS]}
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> ChoiceValue:
        """Raises ValueError for anything that no message of ours carries."""
        try:
            body = json.loads(text)
            value = cls(body["template_id"], body["words"])
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"this is no choice of a process: {text[:100]!r}") from error
        if not (isinstance(value.template_id, str) and isinstance(value.words, str)):
            raise ValueError(f"this is no choice of a process: {text[:100]!r}")
        return value


def choice_message(heading: str, templates: Sequence[Template], context: CardContext, *, words: str = "") -> Message:
    """``heading`` (plain text) and below it the processes, ten at most, each with its button. ``words`` go into the
    form that is opened.
    """
    blocks: list[dict[str, Any]] = [{"type": "section", "text": markdown(escaped(heading))}]
    for number, template in enumerate(templates[:MOST]):
        about = shortened(context.title(template.description), 200)
        said = f"*{escaped(shortened(context.title(template.title), 100))}* `{template.id}`\n{escaped(about)}"
        button = {
            "type": "button",
            "action_id": f"{ACTION_PREFIX}{number}",
            "text": plain_text(context.word("act_open"), 75),
            "value": ChoiceValue(template.id, words).to_json(),
        }
        blocks.append({"type": "section", "text": markdown(said), "accessory": button})
    if len(templates) > MOST:
        others = ", ".join(f"`{one.id}`" for one in templates[MOST:])
        blocks.append({"type": "context", "elements": [markdown(f"+{len(templates) - MOST}: {others}", 2000)]})
    titles = ", ".join(context.title(one.title) for one in templates)
    return Message(cut(escaped(f"{heading} {titles}".strip()), 300), tuple(blocks))
