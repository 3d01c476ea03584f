"""A small Slack on loopback that speaks the Web API's real protocol over HTTP: form bodies in, JSON answers out.

It keeps channels and messages, and can be told to fail: to limit the rate, to refuse, to break off before or after an
action took effect. It knows nothing of Trueloop.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from resources.people import Directory
from resources.slack import SlackClient


@dataclass
class SlackServer:
    """The state of the fake workspace. ``trouble`` is asked before each call; see :meth:`Handler.do_POST`."""

    users: dict[str, str] = field(default_factory=dict)  # e-mail -> user id
    channels: dict[str, str] = field(default_factory=dict)  # channel id -> name
    messages: list[dict[str, Any]] = field(default_factory=list)
    posted: int = 0
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    trouble: Callable[[str, dict[str, Any]], str | None] = lambda _method, _form: None
    lock: threading.Lock = field(default_factory=threading.Lock)
    _http: ThreadingHTTPServer | None = None

    def start(self) -> SlackServer:
        server = self

        class Bound(Handler):
            slack = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        assert self._http is not None
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        assert self._http is not None
        return f"http://127.0.0.1:{self._http.server_address[1]}/api/"

    def client(self, timeout: int = 5) -> SlackClient:
        return SlackClient("xoxb-test", base_url=self.url, timeout=timeout)

    def knows(self, directory: Directory) -> None:
        """The people of the test's directory are the users; person ``p1`` is user ``UP1``."""
        self.users = {person.address("small"): f"U{i.upper()}" for i, person in directory.people.items()}

    def top(self) -> list[dict[str, Any]]:
        """Messages that are no replies."""
        return [m for m in self.messages if "thread_ts" not in m]

    def count(self, method: str) -> int:
        return sum(1 for name, _ in self.calls if name == method)

    def handle(self, method: str, form: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            handler = getattr(self, f"_{method.replace('.', '_').lower()}", None)
            if handler is None:
                return {"ok": False, "error": "unknown_method"}
            answer: dict[str, Any] = handler(form)
            return answer

    def _auth_test(self, form: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "user_id": "UBOT"}

    def _users_lookupbyemail(self, form: dict[str, Any]) -> dict[str, Any]:
        user = self.users.get(form["email"])
        return {"ok": True, "user": {"id": user}} if user else {"ok": False, "error": "users_not_found"}

    def _conversations_open(self, form: dict[str, Any]) -> dict[str, Any]:
        if form["users"] not in self.users.values():
            return {"ok": False, "error": "user_not_found"}
        return {"ok": True, "channel": {"id": f"D{form['users']}"}}

    def _conversations_list(self, form: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "channels": [{"id": i, "name": n} for i, n in self.channels.items()]}

    def _chat_postmessage(self, form: dict[str, Any]) -> dict[str, Any]:
        self.posted += 1
        ts = f"1700000000.{self.posted:06d}"
        message = {"channel": form["channel"], "ts": ts, "text": form["text"], "blocks": form.get("blocks", [])}
        message |= {name: form[name] for name in ("thread_ts", "metadata") if name in form}
        self.messages.append(message)
        return {"ok": True, "channel": form["channel"], "ts": ts, "message": message}

    def _chat_update(self, form: dict[str, Any]) -> dict[str, Any]:
        for message in self.messages:
            if (message["channel"], message["ts"]) == (form["channel"], form["ts"]):
                message["text"], message["blocks"] = form["text"], form.get("blocks", [])
                message["edits"] = message.get("edits", 0) + 1
                return {"ok": True, "channel": form["channel"], "ts": form["ts"], "text": form["text"]}
        return {"ok": False, "error": "message_not_found"}

    def _chat_delete(self, form: dict[str, Any]) -> dict[str, Any]:
        left = [m for m in self.messages if (m["channel"], m["ts"]) != (form["channel"], form["ts"])]
        if len(left) == len(self.messages):
            return {"ok": False, "error": "message_not_found"}
        self.messages[:] = left
        return {"ok": True, "channel": form["channel"], "ts": form["ts"]}

    def _conversations_history(self, form: dict[str, Any]) -> dict[str, Any]:
        found = [m for m in reversed(self.top()) if m["channel"] == form["channel"]]
        start, limit = int(form.get("cursor") or 0), int(form.get("limit", 100))
        after = str(start + limit) if len(found) > start + limit else ""
        return {
            "ok": True,
            "messages": found[start : start + limit],
            "response_metadata": {"next_cursor": after},
        }

    def _conversations_replies(self, form: dict[str, Any]) -> dict[str, Any]:
        found = [m for m in self.messages if form["ts"] in (m["ts"], m.get("thread_ts"))]
        return {"ok": True, "messages": found}


class Handler(BaseHTTPRequestHandler):
    """Answers ``POST /api/<method>``. Trouble: ``429:<seconds>``, ``500``, ``html``, ``lost`` (done, answer lost),
    ``dropped`` (not done, connection closed), or an error code to refuse with."""

    slack: SlackServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        method = self.path.removeprefix("/api/")
        form = {name: _value(values[0]) for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        if self.headers.get("Authorization") != "Bearer xoxb-test":
            self._answer({"ok": False, "error": "invalid_auth"})
            return
        self.slack.calls.append((method, form))
        trouble = self.slack.trouble(method, form)
        if trouble is None:
            self._answer(self.slack.handle(method, form))
        elif trouble.startswith("429:"):
            self._answer({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": trouble[4:]})
        elif trouble == "500":
            self._answer({"ok": False, "error": "internal_error"}, 500)
        elif trouble == "html":
            self._raw(b"<html>gateway timeout</html>", 504, "text/html")
        elif trouble in ("lost", "dropped"):
            if trouble == "lost":
                self.slack.handle(method, form)
            self.close_connection = True
            self.connection.close()
        else:
            self._answer({"ok": False, "error": trouble})

    def _answer(self, body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._raw(json.dumps(body).encode(), status, "application/json", headers)

    def _raw(self, body: bytes, status: int, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        return None


def _value(text: str) -> Any:
    if text[:1] in "[{":
        return json.loads(text)
    return text
