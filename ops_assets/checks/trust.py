"""Whether a figure may be trusted today, in plain words: the state, why, and since when. Pure.

What the audit said is fixed when a snapshot is published (``AuditedTrust``); whether the figure has become stale since
is judged when it is read (``judge_trust``), because an old snapshot cannot know how late it is.

The states, the worst first; the first that holds is said:

- *unavailable*: there is no figure: the pack does not feed it, or no row lies in its window;
- *held*: a red line holds it back; what is shown are the last good figures;
- *stale*: a feed that it stands on did not arrive within the days that its source declares, beyond its usual rhythm;
  the newest row is older than its check allows; or nothing was published on the day that is now;
- *degraded*: a check is beyond its warning level, or the owner released the figure in spite of a red line;
- *trusted*.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from ops_assets.checks.rules import CheckRule, Verdict, figure_text

TrustState = Literal["trusted", "degraded", "held", "stale", "unavailable"]
AuditedState = Literal["trusted", "degraded", "held", "unavailable"]
Language = Literal["en", "zh"]

PUBLICATION_GRACE = timedelta(hours=1)
"""A refresh runs every five minutes and publishes anew on each day; that long after midnight it has to have done so."""

_LABELS: Mapping[TrustState, tuple[str, str]] = {
    "trusted": ("trusted", "可信"),
    "degraded": ("degraded", "有预警"),
    "held": ("held back", "已暂停发布"),
    "stale": ("stale", "已过期"),
    "unavailable": ("not available", "不可用"),
}


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence in both languages."""

    en: str
    zh: str

    def get(self, language: str) -> str:
        return self.zh if language.startswith("zh") else self.en


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason for a state. ``id`` names it from snapshot to snapshot; ``since`` is UTC."""

    id: str
    words: Words
    since: datetime


@dataclass(frozen=True, slots=True)
class Feed:
    """A source table whose files have to come. ``newest`` is the local day that the last one stands for.

    ``usual_gap_days`` is the longest time between two of its last days: 1 for a daily feed, 3 where nothing comes on
    weekends. It is late when that time and the days that its source allows have both gone by.
    """

    table: str
    expected_within_days: int
    newest: date | None
    usual_gap_days: int = 1

    @property
    def allowed_days(self) -> int:
        """Days after ``newest`` that are no reason to worry."""
        return self.expected_within_days + max(self.usual_gap_days, 1) - 1


@dataclass(frozen=True, slots=True)
class AgeLimit:
    """A check on how old the newest row may be. ``newest`` is that row's local day, None if there was none."""

    check: str
    asset: str
    allowed_days: int
    newest: date | None


@dataclass(frozen=True, slots=True)
class AuditedTrust:
    """What is known of a metric when a snapshot is published; staleness is judged from it when it is read.

    ``since`` is UTC. ``good_as_of`` dates the figures that are shown. ``by_clock`` is False for figures of old exports,
    which stand still with their as-of date and do not grow old.
    """

    metric: str
    state: AuditedState
    score: float | None
    since: datetime
    causes: tuple[Cause, ...]
    limited_by: str | None
    good_as_of: date | None
    as_of: date
    by_clock: bool
    zone: str
    feeds: tuple[Feed, ...] = ()
    ages: tuple[AgeLimit, ...] = ()


@dataclass(frozen=True, slots=True)
class Trust:
    """Whether a metric's figure may be trusted now. ``since`` is UTC, ``score`` 0 to 100 or None (nothing measured)."""

    metric: str
    state: TrustState
    score: float | None
    since: datetime | None
    reason: Words
    limited_by: str | None
    zone: str = "UTC"

    def label(self, language: str = "en") -> str:
        """The state in a word or two."""
        return state_label(self.state, language)

    def sentence(self, language: str = "en") -> str:
        """The state in plain words, with since when (local day) and why; the same wherever the figure is shown."""
        label, detail = self.label(language), self.detail(language)
        if not detail:
            return label
        if language.startswith("zh"):
            return f"{label}（{detail}）"
        return f"{label} {detail}" if detail.startswith("since ") else f"{label}: {detail}"

    def detail(self, language: str = "en") -> str:
        """Since when (local day) and why, for places that show the label by itself; empty for a trusted figure."""
        reason = self.reason.get(language)
        if self.since is None or self.state in {"trusted", "unavailable"}:
            return reason
        day = self.since.astimezone(ZoneInfo(self.zone)).date()
        if language.startswith("zh"):
            return f"自 {day} 起：{reason}" if reason else f"自 {day} 起"
        return f"since {day}: {reason}" if reason else f"since {day}"


def state_label(state: TrustState, language: str = "en") -> str:
    """A state in a word or two."""
    return _LABELS[state][1 if language.startswith("zh") else 0]


def check_words(verdict: Verdict) -> Words:
    """What a check found, in both languages, with the check and where it stands."""
    rule = verdict.rule
    if verdict.observed is None or verdict.threshold is None:
        chinese = "没有可判断时间的行" if verdict.observed is None and verdict.level == "warning" else verdict.sentence
    else:
        side = "高于" if verdict.observed > verdict.threshold else "低于"
        chinese = f"{_figure_zh(rule, verdict.observed)} {side} {_figure_zh(rule, verdict.threshold)}"
    chinese = f"{rule.asset} 的检查 {rule.name}：{chinese.rstrip('。.')}。"
    return Words(f"{rule.name} of {rule.asset}: {verdict.sentence}", chinese)


def carried_over(now: datetime, causes: Sequence[Cause], before: Iterable[Cause]) -> tuple[Cause, ...]:
    """``causes`` with the beginning that they had in the snapshot before; new ones begin now."""
    known = {cause.id: cause.since for cause in before}
    return tuple(replace(cause, since=known.get(cause.id, now)) for cause in causes)


def judge_trust(audited: AuditedTrust, now: datetime, *, published_at: datetime | None = None) -> Trust:
    """The state of a figure at ``now`` (UTC). ``published_at`` is when its snapshot was, None if that says nothing."""
    late = [] if audited.state in {"unavailable", "held"} else _lateness(audited, now, published_at)
    if late:
        causes = [*sorted(late, key=lambda cause: (cause.since, cause.id)), *audited.causes]
        state: TrustState = "stale"
        since = min(cause.since for cause in late)
    else:
        causes, state, since = list(audited.causes), audited.state, audited.since
    reason = Words(" ".join(c.words.en for c in causes), "".join(c.words.zh for c in causes))
    if state == "held":
        reason = _held(audited.good_as_of, reason)
    return Trust(audited.metric, state, audited.score, since, reason, audited.limited_by, audited.zone)


def _held(good_as_of: date | None, reason: Words) -> Words:
    if good_as_of is None:
        return Words(f"there are no good figures yet. {reason.en}", f"尚无合格数据。{reason.zh}")
    return Words(
        f"last good figures of {good_as_of} are shown. {reason.en}", f"显示 {good_as_of} 的最近合格数据。{reason.zh}"
    )


def _lateness(audited: AuditedTrust, now: datetime, published_at: datetime | None) -> list[Cause]:
    zone = ZoneInfo(audited.zone)
    day = now.astimezone(zone).date() if audited.by_clock else audited.as_of
    found = []

    def from_day(first: date) -> datetime:
        return datetime.combine(first, time(), zone).astimezone(UTC)

    if published_at is not None and audited.by_clock:
        published_on = published_at.astimezone(zone).date()
        due = from_day(published_on + timedelta(days=1)) + PUBLICATION_GRACE
        if now > due:
            words = Words(
                f"nothing was published since {published_on}; the refresh runs every five minutes.",
                f"自 {published_on} 起未发布新数据；刷新应每五分钟运行一次。",
            )
            found.append(Cause("publication", words, due))
            # What arrived since then is not known, so only what was late already is said besides.
            day = published_on
    for feed in audited.feeds:
        if feed.newest is None:
            words = Words(f"{feed.table} has never arrived.", f"{feed.table} 从未到达。")
            found.append(Cause(f"feed/{feed.table}", words, audited.since))
        elif (day - feed.newest).days > feed.allowed_days:
            allowed = feed.allowed_days
            words = Words(
                f"{feed.table} last arrived on {feed.newest}; it is expected within {_days(allowed)}.",
                f"{feed.table} 最近到达日期为 {feed.newest}，应在 {allowed} 天内到达。",
            )
            first = feed.newest + timedelta(days=allowed + 1)
            found.append(Cause(f"feed/{feed.table}", words, from_day(first)))
    for age in audited.ages:
        if age.newest is not None and (day - age.newest).days > age.allowed_days:
            words = Words(
                f"the newest row of {age.asset} is of {age.newest}; {age.check} allows {_days(age.allowed_days)}.",
                f"{age.asset} 最新一行的日期为 {age.newest}，检查 {age.check} 允许 {age.allowed_days} 天。",
            )
            first = age.newest + timedelta(days=age.allowed_days + 1)
            found.append(Cause(f"age/{age.asset}.{age.check}", words, from_day(first)))
    return found


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def _figure_zh(rule: CheckRule, value: Decimal) -> str:
    return figure_text(rule, value).replace(" days", " 天").replace(" rows", " 行")
