"""The bucket of events that a token may post."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.rate_limit import RateLimit

START = datetime(2026, 11, 16, 1, 30, tzinfo=UTC)


def test_a_minute_s_worth_may_be_posted_at_once_and_then_fills_again() -> None:
    limit = RateLimit(6000)
    assert limit.take("a", 6000, START) == 0.0
    assert limit.take("a", 100, START) == 1.0
    assert limit.take("a", 100, START + timedelta(seconds=1)) == 0.0


def test_a_full_batch_is_possible_even_under_a_small_limit() -> None:
    limit = RateLimit(60)
    assert limit.take("a", 1000, START) == 0.0
    assert limit.take("a", 1, START) == 1.0


def test_tokens_are_counted_apart() -> None:
    limit = RateLimit(60)
    assert limit.take("a", 1000, START) == 0.0
    assert limit.take("b", 1000, START) == 0.0


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(-5, 90)), min_size=1, max_size=60), st.integers(1, 9000))
def test_never_more_than_the_saved_minute_plus_the_rate(steps: list[tuple[int, int]], per_minute: int) -> None:
    limit, now, taken, latest = RateLimit(per_minute), START, 0, START
    for units, seconds in steps:
        now += timedelta(seconds=seconds)
        if limit.take("a", units, now) == 0.0:
            taken += units
        latest = max(latest, now)
    # A clock that runs back gives nothing away: at worst the same seconds count again once.
    backwards = sum(-seconds for _, seconds in steps if seconds < 0)
    allowed = max(per_minute, 1000) + ((latest - START).total_seconds() + backwards) * per_minute / 60
    assert taken <= allowed + 1e-6
