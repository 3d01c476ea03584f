"""Votes: whom a voting step asks, and what its decisions amount to (会签, 或签, 票签, and added approvers, 加签).

Belongs here: counting. Making the tasks is `asking`; who may not vote twice is `separation`.

A vote is settled as soon as nothing that is still open can change it; the open tasks are withdrawn then. In a vote, the
step's outcome is the template's `approves` or `rejects` (every other choice counts as that), or with `any` the first
choice; its form is that of the last one who chose it, else of the last who lost the vote. Where approvers were added to
a step without a vote, the least affirmative choice of all is the step's (see `least_affirmative`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from workflow_jobs.engine import asking, routing
from workflow_jobs.engine import events as e
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.layout import Layout
from workflow_jobs.engine.parts import Outcome, Vote
from workflow_jobs.engine.separation import tasks_of_visit
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import HumanStep
from workflow_jobs.engine.values import Plain


class Settled(NamedTuple):
    """A step's outcome, and the decided task whose form says why."""

    outcome: str
    task: TaskState


@dataclass(frozen=True, slots=True)
class Count:
    """How a step's decisions stand. `outcome` is None while it is not settled; `form_of` is the task that counts.

    An added approver is one more voter whose approval is needed.
    """

    approvals: int
    rejections: int
    needed: int
    voters: int
    outcome: str | None = None
    form_of: TaskState | None = None


def conclude(flow: Flow, task_id: str) -> None:
    """Go on after this task's decision: the settled outcome of its step leads on; nothing follows while others vote."""
    settled = settle(flow, task_id)
    step = flow.layout.places[flow.state.tasks[task_id].step_id].node
    assert isinstance(step, HumanStep)
    if settled is None:
        return
    outcome = step.outcome(settled.outcome)
    assert outcome is not None
    form = settled.task.form
    field = routing.reason_field(step.form, outcome.id)
    if outcome.returns_to is not None and field is not None and not form.get(field.name):
        # Older templates may have a choice that counts as a rejection without asking for what that one requires.
        said = step.outcome(settled.task.outcome or "")
        form = {**form, field.name: f"{outcome.title.en} by count: {said.title.en if said else settled.task.outcome}"}
    routing.conclude(flow, step, outcome, settled.task.decided_by or "", form)


def settle(flow: Flow, task_id: str) -> Settled | None:
    """Count the decision of this task. None: others have to decide yet; else their open tasks are withdrawn.

    Only what is settled goes into the case's data (see `_said`).
    """
    task = flow.state.tasks[task_id]
    step = flow.layout.places[task.step_id].node
    if not isinstance(step, HumanStep) or not one_of_several(flow.state, flow.layout, task):
        return Settled(task.outcome or "", task)
    tasks = tasks_of_visit(flow.state, step.id)
    count = counted(step, tasks)
    # Of decisions at one instant, this one is the last.
    alike = count.form_of is not None and _chose(task, count.outcome) == _chose(count.form_of, count.outcome)
    counting = task if alike else count.form_of
    flow.emit(
        e.VoteCounted,
        step_id=step.id,
        approvals=count.approvals,
        rejections=count.rejections,
        needed=count.needed,
        voters=count.voters,
        outcome=count.outcome,
        data={} if counting is None else _said(step, tasks, counting),
    )
    if count.outcome is None or counting is None:
        return None
    for other in tasks:
        if other.status == "open":
            asking.withdraw(flow, other, f"the step is decided without it: {count.outcome}")
    return Settled(count.outcome, counting)


def one_of_several(state: CaseState, layout: Layout, task: TaskState) -> bool:
    """Whether the task's decision is counted with others: of voters, or of people who were added as approvers."""
    step = layout.places[task.step_id].node
    if not isinstance(step, HumanStep) or task.purpose != "decide":
        return False
    return step.vote is not None or len(tasks_of_visit(state, step.id)) > 1


def not_yet_agreed(state: CaseState, task: TaskState) -> bool:
    """Whether the task is decided and its step is not: what was typed with it is not the case's data (yet)."""
    if task.status != "decided" or task.purpose != "decide" or state.steps[task.step_id].status != "active":
        return False
    return task in tasks_of_visit(state, task.step_id)


def _said(step: HumanStep, tasks: Sequence[TaskState], counting: TaskState) -> dict[str, Plain]:
    """What a settled step says: in a vote the form of who settled it. Else, since further approvers agree to what
    was typed, what all typed who chose the same, the later over the earlier.
    """
    if step.vote is not None:
        return dict(counting.form)
    agreed = [one for one in _in_order(tasks) if one.outcome == counting.outcome and one != counting]
    return {name: value for one in (*agreed, counting) for name, value in one.form.items()}


def counted(step: HumanStep, tasks: Sequence[TaskState]) -> Count:
    """How the decisions of one visit stand. `tasks` are all of the visit, in order of creation."""
    if step.vote is None:
        return _approvers(step, tasks)
    if step.vote.needed == "any":
        first = next((one for one in _in_order(tasks)), None)
        return Count(int(first is not None), 0, 1, len(tasks), first.outcome if first else None, first)
    return _quorum(step.vote, tasks)


def needed_of(vote: Vote, voters: int) -> int:
    """How many of so many voters must approve."""
    if vote.needed == "all":
        return voters
    return 1 if vote.needed == "any" else vote.needed


def _quorum(vote: Vote, tasks: Sequence[TaskState]) -> Count:
    voters = [one for one in tasks if one.added_by is None]
    added = [one for one in tasks if one.added_by is not None]
    needed = needed_of(vote, len(voters))
    decided = _in_order(tasks)
    approving = [one for one in decided if one.outcome == vote.approves]
    against = [one for one in decided if one.outcome != vote.approves]
    for_it = sum(one.added_by is None for one in approving)
    lost = sum(one.added_by is None for one in against)
    outcome: str | None = None
    last: TaskState | None = None
    if lost > len(voters) - needed or len(against) > lost:
        # A further choice counts as a rejection; why the vote was lost is said by who rejected, where anybody did.
        outcome, last = vote.rejects, next((one for one in against[::-1] if _chose(one, vote.rejects)), against[-1])
    elif for_it >= needed and len(approving) - for_it == len(added):
        outcome, last = vote.approves, approving[-1]
    return Count(len(approving), len(against), needed + len(added), len(tasks), outcome, last)


def _chose(task: TaskState, outcome: str | None) -> bool:
    return task.outcome == outcome


def _approvers(step: HumanStep, tasks: Sequence[TaskState]) -> Count:
    decided = _in_order(tasks)
    refused = [one for one in decided if _refuses(step, one.outcome)]
    whole = Count(len(decided) - len(refused), len(refused), len(tasks), len(tasks))
    if not refused and len(decided) < len(tasks):
        return whole
    outcome = least_affirmative(step, [one.outcome or "" for one in decided])
    last = [one for one in decided if one.outcome == outcome][-1]
    return Count(whole.approvals, whole.rejections, whole.needed, whole.voters, outcome, last)


def least_affirmative(step: HumanStep, chosen: Sequence[str]) -> str:
    """Of several people's choices of one question the one that stands: the least affirmative.

    A `primary` button affirms most, then the plain ones in the order of the template, then what refuses.
    """
    ids = [one.id for one in step.outcomes]
    return max(chosen, key=lambda one: (_rank(step.outcome(one)), ids.index(one) if one in ids else len(ids)))


def _refuses(step: HumanStep, outcome_id: str | None) -> bool:
    """Whether a choice refuses: it ends the case, returns it, or its button is a `danger` one."""
    return _rank(step.outcome(outcome_id or "")) == 2


def _rank(outcome: Outcome | None) -> int:
    if outcome is None or outcome.style == "danger" or outcome.ends_case or outcome.returns_to:
        return 2
    return 0 if outcome.style == "primary" else 1


def _in_order(tasks: Sequence[TaskState]) -> list[TaskState]:
    """The decided tasks in the order of their decisions; of decisions at one instant, in order of creation."""
    decided = [(one.decided_at, number, one) for number, one in enumerate(tasks) if one.decided_at is not None]
    return [one for _, _, one in sorted(decided, key=lambda entry: entry[:2])]
