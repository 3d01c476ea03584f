"""The clocks, and the settings: defaults, derived paths, and sentences for wrong values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from pydantic import ValidationError

from resources.clock import FixedClock, ShiftedClock, SystemClock, clock_from_settings
from resources.settings import PROJECT_ROOT, Settings, load_settings

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)


def _settings(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"TRUELOOP_{name.upper()}", raising=False)
    for name, value in values.items():
        monkeypatch.setenv(f"TRUELOOP_{name.upper()}", value)
    return load_settings()


def test_a_fixed_clock_stands_until_it_is_advanced() -> None:
    clock = FixedClock(NOON.astimezone(timezone(timedelta(hours=8))))
    assert clock.now() == clock.now() == NOON
    assert clock.now().tzinfo is UTC
    assert clock.advance(timedelta(hours=2)) == clock.now() == NOON + timedelta(hours=2)
    with pytest.raises(ValueError, match="timezone-aware"):
        FixedClock(datetime(2026, 11, 16))


def test_a_shifted_clock_is_the_same_in_every_process_and_never_runs_back(tmp_path: Path) -> None:
    path = tmp_path / "below" / "clock.json"
    one, other = ShiftedClock(path), ShiftedClock(path)
    assert abs(one.now() - SystemClock().now()) < timedelta(seconds=5)
    target = SystemClock().now() + timedelta(days=3)
    assert one.advance_to(target) >= target
    assert timedelta(0) <= other.now() - target < timedelta(seconds=5)
    assert one.advance_to(target - timedelta(days=1)) >= target
    assert other.offset() == one.offset() > timedelta(days=2)
    assert [entry.name for entry in path.parent.iterdir()] == ["clock.json"], "nothing half-written is left"


def test_the_settings_choose_the_clock(tmp_path: Path) -> None:
    assert isinstance(clock_from_settings(Settings(home=tmp_path)), SystemClock)
    shifted = clock_from_settings(Settings(home=tmp_path, clock="shifted"))
    assert isinstance(shifted, ShiftedClock)
    assert shifted.offset() == timedelta(0)


def test_without_any_variable_the_defaults_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings(monkeypatch)
    assert settings.home == PROJECT_ROOT / ".trueloop"
    assert settings.source_pack == "dongchen"
    assert settings.landing_dir == settings.home / "landing"
    assert settings.database_url == f"sqlite:///{settings.home / 'ops.db'}"
    assert settings.slack_embedded
    assert settings.slack_api_base_url == f"{settings.gateway_url}/embedded-slack/api/"


def test_what_follows_from_a_setting_moves_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = _settings(
        monkeypatch, home=str(tmp_path), source_dir="exports", gateway_port="9000", slack_bot_token="xoxb-1"
    )
    for path in (settings.warehouse_path, settings.serving_dir, settings.dagster_home, settings.dbt_docs_dir):
        assert path.is_relative_to(tmp_path)
    assert settings.landing_dir == PROJECT_ROOT / "exports"
    assert settings.gateway_url == "http://127.0.0.1:9000"
    assert settings.slack_api_base_url == "https://slack.com/api/"
    assert "xoxb-1" not in repr(settings), "a secret must not reach a log"
    other = _settings(monkeypatch, home=str(tmp_path), source_pack="adventureworks")
    assert other.dbt_target_dir != settings.dbt_target_dir, "packs must not share a partial parse"


def test_an_empty_path_is_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings(monkeypatch, source_dir="", slack_users_file="")
    assert (settings.source_dir, settings.slack_users_file) == (None, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gateway_port", "0"),
        ("dagster_port", "65536"),
        ("sample_scale", "0"),
        ("sample_days", "29"),
        ("feed", "sometimes"),
        ("language", "fr"),
        ("clock", "fast"),
        ("as_of", "2026-02-30"),
        ("as_of", "today"),
        ("database_url", "mysql://localhost/x"),
        ("database_url", "ops.db"),
        ("snapshots_kept", "1"),
        ("snapshots_kept_hours", "8761"),
    ],
)
def test_a_wrong_value_names_its_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ValidationError) as raised:
        _settings(monkeypatch, **{name: value})
    assert [error["loc"] for error in raised.value.errors()] == [(name,)]


@pytest.mark.parametrize("value", ["sqlite:////x/y.db", "postgresql://u:p@h/d", "postgresql+psycopg2://u:p@h/d"])
def test_a_database_url_is_kept_as_given(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert _settings(monkeypatch, database_url=value).database_url == value
