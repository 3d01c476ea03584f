"""A published snapshot with millions of fact rows, for measuring metric queries: made in SQL, published for real.

Two metrics stand on the same rows. One is rolled up by day, supplier and item; the other's definition says that its
rows are days by dimension already, so it is not rolled up and every query of it reads the rows.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from ops_assets.audit import audit
from ops_assets.catalog import Catalog, load_catalog
from ops_assets.definition_bundle import make_bundle
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.ingestion.landing_schema import read_landing_schema
from ops_assets.ingestion.raw_tables import ensure_raw_tables
from ops_assets.project import DbtModel, Project
from ops_assets.publishing.publisher import Publisher
from ops_assets.semantic.manifest import published_manifest
from resources.platform import MODELS_DIR, Platform
from resources.serving import SnapshotStore
from resources.settings import Settings

ROLLED, RAW = "metric_supplier_reject_rate", "metric_supplier_on_time_rate"
LAST_DAY = date(2025, 12, 31)
DAYS = 1_096
SUPPLIERS, ITEMS_OF_EACH = 100, 10
NOW = datetime(2025, 12, 31, 16, 0, tzinfo=UTC)

# Rows come in the order of their days, as the metric models write them; every supplier delivers its own items.
_FACTS = """
create table facts as
select
    'R-' || i as receipt_no,
    date '{first}' + cast(i * {days} // {rows} as integer) as event_date,
    's' || lpad(cast(s as varchar), 3, '0') as supplier_id, 'Supplier ' || s as supplier_label,
    'm' || lpad(cast(s * {items} + m as varchar), 4, '0') as item_id, 'Item ' || (s * {items} + m) as item_label,
    cast((hash(i + 3) % 97) / 8 as decimal(28, 6)) as numerator,
    cast(100 + hash(i + 4) % 901 as decimal(28, 6)) as denominator,
    cast(1 as bigint) as _batch_seq
from (
    select i, cast(hash(i + 1) % {suppliers} as integer) as s, cast(hash(i + 2) % {items} as integer) as m
    from range({rows}) as numbers(i)
) as drawn
"""


@dataclass(frozen=True)
class QueryWorld:
    """A state folder with the published snapshot; ``rows`` facts and ``rolled_up`` rows of the roll-up."""

    home: Path
    store: SnapshotStore
    rows: int
    rolled_up: int


def make_world(home: Path, rows: int, say: Callable[[str], None]) -> QueryWorld:
    """Make the rows, parse the dbt project for its definitions, and publish both metrics."""
    platform = Platform(Settings(home=home, source_pack="dongchen", database_url=""))
    platform.claim_state_folder()
    platform.dbt.parse()
    known = load_catalog(MODELS_DIR)
    metrics = {name: _without_claims(known.metrics[name]) for name in (ROLLED, RAW)}
    metrics[RAW] = metrics[RAW].model_copy(update={"grain": ("event_date", "supplier_id", "item_id")})
    catalog = Catalog(metrics=metrics, checks=(), served={}, security=known.security)
    models = {name: DbtModel(name, f"model.trueloop.{name}", "facts", "table", "main", ()) for name in metrics}
    none: dict[str, frozenset[str]] = {name: frozenset() for name in metrics}
    project = Project(models=models, upstream=none, sources=none, fingerprint="benchmark")
    manifest = published_manifest(platform.dbt.semantic_manifest())
    bundle = make_bundle(catalog, MODELS_DIR, semantic_manifest=manifest)
    store = platform.snapshots
    scratch = home / "facts.duckdb"
    with duckdb.connect(str(scratch), config={"temp_directory": str(home / "spill")}) as db:
        first = LAST_DAY - timedelta(days=DAYS - 1)
        db.execute(_FACTS.format(first=first, days=DAYS, rows=rows, suppliers=SUPPLIERS, items=ITEMS_OF_EACH))
        ensure_raw_tables(db, read_landing_schema(platform.pack.folder))
        say(f"made {rows:,} fact rows")
        report = audit(db, catalog, project, as_of=LAST_DAY, broken={})
        Publisher(store, catalog, project, platform.pack, bundle).publish(
            db, report, now=NOW, batch_seq=1, inputs="benchmark", today=LAST_DAY, released={}, keep=2
        )
    scratch.unlink()
    shutil.rmtree(home / "spill", ignore_errors=True)
    snapshot = store.current()
    assert snapshot is not None, "it was just published"
    rolled_up = int(snapshot.rows(f"select count(*) as rows from daily_{ROLLED}")[0]["rows"])
    say(f"published them; rolled up they are {rolled_up:,} rows")
    return QueryWorld(home, store, rows, rolled_up)


def _without_claims(metric: MetricDefinition) -> MetricDefinition:
    """There are no departments here to claim anything."""
    return metric.model_copy(update={"claims": (), "without": {**metric.without, "claims": "A benchmark has none."}})
