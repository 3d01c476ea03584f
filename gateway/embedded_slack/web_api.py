"""The Web API of the embedded Slack: reading a call, checking its token, and answering as Slack does.

The methods themselves stand in ``api_*.py``. Slack answers 200 with ``ok: false`` to a wrong call; so does this.
"""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from gateway.embedded_slack.errors import SlackError
from gateway.embedded_slack.workspace import Workspace

Method = Callable[[Workspace, "Arguments"], dict[str, Any]]
_log = logging.getLogger(__name__)
_TRUE = {"1", "true", "yes", "on"}


class Arguments:
    """The arguments of one call, whether they came as a form, as JSON or in the query."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) not in (None, "")

    def text(self, name: str, default: str = "") -> str:
        value = self._values.get(name)
        return default if value is None else str(value)

    def required(self, name: str, error: str = "invalid_arguments") -> str:
        value = self.text(name)
        if not value:
            raise SlackError(error, f"missing required field: {name}")
        return value

    def flag(self, name: str) -> bool:
        return str(self._values.get(name, "")).lower() in _TRUE

    def limit(self, default: int, most: int) -> int:
        try:
            value = int(self._values.get("limit") or default)
        except (TypeError, ValueError):
            raise SlackError("invalid_limit") from None
        if value < 1:
            raise SlackError("invalid_limit")
        return min(value, most)

    def json(self, name: str, error: str) -> Any:
        """A structure: itself in a JSON body, JSON text in a form. None where it was not given."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise SlackError(error, f"{name} is not valid JSON") from None


def web_api(workspace: Workspace, methods: Mapping[str, Method], reading: frozenset[str]) -> APIRouter:
    """Routes ``/api/<method>``. ``reading`` methods also answer GET, as slack_sdk asks; others only POST."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/api/{name}", methods=["GET", "POST"])
    async def call(name: str, request: Request) -> Response:
        if request.method == "GET" and name in methods and name not in reading:
            return JSONResponse({"ok": False, "error": "method_not_supported_for_get"}, 405, {"Allow": "POST"})
        try:
            values = await _values(request)
        except SlackError as error:
            return JSONResponse(error.body())
        token = _token(request, values)
        return await run_in_threadpool(_answer, workspace, methods, name, token, values)

    return router


def _answer(
    workspace: Workspace, methods: Mapping[str, Method], name: str, token: str, values: Mapping[str, Any]
) -> Response:
    fault = workspace.faults.next_for(name)
    if fault is not None and fault.kind == "rate_limited":
        headers = {"Retry-After": str(fault.retry_after)}
        return JSONResponse({"ok": False, "error": "ratelimited"}, 429, headers)
    if fault is not None and fault.kind == "server_error":
        return Response("upstream error", 503, media_type="text/plain")
    if fault is not None and fault.kind == "error":
        return JSONResponse({"ok": False, "error": fault.error})
    try:
        method = methods.get(name)
        if method is None:
            raise SlackError("unknown_method", req_method=name)
        if name != "api.test":
            if not token:
                raise SlackError("not_authed")
            if not hmac.compare_digest(token.encode(), workspace.secrets.bot_token.encode()):
                raise SlackError("invalid_auth")
        workspace.refresh_members()
        answer: dict[str, Any] = {"ok": True, **method(workspace, Arguments(values))}
    except SlackError as error:
        return JSONResponse(error.body())
    if fault is not None and fault.kind == "lost_answer":
        return Response("upstream error", 500, media_type="text/plain")
    return JSONResponse(answer)


async def _values(request: Request) -> dict[str, Any]:
    values: dict[str, Any] = dict(request.query_params)
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "application/json":
        try:
            # slack_sdk names JSON as the type of an empty body, too.
            body = json.loads(await request.body() or b"{}")
        except ValueError:
            raise SlackError("invalid_json") from None
        if not isinstance(body, dict):
            raise SlackError("json_not_object")
        values |= body
    elif kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        async with request.form() as form:
            values |= {key: value for key, value in form.items() if isinstance(value, str)}
    return values


def _token(request: Request, values: Mapping[str, Any]) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    # Slack takes a token in a body, never from the query of an address.
    return "" if "token" in request.query_params else str(values.get("token") or "")
