"""Whether a due time is certain is known after every pause, every rest and of every wait, not only in the beginning."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from tests.engine_world import Play, calendar, human, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.template import Template
from workflow_jobs.engine.working_time import WorkingCalendar

LAST_DAY = date(2026, 12, 31)  # of what is published
DECEMBER = datetime(2026, 12, 28, 1, 30, tzinfo=UTC)


def resting() -> Template:
    pauses = ", actions: {pauses: [{id: late, title: {en: L, zh: 等}, at_most: P30D}]}"
    return small(f"- {human('look', extra=pauses).replace('PT4H', 'P2D')}\n", "sla: P5D\n")


def waiting(until: str, **opened: Any) -> Play:
    wait = (
        "- {id: w, kind: wait, title: {en: W, zh: 等}, raci: {responsible: buyer, accountable: plant_manager}, "
        f"until: {{{until}}}, pauses_case: true}}\n"
    )
    head = "sla: P5D\ninputs: [{name: day, type: date, title: {en: D, zh: 日}}]\n"
    return Play(small(wait + f"- {human('look')}\n", head), now=datetime(2026, 12, 21, 1, 30, tzinfo=UTC)).open(
        **opened
    )


def pause(play: Play) -> e.Event:
    task = play.task("look")
    stop = c.PauseTask(
        task_id=task.task_id, task_version=1, person_id=task.assignee or "", reason_id="late", comment=""
    )
    return play.do(stop)[-1]


def wake(play: Play) -> None:
    task = play.task("look")
    play.do(c.WakeTask(task_id=task.task_id, person_id=task.assignee or ""))


def test_a_pause_beyond_what_is_published_takes_the_certainty_and_an_early_end_gives_it_back() -> None:
    play = Play(resting(), now=DECEMBER).open()
    assert calendar().confirmed_through == LAST_DAY and play.task("look").calendar_confirmed
    pause(play)
    assert play.task("look").due_at.year == 2027 and not play.task("look").calendar_confirmed
    play.wait(minutes=5)
    wake(play)
    assert play.task("look").due_at.date() <= LAST_DAY and play.task("look").calendar_confirmed
    pause(play)
    play.wait(days=10)
    wake(play)
    assert not play.task("look").calendar_confirmed
    assert replay(play.log) == play.state


@pytest.mark.parametrize(
    ("until", "certain"),
    [("working: P40D", False), ("clock: P40D", True), ("date: day", False), ("working: P1D", True)],
)
def test_a_wait_knows_whether_its_end_is_certain(until: str, certain: bool) -> None:
    play = waiting(until, data={"day": "2027-01-20"})
    assert play.state.steps["w"].calendar_confirmed == certain
    assert (play.state.steps["w"].wake_at or DECEMBER).year == (2026 if until == "working: P1D" else 2027)


def test_the_clock_of_a_case_that_rested_is_marked_when_it_goes_on() -> None:
    play = waiting("working: P40D")
    assert play.state.calendar_confirmed
    play.now = play.state.steps["w"].wake_at or DECEMBER
    play.do(c.FireTimers())
    assert play.state.due_at is not None and not calendar().confirmed(play.state.due_at)
    assert not play.state.calendar_confirmed


def test_a_wait_under_way_is_certain_as_soon_as_the_year_is_published() -> None:
    play = waiting("working: P40D")
    ends = play.state.steps["w"].wake_at
    published = WorkingCalendar("CN", first_year=2023, last_year=2030, confirmed_through=date(2027, 12, 31))
    play.calendars = {"default": published}
    told = play.do(c.RecomputeClocks(reason="changed"))
    assert [event.wake_at for event in told if isinstance(event, e.WaitRecomputed)] == [ends]
    assert play.state.steps["w"].calendar_confirmed
    assert not play.do(c.RecomputeClocks(reason="changed")), "once"


def test_a_log_of_before_it_was_kept_leaves_the_mark_as_it_was() -> None:
    play = Play(resting(), now=DECEMBER).open()
    pause(play)
    play.wait(days=10)
    wake(play)
    kept = [structs.replace(one, calendar_confirmed=None) if hasattr(one, "because") else one for one in play.log]
    older = [structs.replace(one, calendar_confirmed=None) if isinstance(one, e.TaskPaused) else one for one in kept]
    task_id = play.task("look").task_id
    assert replay(older).tasks[task_id].calendar_confirmed, "as the TaskCreated said"
    assert replay(older).tasks[task_id].due_at == play.task("look").due_at > DECEMBER + timedelta(days=3)
