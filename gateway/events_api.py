"""``POST /api/v1/events/{source}``: events of a source system, durable before the answer."""

from __future__ import annotations

import math
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.context import context_of, require_scope
from gateway.problems import Problem, responses
from gateway.rate_limit import LARGEST_BATCH
from gateway.tokens import EVENTS_WRITE, Token
from ops_assets.ingestion import inbox


def _writer(request: Request) -> Token:
    """Asked before the events are looked at, so that a caller without a token learns nothing else."""
    return require_scope(request, EVENTS_WRITE)


router = APIRouter(prefix="/api/v1", tags=["events"])


class Event(BaseModel):
    """One row of one source table, as the system has it now."""

    model_config = ConfigDict(extra="forbid")

    event_id: str = Field(
        min_length=1,
        max_length=200,
        description="Names the event in its source for ever: sending it twice changes nothing.",
    )
    table: str = Field(min_length=1, max_length=100, description="Table of the source as the pack declares it.")
    row: dict[str, Any] = Field(description="Column -> value; values are checked when the batch is loaded.")


class AcceptedEvents(BaseModel):
    accepted: int = Field(description="Events taken in by this request; they are on disk.")
    duplicates: int = Field(description="Events that were known already with the same content.")


_EXAMPLE = {
    "event_id": "wms-2026-000123",
    "table": "receipts",
    "row": {"receipt_no": "GR0000000123", "supplier_no": "V-1001", "received_on": "2026-11-16", "quantity": "120"},
}


@router.post(
    "/events/{source}",
    status_code=202,
    response_model=AcceptedEvents,
    summary="Post events of a source system",
    responses=responses(400, 401, 403, 404, 409, 413, 422, 429),
    openapi_extra={"security": [{"bearer": []}]},
)
def post_events(
    request: Request,
    token: Annotated[Token, Depends(_writer)],
    source: Annotated[str, Path(description="The source system, such as `wms`.", examples=["wms"])],
    events: Annotated[
        Event | Annotated[list[Event], Field(min_length=1, max_length=LARGEST_BATCH)],
        Body(description="One event, or up to 1,000 of them.", examples=[_EXAMPLE, [_EXAMPLE]]),
    ],
) -> AcceptedEvents:
    """Take events in. The answer comes when they are on disk, all or none of them.

    An event is known by its source and `event_id`. The same id with the same content counts as a duplicate; with other
    content it is refused (409) and nothing of the request is kept. Rows are checked against the landing schema when
    their batch is loaded: a bad row goes to quarantine and is listed there, it is never dropped.
    """
    context = context_of(request)
    batch = events if isinstance(events, list) else [events]
    wait = context.rate_limit.take(token.token_id, len(batch), context.clock.now())
    if wait > 0:
        seconds = math.ceil(wait)
        raise Problem(
            429,
            f"This token may post {context.settings.event_rate_per_minute} events a minute. Try again in {seconds} s.",
            headers={"Retry-After": str(seconds)},
        )
    return _accept(request, source, batch)


def _accept(request: Request, source: str, batch: list[Event]) -> AcceptedEvents:
    context = context_of(request)
    tables = context.sources.get(source)
    if tables is None:
        known = ", ".join(sorted(context.sources)) or "none"
        raise Problem(404, f"The pack {context.pack.name!r} has no source {source!r}; it has {known}.")
    try:
        result = inbox.accept(
            context.engine, source, [event.model_dump() for event in batch], context.clock, tables=tables
        )
    except inbox.EventConflict as error:
        raise Problem(409, str(error), index=error.index) from None
    except inbox.EventRejected as error:
        raise Problem(422, str(error), index=error.index) from None
    return AcceptedEvents(accepted=result.accepted, duplicates=result.duplicates)
