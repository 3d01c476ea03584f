"""The likeness of two cases: the same both ways, more shared is more alike, and never without a reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.case_similar import compared, contributors_of, ranked
from workflow_jobs.engine.state import CaseState

MONDAY = datetime(2026, 11, 16, 1, 30, tzinfo=UTC)
INPUTS = ("kind", "urgent")


def case(number: int, **given: Any) -> CaseState:
    values: dict[str, Any] = {
        "case_id": f"C-{number:06d}", "template_id": "supply_exception", "template_hash": "h", "status": "closed",
        "seq": 1, "opened_at": MONDAY + timedelta(hours=number), "priority": "high", "rule_id": "",
    }  # fmt: skip
    return CaseState(**{**values, **given})


def moved_by(*members: str) -> dict[str, Any]:
    return {"contributors": {"top": [{"dimension": "item", "label": member} for member in members]}}


words = st.sampled_from(["", "a", "b"])
cases = st.builds(
    lambda number, template, rule, metric, kind, subject, members, data: case(
        number, template_id=template, rule_id=rule, metric=metric, subject_kind=kind, subject_id=subject,
        data={**moved_by(*members), **data},
    ),
    st.integers(0, 999), st.sampled_from(["supply_exception", "order_change"]), words, words, words, words,
    st.lists(st.sampled_from("xyz"), unique=True),
    st.dictionaries(st.sampled_from([*INPUTS, "free"]), st.sampled_from(["u", "v", True])),
)  # fmt: skip


@given(cases, cases)
def test_likeness_is_the_same_both_ways(one: CaseState, other: CaseState) -> None:
    here, there = compared(one, other, INPUTS), compared(other, one, INPUTS)
    assert (here.score, here.reasons) == (there.score, there.reasons)
    assert (here.score > 0) == bool(here.reasons)


@given(cases)
def test_nothing_is_more_alike_than_the_case_itself(one: CaseState) -> None:
    itself = compared(one, one, INPUTS).score
    same = {name: getattr(one, name) for name in ("metric", "subject_kind", "subject_id", "rule_id", "data")}
    changes: tuple[dict[str, Any], ...] = ({"rule_id": "z"}, {"metric": "z"}, {"subject_id": "z"}, {"data": {}})
    for change in changes:
        assert compared(one, case(1, **{**same, **change}), INPUTS).score <= itself + 1e-9


@given(cases, st.lists(cases, max_size=12))
def test_ranked_are_those_of_the_same_process_with_a_reason_most_alike_first(
    one: CaseState, others: list[CaseState]
) -> None:
    found = ranked(one, others, INPUTS)
    assert all(first.score >= second.score for first, second in pairwise(found))
    expected = [
        other
        for other in others
        if other.template_id == one.template_id
        and other.case_id != one.case_id
        and compared(one, other, INPUTS).reasons
    ]
    assert len(found) == min(10, len(expected))
    assert all(likeness.reasons for likeness in found)


def test_reasons_come_strongest_first() -> None:
    one = case(
        1, rule_id="r", metric="m", subject_kind="supplier", subject_id="S1", data={"kind": "u", **moved_by("x", "y")}
    )
    other = case(
        2, rule_id="r", metric="m", subject_kind="supplier", subject_id="S1", data={"kind": "u", **moved_by("y")}
    )
    assert [kind for kind, _ in compared(one, other, INPUTS).reasons] == [
        "subject", "rule", "input", "metric", "contributor",
    ]  # fmt: skip
    stranger = case(3, subject_kind="customer", rule_id="q")
    assert compared(one, stranger, INPUTS).reasons == ()


def test_contributors_are_read_from_what_the_case_was_opened_with() -> None:
    assert contributors_of(moved_by("x")) == {("item", "x")}
    for odd in ({}, {"contributors": None}, {"contributors": {"unknown": {"en": "?"}}}, {"contributors": {"top": [1]}}):
        assert contributors_of(odd) == frozenset()
