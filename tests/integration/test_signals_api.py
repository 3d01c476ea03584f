"""Signals over HTTP: with a token that may, to a case that waits, once; refused with a sentence otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.tokens import EVENTS_WRITE, PROCESS_WRITE, create_token
from resources.clock import FixedClock
from tests.engine_world import calendar, human, people, small
from tests.gateway_stack import Stack, running_stack
from workflow_jobs.cases import OpenRequest
from workflow_jobs.service import ProcessService
from workflow_jobs.store.tables import case_event
from workflow_jobs.template_library import TemplateLibrary

WAIT = (
    "{id: goods, kind: wait, title: {en: T, zh: 题}, raci: {accountable: plant_manager}, until: {clock: P30D}, "
    "signal: goods_received, form: [{name: pieces, type: integer, title: {en: T, zh: 题}, required: true}]}"
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    clock = FixedClock(datetime(2026, 11, 16, 1, 30, tzinfo=UTC))
    with running_stack(tmp_path_factory.mktemp("signals") / "home", clock, published=False) as running:
        yield running


@pytest.fixture(scope="module")
def case_id(stack: Stack) -> str:
    """A case that waits; the gateway reads its template from the store."""
    service = ProcessService(
        stack.context.engine,
        clock=stack.clock,
        templates=TemplateLibrary((small(f"- {WAIT}\n- {human('look')}\n"),)),
        directory=people,
        calendar=calendar(),
    )
    return service.open_case(OpenRequest(template_id="small", rule_id="r")).case_id


def send(stack: Stack, case_id: str, body: Any, scope: str | None = PROCESS_WRITE) -> httpx.Response:
    headers = {}
    if scope is not None:
        made = create_token(stack.context.engine, name="scanner", scopes=[scope], clock=stack.clock)
        headers["Authorization"] = f"Bearer {made.text}"
    return httpx.post(
        f"{stack.context.settings.gateway_url}/api/v1/cases/{case_id}/signals", json=body, headers=headers
    )


def test_a_signal_ends_the_wait_once_and_the_log_says_which_token_sent_it(stack: Stack, case_id: str) -> None:
    body = {"signal": "goods_received", "data": {"pieces": 12}}
    assert send(stack, case_id, body, scope=None).status_code == 401
    assert send(stack, case_id, body, scope=EVENTS_WRITE).status_code == 403
    assert send(stack, "C-999999", body).status_code == 404
    for wrong, says in (
        ({"signal": "goods_received"}, "Please fill in"),
        ({"signal": "goods_received", "data": {"pieces": "many"}}, "must be a number"),
        ({"signal": "goods_received", "data": {"colour": 1}}, "no field"),
    ):
        answer = send(stack, case_id, wrong)
        assert answer.status_code == 422, answer.text
        assert says in answer.json()["detail"]
    assert send(stack, case_id, {"signal": "goods_received", "person_id": "boss"}).status_code == 422
    other = send(stack, case_id, {"signal": "rain"})
    assert other.status_code == 409
    assert "goods_received" in other.json()["detail"]
    stale = send(stack, case_id, body | {"wait": "goods.2"})
    assert stale.status_code == 409 and "waited for anew" in stale.json()["detail"]
    answer = send(stack, case_id, body | {"wait": "goods.1"})
    assert (answer.status_code, answer.json()) == (200, {"case_id": case_id, "status": "open"})
    state = stack.context.service.case(case_id)
    assert (state.data["pieces"], state.steps["goods"].outcome) == (12, "signalled")
    assert send(stack, case_id, body).status_code == 409
    with stack.context.engine.connect() as connection:
        via = connection.execute(sa.select(case_event.c.via).where(case_event.c.type == "SignalReceived")).scalar_one()
    assert via.startswith("token:")
