"""The page ``/board``: the key metrics of the business by domain, on one page that renews itself.

The open page asks every few seconds whether its mark is still the current one, and is answered 204 or the whole new
board: one request, one snapshot, so no reader ever sees two of them mixed. docs/decisions/0030 says why not by push.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from gateway.context import context_of, require_reader
from gateway.metric_lines import DOMAINS, MetricLine, Reading
from gateway.pages import page
from gateway.tokens import READ
from ops_assets.trust import trust_of
from resources.serving import Snapshot

router = APIRouter(include_in_schema=False)


@router.get("/board")
def board(request: Request, seen: Annotated[str, Query(max_length=80)] = "") -> Response:
    """The board; 204 where ``seen`` is still what it would show."""
    require_reader(request, READ)
    context = context_of(request)
    snapshot = context.snapshots.current()
    if snapshot is None:
        return page(request, "nothing_published.html", status=503)
    mark = _mark(snapshot, request)
    if seen == mark:
        return Response(status_code=204)
    reading = Reading(request, snapshot)
    lines = reading.lines()
    # A snapshot from before boards marks none as key; all of them are better than an empty page.
    key = [line for line in lines if line.is_key] or lines
    shown = [line for line in key if line.state != "unavailable"]
    changes = {line.name: reading.change(line) for line in shown}
    reached = [line.on_target for line in shown if line.on_target is not None]
    return page(
        request,
        "board.html",
        snapshot=snapshot,
        mark=mark,
        reading=reading,
        domains=[(domain, _of(shown, domain)) for domain in DOMAINS],
        away=[line.label for line in key if line.state == "unavailable"],
        changes=changes,
        trusted=sum(line.trust.state == "trusted" for line in shown),
        total=len(shown),
        on_target=reached.count(True),
        targets=len(reached),
        worse=sum(change is not None and change.verdict == "worse" for change in changes.values()),
    )


def _of(lines: list[MetricLine], domain: str) -> list[MetricLine]:
    return [line for line in lines if line.domain == domain]


def _mark(snapshot: Snapshot, request: Request) -> str:
    """Changes with the snapshot, and with the states that only the clock changes: figures grow stale by themselves."""
    states = "".join(f"{name}{one.state}" for name, one in trust_of(snapshot, context_of(request).clock.now()).items())
    return f"{snapshot.id}-{hashlib.sha256(states.encode()).hexdigest()[:8]}"
