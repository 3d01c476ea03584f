"""The picture of a metric's trend on a card: drawn from the published snapshot, uploaded once, shown as a Slack file.

The figures are the months of the case's subject, where the metric has rows by it that a channel may see and at least
three months are known; else those of the whole metric. The caption says which.

Belongs here: which figures, the upload, remembering it. Does not belong here: pixels (trend_picture) and posting
(outbox). A card never waits for its picture: whatever goes wrong here is logged, and the card goes out without one.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import duckdb
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ops_assets.access import AccessPolicy
from ops_assets.definition_bundle import bundle_of
from ops_assets.governed_figures import GovernedFigures
from ops_assets.subject_months import subject_months
from resources.clock import Clock
from resources.ops_database import reading
from resources.serving import Snapshot, SnapshotStore
from resources.slack import SlackClient
from workflow_jobs.slack.card_words import WORDS
from workflow_jobs.slack.trend_picture import Trend, trend_of
from workflow_jobs.slack.wording import MetricFigure, figure_words
from workflow_jobs.store.tables import mark

logger = logging.getLogger(__name__)
PERIODS = 12
SECONDS = 2.0
"""How long a card may wait for the months of its subject; then those of the whole metric are drawn."""


class Pictures(Protocol):
    """Gives the image block for what a card asks (``cards.Message``); None where there is no picture."""

    def __call__(self, asked: Mapping[str, Any]) -> dict[str, Any] | None: ...


def _caption(asked: Mapping[str, Any], note: str, rows: Sequence[Mapping[str, Any]], picture: Trend) -> str:
    """What is drawn: the months, the first and the last figure that are known, whose they are (``note``), and where the
    limit lies.

    A card of an earlier version says no unit: its caption has no figures, and its note is about the limit already.
    """
    periods = f"{rows[0]['period_start']:%Y-%m} – {rows[-1]['period_start']:%Y-%m}"
    said, notes = f"{asked['alt']}, {periods}", [note] if note else []
    if "unit" in asked:
        form, chinese = MetricFigure("", unit=str(asked["unit"]), decimals=int(asked["decimals"])), bool(asked["zh"])
        known = [str(value) for row in rows if (value := row["value"]) is not None and math.isfinite(value)]
        said += f": {' → '.join(figure_words(one, form, chinese=chinese) for one in (known[0], known[-1]))}"
        if picture.limit:
            words = WORDS[f"limit_{picture.limit}"][1 if chinese else 0]
            notes.append(words.format(figure_words(str(asked["limit"]), form, chinese=chinese)))
    return f"{said} ({'; '.join(notes)})" if notes else said


Row = Mapping[str, Any]
# A snapshot never changes, and each update of each card of a case asks for the same months. That a metric's rows cannot
# be read by a dimension stands under no subject.
_NONE = ""
_of_subjects: WeakKeyDictionary[Snapshot, dict[tuple[str, str, str], list[Row]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class SlackPictures:
    """Trend pictures of the current snapshot, each uploaded to Slack once. ``access`` says whose months may be seen."""

    engine: Engine
    snapshots: SnapshotStore
    slack: SlackClient
    clock: Clock
    access: Callable[[], AccessPolicy]

    def __call__(self, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            return self._block(asked)
        except Exception as error:  # noqa: BLE001 - no picture is worth holding a card back
            logger.warning("no picture of %s: %s: %s", asked.get("metric"), type(error).__name__, error)
            return None

    def _block(self, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        snapshot = self.snapshots.current()
        if snapshot is None:
            return None
        newest_first = snapshot.rows(
            "select period_start, value from metric_period where metric = ? and grain = 'month'"
            " order by period_start desc limit ?",
            [asked["metric"], PERIODS],
        )
        rows: list[Row] = [*reversed(newest_first)]
        limit = None if asked.get("limit") is None else float(asked["limit"])
        own, note = self._of_subject(snapshot, asked, rows), str((asked.get("subject") or {}).get("note") or "")
        picture = trend_of([row["value"] for row in own], limit)
        if picture is None:
            own, note = rows, str(asked.get("note") or "")
            picture = trend_of([row["value"] for row in own], limit)
        if picture is None:
            return None
        alt = _caption(asked, note, own, picture)[:2000]
        title = {"type": "plain_text", "text": alt}
        return {"type": "image", "slack_file": {"id": self._file(picture.png, alt)}, "alt_text": alt, "title": title}

    def _of_subject(self, snapshot: Snapshot, asked: Mapping[str, Any], rows: Sequence[Row]) -> list[Row]:
        """The same months of the case's subject, from the first that is known to the last; none where they cannot be
        had.
        """
        subject = asked.get("subject")
        if not subject or not rows:
            return []
        kept = _of_subjects.setdefault(snapshot, {})
        metric, kind, one = str(asked["metric"]), str(subject["kind"]), str(subject["id"])
        if (metric, kind, _NONE) in kept:
            return []
        if (metric, kind, one) not in kept:
            try:
                known = self._known_months(snapshot, metric, (kind, one), rows[0]["period_start"])
            except duckdb.Error as error:
                # Neither other cards nor other subjects wait as long once more.
                logger.warning("no months of %s by %s, all together are drawn: %s", metric, kind, error)
                kept[metric, kind, _NONE] = []
                return []
            starts = [row["period_start"] for row in rows if row["period_start"] in known]
            months: list[Row] = [
                {"period_start": row["period_start"], "value": known.get(row["period_start"])}
                for row in rows
                if starts and starts[0] <= row["period_start"] <= starts[-1]
            ]
            kept[metric, kind, one] = months
        return kept[metric, kind, one]

    def _known_months(
        self, snapshot: Snapshot, metric: str, subject: tuple[str, str], first: date
    ) -> dict[date, float]:
        figures = GovernedFigures(bundle_of(self.snapshots, snapshot), self.access())
        found = subject_months(snapshot, figures, metric, subject, first, seconds=SECONDS)
        return {start: float(value) for start, value in (found or {}).items() if value is not None}

    def _file(self, picture: bytes, title: str) -> str:
        """The Slack file with these bytes; uploaded where no earlier card has it."""
        # A file is known to one workspace only.
        name = f"slack.picture:{hashlib.sha256(self.slack.base_url.encode() + picture).hexdigest()}"
        with reading(self.engine) as connection:
            known = connection.execute(sa.select(mark.c.value).where(mark.c.name == name)).scalar_one_or_none()
        if known is not None:
            return str(known)
        file_id = self.slack.upload("trend.png", picture, title[:200])
        try:
            with self.engine.begin() as connection:
                connection.execute(mark.insert().values(name=name, value=file_id, marked_at=self.clock.now()))
        except sa.exc.IntegrityError:
            logger.debug("%s was uploaded twice at once", name)
        return file_id
