"""Refuses addresses that name the character U+0000: no text has it, and PostgreSQL takes none to look for."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.problems import problem_response

_DETAIL = (
    "The address holds the character U+0000 (%00), which no name, filter or search can have. Ask again without it."
)


class PlainAddresses:
    """ASGI middleware: 422 where path or query hold a NUL, in front of every route.

    Bytes that are no UTF-8 need nothing here: they are read as U+FFFD, so no half of a character reaches a route.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and ("\0" in scope["path"] or b"\0" in unquote_to_bytes(scope["query_string"])):
            path = scope["path"].replace("\0", "%00")
            await problem_response(422, _DETAIL, path)(scope, receive, send)
            return
        await self._app(scope, receive, send)
