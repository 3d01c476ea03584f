"""Slack's mrkdwn and plain text as HTML. Everything that is not markup is escaped: messages carry names from files."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo

from markupsafe import Markup

_EMOJI = {
    "white_check_mark": "✅", "heavy_check_mark": "✔️", "x": "❌", "warning": "⚠️", "rotating_light": "🚨",
    "hourglass": "⌛", "hourglass_flowing_sand": "⏳", "alarm_clock": "⏰", "bell": "🔔", "eyes": "👀",
    "memo": "📝", "clipboard": "📋", "chart_with_upwards_trend": "📈", "chart_with_downwards_trend": "📉",
    "bar_chart": "📊", "package": "📦", "truck": "🚚", "factory": "🏭", "gear": "⚙️", "moneybag": "💰",
    "red_circle": "🔴", "large_yellow_circle": "🟡", "large_green_circle": "🟢", "large_blue_circle": "🔵",
    "large_orange_circle": "🟠", "white_circle": "⚪", "no_entry": "⛔", "lock": "🔒", "link": "🔗",
    "information_source": "ℹ️", "arrow_right": "➡️", "arrow_up": "⬆️", "repeat": "🔁", "recycle": "♻️",
    "tada": "🎉", "thumbsup": "👍", "+1": "👍", "thumbsdown": "👎", "-1": "👎", "pray": "🙏", "wave": "👋",
    "question": "❓", "exclamation": "❗", "busts_in_silhouette": "👥", "bust_in_silhouette": "👤", "calendar": "📅",
    "date": "📅", "mag": "🔍", "loudspeaker": "📢", "speech_balloon": "💬", "fire": "🔥", "checkered_flag": "🏁",
    "arrows_counterclockwise": "🔄", "stopwatch": "⏱️", "bulb": "💡", "point_right": "👉", "heart": "❤️",
}  # fmt: skip
_TOKEN = re.compile(r"```(?P<pre>.+?)```|`(?P<code>[^`\n]+)`|<(?P<link>[^<>\n]+)>", re.DOTALL)
# A pair of markers formats only where it stands at the edge of words, as in Slack: 2*3*4 stays as it is.
_STYLES = tuple(
    (re.compile(rf"(?<![\w{mark}]){mark}(?=\S)([^\n]*?\S){mark}(?![\w{mark}])"), tag)
    for mark, tag in ((r"\*", "strong"), ("_", "em"), ("~", "s"))
)
_SAFE_ADDRESS = re.compile(r"^(https?://|mailto:|/)", re.IGNORECASE)
Lookup = Callable[[str], str | None]


class TextRenderer:
    """Turns Slack's text into HTML. ``user`` and ``channel`` give the shown name of an id, or None."""

    def __init__(self, user: Lookup, channel: Lookup, zone: ZoneInfo) -> None:
        self._user = user
        self._channel = channel
        self._zone = zone

    def text_object(self, text: object) -> Markup:
        """A text object of a block: ``{"type": "mrkdwn"|"plain_text", "text": ...}``."""
        if not isinstance(text, dict):
            return Markup("")
        content = str(text.get("text", ""))
        if text.get("type") == "mrkdwn":
            return self.mrkdwn(content)
        return self.plain(content, emoji=bool(text.get("emoji", True)))

    def plain(self, text: str, *, emoji: bool = True) -> Markup:
        html = escape(text, quote=True).replace("\n", "<br>")
        return Markup(_with_emoji(html) if emoji else html)

    def mrkdwn(self, text: str) -> Markup:
        html, position = "", 0
        for token in _TOKEN.finditer(text):
            html += self._running(text[position : token.start()])
            if token["pre"] is not None:
                html += f"<pre>{_escaped(token['pre'].strip(chr(10)))}</pre>"
            elif token["code"] is not None:
                html += f"<code>{_escaped(token['code'])}</code>"
            else:
                # A private-use character keeps the place of finished HTML while styles are applied around it.
                html += self._special(token["link"])
            position = token.end()
        html += self._running(text[position:])
        for pattern, tag in _STYLES:
            html = _outside_tags(pattern, rf"<{tag}>\1</{tag}>", html)
        return Markup(_quotes(html))

    def _running(self, text: str) -> str:
        return _with_emoji(_escaped(text))

    def _special(self, link: str) -> str:
        body, _, label = link.partition("|")
        if body.startswith("@"):
            return f'<span class="mention">@{escape(self._user(body[1:]) or label or body[1:])}</span>'
        if body.startswith("#"):
            return f'<span class="mention">#{escape(self._channel(body[1:]) or label or body[1:])}</span>'
        if body.startswith("!date^"):
            return f"<span>{escape(self._date(body, label))}</span>"
        if body.startswith("!"):
            return f'<span class="mention">@{escape(label or body[1:].partition("^")[0])}</span>'
        if not _SAFE_ADDRESS.match(body):
            return _escaped(f"<{link}>")
        shown = _escaped(label) if label else _escaped(body.removeprefix("mailto:"))
        return f'<a href="{_escaped(body)}" target="_blank" rel="noopener noreferrer">{shown}</a>'

    def _date(self, body: str, fallback: str) -> str:
        parts = body.split("^")
        try:
            local = datetime.fromtimestamp(int(parts[1]), UTC).astimezone(self._zone)
        except (ValueError, IndexError, OverflowError):
            return fallback
        forms = {
            "date_num": "%Y-%m-%d", "date": "%B %d, %Y", "date_short": "%b %d, %Y", "date_long": "%A, %B %d, %Y",
            "date_pretty": "%B %d, %Y", "date_short_pretty": "%b %d, %Y", "date_long_pretty": "%A, %B %d, %Y",
            "time": "%H:%M", "time_secs": "%H:%M:%S",
        }  # fmt: skip
        text = parts[2] if len(parts) > 2 else fallback
        return re.sub(r"\{(\w+)\}", lambda m: local.strftime(forms.get(m[1], m[0])), text)


def _escaped(text: str) -> str:
    """HTML of text in which Slack's three entities are already written as such."""
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return escape(text, quote=True)


def _with_emoji(html: str) -> str:
    return re.sub(r":([a-z0-9_+-]+):", lambda m: _EMOJI.get(m[1], m[0]), html)


def _outside_tags(pattern: re.Pattern[str], by: str, html: str) -> str:
    """Apply a style to the text of the HTML, never inside tags or code."""
    parts = re.split(r"(<pre>.*?</pre>|<code>.*?</code>|<a .*?</a>|<span.*?</span>|<br>)", html, flags=re.DOTALL)
    kept = {f"\ue000{at}\ue001": part for at, part in enumerate(parts) if at % 2}
    text = "".join(part if at % 2 == 0 else f"\ue000{at}\ue001" for at, part in enumerate(parts))
    text = pattern.sub(by, text)
    for key, part in kept.items():
        text = text.replace(key, part)
    return text


def _quotes(html: str) -> str:
    """Lines that begin with > become a quotation; the other line ends become breaks, except inside pre."""
    chunks = re.split(r"(<pre>.*?</pre>)", html, flags=re.DOTALL)
    out = []
    for at, chunk in enumerate(chunks):
        if at % 2:
            out.append(chunk)
            continue
        lines: list[str] = []
        for line in chunk.split("\n"):
            quoted = line.startswith("&gt;")
            shown = line[4:].lstrip() if quoted else line
            if quoted and lines and lines[-1].endswith("</blockquote>"):
                lines[-1] = lines[-1].removesuffix("</blockquote>") + f"<br>{shown}</blockquote>"
            else:
                lines.append(f"<blockquote>{shown}</blockquote>" if quoted else shown)
        text = ""
        for number, line in enumerate(lines):
            joint = "" if number == 0 or "<blockquote>" in (line + lines[number - 1]) else "<br>"
            text += joint + line
        out.append(text)
    return "".join(out)
