"""From a Slack user to a person of the directory, by the mapping file where it names the user, else by e-mail; and to
the language in which he reads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.words import LANGUAGES, Language
from resources.clock import Clock
from resources.people import Directory, Person
from resources.slack import SlackClient, SlackError, SlackRefused

_ADDRESS_KEPT_FOR = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class _Profile:
    """What Slack says of a user: his address in lower case, and the locale of his client such as ``zh-CN``."""

    address: str
    locale: str
    asked_at: datetime


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
        self._profiles: dict[str, _Profile] = {}
        self._lock = threading.Lock()

    def person(self, user_id: str) -> Person | None:
        """The person behind a Slack user, or None if the directory has none. Raises resources.slack.SlackError."""
        return self._person_in(self._directory(), user_id)

    def language(self, user_id: str, default: Language) -> Language:
        """The language (en or zh) in which the user reads: what the directory states, as on his cards, else that of his
        Slack client; ``default`` where Slack does not know one of the two either.
        """
        directory = self._directory()
        try:
            person = self._person_in(directory, user_id)
            read = directory.language_of(person.person_id) if person is not None else ""
            read = read or self._profile(user_id).locale.lower()
        except SlackError:
            return default
        return next((language for language in LANGUAGES if read.startswith(language)), default)

    def _person_in(self, directory: Directory, user_id: str) -> Person | None:
        mapped = self._mapped.get(user_id)
        if mapped is not None:
            return directory.people.get(mapped)
        address = self._profile(user_id).address
        return directory.by_email(address, pack=self._pack) if address else None

    def _profile(self, user_id: str) -> _Profile:
        now = self._clock.now()
        with self._lock:
            kept = self._profiles.get(user_id)
        if kept is not None and now - kept.asked_at < _ADDRESS_KEPT_FOR:
            return kept
        try:
            user = self._slack.user(user_id)
        except SlackRefused as error:
            if error.code not in ("user_not_found", "users_not_found", "user_not_visible"):
                raise
            user = {}
        address = str((user.get("profile") or {}).get("email") or "").lower()
        found = _Profile(address, str(user.get("locale") or ""), now)
        with self._lock:
            self._profiles[user_id] = found
        return found
