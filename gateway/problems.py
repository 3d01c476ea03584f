"""Errors as problem+json (RFC 9457): a title, a sentence that helps, and never a stack trace."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ops_assets.access import AccessRefused

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)


UnknownPage = Callable[[Request], Response]
ProblemPage = Callable[[Request, int, str, Mapping[str, str]], Response]
"""Draws the page of an error, from its status, sentence and headers."""


class ProblemBody(BaseModel):
    """What every error answer contains."""

    type: str = Field("about:blank", description="Always about:blank: the title is the status' own.")
    title: str = Field(description="The HTTP status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What was wrong and what to do, in one or two sentences.")
    instance: str = Field("", description="The path that was asked for.")


class Problem(Exception):
    """Answers a request with an error. ``more`` adds members beside ``detail``."""

    def __init__(self, status: int, detail: str, *, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.more = more


def problem_response(
    status: int, detail: str, instance: str = "", headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
    }
    return JSONResponse(body | more, status, headers, media_type=MEDIA_TYPE)


class BodyTooLarge(HTTPException):
    """A body of more than ``limit`` bytes.

    An HTTPException, since FastAPI makes a 400 of all else that goes wrong while it reads a body.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"The body is larger than {limit:,} bytes. Send it in several requests.")


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entry of the errors that a route answers with."""
    return {
        status: {"model": ProblemBody, "description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {}}}
        for status in statuses
    }


def _wants_page(request: Request) -> bool:
    """Whether a browser asks for something to look at; programs ask for anything, or for JSON."""
    if request.method not in ("GET", "HEAD") or request.url.path.startswith("/api/"):
        return False
    kinds = [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")]
    return "text/html" in kinds


_SENTENCES = {
    404: "There is nothing at this address. The API is described at /docs.",
    405: "This address does not take this method. The API is described at /docs.",
}


def install_problems(app: FastAPI, *, unknown_page: UnknownPage, problem_page: ProblemPage) -> None:
    """Make every error of the application problem+json, the unexpected ones too.

    A browser that asks for an address which does not exist gets ``unknown_page`` instead, and ``problem_page`` for one
    that it may not see or that is not put right.
    """

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem), "registered for Problem"
        if _wants_page(request):
            return problem_page(request, error.status, error.detail, error.headers)
        return problem_response(error.status, error.detail, request.url.path, error.headers, **error.more)

    async def on_refused(request: Request, error: Exception) -> Response:
        if _wants_page(request):
            return problem_page(request, 403, str(error), {})
        return problem_response(403, str(error), request.url.path)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException), "registered for HTTPException"
        detail = str(error.detail)
        if error.status_code == 404 and _wants_page(request):
            return unknown_page(request)
        if detail == HTTPStatus(error.status_code).phrase:
            detail = _SENTENCES.get(error.status_code, detail)
        headers = dict(error.headers) if error.headers else None
        return problem_response(error.status_code, detail, request.url.path, headers)

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError), "registered for RequestValidationError"
        found = list(error.errors())
        if any(one["type"] == "json_invalid" for one in found):
            where = found[0]["loc"][-1]
            detail = f"The body is not valid JSON: the error is near character {where}."
            return problem_response(400, detail, request.url.path)
        errors = [{"where": ".".join(str(part) for part in one["loc"]), "message": one["msg"]} for one in found[:20]]
        detail = "; ".join(f"{one['where']}: {one['message']}" for one in errors[:3])
        detail = f"The request is not as described at /docs. {detail}."
        if _wants_page(request):
            return problem_page(request, 422, detail, {})
        return problem_response(422, detail, request.url.path, errors=errors)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(AccessRefused, on_refused)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_middleware(UnexpectedErrors)


class UnexpectedErrors:
    """ASGI middleware: logs what nobody expected and answers 500 without its inside.

    A handler for Exception would answer too, but Starlette raises again after it, and the server then cuts the
    connection that the client means to use for its next request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if started:
                raise
            _log.error("unexpected error at %s %s", scope["method"], scope["path"], exc_info=error)
            detail = "Something failed inside Trueloop; nothing was kept half done. The gateway's log says what."
            await problem_response(500, detail, scope["path"])(scope, receive, send)
