"""The embedded Slack as one ASGI application, mounted by the gateway under ``/embedded-slack``."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.embedded_slack.acting import SlashCommand, acting_routes
from gateway.embedded_slack.api_files import file_routes
from gateway.embedded_slack.api_methods import METHODS, READING
from gateway.embedded_slack.interactions import ACK_LIMIT_SECONDS, AppLink
from gateway.embedded_slack.page import Page, page_routes
from gateway.embedded_slack.web_api import web_api
from gateway.embedded_slack.workspace import Workspace

_POLICY = (
    "default-src 'self'; img-src 'self' data: https:; script-src 'self'; style-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)


def create_embedded_slack(
    workspace: Workspace,
    *,
    events_url: str,
    public_url: str,
    zone: ZoneInfo,
    ack_limit: float = ACK_LIMIT_SECONDS,
    commands: Sequence[SlashCommand] = (),
) -> ASGIApp:
    """The Web API, the page and the line to the app at ``events_url``. Answers only on the loopback address."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.workspace = workspace
    workspace.public_url = public_url
    app.state.link = AppLink(workspace, events_url=events_url, public_url=public_url, ack_limit=ack_limit)
    app.include_router(web_api(workspace, METHODS, READING))
    app.include_router(file_routes(workspace))
    app.include_router(page_routes(workspace, Page(workspace, zone, commands)))
    app.include_router(acting_routes(workspace, app.state.link, commands))
    return _LoopbackOnly(app)


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine alone."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class _LoopbackOnly:
    """Refuses what does not come from this machine, and names that a foreign page made point at it.

    The bind is refused at start-up already; this stays true under whatever server the application is put.
    """

    def __init__(self, app: ASGIApp, allowed: Callable[[str], bool] = is_loopback) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        ends = [end[0] for end in (scope.get("server"), scope.get("client")) if end]
        if not self._allowed(name) or not all(self._allowed(end) for end in ends):
            refusal = PlainTextResponse("The embedded Slack answers on the loopback address only.", 403)
            await refusal(scope, receive, send)
            return

        async def send_with_policy(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                assert isinstance(headers, list), "ASGI headers are a list"
                headers.append((b"content-security-policy", _POLICY.encode()))
                headers.append((b"referrer-policy", b"no-referrer"))
            await send(message)

        await self._app(scope, receive, send_with_policy)  # type: ignore[arg-type]
