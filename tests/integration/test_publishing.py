"""Write-audit-publish on a real warehouse: hold back, release, reuse, rollback, and readers that never fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ops_assets.audit import AuditReport, audit
from ops_assets.catalog import Catalog
from ops_assets.definition_bundle import make_bundle
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.ingestion.landing_schema import LandingSchema
from ops_assets.ingestion.raw_tables import ensure_raw_tables
from ops_assets.project import DbtModel, Project
from ops_assets.publishing.publisher import Publisher
from ops_assets.publishing.snapshot_writer import PublishReport
from resources.packs import SourcePack
from resources.serving import SnapshotStore, UnknownSnapshotError

AS_OF = date(2026, 3, 15)
NOW = datetime(2026, 3, 15, 4, tzinfo=UTC)


def _metric(name: str, **changes: Any) -> MetricDefinition:
    body: dict[str, Any] = {
        "name": name,
        "file": Path("x.yml"),
        "line": 1,
        "label": {"en": name, "zh": name},
        "definition": {"en": "d", "zh": "d"},
        "formula": "f",
        "unit": "percent",
        "decimals": 2,
        "direction": "up",
        "aggregation": "ratio",
        "window_days": 90,
        "grain": ["k"],
        "dimensions": {"supplier": {"id": "supplier_id", "label": "supplier_label"}},
        "domain": "supply",
        "owner_role": "data_owner",
        "raci": {"responsible": "a", "accountable": "b"},
        "version": 1,
        "effective_date": "2026-01-01",
        "security_class": "internal",
        "needs": [],
        "synonyms": {"en": ["s"], "zh": ["s"]},
        "key": False,
        "without": {"claims": "-", "watch": "-", "target": "-"},
        "checks": [
            {
                "name": "denominator_present",
                "dimension": "completeness",
                "measure": "null_share",
                "column": "denominator",
                "warn_above": "0",
                "red_above": "0.2",
            }
        ],
    }
    return MetricDefinition.model_validate({**body, **changes})


class House:
    """A warehouse with two metrics, and what publishing needs around it."""

    def __init__(self, folder: Path) -> None:
        self.store = SnapshotStore(folder / "serving")
        self.db = duckdb.connect(str(folder / "w.duckdb"))
        ensure_raw_tables(self.db, LandingSchema(()))
        for name in ("metric_a", "metric_b"):
            self.db.execute(
                f"create table {name} (k integer, event_date date, supplier_id varchar, supplier_label varchar, "
                "numerator decimal(28, 6), denominator decimal(28, 6), _batch_seq bigint)"
            )
        self.seq = 0
        self.add("metric_a", 1, "2026-01-10", "s1", 1, 2)
        self.add("metric_a", 2, "2026-02-10", "s1", 1, 1)
        self.add("metric_a", 3, "2026-03-10", "s2", 0, 1)
        self.add("metric_b", 1, "2026-03-01", "s1", 3, 4)
        metrics = {
            "metric_a": _metric("metric_a"),
            "metric_b": _metric("metric_b"),
            "metric_c": _metric("metric_c", needs=["delivery"]),
        }
        checks = tuple(spec.rule(metric.name) for metric in metrics.values() for spec in metric.checks)
        self.catalog = Catalog(metrics=metrics, checks=checks, served={})
        models = {
            name: DbtModel(name, f"model.t.{name}", name, "table", "main", ()) for name in ("metric_a", "metric_b")
        }
        self.project = Project(
            models=models,
            upstream={name: frozenset() for name in models},
            sources={name: frozenset() for name in models},
            fingerprint="f",
        )
        self.pack = SourcePack(name="t", folder=folder, title="T", entities=("receipt_line",))

    def add(self, metric: str, key: int, day: str, supplier: str, numerator: int, denominator: int | None) -> None:
        self.seq += 1
        self.db.execute(
            f"insert into {metric} values (?, ?, ?, ?, ?, ?, ?)",
            [key, day, supplier, supplier.upper(), numerator, denominator, self.seq],
        )

    def audit(self, broken: dict[str, str] | None = None) -> AuditReport:
        return audit(self.db, self.catalog, self.project, as_of=AS_OF, broken=broken or {})

    def publish(self, broken: dict[str, str] | None = None, **released: str) -> PublishReport:
        publisher = Publisher(self.store, self.catalog, self.project, self.pack, make_bundle(self.catalog, Path()))
        return publisher.publish(
            self.db,
            self.audit(broken),
            now=NOW,
            batch_seq=self.seq,
            inputs=str(self.seq),
            today=AS_OF,
            released=released,
            keep=5,
        )

    def metric(self, name: str) -> dict[str, Any]:
        current = self.store.current()
        assert current is not None
        return current.rows("select * from metrics where metric = ?", [name])[0]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path)
    yield built
    built.db.close()


def test_figures_subjects_months_and_rows_are_published(house: House) -> None:
    report = house.publish()
    assert report.switched
    assert report.states == {"metric_a": "published", "metric_b": "published", "metric_c": "unavailable"}
    row = house.metric("metric_a")
    assert (row["value_text"], row["numerator"], row["denominator"], row["rows"]) == ("50.00", "2", "4", 3)
    current = house.store.current()
    assert current is not None
    subjects = current.rows("select subject_id, subject_label, value from metric_subject where metric = 'metric_a'")
    assert {(s["subject_id"], s["subject_label"], round(s["value"], 4)) for s in subjects} == {
        ("s1", "S1", 0.6667),
        ("s2", "S2", 0.0),
    }
    months = current.rows("select period_start, value_text from metric_period where metric = 'metric_a' order by 1")
    assert [m["value_text"] for m in months] == ["50.00", "100.00", "0.00"]
    assert len(current.rows("select * from metric_a")) == 3
    assert "needs delivery" in house.metric("metric_c")["reason"]
    assert house.metric("metric_c")["value"] is None


def test_a_red_line_keeps_the_last_good_figures_while_others_move(house: House) -> None:
    house.publish()
    good = house.metric("metric_a")
    house.add("metric_a", 9, "2026-03-11", "s3", 5, None)
    house.add("metric_b", 9, "2026-03-11", "s3", 0, 4)
    report = house.publish()
    assert report.states["metric_a"] == "held"
    assert report.info.held == ("metric_a",)
    held = house.metric("metric_a")
    assert held["state"] == "held"
    assert (held["value_text"], held["good_snapshot_id"], held["as_of"]) == (
        good["value_text"],
        good["good_snapshot_id"],
        AS_OF,
    )
    assert "denominator_present" in held["reason"]
    assert house.metric("metric_b")["value_text"] == "37.50"
    current = house.store.current()
    assert current is not None
    assert len(current.rows("select * from metric_a")) == 3, "readers must not see the unaudited row"
    # The line is mended: the metric moves on by itself.
    house.db.execute("update metric_a set denominator = 5 where k = 9")
    assert house.publish().states["metric_a"] == "published"
    assert house.metric("metric_a")["numerator"] == "7"


def test_a_red_line_on_the_first_day_says_that_none_is_good_yet(house: House) -> None:
    house.add("metric_a", 9, "2026-03-11", "s3", 5, None)
    assert house.publish().states["metric_a"] == "none_good"
    assert house.metric("metric_a")["value"] is None
    assert house.metric("metric_a")["reason"].startswith("Held back, none good yet")


def test_a_release_publishes_with_its_reason_but_never_a_broken_build(house: House) -> None:
    house.add("metric_a", 9, "2026-03-11", "s3", 5, None)
    assert house.publish(metric_a="known gap (kim)").states["metric_a"] == "warning"
    assert "known gap (kim)" in house.metric("metric_a")["reason"]
    report = house.publish({"metric_a": "not built"}, metric_a="known gap (kim)")
    assert report.states["metric_a"] == "held"


def test_only_changed_months_are_written_again(house: House) -> None:
    assert house.publish().parts_written == 4
    house.add("metric_a", 10, "2026-02-20", "s1", 1, 1)
    report = house.publish()
    assert (report.parts_written, report.reused_parts) == (1, 3)
    assert report.changed_metrics == ["metric_a"]


def test_rollback_stays_until_it_is_resumed(house: House) -> None:
    first = house.publish().info.id
    house.add("metric_b", 2, "2026-03-02", "s1", 0, 4)
    house.publish()
    assert house.metric("metric_b")["value_text"] == "37.50"
    house.store.rollback(None, "wrong file")
    assert house.metric("metric_b")["value_text"] == "75.00"
    assert not house.publish().switched
    current = house.store.current()
    assert current is not None
    assert current.id == first
    house.store.resume()
    assert house.metric("metric_b")["value_text"] == "37.50"
    with pytest.raises(UnknownSnapshotError):
        house.store.rollback("nonsense", "x")


def test_old_snapshots_and_their_parts_go_but_never_the_current_one(house: House) -> None:
    for key in range(20, 28):
        house.add("metric_a", key, "2026-03-12", "s1", 1, 1)
        house.publish()
    assert len(house.store.list()) == 5
    current = house.store.current()
    assert current is not None
    assert current.rows("select sum(numerator) as n from metric_a")[0]["n"] == Decimal(10)
    manifests = [json.loads(path.read_text()) for path in house.store.snapshots_dir.glob("*.json")]
    named = {file for manifest in manifests for file in manifest["parts"]}
    read = {
        row["file"]
        for info in house.store.list()
        for row in house.store.get(info.id).rows("select file from metric_part")
    }
    assert len(manifests) == 5
    assert read <= named
    assert {str(p.relative_to(house.store.parts_dir)) for p in house.store.parts_dir.rglob("*.parquet")} == named


def test_readers_that_poll_throughout_see_no_failure_and_no_unaudited_figure(house: House) -> None:
    house.publish()
    allowed = {house.metric("metric_a")["value_text"]}
    seen: set[str] = set()
    errors: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        store = SnapshotStore(house.store.root)
        try:
            while not stop.is_set():
                snapshot = store.current()
                assert snapshot is not None
                value = snapshot.rows("select value_text from metrics where metric = 'metric_a'")[0]["value_text"]
                snapshot.rows("select count(*) from metric_a")
                seen.add(value)
        except BaseException as error:  # noqa: BLE001 - reported by the test
            errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for turn in range(30):
        red = turn % 3 == 1
        for _ in range(20 if red else 1):
            house.add("metric_a", 100 + turn, "2026-03-12", "s9", 1, None if red else 1)
        report = house.publish()
        assert report.states["metric_a"] == ("held" if red else "published")
        allowed.add(house.metric("metric_a")["value_text"])
        if red:
            house.db.execute("delete from metric_a where denominator is null")
    stop.set()
    for reader in readers:
        reader.join()
    assert errors == []
    assert seen <= allowed
