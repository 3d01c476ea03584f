"""Which Slack the gateway speaks to, decided by the settings alone: real over HTTP, real over Socket Mode, embedded."""

from __future__ import annotations

from dataclasses import dataclass

from slack_sdk import WebClient

from gateway.embedded_slack.credentials import embedded_secrets
from resources.settings import Settings


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

    def web_client(self) -> WebClient:
        client = WebClient(token=self.bot_token, base_url=self.base_url, timeout=3, retry_handlers=[])
        if self.embedded:
            client.proxy = None  # a proxy of the environment would look for 127.0.0.1 on its own machine
        return client


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
