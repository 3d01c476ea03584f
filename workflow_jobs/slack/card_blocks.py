"""What several cards of a case show alike: facts, links, what is asked, what was done so far, the line at the foot.

Belongs here: single blocks. Does not belong here: which card has which (cards), single lines (case_lines). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from workflow_jobs.engine.question import RETRY, question_of
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Template
from workflow_jobs.engine.votes import not_yet_agreed
from workflow_jobs.slack import incident_lines
from workflow_jobs.slack.case_lines import decision_line, holder, next_steps, step_title
from workflow_jobs.slack.form_lines import given
from workflow_jobs.slack.log_words import engine_words, missed_effect
from workflow_jobs.slack.message import Block
from workflow_jobs.slack.task_buttons import standing
from workflow_jobs.slack.wording import CardContext, escaped, markdown, paragraph, plain_text, quoted, shortened

# How the rule id of a case begins that a person opened with a form: the rest tells one form from another.
OPENED_IN_SLACK = "opened_in_slack:"


def header(text: str) -> Block:
    """What the card is about, cut to what Slack takes."""
    return {"type": "header", "text": plain_text(text, 150)}


def context_line(text: str) -> Block:
    """A small line of mrkdwn."""
    return {"type": "context", "elements": [markdown(text, 2000)]}


def open_again(case: CaseState, template: Template, context: CardContext) -> list[Block]:
    """Why the case is open once more: whoever is asked again must not take the card for an old one."""
    if not (case.is_open and case.reopened) or template.closes == "on_resolution":
        return []
    lines = [f"*{context.word('reopened')}*"]
    if case.effect_observed is not None:
        judged = missed_effect(case, template, case.effect_observed, context)
        lines.append(escaped(f"{context.word('effect_bad')}: {judged}"))
    return [{"type": "section", "text": markdown("\n".join(lines))}]


def decision_facts(case: CaseState, task: TaskState | None, context: CardContext) -> Block:
    """The facts of a case as fields; with a task also when it is due, in local time."""
    fields = list(context.once("facts", case, lambda: _facts(case, context)))
    if task is not None:
        due = context.certain(context.zoned(task.due_at), task.calendar_confirmed)
        fields.append((context.word("due"), escaped(due)))
    fields.append((context.word("case"), escaped(case.case_id)))
    return {"type": "section", "fields": [markdown(f"*{label}*\n{value}", 400) for label, value in fields]}


def _facts(case: CaseState, context: CardContext) -> list[tuple[str, str]]:
    fields: list[tuple[str, str]] = []
    if case.metric:
        fields.append((context.word("metric"), escaped(context.metric_label(case.metric))))
    about = case.subject_label or case.subject_id
    if about:
        named = f"{about} ({case.subject_id})" if case.subject_id and case.subject_id not in about else about
        fields.append((context.word("subject"), paragraph(named, 400)))
    if case.observed is not None:
        observed = context.value(case.observed)
        if case.breaches > 1:
            observed += (
                f" · {context.word('breaches')} {case.breaches} {context.word('breaches_unit')}, "
                f"{context.word('latest')} {context.value(case.latest_observed)}"
            )
        fields.append((context.word("observed"), escaped(observed)))
    if case.threshold is not None:
        side = {"above": "at_most", "below": "at_least"}.get(case.direction)
        limit = context.value(case.threshold)
        fields.append((context.word("limit"), escaped(f"{context.word(side)} {limit}" if side else limit)))
    if case.metric and context.trust():
        fields.append((context.word("trust"), escaped(context.trust())))
    if incident_lines.is_incident(case):
        fields.append((context.word("seen"), escaped(incident_lines.seen(case, context))))
    if incident_lines.has_figures(case):
        as_of = case.data.get("as_of")
        day = _date(as_of)
        fields.append((context.word("figures_as_of"), escaped(day or f"{context.word('snapshot')} {case.snapshot_id}")))
    return fields


def _date(value: object) -> str:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            return ""
    return ""


def links(case: CaseState, context: CardContext) -> list[Block]:
    """Where the evidence stands: the case, its metric, and the rows behind the figure."""
    if not context.address:
        return []
    found = [f"<{context.address}/cases/{case.case_id}|{escaped(context.word('link_case'))}>"]
    if case.metric:
        page = f"{context.address}/metrics/{case.metric}"
        found.append(f"<{page}|{escaped(context.word('link_metric'))}>")
        found.append(f"<{page}/explain|{escaped(context.word('link_rows'))}>")
    return [context_line(" · ".join(found))]


def opened_with(case: CaseState, template: Template, context: CardContext) -> list[Block]:
    return [] if incident_lines.is_incident(case) else given(case, template, context)


def asked(case: CaseState, task: TaskState, template: Template, context: CardContext) -> Block:
    question = question_of(template, task)
    lines: list[str] = []
    if question.description is not None:
        lines += [escaped(line) for line in context.title(question.description).splitlines()]
    step = case.steps.get(task.step_id)
    if task.purpose == "rescue" and step is not None:
        what = context.word("process_refused" if step.kind == "process" else "service_failed")
        error = engine_words(step.error or "–", context)
        lines.append(f"*{what}*: {quoted(error, 500)}")
    who = holder(task, context)
    lines.append(
        f"*{context.word('who_acts')}*: {escaped(who)} ({escaped(context.role(task.role))}) · "
        f"*{context.word('answerable')}*: {escaped(context.role(task.accountable))}"
    )
    following = next_steps(template, task.step_id, context)
    goes_on = []
    for choice in question.outcomes:
        if choice.id == RETRY and task.purpose == "rescue":
            then = context.word("process_opened" if step is not None and step.kind == "process" else "service")
        else:
            then = context.word("ends_case") if choice.ends_case else following
        goes_on.append(f"• {escaped(context.title(choice.title))}: {escaped(then)}")
    lines.append(f"*{context.word('next')}*\n" + "\n".join(goes_on))
    return {"type": "section", "text": markdown("\n".join(lines))}


def progress(
    case: CaseState, template: Template, context: CardContext, *, waiting: bool = False, but: str = ""
) -> list[Block]:
    """What was done so far, without the task ``but``; with what ``waiting`` tasks wait for."""
    lines = []
    for task in case.tasks.values():
        if task.task_id == but:
            continue
        title = escaped(step_title(template, task.step_id, context))
        if task.status == "decided":
            pending = f" ({context.word('not_yet_agreed')})" if not_yet_agreed(case, task) else ""
            lines.append(f"✓ {title}{pending}: {decision_line(task, template, context)}")
        elif waiting and task.status == "open":
            who = holder(task, context)
            until = context.certain(context.zoned(task.due_at), task.calendar_confirmed)
            due = f"{context.word('due')} {until}"
            lines.append(f"… {title}: {context.word('waiting')}, {escaped(who)}, {due}")
            lines += [f"   {line}" for line in standing(task, template, context)]
    for step in case.steps.values():
        if step.kind == "service" and step.status in ("completed", "active", "failed"):
            mark, word = {
                "completed": ("✓", "service"),
                "active": ("…", "service"),
                "failed": ("!", "service_failed"),
            }[step.status]
            lines.append(f"{mark} {escaped(step_title(template, step.step_id, context))}: {context.word(word)}")
            lines += [escaped(line) for line in _result_lines(case.results.get(step.step_id))]
    if not lines:
        return []
    # The newest lines matter most; a long case must not grow past Slack's limit for a section.
    text = ""
    for line in reversed(lines):
        if len(text) + len(line) > 2700:
            text = "…\n" + text
            break
        text = f"{line}\n{text}"
    return [{"type": "section", "text": markdown(f"*{context.word('so_far')}*\n{text.strip()}")}]


def _result_lines(result: object) -> list[str]:
    """What a job says of its result for people: the ``summary`` of it, if it has one."""
    said = result.get("summary") if isinstance(result, Mapping) else None
    return [f"• {shortened(line.strip(), 300)}" for line in said.splitlines()[:12]] if isinstance(said, str) else []


def footer(case: CaseState, task: TaskState | None, context: CardContext) -> Block:
    line = context.once("footer", case, lambda: _about(case, context))
    return context_line(line if task is None else f"{line} · {escaped(task.task_id)}")


def _about(case: CaseState, context: CardContext) -> str:
    if case.requested_by is not None and case.rule_id.startswith(OPENED_IN_SLACK):
        opened = f"{context.word('asked_by')} {context.name(case.requested_by)}"
    else:
        opened = f"{context.word('rule')} {case.rule_id}"
    priority = context.word(f"priority_{case.priority}")
    parts = [f"{context.word('case')} {case.case_id}", opened, f"{context.word('priority')} {priority}"]
    if incident_lines.has_figures(case):
        parts.append(f"{context.word('snapshot')} {case.latest_snapshot_id or case.snapshot_id}")
    return escaped(" · ".join(parts))


def case_footer(case: CaseState, context: CardContext) -> Block:
    """The small line below every message: case, rule, priority, snapshot."""
    return footer(case, None, context)
