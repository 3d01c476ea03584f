"""How the stack came to its end: which of its processes ended first, in what way, and what it said last.

Belongs here: finding that out and one sentence about it. Does not belong here: starting and stopping (gateway.up).
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_STOPPED = re.compile(r"^(?P<name>\S+) stopped \(rc=(?P<code>-?\d+)\)")
_RECEIVED = re.compile(r"^SIG[A-Z]+ received")
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class FirstEnd:
    """The process that ended first; ``code`` is its exit code, or the signal's number below zero."""

    name: str
    code: int


class EndWatch:
    """Follows what the supervisor says about its processes. ``logs`` is the folder of their log files.

    A log goes on where the start before ended, so what stood there already is no word of this one.
    """

    def __init__(self, logs: Path, names: Iterable[str]) -> None:
        self._logs = logs
        self._began: Mapping[str, int] = {name: _size(self.log(name)) for name in names}
        self._first: FirstEnd | None = None
        self._asked = False

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def hear(self, line: str) -> None:
        """Take in one line of the supervisor's own."""
        if _RECEIVED.match(line) and self._first is None:
            self._asked = True
        ended = _STOPPED.match(line)
        if ended and self._first is None:
            self._first = FirstEnd(ended["name"], int(ended["code"]))

    @property
    def by_itself(self) -> FirstEnd | None:
        """The process that ended before anybody asked the stack to stop; None where somebody did."""
        return None if self._asked else self._first

    def sentence(self) -> str:
        """Which process ended, how, where its log is and what it said last; empty after an ordinary stop."""
        end = self.by_itself
        if end is None:
            return ""
        said = f"{end.name} ended by itself ({_how(end.code)}), so everything was stopped."
        log = self.log(end.name)
        if not log.exists():
            return said
        last = _last_line(log, self._began.get(end.name, 0))
        return f"{said} Its log is {log}" + (f"; last line: {last}" if last else ", where it said nothing.")


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _last_line(log: Path, since: int) -> str:
    with log.open("rb") as file:
        file.seek(max(since, _size(log) - 65_536))
        lines = file.read().decode("utf-8", "replace").splitlines()
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
