"""What one snapshot says about its metrics: states, as-of dates, windows, and from which relations figures are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from ops_assets.definition_bundle import DefinitionBundle
from ops_assets.semantic.manifest import described_models
from resources.serving import Snapshot

ROLLUP_PREFIX = "daily_"


@dataclass(frozen=True)
class PublishedMetric:
    """One row of the snapshot's ``metrics``. ``good_snapshot_id`` is the snapshot that its figures come from."""

    name: str
    label_en: str
    label_zh: str
    unit: str
    decimals: int
    aggregation: str
    owner_role: str
    window_days: int | None
    state: str
    reason: str
    as_of: date | None
    good_snapshot_id: str | None
    definition_version: int
    first_month: date | None


@dataclass(frozen=True)
class PublishedFacts:
    """A snapshot's metrics by name, and the columns of every relation that figures can be read from."""

    snapshot_id: str
    metrics: Mapping[str, PublishedMetric]
    relations: Mapping[str, frozenset[str]]
    described: frozenset[str] = field(default_factory=frozenset)

    def rollup_of(self, metric: str) -> str | None:
        """The daily roll-up of a metric, where the snapshot has one."""
        name = f"{ROLLUP_PREFIX}{metric}"
        return name if name in self.relations else None


def read_facts(snapshot: Snapshot, bundle: DefinitionBundle) -> PublishedFacts:
    """Read them; a snapshot never changes, so callers keep the result."""
    rows = snapshot.rows(
        "select metrics.*, months.first_month from metrics left join ("
        "select metric, min(period_start) as first_month from metric_period group by metric"
        ") as months using (metric)"
    )
    relations: dict[str, set[str]] = {}
    for row in snapshot.rows(
        "select table_name, column_name from duckdb_columns() where not internal and schema_name = 'main' "
        "and (starts_with(table_name, 'metric_') or starts_with(table_name, 'daily_metric_'))"
    ):
        relations.setdefault(row["table_name"], set()).add(row["column_name"])
    names = PublishedMetric.__dataclass_fields__.keys() - {"name", "reason"}
    return PublishedFacts(
        snapshot_id=snapshot.id,
        metrics={
            row["metric"]: PublishedMetric(
                name=row["metric"], reason=row["reason"] or "", **{name: row[name] for name in names}
            )
            for row in rows
        },
        relations={name: frozenset(columns) for name, columns in relations.items()},
        described=described_models(bundle.semantic_manifest),
    )
