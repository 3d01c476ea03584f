"""Write-audit-publish: turns the audited warehouse into an immutable snapshot and switches readers to it.

Metric by metric: what the audit held back stays in service with its last good figures, dated as such; everything else
moves on. The cost follows what changed: a month of a metric is written again only when its rows changed, the other
months' Parquet files and roll-ups are taken over from the snapshot before.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from ops_assets.audit import AuditReport
from ops_assets.catalog import Catalog
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.figures import raw_value, shown_value
from ops_assets.months import note_parts, note_periods, read_months
from ops_assets.project import Project
from resources.fault_points import fault_point
from resources.packs import SourcePack
from resources.serving import SnapshotInfo, SnapshotStore, sync_file

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
create table checks (
    check_name varchar, asset varchar, metrics varchar[], dimension varchar, severity varchar, passed boolean,
    observed double, threshold double, sentence varchar, description varchar);
"""

# Tables of the people directory; absent models leave them empty, so that readers need no special case.
_DIRECTORY = {
    "people": (
        "dim_person",
        "person_id varchar, name varchar, email varchar, login varchar, title varchar, department_id varchar, "
        "department_name varchar, manager_id varchar, country varchar",
    ),
    "person_roles": ("person_role", "person_id varchar, role varchar"),
    "absences": ("absence", "person_id varchar, starts_on date, ends_on date"),
}
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


class Publisher:
    """Writes one snapshot at a time; the caller holds the warehouse from audit to publication."""

    def __init__(self, store: SnapshotStore, catalog: Catalog, project: Project, pack: SourcePack) -> None:
        self._store = store
        self._catalog = catalog
        self._project = project
        self._pack = pack

    def publish(
        self,
        warehouse: duckdb.DuckDBPyConnection,
        report: AuditReport,
        *,
        now: datetime,
        batch_seq: int,
        inputs: str,
        today: date,
        released: Mapping[str, str],
        keep: int,
        progress: Callable[[str], None] | None = None,
    ) -> PublishReport:
        """Publish the audited state of ``warehouse``.

        ``released`` maps metrics that their owner released in spite of a red line to the reason. A metric whose build
        is broken cannot be released: there is no table to publish. ``inputs`` identifies what the snapshot was made
        from, so that a refresh that changed nothing can be told; ``today`` is the date of
        metrics that go by the clock. Raises duckdb.Error and OSError, nothing switched.
        """
        newest = self._store.list()[:1]
        sequence = newest[0].sequence + 1 if newest else 1
        info = SnapshotInfo(
            id=f"{now:%Y%m%dT%H%M%S}-{sequence:06d}",
            sequence=sequence,
            published_at=now,
            as_of=report.as_of,
            pack=self._pack.name,
            batch_seq=batch_seq,
            inputs=inputs,
            held=tuple(sorted(metric for metric in report.held if metric not in released)),
        )
        self._store.snapshots_dir.mkdir(parents=True, exist_ok=True)
        building = self._store.snapshots_dir / f".{info.id}.{uuid.uuid4().hex[:8]}.building"
        previous = self._store.path_of(newest[0].id) if newest else None
        writer = _SnapshotWriter(self, warehouse, building, previous, info, report, released, today)
        try:
            result = writer.write(progress)
            fault_point("publishing.before_commit")
            self._store.commit(info, building, writer.parts())
        finally:
            building.unlink(missing_ok=True)
        fault_point("publishing.before_switch")
        pointer = self._store.pointer()
        if pointer is None or not pointer["pinned"]:
            self._store.switch(info.id)
            result.switched = True
        fault_point("publishing.after_switch")
        self._store.prune(keep)
        self._store.remove_orphaned_parts()
        return result


class _SnapshotWriter:
    """Builds the file of one snapshot inside the warehouse's own connection (both attached, no copy through Python)."""

    def __init__(
        self,
        publisher: Publisher,
        warehouse: duckdb.DuckDBPyConnection,
        building: Path,
        previous: Path | None,
        info: SnapshotInfo,
        report: AuditReport,
        released: Mapping[str, str],
        today: date,
    ) -> None:
        self._today = today
        self._catalog = publisher._catalog
        self._project = publisher._project
        self._pack = publisher._pack
        self._parts_dir = publisher._store.parts_dir
        self._db = warehouse
        self._building = building
        self._previous = previous
        self._info = info
        self._report = report
        self._released = released
        self._parts: set[str] = set()
        self._result = PublishReport(info=info, switched=False, states={})

    def write(self, progress: Callable[[str], None] | None) -> PublishReport:
        self._db.execute(f"attach '{_sql_text(self._building)}' as snapshot")
        if self._previous is not None:
            self._db.execute(f"attach '{_sql_text(self._previous)}' as previous (read_only)")
        try:
            self._in_snapshot(_TABLES)
            states = {}
            for name, metric in self._catalog.metrics.items():
                states[name] = self._write_metric(metric)
                if progress is not None:
                    progress(f"{name}: {states[name]}")
            self._result.states = states
            self._write_checks()
            self._write_directory()
            self._write_served()
        finally:
            if self._previous is not None:
                self._db.execute("detach previous")
            self._db.execute("detach snapshot")
        return self._result

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
            "insert into snapshot.metrics select * replace ('held' as state, ? as reason) from previous.metrics "
            "where metric = ?",
            [f"Held back, last good figures of {good[1]}: {reason}", metric.name],
        )
        for table in _PER_METRIC_TABLES:
            self._db.execute(
                f"insert into snapshot.{table} select * from previous.{table} where metric = ?", [metric.name]
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
        until = f"event_date <= date '{self._as_of(metric).isoformat()}'"
        if metric.aggregation == "latest_sum":
            return f"event_date = (select max(event_date) from {relation} where {until})"
        first = self._window_start(metric)
        return until if first is None else f"event_date >= date '{first.isoformat()}' and {until}"

    def _window_start(self, metric: MetricDefinition) -> date | None:
        days = self._pack.window_days(metric.name, metric.window_days)
        return None if days is None else self._as_of(metric) - timedelta(days=days - 1)

    def _write_figures(self, metric: MetricDefinition, relation: str) -> None:
        """Parts and monthly roll-up by month (only changed months anew), subjects and details over the window."""
        as_of = self._as_of(metric)
        months = read_months(self._db, metric, relation, as_of)
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
        file = f"{metric.name}/{month:%Y-%m}-{self._info.sequence:06d}-{uuid.uuid4().hex[:8]}.parquet"
        path = self._parts_dir / file
        path.parent.mkdir(parents=True, exist_ok=True)
        following = (month.replace(day=28) + timedelta(days=4)).replace(day=1)
        self._db.execute(
            f"copy (select * from {relation} where event_date >= date '{month.isoformat()}' "
            f"and event_date < date '{following.isoformat()}' order by event_date) "
            f"to '{_sql_text(path)}' (format parquet, compression zstd)"
        )
        sync_file(path)
        return file

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
        paths = ", ".join(f"'{_sql_text(self._parts_dir / file)}'" for (file,) in files)
        self._db.execute(
            f"create view snapshot.{metric.name} as select * from read_parquet([{paths}], union_by_name = true)"
        )

    # -- everything else that readers may open ------------------------------------------------------------------------

    def _write_checks(self) -> None:
        for asset in sorted(self._report.broken):
            self._db.execute(
                "insert into snapshot.checks values ('was_built', ?, ?, 'accuracy', 'red', false, null, null, ?, ?)",
                [
                    asset,
                    self._standing_on(asset),
                    self._report.reasons[asset],
                    "dbt built the model; its tests passed.",
                ],
            )
        for verdict in self._report.verdicts:
            rule = verdict.rule
            self._db.execute(
                "insert into snapshot.checks values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    rule.name,
                    rule.asset,
                    self._standing_on(rule.asset),
                    rule.dimension,
                    str(verdict.level),
                    verdict.level == "passed",
                    None if verdict.observed is None else float(verdict.observed),
                    None if verdict.threshold is None else float(verdict.threshold),
                    verdict.sentence,
                    rule.description,
                ],
            )

    def _standing_on(self, asset: str) -> list[str]:
        """The metrics that a failure of ``asset`` would hold back."""
        return [
            name
            for name in self._catalog.metrics
            if name == asset or asset in self._project.upstream.get(name, frozenset())
        ]

    def _write_directory(self) -> None:
        for table, (model, columns) in _DIRECTORY.items():
            self._db.execute(f"create table snapshot.{table} ({columns})")
            if self._project.has(model):
                names = ", ".join(column.strip().split()[0] for column in columns.split(","))
                self._db.execute(
                    f"insert into snapshot.{table} select {names} from {self._project.models[model].relation}"
                )

    def _write_served(self) -> None:
        """Conformed models that a process step or a page reads, as plain tables under their own names."""
        for model, spec in self._catalog.served.items():
            if not self._project.has(model):
                continue
            where = ""
            if spec.window_days is not None:
                first = self._info.as_of - timedelta(days=spec.window_days)
                where = f" where event_date > date '{first.isoformat()}'"
            self._db.execute(
                f"create table snapshot.{model} as select * from {self._project.models[model].relation}{where}"
            )


def _sql_text(path: Path) -> str:
    return str(path).replace("'", "''")
