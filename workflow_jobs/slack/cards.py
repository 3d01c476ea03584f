"""From a case to what Slack shows: cards, notices and their buttons.

Belongs here: rendering. Does not belong here: who is told and when (outgoing), decisions (engine), sending (outbox),
forms (modals). Pure: the same case, template and context give the same message.

A button's ``action_id`` is ``decide:<outcome>`` and its ``value`` JSON with ``task_id``, ``version``, ``outcome``,
``form`` (true where a modal must ask for more before the decision) and ``nonce`` (button_seal).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from workflow_jobs.engine.layout import layout_of, node_of
from workflow_jobs.engine.question import RETRY, question_of
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Block as TemplateBlock
from workflow_jobs.engine.template import Fork, HumanStep, Step, Template
from workflow_jobs.engine.votes import not_yet_agreed
from workflow_jobs.slack import block_kit, breach_lines, incident_lines
from workflow_jobs.slack.button_seal import Seal, nonce_of, require, unsealed
from workflow_jobs.slack.card_words import WORDS
from workflow_jobs.slack.fitting import fittings
from workflow_jobs.slack.form_lines import form_lines, given
from workflow_jobs.slack.log_words import engine_words
from workflow_jobs.slack.opinion_lines import opinions
from workflow_jobs.slack.task_buttons import action_buttons, standing
from workflow_jobs.slack.wording import CardContext, cut, escaped, markdown, paragraph, plain_text, quoted, shortened

ACTION_PREFIX = "decide:"
# How the rule id of a case begins that a person opened with a form: the rest tells one form from another.
OPENED_IN_SLACK = "opened_in_slack:"
Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """A message for Slack: ``text`` is what notifications show, ``blocks`` what the channel shows. Valid Block Kit.

    ``picture`` asks for the picture of a metric's trend (``metric``, ``alt``, ``note``, ``limit``; ``subject`` with
    ``kind``, ``id`` and ``note`` for that of one subject; and how its figures are written: ``unit``, ``decimals``,
    ``zh``), which is put below the block with the number ``after`` when the message is sent.
    """

    text: str
    blocks: tuple[Block, ...]
    picture: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        block_kit.validate_message(self.text, self.blocks)

    def to_json(self) -> dict[str, Any]:
        """As it stands in an outbox payload."""
        body: dict[str, Any] = {"text": self.text, "blocks": list(self.blocks)}
        return body if self.picture is None else body | {"picture": dict(self.picture)}


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


def task_card(
    case: CaseState, task: TaskState, template: Template, context: CardContext, *, notes: Sequence[str] = ()
) -> Message:
    """The card of the person who must act: what happened, what is asked, until when, what follows, and the buttons.

    ``notes`` are lines about reminders and escalations so far.
    """
    title = step_title(template, task.step_id, context)
    blocks: list[Block] = [
        _header(f"{title}: {subject(case, template, context)}"),
        decision_facts(case, task, context),
        *incident_lines.evidence(case, context),
        *breach_lines.evidence(case, context),
        *_links(case, context),
        *_given(case, template, context),
        _asked(case, task, template, context),
        *_progress(case, template, context),
    ]
    blocks += [
        _context_line(note)
        for note in (*standing(task, context), *opinions(case, task, template, context), *notes[-3:])
    ]
    blocks += _button_rows(task, template, context)
    blocks.append(_footer(case, task, context))
    until = context.instant(task.due_at)
    text = f"{title}: {subject(case, template, context)} ({context.word('due')}: {until})"
    return fitting_message(text, blocks, context, _picture(case, context))


def closed_task_card(case: CaseState, task: TaskState, template: Template, context: CardContext) -> Message:
    """The card once nobody can act on it any more: decided (by whom, when, with which words) or withdrawn."""
    title = step_title(template, task.step_id, context)
    line = decision_line(task, template, context)
    blocks: list[Block] = [
        _header(f"{title}: {subject(case, template, context)}"),
        decision_facts(case, None, context),
        *_links(case, context),
        {"type": "section", "text": markdown(line)},
        *_progress(case, template, context, but=task.task_id),
        _footer(case, task, context),
    ]
    return fitting_message(f"{title}: {_unmarked(line)}", blocks, context)


def moved_card(case: CaseState, task: TaskState, template: Template, context: CardContext) -> Message:
    """The card of a person from whom the task was taken: who has it now."""
    title = step_title(template, task.step_id, context)
    now_with = f"{context.word('moved_to')}: {context.name(task.assignee or '')}"
    blocks: list[Block] = [
        _header(f"{title}: {subject(case, template, context)}"),
        {"type": "section", "text": markdown(f"*{escaped(now_with)}*")},
        _footer(case, task, context),
    ]
    return fitting_message(f"{title}: {now_with}", blocks, context)


def escalation_card(
    case: CaseState, task: TaskState, template: Template, context: CardContext, *, percent: int, can_act: bool
) -> Message:
    """The notice for whom a rung names: the same facts, how much of the time is used, and buttons if he may decide."""
    title = step_title(template, task.step_id, context)
    head = f"{context.word('escalation')}: {title}: {subject(case, template, context)}"
    used = f"*{percent} %* {context.word('sla_used')}. {context.word('escalation_asks')}"
    blocks: list[Block] = [
        _header(head),
        {"type": "section", "text": markdown(used)},
        decision_facts(case, task, context),
        _asked(case, task, template, context),
    ]
    if can_act:
        blocks += _button_rows(task, template, context)
    blocks.append(_footer(case, task, context))
    return fitting_message(head, blocks, context)


def case_card(case: CaseState, template: Template, context: CardContext) -> Message:
    """The card of the whole case, kept up to date in the channel: facts, state, every step so far."""
    head = f"{context.title(template.title)}: {subject(case, template, context)}"
    return _standing(head, case, template, context, _progress(case, template, context, waiting=True))


def told_card(case: CaseState, template: Template, context: CardContext) -> Message:
    """The message to whom a case concerns who need not act: the facts and how it stands, kept up to date."""
    head = f"{context.word('affected')}: {subject(case, template, context)}"
    return _standing(head, case, template, context, [])


def _standing(head: str, case: CaseState, template: Template, context: CardContext, progress: list[Block]) -> Message:
    """A message about a case that stands and is kept up to date: the facts, how it stands, what was done so far."""
    line = _status_line(case, template, context)
    blocks: list[Block] = [
        _header(head),
        decision_facts(case, None, context),
        *incident_lines.evidence(case, context),
        *breach_lines.evidence(case, context),
        *_links(case, context),
        *_given(case, template, context),
        {"type": "section", "text": markdown(line)},
        *progress,
        _footer(case, None, context),
    ]
    return fitting_message(f"{head} ({_unmarked(line)})", blocks, context, _picture(case, context))


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
    head = f"{heading}: {context.title(template.title)}: {subject(case, template, context)}"
    body = f"*{escaped(head)}*\n{paragraph(line, 2500)}"
    body += "".join(f"\n{escaped(one)}" for one in asks.splitlines())
    blocks: list[Block] = [{"type": "section", "text": markdown(body)}]
    if buttons:
        blocks.append({"type": "actions", "block_id": "task", "elements": list(buttons)})
    return fitting_message(f"{head}: {line}", [*blocks, _footer(case, None, context)], context)


def decision_line(task: TaskState, template: Template, context: CardContext) -> str:
    """One mrkdwn line on how a task ended."""
    return context.once(("decision", template.hash), task, lambda: _decision_line(task, template, context))


def _decision_line(task: TaskState, template: Template, context: CardContext) -> str:
    if task.status != "decided" or task.decided_by is None:
        return f"*{context.word('withdrawn')}*"
    question = question_of(template, task)
    outcome = question.outcome(task.outcome or "")
    words = context.title(outcome.title) if outcome is not None else str(task.outcome)
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
    return _unmarked(decision_line(task, template, context))


def next_steps(template: Template, step_id: str, context: CardContext) -> str:
    """What follows a step that goes on: titles of the next steps, or that other branches are waited for."""
    layout = layout_of(template)
    place = layout.places[step_id]
    while place.following is None and place.parent is not None:
        fork_id = place.parent[0]
        fork = layout.places[fork_id]
        after = fork.following
        tail = _titles(node_of(after), context) if after is not None else None
        if isinstance(fork.node, Fork) and len(fork.node.branches) > 1:
            waits = context.word("waits_for_others")
            return f"{waits} → {tail}" if tail else waits
        place = fork
    if place.following is not None:
        return _titles(node_of(place.following), context)
    return context.word("awaits_resolution" if template.closes == "on_resolution" else "last_step")


def ending(outcome: str, template: Template, context: CardContext) -> str:
    """How a case ended, in words: a known end, else the button that ends the case so."""
    known = f"ended_{outcome}"
    if known in WORDS:
        return context.word(known)
    steps = (step for step in layout_of(template).steps() if isinstance(step, HumanStep))
    buttons = (one for step in steps for one in step.outcomes if one.ends_case == outcome)
    return next((context.title(one.title) for one in buttons), outcome.replace("_", " "))


def _status_line(case: CaseState, template: Template, context: CardContext) -> str:
    status = context.word("awaits_resolution") if case.awaiting_resolution else context.word(case.status)
    line = f"*{context.word('status')}*: {escaped(status)}"
    if case.outcome:
        line += f" · *{context.word('outcome')}*: {escaped(ending(case.outcome, template, context))}"
    if case.joined:
        line += f" · *{context.word('part_of')}*: {escaped(case.joined)}"
    if case.effect_due_at is not None and case.status == "watching_effect":
        line += f"\n{context.word('effect_due')} {context.instant(case.effect_due_at)}"
    return line


def fitting_message(
    text: str, blocks: Sequence[Block], context: CardContext, picture: Mapping[str, Any] | None = None
) -> Message:
    """A message of plain ``text`` and blocks; where they are more than Slack takes, what people wrote is shortened."""
    text = cut(escaped(text), 300)
    refused: Exception = AssertionError("there is nothing to try")
    for fit in fittings(blocks, context.word("more_on_page")):
        try:
            return Message(text, fit, picture)
        except block_kit.TooMuchText as error:
            refused = error
    raise refused


def _picture(case: CaseState, context: CardContext) -> dict[str, Any] | None:
    """What the card's picture is to show: the trend of the case's metric, with the limit that it crossed."""
    if not case.metric:
        return None
    alt = context.word("trend").format(shortened(context.metric_label(case.metric), 300))
    # Where the months of the subject cannot be had, or may not be seen, those of the whole metric are drawn.
    note = context.word("all_together") if case.subject_kind else ""
    asked: dict[str, Any] = {"metric": case.metric, "alt": alt, "note": note, "limit": case.threshold, "after": 1}
    if case.subject_kind and case.subject_id:
        alone = context.word("one_alone").format(shortened(case.subject_label or case.subject_id, 200))
        asked["subject"] = {"kind": case.subject_kind, "id": case.subject_id, "note": alone}
    form = context.figure
    return asked | ({} if form is None else {"unit": form.unit, "decimals": form.decimals, "zh": context.chinese})


def _links(case: CaseState, context: CardContext) -> list[Block]:
    """Where the evidence stands: the case, its metric, and the rows behind the figure."""
    if not context.address:
        return []
    links = [f"<{context.address}/cases/{case.case_id}|{escaped(context.word('link_case'))}>"]
    if case.metric:
        page = f"{context.address}/metrics/{case.metric}"
        links.append(f"<{page}|{escaped(context.word('link_metric'))}>")
        links.append(f"<{page}/explain|{escaped(context.word('link_rows'))}>")
    return [_context_line(" · ".join(links))]


def _titles(node: Step | TemplateBlock, context: CardContext) -> str:
    if isinstance(node, Fork):
        return " + ".join(_titles(node_of(branch[0]), context) for branch in node.branches if branch)
    return context.title(node.title)


def step_title(template: Template, step_id: str, context: CardContext) -> str:
    """The step's title; its id as words where the template no longer has it."""
    place = layout_of(template).places.get(step_id)
    if place is None or place.node.title is None:
        return step_id.replace("_", " ")
    return context.title(place.node.title)


def subject(case: CaseState, template: Template, context: CardContext) -> str:
    return case.subject_label or case.subject_id or context.metric_label(case.metric) or context.title(template.title)


def _header(text: str) -> Block:
    return {"type": "header", "text": plain_text(text, 150)}


def _context_line(text: str) -> Block:
    return {"type": "context", "elements": [markdown(text, 2000)]}


def decision_facts(case: CaseState, task: TaskState | None, context: CardContext) -> Block:
    """The facts of a case as fields; with a task also when it is due, in local time."""
    fields = list(context.once("facts", case, lambda: _facts(case, context)))
    if task is not None:
        due = context.zoned(task.due_at)
        if not task.calendar_confirmed:
            due += f"; {context.word('calendar_not_confirmed')}"
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


def _given(case: CaseState, template: Template, context: CardContext) -> list[Block]:
    return [] if incident_lines.is_incident(case) else given(case, template, context)


def _asked(case: CaseState, task: TaskState, template: Template, context: CardContext) -> Block:
    question = question_of(template, task)
    lines: list[str] = []
    if question.description is not None:
        lines += [escaped(line) for line in context.title(question.description).splitlines()]
    step = case.steps.get(task.step_id)
    if task.purpose == "rescue" and step is not None:
        what = context.word("process_refused" if step.kind == "process" else "service_failed")
        error = engine_words(step.error or "–", context)
        lines.append(f"*{what}*: {quoted(error, 500)}")
    who = context.name(task.assignee) if task.assignee else context.word("nobody")
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


def _progress(
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
            who = context.name(task.assignee) if task.assignee else context.word("nobody")
            due = f"{context.word('due')} {context.zoned(task.due_at)}"
            lines.append(f"… {title}: {context.word('waiting')}, {escaped(who)}, {due}")
            lines += [f"   {line}" for line in standing(task, context)]
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


def _button_rows(task: TaskState, template: Template, context: CardContext) -> list[Block]:
    """The choices of the task, and below them what else may be done with it."""
    rows = (("decision", decision_buttons(task, template, context)), ("task", action_buttons(task, template, context)))
    return [{"type": "actions", "block_id": name, "elements": buttons} for name, buttons in rows if buttons]


def _footer(case: CaseState, task: TaskState | None, context: CardContext) -> Block:
    line = context.once("footer", case, lambda: _about(case, context))
    return _context_line(line if task is None else f"{line} · {escaped(task.task_id)}")


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
    return _footer(case, None, context)


def _unmarked(line: str) -> str:
    """First line of our own mrkdwn as plain text."""
    first = line.split("\n", 1)[0].replace("*", "")
    return first.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
