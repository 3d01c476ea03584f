"""However long some jobs run, the sensor asks for the others too: each tick goes on behind the last one's."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from sensors.process import steps_in_turn
from tests.engine_world import MONDAY
from workflow_jobs.cases import ServiceStep
from workflow_jobs.store.due_rows import Place


def step(number: int) -> ServiceStep:
    at = MONDAY + timedelta(minutes=number // 2)
    return ServiceStep(
        case_id=f"C-{number:03}",
        template_id="t",
        step_id="s",
        job="some_job",
        idempotency_key=f"C-{number:03}.s.1",
        attempt=1,
        requested_at=MONDAY,
        timeout_at=at,
    )


class Waiting:
    """The steps that wait, as the service gives them."""

    def __init__(self, *numbers: int) -> None:
        self.steps = [step(number) for number in sorted(numbers)]

    def __call__(self, limit: int, behind: Place) -> list[ServiceStep]:
        return [one for one in self.steps if Place(one.timeout_at, one.idempotency_key) > behind][:limit]


def numbers(steps: list[ServiceStep]) -> list[int]:
    return [int(one.idempotency_key[2:5]) for one in steps]


def test_few_steps_are_asked_for_every_time() -> None:
    cursor: str | None = None
    for _ in range(3):
        steps, cursor = steps_in_turn(Waiting(1, 2, 3), cursor, 5)
        assert (numbers(steps), cursor) == ([1, 2, 3], "")


def test_many_steps_are_asked_for_in_turn_and_the_round_begins_again() -> None:
    waiting, cursor, asked = Waiting(*range(7)), "", []
    for _ in range(4):
        steps, cursor = steps_in_turn(waiting, cursor, 3)
        asked.append(numbers(steps))
    assert asked == [[0, 1, 2], [3, 4, 5], [6, 0, 1], [2, 3, 4]]


@given(st.sets(st.integers(0, 99), min_size=1, max_size=30), st.integers(1, 10), st.integers(0, 99))
def test_none_waits_longer_than_a_round(there: set[int], most: int, new: int) -> None:
    """Also one that comes while the others, whose jobs run on and on, have been asked for."""
    _, cursor = steps_in_turn(Waiting(*there - {new}), None, most)
    waiting, asked = Waiting(*{*there, new}), set()
    for _ in range(-(-len(waiting.steps) // most) + 1):
        steps, cursor = steps_in_turn(waiting, cursor, most)
        assert len(steps) <= most and len(set(numbers(steps))) == len(steps)
        asked |= set(numbers(steps))
    assert asked == there | {new}
