"""What others said about a question before its decision: votes, a delegate's advice, consulted answers. Pure."""

from __future__ import annotations

from workflow_jobs.engine.consultations import answers
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.separation import tasks_of_visit
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import HumanStep, Template
from workflow_jobs.engine.votes import counted
from workflow_jobs.slack.wording import CardContext, escaped, quoted

_MOST_ANSWERS = 5


def opinions(case: CaseState, task: TaskState, template: Template, context: CardContext) -> list[str]:
    """mrkdwn lines for the card of a task."""
    return [
        *_vote(case, task, template, context),
        *_hand(task, context),
        *_advice(task, template, context),
        *_answers(case, task, context),
    ]


def _vote(case: CaseState, task: TaskState, template: Template, context: CardContext) -> list[str]:
    place = layout_of(template).places.get(task.step_id)
    step = place.node if place is not None else None
    tasks = tasks_of_visit(case, task.step_id)
    if not isinstance(step, HumanStep) or task.purpose != "decide" or (step.vote is None and len(tasks) < 2):
        return []
    count = counted(step, tasks)
    line = f"*{context.word('vote')}*: {count.approvals} / {count.needed} {context.word('vote_for')}"
    if count.rejections:
        line += f", {count.rejections} {context.word('vote_against')}"
    waits = [one for one in tasks if one.status == "open" and one.task_id != task.task_id and one.assignee]
    if waits:
        names = ", ".join(context.name(one.assignee or "") for one in waits)
        line += f"; {context.word('waiting')}: {quoted(names, 200)}"
    return [line]


def _hand(task: TaskState, context: CardContext) -> list[str]:
    lines = []
    if task.delegated_by is not None:
        by = escaped(context.name(task.delegated_by))
        lines.append(f"{context.word('delegated_by')} {by}. {context.word('delegated_asks')}")
    if task.added_by is not None:
        lines.append(f"{context.word('added_by')} {escaped(context.name(task.added_by))}")
    if task.pooled and task.assignee is None:
        lines.append(context.word("to_claim"))
    return lines


def _advice(task: TaskState, template: Template, context: CardContext) -> list[str]:
    if task.advice is None:
        return []
    outcome = question_of(template, task).outcome(task.advice.outcome)
    words = context.title(outcome.title) if outcome is not None else task.advice.outcome
    who = escaped(context.name(task.advice.person_id))
    return [f"*{context.word('advice')}* {who}: {escaped(words)}, {context.instant(task.advice.at)}"]


def _answers(case: CaseState, task: TaskState, context: CardContext) -> list[str]:
    found = answers(case, task.step_id)[-_MOST_ANSWERS:]
    return [
        f"*{context.word('answered')}* {escaped(context.name(one.person_id))}: {quoted(one.text, 300)}" for one in found
    ]
