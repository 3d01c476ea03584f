"""The picture of a metric's trend on a card: drawn from the published snapshot, uploaded once, shown as a Slack file.

Belongs here: which figures, the upload, remembering it. Does not belong here: pixels (trend_picture) and posting
(outbox). A card never waits for its picture: whatever goes wrong here is logged, and the card goes out without one.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from resources.clock import Clock
from resources.ops_database import reading
from resources.serving import Snapshot
from resources.slack import SlackClient
from workflow_jobs.slack.card_words import WORDS
from workflow_jobs.slack.trend_picture import Trend, trend_of
from workflow_jobs.slack.wording import MetricFigure, figure_words
from workflow_jobs.store.tables import mark

logger = logging.getLogger(__name__)
PERIODS = 12


class Pictures(Protocol):
    """Gives the image block for what a card asks (``cards.Message``); None where there is no picture."""

    def __call__(self, asked: Mapping[str, Any]) -> dict[str, Any] | None: ...


def _caption(asked: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], picture: Trend) -> str:
    """What is drawn: the months, the first and the last figure that are known, and where the limit lies.

    A card of an earlier version says no unit: its caption has no figures, and its note is about the limit already.
    """
    periods = f"{rows[0]['period_start']:%Y-%m} – {rows[-1]['period_start']:%Y-%m}"
    said, notes = f"{asked['alt']}, {periods}", [str(asked["note"])] if asked.get("note") else []
    if "unit" in asked:
        form, chinese = MetricFigure("", unit=str(asked["unit"]), decimals=int(asked["decimals"])), bool(asked["zh"])
        known = [str(value) for row in rows if (value := row["value"]) is not None and math.isfinite(value)]
        said += f": {' → '.join(figure_words(one, form, chinese=chinese) for one in (known[0], known[-1]))}"
        if picture.limit:
            words = WORDS[f"limit_{picture.limit}"][1 if chinese else 0]
            notes.append(words.format(figure_words(str(asked["limit"]), form, chinese=chinese)))
    return f"{said} ({'; '.join(notes)})" if notes else said


class _Snapshots(Protocol):
    def current(self) -> Snapshot | None: ...


@dataclass(frozen=True)
class SlackPictures:
    """Trend pictures of the current snapshot, each uploaded to Slack once."""

    engine: Engine
    snapshots: _Snapshots
    slack: SlackClient
    clock: Clock

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
        rows = snapshot.rows(
            "select period_start, value from metric_period where metric = ? and grain = 'month'"
            " order by period_start desc limit ?",
            [asked["metric"], PERIODS],
        )[::-1]
        limit = asked.get("limit")
        picture = trend_of([row["value"] for row in rows], None if limit is None else float(limit))
        if picture is None:
            return None
        alt = _caption(asked, rows, picture)[:2000]
        title = {"type": "plain_text", "text": alt}
        return {"type": "image", "slack_file": {"id": self._file(picture.png, alt)}, "alt_text": alt, "title": title}

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
