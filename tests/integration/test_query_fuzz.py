"""Whatever a query body holds: no server error, no file read, no second statement, and a published snapshot unchanged.

Real bodies over real HTTP, made by Hypothesis (near to valid, with hostile values) and by schemathesis (from the
OpenAPI description). 500 of each here, 10,000 in the soak.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.app import create_app
from ops_assets.semantic.executor import Executor
from ops_assets.semantic.query import MetricQuery
from resources.settings import Settings
from tests.gateway_stack import free_port, serving
from tests.platform_world import PublishedHome, copied_world

PATH = "/api/v1/metrics/query"
DESCRIBED = [content_type_conformance, response_schema_conformance, status_code_conformance]
EXPECTED = {200, 400, 403, 406, 409, 413, 422, 429}


@dataclass
class Target:
    """A running gateway on a published company, with a file that no answer may contain and every statement noted."""

    http: httpx.Client
    openapi: dict[str, Any]
    canary: str
    canary_file: Path
    snapshot_file: Path
    statements: list[str] = field(default_factory=list)
    answered: dict[int, int] = field(default_factory=dict)

    def fingerprint(self) -> tuple[str, tuple[str, ...]]:
        folder = self.snapshot_file.parent
        return hashlib.sha256(self.snapshot_file.read_bytes()).hexdigest(), tuple(sorted(map(str, folder.iterdir())))

    def check(self, answer: httpx.Response, before: int) -> None:
        self.answered[answer.status_code] = self.answered.get(answer.status_code, 0) + 1
        assert answer.status_code in EXPECTED, answer.text
        assert self.canary.encode() not in answer.content
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert len(answer.json()["detail"]) > 20
        ran = self.statements[before:]
        assert len(ran) <= 1 + 2 * len(MetricQuery.model_fields), ran
        for sql in set(ran):
            (statement,) = duckdb.extract_statements(sql)
            assert statement.type == duckdb.StatementType.SELECT
            assert "read_" not in sql.lower()
            assert self.canary_file.name not in sql


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, published: PublishedHome) -> Iterator[Target]:
    home = tmp_path_factory.mktemp("fuzz") / "home"
    world = copied_world(home, published.home)
    canary = secrets.token_hex(16)
    planted = world.snapshot.path.parent.parent / "parts" / "canary.csv"
    for file in (world.home / "canary.csv", planted):
        file.write_text(f"secret\n{canary}\n", encoding="utf-8")
    chosen = Settings(home=world.home, source_pack="dongchen", database_url="", gateway_port=free_port())
    app = create_app(chosen, clock=world.clock)
    with serving(app, chosen.gateway_port), httpx.Client(base_url=chosen.gateway_url, trust_env=False) as http:
        found = Target(http, app.openapi(), canary, planted, world.snapshot.path)
        with pytest.MonkeyPatch.context() as patch:
            _note_statements(patch, found.statements)
            yield found
    world.close()


def _note_statements(patch: pytest.MonkeyPatch, statements: list[str]) -> None:
    """Note every text that reaches the snapshot's connection for a query."""
    run = Executor._limited

    def noted(self: Executor, snapshot: Any, sql: str, bound: Any) -> Any:
        statements.append(sql)
        return run(self, snapshot, sql, bound)

    patch.setattr(Executor, "_limited", noted)


def examples(request: pytest.FixtureRequest) -> int:
    return 10_000 if request.config.getoption("--soak") else 500


HOSTILE = [
    "' OR 1=1 --",
    "'; drop table metrics; --",
    "x') UNION SELECT content FROM read_text('{file}') --",
    "(select secret from read_csv('{file}'))",
    "{{{{ Dimension('item') }}}}",
    "{{% for i in range(10**9) %}}x{{% endfor %}}",
    "value of f0_0",
    "$first_day",
    "2001-01-01",
    "\x00",
    '"',
    "\\",
    "%",
    "\U0001d518\u202e \ufeff 可信",
    "1e309",
    "-99999999999999999999999999999999999999",
    "=cmd|' /C calc'!A0",
    "attach '{file}' as x",
]


DIMENSIONS = {
    "supplier_reject_rate": ["supplier", "item"],
    "metric_on_time_in_full": ["customer", "region", "item"],
    "inventory_on_hand": ["item", "warehouse"],
    "line_oee": ["line", "item"],
}
OPERATORS = {"eq": 1, "ne": 1, "in": 3, "not_in": 2, "is_null": 0, "is_not_null": 0, "contains": 1, "starts_with": 1}
GRAINS = ["day", "week", "month", "quarter", "year"]


@st.composite
def sound_queries(draw: st.DrawFn, hostile: st.SearchStrategy[str]) -> dict[str, Any]:
    """Queries that are answered, however hostile the values in them are."""
    metric = draw(st.sampled_from(sorted(DIMENSIONS)))
    dimensions = st.sampled_from(DIMENSIONS[metric])

    def condition() -> dict[str, Any]:
        operator = draw(st.sampled_from(sorted(OPERATORS)))
        values = [draw(hostile) for _ in range(OPERATORS[operator])]
        where = {"dimension": draw(dimensions), "op": operator, "values": values}
        return where | {"on": draw(st.sampled_from(["id", "label"]))}

    query: dict[str, Any] = {"metrics": [metric], "filters": [condition() for _ in range(draw(st.integers(0, 2)))]}
    query["dimensions"] = draw(st.lists(dimensions, max_size=2, unique=True))
    query["limit"] = draw(st.integers(1, 10_000))
    if draw(st.booleans()):
        query["grain"] = draw(st.sampled_from(GRAINS))
        query["order"] = [{"by": "period", "direction": draw(st.sampled_from(["asc", "desc"]))}]
    if draw(st.booleans()):
        first, last = sorted(draw(st.tuples(*[st.dates(date(2026, 1, 1), date(2026, 11, 21))] * 2)))
        query["time_range"] = {"from": str(first), "to": str(last)}
    return query


@st.composite
def spoiled_queries(draw: st.DrawFn, hostile: st.SearchStrategy[str]) -> Any:
    """Sound queries of which one part, at any depth, is something else."""
    query = draw(sound_queries(hostile))
    node: Any = query
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return query
        key = draw(st.sampled_from(keys))
        if not isinstance(node[key], (dict, list)) or draw(st.booleans()):
            break
        node = node[key]
    node[key] = draw(anything(hostile))
    if isinstance(node, dict) and draw(st.booleans()):
        node[draw(hostile)] = draw(hostile)
    return query


def anything(hostile: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    simple = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | hostile | st.sampled_from(GRAINS)
    return st.recursive(
        simple,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile, inner, max_size=3),
        max_leaves=6,
    )


def bodies(file: Path) -> st.SearchStrategy[Any]:
    hostile = st.sampled_from([text.format(file=file) for text in HOSTILE]) | st.text(max_size=20)
    return st.one_of(sound_queries(hostile), spoiled_queries(hostile), spoiled_queries(hostile), anything(hostile))


def test_no_body_breaks_out(target: Target, request: pytest.FixtureRequest) -> None:
    before = target.fingerprint()
    count = examples(request)

    @settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(body=bodies(target.canary_file), form=st.sampled_from(["json", "json", "json", "csv", "arrow"]))
    def run(body: Any, form: str) -> None:
        content = json.dumps(body).encode("utf-8", "surrogatepass")
        noted = len(target.statements)
        answer = target.http.post(PATH, content=content, params={"format": form})
        target.check(answer, noted)

    run()
    # Hostile values reached the database, and hostile forms did not.
    assert target.answered.get(200, 0) > count // 10, target.answered
    assert target.answered.get(422, 0) > count // 10, target.answered
    assert target.fingerprint() == before
    print(f"{count} near-valid query bodies: {dict(sorted(target.answered.items()))}")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe", b"null", b"[]", b'"select 1"', b"[" * 200_000, b'{"a":' * 50_000, b"1" * 5_000,
        b'{"metrics": ["\\ud800"]}', b'{"metrics": ["line_oee"], "limit": 1e400}',
        b'{"metrics": ["line_oee"], "metrics": 1}',
        b'{"metrics": ["' + b"a" * 500_000 + b'"]}', b"NaN",
    ],
)  # fmt: skip
def test_no_bytes_break_out(target: Target, content: bytes) -> None:
    noted = len(target.statements)
    answer = target.http.post(PATH, content=content)
    target.check(answer, noted)
    assert answer.status_code != 200
    assert target.statements[noted:] == []


def test_bodies_and_parameters_from_the_description_break_nothing(
    target: Target, request: pytest.FixtureRequest
) -> None:
    before = target.fingerprint()
    schema = schemathesis.openapi.from_dict(target.openapi)
    count = examples(request)
    for path, method in ((PATH, "POST"), ("/api/v1/metrics/{name}", "GET")):
        strategy = schema[path][method].as_strategy()

        @settings(max_examples=count // 2, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=strategy)
        def run(case: Any) -> None:
            noted = len(target.statements)
            answer = case.call(base_url=str(target.http.base_url))
            assert answer.status_code in EXPECTED | {404}, answer.text
            assert target.canary.encode() not in answer.content
            assert len(target.statements) - noted < 10
            case.validate_response(answer, checks=DESCRIBED)

        run()
    assert target.fingerprint() == before
