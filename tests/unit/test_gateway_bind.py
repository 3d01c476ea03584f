"""Where the gateway may bind, and which Slack the settings choose."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.__main__ import bind_refusal
from gateway.embedded_slack.app import is_loopback
from resources.settings import Settings
from resources.slack_connection import FILE_NAME, SlackSettingsError, embedded_secrets, slack_connection


def settings(tmp_path: Path, **given: Any) -> Settings:
    return Settings(home=tmp_path, **given)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", ""])
def test_the_embedded_slack_refuses_every_other_address(tmp_path: Path, host: str) -> None:
    assert "loopback" in bind_refusal(settings(tmp_path, gateway_host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.9.1"])
def test_the_loopback_address_is_fine(tmp_path: Path, host: str) -> None:
    assert bind_refusal(settings(tmp_path, gateway_host=host)) == ""


def test_with_a_real_slack_any_address_is_fine(tmp_path: Path) -> None:
    assert bind_refusal(settings(tmp_path, gateway_host="0.0.0.0", slack_bot_token=SecretStr("xoxb-1"))) == ""


def test_a_name_that_only_looks_like_loopback_is_none() -> None:
    assert not is_loopback("127.0.0.1.example.com")
    assert not is_loopback("localhost.example.com")
    assert is_loopback("[::1]")


def test_no_tokens_mean_the_embedded_slack_with_secrets_that_stay_and_that_only_the_owner_reads(tmp_path: Path) -> None:
    first = slack_connection(settings(tmp_path))
    assert first.embedded
    assert first.base_url.endswith("/embedded-slack/api/")
    assert slack_connection(settings(tmp_path)) == first
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_damaged_secrets_file_says_which_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("{")
    with pytest.raises(ValueError, match=f"{FILE_NAME}.*Delete the file"):
        embedded_secrets(tmp_path)


def test_a_bot_token_with_a_signing_secret_is_slack_over_http(tmp_path: Path) -> None:
    found = slack_connection(
        settings(tmp_path, slack_bot_token=SecretStr("xoxb-1"), slack_signing_secret=SecretStr("s"))
    )
    assert (found.embedded, found.app_token, found.base_url) == (False, "", "https://slack.com/api/")


def test_an_app_token_is_socket_mode(tmp_path: Path) -> None:
    found = slack_connection(
        settings(tmp_path, slack_bot_token=SecretStr("xoxb-1"), slack_app_token=SecretStr("xapp-1"))
    )
    assert found.app_token == "xapp-1"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"slack_bot_token": SecretStr("xoxb-1")}, "TRUELOOP_SLACK_SIGNING_SECRET"),
        ({"slack_app_token": SecretStr("xapp-1")}, "TRUELOOP_SLACK_APP_TOKEN"),
        ({"slack_signing_secret": SecretStr("s")}, "TRUELOOP_SLACK_SIGNING_SECRET"),
    ],
)
def test_tokens_that_do_not_go_together_are_named(tmp_path: Path, given: dict[str, Any], named: str) -> None:
    with pytest.raises(SlackSettingsError, match=named):
        slack_connection(settings(tmp_path, **given))
