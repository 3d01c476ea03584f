"""Who is told what of a task that several people have to do with: consulted, informed, voters, delegates, claimants.

Belongs here: the messages about asking people and about tasks that change hands. The other messages of a case are
``outgoing``; what a message looks like is ``cards``. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from workflow_jobs.engine import events as e
from workflow_jobs.engine.consultations import consulted_roles, informed_roles
from workflow_jobs.engine.parts import Moment
from workflow_jobs.engine.question import RETRY
from workflow_jobs.engine.separation import excluded, tasks_of_visit
from workflow_jobs.engine.skills import skills_lacking, skills_wanted
from workflow_jobs.engine.stand_ins import stand_ins
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.outgoing_message import CARD, UPDATE
from workflow_jobs.outgoing_writer import Line, Writer
from workflow_jobs.slack import cards, task_buttons
from workflow_jobs.slack.case_lines import holder, plain_decision, step_title
from workflow_jobs.slack.wording import CardContext

Handed = e.TaskReassigned | e.TaskClaimed | e.TaskReleased | e.TaskDelegated | e.TaskAdvised


def card_of(task: TaskState) -> str:
    """Key of the card of the person who must act; a task that changes hands gets another one."""
    return f"task:{task.task_id}:{task.version}"


def asked(writer: Writer, event: e.TaskCreated, before: CaseState | None) -> None:
    """The card of a new question; consulted and informed people hear of a step once, however many are asked."""
    writer.seq = event.seq
    task = writer.case.tasks[event.task_id]
    _send_card(writer, task)
    visit = tasks_of_visit(writer.case, task.step_id)
    if task.purpose != "decide" or (visit and visit[0].task_id != task.task_id):
        return
    consulted = writer.holders(consulted_roles(writer.telling.template, task.step_id), {task.assignee or ""})
    line = partial(_whose, writer, task)
    answer = partial(task_buttons.button, task, task_buttons.ANSWER)
    writer.tell(f"consulted/{task.task_id}", consulted, line, "consulted", "consulted_asks", answer)
    _inform(writer, task, "asked", line)


def handed(writer: Writer, event: Handed, before: CaseState | None) -> None:
    """The card of who has it now; the card before it says so and loses its buttons."""
    writer.seq = event.seq
    told = writer.telling
    task = writer.case.tasks[event.task_id]
    was = before.tasks.get(event.task_id) if before is not None else None
    if was is not None:
        moved = cards.moved_card(writer.case, task, told.template, told.read_by(was.assignee))
        writer.add(UPDATE, f"{task.task_id}/moved", moved, card=card_of(was))
    _send_card(writer, task)


def _send_card(writer: Writer, task: TaskState) -> None:
    told = writer.telling
    card = cards.task_card(writer.case, task, told.template, told.read_by(task.assignee))
    to = writer.everybody() if task.assignee is None else writer.person(task.assignee)
    writer.add(CARD, task.task_id, card, to=to, card=card_of(task))
    if task.pooled and task.assignee is None:
        what = f"claim/{task.task_id}/{task.version}"
        claim = partial(task_buttons.button, task, task_buttons.CLAIM)
        claimants = _claimants(writer, task)
        for absent in dict.fromkeys(claimants.values()):
            told_alike = [person_id for person_id in claimants if claimants[person_id] == absent]
            line = partial(_to_claim, writer, task, absent)
            writer.tell(what, told_alike, line, "to_claim", "to_claim_asks", claim)


def _claimants(writer: Writer, task: TaskState) -> Mapping[str, str | None]:
    """Who is there and may claim the task, each with the absent holder of its role in whose place he is; where skills
    leave nobody of them, who answers for the step.
    """
    told, case = writer.telling, writer.case
    kept = excluded(told.template, case, task)
    instead = stand_ins(told.template, case, task, told.people, lambda _person: told.today, writer.is_away)
    own = dict.fromkeys(writer.present([task.role], kept))
    found: dict[str, str | None] = own | {one: absent for one, absent in instead.items() if one not in own}
    if not skills_wanted(told.template, task):
        return found
    lacks = partial(skills_lacking, told.template, case, task, told.people, writer.is_away, also=instead)
    able = {person_id: absent for person_id, absent in found.items() if not lacks(person_id)}
    return able or {one: None for one in writer.present([task.accountable], kept) if not lacks(one)}


def _to_claim(writer: Writer, task: TaskState, absent: str | None, context: CardContext) -> str:
    line = _whose(writer, task, context)
    return line if absent is None else f"{line}. {context.word('in_place_of')} {context.name(absent)}"


def decided(writer: Writer, event: e.TaskDecided, before: CaseState | None) -> None:
    """Tell a decision to who answers for the step and to those informed; of a vote only the one that settles it."""
    writer.seq = event.seq
    told = writer.telling
    count = writer.counted.get(event.task_id)
    if count is not None and count.outcome is None:
        return
    task = writer.case.tasks[event.task_id]

    def line(context: CardContext) -> str:
        title = step_title(told.template, task.step_id, context)
        return f"{title}: {plain_decision(task, told.template, context)}"

    # To try again is no end of the step; those informed hear of that.
    again = task.purpose == "rescue" and task.outcome == RETRY
    roles = [task.accountable, *(() if again else informed_roles(told.template, task.step_id, "decided"))]
    informed = writer.holders(roles, {event.person_id, task.assignee or ""})
    writer.tell(f"informed/{task.task_id}", informed, line, "informed")


def late(writer: Writer, event: e.RungFired) -> None:
    """Tell those informed when a task is late, at the first rung from 100 % on."""
    before = [one for one in writer.fired if getattr(one, "task_id", "") == event.task_id and one is not event]
    if event.percent < 100 or any(one.percent >= 100 for one in before):
        return
    task = writer.case.tasks[event.task_id]

    def line(context: CardContext) -> str:
        return f"{_whose(writer, task, context)}; {event.percent} % {context.word('sla_used')}"

    _inform(writer, task, "late", line)


def _inform(writer: Writer, task: TaskState, moment: Moment, line: Line) -> None:
    roles = informed_roles(writer.telling.template, task.step_id, moment)
    knowing = writer.knows_of_asking if moment == "asked" and task.status == "open" else ()
    people = writer.holders(roles, {task.assignee or "", *knowing})
    writer.tell(f"informed/{moment}/{task.task_id}", people, line, "informed")


def _whose(writer: Writer, task: TaskState, context: CardContext) -> str:
    """Step, assignee and due time in one line."""
    title = step_title(writer.telling.template, task.step_id, context)
    due = context.certain(context.zoned(task.due_at), task.calendar_confirmed)
    return f"{title}: {holder(task, context)}. {context.word('due')}: {due}"
