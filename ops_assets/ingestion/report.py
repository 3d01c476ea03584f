"""What an ingestion did, as plain values for the command line, the asset's metadata and the tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class BatchReport:
    """One loaded batch: ``rows_in = rows_loaded + rows_quarantined``.

    ``rows_repaired`` (verbatim repeats) are part of the quarantined, ``rows_superseded`` (older versions that arrived
    late) part of the loaded. ``declared_nulls``: values by column that the landing schema declares to mean null.
    ``kind``: file | events | retry. ``source_at`` is in UTC.
    """

    batch_id: str
    seq: int
    kind: str
    table: str
    source_ref: str
    source_at: datetime
    rows_in: int
    rows_loaded: int
    rows_quarantined: int
    rows_repaired: int
    rows_superseded: int
    declared_nulls: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SetAside:
    """A file that was not loaded, with the code of the reason and a sentence."""

    table: str
    path: str
    reason: str
    sentence: str


@dataclass(frozen=True, slots=True)
class LateFile:
    """A file that arrived ``days`` days after the day in its name, more than its table expects."""

    table: str
    path: str
    file_date: date
    days: int


@dataclass(frozen=True, slots=True)
class IngestReport:
    """Everything that one ingestion did, in order of loading. ``unclaimed``: files that no landing schema names."""

    batches: tuple[BatchReport, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    late: tuple[LateFile, ...] = ()
    unclaimed: tuple[str, ...] = ()
    changed_while_read: tuple[str, ...] = ()
    retried: int = 0
    retry_failed: int = 0

    @property
    def rows_in(self) -> int:
        return sum(batch.rows_in for batch in self.batches)

    @property
    def rows_loaded(self) -> int:
        return sum(batch.rows_loaded for batch in self.batches)

    @property
    def rows_quarantined(self) -> int:
        return sum(batch.rows_quarantined for batch in self.batches)

    @property
    def rows_repaired(self) -> int:
        return sum(batch.rows_repaired for batch in self.batches)

    @property
    def declared_nulls(self) -> int:
        return sum(sum(batch.declared_nulls.values()) for batch in self.batches)

    @property
    def last_seq(self) -> int | None:
        return self.batches[-1].seq if self.batches else None


def merged(reports: Iterable[IngestReport]) -> IngestReport:
    """One report of several."""
    parts = list(reports)
    return IngestReport(
        batches=tuple(batch for part in parts for batch in part.batches),
        set_aside=tuple(file for part in parts for file in part.set_aside),
        late=tuple(file for part in parts for file in part.late),
        unclaimed=tuple(path for part in parts for path in part.unclaimed),
        changed_while_read=tuple(path for part in parts for path in part.changed_while_read),
        retried=sum(part.retried for part in parts),
        retry_failed=sum(part.retry_failed for part in parts),
    )
