"""Which Slack this installation speaks to, by the settings alone: real over HTTP, real over Socket Mode, embedded.

The bot token and signing secret of the embedded Slack are made once and kept in a file that only its owner may read;
every process of an installation reads the same file, whoever comes first writes it.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from resources.durable_files import write_once
from resources.settings import Settings

FILE_NAME = "embedded_slack_secrets.json"


@dataclass(frozen=True)
class EmbeddedSecrets:
    bot_token: str
    signing_secret: str


def embedded_secrets(home: Path) -> EmbeddedSecrets:
    """Read the secrets of the state folder ``home``, or make them (mode 0600) if there are none.

    Two processes may come at once: the file appears whole and only once, and both read the same content.
    """
    path = home / FILE_NAME
    if not path.exists():
        made = {"bot_token": f"xoxb-{secrets.token_hex(24)}", "signing_secret": secrets.token_hex(16)}
        write_once(path, json.dumps(made).encode())
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        return EmbeddedSecrets(body["bot_token"], body["signing_secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is not readable as the secrets of the embedded Slack ({error}). "
            "Delete the file: new ones are made at the next start."
        ) from error


class SlackSettingsError(ValueError):
    """Slack settings that contradict each other; the sentence names the variable and what to set."""


@dataclass(frozen=True)
class SlackConnection:
    """Address, tokens and mode. ``app_token`` is set for Socket Mode only."""

    base_url: str
    bot_token: str
    signing_secret: str
    app_token: str
    embedded: bool


def slack_connection(settings: Settings) -> SlackConnection:
    """Read the connection from the settings; in embedded mode make its secrets. Raises SlackSettingsError."""
    app_token = settings.slack_app_token.get_secret_value()
    signing_secret = settings.slack_signing_secret.get_secret_value()
    if settings.slack_embedded:
        if app_token or signing_secret:
            name = "TRUELOOP_SLACK_APP_TOKEN" if app_token else "TRUELOOP_SLACK_SIGNING_SECRET"
            raise SlackSettingsError(f"{name} is set, but TRUELOOP_SLACK_BOT_TOKEN is not. Set the bot token too.")
        made = embedded_secrets(settings.home)
        return SlackConnection(settings.slack_api_base_url, made.bot_token, made.signing_secret, "", True)
    if not app_token and not signing_secret:
        raise SlackSettingsError(
            "TRUELOOP_SLACK_BOT_TOKEN is set, but neither TRUELOOP_SLACK_SIGNING_SECRET (requests over HTTP) nor "
            "TRUELOOP_SLACK_APP_TOKEN (Socket Mode) is. docs/slack.md says where Slack shows them."
        )
    return SlackConnection(
        settings.slack_api_base_url, settings.slack_bot_token.get_secret_value(), signing_secret, app_token, False
    )
