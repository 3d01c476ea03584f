"""From a Slack user to a person of the directory: by the mapping file where it names the user, else by e-mail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from resources.clock import Clock
from resources.people import Directory, Person
from resources.slack import SlackClient, SlackRefused

_ADDRESS_KEPT_FOR = timedelta(minutes=30)


class SlackPeople:
    """Resolves Slack user ids. ``mapping`` is person id -> Slack user id; addresses are asked from Slack and kept."""

    def __init__(
        self,
        slack: SlackClient,
        directory: Callable[[], Directory],
        *,
        pack: str,
        mapping: Mapping[str, str],
        clock: Clock,
    ) -> None:
        self._slack = slack
        self._directory = directory
        self._pack = pack
        self._mapped = {user: person for person, user in mapping.items()}
        self._clock = clock
        self._addresses: dict[str, tuple[str, datetime]] = {}
        self._lock = threading.Lock()

    def person(self, user_id: str) -> Person | None:
        """The person behind a Slack user, or None if the directory has none. Raises resources.slack.SlackError."""
        directory = self._directory()
        mapped = self._mapped.get(user_id)
        if mapped is not None:
            return directory.people.get(mapped)
        address = self._address(user_id)
        return directory.by_email(address, pack=self._pack) if address else None

    def _address(self, user_id: str) -> str:
        now = self._clock.now()
        with self._lock:
            kept = self._addresses.get(user_id)
        if kept is not None and now - kept[1] < _ADDRESS_KEPT_FOR:
            return kept[0]
        try:
            profile = self._slack.user(user_id).get("profile") or {}
        except SlackRefused as error:
            if error.code not in ("user_not_found", "users_not_found", "user_not_visible"):
                raise
            profile = {}
        address = str(profile.get("email") or "").lower()
        with self._lock:
            self._addresses[user_id] = (address, now)
        return address
