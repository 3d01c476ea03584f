"""The page of the embedded Slack: what a chosen person sees. Reading only; whatever acts stands in ``acting.py``.

The open page asks once a second whether anything changed (a counter) and reloads its parts when it did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from fastapi import APIRouter, HTTPException, Request, Response
from starlette.responses import HTMLResponse

from gateway.embedded_slack.acting import SlashCommand
from gateway.embedded_slack.conversations import Channel
from gateway.embedded_slack.inputs import options_of
from gateway.embedded_slack.members import BOT_USER, Member
from gateway.embedded_slack.messages import Message
from gateway.embedded_slack.mrkdwn import TextRenderer
from gateway.embedded_slack.views import View
from gateway.embedded_slack.workspace import Workspace

_TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
_PEOPLE_SHOWN = 60
_GROUP_SECONDS = 300
_AVATARS = 8
HOME_TAB = "home"


@dataclass(frozen=True)
class Shown:
    """A message as the page shows it. ``joined``: by the same author within minutes, so without a second heading."""

    message: Message
    author: str
    is_app: bool
    initials: str
    colour: int
    time: str
    day: str
    joined: bool
    is_new: bool
    replies: int
    reactions: dict[str, list[str]]
    address: Mapping[str, str]


class Page:
    """Renders the parts of the page for one workspace. Times are shown in ``zone``."""

    def __init__(self, workspace: Workspace, zone: ZoneInfo, commands: Sequence[SlashCommand] = ()) -> None:
        self._workspace = workspace
        self._commands = commands
        self._zone = zone
        text = TextRenderer(self._user_name, self._channel_name, zone)
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.Undefined
        )
        self._environment.filters |= {"mrkdwn": text.mrkdwn, "text_object": text.text_object, "plain": text.plain}
        self._environment.globals |= {
            "initials": initials,
            "colour": colour,
            "options_of": options_of,
            "user_name": self._user_name,
            "all_members": workspace.members.all,
            "all_channels": workspace.conversations.public,
        }

    def whole(self, member: Member | None, channel: str, thread: str) -> str:
        if member is None:
            return self._render("choose.html", **self._people(""))
        current = self._current(member, channel)
        return self._render(
            "page.html",
            member=member,
            current=current,
            is_home=channel == HOME_TAB,
            thread=thread,
            changes=self._workspace.database.changes(),
            sidebar=self.sidebar(member, channel),
            messages=self.messages(member, channel, self._read_mark(member, current)),
            thread_part=self.thread(member, channel, thread) if thread else "",
            modal=self.modal(member),
            new_after=self._read_mark(member, current),
            commands=self._commands,
            **self._people(""),
        )

    def sidebar(self, member: Member, channel: str) -> str:
        current = self._current(member, channel)
        visible = self._workspace.conversations.visible_to(member.id)
        return self._render(
            "_sidebar.html",
            member=member,
            current_id=HOME_TAB if channel == HOME_TAB else current.id if current else "",
            channels=[one for one in visible if not one.is_im],
            direct=[one for one in visible if one.is_im],
            unread=self._workspace.conversations.unread(member.id),
        )

    def messages(self, member: Member, channel: str, new_after: str) -> str:
        current = self._current(member, channel)
        home = self._workspace.views.home(member.id) if channel == HOME_TAB else None
        is_home = channel == HOME_TAB
        shown = [] if current is None or is_home else self._shown(member, current, None, new_after)
        unread = bool(current and self._workspace.conversations.unread(member.id).get(current.id))
        return self._render(
            "_messages.html",
            member=member,
            current=current,
            home=home,
            shown=shown,
            in_thread=False,
            unread=unread,
            is_home=is_home,
        )

    def thread(self, member: Member, channel: str, thread: str) -> str:
        current = self._current(member, channel)
        shown = [] if current is None else self._shown(member, current, thread, "")
        return self._render("_thread.html", member=member, current=current, shown=shown, thread=thread, in_thread=True)

    def modal(self, member: Member) -> str:
        view: View | None = self._workspace.views.top(member.id)
        return self._render("_modal.html", member=member, view=view)

    def people(self, words: str, member: Member | None) -> str:
        return self._render("_people.html", chosen=member, **self._people(words))

    def _people(self, words: str) -> dict[str, Any]:
        waiting = self._workspace.conversations.unread_direct()
        found = self._workspace.members.search(words, 100_000)
        found.sort(key=lambda one: -waiting.get(one.id, 0))
        return {"people": found[:_PEOPLE_SHOWN], "people_found": len(found), "waiting": waiting, "words": words}

    def _current(self, member: Member, channel: str) -> Channel | None:
        """The conversation to show: the asked one if this person may see it, else their direct messages."""
        visible = self._workspace.conversations.visible_to(member.id)
        asked = next((one for one in visible if one.id == channel), None)
        return asked or next((one for one in visible if one.is_im), None) or next(iter(visible), None)

    def _read_mark(self, member: Member, channel: Channel | None) -> str:
        if channel is None:
            return ""
        row = self._workspace.database.row(
            "select ts from read_mark where user = ? and channel = ?", member.id, channel.id
        )
        return str(row["ts"]) if row else "0"

    def _shown(self, member: Member, channel: Channel, thread: str | None, new_after: str) -> list[Shown]:
        messages = self._workspace.messages.shown(channel.id, member.id, thread)
        replies = {} if thread else self._workspace.messages.reply_counts(channel.id)
        reactions = self._workspace.messages.reactions(channel.id)
        today = self._workspace.clock.now().astimezone(self._zone).date()
        shown: list[Shown] = []
        before: Message | None = None
        last_day = ""
        new_marked = False
        for message in messages:
            at = datetime.fromtimestamp(float(message.ts), UTC).astimezone(self._zone)
            day = _day_name(at.date(), today)
            is_new = bool(new_after) and not new_marked and message.ts > new_after and message.user != member.id
            new_marked = new_marked or is_new
            author = self._user_name(message.user) or message.user
            shown.append(
                Shown(
                    message=message,
                    author=author,
                    is_app=message.is_bot,
                    initials=initials(author),
                    colour=colour(message.user),
                    time=at.strftime("%H:%M"),
                    day="" if day == last_day else day,
                    joined=before is not None
                    and before.user == message.user
                    and before.only_for == message.only_for
                    and day == last_day
                    and float(message.ts) - float(before.ts) < _GROUP_SECONDS
                    and not message.blocks,
                    is_new=is_new,
                    replies=replies.get(message.ts, 0),
                    reactions=reactions.get(message.ts, {}),
                    address={"as": member.id, "channel": message.channel, "ts": message.ts},
                )
            )
            before, last_day = message, day
        return shown

    def _user_name(self, user_id: str) -> str | None:
        member = self._workspace.members.get(user_id)
        return None if member is None else member.real_name

    def _channel_name(self, channel_id: str) -> str | None:
        channel = self._workspace.conversations.find(channel_id)
        return None if channel is None else channel.name

    def _render(self, template: str, **values: Any) -> str:
        return self._environment.get_template(f"embedded_slack/{template}").render(BOT_USER=BOT_USER, **values)


def page_routes(workspace: Workspace, page: Page) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    def person(user_id: str) -> Member | None:
        workspace.refresh_members()
        member = workspace.members.get(user_id) if user_id and user_id != BOT_USER else None
        return member

    def required(request: Request) -> Member:
        member = person(request.query_params.get("as", ""))
        if member is None:
            raise HTTPException(404, "There is no such person in the directory. Choose one at the top of the page.")
        return member

    def query(request: Request, name: str) -> str:
        return request.query_params.get(name, "")

    @router.get("/")
    def whole(request: Request) -> Response:
        return _html(page.whole(person(query(request, "as")), query(request, "channel"), query(request, "thread")))

    @router.get("/part/sidebar")
    def sidebar(request: Request) -> Response:
        return _html(page.sidebar(required(request), query(request, "channel")))

    @router.get("/part/messages")
    def messages(request: Request) -> Response:
        return _html(page.messages(required(request), query(request, "channel"), query(request, "new")))

    @router.get("/part/thread")
    def thread(request: Request) -> Response:
        return _html(page.thread(required(request), query(request, "channel"), query(request, "thread")))

    @router.get("/part/modal")
    def modal(request: Request) -> Response:
        """The open dialog; 204 while it is the one on the page already, so that nothing typed is lost."""
        member = required(request)
        view = workspace.views.top(member.id)
        if query(request, "seen") == (f"{view.id}-{view.hash}" if view else ""):
            return Response(status_code=204)
        return _html(page.modal(member))

    @router.get("/people")
    def people(request: Request) -> Response:
        return _html(page.people(query(request, "q"), person(query(request, "as"))))

    @router.get("/pulse")
    def pulse(request: Request) -> Response:
        """204 while the page is up to date; otherwise a new counter, and the event that makes parts reload."""
        workspace.refresh_members()
        changes = workspace.database.changes()
        if query(request, "seen") == str(changes):
            return Response(status_code=204)
        html = page._render("_pulse.html", changes=changes)
        return _html(html, {"HX-Trigger": "slack-changed"})

    return router


def initials(name: str) -> str:
    """One or two letters for a picture; Chinese names give their last two characters."""
    words = [word for word in name.replace("(", " ").split() if word[:1].isalnum()]
    if not words:
        return "?"
    if not words[0].isascii():
        return words[0][-2:]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def colour(user_id: str) -> int:
    """Which of the eight picture colours a person has."""
    return sum(user_id.encode()) % _AVATARS


def _day_name(day: date, today: date) -> str:
    distance = (today - day).days
    if distance == 0:
        return "Today"
    if distance == 1:
        return "Yesterday"
    return f"{day:%A}, {day.day} {day:%B %Y}"


def _html(html: str, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    return HTMLResponse(html, headers={"Cache-Control": "no-store", **(headers or {})})
