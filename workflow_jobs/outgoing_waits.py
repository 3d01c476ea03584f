"""Who is asked to say that what a case waits for has happened, and how that message is kept up to date.

Belongs here: the messages about waits that a signal ends. The other messages of a case are ``outgoing``; what these
look like is ``wait_messages``. Pure.

The card ``wait:<case>:<step>.<visit>:<person>`` is the one message about a wait to somebody who may say it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workflow_jobs.engine import events as e
from workflow_jobs.engine.signals import awaited, roles_who_may, wait_key, wait_step
from workflow_jobs.engine.state import CaseState, StepState
from workflow_jobs.outgoing_message import UPDATE
from workflow_jobs.outgoing_writer import Writer
from workflow_jobs.slack import wait_messages
from workflow_jobs.slack.wait_messages import WaitEnd


def card_prefix(case_id: str, wait: str) -> str:
    """Prefix of the card keys of the messages about one wait."""
    return f"wait:{case_id}:{wait}:"


def ended(before: CaseState | None, after: CaseState) -> tuple[StepState, ...]:
    """The waits for a signal that are over since, as they stood before."""
    still = {wait_key(step) for step in awaited(after)}
    return () if before is None else tuple(step for step in awaited(before) if wait_key(step) not in still)


def tell(
    writer: Writer, before: CaseState | None, events: Sequence[e.Event], sent: Mapping[str, Sequence[str]]
) -> None:
    """One message about every wait that begins, to each who is responsible for it; those about waits that are over say
    how it ended. ``sent`` has the card keys of these by their prefix.
    """
    case, told = writer.case, writer.telling
    writer.seq = case.seq
    for step in ended(before, case):
        keys = sent.get(card_prefix(case.case_id, wait_key(step)), ())
        if keys:
            message = wait_messages.ended_message(case, step, told.template, told.context, _end(writer, step, events))
            for key in keys:
                writer.add(UPDATE, key, message, card=key)
    known = {wait_key(step) for step in awaited(before)} if before is not None else set()
    for step in awaited(case):
        if wait_key(step) in known:
            continue
        message = wait_messages.wait_message(case, step, told.template, told.context)
        for person_id in _responsible(writer, step):
            key = f"{card_prefix(case.case_id, wait_key(step))}{person_id}"
            writer.keep(key, message, key, to=writer.person(person_id), with_case=True, known=False)


def _responsible(writer: Writer, step: StepState) -> list[str]:
    """The holders of the first role that has somebody present: responsible, accountable, owner. Where all are away,
    the holders of the first one: a wait mostly lasts longer than an absence.
    """
    told = writer.telling
    node = wait_step(told.template, step.step_id)
    roles = roles_who_may(told.template, writer.case, told.people, node) if node is not None else ()
    present = (writer.present([role], set()) for role in roles)
    held = (list(told.people.candidates(role)) for role in roles)
    return next((found for found in (*present, *held) if found), [])


def _end(writer: Writer, step: StepState, events: Sequence[e.Event]) -> WaitEnd:
    at = events[-1].at
    for event in events:
        if isinstance(event, e.SignalReceived) and event.step_id == step.step_id:
            return WaitEnd("signalled", event.at, event.person_id, "" if event.person_id else writer.telling.via)
        if isinstance(event, e.StepCompleted) and event.step_id == step.step_id:
            return WaitEnd("elapsed", event.at)
    return WaitEnd("cancelled", at)
