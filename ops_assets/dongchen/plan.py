"""The shape of a plan: a function that decides on one day what follows from it, and emits the events.

Belongs here: the type of the emitting function. A plan is pure: it depends on the seed, the master data and its day
alone, so that any day can be planned again, by the feed as by the generator.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ops_assets.dongchen.tables import NORMAL, Row


class Emit(Protocol):
    """Takes one row of ``table`` which becomes known at the local time ``when``."""

    def __call__(self, table: str, when: datetime, row: Row, mark: int = NORMAL) -> None:
        """Take the row."""
