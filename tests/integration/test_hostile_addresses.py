"""Whatever stands in an address or a posted text, nothing fails inside: every route that is read, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from gateway.tokens import EVENTS_WRITE, PROCESS_WRITE, create_token
from resources.clock import FixedClock
from tests.gateway_stack import METRIC, Stack, running_stack

KNOWN = {"name": METRIC, "case_id": "C-000001"}
# As it stands in an address: a lone surrogate, half a character, wildcards, and a number beyond any column.
HOSTILE = "%ED%A0%80%F0%9F%25_" + "9" * 20


@pytest.fixture
def stack(ops_url: str, tmp_path: Path, clock: FixedClock) -> Iterator[Stack]:
    with running_stack(tmp_path / "home", clock, database_url=ops_url) as running:
        running.open_case_undelivered()
        yield running


def read_routes(stack: Stack) -> dict[str, list[str]]:
    """Every path that is read, with the names of what may be asked of it."""
    found: dict[str, list[str]] = {}

    def walk(routes: Any) -> None:
        for route in routes:
            if isinstance(route, APIRoute) and "GET" in (route.methods or ()):
                found[route.path.replace(":path", "")] = [one.alias for one in route.dependant.query_params]
            walk(getattr(getattr(route, "original_router", route), "routes", None) or ())

    walk(stack.app.routes)
    return found


def addresses(path: str, asked: list[str], value: str) -> Iterator[str]:
    """The path with ``value`` in the place of each of its names in turn, and for each thing that may be asked."""
    names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    for name in names:
        yield path.format(**{one: value if one == name else KNOWN.get(one, "x") for one in names})
    usual = path.format(**{one: KNOWN.get(one, "x") for one in names})
    yield from (f"{usual}?{name}={value}" for name in (*asked, "lang", "snapshot"))


def test_no_text_in_an_address_or_body_fails_inside(stack: Stack) -> None:
    routes = read_routes(stack)
    assert {"/cases", "/cases/analysis", "/cases/{case_id}", "/metrics", "/api/v1/cases"} <= set(routes)
    failed = {}
    for path, asked in routes.items():
        nul = list(addresses(path, asked, "a%00b"))
        for address in nul:
            if address == nul[0] or path == "/cases":
                answer = stack.http.get(address)
                assert answer.status_code == 422 and "U+0000" in answer.json()["detail"], address
        for address in addresses(path, asked, HOSTILE):
            status = stack.http.get(address).status_code
            if status >= 500 and not (status == 503 and "/readyz" in address):
                failed[address] = status
    assert failed == {}
    assert stack.http.get("/cases?q=%ED%A0%80&status=any").status_code == 200

    token = create_token(stack.context.engine, name="t", scopes=[EVENTS_WRITE, PROCESS_WRITE], clock=stack.clock).text
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for bad in ("\\u0000", "\\ud800"):
        for address, body in (
            ("/api/v1/cases/C-000001/signals", f'{{"signal": "a{bad}"}}'),
            ("/api/v1/cases/C-000001/signals", f'{{"signal": "a", "wait": "{bad}", "data": {{"{bad}": "{bad}"}}}}'),
            ("/api/v1/events/wms", f'{{"event_id": "{bad}", "table": "receipts", "row": {{}}}}'),
            ("/api/v1/events/wms", f'{{"event_id": "1", "table": "{bad}", "row": {{}}}}'),
            ("/api/v1/events/wms", f'{{"event_id": "2", "table": "receipts", "row": {{"receipt_no": "{bad}"}}}}'),
            ("/api/v1/events/wms", f'{{"event_id": "3", "table": "receipts", "row": {{"{bad}": "x"}}}}'),
        ):
            assert stack.http.post(address, content=body, headers=headers).status_code < 500, body
