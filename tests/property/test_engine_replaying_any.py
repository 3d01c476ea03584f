"""Random lives of random templates, played again: on the same version the decisions lead to the same end, and on any
other one the play says where it differs instead of failing.
"""

from __future__ import annotations

from random import Random

import pytest

from tests.engine_lives import ORDINARY, live
from tests.engine_machine import PERSONS, Cases
from tests.engine_templates import another_version, random_template
from tests.engine_world import Play, calendar, people
from workflow_jobs.engine.environment import Environment
from workflow_jobs.engine.replaying import replay_case
from workflow_jobs.engine.template import Template


def test_random_lives_can_be_played_again(pytestconfig: pytest.Config) -> None:
    lives = 1_000 if pytestconfig.getoption("--soak", default=False) else 16
    chance = Random(5)
    followed = told = 0
    for _ in range(lives):
        machine = Cases()
        machine.play = Play(random_template(chance))
        machine.play.open(requested_by=chance.choice((None, *PERSONS)), data={"day": "2026-11-18"})
        live(machine, chance, {**ORDINARY, "template_changes": 0})
        log, template, calendars = machine.play.log, machine.play.template, machine.play.calendars

        def environment(version: Template) -> Environment:
            return Environment(version, calendar(), people(), {}, calendars)  # noqa: B023 - used within the round

        again = replay_case(log, template, template, environment)
        assert again.same
        followed += not any(note.startswith("on the old version too") for note in again.notes)
        for how in range(4):
            other = another_version(template, how, chance.randrange(9))
            if other is not None:
                result = replay_case(log, template, other, environment)
                told += not result.same
                assert replay_case(log, template, other, environment) == result, "the same play twice is the same"
    assert followed >= lives * 0.9, f"{followed} of {lives} lives are followed to their end"
    assert told > 0
