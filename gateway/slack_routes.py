"""``POST /slack/events``: Slack's requests, handed to Bolt in a worker thread, so that the event loop stays free.

Bolt's own adapter calls its dispatcher on the event loop. There a listener that asks the embedded Slack, which this
very process serves, would wait for itself.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from slack_bolt import App
from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response
from starlette.concurrency import run_in_threadpool

from gateway.problems import Problem


def slack_routes(bolt: App) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.post("/slack/events")
    async def slack_events(request: Request) -> Response:
        body = await request.body()
        try:
            body.decode("utf-8")
        except UnicodeDecodeError:
            raise Problem(400, "The body is not UTF-8 text, so it is no request of Slack.") from None
        response = await run_in_threadpool(lambda: bolt.dispatch(to_bolt_request(request, body)))
        return to_starlette_response(response)

    return router
