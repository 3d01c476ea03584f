"""A form with files that goes wrong after it was acknowledged: its modal says how it ended, whatever happened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.embedded_slack.inputs import elements
from resources.clock import FixedClock
from resources.slack import SlackClient
from tests.gateway_stack import Stack, running_stack, wait_until
from tests.slack_desk import act, modal, submit
from workflow_jobs.cases import OpenRequest
from workflow_jobs.evidence import Evidence

PLANNER = "E006"


@pytest.fixture
def stack(tmp_path: Path, clock: FixedClock) -> Iterator[Stack]:
    with running_stack(tmp_path / "home", clock) as running:
        yield running


def shown(stack: Stack) -> str:
    view = stack.workspace.views.top(stack.user(PLANNER))
    return "" if view is None else json.dumps(view.body, ensure_ascii=False)


def send_report(stack: Stack, card: dict[str, Any]) -> None:
    """Say that the product is not feasible, with a file."""
    act(stack, PLANNER, "decide:not_feasible", card["blocks"], channel=stack.dm(PLANNER), ts=card["ts"])
    wait_until(lambda: "field:feasibility_report" in shown(stack))
    name = next(
        name
        for name, block, _ in elements(modal(stack, PLANNER).body["blocks"])
        if block["block_id"] == "field:feasibility_report"
    )
    report = ("report.txt", b"too dear", "text/plain")
    assert submit(stack, PLANNER, {"feasibility_note": "too dear"}, files=[(name, report)]) == ""


def test_the_modal_ends_whatever_goes_wrong(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    request = OpenRequest(
        template_id="new_product_introduction",
        rule_id="asked:1",
        subject_label="Lamp",
        requested_by="E009",
        data={"product_name": "Lamp"},
    )
    case_id = stack.context.service.open_by_person(request).case_id
    stack.deliver()
    card = next(one for one in stack.cards(PLANNER) if "decide:not_feasible" in str(one))
    asked = SlackClient.file

    def raising(error: Exception) -> Any:
        def add(*_: Any, **__: Any) -> None:
            raise error

        return add

    def outside(client: SlackClient, file_id: str) -> dict[str, Any]:
        return {key: value for key, value in asked(client, file_id).items() if key != "url_private"}

    def linked(client: SlackClient, file_id: str) -> dict[str, Any]:
        return asked(client, file_id) | {"is_external": True, "url_private": "https://drive.example/report"}

    for target, name, broken, said in (
        (Evidence, "add", raising(OSError("no space left on device")), "Something failed inside Trueloop"),
        (Evidence, "add", raising(sa.exc.SQLAlchemyError("database is locked")), "Something failed inside Trueloop"),
        (SlackClient, "file", outside, "report.txt is kept outside Slack"),
        (SlackClient, "file", linked, "report.txt is kept outside Slack"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, broken)
            send_report(stack, card)
            wait_until(lambda said=said: said in shown(stack))  # type: ignore[misc]
        assert stack.open_task(case_id, "feasibility").status == "open"
        assert stack.context.service.files(case_id) == []
    assert "no space left on device" in caplog.text and "database is locked" in caplog.text
    send_report(stack, card)
    wait_until(lambda: "are kept" in shown(stack))
    assert stack.context.service.case(case_id).outcome == "not_feasible"
