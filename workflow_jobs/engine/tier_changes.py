"""A case that becomes another one while an approval waits: the tier that it needs now is asked.

Belongs here: when an open tiered step is asked once more. Which tier a case needs is `tiers`.

Never below its tier: a figure that is worse, or another input, takes the question away from whoever may not answer it
any more. Where the tier asked stands above the one needed, the question stays where it is: a figure that goes up and
down does not move it to and fro.
"""

from __future__ import annotations

import re
from typing import Final

from workflow_jobs.engine import asking, tiers
from workflow_jobs.engine import events as e
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.separation import tasks_of_visit
from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.template import HumanStep

_REASON: Final = "the case has changed: the tier of {} is asked now"
_WRITTEN: Final = re.compile(_REASON.format(r"(\S+)"))
# What begins beside a step that is asked, and says nothing yet.
_BEGINNINGS: Final = (e.TaskCreated, e.ServiceRequested, e.ChildRequested, e.WaitStarted, e.BranchJoined)


def follow(flow: Flow, before: CaseState) -> None:
    """Ask the tiers that the case needs now, where the command changed what their conditions read."""
    if flow.state.is_open and _read(flow.state) != _read(before):
        ask_again(flow)


def ask_again(flow: Flow) -> None:
    """Withdraw what is asked below the tier needed, or of another one as high, and ask that one.

    It has its whole time. What was advised, added or decided there before counts no more.
    """
    for step_id in dict.fromkeys(task.step_id for task in flow.state.open_tasks):
        step = flow.layout.places[step_id].node
        if not isinstance(step, HumanStep) or not step.tiers:
            continue
        tasks = tasks_of_visit(flow.state, step_id)
        asked = next((task for task in tasks if task.tier is not None), None)
        if asked is None or asked.tier is None or _just_asked(flow, asked.task_id):
            continue
        needed, _ = tiers.tier_of(flow, step)
        assert needed is not None
        if needed == asked.tier or tiers.stands_higher(step.tiers[asked.tier], step.tiers[needed], flow.env.directory):
            continue
        reason = _REASON.format(step.tiers[needed].responsible)
        for task in tasks:
            if task.status == "open":
                asking.withdraw(flow, task, reason, asked_afresh=True)
        asking.ask(flow, step)


def asked_instead(reason: str) -> str | None:
    """The role that is asked instead, where a task was withdrawn for this reason because another tier is needed."""
    found = _WRITTEN.fullmatch(reason)
    return None if found is None else found[1]


def _just_asked(flow: Flow, task_id: str) -> bool:
    """Whether this command asked it, and did nothing since that a tier may read: working it out again costs."""
    for event in reversed(flow.events):
        if isinstance(event, e.TaskCreated) and event.task_id == task_id:
            return True
        if not isinstance(event, _BEGINNINGS):
            return False
    return False


def _read(state: CaseState) -> tuple[object, ...]:
    """What conditions of tiers read of a case and a command may change."""
    outcomes = {step.step_id: step.outcome for step in state.steps.values() if step.outcome is not None}
    return state.data, state.results, outcomes, state.latest_observed, state.breaches
