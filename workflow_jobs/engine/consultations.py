"""The C and the I of RACI: who is asked for an opinion and may give it until the decision, and who is told when.

Belongs here: these two letters. The choice and the wording of messages are made outside the engine, from what the
functions here say.
"""

from __future__ import annotations

from typing import Final

from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.environment import PeopleView
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.parts import Moment, Raci, Text
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.separation import tasks_of_visit
from workflow_jobs.engine.shared_refusals import decided_already, missing, no_such_task, status_zh
from workflow_jobs.engine.state import Answer, CaseState, TaskState
from workflow_jobs.engine.template import Decision, Fork, Template
from workflow_jobs.engine.texts import read_text

LONGEST_ANSWER: Final = 3000
_ANSWER: Final = Text(en="Answer", zh="意见")


def answer(flow: Flow, command: c.AnswerConsultation) -> None:
    """Keep what a consulted person thinks; he may add to it until the step is decided."""
    task = flow.state.tasks.get(command.task_id)
    if task is None:
        raise no_such_task()
    template, name = flow.env.template, flow.env.directory.name
    step = flow.state.steps[task.step_id]
    if step.status != "active" or task not in tasks_of_visit(flow.state, task.step_id):
        if task.status == "decided":
            raise decided_already(template, task, name, None)
        raise Refused(
            "task_closed",
            f"This is not asked any more; the case is {flow.state.status}.",
            f"已不再征求意见；事件单状态：{status_zh(flow.state)}。",
        )
    if command.person_id not in consulted(template, flow.env.directory, task):
        who, roles = name(command.person_id), consulted_roles(template, task.step_id)
        raise Refused(
            "not_allowed",
            f"{who} is not consulted here; asked is {' or '.join(roles) or 'nobody'}.",
            f"此处不征求 {who} 的意见；征求对象：{' 或 '.join(roles) or '无'}。",
        )
    text = read_text(_ANSWER, command.text, longest=LONGEST_ANSWER, field="text")
    if not text:
        raise missing("text", _ANSWER)
    said = task.answers[-1:]
    if said and (said[0].person_id, said[0].text) == (command.person_id, text):
        return
    flow.emit(e.ConsultationAnswered, task_id=task.task_id, person_id=command.person_id, text=text)


def consulted_roles(template: Template, step_id: str) -> tuple[str, ...]:
    """The roles that are consulted in a step."""
    raci = _raci(template, step_id)
    return raci.consulted if raci is not None else ()


def consulted(template: Template, people: PeopleView, task: TaskState) -> tuple[str, ...]:
    """Ids of who may answer: the holders of the consulted roles, without who has to decide."""
    asked = (person for role in consulted_roles(template, task.step_id) for person in people.candidates(role))
    return tuple(dict.fromkeys(person for person in asked if person not in (task.assignee, task.delegated_by)))


def answers(state: CaseState, step_id: str) -> tuple[Answer, ...]:
    """What was answered in the latest visit of a step, oldest first: in a vote to any of its tasks."""
    found = [one for task in tasks_of_visit(state, step_id) for one in task.answers]
    return tuple(sorted(found, key=lambda one: one.at))


def informed_roles(template: Template, step_id: str, moment: Moment) -> tuple[str, ...]:
    """The roles that are told at this moment of a step: `informed` when its `informs_at` says so.

    Whoever answers for the step hears its decision; his role is the task's own, and not in this answer.
    """
    raci = _raci(template, step_id)
    return raci.informed if raci is not None and moment in raci.informs_at else ()


def _raci(template: Template, step_id: str) -> Raci | None:
    place = layout_of(template).places.get(step_id)
    return None if place is None or isinstance(place.node, Fork | Decision) else place.node.raci
