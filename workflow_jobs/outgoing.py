"""Who is told what when a case moves: from a command's events to the messages that are committed with them.

Belongs here: the choice of messages and recipients. Does not belong here: what a message looks like
(cards), how it is sent (outbox). Pure: no clock, no I/O; same input, same messages with the same keys.

Cards: ``case:<case>`` stands in the channel and always shows the whole case; ``task:<task>:<version>`` is the card
of the person who must act; ``notice:<task>:<person>`` went to somebody on the escalation ladder;
``told:<case>:<person>`` went to somebody whom the case concerns (the template's ``tells``), and is kept up to date;
``ladder:<task>`` is the one message about a task's reminders and escalations, in the thread of the case's card, and
``ladder:<task>:<person>`` the same for whom a rung reminds; ``person:<case>:<person>`` are messages to somebody
who need not act, in the thread of the first card that he has of the case; ``rate:<case>:<person>`` asks for a rating;
``wait:<case>:<step>.<visit>:<person>`` asks him to say when what is waited for has happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from workflow_jobs import outgoing_informed, outgoing_opened, outgoing_people, outgoing_waits
from workflow_jobs.engine import events as e
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.learning import asks_for_ratings, took_part
from workflow_jobs.engine.parts import Rung as PartRung
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.separation import excluded
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Template
from workflow_jobs.outgoing_message import CARD, STEP_COMPLETED, UPDATE, Outgoing
from workflow_jobs.outgoing_people import card_of
from workflow_jobs.outgoing_writer import Telling, Writer
from workflow_jobs.slack import cards, case_buttons, ladders
from workflow_jobs.slack.case_lines import ending, step_title
from workflow_jobs.slack.log_words import engine_words, missed_effect
from workflow_jobs.slack.message import Message
from workflow_jobs.slack.wording import CardContext


def messages(
    before: CaseState | None,
    after: CaseState,
    events: Sequence[e.Event],
    telling: Telling,
    notice_cards: Mapping[str, Sequence[str]],
    fired: Sequence[ladders.Rung] = (),
) -> list[Outgoing]:
    """All messages of one command, in the order in which they should arrive.

    ``notice_cards`` has the card keys of the messages about rungs sent earlier by task id, those of the messages to
    whom the case concerns by case id, and those about waits that are over by their prefix. ``fired`` are the rungs that
    fired before, in their order; they are needed where ``events`` has another one.
    """
    if not events:
        return []
    writer = Writer(after, telling, fired=list(fired), known=set().union(*notice_cards.values()))
    shown: set[str] = set()
    deciding = ""
    for event in events:
        if isinstance(event, e.TaskDecided):
            deciding = event.task_id
        elif isinstance(event, e.VoteCounted):
            writer.counted[deciding] = event
    for event in events:
        _EVENT.get(type(event), _silent)(writer, event, before)
        task_id = getattr(event, "task_id", None)
        if isinstance(task_id, str):
            shown.add(task_id)
        if isinstance(event, (e.VoteCounted, e.ConsultationAnswered)):
            # What one says stands on the cards of all who are asked the same.
            step = event.step_id if isinstance(event, e.VoteCounted) else after.tasks[event.task_id].step_id
            shown |= {task.task_id for task in after.open_tasks if task.step_id == step}
    if any(isinstance(event, e.BreachRecorded) for event in events):
        shown |= {task.task_id for task in after.open_tasks}
    outgoing_informed.tell(writer, before, events)
    outgoing_waits.tell(writer, before, events, notice_cards)
    _update_task_cards(writer, before, shown, notice_cards)
    _tell_concerned(writer, notice_cards.get(after.case_id, ()))
    if before is not None:
        writer.add(UPDATE, "case", cards.case_card(after, telling.template, telling.context), card=_case(after))
    return writer.out


def _case(case: CaseState) -> str:
    return f"case:{case.case_id}"


def notice_prefix(task_id: str) -> str:
    """Prefix of the card keys of a task's escalation notices."""
    return f"notice:{task_id}:"


def ladder_prefix(of: str) -> str:
    """Prefix of the card keys of the messages about the rungs of a task, or of a case."""
    return f"ladder:{of}"


def told_prefix(case_id: str) -> str:
    """Prefix of the card keys of the messages to whom a case concerns."""
    return f"told:{case_id}:"


def _tell_concerned(writer: Writer, told_before: Sequence[str]) -> None:
    """One message to everybody whom the case concerns and who has none of it yet; those sent are brought up to date."""
    case, told = writer.case, writer.telling
    roles = case.data.get(told.template.tells or "")
    if not isinstance(roles, list):
        return
    writer.seq = case.seq

    def card_of_reader(person_id: str) -> Message:
        context = told.read_by(person_id)
        return context.once("told", case, lambda: cards.told_card(case, told.template, context))

    prefix = told_prefix(case.case_id)
    for key in told_before:
        writer.add(UPDATE, key, card_of_reader(key.removeprefix(prefix)), card=key)
    acting = {task.assignee or "" for task in case.open_tasks}
    if case.status == "open":
        for person_id in writer.holders([str(role) for role in roles], acting):
            key = f"{prefix}{person_id}"
            if key not in told_before:
                writer.add(CARD, key, card_of_reader(person_id), to=writer.person(person_id), card=key)


def _opened(writer: Writer, event: e.CaseOpened, before: CaseState | None) -> None:
    told = writer.telling
    writer.seq = event.seq
    card = cards.case_card(writer.case, told.template, told.context)
    writer.add(CARD, "case", card, to=writer.everybody(), card=_case(writer.case))
    outgoing_opened.confirm(writer, event)


def _rung(writer: Writer, event: e.RungFired, before: CaseState | None) -> None:
    told = writer.telling
    task = writer.case.tasks[event.task_id]
    outgoing_people.late(writer, event)
    _climbed(writer, event, task.task_id, card_of(task) if event.to_person == task.assignee else None)
    if event.channel:
        _department(writer, event, event.channel)
    if event.action == "remind" or event.to_person is None:
        return
    notice = cards.escalation_card(
        writer.case,
        task,
        told.template,
        told.read_by(event.to_person),
        percent=event.percent,
        can_act=task.status == "open" and event.to_person in _may_act(writer, task),
    )
    key = f"{notice_prefix(task.task_id)}{event.to_person}"
    what = f"{task.task_id}/rung{event.rung_index}"
    writer.keep(what, notice, key, to=writer.person(event.to_person), known=writer.has(key))


def _case_rung(writer: Writer, event: e.CaseRungFired, before: CaseState | None) -> None:
    _climbed(writer, event, writer.case.case_id, None)


def _climbed(writer: Writer, event: ladders.Rung, of: str, own_card: str | None) -> None:
    """Keep the one message about the rungs of a task or case, in the thread of the case's card; and where the rung
    reminds somebody, or is the case's, the same one with that person.
    """
    writer.seq = event.seq
    told, context = writer.telling, writer.telling.context
    writer.fired.append(event)
    climbed = [one for one in writer.fired if getattr(one, "task_id", writer.case.case_id) == of]
    what = f"{of}/ladder{event.rung_index}"
    message = ladders.ladder_message(writer.case, told.template, context, climbed)
    key = ladder_prefix(of)
    writer.keep(what, message, key, to=writer.everybody(), below=_case(writer.case), known=writer.has(key))
    person = event.to_person
    if person is None or (isinstance(event, e.RungFired) and event.action != "remind"):
        return
    own_key = f"{key}:{person}"
    reader = told.read_by(person)
    asks = "" if event.action == "remind" else reader.word("escalation_asks")
    mine = ladders.ladder_message(writer.case, told.template, reader, climbed, asks=asks)
    to, known = writer.person(person), writer.has(own_key)
    writer.keep(f"{what}/{person}", mine, own_key, to=to, below=own_card, with_case=own_card is None, known=known)


def _department(writer: Writer, event: e.RungFired, channel: str) -> None:
    """The same message in the channel of the assignee's department, where that is not the one for everybody."""
    told, context = writer.telling, writer.telling.context
    if channel == told.channel:
        return
    climbed = [one for one in writer.fired if getattr(one, "task_id", "") == event.task_id]
    asks = "" if event.action == "remind" else context.word("escalation_asks")
    message = ladders.ladder_message(writer.case, told.template, context, climbed, asks=asks)
    key = f"{ladder_prefix(event.task_id)}:#{channel}"
    what = f"{event.task_id}/ladder{event.rung_index}/#{channel}"
    writer.keep(what, message, key, to={"channel": channel}, known=writer.has(key))


def _closed(writer: Writer, event: e.CaseClosed, before: CaseState | None) -> None:
    writer.seq = event.seq
    channel = writer.telling.context

    def line(context: CardContext) -> str:
        ended = f"{context.word('outcome')}: {ending(event.outcome, writer.telling.template, context)}"
        return f"{ended}; {context.word('part_of')} {event.joined}" if event.joined else ended

    if not _flapping(writer):
        writer.in_thread("closed", line(channel), channel.word("closed_with"), _case(writer.case))
    asker = writer.case.requested_by
    if asker is not None:
        writer.tell("closed", [asker], line, "closed_with")
    _ask_for_ratings(writer)


def _ask_for_ratings(writer: Writer) -> None:
    """Ask everybody who took part how the process was, once the case is over."""
    case, told = writer.case, writer.telling
    if case.is_open or not asks_for_ratings(told.template):
        return
    for person_id in took_part(case):
        context = told.read_by(person_id)
        message = context.once("rating", case, partial(case_buttons.rating_message, case, told.template, context))
        key = _rating(case, person_id)
        writer.add(CARD, f"rate/{person_id}", message, to=writer.person(person_id), card=key, with_case=True)


def _rating(case: CaseState, person_id: str) -> str:
    return f"rate:{case.case_id}:{person_id}"


def _rated(writer: Writer, event: e.CaseRated, before: CaseState | None) -> None:
    """The message that asked says what was given: the button stays, and leaves no other trace."""
    writer.seq = event.seq
    case, told = writer.case, writer.telling
    if not case.is_open and asks_for_ratings(told.template):
        context = told.read_by(event.person_id)
        message = case_buttons.rating_message(case, told.template, context, event.score)
        writer.add(UPDATE, f"rated/{event.person_id}", message, card=_rating(case, event.person_id))


def _withdrawn(writer: Writer, event: e.CaseWithdrawn, before: CaseState | None) -> None:
    writer.seq = event.seq
    heading = f"{writer.telling.context.word('withdrawn_case')} {writer.telling.context.name(event.person_id)}"
    writer.in_thread("withdrawn", event.reason, heading, _case(writer.case))


def _returned(writer: Writer, event: e.CaseReturned, before: CaseState | None) -> None:
    writer.seq = event.seq
    context, template = writer.telling.context, writer.telling.template
    steps = [step_title(template, one, context) for one in (event.from_step, event.to_step)]
    line = f"{' → '.join(steps)}, {context.name(event.person_id)}: {event.reason}"
    writer.in_thread("returned", line, context.word("returned"), _case(writer.case))


def _defaulted(writer: Writer, event: e.DefaultTaken, before: CaseState | None) -> None:
    writer.seq = event.seq
    context = writer.telling.context
    title = step_title(writer.telling.template, event.step_id, context)
    taken = question_of(writer.telling.template, writer.case.tasks[event.task_id]).outcome(event.outcome)
    line = f"{title}: {context.title(taken.title) if taken is not None else event.outcome.replace('_', ' ')}"
    writer.in_thread(f"{event.task_id}/default", line, context.word("default_taken"), _case(writer.case))


def _judged(writer: Writer, event: e.EffectJudged, before: CaseState | None) -> None:
    writer.seq = event.seq
    context = writer.telling.context
    word = {True: "effect_good", False: "effect_bad", None: "effect_unknown"}[event.effective]
    line = f"{context.metric_label(writer.case.metric)}: {context.value(event.observed)}"
    if event.as_of:
        line = f"{line}; {context.word('figures_as_of')} {event.as_of}"
    writer.in_thread("judged", line, context.word(word), _case(writer.case))


def _reopened(writer: Writer, event: e.CaseReopened, before: CaseState | None) -> None:
    writer.seq = event.seq
    heading = writer.telling.context.word("reopened")
    # Its effect failed, or its cause came back before there was an effect to look at.
    line = engine_words(event.reason, writer.telling.context)
    if before is not None and before.effect_due_at is not None:
        line = _missed(writer, writer.telling.context)
    if not _flapping(writer, event.reopened - 1):
        writer.in_thread("reopened", line, heading, _case(writer.case))


def _flapping(writer: Writer, times: int | None = None) -> bool:
    """Whether an incident comes and goes: its cards count that, its thread keeps quiet after once."""
    count = writer.case.reopened if times is None else times
    return writer.telling.template.closes == "on_resolution" and count > 0


def _resumed(writer: Writer, event: e.TaskResumed, before: CaseState | None) -> None:
    """Say to the person that his clock runs again, where he did not do it himself."""
    writer.seq = event.seq
    task = writer.case.tasks[event.task_id]
    if event.because in ("woken", "decided", "withdrawn") or task.assignee is None or task.status != "open":
        return
    if event.because == "reopened" and writer.case.reopened > 1:
        return
    context = writer.telling.read_by(task.assignee)
    was = before.tasks.get(event.task_id) if before is not None else None
    stopped = was is not None and was.pause_reason_id != ""
    heading = context.word("back" if event.because == "reopened" else "stop_over" if stopped else "rest_over")
    line = f"{context.word('due')}: {context.certain(context.zoned(task.due_at), task.calendar_confirmed)}"
    writer.in_thread(f"{task.task_id}/resumed", line, heading, card_of(task), task.assignee)


def _handed_up(writer: Writer, event: e.EffectEscalated, before: CaseState | None) -> None:
    writer.seq = event.seq
    context = writer.telling.context
    if event.to_person is None:
        role = context.role(event.to.removeprefix("role:"))
        line = f"{role}: {context.word('nobody_found')}; {_missed(writer, context)}"
        writer.in_thread("effect", line, context.word("escalation"), _case(writer.case))
    else:
        writer.tell("effect", [event.to_person], partial(_missed, writer), "effect_bad")


def _missed(writer: Writer, context: CardContext) -> str:
    return missed_effect(writer.case, writer.telling.template, writer.case.effect_observed, context)


def _step_done(writer: Writer, event: e.StepCompleted, before: CaseState | None) -> None:
    """Tell Dagster of a completed step; a service step that its own run completed was materialised by that run."""
    case = writer.case
    step = case.steps[event.step_id]
    by_its_run = step.kind == "service" and event.outcome == "completed"
    if step.kind == "fork" or by_its_run:
        return
    done = [t for t in case.tasks.values() if t.step_id == event.step_id and t.status == "decided"]
    task = done[-1] if done else None
    payload = {
        "case_id": case.case_id,
        "template_id": case.template_id,
        "step_id": event.step_id,
        "at": event.at.isoformat(),
        "outcome": event.outcome,
        "decided_by": (task.decided_by or "") if task is not None else "",
        "working_minutes": writer.telling.working_minutes(task) if task is not None else None,
        "subject_id": case.subject_id,
        "metric": case.metric,
        "event_seq": event.seq,
    }
    key = f"{case.case_id}/{event.seq}/{STEP_COMPLETED}"
    writer.out.append(Outgoing(kind=STEP_COMPLETED, dedupe_key=key, payload=payload))


def _silent(writer: Writer, event: e.Event, before: CaseState | None) -> None:
    return None


def _update_task_cards(
    writer: Writer, before: CaseState | None, task_ids: set[str], notice_cards: Mapping[str, Sequence[str]]
) -> None:
    """Bring the cards of tasks that changed up to date, and take the buttons off where nobody may act any more."""
    writer.seq = writer.case.seq
    told = writer.telling
    for task_id in sorted(task_ids):
        task = writer.case.tasks.get(task_id)
        was = before.tasks.get(task_id) if before is not None else None
        if task is None or was is None or was.version != task.version or (was == task and task.status != "open"):
            continue
        if task.status == "open":
            context = told.read_by(task.assignee)
            notes = _notes(task, told.template, context)
            card = cards.task_card(writer.case, task, told.template, context, notes=notes)
            writer.add(UPDATE, task_id, card, card=card_of(task))
            continue
        card = cards.closed_task_card(writer.case, task, told.template, told.read_by(task.assignee))
        writer.add(UPDATE, task_id, card, card=card_of(task))
        for key in notice_cards.get(task_id, ()):
            context = told.read_by(key.removeprefix(notice_prefix(task_id)))
            card = cards.closed_task_card(writer.case, task, told.template, context)
            writer.add(UPDATE, f"{task_id}/{key}", card, card=key)


def _notes(task: TaskState, template: Template, context: CardContext) -> list[str]:
    if task.rung_index == 0:
        return []
    place = layout_of(template).places.get(task.step_id)
    own = getattr(place.node, "ladder", None) if place is not None else None
    ladder: Sequence[PartRung] = template.ladder if own is None else own
    fired = ladder[: task.rung_index]
    return [f"{rung.at} % {context.word('sla_used')}" for rung in fired[-1:]]


def _may_act(writer: Writer, task: TaskState) -> set[str]:
    """Who gets buttons with a notice: the assignee and holders of the R and A roles (the engine has the last word)."""
    people = writer.telling.people
    own = {person for person in (task.assignee, task.delegated_by) if person is not None}
    # An added approver decides himself; who is kept from it (his own request, a voice already) gets no buttons.
    holders = () if task.added_by is not None else (*people.candidates(task.role), *people.candidates(task.accountable))
    return {*holders, *own} - excluded(writer.telling.template, writer.case, task)


_Handler = Callable[[Writer, Any, CaseState | None], None]
_EVENT: Mapping[type[e.Event], _Handler] = {
    e.CaseOpened: _opened,
    e.TaskCreated: outgoing_people.asked,
    e.TaskReassigned: outgoing_people.handed,
    e.TaskClaimed: outgoing_people.handed,
    e.TaskReleased: outgoing_people.handed,
    e.TaskDelegated: outgoing_people.handed,
    e.TaskAdvised: outgoing_people.handed,
    e.TaskResumed: _resumed,
    e.TaskDecided: outgoing_people.decided,
    e.RungFired: _rung,
    e.CaseRungFired: _case_rung,
    e.CaseClosed: _closed,
    e.CaseRated: _rated,
    e.CaseWithdrawn: _withdrawn,
    e.CaseReturned: _returned,
    e.DefaultTaken: _defaulted,
    e.EffectJudged: _judged,
    e.CaseReopened: _reopened,
    e.EffectEscalated: _handed_up,
    e.StepCompleted: _step_done,
}
