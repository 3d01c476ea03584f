"""The parts of the semantic layer by themselves: the form of a query, caches, turns, what is never run, and formats."""

from __future__ import annotations

import csv
import io
import json
import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from ops_assets.access import Hidden
from ops_assets.checks.trust import Trust, Words
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.semantic.answers import Answer, Member, Row, Standing, figure
from ops_assets.semantic.bounded import BoundedCache
from ops_assets.semantic.compiled import UnexpectedStatement, compiled
from ops_assets.semantic.executor import _Turns
from ops_assets.semantic.formats import document, encode
from ops_assets.semantic.manifest import described_models, published_manifest
from ops_assets.semantic.published import PublishedMetric
from ops_assets.semantic.query import MOST_VALUES, MetricQuery
from ops_assets.semantic.shape import Shape, Source, slots_for

METRIC = PublishedMetric(
    name="metric_margin", label_en="Margin", label_zh="毛利率", unit="percent", decimals=2, aggregation="ratio",
    owner_role="cfo", window_days=90, state="held", reason="Held back.", as_of=date(2026, 11, 20),
    good_snapshot_id="s1", definition_version=3, first_month=date(2026, 1, 1),
)  # fmt: skip
SHAPE = Shape(
    sources=(Source("metric_margin", "metric_margin"),), aggregations=("ratio",), dimensions=(), grain=None,
    figure="period", window_days=None, filters=(), order=(),
)  # fmt: skip


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"metrics": []}, "at least 1"),
        ({"metrics": ["a", "a"]}, "asked for twice"),
        ({"metrics": ["a"], "sql": "select 1"}, "Extra inputs"),
        ({"metrics": "a"}, "valid array"),
        ({"metrics": ["a"], "limit": "10"}, "valid integer"),
        ({"metrics": ["a"], "limit": 10_001}, "less than or equal"),
        ({"metrics": ["a"], "figure": "to_date"}, "needs a `grain`"),
        ({"metrics": ["a"], "figure": "window", "grain": "month"}, "grain: day"),
        ({"metrics": ["a"], "time_range": {"from": "2026-02-01", "to": "2026-01-01"}}, "exchange them"),
        ({"metrics": ["a"], "filters": [{"dimension": "d", "op": "eq", "values": ["a", "b"]}]}, "takes 1 value"),
        ({"metrics": ["a"], "filters": [{"dimension": "d", "op": "is_null", "values": ["a"]}]}, "takes 0 value"),
        ({"metrics": ["a"], "filters": [{"dimension": "d", "values": ["v"] * (MOST_VALUES + 1)}]}, "at most 200"),
        ({"metrics": ["a"], "filters": [{"dimension": "d", "values": [1]}]}, "valid string"),
    ],
)
def test_a_query_of_another_form_is_refused(body: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        MetricQuery.model_validate_json(json.dumps(body))


@pytest.mark.parametrize(("values", "slots"), [(0, 0), (1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (200, 256)])
def test_lists_of_similar_length_share_their_slots(values: int, slots: int) -> None:
    assert slots_for(values) == slots


def test_a_cache_never_outgrows_its_bound_and_keeps_what_was_used_last() -> None:
    cache: BoundedCache[int, str] = BoundedCache(100)
    for number in range(1_000):
        cache.put(number, "x", 10)
        cache.get(0)
        assert cache.weight <= 100
    assert len(cache) == 10
    assert cache.get(0) == "x"
    assert cache.get(500) is None
    cache.put(7, "too heavy", 60)
    assert cache.get(7) is None


def test_turns_come_in_the_order_of_asking_and_run_out_in_time() -> None:
    turns = _Turns(1)
    assert turns.take(0)
    assert not turns.take(0.01)
    came: list[int] = []
    threads = []
    for number in range(5):
        waiting = len(turns._waiting)

        def wait(mine: int = number) -> None:
            assert turns.take(10)
            came.append(mine)
            turns.give_back()

        threads.append(threading.Thread(target=wait))
        threads[-1].start()
        while len(turns._waiting) == waiting:
            pass
    turns.give_back()
    for thread in threads:
        thread.join()
    assert came == [0, 1, 2, 3, 4]
    assert turns.take(0)


@pytest.mark.parametrize(
    "sql",
    [
        "select 1; select 2",
        "drop table metrics",
        "select * from read_csv('x')",
        "select * from main.other_metric",
        "select * from metric_margin",
        "select 1 as n",
    ],
)
def test_what_is_not_one_select_on_the_metric_is_never_a_statement(sql: str) -> None:
    definitions: dict[str, MetricDefinition] = {}
    with pytest.raises((UnexpectedStatement, KeyError)):
        compiled(sql, SHAPE, definitions)


def test_a_manifest_depends_on_the_definitions_alone() -> None:
    def manifest(database: str, names: list[str]) -> str:
        models = [
            {"name": name, "node_relation": {"alias": name, "relation_name": f'"{database}"."metrics"."{name}"'}}
            for name in names
        ]
        return json.dumps({"semantic_models": models, "metrics": [], "project_configuration": {"time_spines": []}})

    first, second = manifest("a", ["metric_x", "metric_y"]), manifest("b", ["metric_y", "metric_x"])
    assert published_manifest(first) == published_manifest(second)
    assert '"main.metric_x"' in published_manifest(first)
    assert described_models(published_manifest(first)) == {"metric_x", "metric_y"}
    assert described_models("{}") == frozenset()


@pytest.fixture
def answered() -> Answer:
    trust = Trust("metric_margin", "held", 61.5, datetime(2026, 11, 20, tzinfo=UTC), Words("red", "红线"), None)
    members = [Member("=1+1", '@cmd,"quoted"'), Member("-5", "+49"), Member(None, None), Member("甲", "公司")]
    sums = [(Decimal("12.340000"), Decimal("100.000000")), (Decimal("-1.5"), Decimal(3)), (None, None), (Decimal(1), 0)]
    return Answer(
        query=MetricQuery(metrics=("margin",), dimensions=("customer",), grain="month"),
        snapshot_id="s2",
        definitions="d1",
        published_at=datetime(2026, 11, 21, 16, tzinfo=UTC),
        first=None,
        last=date(2026, 11, 20),
        standings=(Standing(METRIC, trust),),
        rows=tuple(
            Row(date(2026, 11, 1), (member,), (figure(METRIC, numerator, Decimal(denominator or 0)),))
            for member, (numerator, denominator) in zip(members, sums, strict=True)
        ),
        more=True,
        hidden=Hidden(),
    )


def test_json_has_exact_figures_and_how_far_to_rely_on_them(answered: Answer) -> None:
    body = json.loads(encode(answered, "json"))
    assert body == document(answered)
    assert body["rows"][0]["figures"]["metric_margin"] == {
        "value": 0.1234, "text": "12.34", "numerator": "12.34", "denominator": "100",
    }  # fmt: skip
    assert body["rows"][3]["figures"]["metric_margin"]["value"] is None
    (metric,) = body["metrics"]
    assert (metric["state"], metric["unit"], metric["owner_role"]) == ("held", "percent", "cfo")
    assert (metric["definition_version"], metric["figures_from"]) == (3, "s1")
    assert metric["trust"]["state"] == "held"
    assert body["more"] is True


def test_csv_runs_nothing_in_a_spreadsheet(answered: Answer) -> None:
    text = encode(answered, "csv").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["customer"] for row in rows] == ["'=1+1", "'-5", "", "甲"]
    assert [row["customer_label"] for row in rows] == ['\'@cmd,"quoted"', "'+49", "", "公司"]
    assert rows[1]["value"] == "-0.5"
    assert rows[1]["numerator"] == "-1.5"
    for row in rows:
        assert (row["unit"], row["trust_state"], row["owner_role"], row["snapshot_id"]) == (
            "percent", "held", "cfo", "s2",
        )  # fmt: skip


def test_arrow_keeps_decimals_exact(answered: Answer) -> None:
    found = pa.ipc.open_stream(encode(answered, "arrow")).read_all()
    assert found.schema.field("numerator").type == pa.decimal128(38, 6)
    assert found["numerator"].to_pylist() == [Decimal("12.34"), Decimal("-1.5"), None, Decimal(1)]
    assert found["customer"].to_pylist() == ["=1+1", "-5", None, "甲"]
    assert set(found["trust_state"].to_pylist()) == {"held"}
