"""From a person or a channel name to where Slack takes messages for it.

Belongs here: look-ups by e-mail address, the mapping file that overrides them, and the shared cache in the ops
database. Does not belong here: who should get a message (slack messages and templates say so).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml
from sqlalchemy.engine import Engine

from resources.ops_database import reading
from resources.slack import SlackClient, SlackRefused
from workflow_jobs.store.tables import slack_target

logger = logging.getLogger(__name__)

CACHED_FOR = timedelta(days=1)
# Slack's answers that mean: this address leads nowhere (any more).
GONE = frozenset({"users_not_found", "user_not_found", "user_disabled", "account_inactive", "channel_not_found"})


class SlackUsersFileError(ValueError):
    """The mapping of people to Slack users cannot be read; the message names the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class Place:
    """A channel id, and the user's id where the channel is a direct message."""

    channel: str
    user_id: str | None = None


def load_slack_users(path: Path | None) -> dict[str, str]:
    """Read the YAML file that maps person ids to Slack user ids; without a file the mapping is empty."""
    if path is None:
        return {}
    try:
        body = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise SlackUsersFileError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(body, dict) or not all(isinstance(value, str) and value for value in body.values()):
        raise SlackUsersFileError(
            f"{path}: must map person ids to Slack user ids, one a line, such as E00042: U02ABCDEF"
        )
    return {str(person): user for person, user in body.items()}


class SlackTargets:
    """Resolves recipients. The cache is a table, so that all processes share it and a restart asks nothing again."""

    def __init__(self, engine: Engine, slack: SlackClient, users: Mapping[str, str]) -> None:
        self._engine = engine
        self._slack = slack
        self._users = users

    def place(self, recipient: Mapping[str, Any], now: datetime) -> Place:
        """Where messages for ``{"person", "email"}`` or ``{"channel"}`` go. Raises the Slack errors of the look-up."""
        key, address = _key_of(recipient)
        cached = self._cached(key, address, now)
        if cached is not None:
            return cached
        place = self._look_up(recipient, address)
        try:
            with self._engine.begin() as connection:
                connection.execute(slack_target.delete().where(slack_target.c.target == key))
                connection.execute(
                    slack_target.insert().values(
                        target=key, address=address, user_id=place.user_id, channel=place.channel, looked_up_at=now
                    )
                )
        except sa.exc.IntegrityError:
            # Another delivery looked the same person up at this moment; its answer is as good as ours.
            logger.debug("%s was looked up twice at once", key)
        return place

    def forget(self, recipient: Mapping[str, Any]) -> None:
        """Drop a cached place that Slack says is gone."""
        with self._engine.begin() as connection:
            connection.execute(slack_target.delete().where(slack_target.c.target == _key_of(recipient)[0]))

    def _cached(self, key: str, address: str, now: datetime) -> Place | None:
        with reading(self._engine) as connection:
            row = connection.execute(
                sa.select(slack_target.c.channel, slack_target.c.user_id).where(
                    slack_target.c.target == key,
                    slack_target.c.address == address,
                    slack_target.c.looked_up_at > now - CACHED_FOR,
                )
            ).one_or_none()
        return None if row is None else Place(channel=row.channel, user_id=row.user_id)

    def _look_up(self, recipient: Mapping[str, Any], address: str) -> Place:
        if "channel" in recipient:
            name = address.lstrip("#")
            for channel in self._slack.channels():
                if name in (channel.get("name"), channel.get("id")):
                    return Place(channel=str(channel["id"]))
            raise SlackRefused("conversations.list", "channel_not_found", f"no channel #{name} that the app can see")
        mapped = self._users.get(str(recipient["person"]))
        user_id = mapped or self._slack.user_id_by_email(address)
        return Place(channel=self._slack.open_dm(user_id), user_id=user_id)


def _key_of(recipient: Mapping[str, Any]) -> tuple[str, str]:
    if "channel" in recipient:
        name = str(recipient["channel"])
        return f"channel:{name}", name
    return f"person:{recipient['person']}", str(recipient.get("email") or "")
