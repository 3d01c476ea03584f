"""The case page's ledger of pauses: until when each lasted and why, by logs of all versions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property

import pytest
from msgspec.structs import replace

from gateway.case_timeline import Pause, Story
from gateway.case_words import CaseWords
from gateway.words import Language
from tests.engine_world import Play, calendar
from tests.unit.test_engine_rests_end import ALONE, resting, withdraw
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.working_time import WorkingCalendar


class Words(CaseWords):
    """Words without a gateway: ids for people."""

    def __init__(self, language: Language) -> None:
        self.language = language

    @cached_property
    def calendar(self) -> WorkingCalendar:
        return calendar()

    def calendar_of(self, task: TaskState) -> WorkingCalendar:
        return calendar()

    def person(self, person_id: object) -> str:
        return str(person_id or "")


def pauses(play: Play, log: Sequence[e.Event], language: Language = "en") -> list[Pause]:
    return Story(replay(log), play.template, [e.to_json(one) for one in log], Words(language), play.now).pauses()


def earlier(log: Sequence[e.Event]) -> list[e.Event]:
    """The log as an earlier version wrote it: a task is withdrawn without a word about its rest."""
    kept = [one for one in log if not (isinstance(one, e.TaskResumed) and one.because == "withdrawn")]
    return [replace(one, seq=number) for number, one in enumerate(kept, 1)]


@pytest.mark.parametrize("as_written_by", [list, earlier])
def test_a_pause_ends_with_its_task_and_says_so(as_written_by: type[list[e.Event]]) -> None:
    play = resting(ALONE)
    (still,) = pauses(play, play.log)
    assert (still.ended, still.why_ended) == (None, "")
    withdraw(play)
    (over,) = pauses(play, as_written_by(play.log))
    assert (over.ended, over.why_ended) == (play.now, "task withdrawn")
    assert pauses(play, as_written_by(play.log), "zh")[0].why_ended == "任务已撤回"


def test_each_pause_of_a_task_has_its_own_end() -> None:
    play = resting(ALONE)
    play.do(c.WakeTask(task_id="c1.a.1", person_id=play.task("a").assignee or ""))
    until = play.now + timedelta(days=1)
    who = play.task("a").assignee or ""
    play.do(c.SnoozeTask(task_id="c1.a.1", task_version=1, person_id=who, until=until, reason="again"))
    play.now = until
    play.do(c.FireRungs())
    assert [(one.ended, one.why_ended) for one in pauses(play, play.log)] == [
        (until - timedelta(days=1), "ended early"),
        (until, ""),
    ]
