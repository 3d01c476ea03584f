"""Separation of duties: who may not decide a task, and why, said in a sentence.

Belongs here: the rules that keep a person from a decision although he holds its role: his own request, a step that he
decided before, a second voice in the same step. Does not belong here: who is asked instead (`whom`).

What counts is the latest visit of a step: when a case returns, the decisions that are undone bind nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import HumanStep, Template

OWN_REQUEST: Final = "own_request"
DECIDED_BEFORE: Final = "decided_before"
HAS_A_VOICE: Final = "has_a_voice"


def tasks_of_visit(state: CaseState, step_id: str, purpose: str = "decide") -> tuple[TaskState, ...]:
    """The tasks that put the step's own question (or for `rescue`, that of its failed job) in its latest visit, in
    order of creation.
    """
    step = state.steps.get(step_id)
    if step is None:
        return ()
    found = [
        (number, task)
        for task in state.tasks.values()
        if task.step_id == step_id and task.purpose == purpose and (number := _number(task)) > step.earlier_tasks
    ]
    return tuple(task for _, task in sorted(found, key=lambda pair: pair[0]))


def _number(task: TaskState) -> int:
    return int(task.task_id.rpartition(".")[2])


def barred(template: Template, state: CaseState, step_id: str, purpose: str = "decide") -> Mapping[str, str]:
    """Who may not decide the step at all, and the refusal code that says why.

    Who asked for the case; and for a step's own question who decided a step that it is separate from, and who has
    decided it already (a voter, an added approver).
    """
    found: dict[str, str] = {}
    step = layout_of(template).places[step_id].node
    if purpose == "decide" and isinstance(step, HumanStep):
        for one in (step_id, *step.separate_from):
            known = state.steps.get(one)
            # A step that is undone may not come again: what was decided there binds nobody.
            for task in () if known is None or known.status == "undone" else tasks_of_visit(state, one):
                if task.decided_by is not None:
                    found[task.decided_by] = DECIDED_BEFORE
    if state.requested_by is not None:
        found[state.requested_by] = OWN_REQUEST
    return found


def voices(state: CaseState, step_id: str, besides: str = "") -> frozenset[str]:
    """Who is asked in the step's latest visit by another task than `besides`: a second voice is not given to them."""
    people: set[str | None] = set()
    for task in tasks_of_visit(state, step_id):
        if task.task_id != besides and task.status == "open":
            people |= {task.assignee, task.delegated_by}
    return frozenset(person for person in people if person is not None)


def excluded(template: Template, state: CaseState, task: TaskState) -> frozenset[str]:
    """Whom nobody may give this task."""
    held = frozenset(barred(template, state, task.step_id, task.purpose))
    return held if task.purpose != "decide" else held | voices(state, task.step_id, task.task_id)


def objection(template: Template, state: CaseState, task: TaskState, person_id: str) -> str | None:
    """Code of why this person may not decide (or advise on) this task, whatever roles he holds; None: he may."""
    code = barred(template, state, task.step_id, task.purpose).get(person_id)
    if code is None and person_id in excluded(template, state, task):
        return HAS_A_VOICE
    return code


def sentences(code: str, name: str, own: bool) -> tuple[str, str]:
    """The code of `objection` for a person to read, in English and Chinese. `own`: he himself asks."""
    who, who_zh, whose = ("You", "您", "This is your") if own else (name, f"{name} ", f"It is {name}'s")
    return {
        OWN_REQUEST: (
            f"{whose} own request: somebody else must decide it.",
            f"这是{'您' if own else f' {name} '}自己的申请，须由他人决定。",
        ),
        DECIDED_BEFORE: (
            f"{who} decided here before, and nobody decides twice: somebody else must decide this.",
            f"{who_zh}此前已在此作出决定，同一人不得决定两次，须由他人决定。",
        ),
        HAS_A_VOICE: (
            f"{who} {'have' if own else 'has'} a task of this step already: nobody decides it twice.",
            f"{who_zh}已有本步骤的任务，同一人不得决定两次。",
        ),
    }[code]


def nobody_left(
    template: Template, state: CaseState, step_id: str, role: str, holders: tuple[str, ...], name: Callable[[str], str]
) -> str:
    """Why a task has no assignee: nobody holds the role, or all who do are kept from it, each for a reason."""
    if not holders:
        return f"nobody holds {role}"
    held = barred(template, state, step_id)
    asked = voices(state, step_id)
    reasons = [
        f"{name(one)} {_WHY.get(held.get(one, HAS_A_VOICE if one in asked else ''), 'is away')}" for one in holders
    ]
    return f"nobody may be asked: {'; '.join(reasons[:5])}"


_WHY: Final[Mapping[str, str]] = {
    OWN_REQUEST: "asked for it",
    DECIDED_BEFORE: "decided here before",
    HAS_A_VOICE: "is asked already",
}
