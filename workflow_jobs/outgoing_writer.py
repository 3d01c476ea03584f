"""Collects the messages of one command: whom they reach, which card they are about, a key that is theirs alone.

Belongs here: addressing and keys. Does not belong here: which messages there are (outgoing), what they look like
(slack_messages). Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from workflow_jobs import slack_messages
from workflow_jobs.engine.environment import PeopleView
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Template
from workflow_jobs.outgoing_message import MESSAGE, Outgoing
from workflow_jobs.slack_messages import Message
from workflow_jobs.slack_text import CardContext


class Addresses(Protocol):
    """E-mail address of a person as Slack knows it; empty where there is none."""

    def __call__(self, person_id: str) -> str: ...


@dataclass(frozen=True)
class Telling:
    """What the choice of recipients may look at. ``today`` is the local date; ``channel`` takes notices for
    everybody.
    """

    template: Template
    people: PeopleView
    context: CardContext
    address: Addresses
    channel: str
    today: date
    working_minutes: Callable[[TaskState], int | None]


@dataclass
class Writer:
    """Collects messages; a key has the case, its position in the log and what the message is."""

    case: CaseState
    telling: Telling
    out: list[Outgoing] = field(default_factory=list)
    seq: int = 0

    def add(
        self,
        kind: str,
        what: str,
        message: Message,
        *,
        to: Mapping[str, Any] | None = None,
        card: str | None = None,
    ) -> None:
        payload: dict[str, Any] = message.to_json()
        if to is not None:
            payload["to"] = dict(to)
            if "person" in to:
                payload["fallback_channel"] = self.telling.channel
        key = f"{self.case.case_id}/{self.seq or self.case.seq}/{kind}/{what}"
        self.out.append(Outgoing(kind=kind, dedupe_key=key, payload=payload, card_key=card))

    def person(self, person_id: str) -> dict[str, str]:
        return {
            "person": person_id,
            "name": self.telling.people.name(person_id),
            "email": self.telling.address(person_id),
        }

    def everybody(self) -> dict[str, str]:
        return {"channel": self.telling.channel}

    def in_thread(self, what: str, line: str, heading: str, card: str, to: Mapping[str, Any]) -> None:
        """A reply in the thread of a card; a message of its own where the card was never posted."""
        note = slack_messages.notice(self.case, self.telling.template, self.telling.context, line, heading=heading)
        self.add(MESSAGE, what, note, to=to, card=card)

    def tell(self, what: str, people: Sequence[str], line: str, heading: str, asks: str = "") -> None:
        """The same message of its own to each of these people."""
        if not people:
            return
        note = slack_messages.notice(
            self.case, self.telling.template, self.telling.context, line, heading=heading, asks=asks
        )
        for person_id in people:
            self.add(MESSAGE, f"{what}/{person_id}", note, to=self.person(person_id))

    def present(self, roles: Sequence[str], but: set[str]) -> list[str]:
        """Who of the roles is there today, each once, in order."""
        people = self.telling.people
        found: dict[str, None] = {}
        for role in roles:
            for person_id in people.candidates(role):
                if person_id not in but and not people.absent_on(person_id, self.telling.today):
                    found[person_id] = None
        return list(found)
