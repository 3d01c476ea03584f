"""Named points at which a test may kill the process, to prove that nothing is lost or doubled there.

In production no point is armed and a call costs one comparison. A point is armed with ``TRUELOOP_FAULT_POINT``
(through settings) or with ``arm`` in the same process.
"""

from __future__ import annotations

import os
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

_armed: str | None = None
_passed: list[str] | None = None


def arm(name: str) -> None:
    """Kill this process, without any clean-up, when it reaches the point ``name``; an empty name disarms."""
    global _armed  # noqa: PLW0603 - one process has one armed point
    _armed = name or None


def record() -> list[str]:
    """From now on note every point that this process passes; the list grows as it does."""
    global _passed  # noqa: PLW0603 - one process has one list
    _passed = []
    return _passed


def fault_point(name: str) -> None:
    """Mark a point in the code; dies with exit code 137 (as kill -9 would) where it is armed."""
    if _armed is not None and _armed == name:
        os._exit(137)
    if _passed is not None:
        _passed.append(name)


def number_statements(connection: Connection, name: str) -> None:
    """Make a point of the moment before every statement of the connection from now on: ``<name>.1``, ``<name>.2`` ...

    Only where a point is armed or points are noted: in production no statement is looked at.
    """
    if _armed is None and _passed is None:
        return
    count = 0

    def before(*_given: Any) -> None:
        nonlocal count
        count += 1
        fault_point(f"{name}.{count}")

    sa.event.listen(connection, "before_cursor_execute", before)
