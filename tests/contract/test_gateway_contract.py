"""What the gateway promises to others, and what it asks of them, held against the real thing."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from graphql import parse, validate

from gateway.app import create_app
from gateway.dagster_status import STATUS_QUERY
from gateway.embedded_slack.api_methods import METHODS
from gateway.slack_people import SlackPeople
from gateway.step_reports import report_body
from resources.clock import FixedClock
from resources.settings import Settings
from resources.slack import SlackClient
from workflow_jobs.step_completion import StepCompletion

ROOT = Path(__file__).resolve().parents[2]
API_DOC = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def openapi(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    app = create_app(Settings(home=tmp_path_factory.mktemp("contract") / "home"))
    schema: dict[str, Any] = app.openapi()
    app.state.workspace.close()
    return schema


def test_every_route_is_described_in_words_and_documented(openapi: dict[str, Any]) -> None:
    assert set(openapi["paths"]) == {
        "/api/v1/events/{source}", "/api/v1/metrics", "/api/v1/metrics/{name}", "/api/v1/cases",
        "/api/v1/cases/{case_id}", "/healthz", "/readyz", "/api/v1/incidents", "/api/v1/metrics/query",
        "/api/v1/metrics/{name}/explain", "/api/v1/metrics/{name}/explain/rows",
        "/api/v1/cases/{case_id}/signals", "/api/v1/cases/{case_id}/files", "/api/v1/outbox/dead",
        "/api/v1/outbox/resend",
    }  # fmt: skip
    for path, operations in openapi["paths"].items():
        assert path in API_DOC, f"docs/api.md does not mention {path}"
        for operation in operations.values():
            assert operation["summary"]
            assert len(operation["description"]) > 10


def test_every_error_of_the_api_is_declared_as_a_problem(openapi: dict[str, Any]) -> None:
    answers = openapi["paths"]["/api/v1/events/{source}"]["post"]["responses"]
    assert {"202", "400", "401", "403", "404", "409", "413", "422", "429"} <= set(answers)
    for status, answer in answers.items():
        if status != "202":
            assert "application/problem+json" in answer["content"], status


def test_events_ask_for_the_bearer_token(openapi: dict[str, Any]) -> None:
    assert openapi["paths"]["/api/v1/events/{source}"]["post"]["security"] == [{"bearer": []}]
    assert openapi["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_dagster_s_own_schema_knows_what_readiness_asks() -> None:
    from dagster_graphql.schema import create_schema

    schema = create_schema().graphql_schema
    assert validate(schema, parse(STATUS_QUERY)) == []


def test_steps_are_reported_alike_by_the_gateway_and_by_the_sensor() -> None:
    from workflow_jobs.step_assets import completion_metadata, step_key

    done = StepCompletion(
        case_id="C-000001",
        template_id="supply_exception",
        step_id="judge",
        at=datetime(2026, 11, 16, 1, 30, tzinfo=UTC),
        outcome="confirm",
        decided_by="E003",
        working_minutes=12,
        subject_id="V-0007",
        metric="metric_supplier_reject_rate",
        event_seq=4,
    )
    body = report_body(done)
    assert body["asset_key"] == list(step_key("supply_exception", "judge").path)
    assert body["metadata"] == completion_metadata(done)
    json.dumps(body)


def test_the_embedded_slack_knows_every_method_that_the_platform_calls() -> None:
    source = (ROOT / "resources" / "slack.py").read_text(encoding="utf-8")
    called = set(re.findall(r"""["']((?:auth|chat|conversations|reactions|users|views)\.\w+)["']""", source))
    assert called
    assert called - set(METHODS) == set()


def test_the_manifest_asks_for_the_scopes_of_the_methods_and_for_interactivity() -> None:
    manifest = yaml.safe_load((ROOT / "docs" / "slack-app-manifest.yaml").read_text(encoding="utf-8"))
    scopes = set(manifest["oauth_config"]["scopes"]["bot"])
    assert {"chat:write", "im:write", "im:history", "channels:read", "channels:history", "users:read",
            "users:read.email"} <= scopes  # fmt: skip
    assert manifest["settings"]["interactivity"]["is_enabled"] is True
    assert manifest["settings"]["interactivity"]["request_url"].endswith("/slack/events")


def test_the_lock_file_of_the_pages_carries_no_addresses_and_is_pinned() -> None:
    text = (ROOT / "package-lock.json").read_text(encoding="utf-8")
    lock, package = json.loads(text), json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    assert "resolved" not in text
    assert "://" not in text
    for name, version in package["dependencies"].items():
        entry = lock["packages"][f"node_modules/{name}"]
        assert (entry["version"], entry["integrity"].startswith("sha512-")) == (version, True)


def test_slack_people_are_found_by_the_mapping_file_before_the_address() -> None:
    from resources.people import Person, directory

    people = directory([Person("E1", "Li Na", "li@x.example"), Person("E2", "Wei")])
    clock = FixedClock(datetime(2026, 11, 16, tzinfo=UTC))
    # No Slack answers at this address: the mapping must be enough.
    slack = SlackClient("xoxb-1", base_url="http://127.0.0.1:9/", timeout=1)
    found = SlackPeople(slack, lambda: people, pack="x", mapping={"E2": "U9"}, clock=clock).person("U9")
    assert found is not None
    assert found.person_id == "E2"
