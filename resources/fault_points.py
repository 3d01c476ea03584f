"""Named points at which a test may kill the process, to prove that nothing is lost or doubled there.

In production no point is armed and a call costs one comparison. A point is armed with ``TRUELOOP_FAULT_POINT``
(through settings) or with ``arm`` in the same process.
"""

from __future__ import annotations

import os

_armed: str | None = None


def arm(name: str) -> None:
    """Kill this process, without any clean-up, when it reaches the point ``name``; an empty name disarms."""
    global _armed  # noqa: PLW0603 - one process has one armed point
    _armed = name or None


def fault_point(name: str) -> None:
    """Mark a point in the code; dies with exit code 137 (as kill -9 would) where it is armed."""
    if _armed is not None and _armed == name:
        os._exit(137)
