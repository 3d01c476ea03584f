"""Who is asked to say that what a case waits for has happened, and how that message is kept up to date.

Belongs here: the messages about waits that a signal ends. The other messages of a case are ``outgoing``; what these
look like is ``wait_messages``. Pure.

The card ``wait:<case>:<step>.<visit>:<person>`` is the one message about a wait to somebody who may say it; that of
the channel ends with ``#``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from workflow_jobs.engine import events as e
from workflow_jobs.engine.signals import awaited, roles_who_may, wait_key, wait_step
from workflow_jobs.engine.state import CaseState, StepState
from workflow_jobs.outgoing_message import UPDATE
from workflow_jobs.outgoing_writer import Writer
from workflow_jobs.slack import wait_messages
from workflow_jobs.slack.message import Message
from workflow_jobs.slack.wait_messages import WaitEnd
from workflow_jobs.slack.wording import CardContext

# A role that half a company holds would be told of every wait of every case, twice, each in a message of his own.
MOST_PEOPLE: Final = 20
_CHANNEL: Final = "#"


def card_prefix(case_id: str, wait: str) -> str:
    """Prefix of the card keys of the messages about one wait."""
    return f"wait:{case_id}:{wait}:"


def ended(before: CaseState | None, after: CaseState) -> tuple[StepState, ...]:
    """The waits for a signal that are over since, as they stood before."""
    still = {wait_key(step) for step in awaited(after)}
    return () if before is None else tuple(step for step in awaited(before) if wait_key(step) not in still)


def moved(before: CaseState | None, after: CaseState) -> tuple[StepState, ...]:
    """The waits for a signal that go on and end at another time than before, or are certain to do so at the same one,
    as they stand now.
    """
    was = {wait_key(step): _until(step) for step in awaited(before)} if before is not None else {}
    return tuple(step for step in awaited(after) if was.get(wait_key(step), _until(step)) != _until(step))


def _until(step: StepState) -> tuple[datetime | None, bool]:
    return step.wake_at, step.calendar_confirmed


def tell(
    writer: Writer, before: CaseState | None, events: Sequence[e.Event], sent: Mapping[str, Sequence[str]]
) -> None:
    """One message about every wait that begins, to each who is responsible for it or to the channel; those about waits
    that are over say how it ended, those about waits that were moved until when it is. ``sent`` has the card keys of
    these by their prefix.
    """
    case, told = writer.case, writer.telling
    writer.seq = case.seq
    for step in ended(before, case):
        _update(writer, step, sent, partial(_ended, writer, step, events))
    for step in moved(before, case):
        _update(writer, step, sent, partial(wait_messages.wait_message, case, step, told.template))
    known = {wait_key(step) for step in awaited(before)} if before is not None else set()
    for step in awaited(case):
        if wait_key(step) in known:
            continue
        for name, to in _told(writer, step).items():
            message = wait_messages.wait_message(case, step, told.template, told.read_by(_reader(name)))
            key = f"{card_prefix(case.case_id, wait_key(step))}{name}"
            # A person is asked to act, so it stands by itself; what the channel hears of a case stands below its card.
            below = f"case:{case.case_id}" if name == _CHANNEL else None
            writer.keep(key, message, key, to=to, below=below, known=False)


def _ended(writer: Writer, step: StepState, events: Sequence[e.Event], context: CardContext) -> Message:
    end = end_of(writer, step, events)
    return wait_messages.ended_message(writer.case, step, writer.telling.template, context, end)


def _update(
    writer: Writer, step: StepState, sent: Mapping[str, Sequence[str]], drawn: Callable[[CardContext], Message]
) -> None:
    """Bring every message about a wait up to date, each as its reader sees it."""
    prefix = card_prefix(writer.case.case_id, wait_key(step))
    for key in sent.get(prefix, ()):
        writer.add(UPDATE, key, drawn(writer.telling.read_by(_reader(key.removeprefix(prefix)))), card=key)


def _reader(name: str) -> str | None:
    return None if name == _CHANNEL else name


def _told(writer: Writer, step: StepState) -> dict[str, dict[str, Any]]:
    """Where the message goes, by what its card key ends with: to the holders of the first role that has somebody
    present (responsible, accountable, owner), and not more than ``MOST_PEOPLE``. Where all are away, to the holders
    of the first such role: a wait mostly lasts longer than an absence. Where every role has too many, to the channel.
    """
    told = writer.telling
    node = wait_step(told.template, step.step_id)
    roles = roles_who_may(told.template, writer.case, told.people, node) if node is not None else ()
    present = [found for role in roles if (found := writer.present([role], set()))]
    groups = present or [list(held) for role in roles if (held := told.people.candidates(role))]
    few = next((group for group in groups if len(group) <= MOST_PEOPLE), None)
    if few is not None:
        return {person_id: writer.person(person_id) for person_id in few}
    return {_CHANNEL: writer.everybody()} if groups else {}


def asked_to_say(writer: Writer, step: StepState) -> set[str]:
    """Who has a message of his own that asks him to say that what is waited for has happened."""
    return set(_told(writer, step)) - {_CHANNEL} if step.signal else set()


def end_of(writer: Writer, step: StepState, events: Sequence[e.Event]) -> WaitEnd:
    """How these events ended a wait."""
    at = events[-1].at
    for event in events:
        if isinstance(event, e.SignalReceived) and event.step_id == step.step_id:
            return WaitEnd("signalled", event.at, event.person_id, "" if event.person_id else writer.telling.via)
        if isinstance(event, e.StepCompleted) and event.step_id == step.step_id:
            return WaitEnd("elapsed", event.at)
    return WaitEnd("cancelled", at)
