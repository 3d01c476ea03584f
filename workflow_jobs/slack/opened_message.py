"""What a person reads after he has opened a case: which case it is, its page, what it begins with and who has that.

Belongs here: rendering. Does not belong here: who gets it and when (outgoing_opened). Pure: the same case, template and
context give the same message.
"""

from __future__ import annotations

from typing import Final

from workflow_jobs.engine.state import CaseState, StepState, TaskState
from workflow_jobs.engine.template import Template
from workflow_jobs.slack import wait_messages
from workflow_jobs.slack.card_blocks import case_footer
from workflow_jobs.slack.case_lines import holder, step_title, subject_of
from workflow_jobs.slack.message import Message, fitting_message
from workflow_jobs.slack.wording import CardContext, escaped, markdown, shortened

_MOST_STEPS: Final = 8
_LONGEST: Final = 300
_WITHOUT_TASK: Final = {"service": "service", "process": "process_opened"}


def opened_message(case: CaseState, template: Template, context: CardContext) -> Message:
    """The confirmation for whoever opened the case, as it stands right after."""
    subject = subject_of(case, template, context)
    head = f"{context.word('you_opened')}: {context.title(template.title)}: {subject}"
    named = f"*{context.word('case')}*: {escaped(case.case_id)}"
    if context.address:
        named += f" · <{context.address}/cases/{case.case_id}|{escaped(context.word('link_case'))}>"
    first = under_way(case, template, context)
    if first:
        begins = [f"*{context.word('begins_with')}*", *(f"• {escaped(one)}" for one in first[:_MOST_STEPS])]
        if len(first) > _MOST_STEPS:
            begins.append(f"• +{len(first) - _MOST_STEPS}")
    else:
        standing = context.word(case.status)
        begins = [f"*{context.word('status')}*: {escaped(standing)}"]
    blocks = [
        {"type": "section", "text": markdown(f"*{escaped(shortened(head, 600))}*\n{named}")},
        {"type": "section", "text": markdown("\n".join(begins))},
        case_footer(case, context),
    ]
    text = f"{context.word('you_opened')}: {case.case_id}: {subject}" + (f" ({first[0]})" if first else "")
    return fitting_message(text, blocks, context)


def under_way(case: CaseState, template: Template, context: CardContext) -> list[str]:
    """One line of plain text for each step that is under way: its title, who has it, until when."""
    asked: dict[str, list[TaskState]] = {}
    for task in case.open_tasks:
        asked.setdefault(task.step_id, []).append(task)
    lines = []
    for step in case.steps.values():
        if step.step_id in asked:
            who = _holders(asked[step.step_id], context)
            first = min(asked[step.step_id], key=lambda task: task.due_at)
            due = context.certain(context.zoned(first.due_at), first.calendar_confirmed)
            lines.append((step, f"{who}. {context.word('due')}: {due}"))
        elif step.status == "active" and step.kind == "wait":
            lines.append((step, wait_messages.until_line(step, context)))
        elif step.status == "active" and step.kind in _WITHOUT_TASK:
            lines.append((step, context.word(_WITHOUT_TASK[step.kind])))
    return [_line(step, said, template, context) for step, said in lines]


def _line(step: StepState, said: str, template: Template, context: CardContext) -> str:
    title = shortened(step_title(template, step.step_id, context), 100)
    return shortened(f"{title}: {said}" if said else title, _LONGEST)


def _holders(tasks: list[TaskState], context: CardContext) -> str:
    """Who has the tasks of one step, each with his role; a task that nobody has says so."""
    named: dict[str, None] = {}
    for task in tasks:
        named[f"{holder(task, context)} ({context.role(task.role)})"] = None
    return ", ".join(named)
