"""Quarantine for people: list, show, ask for a retry, discard.

A retry is only asked for here: the row is loaded by the next ingestion, which holds the warehouse. It may carry edited
values, or none where the landing schema was changed. Every row keeps its text, its reason and what was decided.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ops_assets.ingestion.ledger import landing_file, quarantine_row
from ops_assets.ingestion.readers import as_text
from resources.clock import Clock
from resources.ops_database import reading

STATUSES = ("open", "repaired", "retried", "discarded")


class QuarantineError(ValueError):
    """A row or file that does not exist, or that cannot be retried, discarded or released; the text says why."""


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """One row in quarantine. ``row`` is its text by column name of the file; ``edited`` what a retry will use.

    ``line`` counts in the source (from 1, header included). Instants are UTC.
    """

    id: str
    table: str
    source_ref: str
    line: int
    rule: str
    column: str | None
    value: str | None
    message: str
    failures: Sequence[Mapping[str, Any]]
    row: Mapping[str, str | None] | None
    raw_text: str | None
    edited: Mapping[str, str | None] | None
    status: str
    created_at: datetime
    retry_requested_at: datetime | None
    attempts: int
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: str | None


def list_rows(
    engine: sa.Engine, *, status: str | None = "open", table: str | None = None, limit: int = 100, offset: int = 0
) -> list[QuarantinedRow]:
    """Rows in order of batch and line. ``status`` None: all; ``table``: ``<system>__<table>``."""
    c = quarantine_row.c
    query = sa.select(quarantine_row).order_by(c.created_at, c.table_name, c.source_ref, c.line)
    if status is not None:
        query = query.where(c.status == status)
    if table is not None:
        query = query.where(c.table_name == table)
    with reading(engine) as connection:
        return [_row(found) for found in connection.execute(query.limit(limit).offset(offset)).mappings()]


def counts(engine: sa.Engine) -> dict[tuple[str, str, str], int]:
    """(table, rule, status) -> number of rows."""
    c = quarantine_row.c
    query = sa.select(c.table_name, c.rule, c.status, sa.func.count()).group_by(c.table_name, c.rule, c.status)
    with reading(engine) as connection:
        return {(table, rule, status): count for table, rule, status, count in connection.execute(query)}


def show(engine: sa.Engine, row_id: str) -> QuarantinedRow:
    """One row. Raises QuarantineError."""
    with reading(engine) as connection:
        return _row(_find(connection, row_id))


def retry(
    engine: sa.Engine, row_id: str, *, by: str, clock: Clock, edits: Mapping[str, Any] | None = None
) -> QuarantinedRow:
    """Ask for a retry at the next ingestion; ``edits`` maps column names of the file to new values.

    Raises QuarantineError for an unknown row, one that is not open, or an edit of a column that the row does not have.
    """
    with engine.begin() as connection:
        found = _open(connection, row_id)
        edited = found["edited"]
        if edits:
            texts = {name: as_text(value) for name, value in edits.items()}
            whole = found["row"] or _as_object(found["raw_text"])
            unknown = sorted(set(texts) - set(whole)) if whole is not None else []
            if unknown and found["rule"] != "unknown_field":
                raise QuarantineError(
                    f"Row {row_id} has no column {', '.join(map(repr, unknown))}; it has {', '.join(whole or ())}."
                )
            edited = {**(whole or {}), **(edited or {}), **texts}
        if edited is None and found["row"] is None and _as_object(found["raw_text"]) is None:
            raise QuarantineError(
                f"Row {row_id} could not be split into columns ({found['rule']}). Give every column's value with the "
                "retry, or discard the row with a reason."
            )
        connection.execute(
            sa.update(quarantine_row)
            .where(quarantine_row.c.id == row_id)
            .values(edited=edited if edited is not None else sa.null(), retry_requested_at=clock.now(),
                    retry_requested_by=by)
        )  # fmt: skip
        return _row(_find(connection, row_id))


def discard(engine: sa.Engine, row_id: str, *, reason: str, by: str, clock: Clock) -> QuarantinedRow:
    """Discard an open row for good; the reason is required and kept. Raises QuarantineError."""
    if not reason.strip():
        raise QuarantineError("Say why the row is discarded; the reason is kept with it.")
    with engine.begin() as connection:
        _open(connection, row_id)
        connection.execute(
            sa.update(quarantine_row)
            .where(quarantine_row.c.id == row_id)
            .values(status="discarded", resolved_at=clock.now(), resolved_by=by, resolution=reason.strip(),
                    retry_requested_at=None)
        )  # fmt: skip
        return _row(_find(connection, row_id))


def list_set_aside(engine: sa.Engine) -> list[dict[str, Any]]:
    """Files set aside in their newest version: id, table, path, reason, sentence, instants."""
    c = landing_file.c
    newest = sa.select(c.table_name, c.path, sa.func.max(c.version).label("version")).group_by(c.table_name, c.path)
    last = newest.subquery()
    query = (
        sa.select(
            c.id, c.table_name, c.path, c.version, c.reason, c.sentence, c.rows_in, c.first_seen_at, c.released_at
        )
        .join(last, sa.and_(c.table_name == last.c.table_name, c.path == last.c.path, c.version == last.c.version))
        .where(c.status == "set_aside")
        .order_by(c.table_name, c.path)
    )
    with reading(engine) as connection:
        return [dict(found) for found in connection.execute(query).mappings()]


def release_file(engine: sa.Engine, file_id: int, *, reason: str, by: str, clock: Clock) -> None:
    """Let a set-aside file pass the guards (shorter, duplicate, date format) at the next ingestion.

    Raises QuarantineError for a file that is not set aside, or that cannot be read at all.
    """
    if not reason.strip():
        raise QuarantineError("Say why the file is released; the reason is kept with it.")
    c = landing_file.c
    with engine.begin() as connection:
        found = connection.execute(sa.select(c.status, c.reason, c.path).where(c.id == file_id)).first()
        if found is None or found.status != "set_aside":
            raise QuarantineError(f"There is no file {file_id} that is set aside.")
        if found.reason in ("unparseable", "columns_changed"):
            raise QuarantineError(
                f"{found.path} cannot be read as declared ({found.reason}); mend the file or its landing schema."
            )
        connection.execute(
            sa.update(landing_file)
            .where(c.id == file_id)
            .values(released_at=clock.now(), released_by=by, released_reason=reason.strip())
        )


def _as_object(raw_text: str | None) -> dict[str, str | None] | None:
    try:
        value = json.loads(raw_text or "", parse_float=str, parse_int=str)
    except ValueError:
        return None
    return {name: as_text(member) for name, member in value.items()} if isinstance(value, dict) else None


def _find(connection: sa.Connection, row_id: str) -> sa.RowMapping:
    found = connection.execute(sa.select(quarantine_row).where(quarantine_row.c.id == row_id)).mappings().first()
    if found is None:
        raise QuarantineError(f"There is no row {row_id!r} in quarantine.")
    return found


def _open(connection: sa.Connection, row_id: str) -> sa.RowMapping:
    found = _find(connection, row_id)
    if found["status"] != "open":
        raise QuarantineError(f"Row {row_id} is {found['status']} already; only open rows can be retried or discarded.")
    return found


def _row(found: sa.RowMapping) -> QuarantinedRow:
    return QuarantinedRow(
        id=found["id"],
        table=found["table_name"],
        source_ref=found["source_ref"],
        line=found["line"],
        rule=found["rule"],
        column=found["column_name"],
        value=found["value"],
        message=found["message"],
        failures=found["failures"],
        row=found["row"],
        raw_text=found["raw_text"],
        edited=found["edited"],
        status=found["status"],
        created_at=found["created_at"],
        retry_requested_at=found["retry_requested_at"],
        attempts=found["attempts"],
        resolved_at=found["resolved_at"],
        resolved_by=found["resolved_by"],
        resolution=found["resolution"],
    )
