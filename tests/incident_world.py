"""A small lineage with planted root causes, published as real snapshots, for tests of incidents.

Three source systems feed facts, facts feed figures between, those feed metrics; ``plant`` makes something fail, and
everything that stands on it fails with it, each with several checks: that is what a root cause looks like in an audit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path

import duckdb

from ops_assets.checks.trust import AuditedTrust, Feed
from ops_assets.root_causes import SourceTrouble
from ops_assets.trust import audited_to_json
from resources.serving import Snapshot, SnapshotInfo, SnapshotStore

PARENTS: Mapping[str, tuple[str, ...]] = {
    "stg_orders": (),
    "stg_moves": (),
    "fct_order": ("stg_orders",),
    "fct_line": ("stg_orders",),
    "fct_move": ("stg_moves",),
    "fct_balance": ("stg_moves",),
    "fct_run": (),
    "fct_test": (),
    "fct_person": (),
    "fct_quote": (),
    "margin_between": ("fct_order", "fct_line"),
    "stock_between": ("fct_move", "fct_balance"),
    "metric_margin": ("margin_between",),
    "metric_delivery": ("fct_order", "fct_move"),
    "metric_stock": ("stock_between",),
    "metric_turnover": ("stock_between", "margin_between"),
    "metric_yield": ("fct_run", "fct_test"),
    "metric_headcount": ("fct_person",),
    "metric_quotes": ("fct_quote",),
    "metric_survey": (),
}
SOURCES: Mapping[str, str] = {
    "stg_orders": "erp__orders",
    "stg_moves": "wms__moves",
    "fct_run": "mes__runs",
    "fct_test": "lab__tests",
    "fct_person": "hr__people",
    "fct_quote": "crm__quotes",
}
OWNERS: Mapping[str, str] = {
    "metric_margin": "finance_manager",
    "metric_delivery": "logistics_manager",
    "metric_stock": "warehouse_manager",
    "metric_turnover": "finance_manager",
    "metric_yield": "quality_manager",
    "metric_headcount": "plant_manager",
    "metric_quotes": "sales_manager",
    "metric_survey": "sales_manager",
}
DAY = date(2026, 11, 16)
PUBLISHED = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)


def upstream(asset: str) -> frozenset[str]:
    """Everything that an asset stands on."""
    return frozenset(PARENTS[asset]).union(*(upstream(parent) for parent in PARENTS[asset]))


def sources(asset: str) -> frozenset[str]:
    """The raw tables that an asset stands on."""
    return frozenset(SOURCES[one] for one in (asset, *upstream(asset)) if one in SOURCES)


@dataclass
class Lineage:
    """What is planted now. ``store`` keeps the snapshots.

    ``silent`` models get no rows any more, nor do the metrics above; no check looks at the age of those. Of
    ``unnoticed`` tables the feed is late, and no check looks at that either.
    """

    folder: Path
    wrong: set[str] = field(default_factory=set)
    unbuilt: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    aside: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    unnoticed: set[str] = field(default_factory=set)
    published: int = 0

    @cached_property
    def store(self) -> SnapshotStore:
        return SnapshotStore(self.folder)

    @property
    def set_aside(self) -> tuple[SourceTrouble, ...]:
        """As the landing ledger would say it."""
        return tuple(
            SourceTrouble(
                f"source/{table.replace('__', '/')}",
                f"{table}: file set aside",
                frozenset({table}),
                "orders.csv: short",
            )
            for table in sorted(self.aside)
        )

    def failures(self) -> dict[str, list[tuple[str, str]]]:
        """(check, dimension) of everything that fails now, by asset: what was planted and all that stands on it."""
        found: dict[str, list[tuple[str, str]]] = {}
        for asset in PARENTS:
            line = upstream(asset) | {asset}
            if line & self.unbuilt:
                found.setdefault(asset, []).append(("was_built", "accuracy"))
            if line & self.wrong:
                found.setdefault(asset, []).extend([("in_range", "accuracy"), ("complete", "completeness")])
            if sources(asset) & (self.late | self.aside):
                found.setdefault(asset, []).extend([("is_recent", "timeliness"), ("came_today", "timeliness")])
        return found

    def publish(self) -> Snapshot:
        """A snapshot of what fails now, committed and switched to."""
        self.published += 1
        at = PUBLISHED + timedelta(minutes=5 * self.published)
        failures = self.failures()
        held = tuple(metric for metric in OWNERS if metric in failures)
        info = SnapshotInfo(f"snap-{self.published:04}", self.published, at, DAY, "small", self.published, held)
        built = self.folder / f"{info.id}.building"
        built.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(str(built)) as db:
            self._write(db, failures)
        self.store.commit(info, built)
        self.store.switch(info.id)
        return self.store.get(info.id)

    def again(self, snapshot: Snapshot, number: int) -> Snapshot:
        """The same content under another id, as a refresh that mended nothing publishes it."""
        info = replace(snapshot.info, id=f"{snapshot.id}-{number:04}", sequence=snapshot.info.sequence + number)
        return Snapshot(info, snapshot.path, self.store.parts_dir)

    def _write(self, db: duckdb.DuckDBPyConnection, failures: Mapping[str, list[tuple[str, str]]]) -> None:
        db.execute(
            "create table metrics (metric varchar, label_en varchar, label_zh varchar, owner_role varchar,"
            " unit varchar, decimals integer, state varchar, as_of date, window_days integer)"
        )
        for metric, owner in OWNERS.items():
            state = "held" if metric in failures else "published"
            name = metric.removeprefix("metric_")
            db.execute(
                "insert into metrics values (?, ?, ?, ?, 'percent', 2, ?, ?, 30)",
                [metric, name.capitalize(), f"{name} 指标", owner, state, DAY - timedelta(days=1)],
            )
        db.execute(
            "create table checks (check_name varchar, asset varchar, metrics varchar[], dimension varchar,"
            " severity varchar, sentence varchar)"
        )
        db.execute("create table failed_asset (asset varchar, upstream varchar[], sources varchar[])")
        for asset, checks in failures.items():
            below = sorted(metric for metric in OWNERS if metric == asset or asset in upstream(metric))
            for check, dimension in checks:
                sentence = f"{len(asset)} % is above 1 %."
                db.execute(
                    "insert into checks values (?, ?, ?, ?, 'red', ?)", [check, asset, below, dimension, sentence]
                )
            db.execute(
                "insert into failed_asset values (?, ?, ?)", [asset, sorted(upstream(asset)), sorted(sources(asset))]
            )
        self._write_rows(db)
        db.execute("create table trust (metric varchar, facts varchar)")
        for metric in OWNERS:
            feeds = tuple(
                Feed(table, 2, DAY - timedelta(days=9 if table in self.late | self.unnoticed else 0))
                for table in sorted(sources(metric))
            )
            facts = AuditedTrust(
                metric=metric, state="trusted", score=None, since=PUBLISHED, causes=(), limited_by=None, good_as_of=DAY,
                as_of=DAY, by_clock=True, zone="Asia/Shanghai", feeds=feeds,
            )  # fmt: skip
            db.execute("insert into trust values (?, ?)", [metric, json.dumps(audited_to_json(facts))])

    def _write_rows(self, db: duckdb.DuckDBPyConnection) -> None:
        """The newest row of every metric, and the lines that the rows come down."""
        db.execute("create table metric_part (metric varchar)")
        db.execute("create table row_line (asset varchar, upstream varchar[], sources varchar[], rows_from varchar[])")
        for asset in PARENTS:
            lines = [sorted(upstream(asset)), sorted(sources(asset)), sorted(upstream(asset))]
            db.execute("insert into row_line values (?, ?, ?, ?)", [asset, *lines])
        for metric in OWNERS:
            old = {metric, *upstream(metric)} & self.silent
            db.execute("insert into metric_part values (?)", [metric])
            db.execute(
                f"create table {metric} as select cast(? as date) as event_date, 1.0 as numerator, 1.0 as denominator",
                [DAY - timedelta(days=20 if old else 1)],
            )
