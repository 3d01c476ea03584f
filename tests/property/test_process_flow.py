"""Percentiles, directly-follows map and loops of any visits, against slower ways of counting."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.analysis_flow import SHARES, Edge, Loop, Visit, flow_map, loops, percentile, step_figures

START = datetime(2026, 11, 16, 9, 0)


def visit(case: str, step: str, entered: int, ended: int, waiting: float = 0, number: int = 1, **more: object) -> Visit:
    at = (START + timedelta(minutes=entered), START + timedelta(minutes=ended))
    return Visit(case, step, number, *at, working=float(ended - entered), waiting=waiting, **more)  # type: ignore[arg-type]


@st.composite
def logs(draw: st.DrawFn) -> list[Visit]:
    found = []
    for number in range(draw(st.integers(0, 30))):
        entered, took = draw(st.integers(0, 50)), draw(st.integers(0, 20))
        found.append(
            visit(
                draw(st.sampled_from("ABC")), draw(st.sampled_from("xyz")), entered, entered + took,
                draw(st.integers(0, took)), number, again=draw(st.sampled_from(["", "returned", "reopened"])),
                sent_back=draw(st.booleans()),
            )
        )  # fmt: skip
    return found


@given(logs())
def test_edges_add_up_to_the_neighbours_of_all_traces(visits: list[Visit]) -> None:
    found = flow_map(visits)
    cases = Counter(one.case_id for one in visits)
    assert sum(edge.count for edge in found.edges) == sum(count - 1 for count in cases.values())
    assert {step: count for step, count, _ in found.nodes} == Counter(one.step_id for one in visits)
    assert found.cases == len(cases)
    assert all(0 <= edge.back <= edge.count for edge in found.edges)


def slow_edges(visits: list[Visit]) -> list[Edge]:
    """By picking, for each visit, whatever ends next in its case: no sorting of traces, no running sets."""
    told: list[tuple[str, str, float, bool]] = []

    def key(one: Visit) -> tuple[datetime, datetime, str, int]:
        return one.ended_at, one.entered_at, one.step_id, one.number

    for one in visits:
        later = [other for other in visits if other.case_id == one.case_id and key(other) > key(one)]
        if later:
            following = min(later, key=key)
            done = any(
                other.step_id == following.step_id and other.case_id == one.case_id and key(other) < key(following)
                for other in visits
            )
            told.append((one.step_id, following.step_id, following.waiting, done))
    return [
        Edge(a, b, len(own := [w for x, y, w, _ in told if (x, y) == (a, b)]), statistics.median(own),
             sum(back for x, y, _, back in told if (x, y) == (a, b)))
        for a, b in sorted({(a, b) for a, b, _, _ in told})
    ]  # fmt: skip


@given(logs())
def test_the_map_is_what_a_slower_count_says(visits: list[Visit]) -> None:
    # Loops among equal instants need an order: numbers are unique here.
    assert [*flow_map(visits).edges] == slow_edges(visits)


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=40))
def test_percentiles_are_the_inclusive_quantiles(values: list[int]) -> None:
    cuts = statistics.quantiles(sorted(values), n=100, method="inclusive")
    for share in SHARES:
        assert percentile(sorted(values), share) == pytest.approx(cuts[round(share * 100) - 1])


def test_a_percentile_of_one_value_is_it_and_of_none_is_an_error() -> None:
    assert percentile([7.0], 0.95) == 7.0
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


@given(logs())
def test_waiting_and_in_hand_are_all_the_time(visits: list[Visit]) -> None:
    found = step_figures(visits)
    assert sum(one.waiting + one.in_hand for one in found) == pytest.approx(sum(one.working for one in visits))
    assert sum(one.visits for one in found) == len(visits)
    assert sum(one.again for one in found) == sum(bool(one.again) for one in visits)
    times = [one.waiting + one.in_hand for one in found]
    assert all(first >= second for first, second in pairwise(times))


@given(logs())
def test_no_loop_is_made_up(visits: list[Visit]) -> None:
    found = loops(visits)
    assert sum(one.count for one in found) <= sum(one.sent_back for one in visits)
    assert all(one.cases <= one.count for one in found)


def test_a_loop_goes_from_where_it_was_sent_back_to_what_is_done_again() -> None:
    visits = [
        visit("A", "make", 0, 5), visit("A", "check", 5, 9, sent_back=True),
        visit("A", "make", 9, 12, number=2, again="returned"), visit("A", "check", 12, 14, number=2, sent_back=True,
                                                                     again="returned"),
        visit("A", "make", 14, 15, number=3, again="returned"), visit("A", "check", 15, 16, number=3, again="returned"),
        visit("B", "make", 0, 5), visit("B", "check", 5, 9, sent_back=True),
    ]  # fmt: skip
    assert loops(visits) == [Loop("check", "make", 2, 1)]
    # A row that names where it led needs no later one: the step may be under way, or was withdrawn.
    named = [replace(one, returned_to="make", return_status="completed") if one.sent_back else one for one in visits]
    named[-1] = replace(named[-1], return_status="active")
    named.append(visit("C", "check", 5, 9, sent_back=True, returned_to="make", return_status="cancelled"))
    assert loops(named) == [Loop("check", "make", 4, 3, under_way=1)]
    assert flow_map(visits).edges == (
        Edge("check", "make", 2, 0.0, 2),
        Edge("make", "check", 4, 0.0, 2),
    )
