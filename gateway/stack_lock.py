"""The lock that says whether a stack runs on a state folder: its supervisor holds it from its start to its end.

Belongs here: taking it, and looking whether somebody has it. Starting a stack is `up`; what a command does beside a
running one is its own business.
"""

from __future__ import annotations

import fcntl
from typing import Final

from filelock import FileLock

from resources.settings import Settings

_FILE: Final = "up.lock"
# A command that looks has a share of the lock for an instant: a start must not fail on that.
_PATIENCE: Final = 0.5


def take_stack_lock(settings: Settings) -> FileLock:
    """Hold the lock until the process ends. Raises Timeout where a stack runs, OSError where it cannot be written."""
    settings.home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(settings.home / _FILE)
    lock.acquire(timeout=_PATIENCE)
    return lock


def stack_runs(settings: Settings) -> bool:
    """Whether a stack runs on the state folder. Raises OSError where the lock cannot be looked at.

    It asks for a share, which only the supervisor's own lock refuses: two commands that look at the same moment must
    not take each other for a stack.
    """
    try:
        with (settings.home / _FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
