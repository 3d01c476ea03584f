"""A case and its steps in words: what they are called, how they stand, how a task ended, what follows.

Belongs here: single lines, plain or mrkdwn. Does not belong here: blocks of a card (card_blocks), the words of forms
(form_lines) and of incidents (incident_lines). Pure.
"""

from __future__ import annotations

from workflow_jobs.engine.layout import layout_of, node_of
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Block, Fork, HumanStep, Step, Template
from workflow_jobs.slack.card_words import WORDS
from workflow_jobs.slack.form_lines import form_lines
from workflow_jobs.slack.log_words import why_withdrawn
from workflow_jobs.slack.wording import CardContext, cut, escaped


def step_title(template: Template, step_id: str, context: CardContext) -> str:
    """The step's title; its id as words where the template no longer has it."""
    place = layout_of(template).places.get(step_id)
    if place is None or place.node.title is None:
        return step_id.replace("_", " ")
    return context.title(place.node.title)


def subject_of(case: CaseState, template: Template, context: CardContext) -> str:
    """What the case is about: its subject, else its metric, else what its template is called."""
    return case.subject_label or case.subject_id or context.metric_label(case.metric) or context.title(template.title)


def titles(node: Step | Block, context: CardContext) -> str:
    """A step's title; of parallel steps those with which the branches begin."""
    if isinstance(node, Fork):
        return " + ".join(titles(node_of(branch[0]), context) for branch in node.branches if branch)
    return context.title(node.title)


def holder(task: TaskState, context: CardContext) -> str:
    """Who has the task; that it waits to be claimed, or that nobody holds its role, where nobody has it."""
    if task.assignee:
        return context.name(task.assignee)
    return context.word("to_claim" if task.pooled else "nobody")


def next_steps(template: Template, step_id: str, context: CardContext) -> str:
    """What follows a step that goes on: titles of the next steps, or that other branches are waited for."""
    layout = layout_of(template)
    place = layout.places[step_id]
    while place.following is None and place.parent is not None:
        fork_id = place.parent[0]
        fork = layout.places[fork_id]
        after = fork.following
        tail = titles(node_of(after), context) if after is not None else None
        if isinstance(fork.node, Fork) and len(fork.node.branches) > 1:
            waits = context.word("waits_for_others")
            return f"{waits} → {tail}" if tail else waits
        place = fork
    if place.following is not None:
        return titles(node_of(place.following), context)
    return context.word("awaits_resolution" if template.closes == "on_resolution" else "last_step")


def ending(outcome: str, template: Template, context: CardContext) -> str:
    """How a case ended, in words: a known end, else the button that ends the case so."""
    known = f"ended_{outcome}"
    if known in WORDS:
        return context.word(known)
    steps = (step for step in layout_of(template).steps() if isinstance(step, HumanStep))
    buttons = (one for step in steps for one in step.outcomes if one.ends_case == outcome)
    return next((context.title(one.title) for one in buttons), outcome.replace("_", " "))


def status_line(case: CaseState, template: Template, context: CardContext) -> str:
    """How the case stands, as mrkdwn: its status, how it ended, until when its effect is waited for."""
    status = context.word("awaits_resolution") if case.awaiting_resolution else context.word(case.status)
    line = f"*{context.word('status')}*: {escaped(status)}"
    if case.outcome:
        line += f" · *{context.word('outcome')}*: {escaped(ending(case.outcome, template, context))}"
    if case.joined:
        line += f" · *{context.word('part_of')}*: {escaped(case.joined)}"
    if case.effect_due_at is not None and case.status == "watching_effect":
        line += f"\n{context.word('effect_due')} {context.instant(case.effect_due_at)}"
    return line


def decision_line(task: TaskState, template: Template, context: CardContext) -> str:
    """One mrkdwn line on how a task ended."""
    return context.once(("decision", template.hash), task, lambda: _decision_line(task, template, context))


def _decision_line(task: TaskState, template: Template, context: CardContext) -> str:
    colon = "：" if context.chinese else ": "
    if task.status == "cancelled":
        why = why_withdrawn(task.withdrawn_because, context)
        return f"*{context.word('withdrawn')}*" + (f"{colon}{escaped(why)}" if why else "")
    question = question_of(template, task)
    outcome = question.outcome(task.outcome or "")
    words = context.title(outcome.title) if outcome is not None else str(task.outcome)
    if task.decided_by is None:
        return f"{context.word('default_taken')}{colon}*{escaped(words)}*"
    line = f"*{escaped(words)}* {context.word('by')} {escaped(context.name(task.decided_by))}"
    if task.acting_for is not None:
        line += f" ({context.word('for')} {escaped(context.name(task.acting_for))})"
    if task.decided_at is not None:
        line += f", {context.instant(task.decided_at)}"
    if task.late:
        line += f" ({context.word('late')})"
    line = "\n".join([line, *form_lines(task.form, question.form, context)])
    return cut(line, 2500)


def plain_decision(task: TaskState, template: Template, context: CardContext) -> str:
    """The first line of :func:`decision_line` as plain text."""
    return unmarked(decision_line(task, template, context))


def unmarked(line: str) -> str:
    """First line of our own mrkdwn as plain text."""
    first = line.split("\n", 1)[0].replace("*", "")
    return first.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
