"""Metric queries over HTTP: formats, parameters, and errors that say what to change."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pyarrow as pa
import pytest

from gateway.app import create_app
from gateway.tokens import READ, create_token
from resources.settings import Settings
from tests.gateway_stack import free_port, serving
from tests.platform_world import PlatformWorld, PublishedHome, copied_world

PATH = "/api/v1/metrics/query"
METRIC = "metric_supplier_reject_rate"
BY_MONTH = {"metrics": ["supplier_reject_rate"], "grain": "month", "dimensions": ["supplier"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, published: PublishedHome) -> Iterator[PlatformWorld]:
    made = copied_world(tmp_path_factory.mktemp("queries") / "home", published.home)
    yield made
    made.close()


@pytest.fixture(scope="module")
def http(world: PlatformWorld) -> Iterator[httpx.Client]:
    chosen = Settings(home=world.home, source_pack="dongchen", database_url="", gateway_port=free_port())
    with (
        serving(create_app(chosen, clock=world.clock), chosen.gateway_port),
        httpx.Client(base_url=chosen.gateway_url, trust_env=False, timeout=30) as client,
    ):
        yield client


def test_a_query_is_answered_with_figures_and_their_standing(http: httpx.Client, world: PlatformWorld) -> None:
    answer = http.post(PATH, json=BY_MONTH)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["snapshot_id"] == world.snapshot.id
    assert body["definitions"] == world.snapshot.info.definitions
    (metric,) = body["metrics"]
    assert metric["metric"] == METRIC
    assert (metric["unit"], metric["owner_role"], metric["definition_version"]) == ("percent", "quality_manager", 1)
    assert metric["trust"]["state"] in {"trusted", "degraded", "held", "stale"}
    assert metric["as_of"]
    assert {"id", "label"} == set(body["rows"][0]["dimensions"]["supplier"])
    assert set(body["rows"][0]["figures"]) == {METRIC}
    assert http.post(PATH, json=BY_MONTH).content == answer.content


def test_all_formats_say_the_same(http: httpx.Client) -> None:
    rows = http.post(PATH, json=BY_MONTH).json()["rows"]
    expected = [
        (row["period_start"], row["dimensions"]["supplier"]["id"], row["figures"][METRIC]["value"]) for row in rows
    ]
    as_csv = http.post(PATH, json=BY_MONTH, headers={"Accept": "text/csv"})
    assert as_csv.headers["content-type"].startswith("text/csv")
    assert f'filename="{BY_MONTH["metrics"][0]}.csv"' in as_csv.headers["content-disposition"]
    lines = list(csv.DictReader(io.StringIO(as_csv.content.decode("utf-8-sig"))))
    assert [(line["period_start"], line["supplier"], float(line["value"])) for line in lines] == expected
    arrow = http.post(PATH, json=BY_MONTH, params={"format": "arrow"})
    found = pa.ipc.open_stream(arrow.content).read_all().to_pylist()
    assert [(str(line["period_start"]), line["supplier"], line["value"]) for line in found] == expected


def test_one_metric_takes_parameters(http: httpx.Client) -> None:
    by_month = http.get(
        f"/api/v1/metrics/{METRIC}", params={"grain": "month", "dimension": "supplier", "order": "-period", "limit": 2}
    ).json()
    assert len(by_month["rows"]) == 2
    assert by_month["more"] is True
    assert by_month["rows"][0]["period_start"] >= by_month["rows"][1]["period_start"]
    whole = http.get("/api/v1/metrics/supplier_reject_rate").json()
    assert whole["metric"]["metric"] == METRIC
    assert whole["metric"]["trust"]["state"]
    assert whole["periods"]
    headline = http.get(f"/api/v1/metrics/{METRIC}", params={"format": "csv"}).content.decode("utf-8-sig")
    (line,) = csv.DictReader(io.StringIO(headline))
    assert float(line["value"]) == whole["metric"]["value"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"metrics": ["supplier_rejct_rate"]}, 422, "Did you mean supplier_reject_rate"),
        ({"metrics": ["supplier_reject_rate; drop table metrics"]}, 422, "Did you mean"),
        ({**BY_MONTH, "dimensions": ["suplier"]}, 422, "supplier, item"),
        ({**BY_MONTH, "where": "1 = 1"}, 422, "never SQL"),
        ({**BY_MONTH, "time_range": {"from": "1800-01-01"}}, 422, "later `from`"),
        ({"metrics": ["sales_gross_margin"]}, 409, "needs sale_line"),
        ({"metrics": []}, 422, "at least 1"),
    ],
)
def test_what_cannot_be_answered_says_what_to_change(
    http: httpx.Client, body: dict[str, Any], status: int, says: str
) -> None:
    answer = http.post(PATH, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("supplier_rejct_rate", 404, "supplier_reject_rate"),
        ("supplier_rejct_rate?grain=day", 404, "supplier_reject_rate"),
        ("supplier_reject_rate?grain=decade", 422, "grain"),
        ("supplier_reject_rate?dimension=colour", 422, "supplier, item"),
        ("supplier_reject_rate?format=xlsx", 422, "'csv' or 'arrow'"),
    ],
)
def test_parameters_that_do_not_fit_say_what_to_change(http: httpx.Client, path: str, status: int, says: str) -> None:
    answer = http.get(f"/api/v1/metrics/{path}")
    assert (answer.status_code, says in answer.json()["detail"]) == (status, True), answer.text


def test_an_unknown_format_is_not_acceptable(http: httpx.Client) -> None:
    answer = http.post(PATH, json=BY_MONTH, headers={"Accept": "image/png"})
    assert answer.status_code == 406
    assert "text/csv" in answer.json()["detail"]


def test_a_token_s_role_decides_what_it_gets(http: httpx.Client, world: PlatformWorld) -> None:
    made = create_token(
        world.platform.ops_engine, name="visitor", clock=world.clock, scopes=[READ], reader_role="public"
    )
    headers = {"Authorization": f"Bearer {made.text}"}
    # What others were answered before is not for everybody.
    assert http.post(PATH, json=BY_MONTH).status_code == 200
    refused = http.post(PATH, json=BY_MONTH, headers=headers)
    assert refused.status_code == 403
    assert "does not see" in refused.json()["detail"]
    assert http.get(f"/api/v1/metrics/{METRIC}", headers=headers).status_code == 403
    listed = http.get("/api/v1/metrics", headers=headers).json()["metrics"]
    assert {one["value"] for one in listed} == {None}
    assert all(one["hidden"] for one in listed)
