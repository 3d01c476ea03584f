"""What visits of steps tell of a process: percentiles of each step, who follows whom, and loops. Pure.

Belongs here: arithmetic over visits. Does not belong here: where visits come from (analysis_figures) and words
(analysis_page). Times are working minutes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

SHARES = (0.5, 0.8, 0.95)


@dataclass(frozen=True, slots=True)
class Visit:
    """One completed visit of a step. ``waiting`` is the part of ``working`` in which nobody had it in hand.

    ``again`` is "", returned or reopened; ``sent_back``: its outcome returned the case to an earlier step, which is
    ``returned_to`` and stands at ``return_status`` (active, completed or cancelled). Rows of before these were kept do
    not name them.
    """

    case_id: str
    step_id: str
    number: int
    entered_at: datetime
    ended_at: datetime
    working: float
    waiting: float
    again: str = ""
    sent_back: bool = False
    returned_to: str = ""
    return_status: str = ""


@dataclass(frozen=True, slots=True)
class StepFigures:
    """One step over its visits: working minutes at the `SHARES`, minutes waited and in hand, visits done again."""

    step_id: str
    visits: int
    percentiles: tuple[float, ...]
    waiting: float
    in_hand: float
    again: int


@dataclass(frozen=True, slots=True)
class Edge:
    """How often ``after`` was the next step completed after ``before``, and the median minutes that it waited.

    ``back`` counts those in which the later step had been done before in the same case.
    """

    before: str
    after: str
    count: int
    median_waiting: float
    back: int


@dataclass(frozen=True, slots=True)
class Loop:
    """Returns from a step to an earlier one: how often, in how many cases, and how many led to what is under way."""

    before: str
    to: str
    count: int
    cases: int
    under_way: int = 0


@dataclass(frozen=True, slots=True)
class FlowMap:
    """The directly-follows map: steps with their visits and median minutes, and who follows whom."""

    nodes: tuple[tuple[str, int, float], ...]
    edges: tuple[Edge, ...]
    cases: int


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0 to 1) of the sorted ``values`` lie, interpolated between neighbours.

    Type 7 of Hyndman and Fan, "Sample quantiles in statistical packages" (1996), as quantile_cont and most spreadsheets
    have it. Raises ValueError for no values.
    """
    if not values:
        raise ValueError("there is no percentile of nothing")
    place = (len(values) - 1) * share
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)


def step_figures(visits: Iterable[Visit]) -> list[StepFigures]:
    """Every step that was visited, by the time that it took in all, most first."""
    by_step: dict[str, list[Visit]] = defaultdict(list)
    for visit in visits:
        by_step[visit.step_id].append(visit)
    found = []
    for step_id, own in by_step.items():
        minutes = sorted(visit.working for visit in own)
        waiting = sum(visit.waiting for visit in own)
        shares = tuple(percentile(minutes, share) for share in SHARES)
        again = sum(bool(visit.again) for visit in own)
        found.append(StepFigures(step_id, len(own), shares, waiting, sum(minutes) - waiting, again))
    return sorted(found, key=lambda one: (-(one.waiting + one.in_hand), one.step_id))


def traces(visits: Iterable[Visit]) -> dict[str, list[Visit]]:
    """The visits of each case in the order in which they were completed."""
    found: dict[str, list[Visit]] = defaultdict(list)
    for visit in visits:
        found[visit.case_id].append(visit)
    for own in found.values():
        own.sort(key=lambda one: (one.ended_at, one.entered_at, one.step_id, one.number))
    return found


def flow_map(visits: Iterable[Visit]) -> FlowMap:
    """Who follows whom: the counts of all edges together are the pairs of neighbours in all traces.

    A step that runs beside another is followed by whichever ends next. See W. van der Aalst, "Process Mining" (2016),
    on directly-follows graphs.
    """
    by_case = traces(visits)
    times: dict[str, list[float]] = defaultdict(list)
    waits: dict[tuple[str, str], list[float]] = defaultdict(list)
    backs: dict[tuple[str, str], int] = defaultdict(int)
    for trace in by_case.values():
        seen: set[str] = set()
        for place, visit in enumerate(trace):
            times[visit.step_id].append(visit.working)
            if place:
                pair = (trace[place - 1].step_id, visit.step_id)
                waits[pair].append(visit.waiting)
                backs[pair] += visit.step_id in seen
            seen.add(visit.step_id)
    nodes = tuple((step, len(own), percentile(sorted(own), 0.5)) for step, own in sorted(times.items()))
    edges = tuple(
        Edge(*pair, len(own), percentile(sorted(own), 0.5), backs[pair]) for pair, own in sorted(waits.items())
    )
    return FlowMap(nodes, edges, len(by_case))


def loops(visits: Iterable[Visit]) -> list[Loop]:
    """Returns by where they began and where they led, most frequent first.

    A visit that sent its case back says where to, whether or not that step is done yet. One that does not, of an
    earlier version, leads to the completed step that was entered next as done again because of a return.
    """
    under_way: dict[tuple[str, str], int] = defaultdict(int)
    count: dict[tuple[str, str], int] = defaultdict(int)
    cases: dict[tuple[str, str], set[str]] = defaultdict(set)
    for case_id, trace in traces(visits).items():
        returned = sorted((one for one in trace if one.again == "returned"), key=lambda one: one.entered_at)
        for visit in trace:
            if not visit.sent_back:
                continue
            entered_next = (one.step_id for one in returned if one.entered_at >= visit.ended_at)
            to = visit.returned_to or next(entered_next, None)
            if to is not None:
                count[visit.step_id, to] += 1
                cases[visit.step_id, to].add(case_id)
                under_way[visit.step_id, to] += visit.return_status == "active"
    found = [Loop(*pair, times, len(cases[pair]), under_way[pair]) for pair, times in count.items()]
    return sorted(found, key=lambda one: (-one.count, one.before, one.to))
