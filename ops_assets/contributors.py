"""Who moved the figure of a breach most: evidence for the case, as a channel may see it.

Belongs here: which periods are compared, what bounds the work, and the plain JSON that the case keeps. The arithmetic
is ops_assets.movement. A case is opened whatever happens here: what cannot be told is logged and said in its place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from threading import Timer
from time import monotonic
from typing import Any

import duckdb

from ops_assets.breach import Breach
from ops_assets.catalog import Watch
from ops_assets.checks.trust import Words
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.governed_figures import GovernedFigures
from ops_assets.movement import DimensionMovement, MovementError, movement_in_view
from ops_assets.periods import Period, before, last_whole, window
from ops_assets.sql_names import quoted
from ops_assets.watched_kinds import compared_periods
from ops_assets.watched_rows import first_day, has_rows
from resources.serving import Snapshot

logger = logging.getLogger(__name__)

MOST = 3
SECONDS = 5.0
"""How long one breach may be looked into."""
MOST_MEMBERS = 10_000
"""A dimension with more members names rows, not causes."""

_FAILED = Words("It could not be computed what moved the figure.", "未能计算变动的主要来源。")
_NO_TIME = Words("It took too long to compute what moved the figure.", "计算变动的主要来源超时。")
_NOT_SHOWN = Words(
    "By the access policy, no dimension of this metric is shown in channels.",
    "按访问策略，该指标的维度不在频道中显示。",
)
_NO_ROWS = Words("No rows of the metric were published.", "该指标没有已发布的数据行。")
_NOTHING = Words("No dimension of the metric tells apart what moved the figure.", "该指标没有可区分变动来源的维度。")


def contributors_of(
    snapshot: Snapshot,
    figures: Callable[[], GovernedFigures],
    watch: Watch,
    breach: Breach,
    *,
    seconds: float = SECONDS,
) -> dict[str, Any]:
    """The three members that moved the figure of ``breach`` most against the period before, as plain JSON.

    ``top`` has dimension, member, label, contribution (raw, also exact) and share; for a subject, within its rows by
    the other dimensions. ``hidden`` are dimensions that a channel may not see. Instead of ``top`` there may be
    ``unknown``, a sentence in both languages. ``figures`` reads definitions and policy. Never raises; empty for rows
    that are missing, which moved nothing, and where the metric has no dimension besides the subject's.
    """
    if breach.kind == "missing":
        return {}
    try:
        return _contributors(snapshot, figures(), watch, breach, seconds)
    except MovementError as error:
        return _unknown(error.words)
    except duckdb.InterruptException:
        logger.warning("what moved %s of %s: not told within %s s", breach.metric, breach.subject_id, seconds)
        return _unknown(_NO_TIME)
    except Exception:
        # Evidence is no reason to lose the case; the log has the cause.
        logger.exception("what moved %s of %r could not be computed", breach.metric, breach.subject_id)
        return _unknown(_FAILED)


def periods_of(watch: Watch, as_of: date, window_days: int | None, oldest: date | None = None) -> tuple[Period, Period]:
    """The older and the newer period: those that the rule compares, else the one it looks at and the one before.

    The last two whole months stand in where the rows, of which the first is of ``oldest``, do not cover the window
    before: half of it would look like a rise.
    """
    rule = watch.rule
    if rule.change is not None:
        compared = compared_periods(rule.change, as_of, window_days)
        if compared is not None:
            return compared[1], compared[0]
    if rule.control is not None:
        newer = last_whole(rule.control.points, as_of)
        return before(rule.control.points, newer), newer
    if window_days is not None:
        newer = window(as_of, window_days)
        older = newer.moved(-window_days)
        if oldest is None or oldest <= older.first:
            return older, newer
    newer = last_whole("month", as_of)
    return before("month", newer), newer


def _contributors(
    snapshot: Snapshot, figures: GovernedFigures, watch: Watch, breach: Breach, seconds: float
) -> dict[str, Any]:
    definition = figures.bundle.metrics[breach.metric]
    view = figures.channel_dimensions(breach.metric)
    (row,) = snapshot.rows("select as_of, window_days, unit, decimals from metrics where metric = ?", [breach.metric])
    if not has_rows(snapshot, breach.metric):
        return _unknown(_NO_ROWS)
    older, newer = periods_of(watch, row["as_of"], row["window_days"], first_day(snapshot, breach.metric))
    subject = (breach.subject_kind, breach.subject_id) if breach.subject_kind else None
    asked = [name for name in definition.dimensions if subject is None or name != subject[0]]
    hidden = [name for name in asked if name in view.left_out]
    timed = TimedSnapshot(snapshot, seconds)
    shown = [name for name in asked if name not in hidden and _is_small(timed, definition, name, older, newer)]
    if not shown:
        # A metric without another dimension has no parts that could have moved it: no card need say so.
        return _unknown(_NOT_SHOWN) | {"hidden": hidden} if hidden else {}
    moved = movement_in_view(timed, definition, view, older, newer, shown, subject)
    top = top_contributors(moved.dimensions)
    body = {
        "from": {"period": moved.before.label, "value": float(moved.old), "value_exact": str(moved.old)},
        "to": {"period": moved.after.label, "value": float(moved.new), "value_exact": str(moved.new)},
        "movement": float(moved.moved),
        "movement_exact": str(moved.moved),
        "unit": row["unit"],
        "decimals": row["decimals"],
        "hidden": hidden,
    }
    return body | ({"top": top} if top else {"unknown": _unknown(_NOTHING)["unknown"]})


def top_contributors(dimensions: Sequence[DimensionMovement], most: int = MOST) -> list[dict[str, Any]]:
    """The largest contributions over all dimensions. A dimension with one member alone tells nothing apart."""
    found = [
        (one.dimension, part)
        for one in dimensions
        if len(one.parts) > 1
        for part in one.parts[:most]
        if part.contribution.total
    ]
    found.sort(key=lambda each: (-abs(each[1].contribution.total), each[0], each[1].member))
    return [
        {
            "dimension": dimension,
            "member": part.member,
            "label": part.label,
            "contribution": float(part.contribution.total),
            "contribution_exact": str(part.contribution.total),
            "share": None if part.contribution.share is None else float(part.contribution.share),
        }
        for dimension, part in found[:most]
    ]


def _is_small(snapshot: Snapshot, definition: MetricDefinition, dimension: str, older: Period, newer: Period) -> bool:
    column = quoted(definition.dimensions[dimension].id)
    rows = snapshot.rows(
        f"select count(distinct {column}) as members from {quoted(definition.name)} where event_date between ? and ?",
        [min(older.first, newer.first), max(older.last, newer.last)],
    )
    members: int = rows[0]["members"]
    return members <= MOST_MEMBERS


def _unknown(words: Words) -> dict[str, Any]:
    return {"unknown": {"en": words.en, "zh": words.zh}}


class TimedSnapshot(Snapshot):
    """A snapshot whose queries end together after so many seconds. Raises duckdb.InterruptException then."""

    def __init__(self, snapshot: Snapshot, seconds: float) -> None:
        self.info, self.path, self._snapshot = snapshot.info, snapshot.path, snapshot
        self._ends = monotonic() + seconds

    def connect(self) -> duckdb.DuckDBPyConnection:
        return self._snapshot.connect()

    def rows(self, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[dict[str, Any]]:
        left = self._ends - monotonic()
        if left <= 0:
            raise duckdb.InterruptException("no time is left")
        cursor = self.connect()
        timer = Timer(left, cursor.interrupt)
        timer.daemon = True
        timer.start()
        try:
            cursor.execute(sql, parameters)
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        finally:
            timer.cancel()
            cursor.close()
