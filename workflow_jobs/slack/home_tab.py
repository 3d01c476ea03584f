"""The Home tab of a person in Slack: his work, what he asked for, and what is late among his people. Pure rendering.

Belongs here: the view. Does not belong here: whose tasks these are (gateway.slack_home asks the service), when the view
is drawn anew, and the buttons' meaning: they are those of the cards, with a number behind the action id, since an id
may stand only once in a view.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from workflow_jobs.engine.state import CaseState, StepState, TaskState
from workflow_jobs.engine.template import Template
from workflow_jobs.slack import block_kit, case_buttons, wait_messages
from workflow_jobs.slack.case_lines import holder, step_title, subject_of
from workflow_jobs.slack.decision_buttons import decision_buttons
from workflow_jobs.slack.message import Block
from workflow_jobs.slack.wording import CardContext, escaped, markdown, plain_text, shortened

MOST_TASKS: Final = 6
MOST_WAITS: Final = 5
MOST_REQUESTS: Final = 8
MOST_LATE: Final = 8
_LIGHTS: Final = {"green": "🟢", "amber": "🟡", "red": "🔴", "paused": "⏸"}


@dataclass(frozen=True, slots=True)
class HomeTask:
    """One open task. ``light`` is green, amber, red or paused."""

    case: CaseState
    task: TaskState
    template: Template
    light: str


@dataclass(frozen=True, slots=True)
class HomeCase:
    """A case that the person asked for."""

    case: CaseState
    template: Template


@dataclass(frozen=True, slots=True)
class HomeWait:
    """A wait that the person may end by saying that it has happened."""

    case: CaseState
    step: StepState
    template: Template


@dataclass(frozen=True)
class HomeContent:
    """What the tab shows. The counts are of all, the sequences of those shown. ``late`` None: nobody's manager.
    ``more_waits``: there are, or may be, more of them than ``waits``. ``department`` is the person's.

    ``address`` is the gateway's, without a slash at its end.
    """

    person_id: str
    now: datetime
    address: str
    work: Sequence[HomeTask]
    work_count: int
    requests: Sequence[HomeCase]
    request_count: int
    late: Sequence[HomeTask] | None
    late_count: int
    waits: Sequence[HomeWait] = ()
    more_waits: bool = False
    department: str = ""


def home_view(content: HomeContent, context: CardContext) -> dict[str, Any]:
    """The view to publish; valid Block Kit whatever the cases hold. Where texts are so long that Slack would not take
    all of them, fewer waits are shown.
    """
    for shown in range(len(content.waits), 0, -1):
        fewer = replace(
            content, waits=content.waits[:shown], more_waits=content.more_waits or shown < len(content.waits)
        )
        view = _view(fewer, context)
        with suppress(block_kit.BlockKitError):
            block_kit.validate_view(view)
            return view
    view = _view(replace(content, waits=(), more_waits=content.more_waits or bool(content.waits)), context)
    block_kit.validate_view(view)
    return view


def _view(content: HomeContent, context: CardContext) -> dict[str, Any]:
    board = f"{content.address}/cases"
    blocks: list[Block] = [_header("home_work", content.work_count, context)]
    for number, one in enumerate(content.work[:MOST_TASKS]):
        blocks += _task(number, one, content.address, context)
    if not content.work:
        blocks.append(_line(escaped(context.word("home_no_work"))))
    blocks.append(_more(content.work_count - MOST_TASKS, f"{board}?person={content.person_id}", context))
    if content.waits or content.more_waits:
        blocks += [{"type": "divider"}, _header("home_waits", len(content.waits), context, more=content.more_waits)]
        blocks += [_wait(number, one, content.address, context) for number, one in enumerate(content.waits)]
        if content.more_waits:
            line = escaped(context.word("home_more_waits"))
            blocks.append(_line(f"{line} <{board}|{escaped(context.word('home_board'))}>"))
    blocks += [{"type": "divider"}, _header("home_requests", content.request_count, context)]
    if content.requests:
        for number, asked in enumerate(content.requests[:MOST_REQUESTS]):
            block = _section(_request(asked, content.address, context))
            if case_buttons.may_withdraw(asked.case, asked.template, content.person_id):
                block["accessory"] = case_buttons.withdraw_button(asked.case, context, number)
            blocks.append(block)
    else:
        blocks.append(_line(escaped(context.word("home_no_requests"))))
    if content.request_count > MOST_REQUESTS:
        own_cases = f"{board}?status=any&amp;requester={content.person_id}"
        blocks.append(_more(content.request_count - MOST_REQUESTS, own_cases, context))
    if content.late is not None:
        blocks += [{"type": "divider"}, _header("home_late", content.late_count, context)]
        if content.late:
            lines = [_late(one, content.address, context) for one in content.late[:MOST_LATE]]
            blocks.append(_section("\n".join(lines)))
        else:
            blocks.append(_line(escaped(context.word("home_none_late"))))
        if content.late_count > MOST_LATE:
            own = f"?department={quote(content.department)}" if content.department else ""
            blocks.append(_more(content.late_count - MOST_LATE, f"{board}{own}", context))
    drawn = f"{context.word('home_drawn')} {context.zoned(content.now)}"
    blocks.append(_line(escaped(drawn)))
    return {"type": "home", "blocks": blocks}


def _task(number: int, one: HomeTask, address: str, context: CardContext) -> list[Block]:
    due = f"{context.word('due')}: {context.certain(context.instant(one.task.due_at), one.task.calendar_confirmed)}"
    text = f"{_LIGHTS[one.light]} *{_title(one, context)}*\n{_link(one.case, address)} {_subject(one, context)}\n{due}"
    buttons = decision_buttons(one.task, one.template, context)
    for button in buttons:
        button["action_id"] = f"{button['action_id']}:{number}"
    blocks = [_section(text)]
    if buttons:
        blocks.append({"type": "actions", "block_id": f"task:{number}", "elements": buttons})
    return blocks


def _wait(number: int, one: HomeWait, address: str, context: CardContext) -> Block:
    title = escaped(shortened(step_title(one.template, one.step.step_id, context), 100))
    case = f"{_link(one.case, address)} {escaped(_named(one.case, one.template, context))}"
    block = _section(f"⏳ *{title}*\n{case}\n{escaped(wait_messages.until_line(one.step, context))}")
    return block | {"accessory": wait_messages.happened_button(one.case, one.step, context, number)}


def _request(one: HomeCase, address: str, context: CardContext) -> str:
    case = one.case
    title = shortened(context.title(one.template.title), 80)
    line = f"• {_link(case, address)} {escaped(title)}: {escaped(_named(case, one.template, context))}"
    line += f", {escaped(context.word(case.status))}"
    waits = [context.name(task.assignee) for task in case.open_tasks if task.assignee]
    return f"{line}, {context.word('waiting')}: {escaped(shortened(', '.join(waits), 120))}" if waits else line


def _late(one: HomeTask, address: str, context: CardContext) -> str:
    who = holder(one.task, context)
    since = f"{context.word('due')} {context.instant(one.task.due_at)}"
    return (
        f"• {_LIGHTS[one.light]} {escaped(shortened(who, 80))}: {_title(one, context)}, {_link(one.case, address)} "
        f"{_subject(one, context)}, {since}"
    )


def _title(one: HomeTask, context: CardContext) -> str:
    return escaped(shortened(step_title(one.template, one.task.step_id, context), 100))


def _subject(one: HomeTask, context: CardContext) -> str:
    return escaped(_named(one.case, one.template, context))


def _named(case: CaseState, template: Template, context: CardContext) -> str:
    return shortened(subject_of(case, template, context), 100)


def _link(case: CaseState, address: str) -> str:
    return f"<{address}/cases/{case.case_id}|{case.case_id}>"


def _header(word: str, count: int, context: CardContext, *, more: bool = False) -> Block:
    return {"type": "header", "text": plain_text(f"{context.word(word)} ({count}{'+' if more else ''})", 150)}


def _section(text: str) -> Block:
    return {"type": "section", "text": markdown(text)}


def _line(text: str) -> Block:
    return {"type": "context", "elements": [markdown(text, 2000)]}


def _more(count: int, address: str, context: CardContext) -> Block:
    more = f"+{count} · " if count > 0 else ""
    return _line(f"{more}<{address}|{escaped(context.word('home_board'))}>")
