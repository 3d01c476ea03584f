"""Random lives of random templates, played again: on their own version, among the same people, they are the same lives,
event by event; on any other one the play says where it differs instead of failing.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from tests.engine_lives import ORDINARY, WORKED_AT, live
from tests.engine_machine import PERSONS, Cases
from tests.engine_templates import another_version, random_template
from tests.engine_world import Play, calendar, people, shipped
from workflow_jobs.engine import events as e
from workflow_jobs.engine.environment import Environment
from workflow_jobs.engine.past_course import Course
from workflow_jobs.engine.replaying import replay_case
from workflow_jobs.engine.template import Template


def lived(chance: Random, template: Template, absences: float) -> Play:
    machine = Cases()
    machine.play = Play(template)
    machine.play.open(requested_by=chance.choice((None, *PERSONS)), data={"day": "2026-11-18"})
    weights = WORKED_AT if template.closes == "on_resolution" else ORDINARY
    live(machine, chance, {**weights, "template_changes": 0, "absences_change": absences})
    return machine.play


def environment(version: Template) -> Environment:
    return Environment(version, calendar(), people())


def told(log: Sequence[e.Event]) -> list[tuple[object, ...]]:
    """What happened, when, to whom, and what it came to; without what is only said."""
    fields = ("step_id", "task_id", "assignee", "outcome", "due_at", "next_rung_at", "wake_at", "data", "to_hash")
    only_said = (e.CaseRated, e.ConsultationAnswered)
    return [
        (type(event).__name__, event.at, *(getattr(event, name, None) for name in fields))
        for event in log
        if not isinstance(event, only_said)
    ]


def test_a_life_played_again_on_its_own_version_is_the_same_life(pytestconfig: pytest.Config) -> None:
    """Decisions come where they came among timers that were looked at late; clocks that jump back included."""
    lives = 2_000 if pytestconfig.getoption("--soak", default=False) else 20
    chance = Random(5)
    for number in range(lives):
        play = lived(chance, shipped("supply_exception") if number % 8 == 7 else random_template(chance), absences=0)
        course = Course(environment(play.template), play.log)
        course.play()
        assert told(course.events) == told(play.log)
        assert course.stopped == [] and course.left() == []
        again = replay_case(play.log, play.template, play.template, environment)
        assert again.same and not [note for note in again.notes if note.startswith(("on the old", "played again"))]


def test_random_lives_can_be_played_again(pytestconfig: pytest.Config) -> None:
    lives = 1_000 if pytestconfig.getoption("--soak", default=False) else 10
    chance = Random(6)
    followed = differing = 0
    for _ in range(lives):
        play = lived(chance, random_template(chance), absences=ORDINARY["absences_change"])
        log, template = play.log, play.template
        again = replay_case(log, template, template, environment)
        assert again.same
        followed += not any(note.startswith("on the old version too") for note in again.notes)
        for how in range(4):
            other = another_version(template, how, chance.randrange(9))
            if other is not None:
                result = replay_case(log, template, other, environment)
                differing += not result.same
                if how == 3:
                    assert replay_case(log, template, other, environment) == result, "the same play twice is the same"
    assert followed >= lives * 0.9, f"{followed} of {lives} lives are followed to their end"
    assert differing > 0
