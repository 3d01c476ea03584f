"""The one message about a task's reminders and escalations: the last rung, whom it reached, when; earlier ones below.

Belongs here: rendering. Does not belong here: where it stands and whom it is sent to (outgoing). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from workflow_jobs.engine import events as e
from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.template import Template
from workflow_jobs.slack.card_blocks import case_footer
from workflow_jobs.slack.case_lines import step_title, subject_of
from workflow_jobs.slack.message import Message
from workflow_jobs.slack.wording import CardContext, escaped, markdown, shortened

Rung = e.RungFired | e.CaseRungFired
_MOST_EARLIER = 15


def ladder_message(
    case: CaseState, template: Template, context: CardContext, fired: Sequence[Rung], *, asks: str = ""
) -> Message:
    """The message after the last of ``fired``, which are all rungs of one task (or of the case) in their order.

    ``asks`` is a sentence for whoever is to see to it. Raises IndexError without a rung.
    """
    last = fired[-1]
    if isinstance(last, e.RungFired):
        title = step_title(template, case.tasks[last.task_id].step_id, context)
    else:
        title = context.title(template.title)
    heading = context.word("reminder" if last.action == "remind" else "escalation")
    head = f"{heading}: {title}: {subject_of(case, template, context)}"
    lines = [f"*{escaped(shortened(head, 400))}*", f"*{escaped(_rung(last, context))}*"]
    if asks:
        lines.append(escaped(asks))
    earlier = fired[:-1]
    if earlier:
        lines.append(f"{context.word('rungs_before')}:")
        lines += [f"• {escaped(_rung(one, context))}" for one in reversed(earlier[-_MOST_EARLIER:])]
        if len(earlier) > _MOST_EARLIER:
            lines.append(f"… +{len(earlier) - _MOST_EARLIER}")
    blocks = [{"type": "section", "text": markdown("\n".join(lines))}, case_footer(case, context)]
    return Message(escaped(shortened(f"{head}: {_rung(last, context)}", 300)), tuple(blocks))


def _rung(rung: Rung, context: CardContext) -> str:
    """One rung in words: what, to whom, when, at how much of the time."""
    what = {
        "remind": context.word("reminded"),
        "escalate": context.word("escalated_to"),
        "reassign": context.word("moved_to"),
        "default": context.word("default_told"),
    }.get(rung.action, rung.action)
    if rung.to_person is not None:
        who = context.name(rung.to_person)
    elif rung.to == "department":
        channel = rung.channel if isinstance(rung, e.RungFired) else None
        who = context.word("department" if channel is None or channel else "department_silent")
        who += f" (#{channel})" if channel else ""
    else:
        who = f"{context.role(rung.to.removeprefix('role:'))} ({context.word('nobody_found')})"
    used = f"{rung.percent} % {context.word('sla_used')}"
    return f"{what} {shortened(who, 120)}, {context.instant(rung.at)}; {used}"
