"""Web API methods about files, and the addresses that they give out: files.*."""

from __future__ import annotations

import hmac
import json
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from gateway.embedded_slack.errors import SlackError
from gateway.embedded_slack.files import LARGEST_FILE, file_object
from gateway.embedded_slack.members import BOT_USER
from gateway.embedded_slack.web_api import Arguments
from gateway.embedded_slack.workspace import Workspace

# Shown in the page itself; everything else is a download.
_SHOWN = frozenset({"image/png", "image/jpeg", "image/gif"})


def upload_address(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    name = arguments.required("filename")
    try:
        length = int(arguments.required("length"))
    except ValueError:
        raise SlackError("invalid_arguments", "length must be a number") from None
    file = workspace.files.announce(name, length, BOT_USER)
    return {"upload_url": f"{workspace.public_url}/upload/{file.key}", "file_id": file.id}


def complete_upload(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    files = arguments.json("files", "invalid_arguments")
    if not isinstance(files, list) or not files or not all(isinstance(one, dict) and one.get("id") for one in files):
        raise SlackError("invalid_arguments", "files must be a list of objects with an id")
    done = [workspace.files.complete(str(one["id"]), str(one.get("title") or "")) for one in files]
    return {"files": [file_object(one, workspace.public_url) for one in done]}


def file_info(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    file = workspace.files.required(arguments.required("file", "file_not_found"))
    return {"file": file_object(file, workspace.public_url)}


def file_routes(workspace: Workspace) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.post("/upload/{key}")
    async def upload(key: str, request: Request) -> Response:
        """Takes the bytes of an announced file; the key in the address is what allows it."""
        content = b""
        async for part in request.stream():
            content += part
            if len(content) > LARGEST_FILE:
                return Response("too large", 413)
        try:
            await run_in_threadpool(workspace.files.fill, key, content)
        except SlackError as error:
            return Response(str(error), 400)
        return Response("OK", media_type="text/plain")

    @router.get("/files-pri/{file_id}/{name}")
    def private(file_id: str, name: str, request: Request) -> Response:
        """The content for whoever has the app's token."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not hmac.compare_digest(token.encode(), workspace.secrets.bot_token.encode()):
            return Response("<html>Sign in</html>", media_type="text/html")
        return _content(workspace, file_id)

    @router.get("/files/{file_id}")
    def shown(file_id: str) -> Response:
        """The content for the page, which anybody on this machine sees."""
        return _content(workspace, file_id)

    return router


def _content(workspace: Workspace, file_id: str) -> Response:
    try:
        file, content = workspace.files.required(file_id), workspace.files.content(file_id)
    except SlackError as error:
        return JSONResponse(json.loads(json.dumps(error.body())), 404)
    kind = file.mimetype if file.mimetype in _SHOWN else "application/octet-stream"
    place = "inline" if file.mimetype in _SHOWN else "attachment"
    headers = {
        "Content-Disposition": f"{place}; filename*=UTF-8''{quote(file.name)}",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=kind, headers=headers)
