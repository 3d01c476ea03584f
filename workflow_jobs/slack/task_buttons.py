"""What a card offers besides deciding: acknowledge, snooze, wake, assign, as buttons and as modals.

Belongs here: rendering these and reading them back. Does not belong here: whether they are allowed (engine). Pure.

A button's ``action_id`` is ``act:<action>`` and its ``value`` JSON with ``task_id``, ``version``, ``action`` and
``nonce`` (button_seal); a modal's ``callback_id`` is ``act`` and its ``private_metadata`` the button's value. Its
fields are named as those of a form (modals), so that answers are read and refusals placed in the same way.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.parts import Actions, Pause
from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.task_actions import LONGEST_REASON
from workflow_jobs.engine.template import HumanStep, Template
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.slack.button_seal import Seal, nonce_of, require, unsealed
from workflow_jobs.slack.modal_frame import framed
from workflow_jobs.slack.wording import CardContext, escaped, markdown, plain_text

ACTION_PREFIX: Final = "act:"
CALLBACK_ID: Final = "act"
ACKNOWLEDGE: Final = "acknowledge"
SNOOZE: Final = "snooze"
WAKE: Final = "wake"
ASSIGN: Final = "assign"
CLAIM: Final = "claim"
RELEASE: Final = "release"
DELEGATE: Final = "delegate"
ADD_APPROVER: Final = "add_approver"
PAUSE: Final = "pause"
ANSWER: Final = "answer"
WITH_MODAL: Final = frozenset({SNOOZE, ASSIGN, RELEASE, DELEGATE, ADD_APPROVER, PAUSE, ANSWER})
_KNOWN: Final = WITH_MODAL | {ACKNOWLEDGE, WAKE, CLAIM}
_SPANS: Final = (1, 4, 24, 48, 72, 120, 168)


@dataclass(frozen=True, slots=True)
class ActionValue:
    """What such a button carries back."""

    task_id: str
    version: int
    action: str

    def to_json(self, seal: Seal = unsealed) -> str:
        body: dict[str, Any] = {"task_id": self.task_id, "version": self.version, "action": self.action}
        nonce = nonce_of(seal, "act", self.task_id, self.version, self.action)
        body |= {"nonce": nonce} if nonce else {}
        return json.dumps(body, separators=(",", ":"))

    @classmethod
    def read(cls, text: str, seal: Seal = unsealed) -> ActionValue:
        """Raises ValueError for anything that no card of ours carries."""
        try:
            body = json.loads(text)
            value = cls(body["task_id"], body["version"], body["action"])
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(f"this is no button of a card: {text[:100]!r}") from error
        if not isinstance(value.task_id, str) or type(value.version) is not int or value.action not in _KNOWN:
            raise ValueError(f"this is no button of a card: {text[:100]!r}")
        require(seal, body.get("nonce"), "act", value.task_id, value.version, value.action)
        return value


def actions_of(template: Template, task: TaskState) -> Actions:
    """What the task's step offers."""
    place = layout_of(template).places.get(task.step_id)
    step = place.node if place is not None else None
    return step.actions if isinstance(step, HumanStep) and task.purpose == "decide" else Actions()


def action_buttons(task: TaskState, template: Template, context: CardContext) -> list[dict[str, Any]]:
    """The buttons that make sense for the task as it stands."""
    return [button(task, name, context) for name in _offered(task, template)]


def button(task: TaskState, name: str, context: CardContext) -> dict[str, Any]:
    """One such button."""
    label = "act_run" if name == WAKE and task.pause_reason_id else f"act_{name}"
    return {
        "type": "button",
        "action_id": f"{ACTION_PREFIX}{name}",
        "text": plain_text(context.word(label), 75),
        "value": ActionValue(task.task_id, task.version, name).to_json(context.seal),
    }


def _offered(task: TaskState, template: Template) -> list[str]:
    offered = actions_of(template, task)
    if task.delegated_by is not None:
        # A delegate advises; what else is done with the task stays with whoever asked him.
        return []
    names: list[str] = []
    if task.assignee is None and task.purpose == "decide":
        names.append(CLAIM)
    if offered.acknowledge and task.acknowledged_by is None:
        names.append(ACKNOWLEDGE)
    if task.paused_until is not None:
        names.append(WAKE)
    else:
        if offered.snooze is not None and task.pauses < offered.snooze.times:
            names.append(SNOOZE)
        if offered.pauses:
            names.append(PAUSE)
    if task.assignee is None:
        return names
    own_voice = task.voter is not None or task.added_by is not None
    if offered.assign and task.added_by is None:
        names.append(ASSIGN)
    if offered.delegate:
        names.append(DELEGATE)
    if offered.add_approver and task.added_by is None:
        names.append(ADD_APPROVER)
    if not own_voice and (offered.release or task.pooled or _is_pool(template, task)):
        names.append(RELEASE)
    return names


def _is_pool(template: Template, task: TaskState) -> bool:
    place = layout_of(template).places.get(task.step_id)
    return place is not None and isinstance(place.node, HumanStep) and place.node.pool and task.purpose == "decide"


def standing(task: TaskState, template: Template, context: CardContext) -> list[str]:
    """mrkdwn lines on who looks after the task, and until when it rests."""
    lines = []
    if task.assigned_by is not None:
        lines.append(f"{context.word('assigned_by')} {escaped(context.name(task.assigned_by))}")
    if task.acknowledged_by is not None and task.acknowledged_at is not None:
        who = escaped(context.name(task.acknowledged_by))
        lines.append(f"{context.word('looked_after_by')} {who}, {context.instant(task.acknowledged_at)}")
    if task.paused_until is not None:
        who = escaped(context.name(task.paused_by or ""))
        stated = _stated_reason(task, template, context)
        words = [escaped(one) for one in (stated, task.pause_reason) if one]
        until = f"{context.word('clock_stopped' if stated else 'snoozed_until')} {context.zoned(task.paused_until)}"
        lines.append(f"{until} {context.word('by')} {who}{''.join(f': {one}' for one in words)}")
    return lines


def _stated_reason(task: TaskState, template: Template, context: CardContext) -> str:
    """Why the clock of a task is stopped, where that is one of the reasons that its step states; a snooze has none."""
    if not task.pause_reason_id:
        return ""
    stated = (one for one in actions_of(template, task).pauses if one.id == task.pause_reason_id)
    return next((context.title(one.title) for one in stated), task.pause_reason_id.replace("_", " "))


def snooze_times(now: datetime, offered: Actions, calendar: WorkingCalendar) -> list[datetime]:
    """Instants (UTC, whole minutes) until which the task may rest: some hours, the next working morning, some days."""
    if offered.snooze is None:
        return []
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    latest = now + offered.snooze.at_most.clock()
    tomorrow: date = calendar.local_date(now) + timedelta(days=1)
    morning = calendar.next_working(datetime.combine(tomorrow, time(0), tzinfo=calendar.time_zone))
    found = {minute + timedelta(hours=hours) for hours in _SPANS} | {morning}
    return sorted(at for at in found if now < at <= latest)


def snooze_modal(task: TaskState, context: CardContext, times: Sequence[datetime]) -> dict[str, Any]:
    """Until when, and why."""
    options = [(at.isoformat(), context.zoned(at)) for at in times]
    return _modal(
        ActionValue(task.task_id, task.version, SNOOZE),
        context,
        note=context.word("snooze_note"),
        inputs=[
            _input("until", context.word("until"), _select("until", options)),
            _input("reason", context.word("reason"), _text("reason")),
        ],
    )


def assign_modal(task: TaskState, context: CardContext, people: Sequence[str]) -> dict[str, Any]:
    """To whom; at most a hundred people, as Slack takes them. Raises ValueError where there is nobody else."""
    if not people:
        raise ValueError("there is nobody else who may decide this")
    options = [(person, context.name(person)) for person in people[:100]]
    return _modal(
        ActionValue(task.task_id, task.version, ASSIGN),
        context,
        note=context.word("assign_note"),
        inputs=[
            _input("to", context.word("assign_to"), _select("to", options)),
            _input("reason", context.word("reason"), _text("reason"), optional=True),
        ],
    )


def release_modal(task: TaskState, context: CardContext) -> dict[str, Any]:
    """Why it is given back to all who hold its role, if one wants to say so."""
    reason = _input("reason", context.word("reason"), _text("reason"), optional=True)
    value = ActionValue(task.task_id, task.version, RELEASE)
    return _modal(value, context, note=context.word("release_note"), inputs=[reason])


def ask_modal(task: TaskState, context: CardContext, action: str, people: Sequence[str] | None) -> dict[str, Any]:
    """Whom to ask (delegate, further approver) and why. ``people`` None: anybody whom Slack knows."""
    if people is None:
        whom = _input("to_user", context.word("assign_to"), {"type": "users_select", "action_id": "field:to_user"})
    else:
        options = [(person, context.name(person)) for person in people[:100]]
        whom = _input("to", context.word("assign_to"), _select("to", options))
    return _modal(
        ActionValue(task.task_id, task.version, action),
        context,
        note=context.word(f"{action}_note"),
        inputs=[whom, _input("reason", context.word("reason"), _text("reason"))],
    )


def pause_modal(task: TaskState, context: CardContext, pauses: Sequence[Pause]) -> dict[str, Any]:
    """For which stated reason the clock stops."""
    at_most = context.word("at_most_days")
    options = [
        (one.id, f"{context.title(one.title)} ({at_most} {context.span(one.at_most.clock())})") for one in pauses
    ]
    return _modal(
        ActionValue(task.task_id, task.version, PAUSE),
        context,
        note=context.word("pause_note"),
        inputs=[
            _input("reason_id", context.word("why_paused"), _select("reason_id", options)),
            _input("comment", context.word("comment"), _text("comment"), optional=True),
        ],
    )


def answer_modal(task: TaskState, context: CardContext) -> dict[str, Any]:
    """What a consulted person thinks."""
    element = {**_text("text"), "max_length": 3000}
    return _modal(
        ActionValue(task.task_id, task.version, ANSWER),
        context,
        note=context.word("answer_note"),
        inputs=[_input("text", context.word("answer"), element)],
    )


def _modal(value: ActionValue, context: CardContext, *, note: str, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    blocks = [{"type": "section", "text": markdown(escaped(note))}, *inputs]
    return framed(CALLBACK_ID, value.to_json(context.seal), context.word(f"act_{value.action}"), blocks, context)


def _input(name: str, label: str, element: dict[str, Any], *, optional: bool = False) -> dict[str, Any]:
    return {
        "type": "input",
        "block_id": f"field:{name}",
        "optional": optional,
        "label": plain_text(label, 2000),
        "element": element,
    }


def _text(name: str) -> dict[str, Any]:
    return {"type": "plain_text_input", "action_id": f"field:{name}", "multiline": True, "max_length": LONGEST_REASON}


def _select(name: str, options: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {
        "type": "static_select",
        "action_id": f"field:{name}",
        "options": [{"text": plain_text(text, 75), "value": value} for value, text in options],
    }
