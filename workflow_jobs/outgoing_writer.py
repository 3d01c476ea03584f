"""Collects the messages of one command: whom they reach, which card they are about, a key that is theirs alone.

Belongs here: addressing and keys. Does not belong here: which messages there are (outgoing), what they look like
(cards). Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo
from functools import partial
from typing import Any, Protocol

from workflow_jobs.engine.environment import PeopleView
from workflow_jobs.engine.events import VoteCounted
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Template
from workflow_jobs.outgoing_message import CARD, MESSAGE, UPDATE, Outgoing
from workflow_jobs.slack import cards
from workflow_jobs.slack.ladders import Rung
from workflow_jobs.slack.message import Message
from workflow_jobs.slack.wording import CardContext


class Addresses(Protocol):
    """E-mail address of a person as Slack knows it; empty where there is none."""

    def __call__(self, person_id: str) -> str: ...


@dataclass(frozen=True)
class Telling:
    """What the choice of recipients may look at. ``today`` is the local date; ``channel`` takes notices for
    everybody; ``via`` is how the command came in. ``context`` is that of what stands in a channel; ``zone_of`` is the
    time zone of a person's calendar, ``language_of`` the language in which he reads (empty: that of the channel);
    without them all read as the channel does.
    """

    template: Template
    people: PeopleView
    context: CardContext
    address: Addresses
    channel: str
    today: date
    working_minutes: Callable[[TaskState], int | None]
    via: str = ""
    zone_of: Callable[[str], tzinfo] | None = None
    language_of: Callable[[str], str] | None = None

    def read_by(self, person_id: str | None) -> CardContext:
        """How a message to one person is drawn, in his language and time zone; one to everybody (None) is in those of
        the company.
        """
        if person_id is None:
            return self.context
        zone = self.context.zone if self.zone_of is None else self.zone_of(person_id)
        return self.context.read_in(zone, "" if self.language_of is None else self.language_of(person_id))


def person_card(case_id: str, person_id: str) -> str:
    """Key of the messages of a case to somebody who need not act; the first one carries the others in its thread."""
    return f"person:{case_id}:{person_id}"


# What a message says to a reader.
Line = Callable[[CardContext], str]


@dataclass
class Writer:
    """Collects messages; a key has the case, its position in the log and what the message is.

    ``fired`` are the rungs of the case up to now, ``known`` the keys of cards about them that were sent earlier,
    ``counted`` how a vote stands after the decision of a task. ``knows_of_asking`` are those who read in another
    message of this command what begins with it: they are not informed of the same once more.
    """

    case: CaseState
    telling: Telling
    out: list[Outgoing] = field(default_factory=list)
    seq: int = 0
    fired: list[Rung] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    counted: dict[str, VoteCounted] = field(default_factory=dict)
    knows_of_asking: set[str] = field(default_factory=set)

    def has(self, card: str) -> bool:
        """Whether the card was put into the outbox before, or is by this very command."""
        return card in self.known or any(one.kind == CARD and one.card_key == card for one in self.out)

    def add(
        self,
        kind: str,
        what: str,
        message: Message,
        *,
        to: Mapping[str, Any] | None = None,
        card: str | None = None,
        below: str | None = None,
        with_case: bool = False,
    ) -> None:
        """``below`` names the card in whose thread a new card stands; where that was never posted, it stands alone.

        With ``with_case`` that is the first card of the case in the same conversation.
        """
        payload: dict[str, Any] = message.to_json()
        if below is not None:
            payload["thread_of"] = below
        if with_case:
            payload["with_case"] = True
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

    def in_thread(self, what: str, line: str, heading: str, card: str, person_id: str | None = None) -> None:
        """A reply in the thread of a card, of this person or (None) of the channel; a message of its own where the card
        was never posted. Line and heading are as its reader reads.
        """
        context = self.telling.read_by(person_id)
        note = cards.notice(self.case, self.telling.template, context, line, heading=heading)
        to = self.everybody() if person_id is None else self.person(person_id)
        self.add(MESSAGE, what, note, to=to, card=card)

    def keep(
        self,
        what: str,
        message: Message,
        card: str,
        *,
        to: Mapping[str, Any],
        below: str | None = None,
        with_case: bool = False,
        known: bool,
    ) -> None:
        """Post a card once (``known``: it was), and bring it up to date from then on."""
        if known:
            self.add(UPDATE, what, message, card=card)
        else:
            self.add(CARD, what, message, to=to, card=card, below=below, with_case=with_case)

    def tell(
        self,
        what: str,
        people: Sequence[str],
        line: Line,
        heading: str,
        asks: str = "",
        button: Callable[[CardContext], dict[str, Any]] | None = None,
    ) -> None:
        """The same message to each of these people, as each of them reads, in the thread of the first card that each
        has of the case. ``heading`` and ``asks`` are keys of the cards' own words.

        Whoever has none gets a message of his own, and all later ones of the case in its thread.
        """

        def drawn(context: CardContext) -> Message:
            asked = context.word(asks) if asks else ""
            buttons = [] if button is None else [button(context)]
            head, template = context.word(heading), self.telling.template
            return cards.notice(self.case, template, context, line(context), heading=head, asks=asked, buttons=buttons)

        for person_id in people:
            context = self.telling.read_by(person_id)
            note = context.once("notice", drawn, partial(drawn, context))
            first = person_card(self.case.case_id, person_id)
            self.add(CARD, f"{what}/{person_id}", note, to=self.person(person_id), card=first, with_case=True)

    def is_away(self, person_id: str) -> bool:
        """Whether the person is away today."""
        return self.telling.people.absent_on(person_id, self.telling.today)

    def holders(self, roles: Sequence[str], but: Collection[str] = ()) -> list[str]:
        """Who holds one of the roles, there or away, each once, in order: who is to hear something."""
        found = (person_id for role in roles for person_id in self.telling.people.candidates(role))
        return list(dict.fromkeys(person_id for person_id in found if person_id not in but))

    def present(self, roles: Sequence[str], but: Collection[str] = ()) -> list[str]:
        """Who of them is there today: who is to do something."""
        return [person_id for person_id in self.holders(roles, but) if not self.is_away(person_id)]
