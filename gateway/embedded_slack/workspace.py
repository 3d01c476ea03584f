"""The embedded workspace as one object: its file, its parts, and who the members are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.embedded_slack.conversations import Conversations
from gateway.embedded_slack.database import Database
from gateway.embedded_slack.faults import FaultPlan
from gateway.embedded_slack.files import Files
from gateway.embedded_slack.members import Member, Members
from gateway.embedded_slack.messages import Messages
from gateway.embedded_slack.views import Views
from resources.clock import Clock
from resources.slack_connection import EmbeddedSecrets

STANDARD_CHANNELS = (
    ("general", "Company-wide announcements and everything that has no place of its own"),
    ("supply", "Suppliers, purchase orders and deliveries"),
    ("production", "Work orders, lines and quality"),
)


class Workspace:
    """All state of the embedded Slack.

    ``people`` gives ``(version, members)`` of the directory; members are brought up to date whenever the version
    changed since the last look.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        secrets: EmbeddedSecrets,
        people: Callable[[], tuple[str, Callable[[], Sequence[Member]]]],
        channels: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.clock = clock
        self.secrets = secrets
        self.database = Database(path)
        self.members = Members(self.database)
        self.conversations = Conversations(self.database, clock)
        self.messages = Messages(self.database, clock)
        self.views = Views(self.database, clock)
        self.files = Files(self.database, clock)
        # Where the page and its files are reached; set by the application that serves them.
        self.public_url = ""
        self.faults = FaultPlan()
        # Languages of the members' clients by user id, such as zh-CN; nobody has chosen one at first.
        self.locales: dict[str, str] = {}
        self._people = people
        self._people_version: str | None = None
        self._people_lock = threading.Lock()
        self.conversations.ensure([*channels, *STANDARD_CHANNELS])

    def refresh_members(self) -> None:
        """Take over the directory of the current snapshot; costs a comparison while nothing was published."""
        version, read = self._people()
        with self._people_lock:
            if version != self._people_version:
                self.members.replace(read())
                self._people_version = version

    def close(self) -> None:
        self.database.close()
