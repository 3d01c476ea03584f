"""Every setting of Trueloop, and the only place that reads environment variables.

A setting is an environment variable with the prefix ``TRUELOOP_``; docs/settings.md lists them all, and a test
fails on one that is missing there. What follows from a setting (paths, addresses) is a property here, so that no
other module puts a path together.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DBT_PROJECT_DIR = PROJECT_ROOT / "dbt_project"
OPS_DATABASE = "ops.db"
"""The file of the state folder that is the ops database unless ``TRUELOOP_DATABASE_URL`` names another."""


class Settings(BaseSettings):
    """The settings of one Trueloop installation. Relative paths are taken from the project's root."""

    model_config = SettingsConfigDict(env_prefix="TRUELOOP_", extra="ignore", frozen=True)

    home: Path = Field(Path(".trueloop"), description="State folder: warehouse, snapshots, databases, logs.")
    source_pack: str = Field("dongchen", description="The source pack that maps your systems to the entities.")
    source_dir: Path | None = Field(
        None,
        description="Folder with the source files; it is only read. Empty: the landing folder in the state folder.",
    )
    database_url: str = Field(
        "", description="Ops database (SQLAlchemy URL). Empty: SQLite in the state folder. It moves no cases."
    )
    gateway_port: int = Field(8180, ge=1, le=65535, description="Port of the gateway on the loopback address.")
    dagster_port: int = Field(3070, ge=1, le=65535, description="Port of the Dagster UI on the loopback address.")
    code_port: int = Field(
        4270, ge=1, le=65535, description="Port on which Dagster's processes reach the loaded definitions."
    )
    gateway_host: str = Field("127.0.0.1", description="Address the gateway binds to.")
    feed: Literal["on", "off"] = Field("on", description="Whether `make up` feeds the sample company new events.")
    feed_interval_seconds: int = Field(60, ge=1, description="Seconds between two slices of the sample feed.")
    sample_scale: float = Field(0.1, gt=0, description="Size of the sample company; 1 is 50,000 order lines a year.")
    sample_days: int = Field(365, ge=45, description="Days of history that the sample company starts with.")
    sample_seed: int = Field(7, description="Seed of the sample company; the same seed gives the same bytes.")
    clock: Literal["system", "shifted"] = Field(
        "system", description="`shifted` adds the offset kept in the state folder; only demo and tests use it."
    )
    as_of: str = Field("", description="Overrides the pack's as-of date (YYYY-MM-DD). Empty: as the pack declares.")
    language: Literal["en", "zh"] = Field("en", description="Language of Slack's channels and of the pages.")
    local_reader_role: str = Field(
        "analyst", description="Reader role of whoever reads on this machine without a token; see docs/security.md."
    )
    search_embedder: str = Field(
        "", description="`module:function` that gives an embedder for search by meaning. Empty: by words alone."
    )
    slack_bot_token: SecretStr = Field(SecretStr(""), description="Bot token (xoxb-). Empty: the embedded Slack.")
    slack_signing_secret: SecretStr = Field(SecretStr(""), description="Signing secret of the Slack app.")
    slack_app_token: SecretStr = Field(SecretStr(""), description="App token (xapp-); set, Socket Mode is used.")
    slack_users_file: Path | None = Field(
        None, description="YAML that maps people to Slack user ids where e-mail addresses do not match."
    )
    slack_channel: str = Field("trueloop", description="Channel for notices that concern no single person.")
    slack_reader_role: str = Field(
        "employee", description="Reader role of people who look figures and cases up in Slack; see docs/security.md."
    )
    people_file: Path | None = Field(
        None,
        description="TOML with capacities, skills, substitutes, languages, channels. Empty: the pack's `people.toml`.",
    )
    templates_dir: Path = Field(
        Path("workflow_jobs/templates"),
        description="Folder of the process templates. `make up` gives its processes a copy made at the start.",
    )
    event_rate_per_minute: int = Field(6000, ge=1, description="Events a token may post in a minute.")
    event_body_limit: int = Field(1_048_576, ge=1024, description="Largest request body in bytes.")
    snapshots_kept: int = Field(50, ge=2, description="Newest published snapshots kept for rollback.")
    snapshots_kept_hours: int = Field(
        48, ge=0, le=8760, description="Hours for which the last snapshot of each hour is kept beyond that number."
    )
    outbox_kept_days: int = Field(
        90, ge=1, description="Days for which messages that were sent stay in the ops database. Cases keep their log."
    )
    fault_point: str = Field("", description="Tests only: the named point at which the process kills itself.")

    @field_validator("home", "source_dir", "slack_users_file", "people_file", "templates_dir")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else (PROJECT_ROOT / value.expanduser()).resolve()

    @field_validator("source_dir", "slack_users_file", "people_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("as_of")
    @classmethod
    def _a_date(cls, value: str) -> str:
        try:
            return date.fromisoformat(value).isoformat() if value else value
        except ValueError as error:
            raise ValueError(f"{value!r} is no date; write it as YYYY-MM-DD") from error

    @field_validator("database_url")
    @classmethod
    def _a_database(cls, value: str) -> str:
        scheme = value.partition("://")[0].partition("+")[0]
        if value and scheme not in {"sqlite", "postgresql"}:
            raise ValueError("must be empty, or the URL of a PostgreSQL or SQLite database: postgresql://...")
        return value

    @model_validator(mode="after")
    def _resolve_database_url(self) -> Self:
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite:///{self.home / OPS_DATABASE}")
        return self

    @property
    def landing_dir(self) -> Path:
        """Folder in which source files arrive (read in place when ``source_dir`` is set)."""
        return self.source_dir or self.home / "landing"

    @property
    def warehouse_path(self) -> Path:
        return self.home / "warehouse" / "warehouse.duckdb"

    @property
    def serving_dir(self) -> Path:
        """Published snapshots, their Parquet partitions and the pointer to the current one."""
        return self.home / "serving"

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    @property
    def dbt_target_dir(self) -> Path:
        """dbt's target folder; one per state folder, so that packs never share a partial parse."""
        return self.home / "dbt" / self.source_pack

    @property
    def started_templates_dir(self) -> Path:
        """The templates as they were when the running stack started."""
        return self.home / "templates"

    @property
    def dbt_docs_dir(self) -> Path:
        return self.home / "dbt_docs"

    @property
    def pseudonym_key_path(self) -> Path:
        """The secret that turns names into pseudonyms."""
        return self.home / "pseudonym.key"

    @property
    def clock_path(self) -> Path:
        return self.home / "clock.json"

    @property
    def evidence_dir(self) -> Path:
        """Files that people added to cases, by the hash of their content."""
        return self.home / "evidence"

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def dagster_url(self) -> str:
        return f"http://127.0.0.1:{self.dagster_port}"

    @property
    def slack_embedded(self) -> bool:
        """True when no Slack token is set, so that the gateway hosts the embedded Slack."""
        return not self.slack_bot_token.get_secret_value()

    @property
    def slack_api_base_url(self) -> str:
        """Base address of the Slack Web API, real or embedded."""
        return f"{self.gateway_url}/embedded-slack/api/" if self.slack_embedded else "https://slack.com/api/"


def load_settings() -> Settings:
    """Read the settings from the environment. Raises pydantic.ValidationError naming the wrong variable."""
    return Settings()
