"""How figures, instants, roles and texts from elsewhere are written on Slack's cards, in English and Chinese.

Belongs here: formatting of single values. Does not belong here: which values a card shows (cards), the
cards' own words (card_words).
Pure: no clock, no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from workflow_jobs.engine.parts import Text
from workflow_jobs.slack.button_seal import Seal, unsealed
from workflow_jobs.slack.card_words import WORDS
from workflow_jobs.slack.role_words import role_in_sentence

# An escaped character or a link that has begun and not ended: text that is escaped has no other "&" and "<".
_CUT_IN_TWO = re.compile(r"(?:<[^<>]*|&[a-z]{0,3})\Z")
# Marks of mrkdwn, and what looks like them: Slack knows no escape for them. "_" is one at the edge of a word only.
_MARKS = re.compile(r"[*~`]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_UNMARKED: Mapping[str, str] = {"*": "\u2217", "~": "\u223c", "`": "\u02cb", "_": "\u02cd"}
_TURNS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_QUOTE = "> "
_SHORT = 100
# With these a card's own lines begin: what was done, what waits, what was entered, what failed.
LINE_MARKS = ("✓", "…", "•", "!")
_WEEKDAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEKDAYS_ZH = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
T = TypeVar("T")
_UNITS: Mapping[str, tuple[str, str]] = {
    "days": (" days", " 天"),
    "hours": (" hours", " 小时"),
    "cny": (" CNY", " 元"),
}


@dataclass(frozen=True, slots=True)
class MetricFigure:
    """How a metric is called and written. ``unit`` and ``decimals`` as in the metric's governance block.

    ``value`` is the whole company's raw figure in the snapshot, None where there is none or it is held back.
    ``trust_en`` and ``trust_zh`` say whether its figure may be trusted now, in the words of every other place.
    """

    label_en: str
    label_zh: str = ""
    unit: str = "ratio"
    decimals: int = 4
    trust_en: str = ""
    trust_zh: str = ""
    value: Decimal | None = None
    snapshot_id: str = ""


@dataclass(frozen=True)
class CardContext:
    """What a card needs besides the case: language (en or zh), local time zone, names, the metric's own words.

    ``address`` is that of the gateway's pages, for links; without one a card has none. ``seal`` makes the nonces of
    buttons. ``abroad``: the zone is a reader's, not the company's, so every instant names it. What stands in a channel
    has the company's context; :meth:`read_in` gives that of one reader.
    """

    language: str
    zone: tzinfo
    name: Callable[[str], str]
    figure: MetricFigure | None = None
    address: str = ""
    seal: Seal = unsealed
    abroad: bool = False

    def once(self, what: Hashable, of: object, draw: Callable[[], T]) -> T:
        """What ``draw`` gives for this very object, drawn once: all cards of a command show much of the same."""
        known = self._drawn.get((what, id(of)))
        if known is None:
            # The object is kept with what was drawn of it, so that no other one has its identity meanwhile.
            known = self._drawn[what, id(of)] = (of, draw())
        drawn: T = known[1]
        return drawn

    @cached_property
    def _drawn(self) -> dict[tuple[Hashable, int], tuple[object, Any]]:
        return {}

    def read_in(self, zone: tzinfo, language: str = "") -> CardContext:
        """The same for a reader whose calendar has this time zone and who reads this language; empty: this one's.

        All who read alike have one context: what is drawn once for one of them is drawn for all.
        """
        language = language or self.language
        if zone == self.zone and language == self.language:
            return self
        known = self._readers.get((zone, language))
        if known is None:
            abroad = self.abroad or zone != self.zone
            known = self._readers[zone, language] = replace(self, zone=zone, language=language, abroad=abroad)
        return known

    @cached_property
    def _readers(self) -> dict[tuple[tzinfo, str], CardContext]:
        return {}

    @cached_property
    def chinese(self) -> bool:
        return self.language.startswith("zh")

    def word(self, key: str) -> str:
        """The card's own word in the context's language."""
        return WORDS[key][1 if self.chinese else 0]

    def title(self, text: Text) -> str:
        """A template's text in the context's language."""
        return text.get(self.language)

    def metric_label(self, metric: str) -> str:
        """The metric's label, else its name."""
        if self.figure is None:
            return metric
        return (self.figure.label_zh if self.chinese else "") or self.figure.label_en or metric

    def trust(self) -> str:
        """Whether the metric's figure may be trusted now; empty where nothing is known of it."""
        return "" if self.figure is None else self.figure.trust_zh if self.chinese else self.figure.trust_en

    def value(self, raw: str | None) -> str:
        """A raw figure (exact decimal text; a ratio for percent) as people read it, half up; a dash for none."""
        return figure_words(raw, self.figure, chinese=self.chinese)

    def instant(self, at: datetime) -> str:
        """A UTC instant in local time, with weekday; where that is not the company's, with the zone's name."""
        return self.zoned(at) if self.abroad else self._local(at)

    def zoned(self, at: datetime) -> str:
        """The same, always with the zone's name: when something is due."""
        return f"{self._local(at)} ({self.zone_name()})"

    def certain(self, said: str, confirmed: bool) -> str:
        """A time in words, with the note that it may move unless the working calendar is published so far."""
        return said if confirmed else f"{said}; {self.word('calendar_not_confirmed')}"

    def _local(self, at: datetime) -> str:
        local = at.astimezone(self.zone)
        # Not strftime: it took a third of the time of rendering a card.
        day, time = local.date().isoformat(), f"{local.hour:02}:{local.minute:02}"
        if self.chinese:
            return f"{day} {_WEEKDAYS_ZH[local.weekday()]} {time}"
        return f"{_WEEKDAYS_EN[local.weekday()]} {day} {time}"

    def span(self, span: timedelta) -> str:
        """A clock time in days, hours and minutes."""
        hours, rest = divmod(int(span.total_seconds()), 3600)
        days, hours = divmod(hours, 24)
        units = ("天", "小时", "分钟") if self.chinese else ("d", "h", "min")
        parts = [f"{number} {unit}" for number, unit in zip((days, hours, rest // 60), units, strict=True) if number]
        return " ".join(parts) or f"0 {units[2]}"

    def zone_name(self) -> str:
        """The time zone's name, as a note beside local times."""
        return str(self.zone)

    def role(self, role: str) -> str:
        """A role id as words inside a sentence."""
        return role_in_sentence(role, chinese=self.chinese)


def figure_words(raw: str | None, form: MetricFigure | None, *, chinese: bool) -> str:
    """A raw figure (exact decimal text; a ratio for percent) as people read it, half up; a dash for none."""
    if raw is None:
        return "–"
    try:
        number = Decimal(raw)
    except InvalidOperation:
        return raw
    if form is None:
        return format(number.normalize(), "f") if number else "0"
    percent = form.unit == "percent"
    shown = (number * 100 if percent else number).quantize(Decimal(1).scaleb(-form.decimals), rounding=ROUND_HALF_UP)
    unit = "%" if percent else _UNITS.get(form.unit, ("", ""))[1 if chinese else 0]
    return f"{shown:,f}{' ' if percent else ''}{unit}"


def escaped(text: object) -> str:
    """Text from elsewhere on one line of Slack's mrkdwn, as nothing but text: no links, mentions or special ranges,
    no markup, no line of its own, no characters that turn the reading direction.
    """
    said = str(text)
    # Titles, names and labels come again on every card; what is long mostly does not.
    return _inert(said) if len(said) <= _SHORT else _inert.__wrapped__(said)


@lru_cache(maxsize=4096)
def _inert(said: str) -> str:
    if not said.isprintable() or "  " in said:
        # Also blanks without end, which would push what follows them to the beginning of a line.
        said = " ".join(_TURNS.sub("", said).split())
    if "*" in said or "_" in said or "~" in said or "`" in said:
        said = _MARKS.sub(lambda mark: _UNMARKED[mark[0]], said)
    return said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shortened(text: str, limit: int) -> str:
    """At most ``limit`` characters, with an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def cut(text: str, limit: int) -> str:
    """mrkdwn of at most ``limit`` characters; neither an escaped character nor a link of ours is cut in two."""
    return text if len(text) <= limit else _CUT_IN_TWO.sub("", text[: limit - 1]) + "…"


def quoted(text: object, limit: int) -> str:
    """Text from elsewhere, escaped, in at most ``limit`` characters as Slack counts them: escaping makes it longer.

    Its second and later lines stand in a quotation, so that none can be taken for a line of the card.
    """
    said = str(text)
    if said.isprintable():
        return cut(escaped(said), limit)
    lines = [line for one in said.splitlines() if (line := escaped(one))]
    return cut("\n> ".join(lines), limit)


def paragraph(text: object, limit: int) -> str:
    """The same where the text begins a line itself: a quotation also where it begins like a line of a card."""
    said = quoted(text, limit - len(_QUOTE))
    return f"{_QUOTE}{said}" if said.startswith(LINE_MARKS) else said


def plain_text(text: str, limit: int) -> dict[str, Any]:
    """A plain_text object of one line."""
    said = text.strip() if text.isprintable() else " ".join(_TURNS.sub("", text).split())
    return {"type": "plain_text", "text": shortened(said or "–", limit), "emoji": False}


def markdown(text: str, limit: int = 3000) -> dict[str, Any]:
    """A mrkdwn object; the caller escapes what comes from elsewhere."""
    return {"type": "mrkdwn", "text": cut(text, limit)}
