"""Web API methods about modals and home tabs: views.*."""

from __future__ import annotations

import json
from typing import Any

from gateway.embedded_slack.api_messages import with_block_ids
from gateway.embedded_slack.block_rules import view_problems
from gateway.embedded_slack.errors import SlackError
from gateway.embedded_slack.views import View, view_object
from gateway.embedded_slack.web_api import Arguments
from gateway.embedded_slack.workspace import Workspace

_LARGEST_VIEW = 250_000


def checked_view(view: Any, kind: str | None = None) -> dict[str, Any]:
    """A view as Slack takes it in. Raises SlackError where Slack would refuse it."""
    if len(json.dumps(view, ensure_ascii=False).encode()) > _LARGEST_VIEW:
        raise SlackError("view_too_large")
    problems = view_problems(view)
    if problems or (kind and view["type"] != kind):
        raise SlackError("invalid_arguments", *(problems or [f"expected a view of type {kind}"]))
    return {**view, "blocks": with_block_ids(view["blocks"], "b")}


def _view(arguments: Arguments, kind: str) -> dict[str, Any]:
    view = arguments.json("view", "invalid_arguments")
    if view is None:
        raise SlackError("invalid_arguments", "missing required field: view")
    return checked_view(view, kind)


def open_view(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    body = _view(arguments, "modal")
    view = workspace.views.open(arguments.required("trigger_id", "invalid_trigger_id"), body, push=False)
    return {"view": view_object(view)}


def push_view(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    body = _view(arguments, "modal")
    view = workspace.views.open(arguments.required("trigger_id", "invalid_trigger_id"), body, push=True)
    return {"view": view_object(view)}


def update_view(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    body = _view(arguments, "modal")
    view: View | None = workspace.views.get(arguments.text("view_id"), arguments.text("external_id") or None)
    if view is None or view.kind != "modal":
        raise SlackError("not_found")
    return {"view": view_object(workspace.views.update(view, body, arguments.text("hash") or None))}


def publish_view(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    body = _view(arguments, "home")
    member = workspace.members.get(arguments.required("user_id", "invalid_arguments"))
    if member is None:
        raise SlackError("user_not_found")
    return {"view": view_object(workspace.views.publish(member.id, body, arguments.text("hash") or None))}
