"""A batch on its way into the warehouse, whatever it was made from: a file, events, a retry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from ops_assets.ingestion.coerce import Mask
from ops_assets.ingestion.dates import FormatChange
from ops_assets.ingestion.extract import Extract
from ops_assets.ingestion.judge import Chunk, Failure
from ops_assets.ingestion.landing_files import PendingFile
from ops_assets.ingestion.landing_schema import LandingTable
from ops_assets.ingestion.ledger import printable
from ops_assets.ingestion.raw_load import BatchKey, Resolved
from ops_assets.ingestion.report import BatchReport
from ops_assets.ingestion.versions import Outcome


@dataclass(slots=True)
class Draft:
    """One batch before it has a sequence number.

    ``references`` names the origin of single rows by line (events); else ``source_ref`` does for all.
    """

    table: LandingTable
    batch_id: str
    kind: str
    source_ref: str
    source_at: datetime
    extract: Extract
    file: PendingFile | None = None
    late_days: int | None = None
    references: dict[int, str] = field(default_factory=dict)
    seq: int = 0

    @property
    def key(self) -> BatchKey:
        return BatchKey(self.batch_id, self.seq, self.kind, self.source_at)

    @property
    def file_date(self) -> date | None:
        return None if self.file is None else self.file.file_date


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that will not be loaded, with the code of the reason."""

    draft_at: int
    reason: str
    sentence: str


def quarantine_values(drafts: Sequence[Draft], chunk: Chunk, resolved: Resolved, now: datetime) -> list[dict[str, Any]]:
    """Rows for ``quarantine_row``: what was malformed, what broke a rule, what repeats. In order of batch and line."""
    values: list[dict[str, Any]] = []
    for draft in drafts:
        for bad in draft.extract.malformed:
            failure = Failure(bad.rule, None, bad.text, bad.why)
            values.append(_quarantined(draft, bad.line, [failure], None, bad.text, "open", now))
    for position, failures in chunk.failures.items():
        draft, line = drafts[chunk.batch[position]], int(chunk.line[position])
        values.append(_quarantined(draft, line, failures, chunk.row_text(position), None, "open", now))
    for position, outcome in resolved.refused.items():
        draft, line = drafts[chunk.batch[position]], int(chunk.line[position])
        failure = refused(chunk, position, outcome)
        status = "repaired" if outcome is Outcome.DUPLICATE else "open"
        values.append(_quarantined(draft, line, [failure], chunk.row_text(position), None, status, now))
    order = {draft.batch_id: at for at, draft in enumerate(drafts)}
    values.sort(key=lambda row: (order[row["batch_id"]], row["line"]))
    return values


def refused(chunk: Chunk, position: int, outcome: Outcome) -> Failure:
    """Why a row that passed the schema is not loaded next to the versions of its key."""
    key = chunk.key_text(position)
    sentences = {
        Outcome.DUPLICATE: f"The same row is loaded already ({key}).",
        Outcome.ID_REUSED: f"The key is taken by a row with another {' or '.join(chunk.table.immutable)} ({key}).",
        Outcome.KEY_REPEATED: f"The key stands twice in this file with different content ({key}).",
    }
    return Failure(outcome.value, None, key, sentences[outcome])


def _quarantined(
    draft: Draft,
    line: int,
    failures: list[Failure],
    row: dict[str, str | None] | None,
    raw_text: str | None,
    status: str,
    now: datetime,
) -> dict[str, Any]:
    first = failures[0]
    return {
        "id": f"{draft.batch_id}:{line}",
        "batch_id": draft.batch_id,
        "system": draft.table.system,
        "table_name": draft.table.identifier,
        "source_ref": printable(draft.references.get(line, draft.source_ref)),
        "line": line,
        "rule": first.rule,
        "column_name": first.column,
        "value": None if first.value is None else printable(first.value),
        "message": printable(first.message),
        "failures": [
            {k: printable(v) if isinstance(v, str) else v for k, v in failure.as_json().items()} for failure in failures
        ],
        "row": row,
        "raw_text": None if raw_text is None else printable(raw_text),
        "status": status,
        "created_at": now,
        "attempts": 0,
        "resolved_at": now if status == "repaired" else None,
        "resolved_by": "ingestion" if status == "repaired" else None,
        "resolution": first.message if status == "repaired" else None,
    }


def batch_reports(
    drafts: Sequence[Draft], chunk: Chunk, resolved: Resolved, quarantined: Sequence[dict[str, Any]]
) -> list[BatchReport]:
    """Count every batch; the counts are what the ledger keeps."""

    def per_batch(mask: Mask) -> npt.NDArray[np.int64]:
        return np.bincount(chunk.batch[mask], minlength=len(drafts))

    loaded = per_batch(resolved.load)
    replaced = per_batch(resolved.load & ~resolved.current)
    nulls = {name: per_batch(mask) for name, mask in chunk.declared_nulls.items() if mask.any()}
    refused_rows = Counter(row["batch_id"] for row in quarantined)
    repaired = Counter(row["batch_id"] for row in quarantined if row["status"] == "repaired")
    full = resolved.snapshot is not None
    return [
        BatchReport(
            batch_id=draft.batch_id,
            seq=draft.seq,
            kind=draft.kind,
            table=draft.table.identifier,
            source_ref=draft.source_ref,
            source_at=draft.source_at,
            rows_in=draft.extract.rows_in,
            rows_loaded=int(loaded[at]),
            rows_quarantined=refused_rows[draft.batch_id],
            rows_repaired=repaired[draft.batch_id],
            rows_superseded=0 if full else int(replaced[at]),
            declared_nulls={name: int(counts[at]) for name, counts in nulls.items() if counts[at]},
        )
        for at, draft in enumerate(drafts)
    ]


def changed_dates(change: FormatChange) -> str:
    """The sentence for a file whose date format changed."""
    return f"{change.sentence} Declare the new format in the landing schema, or export the file as before."
