"""A file before it is written, as the faults see it.

Belongs here: the rows of a file beside their text, and which of them are still as they should be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from ops_assets.dongchen.tables import PROTECTED, Event, Row, Table
from ops_assets.dongchen.writer import Text


@dataclass(slots=True)
class Draft:
    """A file before it is written. Rows that faults add stand at the end of ``lines``, beyond ``events``."""

    table: Table
    first_day: int
    day: int
    until: int
    name: str
    events: list[Event]
    lines: list[Text]
    touched: set[int] = field(default_factory=set)
    sealed: bool = False
    """A fault of the whole file: no other fault may be in it."""
    arrives: int | None = None
    lost: list[Row] = field(default_factory=list)
    """Rows of ``events`` that will not be loaded."""
    set_aside: bool = False
    copies: list[tuple[str, bytes | None]] = field(default_factory=list)
    """Further files: name and bytes; None for the bytes of this file."""

    @property
    def untouched(self) -> bool:
        """Whether nothing was planted here yet."""
        return not (self.touched or self.sealed or self.copies)

    def file_line(self, place: int) -> int:
        """The line (Parquet: the row) of a file at which a row stands, counted from 1."""
        return place + 2 if self.table.suffix == "csv" else place + 1

    def pick(self, rng: Random, *, least_mark: int, fits: Any = None) -> int | None:
        """Place of a random row that may be harmed, or None. ``fits`` takes the row."""
        places = [
            place
            for place, event in enumerate(self.events)
            if event.mark >= max(least_mark, PROTECTED + 1)
            and place not in self.touched
            and (fits is None or fits(event.row))
        ]
        return places[rng.randrange(len(places))] if places else None


@dataclass(slots=True)
class Memory:
    """What faults remember of earlier files: one untouched row a table, as text, and running numbers."""

    earlier: dict[str, Text] = field(default_factory=dict)
    invented: int = 0
