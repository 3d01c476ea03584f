"""Refusals that tests ask the embedded Slack for: rate limits, errors, answers that get lost on the way.

Nothing outside the gateway's own process can plan one; without a plan the class does nothing.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Fault:
    """What happens to one call. ``lost_answer`` carries the call out and then answers 500, as a broken line would."""

    kind: Literal["rate_limited", "error", "lost_answer", "server_error"]
    retry_after: int = 1
    error: str = "internal_error"


class FaultPlan:
    """The faults that the next calls of a method meet, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: dict[str, deque[Fault]] = defaultdict(deque)

    def plan(self, method: str, *faults: Fault) -> None:
        with self._lock:
            self._planned[method].extend(faults)

    def next_for(self, method: str) -> Fault | None:
        with self._lock:
            waiting = self._planned.get(method)
            return waiting.popleft() if waiting else None
