"""What was entered in a form, or given when a case was opened, as lines of a card: titles and words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from workflow_jobs.engine.parts import FormField
from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.template import Template
from workflow_jobs.slack.message import Block
from workflow_jobs.slack.wording import CardContext, cut, escaped, markdown, quoted, shortened

_LONGEST_TITLE: Final = 100
_LONGEST_VALUE: Final = 300


def given(case: CaseState, template: Template, context: CardContext) -> list[Block]:
    """What the case was opened with: who decides must see what was asked for. Figures have their own place."""
    entered = {one.name: case.data.get(one.name) for one in template.inputs if one.name != "as_of"}
    lines = form_lines(entered, template.inputs, context)
    if not lines:
        return []
    return [{"type": "section", "text": markdown(cut(f"*{context.word('given')}*\n" + "\n".join(lines), 2500))}]


def form_lines(entered: Mapping[str, Any], fields: Sequence[FormField], context: CardContext) -> list[str]:
    """One mrkdwn line a field that was filled in. A field that ``fields`` does not have is called by its name."""
    known = {field.name: field for field in fields}
    lines = []
    for name, value in entered.items():
        if value in (None, ""):
            continue
        field = known.get(name)
        title = name.replace("_", " ") if field is None else context.title(field.title)
        if isinstance(value, (list, tuple)):
            words = f"{len(value)} {context.word('files')}"
        else:
            words = quoted(_words(value, field, context), _LONGEST_VALUE)
        lines.append(f"• {escaped(shortened(title, _LONGEST_TITLE))}: {words}")
    return lines


def _words(value: Any, field: FormField | None, context: CardContext) -> str:
    if isinstance(value, bool):
        return context.word("yes" if value else "no")
    if field is None:
        return str(value)
    if field.type == "choice":
        return next((context.title(one.title) for one in field.options if one.value == value), str(value))
    if field.type == "role":
        return context.role(str(value))
    if field.type in ("decimal", "integer"):
        try:
            return f"{Decimal(str(value)):,f}"
        except InvalidOperation:
            return str(value)
    return str(value)
