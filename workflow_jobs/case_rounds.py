"""A case's log as its rounds and its judgements: what stays true of it when the case is opened again. Pure.

A round is the time from the opening of a case, or from its being opened again, to the closing that follows. Belongs
here: folding events (as the store keeps them, JSON) into closed rounds and judgements. Does not belong here: which rows
of them the warehouse gets (history) and figures over many cases (dbt models).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Round:
    """One closed round of a case. `number` counts from 1; instants are aware UTC.

    `returns` is how often the case was sent back to an earlier step in it, `seq` the event that closed it.
    """

    number: int
    began_at: datetime
    closed_at: datetime
    outcome: str
    returns: int
    seq: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """One look at the metric that was the last of its round. `effective` is None where no figure could be had.

    `as_of` is the local day up to which the figures counted, None in logs of before it was kept.
    """

    number: int
    judged_at: datetime
    effective: bool | None
    as_of: date | None
    seq: int


def case_rounds(events: Iterable[Event]) -> tuple[list[Round], list[Judgement]]:
    """The closed rounds and the judgements of a case, in the order of its log."""
    rounds: list[Round] = []
    judgements: list[Judgement] = []
    began: datetime | None = None
    returns = 0
    for event in events:
        kind, at, seq = event["type"], datetime.fromisoformat(event["at"]), int(event["seq"])
        if kind in ("CaseOpened", "CaseReopened"):
            began, returns = at, 0
        elif kind == "CaseReturned":
            returns += 1
        elif kind == "CaseClosed":
            assert began is not None, "a log begins with the opening"
            rounds.append(Round(len(rounds) + 1, began, at, event["outcome"], returns, seq))
        elif kind == "EffectJudged":
            day = event.get("as_of")
            as_of = date.fromisoformat(day) if day else None
            judgements.append(Judgement(len(judgements) + 1, at, event["effective"], as_of, seq))
    return rounds, judgements
