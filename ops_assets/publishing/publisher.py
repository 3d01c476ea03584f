"""Write-audit-publish: writes an audited warehouse as an immutable snapshot and switches readers to it.

Metric by metric: what the audit held back stays in service with its last good figures, dated as such; everything else
moves on. What is in a snapshot stands in snapshot_writer and the sections.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

import duckdb

from ops_assets.audit import AuditReport
from ops_assets.catalog import Catalog
from ops_assets.definition_bundle import DefinitionBundle, store_bundle
from ops_assets.project import Project
from ops_assets.publishing.snapshot_writer import PublishReport, SnapshotWriter
from resources.fault_points import fault_point
from resources.packs import SourcePack
from resources.serving import SnapshotInfo, SnapshotStore


class Publisher:
    """Writes one snapshot at a time; the caller holds the warehouse from audit to publication."""

    def __init__(
        self, store: SnapshotStore, catalog: Catalog, project: Project, pack: SourcePack, bundle: DefinitionBundle
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._project = project
        self._pack = pack
        self._bundle = bundle

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
        kept_for: timedelta = timedelta(0),
        progress: Callable[[str], None] | None = None,
    ) -> PublishReport:
        """Publish the audited state of ``warehouse``.

        ``released`` maps metrics that their owner released in spite of a red line to the reason. A metric whose build
        is broken cannot be released: there is no table to publish. ``inputs`` identifies what the snapshot was made
        from, so that a refresh that changed nothing can be told; ``today`` is the date of
        metrics that go by the clock. The newest ``keep`` snapshots stay, and the last one of each hour within
        ``kept_for``. Raises duckdb.Error and OSError, nothing switched.
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
            held=tuple(sorted(report.held_metrics(released))),
            definitions=self._bundle.digest,
        )
        self._store.snapshots_dir.mkdir(parents=True, exist_ok=True)
        building = self._store.snapshots_dir / f".{info.id}.{uuid.uuid4().hex[:8]}.building"
        previous = self._store.path_of(newest[0].id) if newest else None
        writer = SnapshotWriter(
            warehouse,
            building=building,
            previous=previous,
            parts_dir=self._store.parts_dir,
            info=info,
            catalog=self._catalog,
            project=self._project,
            pack=self._pack,
            report=report,
            released=released,
            today=today,
            bundle=self._bundle,
        )
        try:
            result = writer.write(progress)
            store_bundle(self._store, self._bundle)
            fault_point("publishing.before_commit")
            self._store.commit(info, building, writer.parts())
        finally:
            building.unlink(missing_ok=True)
        fault_point("publishing.before_switch")
        result.switched = self._store.serve_newest()
        fault_point("publishing.after_switch")
        self._store.prune(keep, now - kept_for)
        self._store.remove_orphans()
        return result
