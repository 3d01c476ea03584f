"""``POST /slack/events``: Slack's requests, handed to Bolt in a worker thread, so that the event loop stays free.

Bolt's own adapter calls its dispatcher on the event loop. There a listener that asks the embedded Slack, which this
very process serves, would wait for itself. What was signed is taken once: the same signature again is a replay.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from fastapi import APIRouter, Request, Response
from slack_bolt import App
from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response
from slack_sdk.signature import SignatureVerifier
from starlette.concurrency import run_in_threadpool

from gateway.problems import Problem

# Slack's signatures are good for five minutes, on both sides of our clock.
_SECONDS_KEPT = 620.0
_REFUSAL = '{"error": "invalid request"}'


def slack_routes(bolt: App, signing_secret: str) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    verifier = SignatureVerifier(signing_secret)
    seen = SeenSignatures()

    @router.post("/slack/events")
    async def slack_events(request: Request) -> Response:
        body = await request.body()
        try:
            body.decode("utf-8")
        except UnicodeDecodeError:
            raise Problem(400, "The body is not UTF-8 text, so it is no request of Slack.") from None
        signature = _only(request, "x-slack-signature")
        timestamp = _only(request, "x-slack-request-timestamp")
        if not (timestamp.isascii() and timestamp.isdigit() and verifier.is_valid(body, timestamp, signature)):
            return Response(_REFUSAL, 401, media_type="application/json")
        if not seen.first(signature):
            return Response(_REFUSAL, 401, media_type="application/json")
        response = await run_in_threadpool(lambda: bolt.dispatch(to_bolt_request(request, body)))
        if response.status >= 500:
            # Nothing was taken, so Slack may send the very same again.
            seen.forget(signature)
        return to_starlette_response(response)

    return router


class SeenSignatures:
    """Signatures of the last minutes. Kept by this process: what another one took cannot move a task twice either,
    since every command names the task's version.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def first(self, signature: str) -> bool:
        """Note a valid signature; False where it was seen before."""
        now = time.monotonic()
        with self._lock:
            while self._seen and next(iter(self._seen.values())) < now - _SECONDS_KEPT:
                self._seen.popitem(last=False)
            if signature in self._seen:
                return False
            self._seen[signature] = now
            return True

    def forget(self, signature: str) -> None:
        with self._lock:
            self._seen.pop(signature, None)


def _only(request: Request, name: str) -> str:
    """The one value of a header; empty where it stands twice, since nobody could say which one was meant."""
    values = request.headers.getlist(name)
    return values[0] if len(values) == 1 else ""
