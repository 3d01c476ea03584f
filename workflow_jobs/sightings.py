"""When the cause of an incident was seen last: a mark beside its case, not an event of it.

Belongs here: noting and reading it. A refresh that finds an incident as it was changes nothing of its case, so the log
and the cards stay as they are; that somebody looked, and when, is still to be known. What counts as a change is
``workflow_jobs.incidents`` and the engine's business.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy.engine import Connection

from resources.ops_database import reading
from workflow_jobs.case_transactions import CaseTransactions
from workflow_jobs.store import mark_rows

_SEEN: Final = "seen/"


class Sightings(CaseTransactions):
    """The part of the process service that remembers when incidents were seen."""

    def note_seen(self, case_ids: Collection[str]) -> None:
        """Note that the causes of these incidents are there now."""
        # Sorted, so that two who note the same cases at once never wait for each other in a circle.
        names = sorted({f"{_SEEN}{case_id}" for case_id in case_ids})
        if not names:
            return
        at = self._clock.now()

        def work(connection: Connection) -> None:
            for name in names:
                mark_rows.write_mark(connection, name, "", at)

        self._transaction("note_seen", work)

    def last_seen(self, case_ids: Collection[str]) -> dict[str, datetime]:
        """When each of these incidents was seen last (aware UTC); those of which nothing is noted are left out."""
        names = {f"{_SEEN}{case_id}": case_id for case_id in case_ids}
        with reading(self._engine) as connection:
            found = mark_rows.read_marks(connection, names)
        return {names[name]: mark.at for name, mark in found.items()}
