"""Metric queries on a published company: the figures are the metric models' own, whatever they are read from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ops_assets.access import Reader
from ops_assets.access_file import load_access_policy
from ops_assets.definition_bundle import bundle_of
from ops_assets.governed_figures import GovernedFigures
from ops_assets.semantic.executor import Executor
from ops_assets.semantic.plan import plan
from ops_assets.semantic.queries import MetricQueries
from ops_assets.semantic.query import Filter, MetricQuery, Order, QueryError, TimeRange
from resources.serving import Snapshot, SnapshotStore
from tests.platform_world import LAST_MINUTE, UNTIL, PlatformWorld, PublishedHome
from tests.semantic_checks import EVERYTHING, compared_metrics, metric_queries

REJECTS = "metric_supplier_reject_rate"
STOCK = "metric_inventory_on_hand"


@pytest.fixture(scope="module")
def store(published: PublishedHome) -> SnapshotStore:
    """The published company's snapshots; they are only read."""
    return SnapshotStore(published.home / "serving")


@pytest.fixture(scope="module")
def snapshot(store: SnapshotStore) -> Snapshot:
    current = store.current()
    assert current is not None
    return current


@pytest.fixture(scope="module")
def queries(store: SnapshotStore) -> MetricQueries:
    return metric_queries(store, LAST_MINUTE)


def days(first: date | None = None, last: date | None = None) -> TimeRange:
    return TimeRange(first=first, last=last)


def refused(queries: MetricQueries, snapshot: Snapshot, query: MetricQuery, reader: Reader = EVERYTHING) -> QueryError:
    with pytest.raises(QueryError) as caught:
        queries.answer(query, reader, snapshot)
    return caught.value


def test_every_metric_s_figures_equal_those_of_its_model(queries: MetricQueries, snapshot: Snapshot) -> None:
    differences = compared_metrics(queries, snapshot)
    assert len(differences) >= 15
    assert {name: found for name, found in differences.items() if found} == {}


def test_roll_ups_give_what_the_rows_give(queries: MetricQueries, snapshot: Snapshot) -> None:
    rolled = queries.facts(snapshot).relations
    names = [name for name in queries.facts(snapshot).metrics if f"daily_{name}" in rolled]
    assert len(names) >= 8
    bundle = bundle_of(queries._store, snapshot)
    for name in names:
        for dimension, columns in bundle.metrics[name].dimensions.items():
            query = MetricQuery(metrics=(name,), dimensions=(dimension,), grain="week", limit=10_000)
            judged = queries.plan(query, EVERYTHING, snapshot)
            assert judged.shape.sources[0].relation == f"daily_{name}"
            assert f"main.daily_{name} " in queries.statement(judged, snapshot).sql
            mine = {
                (row.period, row.members[0].id, row.figures[0].numerator, row.figures[0].denominator)
                for row in queries.answer(query, EVERYTHING, snapshot).rows
            }
            plain = snapshot.rows(
                f"select cast(date_trunc('week', event_date) as date) as week, cast({columns.id} as varchar) as id, "
                f"sum(numerator) as n, sum(denominator) as d from {name} "
                "where event_date between ? and ? group by 1, 2",
                [judged.first, judged.last],
            )
            assert mine == {(row["week"], row["id"], row["n"], row["d"]) for row in plain}, (name, dimension)


def test_roll_ups_of_months_that_did_not_change_are_kept(
    published: PublishedHome, copy_world: Callable[..., PlatformWorld]
) -> None:
    world = copy_world(published.home)
    parts = "select metric, period_start, file from daily_rollup_part order by all"
    before = world.snapshot.rows(parts)
    assert before
    world.clock.advance(timedelta(days=1))
    world.publish()
    assert world.snapshot.rows(parts) == before


def test_a_query_splits_filters_orders_and_cuts(queries: MetricQueries, snapshot: Snapshot) -> None:
    everything = queries.answer(
        MetricQuery(metrics=(REJECTS,), dimensions=("supplier",), grain="month"), EVERYTHING, snapshot
    )
    names = sorted({row.members[0].id or "" for row in everything.rows})
    two = tuple(names[:2])
    asked = MetricQuery(
        metrics=("supplier_reject_rate",),
        dimensions=("supplier",),
        grain="month",
        filters=(Filter(dimension="supplier", values=two),),
        order=(Order(by="supplier_reject_rate", direction="desc"),),
        limit=3,
    )
    answer = queries.answer(asked, EVERYTHING, snapshot)
    wanted = [row for row in everything.rows if row.members[0].id in two]
    wanted.sort(key=lambda row: (-(row.figures[0].value or 0), row.period, row.members[0].id))
    assert list(answer.rows) == wanted[:3]
    assert answer.more is (len(wanted) > 3)
    label = everything.rows[0].members[0].label
    assert label is not None
    by_label = queries.answer(
        MetricQuery(
            metrics=(REJECTS,),
            dimensions=("supplier",),
            filters=(Filter(dimension="supplier", on="label", op="contains", values=(label[2:8].upper(),)),),
        ),
        EVERYTHING,
        snapshot,
    )
    assert {row.members[0].label for row in by_label.rows} >= {label}


@pytest.mark.parametrize("op", ["ne", "not_in"])
def test_excluding_a_member_leaves_the_rest(queries: MetricQueries, snapshot: Snapshot, op: Any) -> None:
    split = queries.answer(MetricQuery(metrics=(REJECTS,), dimensions=("item",)), EVERYTHING, snapshot).rows
    one = split[0].members[0].id
    assert one is not None
    (rest,) = queries.answer(
        MetricQuery(metrics=(REJECTS,), filters=(Filter(dimension="item", op=op, values=(one,)),)), EVERYTHING, snapshot
    ).rows
    assert rest.figures[0].denominator == sum(row.figures[0].denominator or 0 for row in split[1:])


def test_a_filtered_stock_is_that_of_the_last_counted_day_of_all(queries: MetricQueries, snapshot: Snapshot) -> None:
    """An item that was last counted long ago has no stock today, and not its stock of then."""
    last = snapshot.rows(f"select max(event_date) as day from {STOCK}")[0]["day"]
    gone = snapshot.rows(
        f"select item_id from {STOCK} group by item_id having max(event_date) < ? order by item_id limit 1", [last]
    )
    there = snapshot.rows(f"select item_id, sum(numerator) as n from {STOCK} where event_date = ? group by 1", [last])
    for item, expected in [(row["item_id"], row["n"]) for row in there[:3]] + [(row["item_id"], None) for row in gone]:
        query = MetricQuery(metrics=(STOCK,), filters=(Filter(dimension="item", values=(item,)),))
        (row,) = queries.answer(query, EVERYTHING, snapshot).rows
        assert row.figures[0].numerator == expected, item


def test_to_date_accumulates_and_window_is_the_published_figure_of_each_day(
    queries: MetricQueries, snapshot: Snapshot
) -> None:
    span = days(UNTIL - timedelta(days=60), UNTIL)
    daily = queries.answer(MetricQuery(metrics=(REJECTS,), grain="day", time_range=span), EVERYTHING, snapshot).rows
    running = queries.answer(
        MetricQuery(metrics=(REJECTS,), grain="day", time_range=span, figure="to_date"), EVERYTHING, snapshot
    ).rows
    total = Decimal(0)
    for day, so_far in zip(daily, running, strict=True):
        total += day.figures[0].denominator or 0
        assert so_far.figures[0].denominator == total
    window = queries.answer(
        MetricQuery(metrics=(REJECTS,), grain="day", time_range=span, figure="window"), EVERYTHING, snapshot
    ).rows
    for row in (window[0], window[-1]):
        assert row.period is not None
        (plain,) = snapshot.rows(
            f"select sum(numerator) as n, sum(denominator) as d from {REJECTS} where event_date between ? and ?",
            [row.period - timedelta(days=89), row.period],
        )
        assert (row.figures[0].numerator, row.figures[0].denominator) == (plain["n"], plain["d"])


def test_metrics_are_asked_for_together(queries: MetricQueries, snapshot: Snapshot) -> None:
    names = ("metric_supplier_reject_rate", "metric_on_time_in_full", "metric_inventory_turns")
    together = queries.answer(MetricQuery(metrics=names, dimensions=("item",)), EVERYTHING, snapshot)
    for place, name in enumerate(names):
        alone = queries.answer(MetricQuery(metrics=(name,), dimensions=("item",)), EVERYTHING, snapshot).rows
        mine = {row.members[0]: row.figures[place] for row in together.rows}
        assert {row.members[0].id: row.figures[0] for row in alone} == {
            member.id: figure for member, figure in mine.items() if figure.numerator is not None
        }


@pytest.mark.parametrize(
    ("query", "reason", "says"),
    [
        (MetricQuery(metrics=("supplier_rejct_rate",)), "unknown", "supplier_reject_rate"),
        (MetricQuery(metrics=(REJECTS,), dimensions=("suplier",)), "unknown", "supplier, item"),
        (MetricQuery(metrics=(REJECTS,), order=(Order(by="sum(1)"),)), "unknown", "There are"),
        (MetricQuery(metrics=("sales_gross_margin",)), "unavailable", "needs"),
        (
            MetricQuery(metrics=(REJECTS,), time_range=days(date(1900, 1, 1))),
            "too_large",
            "at most 60 years",
        ),
        (MetricQuery(metrics=(REJECTS,), time_range=days(UNTIL + timedelta(days=1))), "invalid", "earlier day"),
        (MetricQuery(metrics=(STOCK,), grain="day", figure="to_date"), "invalid", "stock figure"),
        (MetricQuery(metrics=(REJECTS, "line_oee")), "invalid", "time_range"),
        (MetricQuery(metrics=(REJECTS, "supplier_reject_rate")), "invalid", "twice"),
        (MetricQuery(metrics=(REJECTS,), grain="day", figure="window"), "invalid", "time_range.from"),
        (
            MetricQuery(
                metrics=(REJECTS, "on_time_in_full"),
                filters=(Filter(dimension="item", on="label", values=("x",)),),
            ),
            "invalid",
            "one metric",
        ),
    ],
)
def test_what_cannot_be_answered_is_refused_with_what_to_change(
    queries: MetricQueries, snapshot: Snapshot, query: MetricQuery, reason: str, says: str
) -> None:
    error = refused(queries, snapshot, query)
    assert error.reason == reason
    assert says in error.sentence


def test_a_range_with_too_many_periods_is_refused(queries: MetricQueries, snapshot: Snapshot) -> None:
    long_ago = UNTIL - timedelta(days=20_000)
    query = MetricQuery(metrics=(REJECTS,), grain="day", time_range=days(long_ago))
    facts = queries.facts(snapshot)
    figures = GovernedFigures(bundle_of(queries._store, snapshot), load_access_policy())
    # Days before the first row cost nothing, so the range counts from there.
    plan(query, facts, figures, EVERYTHING)
    older = replace(facts, metrics={REJECTS: replace(facts.metrics[REJECTS], first_month=long_ago)})
    with pytest.raises(QueryError, match="coarser `grain`") as caught:
        plan(query, older, figures, EVERYTHING)
    assert caught.value.reason == "too_large"
    plan(query.model_copy(update={"grain": "month"}), older, figures, EVERYTHING)


def test_values_share_a_shape_and_engines_compile_it_once(
    store: SnapshotStore, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = metric_queries(store, LAST_MINUTE)
    compiled: list[object] = []
    whole = queries._compile

    def counted(*arguments: Any) -> str:
        compiled.append(arguments)
        return whole(*arguments)

    monkeypatch.setattr(queries, "_compile", counted)
    for values in [("a",), ("b'; drop table metrics; --",), ("c",)]:
        for last in (UNTIL, UNTIL - timedelta(days=3)):
            queries.answer(
                MetricQuery(
                    metrics=(REJECTS,),
                    filters=(Filter(dimension="item", values=values),),
                    time_range=days(last - timedelta(days=9), last),
                ),
                EVERYTHING,
                snapshot,
            )
    assert len(compiled) == 1


def test_a_slow_query_is_stopped_and_a_crowd_is_told_to_wait(store: SnapshotStore, snapshot: Snapshot) -> None:
    slow = Executor(seconds=0.05, at_once=1)
    with pytest.raises(QueryError) as stopped:
        slow.fetch(snapshot, "select sum(a.range * b.range) from range(100000) as a, range(100000) as b", {})
    assert stopped.value.reason == "too_slow"
    assert slow.fetch(snapshot, "select $one", {"one": 1}) == [(1,)]
    assert slow._turns.take(0)
    try:
        with pytest.raises(QueryError) as crowd:
            slow.fetch(snapshot, "select 1", {})
    finally:
        slow._turns.give_back()
    assert crowd.value.reason == "busy"
    assert slow.fetch(snapshot, "select 1", {}) == [(1,)]


def test_a_reader_gets_no_figures_above_its_role(queries: MetricQueries, snapshot: Snapshot) -> None:
    outsider = Reader("visitor", "public")
    error = refused(queries, snapshot, MetricQuery(metrics=(REJECTS,)), outsider)
    assert error.reason == "forbidden"
    assert "does not see" in error.sentence


def test_a_reader_of_a_department_gets_its_rows_alone(queries: MetricQueries, snapshot: Snapshot) -> None:
    bundle = bundle_of(queries._store, snapshot)
    filtered = [name for name, model in bundle.security.items() if name in bundle.metrics and model.department_column]
    filtered = [name for name in filtered if name in snapshot_names(snapshot)]
    assert filtered, "no metric declares a row_filter"
    for name in filtered:
        column = bundle.security[name].department_column
        departments = [
            row["department"] for row in snapshot.rows(f"select distinct {column} as department from {name}")
        ]
        for mine in ([departments[0]] if departments else []) + ["nobody's"]:
            reader = Reader("colleague", "employee", frozenset({mine}))
            (row,) = queries.answer(MetricQuery(metrics=(name,)), reader, snapshot).rows
            judged = queries.plan(MetricQuery(metrics=(name,)), reader, snapshot)
            (plain,) = snapshot.rows(
                f"select sum(numerator) as n, sum(denominator) as d from {name} "
                f"where {column} = ? and event_date between ? and ?",
                [mine, judged.first or date(1900, 1, 1), judged.last],
            )
            assert (row.figures[0].numerator, row.figures[0].denominator) == (plain["n"], plain["d"]), name


def snapshot_names(snapshot: Snapshot) -> set[str]:
    return {row["view_name"] for row in snapshot.rows("select view_name from duckdb_views() where not internal")}
