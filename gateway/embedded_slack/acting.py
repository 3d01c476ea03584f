"""What a person does on the page: press, submit, close, write, mark as read. Only POST, only from the page itself.

Each of these asks for a header that a form on another site cannot send, so that no page of the open web can act
through the browser of somebody who runs Trueloop.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse

from gateway.embedded_slack.api_messages import with_block_ids
from gateway.embedded_slack.api_views import checked_view
from gateway.embedded_slack.block_rules import block_problems
from gateway.embedded_slack.errors import SlackError
from gateway.embedded_slack.files import file_object
from gateway.embedded_slack.inputs import elements, entered, problems, state_values
from gateway.embedded_slack.interactions import Answer, AppLink
from gateway.embedded_slack.members import BOT_USER, Member
from gateway.embedded_slack.messages import Message
from gateway.embedded_slack.views import ResponseTarget, View
from gateway.embedded_slack.workspace import Workspace

_CHANGED = {"HX-Trigger": "slack-changed"}


@dataclass(frozen=True)
class SlashCommand:
    """A command of the app's manifest. ``usage`` are lines that the page offers while somebody types."""

    name: str
    description: str
    usage: tuple[str, ...] = ()


def acting_routes(workspace: Workspace, link: AppLink, commands: Sequence[SlashCommand] = ()) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.post("/act")
    async def act(request: Request) -> Response:
        """Press an element of a message, modal or home tab."""
        form = await _form(request)
        member = _member(workspace, form)
        holder: Message | View | None = (
            workspace.views.get(_one(form, "view"))
            if "view" in form
            else workspace.messages.get(_one(form, "channel"), _one(form, "ts"))
        )
        if holder is None or not _may_see(workspace, member, holder):
            return _notice("This message is not there any more.")
        blocks = holder.body["blocks"] if isinstance(holder, View) else holder.blocks
        found = next((e for e in elements(blocks) if e[0] == _one(form, "element")), None)
        if found is None:
            return _notice("This message has changed. Look at it again.")
        name, block, element = found
        given = {} if element["type"] == "button" else entered(element, form.get(name) or form.get("value", []))
        state = state_values(blocks, form)
        if isinstance(holder, View):
            payload = await run_in_threadpool(link.view_action, member, holder, element, block, given, state)
        else:
            payload = await run_in_threadpool(link.message_action, member, holder, element, block, given, state)
        answer = await link.deliver(payload)
        return _notice(answer.failure)

    @router.post("/submit")
    async def submit(request: Request) -> Response:
        """Submit a modal. The answer may close it, change it, or name what is wrong field by field."""
        form = await _form_with_files(workspace, request)
        member = _member(workspace, form)
        view = workspace.views.get(_one(form, "view"))
        if view is None or view.user != member.id:
            return _notice("This dialog was closed already.")
        wrong = problems(view.body["blocks"], form)
        if wrong:
            workspace.views.refuse(view, wrong, form)
            return _notice("")
        answer = await link.deliver(link.submission(member, view, form))
        if answer.failure:
            workspace.views.refuse(view, {}, form)
            return _notice(answer.failure)
        return _notice(await run_in_threadpool(_after_submission, workspace, view, answer, form))

    @router.post("/close")
    async def close(request: Request) -> Response:
        form = await _form(request)
        member = _member(workspace, form)
        view = workspace.views.get(_one(form, "view"))
        if view is None or view.user != member.id:
            return _notice("")
        cleared = bool(view.body.get("clear_on_close"))
        if cleared:
            workspace.views.clear(member.id)
        else:
            workspace.views.close(view)
        if view.body.get("notify_on_close"):
            answer = await link.deliver(link.closing(member, view, cleared=cleared))
            return _notice(answer.failure)
        return _notice("")

    @router.post("/write")
    async def write(request: Request) -> Response:
        """Post a message as the person, or send the slash command that he typed.

        A message is kept and shown; the app subscribes to no message events.
        """
        form = await _form(request)
        member = _member(workspace, form)
        channel = workspace.conversations.find(_one(form, "channel"))
        text = _one(form, "text").strip()
        if channel is None or (channel.is_im and channel.im_user != member.id):
            return _notice("This conversation is not there.")
        if text.startswith("/"):
            known = [one.name for one in commands]
            if text.split()[0] not in known:
                return _notice(f"{text.split()[0]} is no command here. There is: {', '.join(known) or 'none'}.")
            answer = await link.deliver_command(await run_in_threadpool(link.command, member, channel, text))
            if not answer.failure and answer.body:
                target = ResponseTarget(channel.id, "", member.id)
                await run_in_threadpool(_answered, workspace, target, answer.body)
            return _notice(answer.failure)
        if text:
            escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")[:40_000]
            posted = workspace.messages.post(channel.id, member.id, escaped, thread_ts=_one(form, "thread") or None)
            workspace.conversations.mark_read(member.id, channel.id, posted.ts)
        return _notice("")

    @router.post("/opened")
    async def opened(request: Request) -> Response:
        """Somebody looks at the app's Home tab: the app hears of it, as of Slack's ``app_home_opened``."""
        form = await _form(request)
        member = _member(workspace, form)
        answer = await link.deliver_event(await run_in_threadpool(link.home_opened, member))
        return _notice(answer.failure)

    @router.post("/read")
    async def read(request: Request) -> Response:
        form = await _form(request)
        member = _member(workspace, form)
        before = workspace.database.changes()
        workspace.conversations.mark_read(member.id, _one(form, "channel"), _one(form, "ts"))
        changed = workspace.database.changes() != before
        return Response(status_code=204, headers=_CHANGED if changed else {})

    @router.post("/response/{key}")
    async def response_url(key: str, request: Request) -> Response:
        """The response address that goes out with a click; the app posts here, not the page."""
        try:
            body = await request.json()
        except ValueError:
            return JSONResponse({"ok": False, "error": "invalid_json"}, 400)
        try:
            await run_in_threadpool(_respond, workspace, key, body if isinstance(body, dict) else {})
        except SlackError as error:
            return JSONResponse(error.body(), 404 if error.code in ("expired_url", "used_url") else 200)
        return JSONResponse({"ok": True})

    return router


def _after_submission(workspace: Workspace, view: View, answer: Answer, form: Mapping[str, list[str]]) -> str:
    """Do what the app's ``response_action`` says; returns a sentence where the app's answer is unusable."""
    action = answer.body.get("response_action")
    views = workspace.views
    try:
        if action is None:
            views.close(view)
        elif action == "errors":
            wrong = answer.body.get("errors")
            known = {block["block_id"] for block in view.body["blocks"] if block["type"] == "input"}
            if not isinstance(wrong, dict) or not wrong or not set(wrong) <= known:
                return "The app named an error of a field that this dialog does not have."
            views.refuse(view, {key: str(value) for key, value in wrong.items()}, dict(form))
        elif action == "update":
            views.update(view, checked_view(answer.body.get("view"), "modal"))
        elif action == "push":
            views.push_over(view.user, checked_view(answer.body.get("view"), "modal"))
        elif action == "clear":
            views.clear(view.user)
        else:
            return f"The app answered with an unknown response action ({action})."
    except SlackError as error:
        return f"The app answered with a view that Slack refuses: {error}."
    return ""


def _respond(workspace: Workspace, key: str, body: Mapping[str, Any]) -> None:
    _answered(workspace, workspace.views.use_response_url(key), body)


def _answered(workspace: Workspace, target: ResponseTarget, body: Mapping[str, Any]) -> None:
    """Show what the app answered to a click or command."""
    message = workspace.messages.get(target.channel, target.ts)
    if body.get("delete_original"):
        if message is not None:
            workspace.messages.delete(message)
        return
    blocks = body.get("blocks")
    text = str(body.get("text") or "")
    if blocks is None and not text:
        raise SlackError("no_text")
    if blocks is not None and (wrong := block_problems(blocks)):
        raise SlackError("invalid_blocks", *wrong)
    named = with_block_ids(blocks, "b") or []
    if body.get("replace_original") and message is not None:
        workspace.messages.update(message, text, named, message.metadata)
        return
    only_for = None if body.get("response_type") == "in_channel" else target.user
    thread_ts = body.get("thread_ts") or (message.thread_ts if message else None)
    workspace.messages.post(target.channel, BOT_USER, text, named, thread_ts=thread_ts, only_for=only_for)


def _may_see(workspace: Workspace, member: Member, holder: Message | View) -> bool:
    if isinstance(holder, View):
        return holder.user == member.id
    channel = workspace.conversations.find(holder.channel)
    if channel is None or (channel.is_im and channel.im_user != member.id):
        return False
    return holder.only_for in (None, member.id)


async def _form(request: Request) -> dict[str, list[str]]:
    if request.headers.get("hx-request") != "true":
        raise HTTPException(403, "Only the page itself may act: the header HX-Request is missing.")
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        # The dialog's other buttons send its fields as its submission does; their files are of no interest here.
        fields: dict[str, list[str]] = {}
        async with request.form(max_fields=500, max_files=50) as form:
            for name, value in form.multi_items():
                if isinstance(value, str):
                    fields.setdefault(name, []).append(value)
        return fields
    body = (await request.body()).decode("utf-8", "replace")
    return parse_qs(body, keep_blank_values=True, max_num_fields=500)


async def _form_with_files(workspace: Workspace, request: Request) -> dict[str, list[str]]:
    """The fields of a submitted dialog. A file is taken into the workspace, and stands as JSON in its field."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await _form(request)
    if request.headers.get("hx-request") != "true":
        raise HTTPException(403, "Only the page itself may act: the header HX-Request is missing.")
    fields: dict[str, list[str]] = {}
    async with request.form(max_fields=500, max_files=50) as form:
        member = str(form.get("as") or "")
        for name, value in form.multi_items():
            if isinstance(value, str):
                fields.setdefault(name, []).append(value)
            elif value.filename:
                content = await value.read()
                try:
                    added = await run_in_threadpool(workspace.files.add, value.filename, content, member)
                except SlackError as error:
                    raise HTTPException(413, f"{value.filename} cannot be added: {error}.") from None
                fields.setdefault(name, []).append(json.dumps(file_object(added, workspace.public_url)))
    return fields


def _one(form: Mapping[str, list[str]], name: str) -> str:
    values = form.get(name)
    return values[0] if values else ""


def _member(workspace: Workspace, form: Mapping[str, list[str]]) -> Member:
    member = workspace.members.get(_one(form, "as"))
    if member is None or member.id == BOT_USER:
        raise HTTPException(404, "There is no such person in the directory. Choose one at the top of the page.")
    return member


def _notice(sentence: str) -> HTMLResponse:
    """The content of the page's notice line; empty where all is well. The open page then shows what changed."""
    html = f'<p role="alert">{escape(sentence)}</p>' if sentence else ""
    return HTMLResponse(html, headers=_CHANGED)
