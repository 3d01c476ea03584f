"""Watches over Dagster itself: a daemon that is dead, or its watchdog that fails, cannot open an incident about that.

Belongs here: looking, waiting long enough, opening and closing these incidents. Does not belong here: how Dagster is
asked (dagster_status), and everything that the watchdog sensor sees while the daemon lives.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from gateway.dagster_status import DagsterStatus
from ops_assets.automation import DAEMON_SILENT_AFTER, Trouble
from workflow_jobs.service import ProcessService
from workflow_jobs.watching_over import GATEWAY_SUBJECTS, keep_troubles

EVERY_SECONDS = 30.0
_DAGSTER, _WATCHDOG = GATEWAY_SUBJECTS
_log = logging.getLogger(__name__)


class HeartbeatWatch:
    """Looks at Dagster now and then, in a thread of its own.

    ``look`` asks Dagster; ``kick`` starts the delivery of messages, since the daemon that would do it may be dead. A
    trouble opens an incident once it has lasted ``patience`` seconds: a daemon that starts or is started again is none.
    """

    def __init__(
        self,
        service: ProcessService,
        look: Callable[[], DagsterStatus],
        kick: Callable[[], None],
        *,
        patience: float = DAEMON_SILENT_AFTER.total_seconds(),
        every: float = EVERY_SECONDS,
    ) -> None:
        self._service = service
        self._look = look
        self._kick = kick
        self._patience = patience
        self._every = every
        self._since: dict[str, float] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="gateway-heartbeat-watch", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """End after the look that is under way; waits at most ``timeout`` seconds."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def step(self, at: float) -> bool:
        """One look at ``at`` (seconds of a monotonic clock); True where an incident was opened or ended."""
        seen = troubles_of(self._look())
        self._since = {one.id: self._since.get(one.id, at) for one in seen}
        lasting = [one for one in seen if at - self._since[one.id] >= self._patience]
        # What does not last yet is neither opened nor ended; all else about automation is the watchdog's.
        kept = keep_troubles(
            self._service, lasting, lambda subject: subject in GATEWAY_SUBJECTS and subject not in self._since
        )
        changed = bool(kept.opened or kept.reopened or kept.joined or kept.resolved)
        if changed:
            _log.warning("%s: %s", "; ".join(one.sentence for one in lasting) or "Dagster runs again", kept)
            self._kick()
        return changed

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                self.step(time.monotonic())
            except Exception:  # noqa: BLE001 - the watch must outlive any failure; it looks again
                _log.exception("watching over Dagster failed; looking again in %s s", self._every)


def troubles_of(status: DagsterStatus) -> list[Trouble]:
    """What only somebody outside of Dagster can say: it does not run, or its watchdog fails or is switched off."""
    if status.trouble:
        symptoms = tuple(sorted(f"sensor/{one.name}" for one in status.sensors))
        return [Trouble(_DAGSTER, "daemon", "Dagster", status.trouble, symptoms=symptoms)]
    name = _WATCHDOG.partition("/")[2]
    watchdog = next((one for one in status.sensors if one.name == name), None)
    if watchdog is None or (watchdog.running and not watchdog.last_error):
        return []
    sentence = watchdog.last_error or "It is switched off in Dagster."
    return [Trouble(_WATCHDOG, "sensor", f"sensor {name}", sentence)]
