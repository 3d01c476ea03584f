"""Events over the API: accepted durably, then loaded as batches like files.

``accept`` is called by the gateway: when it returns, the events are committed to the ops database. ``load_events`` is
called by ingestion.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ops_assets.ingestion.chunk_load import Session, load_drafts
from ops_assets.ingestion.drafts import Draft
from ops_assets.ingestion.extract import Extract, MalformedRow
from ops_assets.ingestion.judge import coerce_chunk
from ops_assets.ingestion.landing_schema import LandingSchema, LandingTable
from ops_assets.ingestion.ledger import inbox_event
from ops_assets.ingestion.readers import from_records
from ops_assets.ingestion.report import IngestReport, merged
from resources.clock import Clock
from resources.ops_database import insert_into, reading

_BATCH_ROWS = 50_000
_LONGEST_ID = 200


class EventRejected(ValueError):
    """An event that cannot be accepted; ``index`` is its place in the request, ``code`` says why in one word."""

    def __init__(self, code: str, index: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.index = index


class EventConflict(EventRejected):
    """The id of an accepted event came again with other content."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """How many events were new, and how many were known already with the same content."""

    accepted: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class _Event:
    event_id: str
    table: str
    row: str
    digest: str


def accept(
    engine: sa.Engine,
    source: str,
    events: Sequence[Mapping[str, Any]],
    clock: Clock,
    *,
    tables: Collection[str] | None = None,
) -> Accepted:
    """Commit events ``{"event_id", "table", "row"}`` of one source, all or none.

    The same id with the same content is a duplicate and changes nothing. ``tables``: names of the source's declared
    tables; an event for another one is refused (without it, such a row ends in quarantine). Raises EventRejected, and
    EventConflict for a known id with other content.
    """
    parsed = [_parse(index, event, source, tables) for index, event in enumerate(events)]
    unique: dict[str, _Event] = {}
    for index, event in enumerate(parsed):
        if unique.setdefault(event.event_id, event).digest != event.digest:
            raise _conflict(index, event.event_id)
    now = clock.now()
    c = inbox_event.c
    values = [
        {"source": source, "event_id": e.event_id, "table_name": e.table, "row": e.row, "content_sha256": e.digest,
         "received_at": now}
        for e in unique.values()
    ]  # fmt: skip
    new = 0
    with engine.begin() as connection:
        insert = insert_into(connection, inbox_event)
        for value in values:
            done = connection.execute(
                insert.values(value).on_conflict_do_nothing(index_elements=["source", "event_id"])
            )
            if done.rowcount:
                new += 1
                continue
            known = connection.execute(
                sa.select(c.content_sha256).where(c.source == source, c.event_id == value["event_id"])
            ).scalar_one()
            if known != value["content_sha256"]:
                index = next(at for at, event in enumerate(parsed) if event.event_id == value["event_id"])
                raise _conflict(index, str(value["event_id"]))
    return Accepted(new, len(parsed) - new)


def load_events(session: Session, schema: LandingSchema) -> IngestReport:
    """Load the waiting events: one batch per table and at most 50,000 rows, in order of acceptance."""
    c = inbox_event.c
    query = sa.select(c.id, c.source, c.event_id, c.table_name, c.row, c.received_at).where(c.batch_id.is_(None))
    with reading(session.engine) as connection:
        rows = connection.execute(query.order_by(c.id)).all()
    grouped: dict[tuple[str, str], list[sa.Row[tuple[int, str, str, str, str, datetime]]]] = {}
    for row in rows:
        grouped.setdefault((row.source, row.table_name), []).append(row)
    reports = []
    for (source, name), waiting in sorted(grouped.items()):
        for start in range(0, len(waiting), _BATCH_ROWS):
            reports.append(_load(session, schema, source, name, waiting[start : start + _BATCH_ROWS]))
    return merged(reports)


def _load(
    session: Session,
    schema: LandingSchema,
    source: str,
    name: str,
    rows: Sequence[sa.Row[tuple[int, str, str, str, str, datetime]]],
) -> IngestReport:
    table = schema.find(source, name)
    lines = range(1, len(rows) + 1)
    if table is None:
        table = LandingTable(source, name, f"{source}__{name}", (), "jsonl", "events", (), ())
        why = f"No landing schema declares the table {name!r} of {source!r}."
        extract = Extract(
            (), (), tuple(MalformedRow(n, "unknown_table", r.row, why) for n, r in zip(lines, rows, strict=True))
        )
    else:
        extract = from_records(table, [json.loads(row.row) for row in rows], list(lines))
    identity = "\n".join([source, name, *(row.event_id for row in rows)])
    batch_id = "e-" + hashlib.sha256(identity.encode("utf-8", "backslashreplace")).hexdigest()[:32]
    draft = Draft(
        table, batch_id, "events", f"events of {source}", max(row.received_at for row in rows), extract,
        references={number: f"event {row.event_id}" for number, row in zip(lines, rows, strict=True)},
    )  # fmt: skip

    def claim(connection: sa.Connection) -> None:
        connection.execute(
            sa.update(inbox_event)
            .where(inbox_event.c.id == sa.bindparam("event"))
            .values(batch_id=batch_id, batch_line=sa.bindparam("at")),
            [{"event": row.id, "at": number} for number, row in zip(lines, rows, strict=True)],
        )

    chunk = coerce_chunk(table, [extract], zone=session.zone)
    return IngestReport(batches=tuple(load_drafts(session, table, [draft], chunk, [0], full=False, claim=claim)))


def _parse(index: int, event: Mapping[str, Any], source: str, tables: Collection[str] | None) -> _Event:
    event_id, table, row = event.get("event_id"), event.get("table"), event.get("row")
    if not isinstance(event_id, str) or not event_id.strip() or len(event_id) > _LONGEST_ID or "\x00" in event_id:
        raise EventRejected(
            "event_id", index, f"Event {index}: event_id must be a text of 1 to {_LONGEST_ID} characters."
        )
    if not isinstance(table, str) or not table or len(table) > 100:
        raise EventRejected("table", index, f"Event {event_id!r}: table must name a table of {source!r}.")
    if tables is not None and table not in tables:
        known = ", ".join(sorted(tables)) or "none"
        raise EventRejected("table", index, f"Event {event_id!r}: {source!r} has no table {table!r}; it has {known}.")
    if not isinstance(row, Mapping) or not row:
        raise EventRejected("row", index, f"Event {event_id!r}: row must be an object of column names and values.")
    text = json.dumps(row, sort_keys=True, ensure_ascii=True, default=str)
    digest = hashlib.sha256(f"{table}\n{text}".encode()).hexdigest()
    return _Event(event_id, table, text, digest)


def _conflict(index: int, event_id: str) -> EventConflict:
    return EventConflict(
        "conflict", index,
        f"Event {event_id!r} was accepted before with other content. Send a correction under a new event_id.",
    )  # fmt: skip
