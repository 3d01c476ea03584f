"""What a template asks for that Slack could never show: too many buttons, fields or choices, too long texts.

Belongs here: drawing each form of a template once, before it goes live, and the findings. The limits themselves are
`block_kit`; whether a template makes sense otherwise is the engine's linter, which knows nothing of Slack. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Final

from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.lint_subject import Finding, Found
from workflow_jobs.engine.parts import FormField
from workflow_jobs.engine.template import HumanStep, Template, WaitStep
from workflow_jobs.engine.yaml_lines import Path
from workflow_jobs.slack.block_kit import OPTIONS, ROW_BUTTONS, TEXT_BUDGET, VIEW_BLOCKS, BlockKitError, validate_view
from workflow_jobs.slack.modals import input_block
from workflow_jobs.slack.wording import CardContext

# Above the fields a modal says what is asked in which case, below them at most what it confirms.
_OTHER_BLOCKS: Final = 3
_ABOVE: Final = 2000
_FIELDS: Final = VIEW_BLOCKS - _OTHER_BLOCKS


def beyond_slack(template: Template) -> list[Finding]:
    """All findings, in the order of the file."""
    found = set(_form(("inputs",), "", template.inputs) if "people" in template.opened_by else ())
    for place in layout_of(template).places.values():
        node = place.node
        if isinstance(node, HumanStep | WaitStep):
            found |= set(_form((*place.path, "form"), node.id, node.form))
        if isinstance(node, HumanStep):
            found |= set(_buttons(place.path, node))
    return sorted(Finding(template.file, template.line(*path), step, text) for path, step, text in found)


def _buttons(path: Path, step: HumanStep) -> Found:
    count = len(step.outcomes)
    if count > ROW_BUTTONS:
        says = f"{count} outcomes are more than the {ROW_BUTTONS} buttons of a card in Slack"
        yield (*path, "outcomes", ROW_BUTTONS), step.id, f"{says}: ask with a choice field, and let a decision follow"
    reasons = len(step.actions.pauses)
    if reasons > OPTIONS:
        says = f"{reasons} reasons to stop the clock are more than the {OPTIONS} that Slack lets one choose from"
        yield (*path, "actions", "pauses", OPTIONS), step.id, f"{says}: keep the most frequent ones"


def _form(path: Path, step: str, fields: Sequence[FormField]) -> Found:
    problems = [(number, says) for number, field in enumerate(fields) for says in _field(field)]
    yield from (((*path, number), step, says) for number, says in problems)
    if len(fields) > _FIELDS:
        says = f"{len(fields)} fields are more than the {_FIELDS} that a form in Slack has room for"
        yield (*path, _FIELDS), step, f"{says}: ask for the others in a step of their own"
    elif fields and not problems:
        yield from ((path, step, says) for says in _whole(fields))


def _field(field: FormField) -> Iterator[str]:
    if len(field.options) > OPTIONS:
        yield (
            f"{field.name!r} has {len(field.options)} options, of which Slack shows {OPTIONS} at most: "
            "ask for the group first, or for a text"
        )


def _whole(fields: Sequence[FormField]) -> Iterator[str]:
    for language in ("en", "zh"):
        context = CardContext(language=language, zone=UTC, name=str)
        blocks = [input_block(field, "", context, ("owner",)) for field in _once(fields)]
        above = {"type": "section", "text": {"type": "plain_text", "text": "x" * _ABOVE}}
        title = {"type": "plain_text", "text": "x"}
        try:
            validate_view({"type": "modal", "title": title, "submit": title, "blocks": [above, *blocks]})
        except BlockKitError as error:
            yield (
                f"Slack would not take this form ({error}): of its {TEXT_BUDGET} letters, {_ABOVE} are for the case; "
                "shorten its titles, hints and options, or ask in two steps"
            )
            return


def _once(fields: Sequence[FormField]) -> Iterator[FormField]:
    """Each name once: what stands there twice is the linter's own finding."""
    yield from {field.name: field for field in fields}.values()
