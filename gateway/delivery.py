"""Sends the outbox right after a click, in a thread of its own; Dagster's outbox sensor is the safety net."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)


class DeliveryThread:
    """Calls ``deliver`` after each kick until it reports nothing more sent. ``deliver`` returns how many rows went out.

    A kick never waits and never fails; what goes wrong is logged and left to the sensor.
    """

    def __init__(self, deliver: Callable[[], int]) -> None:
        self._deliver = deliver
        self._wanted = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="gateway-delivery", daemon=True)
        self._thread.start()

    def kick(self) -> None:
        self._wanted.set()

    def stop(self, timeout: float = 10.0) -> None:
        """End after the round that runs now; waits at most ``timeout`` seconds."""
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
                while self._deliver() and not self._stopping:
                    pass
            except Exception:  # noqa: BLE001 - the thread must outlive any failure; the sensor delivers what is left
                _log.exception("delivering the outbox after a click failed; the sensor will try again")
