"""Random templates under random people, clicks, jobs and clocks: what must hold of every case, always."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import get_args

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.engine_lives import INCIDENT, ORDINARY, WORKED_AT, InService, live, under_changing_calendars
from tests.engine_machine import PARENT, PERSONS, SEEN, STEPS, Cases
from tests.engine_templates import random_template
from tests.engine_world import Play, shipped, to_the_end
from tests.template_walks import shipped_library
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import fold, replay
from workflow_jobs.engine.state import CaseState

COMMANDS: Counter[str] = Counter()
EVENTS: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def _count() -> Iterator[None]:
    STEPS.clear()
    SEEN.clear()
    yield
    print(f"{sum(STEPS.values())} commands: {dict(STEPS)}; events: {dict(SEEN)}")
    COMMANDS.update(STEPS)
    EVENTS.update(SEEN)


def test_what_must_hold_of_every_case(pytestconfig: pytest.Config) -> None:
    soak = bool(pytestconfig.getoption("--soak", default=False))
    run_state_machine_as_test(
        Cases,
        settings=settings(
            max_examples=2_000 if soak else 40,
            stateful_step_count=50 if soak else 40,
            deadline=None,
            # The same walks each time here, so that "it gets far" below is no matter of luck; new ones in the soak.
            derandomize=not soak,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        ),
    )
    # The walk is worth nothing if it never gets far; that every kind of event happens is counted over all tests below.
    assert {"TaskDecided", "StepCompleted", "CaseClosed"} <= SEEN.keys()


def test_long_lives_of_random_templates(pytestconfig: pytest.Config) -> None:
    """The same rules drawn by weight, mostly sensible, so that cases get far; a new template for each life."""
    lives = 14_000 if pytestconfig.getoption("--soak", default=False) else 180
    chance = random.Random(7)
    for _ in range(lives):
        machine = Cases()
        machine.play = Play(random_template(chance))
        data = {"day": chance.choice(("2026-11-10", "2026-11-18", "2026-12-24"))}
        parent = chance.choice((None, None, PARENT))
        machine.play.open(requested_by=chance.choice((None, *PERSONS)), data=data, parent_case_id=parent)
        by_itself = machine.play.template.closes == "on_resolution"
        live(machine, chance, under_changing_calendars(WORKED_AT if by_itself else ORDINARY))


def test_long_lives_of_the_shipped_templates(pytestconfig: pytest.Config) -> None:
    """Cases of templates in service close, fail their effect and open again."""
    lives = 5_000 if pytestconfig.getoption("--soak", default=False) else 56
    chance = random.Random(11)
    library = shipped_library()
    for number in range(lives):
        template = library.get(library.ids()[number % len(library)])
        machine = InService.opened(Play(template), chance, requested_by=chance.choice((None, *PERSONS)))
        by_itself = template.closes == "on_resolution"
        live(machine, chance, under_changing_calendars(INCIDENT if by_itself else ORDINARY))


def test_enough_happens_in_these_lives(pytestconfig: pytest.Config) -> None:
    """Comes last: counts what the tests above did."""
    if not EVENTS:
        pytest.skip("counts what the other tests of this file did")
    least = 1_000_000 if pytestconfig.getoption("--soak", default=False) else 10_000
    assert sum(COMMANDS.values()) >= least, f"{sum(COMMANDS.values())} commands"
    given = {kind.__name__ for kind in get_args(c.Command)} - {"OpenCase"}
    assert given - COMMANDS.keys() == set(), "every kind of command is given"
    assert e.EVENT_TYPES.keys() == EVENTS.keys(), "every kind of event is lived through"
    assert COMMANDS["asked afresh"] >= 5 and COMMANDS["begun again"] >= 5, "other tiers, and second lives"


@pytest.mark.parametrize("cut", range(0, 30, 3))
def test_folding_in_two_parts_is_folding_at_once(cut: int) -> None:
    log = to_the_end(Play(shipped("supply_exception"))).log
    assert len(log) > 20
    middle: CaseState | None = fold(None, log[: cut + 1])
    assert fold(middle, log[cut + 1 :]) == replay(log)
