"""What stands in the file of one snapshot: the metrics' figures by headline, month and subject, then the sections.

The cost follows what changed: a month of a metric is written again only when its rows changed, the other months'
Parquet files and roll-ups are taken over from the snapshot before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from ops_assets.audit import AuditReport
from ops_assets.catalog import Catalog
from ops_assets.definition_bundle import DefinitionBundle
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.figures import raw_value, shown_value
from ops_assets.periods import following_month
from ops_assets.project import Project
from ops_assets.publishing.daily_rollups import DailyRollups
from ops_assets.publishing.failures import Failures
from ops_assets.publishing.headline import headline_filter, window_start
from ops_assets.publishing.months import note_parts, note_periods, read_months
from ops_assets.publishing.parts import create_parts_view, sql_text, write_part
from ops_assets.publishing.reconciliation import ReconciliationSection
from ops_assets.publishing.reference_sections import Checks, Directory, ServedModels
from ops_assets.publishing.sections import Section, SectionContext
from ops_assets.publishing.trust import TrustSection
from resources.packs import SourcePack
from resources.serving import SnapshotInfo

_TABLES = """
create table metrics (
    metric varchar primary key, label_en varchar, label_zh varchar, domain varchar, owner_role varchar, unit varchar,
    decimals integer, direction varchar, aggregation varchar, window_days integer, state varchar, reason varchar,
    value double, value_text varchar, numerator varchar, denominator varchar, as_of date, good_snapshot_id varchar,
    definition_version integer, rows bigint);
create table metric_detail (metric varchar, name varchar, label_en varchar, label_zh varchar, value varchar);
create table metric_period (
    metric varchar, period_start date, grain varchar, numerator varchar, denominator varchar, value double,
    value_text varchar, rows bigint);
create table metric_subject (
    metric varchar, dimension varchar, subject_id varchar, subject_label varchar, window_start date, window_end date,
    numerator varchar, denominator varchar, value double, rows bigint);
create table metric_part (
    metric varchar, period_start date, file varchar, rows bigint, fingerprint varchar);
"""
_PER_METRIC_TABLES = ("metric_detail", "metric_period", "metric_subject", "metric_part")


@dataclass
class PublishReport:
    """What a publication did. ``switched`` is False while a rollback pins an older snapshot."""

    info: SnapshotInfo
    switched: bool
    states: Mapping[str, str]
    parts_written: int = 0
    reused_parts: int = 0
    changed_metrics: list[str] = field(default_factory=list)


def sections() -> tuple[Section, ...]:
    """The sections in the order in which they are written; a later one may read what an earlier one wrote."""
    return (Checks(), Failures(), Directory(), ServedModels(), ReconciliationSection(), TrustSection(), DailyRollups())


class SnapshotWriter:
    """Builds the file of one snapshot inside the warehouse's own connection (both attached, no copy through Python)."""

    def __init__(
        self,
        warehouse: duckdb.DuckDBPyConnection,
        *,
        building: Path,
        previous: Path | None,
        parts_dir: Path,
        info: SnapshotInfo,
        catalog: Catalog,
        project: Project,
        pack: SourcePack,
        report: AuditReport,
        released: Mapping[str, str],
        today: date,
        bundle: DefinitionBundle,
    ) -> None:
        self._db = warehouse
        self._building = building
        self._previous = previous
        self._parts_dir = parts_dir
        self._info = info
        self._catalog = catalog
        self._project = project
        self._pack = pack
        self._report = report
        self._released = released
        self._today = today
        self._bundle = bundle
        self._parts: set[str] = set()
        self._result = PublishReport(info=info, switched=False, states={})

    def write(self, progress: Callable[[str], None] | None) -> PublishReport:
        self._db.execute(f"attach '{sql_text(self._building)}' as snapshot")
        if self._previous is not None:
            self._db.execute(f"attach '{sql_text(self._previous)}' as previous (read_only)")
        try:
            self._in_snapshot(_TABLES)
            states = {}
            for name, metric in self._catalog.metrics.items():
                states[name] = self._write_metric(metric)
                if progress is not None:
                    progress(f"{name}: {states[name]}")
            self._result.states = states
            context = self._section_context(states)
            for section in sections():
                section.write(context)
        finally:
            if self._previous is not None:
                self._db.execute("detach previous")
            self._db.execute("detach snapshot")
        return self._result

    def _section_context(self, states: Mapping[str, str]) -> SectionContext:
        return SectionContext(
            db=self._db,
            info=self._info,
            has_previous=self._previous is not None,
            catalog=self._catalog,
            project=self._project,
            pack=self._pack,
            report=self._report,
            states=states,
            today=self._today,
            bundle=self._bundle,
            parts_dir=self._parts_dir,
            add_part=self._parts.add,
        )

    def parts(self) -> list[str]:
        """The Parquet files that the written snapshot reads."""
        return sorted(self._parts)

    def _in_snapshot(self, statements: str) -> None:
        for statement in statements.split(";"):
            if statement.strip():
                self._db.execute(statement.replace("create table ", "create table snapshot."))

    # -- metrics ------------------------------------------------------------------------------------------------------

    def _write_metric(self, metric: MetricDefinition) -> str:
        missing = self._catalog.missing(metric.name, self._pack.entities)
        if missing or not self._project.has(metric.name):
            needs = ", ".join(missing) or "a model that this pack does not build"
            self._insert_metric(metric, "unavailable", f"Not available in this pack, needs {needs}.")
            return "unavailable"
        if metric.name in self._report.unapproved:
            return self._hold(metric, self._report.unapproved[metric.name].en)
        causes = self._report.held.get(metric.name, frozenset())
        release = self._released.get(metric.name)
        if causes and (release is None or causes & self._report.broken):
            return self._hold(metric, "; ".join(self._report.reasons[asset] for asset in sorted(causes)))
        relation = self._project.models[metric.name].relation
        warnings = self._report.warnings_of(metric.name, self._project.upstream[metric.name])
        sentences = [f"{verdict.rule.name}: {verdict.sentence}" for verdict in warnings]
        if release is not None and causes:
            sentences.insert(0, f"Released by its owner: {release}")
        self._write_figures(metric, relation)
        state = "warning" if sentences else "published"
        self._insert_headline(metric, relation, state, "; ".join(sentences))
        return state

    def _hold(self, metric: MetricDefinition, reason: str) -> str:
        """Keep the last good figures in service, as they stand in the snapshot before."""
        good = None
        if self._previous is not None:
            good = self._db.execute(
                "select state, as_of from previous.metrics where metric = ? and as_of is not null", [metric.name]
            ).fetchone()
        if good is None:
            self._insert_metric(metric, "none_good", f"Held back, none good yet: {reason}")
            return "none_good"
        self._db.execute(
            "insert into snapshot.metrics by name select * replace ('held' as state, ? as reason) "
            "from previous.metrics where metric = ?",
            [f"Held back, last good figures of {good[1]}: {reason}", metric.name],
        )
        for table in _PER_METRIC_TABLES:
            self._db.execute(
                f"insert into snapshot.{table} by name select * from previous.{table} where metric = ?", [metric.name]
            )
        self._create_view(metric)
        return "held"

    def _insert_metric(self, metric: MetricDefinition, state: str, reason: str, **figures: Any) -> None:
        row = {
            "metric": metric.name,
            "label_en": metric.label.en,
            "label_zh": metric.label.zh,
            "domain": metric.domain,
            "owner_role": metric.owner_role,
            "unit": metric.unit,
            "decimals": metric.decimals,
            "direction": metric.direction,
            "aggregation": metric.aggregation,
            "window_days": self._pack.window_days(metric.name, metric.window_days),
            "state": state,
            "reason": reason,
            "definition_version": metric.version,
            **figures,
        }
        columns = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        self._db.execute(f"insert into snapshot.metrics ({columns}) values ({marks})", list(row.values()))

    def _as_of(self, metric: MetricDefinition) -> date:
        return self._today if metric.as_of == "clock" else self._info.as_of

    def _insert_headline(self, metric: MetricDefinition, relation: str, state: str, reason: str) -> None:
        numerator, denominator, rows = self._sums(metric, relation)
        value = raw_value(metric, numerator, denominator)
        self._insert_metric(
            metric,
            state,
            reason if rows else f"No rows in the window yet. {reason}".strip(),
            value=None if value is None else float(value),
            value_text=shown_value(metric, value),
            numerator=None if numerator is None else f"{numerator.normalize():f}",
            denominator=None if denominator is None else f"{denominator.normalize():f}",
            as_of=self._as_of(metric),
            good_snapshot_id=self._info.id,
            rows=rows,
        )

    def _sums(self, metric: MetricDefinition, relation: str) -> tuple[Decimal | None, Decimal | None, int]:
        where = self._headline_filter(metric, relation)
        row = self._db.execute(f"select sum(numerator), sum(denominator), count(*) from {relation} where {where}")
        numerator, denominator, rows = row.fetchone() or (None, None, 0)
        return numerator, denominator, int(rows)

    def _headline_filter(self, metric: MetricDefinition, relation: str) -> str:
        window_days = self._pack.window_days(metric.name, metric.window_days)
        return headline_filter(metric.aggregation, relation, self._as_of(metric), window_days)

    def _window_start(self, metric: MetricDefinition) -> date | None:
        return window_start(self._as_of(metric), self._pack.window_days(metric.name, metric.window_days))

    def _write_figures(self, metric: MetricDefinition, relation: str) -> None:
        """Parts and monthly roll-up by month (only changed months anew), subjects and details over the window."""
        as_of = self._as_of(metric)
        months = read_months(self._db, metric, relation, as_of, code=self._project.fingerprint)
        kept = self._kept_parts(metric)
        files = []
        for month in months:
            file, fingerprint = kept.get(month.start, ("", ""))
            if fingerprint == month.fingerprint:
                self._result.reused_parts += 1
            else:
                file = self._write_part(metric, relation, month.start)
                self._result.parts_written += 1
            files.append(file)
        note_parts(self._db, metric.name, months, files)
        note_periods(self._db, metric, [month for month in months if month.start <= as_of])
        if {month.start: month.fingerprint for month in months} != {start: mark for start, (_, mark) in kept.items()}:
            self._result.changed_metrics.append(metric.name)
        self._create_view(metric)
        self._write_subjects(metric, relation)
        for detail in metric.details:
            value = (self._db.execute(f"select {detail.sql} from {relation}").fetchone() or (None,))[0]
            text = None if value is None else f"{Decimal(str(value)):.{detail.decimals}f}"
            self._db.execute(
                "insert into snapshot.metric_detail values (?, ?, ?, ?, ?)",
                [metric.name, detail.name, detail.label.en, detail.label.zh, text],
            )

    def _kept_parts(self, metric: MetricDefinition) -> dict[date, tuple[str, str]]:
        if self._previous is None:
            return {}
        rows = self._db.execute(
            "select period_start, file, fingerprint from previous.metric_part where metric = ?", [metric.name]
        ).fetchall()
        return {month: (file, fingerprint) for month, file, fingerprint in rows}

    def _write_part(self, metric: MetricDefinition, relation: str, month: date) -> str:
        return write_part(
            self._db,
            self._parts_dir,
            metric.name,
            f"{month:%Y-%m}-{self._info.sequence:06d}",
            f"select * from {relation} where event_date >= date '{month.isoformat()}' "
            f"and event_date < date '{following_month(month).isoformat()}' order by event_date",
        )

    def _write_subjects(self, metric: MetricDefinition, relation: str) -> None:
        first = self._window_start(metric)
        quotient = (
            "cast(sum(numerator) as double) / nullif(cast(sum(denominator) as double), 0)"
            if metric.aggregation == "ratio"
            else "cast(sum(numerator) as double)"
        )
        for dimension, columns in metric.dimensions.items():
            self._db.execute(
                f"""
                insert into snapshot.metric_subject
                select ?, ?, cast({columns.id} as varchar), max(cast({columns.label} as varchar)),
                    coalesce(?, min(event_date)), ?, cast(sum(numerator) as varchar), cast(sum(denominator) as varchar),
                    {quotient}, count(*)
                from {relation}
                where {self._headline_filter(metric, relation)} and {columns.id} is not null
                group by {columns.id}
                """,
                [metric.name, dimension, first, self._as_of(metric)],
            )

    def _create_view(self, metric: MetricDefinition) -> None:
        files = self._db.execute(
            "select file from snapshot.metric_part where metric = ? order by period_start", [metric.name]
        ).fetchall()
        if not files:
            return
        self._parts.update(file for (file,) in files)
        create_parts_view(self._db, self._parts_dir, metric.name, [file for (file,) in files])
