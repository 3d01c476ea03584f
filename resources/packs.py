"""Source packs: one company's systems mapped to the shared entities.

A pack is the folder ``dbt_project/models/staging/<pack>/``. Its ``pack.toml`` says what the pack feeds and as of when;
the staging models and landing schemas beside it say how.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from resources.calendars import DEFAULT, CalendarSpec, check_calendars
from resources.settings import DBT_PROJECT_DIR

PACKS_DIR = DBT_PROJECT_DIR / "models" / "staging"


class PackError(ValueError):
    """A pack that does not exist or whose pack.toml is wrong; the sentence says which and how to mend it."""


class SourcePack(BaseModel):
    """What ``pack.toml`` declares.

    ``as_of`` is "clock" for a live company, or the date (pack's local calendar) at which old exports stopped, so that
    they are not stale by themselves. ``metric_windows`` overrides a metric's window in days; "all" means all history.
    ``watch_thresholds`` overrides the bounds of watch rules by name, since what is normal differs between companies.
    ``calendars`` always has one named "default", for all who have no other; ``calendar`` is its country.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    folder: Path
    title: str
    as_of: str = "clock"
    time_zone: str = "Asia/Shanghai"
    calendar: str = "CN"
    currency: str = "CNY"
    entities: tuple[str, ...]
    roles: Mapping[str, str] = Field(default_factory=dict)
    metric_windows: Mapping[str, int | str] = Field(default_factory=dict)
    watch_thresholds: Mapping[str, Mapping[Literal["above", "below", "min_denominator"], Decimal]] = Field(
        default_factory=dict
    )
    calendars: Mapping[str, CalendarSpec] = Field(default_factory=dict, validate_default=True)

    @field_validator("calendars")
    @classmethod
    def _everybody_has_one(cls, value: Mapping[str, CalendarSpec]) -> Mapping[str, CalendarSpec]:
        check_calendars(value)
        return {DEFAULT: CalendarSpec(), **value}

    @field_validator("as_of")
    @classmethod
    def _clock_or_date(cls, value: str) -> str:
        if value != "clock":
            date.fromisoformat(value)
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"unknown time zone {value!r}; use a name such as Asia/Shanghai") from error
        return value

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def as_of_date(self, now: datetime, override: str = "") -> date:
        """The date as of which figures are stated: the override, the declared date, or today in the pack's zone."""
        if override:
            return date.fromisoformat(override)
        if self.as_of != "clock":
            return date.fromisoformat(self.as_of)
        return now.astimezone(self.zone).date()

    def today(self, now: datetime) -> date:
        """The date by the clock in the pack's zone, whatever the pack's as-of date."""
        return now.astimezone(self.zone).date()

    def window_days(self, metric: str, declared: int | None) -> int | None:
        """The headline window of ``metric`` in days, or None for all history."""
        value = self.metric_windows.get(metric, declared)
        return None if value is None or value == "all" else int(value)


def list_packs() -> list[str]:
    """Names of the packs in the project, sorted."""
    return sorted(path.parent.name for path in PACKS_DIR.glob("*/pack.toml"))


def load_pack(name: str) -> SourcePack:
    """Read one pack. Raises PackError with the known names, or with the file and the wrong field."""
    path = PACKS_DIR / name / "pack.toml"
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PackError(
            f"There is no source pack {name!r}. TRUELOOP_SOURCE_PACK may be one of: {', '.join(list_packs())}."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise PackError(f"{path}: not valid TOML: {error}.") from error
    try:
        return SourcePack(name=name, folder=path.parent, **declared)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PackError(f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}.") from error
