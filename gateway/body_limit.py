"""Refuses bodies over the limit: at once where the header says so, else as soon as too much has come."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.problems import BodyTooLarge, problem_response


class BodyLimit:
    """ASGI middleware; ``most`` is in bytes. FastAPI's own limit answers in plain text, so it is not used.

    ``larger`` has the limits of addresses that take files: a pattern of the whole path, and bytes.
    """

    def __init__(self, app: ASGIApp, most: int, larger: Sequence[tuple[str, int]] = ()) -> None:
        self._app = app
        self._usual = most
        self._larger = [(re.compile(pattern), limit) for pattern, limit in larger]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limits = [limit for pattern, limit in self._larger if pattern.fullmatch(scope["path"])]
        most = max([self._usual, *limits])
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > most:
            await problem_response(413, BodyTooLarge(most).detail, scope["path"])(scope, receive, send)
            return
        came = 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > most:
                raise BodyTooLarge(most)
            return message

        await self._app(scope, counted, send)
