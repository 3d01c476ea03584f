"""Time from `make up` to ready, and the memory of everything that then runs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.stack import running

FIRST, SECOND = "first start, with sample data", "second start, state kept"
IDLE_SECONDS = 20
_BETWEEN_WEIGHINGS = 2


@dataclass
class StartTimes:
    """By kind of start: seconds to ready, MB by process after ``IDLE_SECONDS``, and at the highest sum meanwhile."""

    ready: dict[str, list[float]] = field(default_factory=lambda: {FIRST: [], SECOND: []})
    memory: dict[str, list[Mapping[str, float]]] = field(default_factory=lambda: {FIRST: [], SECOND: []})
    highest: dict[str, list[Mapping[str, float]]] = field(default_factory=lambda: {FIRST: [], SECOND: []})


def measure(work: Path, scale: float, repeat: int, *, memory: bool, say: Callable[[str], None]) -> StartTimes:
    """Start ``repeat`` times on an empty state folder, and each time again on the state that it left."""
    times = StartTimes()
    for number in range(repeat):
        home = work / "up"
        shutil.rmtree(home, ignore_errors=True)
        for kind in (FIRST, SECOND):
            say(f"{kind}, {number + 1} of {repeat}")
            with running(home, scale) as stack:
                times.ready[kind].append(stack.seconds)
                if memory:
                    _weigh(stack.memory, times, kind)
        shutil.rmtree(home, ignore_errors=True)
    return times


def _weigh(memory: Callable[[], Mapping[str, float]], times: StartTimes, kind: str) -> None:
    highest: Mapping[str, float] = {}
    until = time.monotonic() + IDLE_SECONDS
    while time.monotonic() < until:
        highest = max(highest, memory(), key=_total)
        time.sleep(_BETWEEN_WEIGHINGS)
    last = memory()
    times.memory[kind].append(last)
    times.highest[kind].append(max(highest, last, key=_total))


def _total(weights: Mapping[str, float]) -> float:
    return sum(weights.values())
