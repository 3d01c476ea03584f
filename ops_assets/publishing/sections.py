"""What a snapshot holds beside its metrics: sections, each writing tables of its own.

A section reads the warehouse and what earlier sections wrote, and never changes a figure. Publication fails as a whole
when a section fails: a snapshot is complete or it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

import duckdb

from ops_assets.audit import AuditReport
from ops_assets.catalog import Catalog
from ops_assets.definition_bundle import DefinitionBundle
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.project import Project
from resources.packs import SourcePack
from resources.serving import SnapshotInfo


@dataclass(frozen=True)
class SectionContext:
    """What a section works with.

    ``db`` is the warehouse's connection; the snapshot is attached as ``snapshot`` and, where ``has_previous``, the one
    before as ``previous`` (read-only). ``states`` are the metrics' states in this snapshot; ``today`` is the pack's
    local date; ``add_part`` registers a Parquet file, relative to ``parts_dir``, that a view of the snapshot reads.
    """

    db: duckdb.DuckDBPyConnection
    info: SnapshotInfo
    has_previous: bool
    catalog: Catalog
    project: Project
    pack: SourcePack
    report: AuditReport
    states: Mapping[str, str]
    today: date
    bundle: DefinitionBundle
    parts_dir: Path
    add_part: Callable[[str], None]

    @property
    def now(self) -> datetime:
        """The instant of publication (UTC)."""
        return self.info.published_at

    def as_of(self, metric: MetricDefinition) -> date:
        """The day as of which the metric is stated: the pack's, or today for figures of the platform itself."""
        return self.today if metric.as_of == "clock" else self.info.as_of

    def relation(self, model: str) -> str:
        """The quoted name of a model's table in the warehouse."""
        return self.project.models[model].relation

    def previous_has(self, table: str) -> bool:
        """Whether the snapshot before has a table or view of this name; older versions wrote fewer."""
        if not self.has_previous:
            return False
        found = self.db.execute(
            "select 1 from duckdb_tables() where database_name = 'previous' and table_name = ? "
            "union all select 1 from duckdb_views() where database_name = 'previous' and view_name = ?",
            [table, table],
        )
        return found.fetchone() is not None


class Section(Protocol):
    """One group of tables of a snapshot."""

    def write(self, context: SectionContext) -> None:
        """Create and fill the section's tables in ``snapshot``. Raises duckdb.Error; nothing is published then."""
