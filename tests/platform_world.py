"""A whole installation of the sample company for tests: state folder, clock that stands, generated exports, the truth.

Belongs here: how such an installation is made cheaply (built once a session, then copied) and what tests ask of it.
Does not belong here: any expectation; those stand in the tests.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from ops_assets.audit import AuditReport
from ops_assets.dongchen.generate import generate
from ops_assets.ingestion.inbox import Accepted, accept
from ops_assets.ingestion.ledger import quarantine_row
from ops_assets.landing import LandingReport, land
from ops_assets.publishing.snapshot_writer import PublishReport
from ops_assets.refresh import BuildReport, Definitions, audit_and_publish, build, load_definitions
from resources.clock import FixedClock
from resources.platform import Platform
from resources.serving import Snapshot
from resources.settings import DBT_PROJECT_DIR, Settings

UNTIL = date(2026, 11, 21)
LAST_MINUTE = datetime(2026, 11, 21, 15, 59, tzinfo=UTC)
"""23:59 of UNTIL in Shanghai: everything up to UNTIL has been exported, and figures are as of UNTIL."""
SCALE = 0.02


class PlatformWorld:
    """One state folder of the sample company. The clock stands at LAST_MINUTE until it is advanced."""

    def __init__(self, home: Path, *, checkout: Path = DBT_PROJECT_DIR, **settings: Any) -> None:
        values: dict[str, Any] = {"source_pack": "dongchen", "source_dir": None, "database_url": "", **settings}
        self.home = home
        self.clock = FixedClock(LAST_MINUTE)
        self.platform = Platform(Settings(home=home, **values), clock=self.clock, checkout=checkout)
        self.platform.claim_state_folder()

    @cached_property
    def definitions(self) -> Definitions:
        return load_definitions(self.platform)

    @property
    def landing(self) -> Path:
        return self.platform.settings.landing_dir

    @cached_property
    def truth(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.home / "truth.json").read_text(encoding="utf-8"))
        return document

    @property
    def snapshot(self) -> Snapshot:
        current = self.platform.snapshots.current()
        assert current is not None, "nothing was published yet"
        return current

    def generate(self, seed: int, *, days: int = 100, faults: Literal["all", "none"] = "all") -> None:
        """Write the exports into the empty landing folder, and the truth beside it, where the platform never looks."""
        generate(self.landing, self.home / "truth.json", seed=seed, scale=SCALE, days=days, until=UNTIL, faults=faults)

    def post(self, source: str, table: str, rows: Sequence[Mapping[str, Any]], *, name: str = "event") -> Accepted:
        """Accept rows as events, as the gateway does."""
        events = [{"event_id": f"{name}-{number}", "table": table, "row": row} for number, row in enumerate(rows)]
        return accept(self.platform.ops_engine, source, events, self.clock)

    def land(self) -> LandingReport:
        return land(self.platform)

    def build(self) -> BuildReport:
        report = build(self.platform, self.definitions)
        failed = {result.unique_id: result.message for result in report.results if result.failed}
        assert not failed, failed
        return report

    def publish(self) -> tuple[AuditReport, PublishReport | None]:
        return audit_and_publish(self.platform, self.definitions)

    def refresh(self) -> tuple[LandingReport, AuditReport, PublishReport | None]:
        """What the refresh job does, step by step in this process."""
        landed = self.land()
        self.build()
        return landed, *self.publish()

    def metric(self, name: str) -> dict[str, Any]:
        (row,) = self.snapshot.rows("select * from metrics where metric = ?", [name])
        return row

    def figures(self) -> dict[str, list[dict[str, Any]]]:
        """Every published figure, without the names of the snapshots that they came in."""
        return {
            "metrics": self.snapshot.rows("select * exclude (good_snapshot_id) from metrics order by metric"),
            "metric_period": self.snapshot.rows("select * from metric_period order by all"),
            "metric_subject": self.snapshot.rows("select * from metric_subject order by all"),
            "metric_detail": self.snapshot.rows("select * from metric_detail order by all"),
        }

    def quarantined(self) -> list[tuple[str, str, int, str]]:
        """(rule, file or event, line, status) of every quarantined row, sorted."""
        c = quarantine_row.c
        with self.platform.ops_engine.connect() as connection:
            found = connection.execute(sa.select(c.rule, c.source_ref, c.line, c.status)).tuples()
            return sorted(tuple(row) for row in found)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the warehouse itself, audited or not."""
        with self.platform.warehouse.connection() as connection:
            return connection.execute(sql).fetchall()

    def close(self) -> None:
        self.platform.ops_engine.dispose()


def built_home(home: Path, **chosen: Any) -> None:
    """An installation that was started on an empty landing folder: parsed, built whole, nothing published."""
    world = PlatformWorld(home, **chosen)
    world.land()
    world.build()
    world.close()


def copied_world(home: Path, original: Path, **settings: Any) -> PlatformWorld:
    """A world of its own in ``home`` with the state of ``original``; what was published is published there anew.

    Snapshots name their partitions by absolute path, so those of the original would read the original's.
    """
    shutil.copytree(original, home, symlinks=True, ignore=shutil.ignore_patterns("serving"))
    world = PlatformWorld(home, **settings)
    if (original / "serving").exists():
        world.publish()
    return world


@dataclass(frozen=True)
class PublishedHome:
    """A state folder after its first publication, and what the steps said."""

    home: Path
    landed: LandingReport
    audited: AuditReport
    published: PublishReport | None


def loaded_home(home: Path, original: Path, seed: int, *, days: int = 100) -> LandingReport:
    """``original`` (a built home) with a faulty history landed and built, nothing published."""
    world = copied_world(home, original)
    world.generate(seed, days=days)
    landed = world.land()
    world.build()
    world.close()
    return landed


def published_home(home: Path, loaded: Path, landed: LandingReport) -> PublishedHome:
    """A copy of a loaded home, audited and published in ``home``."""
    world = copied_world(home, loaded)
    audited, published = world.publish()
    world.close()
    return PublishedHome(home, landed, audited, published)
