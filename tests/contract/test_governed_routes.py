"""Every address that is read judges whoever asks by the access policy, or stands in a list that says why not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount, Route

import gateway.context
from gateway.app import create_app
from gateway.tokens import READ, create_token
from ops_assets.access import AccessPolicy, Reader, RoleRules
from resources.clock import FixedClock
from resources.serving import SnapshotStore
from resources.settings import Settings
from tests.gateway_stack import METRIC, publish_snapshot
from workflow_jobs.cases import OpenRequest

ROLE = "employee"
# What an address shows that judges nobody: neither rows nor figures, nor who works on what.
JUDGES_NOBODY = {
    "/healthz": "that the process lives",
    "/readyz": "how each part of the stack stands, in counts",
    "/part/status": "the same, on the start page",
    "/part/newer": "whether something newer was published",
    "/metrics/{name}/part/lineage": "names of columns, and which is made of which",
    "/openapi.json": "what the API can be asked",
    "/docs": "the same, for people",
    "/dbt": "where dbt's documents are",
    "/dbt/{path:path}": "dbt's documents of models and columns",
    "/static": "style sheets and scripts",
    "/embedded-slack": "a workspace for trying out, served to this machine alone",
}
# What these must be asked with.
ASKED_WITH = {
    "/part/newer": "seen=before",
    "/api/v1/metrics/{name}/explain/rows": "part=missing&claim=other",
    "/metrics/{name}/explain/rows": "part=missing&claim=other",
}


@dataclass
class Gateway:
    app: FastAPI
    case_id: str
    headers: dict[str, str]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    home: Path = tmp_path_factory.mktemp("governed") / "home"
    clock = FixedClock(datetime(2026, 11, 16, 1, 30, tzinfo=UTC))
    settings = Settings(home=home)
    publish_snapshot(SnapshotStore(settings.serving_dir), clock=clock)
    app = create_app(settings, clock=clock)
    context = app.state.context
    case = context.service.open_case(OpenRequest(template_id="supply_exception", rule_id="r", subject_id="V-1"))
    token = create_token(context.engine, name="somebody", scopes=[READ], reader_role=ROLE, clock=clock)
    yield Gateway(app, case.case_id, {"Authorization": f"Bearer {token.text}"})
    app.state.workspace.close()
    context.engine.dispose()


def routes(app: FastAPI) -> Iterator[BaseRoute]:
    """Those of the application and of the routers that it includes."""
    for one in app.routes:
        included = getattr(one, "original_router", None)
        yield from [one] if included is None else included.routes


def test_every_address_judges_whoever_asks_or_stands_in_the_list(
    running: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[str] = []
    made: list[str] = []
    rules = AccessPolicy.rules

    def noted(policy: AccessPolicy, reader: Reader) -> RoleRules:
        judged.append(reader.name)
        return rules(policy, reader)

    def reader(name: str, role: str, departments: frozenset[str] = frozenset()) -> Reader:
        made.append(name)
        return Reader(name, role, departments)

    monkeypatch.setattr(AccessPolicy, "rules", noted)
    monkeypatch.setattr(gateway.context, "Reader", reader)
    values = {"name": METRIC, "case_id": running.case_id, "file_id": "E1", "proposal_id": "P-0001", "path": "x"}

    async def get(address: str) -> httpx.Response:
        transport = httpx.ASGITransport(running.app, client=("10.0.0.5", 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway.example") as client:
            return await client.get(address, headers=running.headers)

    found = {one.path for one in running.app.routes if isinstance(one, Mount)}
    for route in routes(running.app):
        if isinstance(route, Route) and "GET" in (route.methods or ()):
            judged.clear()
            made.clear()
            path = route.path.replace(":path", "").format_map(values)
            answer = asyncio.run(get(f"{path}?{ASKED_WITH.get(route.path, '')}"))
            # Of what there is not, nothing is shown; that its reader was told from others is enough.
            known = made if answer.status_code == 404 else judged
            assert answer.status_code not in (400, 422), f"{route.path} was not really asked: {answer.text}"
            if "somebody" not in known:
                found.add(route.path)
    assert found == set(JUDGES_NOBODY)
