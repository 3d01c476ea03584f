"""The Slack Web API as the platform calls it: a thin typed wrapper over slack_sdk.

Belongs here: one method per Web API method that we call, and the three ways in which a call can fail. Does not
belong here: what to say (workflow_jobs.slack.cards) and when to try again (workflow_jobs.delivery.outbox). slack_sdk's
own retries are off, since a silent second post is exactly what the outbox has to recognise.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook import WebhookClient

SLACK_API_URL = "https://slack.com/api/"
JsonObject = Mapping[str, Any]
# Codes with which Slack says that part of the call may have taken effect.
_UNKNOWN_OUTCOME = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})


class SlackError(Exception):
    """Base of the failures of a Slack call."""


class SlackRefused(SlackError):
    """Slack answered ``ok: false``; nothing was done. ``code`` is Slack's error code, such as ``channel_not_found``."""

    def __init__(self, method: str, code: str, detail: str = "") -> None:
        self.method = method
        self.code = code
        super().__init__(f"Slack refused {method}: {code}{f' ({detail})' if detail else ''}")


class SlackRateLimited(SlackError):
    """Slack asks to wait ``retry_after`` seconds; nothing was done."""

    def __init__(self, method: str, retry_after: float) -> None:
        self.method = method
        self.retry_after = retry_after
        super().__init__(f"Slack limits {method}: try again in {retry_after:g} s")


class SlackUnreachable(SlackError):
    """No answer, or one that is no Slack answer: whether the call took effect is unknown."""

    def __init__(self, method: str, reason: str) -> None:
        self.method = method
        super().__init__(f"no usable answer from Slack to {method}: {reason}")


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a message stands: Slack's channel id and message timestamp."""

    channel: str
    ts: str


class SlackClient:
    """Typed calls to Slack's Web API.

    ``base_url`` is Slack's own by default, or that of the embedded Slack. ``timeout`` is in seconds. Every method
    raises :class:`SlackRefused`, :class:`SlackRateLimited` or :class:`SlackUnreachable`.
    """

    def __init__(self, token: str, *, base_url: str = SLACK_API_URL, timeout: int = 10) -> None:
        url = base_url if base_url.endswith("/") else f"{base_url}/"
        self._web = WebClient(token=token, base_url=url, timeout=timeout, retry_handlers=[])
        self.base_url = url
        if _is_loopback(url):
            # A proxy of the environment would be asked for 127.0.0.1 of its own machine.
            self._web.proxy = None

    def auth_test(self) -> dict[str, Any]:
        """Who the token belongs to."""
        return self._call("auth.test", {})

    def post_message(
        self,
        channel: str,
        text: str,
        *,
        blocks: Sequence[JsonObject] | None = None,
        thread_ts: str | None = None,
        metadata: JsonObject | None = None,
    ) -> Posted:
        """Post one message; returns where it stands."""
        answer = self._call(
            "chat.postMessage",
            {
                "channel": channel,
                "text": text,
                "blocks": blocks,
                "thread_ts": thread_ts,
                "metadata": metadata,
                "unfurl_links": False,
                "unfurl_media": False,
            },
        )
        return Posted(channel=str(answer["channel"]), ts=str(answer["ts"]))

    def update_message(
        self,
        channel: str,
        ts: str,
        text: str,
        *,
        blocks: Sequence[JsonObject] | None = None,
        metadata: JsonObject | None = None,
    ) -> Posted:
        """Replace the text and blocks of a posted message."""
        answer = self._call(
            "chat.update",
            {"channel": channel, "ts": ts, "text": text, "blocks": blocks or [], "metadata": metadata},
        )
        return Posted(channel=str(answer.get("channel", channel)), ts=str(answer.get("ts", ts)))

    def post_ephemeral(self, channel: str, user: str, text: str, *, blocks: Sequence[JsonObject] | None = None) -> None:
        """Show a message to one person of a channel only."""
        self._call("chat.postEphemeral", {"channel": channel, "user": user, "text": text, "blocks": blocks})

    def open_dm(self, user: str) -> str:
        """Id of the direct-message channel with the user, opened if need be."""
        answer = self._call("conversations.open", {"users": user})
        return str(answer["channel"]["id"])

    def user_id_by_email(self, email: str) -> str:
        """Id of the Slack user with this address; :class:`SlackRefused` with ``users_not_found`` if there is none."""
        answer = self._call("users.lookupByEmail", {"email": email})
        return str(answer["user"]["id"])

    def user(self, user_id: str) -> dict[str, Any]:
        """Slack's record of one user, with the language of his client as ``locale`` where Slack knows it."""
        return dict(self._call("users.info", {"user": user_id, "include_locale": True})["user"])

    def channels(self) -> list[dict[str, Any]]:
        """All channels the app can see, with ``id`` and ``name``."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            answer = self._call(
                "conversations.list",
                {"limit": 200, "cursor": cursor or None, "types": "public_channel,private_channel"},
            )
            found.extend(answer["channels"])
            cursor = _next_cursor(answer)
            if not cursor:
                return found

    def history(self, channel: str, *, limit: int = 200, cursor: str | None = None) -> dict[str, Any]:
        """One page of a channel's messages, newest first, with their metadata."""
        return self._call(
            "conversations.history",
            {"channel": channel, "limit": limit, "cursor": cursor, "include_all_metadata": True},
        )

    def replies(self, channel: str, ts: str, *, limit: int = 200, cursor: str | None = None) -> dict[str, Any]:
        """One page of a thread, with the messages' metadata."""
        return self._call(
            "conversations.replies",
            {"channel": channel, "ts": ts, "limit": limit, "cursor": cursor, "include_all_metadata": True},
        )

    def delete_message(self, channel: str, ts: str) -> None:
        """Take back a message of our own; one that is gone already is no error."""
        try:
            self._call("chat.delete", {"channel": channel, "ts": ts})
        except SlackRefused as error:
            if error.code != "message_not_found":
                raise

    def find_by_metadata(
        self, channel: str, event_type: str, delivery_id: str, *, thread_ts: str | None = None, pages: int = 5
    ) -> Posted | None:
        """The message of the channel (or thread) whose metadata carry this delivery id, among the last pages."""
        return next(self.all_by_metadata(channel, event_type, delivery_id, thread_ts=thread_ts, pages=pages), None)

    def all_by_metadata(
        self, channel: str, event_type: str, delivery_id: str, *, thread_ts: str | None = None, pages: int = 5
    ) -> Iterator[Posted]:
        """Every message of the channel (or thread) whose metadata carry this delivery id, among the last pages."""
        cursor: str | None = None
        for _ in range(pages):
            page = (
                self.replies(channel, thread_ts, cursor=cursor) if thread_ts else self.history(channel, cursor=cursor)
            )
            for message in page.get("messages", ()):
                metadata = message.get("metadata") or {}
                payload = metadata.get("event_payload") or {}
                if metadata.get("event_type") == event_type and payload.get("delivery_id") == delivery_id:
                    yield Posted(channel=channel, ts=str(message["ts"]))
            cursor = _next_cursor(page)
            if not cursor:
                return

    def open_view(self, trigger_id: str, view: JsonObject) -> dict[str, Any]:
        """Open a modal in answer to a click; the trigger lives 3 seconds."""
        return self._call("views.open", {"trigger_id": trigger_id, "view": view})

    def update_view(
        self, view: JsonObject, *, view_id: str | None = None, external_id: str | None = None
    ) -> dict[str, Any]:
        """Replace an open modal, named by Slack's id or by ours."""
        return self._call("views.update", {"view_id": view_id, "external_id": external_id, "view": view})

    def publish_home(self, user_id: str, view: JsonObject) -> dict[str, Any]:
        """Set a user's App Home."""
        return self._call("views.publish", {"user_id": user_id, "view": view})

    def respond(self, response_url: str, text: str, *, blocks: Sequence[JsonObject] | None = None) -> None:
        """Answer a command or click through its response address; only the person sees it.

        Works in channels where the app is no member. The address lives half an hour and takes five answers.
        """
        webhook = WebhookClient(response_url, timeout=self._web.timeout, retry_handlers=[])
        if _is_loopback(response_url):
            webhook.proxy = None
        try:
            sent = None if blocks is None else [dict(block) for block in blocks]
            answer = webhook.send(text=text, blocks=sent, response_type="ephemeral", replace_original=False)
        except (SlackClientError, OSError, http.client.HTTPException, ValueError) as error:
            raise SlackUnreachable("response_url", f"{type(error).__name__}: {error}") from error
        if answer.status_code == 429:
            raise SlackRateLimited("response_url", _seconds({**answer.headers}.get("Retry-After")))
        if answer.status_code >= 500:
            raise SlackUnreachable("response_url", f"HTTP {answer.status_code}")
        if answer.status_code != 200:
            raise SlackRefused("response_url", str(answer.body)[:200] or f"HTTP {answer.status_code}")

    def upload(self, name: str, content: bytes, title: str) -> str:
        """Upload a file that messages of the app may show; returns its Slack id. It is shared with nobody by itself."""
        answer = self._call("files.getUploadURLExternal", {"filename": name, "length": len(content)})
        file_id = str(answer["file_id"])
        self._exchange("files.upload", str(answer["upload_url"]), content, {"Content-Type": "application/octet-stream"})
        self._call("files.completeUploadExternal", {"files": [{"id": file_id, "title": title}]})
        return file_id

    def file(self, file_id: str) -> dict[str, Any]:
        """Slack's record of a file: name, mimetype, size, user, url_private."""
        return dict(self._call("files.info", {"file": file_id})["file"])

    def download(self, url_private: str, most: int) -> bytes:
        """The content of a file by its private address.

        Raises SlackRefused with ``file_too_large`` beyond ``most`` bytes.
        """
        headers = {"Authorization": f"Bearer {self._web.token}"}
        content = self._exchange("files.download", url_private, None, headers, most + 1)
        if len(content) > most:
            raise SlackRefused("files.download", "file_too_large", f"more than {most} bytes")
        return content

    def _exchange(
        self, what: str, url: str, body: bytes | None, headers: Mapping[str, str], most: int = 1_000_000
    ) -> bytes:
        """Send bytes to, or read bytes from, an address that Slack gave."""
        if urlsplit(url).scheme not in ("https", "http") or (urlsplit(url).scheme == "http" and not _is_loopback(url)):
            raise SlackRefused(what, "bad_url", f"not an https address: {url[:100]}")
        handlers = [ProxyHandler({})] if _is_loopback(url) else []
        request = Request(url, data=body, headers=dict(headers))
        try:
            with build_opener(_NoRedirect(), *handlers).open(request, timeout=self._web.timeout) as answer:
                content: bytes = answer.read(most)
                if "text/html" in str(answer.headers.get("Content-Type", "")):
                    raise SlackRefused(what, "no_file", "Slack answered with a page; does the app have files:read?")
                return content
        except HTTPError as error:
            if error.code == 429:
                raise SlackRateLimited(what, _seconds(error.headers.get("Retry-After"))) from error
            if error.code >= 500:
                raise SlackUnreachable(what, f"HTTP {error.code}") from error
            raise SlackRefused(what, f"http_{error.code}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SlackUnreachable(what, f"{type(error).__name__}: {error}") from error

    def _call(self, method: str, arguments: JsonObject) -> dict[str, Any]:
        # Form-encoded with JSON for structures: every method takes it, while some take no JSON body.
        form = {
            name: json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list, tuple)) else value
            for name, value in arguments.items()
            if value is not None
        }
        try:
            data = self._web.api_call(method, data=form).data
        except SlackApiError as error:
            raise _translated(method, error) from error
        except (SlackClientError, OSError, http.client.HTTPException, ValueError) as error:
            raise SlackUnreachable(method, f"{type(error).__name__}: {error}") from error
        if not isinstance(data, dict):
            raise SlackUnreachable(method, "the answer is no JSON object")
        return data


class _NoRedirect(HTTPRedirectHandler):
    """The bot token is for the address that Slack named, and for no other."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _translated(method: str, error: SlackApiError) -> SlackError:
    response = error.response
    status = int(getattr(response, "status_code", 200) or 200)
    headers = {str(k).lower(): v for k, v in dict(getattr(response, "headers", None) or {}).items()}
    data = getattr(response, "data", response)
    code = data.get("error") if isinstance(data, dict) else None
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return SlackRateLimited(method, _seconds(headers.get("retry-after")))
    if status >= 500 or not code or code in _UNKNOWN_OUTCOME or " " in str(code):
        # slack_sdk puts the sentence "Received a response in a non-JSON format" where a code would stand.
        return SlackUnreachable(method, f"HTTP {status} {str(code or '')[:200]}".rstrip())
    detail = ""
    if isinstance(data, dict):
        detail = "; ".join(str(line) for line in (data.get("response_metadata") or {}).get("messages", ()))
    return SlackRefused(method, str(code), detail)


def _seconds(header: object) -> float:
    value = header[0] if isinstance(header, (list, tuple)) and header else header
    try:
        return max(1.0, float(str(value)))
    except ValueError:
        return 30.0


def _next_cursor(answer: JsonObject) -> str:
    return str((answer.get("response_metadata") or {}).get("next_cursor") or "")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
