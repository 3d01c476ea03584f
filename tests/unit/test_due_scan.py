"""Everything that is due has its turn, whatever fails, how ever many, and however short a scan is."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine_world import MONDAY
from workflow_jobs.due_scan import Page, listed, never, work_through
from workflow_jobs.store.due_rows import Place


class Broken(Exception):
    pass


class Queue:
    """Things that are due, of two kinds, read by pages; what is done is due no longer, what fails stays."""

    def __init__(self, due: dict[str, list[tuple[int, int]]], failing: set[str], page: int) -> None:
        self.failing, self.page = failing, page
        self.due = {
            kind: {Place(MONDAY + timedelta(seconds=at), f"{kind}{n}"): f"{kind}{n}" for at, n in those}
            for kind, those in due.items()
        }
        self.tries: Counter[str] = Counter()
        self.left: dict[str, Place] = {}

    def pages(self) -> dict[str, Page[str]]:
        return {kind: lambda behind, kind=kind: self.behind(kind, behind) for kind in self.due}  # type: ignore[misc]

    def behind(self, kind: str, behind: Place) -> list[tuple[Place, str]]:
        found = sorted(item for item in self.due[kind].items() if item[0] > behind)
        return found[: self.page]

    def do(self, work: str) -> None:
        self.tries[work] += 1
        if work in self.failing:
            raise Broken(work)
        for there in self.due.values():
            for place in [place for place, what in there.items() if what == work]:
                del there[place]

    def scan(self, most: int | None) -> list[str]:
        """One scan in which time is up after so many things; what failed."""
        before = self.tries.total()
        enough = never if most is None else lambda: self.tries.total() - before >= most
        seen = work_through(self.pages(), self.do, begin=self.left, enough=enough)
        self.left = dict(seen.left)
        return [str(one) for one in seen.failures]


things = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), unique_by=lambda one: one[1], max_size=20)


@given(st.fixed_dictionaries({"a": things, "b": things}), st.sets(st.integers(0, 30)), st.integers(1, 5), st.data())
@settings(max_examples=100, deadline=None)
def test_all_that_can_be_done_is_done_and_all_that_fails_is_told(
    due: dict[str, list[tuple[int, int]]], failing: set[int], page: int, data: st.DataObject
) -> None:
    names = {f"{kind}{n}" for kind, those in due.items() for _, n in those}
    broken = names & {f"{kind}{n}" for kind in "ab" for n in failing}
    whole = Queue(due, broken, page)
    assert sorted(whole.scan(None)) == sorted(broken)
    assert whole.left == {} and set(whole.tries.values()) <= {1}
    assert {one for there in whole.due.values() for one in there.values()} == broken
    short = Queue(due, broken, page)
    most = data.draw(st.integers(1, 7))
    for _ in range(len(names) + 2):
        short.scan(most)
    assert {one for there in short.due.values() for one in there.values()} == broken
    assert broken <= set(short.tries), "those behind that fail as well have been tried"


def test_two_kinds_take_turns() -> None:
    queue = Queue({"a": [(0, n) for n in range(9)], "b": [(5, n) for n in range(9)]}, set(), 4)
    queue.scan(4)
    assert sorted(queue.tries) == ["a0", "a1", "b0", "b1"]


def test_what_comes_twice_in_a_scan_is_done_once() -> None:
    tries: Counter[str] = Counter()
    twice = [(Place(MONDAY + timedelta(seconds=at), str(at)), "case") for at in range(3)]
    work_through({"a": listed(twice)}, lambda work: tries.update([work]))
    assert tries == {"case": 1}


def test_a_list_goes_on_behind_a_place_in_its_own_order() -> None:
    items = [(Place(MONDAY - timedelta(days=n), str(n)), str(n)) for n in range(3)]
    page = listed(items)
    assert [what for _, what in page(Place(MONDAY - timedelta(days=2), "2"))] == ["1", "0"]
