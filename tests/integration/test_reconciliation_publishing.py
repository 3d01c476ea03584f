"""Claims in published snapshots: gaps by month and headline, kept and computed rows, any pair, only what changed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ops_assets.audit import audit
from ops_assets.catalog import Catalog
from ops_assets.definition_bundle import make_bundle
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.ingestion.landing_schema import LandingSchema
from ops_assets.ingestion.raw_tables import ensure_raw_tables
from ops_assets.project import DbtModel, Project
from ops_assets.publishing.publisher import Publisher
from ops_assets.reconciliation.answer import Explanation, Span
from ops_assets.reconciliation.explain import ExplainError, explain, parse_span, rows_behind, spans, stored
from resources.packs import SourcePack
from resources.serving import Snapshot, SnapshotStore

AS_OF = date(2026, 3, 15)
NOW = datetime(2026, 3, 15, 4, tzinfo=UTC)
_RULE = {"numerator": "revenue - cost", "denominator": "revenue"}
_INPUTS = [{"name": "revenue", "label": {"en": "Revenue", "zh": "收入"}}, {"name": "cost"}]


def _claim(name: str, grain: list[str], **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "model": f"claim_{name}",
        "department": name,
        "label": {"en": name.title(), "zh": name},
        "grain": grain,
        "inputs": _INPUTS,
        "ours": _RULE,
        **changes,
    }


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
        "window_days": 45,
        "grain": ["order_no", "line_no"],
        "dimensions": {"region": {"id": "region", "label": "region"}},
        "domain": "profit",
        "owner_role": "o",
        "raci": {"responsible": "a", "accountable": "b"},
        "version": 1,
        "effective_date": "2026-01-01",
        "security_class": "internal",
        "needs": [],
        "synonyms": {"en": ["s"], "zh": ["s"]},
        "key": False,
        "without": {"watch": "-", "target": "-"},
        "checks": [
            {
                "name": f"{name}_complete",
                "dimension": "completeness",
                "measure": "null_share",
                "column": "numerator",
                "red_above": "0.9",
            }
        ],
    }
    return MetricDefinition.model_validate({**body, **changes})


class House:
    """A margin with a claim by line, one by order and one by region and month; a stock with a claim by item."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self.db = duckdb.connect(str(folder / "w.duckdb"))
        ensure_raw_tables(self.db, LandingSchema(()))
        figures = "numerator decimal(28, 6), denominator decimal(28, 6), _batch_seq bigint"
        inputs = f"event_date date, revenue decimal(18, 4), cost decimal(18, 4), {figures}"
        self.db.execute(f"create table metric_margin (order_no varchar, line_no integer, region varchar, {inputs})")
        self.db.execute(f"create table claim_sales (order_no varchar, line_no integer, {inputs})")
        self.db.execute(f"create table claim_finance (order_no varchar, {inputs})")
        self.db.execute(f"create table claim_board (region varchar, {inputs})")
        self.db.execute(f"create table metric_stock (event_date date, item varchar, place varchar, {figures})")
        self.db.execute(f"create table claim_ledger (event_date date, item varchar, {figures})")
        self.seq = 0
        metrics = (
            _metric(
                "metric_margin",
                claims=[
                    _claim("sales", ["order_no", "line_no"], theirs=_RULE),
                    _claim("finance", ["order_no"]),
                    _claim("board", ["region"], dates="month", theirs=_RULE),
                ],
            ),
            _metric(
                "metric_stock",
                unit="count",
                aggregation="latest_sum",
                window_days=None,
                grain=["event_date", "item", "place"],
                dimensions={"item": {"id": "item", "label": "item"}},
                claims=[_claim("ledger", ["event_date", "item"], inputs=[], ours=None)],
            ),
        )
        self.metrics = {metric.name: metric for metric in metrics}
        self.checks = tuple(spec.rule(metric.name) for metric in metrics for spec in metric.checks)
        names = [*self.metrics, *(claim.model for metric in metrics for claim in metric.claims)]
        self.project = Project(
            models={name: DbtModel(name, f"model.t.{name}", name, "table", "main", ()) for name in names},
            upstream={name: frozenset() for name in names},
            sources={name: frozenset() for name in names},
            fingerprint="f",
        )
        for _ in range(60):
            self.add_line(agrees=self.chance.random() < 0.5)
        self.state_by_region()
        for day in ("2026-03-01", "2026-03-14"):
            for item, place, ours in (("m1", "a", 5), ("m1", "b", 7), ("m2", "a", 1)):
                self.add("metric_stock", day, item, place, ours, 1)
            self.add("claim_ledger", day, "m1", 15, 1)
            self.add("claim_ledger", day, "m3", 4, 1)

    def add(self, table: str, *values: Any) -> None:
        self.seq += 1
        marks = ", ".join("?" for _ in values)
        self.db.execute(f"insert into {table} values ({marks}, ?)", [*values, self.seq])

    def add_line(self, *, agrees: bool) -> None:
        chance = self.chance
        order, line = f"o{chance.randint(1, 25)}", chance.randint(1, 900)
        day = date(2025, 12, 1) + timedelta(days=chance.randint(0, 110))
        revenue, cost = chance.randint(50, 99), chance.randint(10, 49)
        self.add("metric_margin", order, line, chance.choice("NS"), day, revenue, cost, revenue - cost, revenue)
        their_day, their_cost = day, cost
        if not agrees:
            their_day += timedelta(days=chance.choice([0, 0, 5, 31]))
            their_cost += chance.choice([0, 3])
        for _ in range(1 if agrees else chance.randint(0, 2)):
            self.add("claim_sales", order, line, their_day, revenue, their_cost, revenue - their_cost, revenue)
        found = self.db.execute("select 1 from claim_finance where order_no = ?", [order]).fetchone()
        if found is None:
            self.add("claim_finance", order, their_day, revenue, their_cost, revenue - their_cost - 2, revenue)

    def state_by_region(self) -> None:
        self.db.execute(
            "insert into claim_board select region, max(event_date), sum(revenue), sum(cost) + 1, "
            "sum(revenue - cost) - 1, sum(revenue), 1 from metric_margin "
            "group by region, date_trunc('month', event_date)"
        )

    def change(self) -> None:
        """One change such as a refresh brings: new lines, a row that goes, one that moves, another cost."""
        kind = self.chance.choice(["line", "gone", "moved", "cost", "twice"])
        table = self.chance.choice(["metric_margin", "claim_sales", "claim_finance"])
        one = f"rowid = (select rowid from {table} order by hash(rowid + {self.chance.randint(0, 999)}) limit 1)"
        if kind == "line":
            self.add_line(agrees=self.chance.random() < 0.3)
        elif kind == "gone":
            self.db.execute(f"delete from {table} where {one}")
        elif kind == "moved":
            self.db.execute(
                f"update {table} set event_date = event_date + {self.chance.choice([-31, 1, 31])} where {one}"
            )
        elif kind == "cost":
            self.db.execute(f"update {table} set cost = cost + 1, numerator = numerator - 1 where {one}")
        else:
            self.db.execute(f"insert into {table} select * from {table} where {one}")

    def publish(self, store: SnapshotStore, broken: dict[str, str] | None = None) -> Snapshot:
        catalog = Catalog(metrics=self.metrics, checks=self.checks, served={})
        pack = SourcePack(name="t", folder=self.folder, title="T", entities=())
        Publisher(store, catalog, self.project, pack, make_bundle(catalog, Path())).publish(
            self.db,
            audit(self.db, catalog, self.project, as_of=AS_OF, broken=broken or {}),
            now=NOW,
            batch_seq=self.seq,
            inputs=str(self.seq),
            today=AS_OF,
            released={},
            keep=3,
        )
        current = store.current()
        assert current is not None
        return current


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path)
    yield built
    built.db.close()


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "serving")


def test_what_is_stored_is_what_is_computed_on_the_snapshot(house: House, store: SnapshotStore) -> None:
    snapshot = house.publish(store)
    for metric in house.metrics.values():
        for claim in metric.claims:
            seen = 0
            for span in spans(snapshot, metric)[:3]:
                try:
                    kept = stored(snapshot, metric, claim.name, span)
                except ExplainError:
                    continue
                seen += 1
                now = explain(snapshot, metric, claim.name, span=span)
                assert kept.to_json()["parts"] == sorted(now.to_json()["parts"], key=_as_listed(kept))
                assert (kept.gap, kept.ours, kept.theirs, kept.balanced) == (now.gap, now.ours, now.theirs, True)
                assert kept.gap is None or kept.gap == sum(part.amount or 0 for part in kept.parts)
                for part in kept.parts:
                    rows = rows_behind(snapshot, metric, claim.name, part.id, span=span, limit=1000)
                    assert len(rows) == part.rows
                    assert sum(row.numerator for row in rows) == part.numerator
                    assert sum((row.amount or Fraction(0)) for row in rows) == (part.amount or 0)
            assert seen


def test_the_headline_is_the_metrics_own_figure(house: House, store: SnapshotStore) -> None:
    snapshot = house.publish(store)
    for name, claim in (("metric_margin", "sales"), ("metric_margin", "finance"), ("metric_stock", "ledger")):
        (row,) = snapshot.rows("select numerator, denominator from metrics where metric = ?", [name])
        headline = stored(snapshot, house.metrics[name], claim)
        assert headline.ours.numerator == Fraction(row["numerator"])
    assert stored(snapshot, house.metrics["metric_stock"], "ledger").span == Span(
        "day", date(2026, 3, 14), date(2026, 3, 14)
    )
    stock = {part.id: part.amount for part in stored(snapshot, house.metrics["metric_stock"], "ledger").parts}
    assert stock == {"input_differs.both.numerator": 3, "only_here.ours.": -1, "only_here.theirs.": 4}


def test_a_claim_by_the_month_is_compared_month_by_month(house: House, store: SnapshotStore) -> None:
    snapshot = house.publish(store)
    metric = house.metrics["metric_margin"]
    board = stored(snapshot, metric, "board")
    assert (board.span.grain, board.span.first) == ("month", date(2026, 3, 1))
    january = stored(snapshot, metric, "board", Span("month", date(2026, 1, 1), date(2026, 1, 31)))
    assert {part.id: (part.numerator, part.rows) for part in january.parts} == {
        "input_differs.both.cost": (Fraction(-2), 2)
    }
    with pytest.raises(ExplainError, match="month by month"):
        explain(snapshot, metric, "board", span=Span("range", date(2026, 1, 3), date(2026, 1, 9)))


def test_two_claims_are_explained_against_each_other_and_one_order_by_itself(
    house: House, store: SnapshotStore
) -> None:
    snapshot = house.publish(store)
    metric = house.metrics["metric_margin"]
    span = parse_span("all", AS_OF, 45)
    one = explain(snapshot, metric, "finance", against="sales", span=span)
    other = explain(snapshot, metric, "sales", against="finance", span=span)
    assert one.balanced and other.balanced and one.gap is not None and other.gap is not None
    assert one.gap == -other.gap == sum(part.amount or 0 for part in one.parts)
    ours = stored(snapshot, metric, "sales"), stored(snapshot, metric, "finance")
    window = explain(snapshot, metric, "finance", against="sales")
    assert (window.ours.value, window.theirs.value) == (ours[0].theirs.value, ours[1].theirs.value)
    (order,) = snapshot.rows("select order_no from claim_sales order by order_no limit 1")
    single = explain(snapshot, metric, "sales", span=span, where=order)
    (sums,) = snapshot.rows(
        "select sum(numerator) as n from claim_sales where order_no = $order_no and event_date <= date '2026-03-15'",
        order,
    )
    assert single.balanced and single.theirs.numerator == Fraction(sums["n"] or 0)
    with pytest.raises(
        ExplainError, match="'region' does not narrow this comparison; its rows have: order_no, line_no"
    ):
        explain(snapshot, metric, "sales", where={"region": "N"})


@pytest.mark.parametrize("seed", [3])
def test_a_refresh_that_takes_months_over_says_what_one_from_scratch_says(tmp_path: Path, seed: int) -> None:
    house = House(tmp_path, seed)
    store = SnapshotStore(tmp_path / "serving")
    house.publish(store)
    for number in range(3):
        for _ in range(house.chance.randint(1, 3)):
            house.change()
        grown = house.publish(store)
        fresh = house.publish(SnapshotStore(tmp_path / f"fresh{number}"))
        for table, left_out in (("claim_period", "exclude (file)"), ("claim_part", ""), ("consistency", "")):
            said, meant = (each.rows(f"select * {left_out} from {table} order by all") for each in (grown, fresh))
            assert said == meant, table
        assert all(row["balanced"] for row in grown.rows("select balanced from claim_period"))
        view = "claim_row_margin__sales"
        assert grown.rows(f"select * from {view} order by all") == fresh.rows(f"select * from {view} order by all")
    house.db.close()


def test_only_changed_months_are_computed_and_written_again(house: House, store: SnapshotStore) -> None:
    house.db.execute("delete from claim_sales")  # no row without counterpart ties months together
    house.db.execute("insert into claim_sales select * exclude (region) from metric_margin")
    house.db.execute("update claim_sales set cost = cost + 1, numerator = numerator - 1")
    first = house.publish(store)
    house.db.execute(
        "update claim_sales set cost = cost + 1, numerator = numerator - 1 where event_date >= '2026-03-01'"
    )
    second = house.publish(store)

    def files(snapshot: Snapshot) -> dict[date, tuple[str, str]]:
        rows = snapshot.rows(
            "select p.period_start, p.file, f.file as rows_file from claim_period as p join claim_file as f "
            "using (metric, claim, period_start) where claim = 'sales' and grain = 'month'"
        )
        return {row["period_start"]: (row["file"], row["rows_file"]) for row in rows}

    before, after = files(first), files(second)
    kept = {month for month in before if before[month] == after[month]}
    assert kept == set(before) - {date(2026, 3, 1)}
    assert not {*before[date(2026, 3, 1)]} & {*after[date(2026, 3, 1)]}


def test_a_month_that_did_not_change_learns_that_its_row_has_a_counterpart_elsewhere(
    house: House, store: SnapshotStore
) -> None:
    house.db.execute("delete from claim_sales")
    house.db.execute("insert into claim_sales select * exclude (region) from metric_margin")
    house.add("metric_margin", "late", 1, "N", "2026-01-09", 50, 20, 30, 50)
    metric, january = house.metrics["metric_margin"], Span("month", date(2026, 1, 1), date(2026, 1, 31))

    def said() -> list[str]:
        return [part.id for part in stored(house.publish(store), metric, "sales", january).parts]

    assert said() == ["only_here.ours."]
    house.add("claim_sales", "late", 1, "2026-03-02", 50, 20, 30, 50)
    assert said() == ["other_period.ours."]
    house.db.execute("update claim_sales set event_date = '2026-02-27' where order_no = 'late'")
    assert said() == ["other_period.ours."]
    house.db.execute("delete from claim_sales where order_no = 'late'")
    assert said() == ["only_here.ours."]


def test_a_claim_behind_a_red_line_keeps_its_last_explanation(house: House, store: SnapshotStore) -> None:
    before = house.publish(store)
    house.change()
    after = house.publish(store, broken={"claim_sales": "a test failed"})
    metric = house.metrics["metric_margin"]
    assert stored(after, metric, "sales").to_json() == stored(before, metric, "sales").to_json()
    (row,) = after.rows("select state, reason from claim where claim = 'sales'")
    assert (row["state"], row["reason"]) == ("held", "a test failed")
    assert after.rows("select count(*) as n from claim_sales") == before.rows("select count(*) as n from claim_sales")


def test_a_claim_that_cannot_be_compared_is_shown_and_holds_nobody_back(house: House, store: SnapshotStore) -> None:
    house.db.execute("alter table claim_sales alter cost type double")
    snapshot = house.publish(store)
    (row,) = snapshot.rows("select state, reason from claim where claim = 'sales'")
    assert row["state"] == "wrong"
    assert row["reason"] == "claim_sales.cost is DOUBLE; a gap is computed exactly, so cast it to decimal in the model."
    assert stored(snapshot, house.metrics["metric_margin"], "finance").balanced
    with pytest.raises(ExplainError, match="does not compare metric_margin with sales"):
        stored(snapshot, house.metrics["metric_margin"], "sales")


def test_the_score_lists_what_each_claim_takes_off(house: House, store: SnapshotStore) -> None:
    snapshot = house.publish(store)
    (row,) = snapshot.rows(
        "select score, list_sum(from_json(deductions -> '$[*].points', '[\"double\"]')) as points from "
        "(select score, cast(deductions as json) as deductions from consistency where metric = 'metric_margin')"
    )
    assert row["score"] == pytest.approx(100 - row["points"])
    assert 0 < row["score"] < 100


def _as_listed(kept: Explanation) -> Any:
    place = {part.id: number for number, part in enumerate(kept.parts)}
    return lambda part: place[part["id"]]
