"""The case page says what was computed anew, and whether the calendar or another version of the process did it."""

from __future__ import annotations

from datetime import datetime

import pytest
from msgspec.structs import replace

from gateway.case_timeline import Story
from gateway.words import Language
from tests.engine_world import Play
from tests.log_plays import everything, moved_waits
from tests.unit.test_case_timeline_pauses import Words
from workflow_jobs.engine import events as e

KINDS = ("ClockRecomputed", "WaitRecomputed")


class Dated(Words):
    """With instants, which are UTC here, and what the other lines of a timeline need."""

    def instant(self, at: datetime, form: str = "%m-%d %H:%M") -> str:
        return f"{at:{form}}"

    def figure(self, metric: str, raw: str | None) -> str:
        return str(raw)

    def engine(self, written: str) -> str:
        return written


def told(play: Play, language: Language) -> list[str]:
    log = [replace(event, seq=number) for number, event in enumerate(play.log, 1)]
    bodies = [e.to_json(event) for event in log if type(event).__name__ in KINDS]
    return [one.sentence for one in Story(play.state, play.template, bodies, Dated(language), play.now).timeline()]


@pytest.mark.parametrize(
    ("language", "by_calendar", "by_version"),
    [
        ("en", "Wait: the working calendar changed, waits until 11-23 01:30 at the latest", "in this version"),
        ("zh", "等：工作日历已变更，最迟等待至 11-23 01:30", "按新版本"),
    ],
)
def test_the_calendar_and_another_version_are_told_apart(language: Language, by_calendar: str, by_version: str) -> None:
    clock, span, _ = told(moved_waits(), language)
    assert span == by_calendar
    assert by_version not in clock
    (moved,) = told(everything(), language)
    assert by_version in moved
