"""Which version of a key is current: pure rules for repeats, corrections and re-used ids.

A version's position is (instant its source stands for, batch, line). The newest position is current, whatever the
order in which files arrive, so that a late file never replaces what a newer one said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

Position = tuple[datetime, int, int]
Content = tuple[Any, ...]


class Outcome(Enum):
    """What becomes of an incoming row."""

    CURRENT = "current"
    SUPERSEDED = "superseded"
    DUPLICATE = "duplicate_row"
    ID_REUSED = "id_reused"
    KEY_REPEATED = "key_repeated"


@dataclass(frozen=True, slots=True)
class Stored:
    """A version that the raw table already holds. ``ref`` finds it again."""

    key: Content
    content: Content
    immutable: Content
    position: Position
    current: bool
    ref: Any


@dataclass(frozen=True, slots=True)
class Incoming:
    """A row that passed the schema, in arrival order."""

    key: Content
    content: Content
    immutable: Content
    position: Position
    ref: Any


@dataclass(frozen=True, slots=True)
class Resolution:
    """Outcome by incoming ``ref``, and the stored ``ref``s that stop being current."""

    outcomes: Mapping[Any, Outcome]
    retired: tuple[Any, ...]


@dataclass(slots=True)
class _Version:
    content: Content
    immutable: Content
    position: Position
    current: bool
    ref: Any
    stored: bool


def resolve(
    stored: Iterable[Stored], incoming: Sequence[Incoming], *, floor: datetime | None = None, revivable: bool = True
) -> Resolution:
    """Resolve incoming rows against the stored versions of their keys.

    ``floor``: instant of the newest full snapshot; a row older than it cannot become current. ``revivable`` false:
    stored versions that are not current do not make a row a repeat (a snapshot had dropped them).
    """
    by_key: dict[Content, list[_Version]] = {}
    for old in stored:
        by_key.setdefault(old.key, []).append(
            _Version(old.content, old.immutable, old.position, old.current, old.ref, stored=True)
        )
    outcomes: dict[Any, Outcome] = {}
    retired: list[Any] = []
    for row in incoming:
        versions = by_key.setdefault(row.key, [])
        current = next((version for version in versions if version.current), None)
        compared = versions if revivable else [version for version in versions if version.current]
        outcome = _judge(row, compared, current)
        if outcome is Outcome.CURRENT and floor is not None and row.position[0] < floor:
            outcome = Outcome.SUPERSEDED
        outcomes[row.ref] = outcome
        if outcome is Outcome.CURRENT and current is not None:
            current.current = False
            if current.stored:
                retired.append(current.ref)
            else:
                outcomes[current.ref] = Outcome.SUPERSEDED
        if outcome in (Outcome.CURRENT, Outcome.SUPERSEDED):
            versions.append(
                _Version(row.content, row.immutable, row.position, outcome is Outcome.CURRENT, row.ref, stored=False)
            )
    return Resolution(outcomes, tuple(retired))


def _judge(row: Incoming, versions: Sequence[_Version], current: _Version | None) -> Outcome:
    if any(version.immutable != row.immutable for version in versions):
        return Outcome.ID_REUSED
    if current is not None and current.content == row.content:
        return Outcome.DUPLICATE
    newest = max((version.position for version in versions), default=None)
    if newest is None or row.position > newest:
        return Outcome.CURRENT
    # An older version that arrives late: either one that is known already, or history.
    if any(version.content == row.content for version in versions):
        return Outcome.DUPLICATE
    return Outcome.SUPERSEDED


def resolve_within_file(rows: Sequence[tuple[Any, Content, Content]]) -> dict[Any, Outcome]:
    """Repeats inside one full snapshot, from (ref, key, content): the first row of a key stands.

    A verbatim repeat is a duplicate; another content under the same key cannot be told from an error.
    """
    first: dict[Content, Content] = {}
    outcomes: dict[Any, Outcome] = {}
    for ref, key, content in rows:
        if key not in first:
            first[key] = content
        else:
            outcomes[ref] = Outcome.DUPLICATE if first[key] == content else Outcome.KEY_REPEATED
    return outcomes
