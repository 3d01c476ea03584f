"""A thread that works when it is kicked and outlives whatever goes wrong: it delivers the outbox right after a click,
and draws Home tabs anew.

Belongs here: waiting, calling, ending. Does not belong here: what is done, and what happens to work that failed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)


class KickedThread:
    """Calls ``work`` after each kick until it reports nothing more done. ``work`` returns how much it did.

    A kick never waits and never fails. What goes wrong is logged with ``failed``, a sentence that says what becomes of
    the work; the next kick calls ``work`` again. Start it with :meth:`start`; kicks before that are kept.
    """

    def __init__(self, name: str, work: Callable[[], int], failed: str) -> None:
        self._name = name
        self._work = work
        self._failed = failed
        self._wanted = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def kick(self) -> None:
        self._wanted.set()

    def stop(self, timeout: float = 10.0) -> None:
        """End after the call that runs now; waits at most ``timeout`` seconds."""
        self._stopping = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._stopping:
                return
            try:
                while self._work() and not self._stopping:
                    pass
            except Exception:  # noqa: BLE001 - the thread must outlive any failure
                _log.exception(self._failed)
