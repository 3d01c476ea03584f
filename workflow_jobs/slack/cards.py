"""The cards of a case: for the person who must act, for whom a rung names, for everybody; and short notices.

Belongs here: which blocks a card has. Does not belong here: the blocks and lines themselves (card_blocks, case_lines),
who is told and when (outgoing), decisions (engine), sending (outbox), forms (modals). Pure: the same case, template and
context give the same message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Template
from workflow_jobs.slack import breach_lines, incident_lines
from workflow_jobs.slack.card_blocks import (
    asked,
    context_line,
    decision_facts,
    footer,
    header,
    links,
    open_again,
    opened_with,
    progress,
)
from workflow_jobs.slack.case_lines import decision_line, status_line, step_title, subject_of, unmarked
from workflow_jobs.slack.decision_buttons import decision_buttons
from workflow_jobs.slack.message import Block, Message, fitting_message
from workflow_jobs.slack.opinion_lines import opinions
from workflow_jobs.slack.task_buttons import action_buttons, standing
from workflow_jobs.slack.wording import CardContext, escaped, markdown, paragraph, shortened


def task_card(
    case: CaseState, task: TaskState, template: Template, context: CardContext, *, notes: Sequence[str] = ()
) -> Message:
    """The card of the person who must act: what happened, what is asked, until when, what follows, and the buttons.

    ``notes`` are lines about reminders and escalations so far.
    """
    title = step_title(template, task.step_id, context)
    again = open_again(case, template, context)
    blocks: list[Block] = [
        header(f"{title}: {subject_of(case, template, context)}"),
        *again,
        decision_facts(case, task, context),
        *incident_lines.evidence(case, context),
        *breach_lines.evidence(case, context),
        *links(case, context),
        *opened_with(case, template, context),
        asked(case, task, template, context),
        *progress(case, template, context),
    ]
    said = (*standing(task, template, context), *opinions(case, task, template, context), *notes[-3:])
    blocks += [context_line(note) for note in said]
    blocks += _button_rows(task, template, context)
    blocks.append(footer(case, task, context))
    until = context.instant(task.due_at)
    text = f"{title}: {subject_of(case, template, context)} ({context.word('due')}: {until})"
    return fitting_message(text, blocks, context, _picture(case, context, below=1 + len(again)))


def closed_task_card(case: CaseState, task: TaskState, template: Template, context: CardContext) -> Message:
    """The card once nobody can act on it any more: decided (by whom, when, with which words) or withdrawn."""
    title = step_title(template, task.step_id, context)
    line = decision_line(task, template, context)
    blocks: list[Block] = [
        header(f"{title}: {subject_of(case, template, context)}"),
        decision_facts(case, None, context),
        *links(case, context),
        {"type": "section", "text": markdown(line)},
        *progress(case, template, context, but=task.task_id),
        footer(case, task, context),
    ]
    return fitting_message(f"{title}: {unmarked(line)}", blocks, context)


def moved_card(case: CaseState, task: TaskState, template: Template, context: CardContext) -> Message:
    """The card of a person from whom the task was taken: who has it now."""
    title = step_title(template, task.step_id, context)
    now_with = f"{context.word('moved_to')}: {context.name(task.assignee or '')}"
    blocks: list[Block] = [
        header(f"{title}: {subject_of(case, template, context)}"),
        {"type": "section", "text": markdown(f"*{escaped(now_with)}*")},
        footer(case, task, context),
    ]
    return fitting_message(f"{title}: {now_with}", blocks, context)


def escalation_card(
    case: CaseState, task: TaskState, template: Template, context: CardContext, *, percent: int, can_act: bool
) -> Message:
    """The notice for whom a rung names: the same facts, how much of the time is used, and buttons if he may decide."""
    title = step_title(template, task.step_id, context)
    head = f"{context.word('escalation')}: {title}: {subject_of(case, template, context)}"
    used = f"*{percent} %* {context.word('sla_used')}. {context.word('escalation_asks')}"
    blocks: list[Block] = [
        header(head),
        {"type": "section", "text": markdown(used)},
        decision_facts(case, task, context),
        asked(case, task, template, context),
    ]
    if can_act:
        blocks += _button_rows(task, template, context)
    blocks.append(footer(case, task, context))
    return fitting_message(head, blocks, context)


def case_card(case: CaseState, template: Template, context: CardContext) -> Message:
    """The card of the whole case, kept up to date in the channel: facts, state, every step so far."""
    head = f"{context.title(template.title)}: {subject_of(case, template, context)}"
    return _standing(head, case, template, context, progress(case, template, context, waiting=True))


def told_card(case: CaseState, template: Template, context: CardContext) -> Message:
    """The message to whom a case concerns who need not act: the facts and how it stands, kept up to date."""
    head = f"{context.word('affected')}: {subject_of(case, template, context)}"
    return _standing(head, case, template, context, [])


def _standing(head: str, case: CaseState, template: Template, context: CardContext, done: list[Block]) -> Message:
    """A message about a case that stands and is kept up to date: the facts, how it stands, what was done so far."""
    line = status_line(case, template, context)
    again = open_again(case, template, context)
    blocks: list[Block] = [
        header(head),
        *again,
        decision_facts(case, None, context),
        *incident_lines.evidence(case, context),
        *breach_lines.evidence(case, context),
        *links(case, context),
        *opened_with(case, template, context),
        {"type": "section", "text": markdown(line)},
        *done,
        footer(case, None, context),
    ]
    return fitting_message(f"{head} ({unmarked(line)})", blocks, context, _picture(case, context, below=1 + len(again)))


def notice(
    case: CaseState,
    template: Template,
    context: CardContext,
    line: str,
    *,
    heading: str,
    asks: str = "",
    buttons: Sequence[Block] = (),
) -> Message:
    """A short message about a case, mostly without ``buttons``. ``line`` and ``asks`` are plain text; only ``line`` may
    hold what people wrote.
    """
    head = f"{heading}: {context.title(template.title)}: {subject_of(case, template, context)}"
    body = f"*{escaped(head)}*\n{paragraph(line, 2500)}"
    body += "".join(f"\n{escaped(one)}" for one in asks.splitlines())
    blocks: list[Block] = [{"type": "section", "text": markdown(body)}]
    if buttons:
        blocks.append({"type": "actions", "block_id": "task", "elements": list(buttons)})
    return fitting_message(f"{head}: {line}", [*blocks, footer(case, None, context)], context)


def _picture(case: CaseState, context: CardContext, *, below: int) -> dict[str, Any] | None:
    """What the card's picture is to show: the trend of the case's metric, with the limit that it crossed.

    ``below`` is the number of the block with the facts.
    """
    if not case.metric:
        return None
    alt = context.word("trend").format(shortened(context.metric_label(case.metric), 300))
    # Where the months of the subject cannot be had, or may not be seen, those of the whole metric are drawn.
    note = context.word("all_together") if case.subject_kind else ""
    wanted: dict[str, Any] = {"metric": case.metric, "alt": alt, "note": note, "limit": case.threshold, "after": below}
    if case.subject_kind and case.subject_id:
        alone = context.word("one_alone").format(shortened(case.subject_label or case.subject_id, 200))
        wanted["subject"] = {"kind": case.subject_kind, "id": case.subject_id, "note": alone}
    form = context.figure
    return wanted | ({} if form is None else {"unit": form.unit, "decimals": form.decimals, "zh": context.chinese})


def _button_rows(task: TaskState, template: Template, context: CardContext) -> list[Block]:
    """The choices of the task, and below them what else may be done with it."""
    rows = (("decision", decision_buttons(task, template, context)), ("task", action_buttons(task, template, context)))
    return [{"type": "actions", "block_id": name, "elements": buttons} for name, buttons in rows if buttons]
