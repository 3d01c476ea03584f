"""Several things, each tried in its turn: what fails keeps nothing behind it from its turn, and is told at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)


class Attempts:
    """Attempts at several things of one kind, such as ``the incidents``."""

    def __init__(self, of: str) -> None:
        self._of = of
        self._failures: list[Exception] = []

    @contextmanager
    def at(self, what: str) -> Iterator[None]:
        """One attempt: what it raises is logged and kept, with a note that says what it was about."""
        try:
            yield
        except Exception as error:
            logger.exception("%s: %s failed", self._of, what)
            error.add_note(what)
            self._failures.append(error)

    def end(self) -> None:
        """Raise the failures together, as an ExceptionGroup, if there are any."""
        if self._failures:
            raise ExceptionGroup(f"{len(self._failures)} of {self._of} failed", self._failures)
