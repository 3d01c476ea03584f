"""Slack says of every due time and end of a wait that goes by days not published yet that it may move."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from tests.engine_world import Play, calendar, human, people, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.signals import awaited
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.outgoing_waits import moved
from workflow_jobs.slack.cards import case_card
from workflow_jobs.slack.home_tab import HomeContent, HomeTask, HomeWait, home_view
from workflow_jobs.slack.opened_message import under_way
from workflow_jobs.slack.wait_messages import wait_message
from workflow_jobs.slack.wording import CardContext

MARK = {"en": "holidays of that year are not published yet, so this date may move", "zh": "日期可能变动"}
WAIT = (
    "- {id: w, kind: wait, title: {en: W, zh: 等}, raci: {responsible: buyer, accountable: plant_manager}, "
    "until: {working: P9D}, signal: told}\n"
)


def case(now: datetime) -> Play:
    branches = f"- fork:\n    id: f\n    join: all\n    branches:\n      - [{human('look')}]\n      - [{WAIT[2:-1]}]\n"
    return Play(small(branches), now=now).open()


def reader(language: str) -> CardContext:
    return CardContext(language=language, zone=calendar().time_zone, name=people().name)


def home(play: Play, context: CardContext) -> str:
    tasks = [HomeTask(play.state, task, play.template, "green") for task in play.state.open_tasks]
    waits = [HomeWait(play.state, step, play.template) for step in awaited(play.state)]
    content = HomeContent(
        person_id="b1",
        now=play.now,
        address="http://127.0.0.1:8180",
        work=tasks,
        work_count=1,
        requests=[],
        request_count=0,
        late=None,
        late_count=0,
        waits=waits,
    )
    return str(home_view(content, context))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_may_move_is_said_so_wherever_it_is_shown(language: str) -> None:
    context, mark = reader(language), MARK[language]
    # 15:00 of the last day that is published, and well before it.
    for now, marks in ((datetime(2026, 12, 31, 7, 0, tzinfo=UTC), 1), (datetime(2026, 11, 16, 1, 30, tzinfo=UTC), 0)):
        play = case(now)
        (step,) = awaited(play.state)
        assert str(wait_message(play.state, step, play.template, context).blocks).count(mark) == marks
        assert home(play, context).count(mark) == 2 * marks, "the task and the wait"
        assert [mark in line for line in under_way(play.state, play.template, context)] == [marks > 0] * 2
        assert str(case_card(play.state, play.template, context).blocks).count(mark) == marks


def test_messages_about_a_wait_are_drawn_anew_when_its_end_becomes_certain() -> None:
    play = case(datetime(2026, 12, 31, 7, 0, tzinfo=UTC))
    before = play.state
    published = WorkingCalendar("CN", first_year=2023, last_year=2030, confirmed_through=date(2027, 12, 31))
    play.calendars = {"default": published}
    play.do(c.RecomputeClocks(reason="changed"))
    (step,) = moved(before, play.state)
    assert step.wake_at == before.steps["w"].wake_at
