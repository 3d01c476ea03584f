"""Incidents in the embedded Slack, on the page, over the API and on the command line; and who watches the daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app as command_line
from gateway.dagster_status import DagsterStatus, SensorStatus
from gateway.embedded_slack.inputs import elements
from gateway.heartbeat_watch import HeartbeatWatch
from resources.clock import FixedClock
from tests.gateway_stack import Stack, running_stack, wait_until
from workflow_jobs.engine.state import TaskState
from workflow_jobs.incidents import RED_LINE_RULE, Finding, keep_incidents

PAGE = {"HX-Request": "true"}


@pytest.fixture
def stack(tmp_path: Path, clock: FixedClock) -> Iterator[Stack]:
    with running_stack(tmp_path / "home", clock) as running:
        yield running


def finding(sighting: str = "s1", **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "rule_id": RED_LINE_RULE,
        "subject_id": "fct_receipt_line",
        "kind": "asset",
        "label": "fct_receipt_line",
        "owner_role": "quality_engineer",
        "failed": [("quantities_in_range", "4 % is above 1 %.")],
        "symptoms": ["metric_supplier_reject_rate"],
        "held": [
            {
                "metric": "metric_supplier_reject_rate",
                "en": "Supplier reject rate",
                "zh": "供应商拒收率",
                "as_of": "2026-11-14",
            }
        ],
        "affected_roles": ["purchasing_manager"],
        "sighting": sighting,
    }
    return Finding(**{**values, **changes})


def opened(stack: Stack) -> str:
    (case_id,) = keep_incidents(stack.context.service, [finding()], {RED_LINE_RULE}).opened
    stack.deliver()
    return case_id


def task(stack: Stack, case_id: str) -> TaskState:
    return stack.context.service.case(case_id).open_tasks[0]


def press(stack: Stack, person: str, action: str) -> str:
    for card in stack.cards(person):
        for name, _, element in elements(card.get("blocks") or []):
            if element["action_id"] == f"act:{action}":
                fields = {"as": stack.user(person), "channel": stack.dm(person), "ts": card["ts"], "element": name}
                return stack.http.post("/embedded-slack/act", data=fields, headers=PAGE).text
    raise AssertionError(f"{person} has no card with {action}")


def submit(stack: Stack, person: str, form: dict[str, str]) -> str:
    wait_until(lambda: stack.workspace.views.top(stack.user(person)))
    view = stack.workspace.views.top(stack.user(person))
    assert view is not None
    fields = {"as": stack.user(person), "view": view.id}
    for name, block, _ in elements(view.body["blocks"]):
        value = form.get(block["block_id"].removeprefix("field:"))
        if value is not None:
            fields[name] = value
    return stack.http.post("/embedded-slack/submit", data=fields, headers=PAGE).text


def options(stack: Stack, person: str, field: str) -> list[str]:
    wait_until(lambda: stack.workspace.views.top(stack.user(person)))
    view = stack.workspace.views.top(stack.user(person))
    assert view is not None
    (element,) = [one for _, block, one in elements(view.body["blocks"]) if block["block_id"] == f"field:{field}"]
    return [option["value"] for option in element["options"]]


def test_an_incident_is_acknowledged_snoozed_woken_and_assigned_in_slack(stack: Stack, clock: FixedClock) -> None:
    case_id = opened(stack)
    assert "quantities_in_range: 4 % is above 1 %." in json.dumps(stack.cards("E003")[0]["blocks"])
    assert press(stack, "E003", "acknowledge") == ""
    wait_until(lambda: task(stack, case_id).acknowledged_by == "E003")
    stack.deliver()
    assert "Looked after by Li Na" in json.dumps(stack.cards("E003")[0]["blocks"])
    assert not [1 for _, _, one in elements(stack.cards("E003")[0]["blocks"]) if one["action_id"] == "act:acknowledge"]

    assert press(stack, "E003", "snooze") == ""
    times = options(stack, "E003", "until")
    assert len(times) >= 4
    clock.advance(timedelta(hours=2))  # the dialog was left open: its first time is over
    submit(stack, "E003", {"until": times[0], "reason": "the mill sends it again"})
    open_view = stack.workspace.views.top(stack.user("E003"))
    assert open_view is not None and "after now" in open_view.errors["field:until"]
    assert submit(stack, "E003", {"until": times[-1], "reason": "the mill sends it again"}) == ""
    resting = task(stack, case_id)
    assert (resting.pause_reason, resting.paused_by) == ("the mill sends it again", "E003")
    stack.deliver()
    assert press(stack, "E003", "wake") == ""
    wait_until(lambda: task(stack, case_id).paused_until is None)
    stack.deliver()

    assert press(stack, "E003", "assign") == ""
    assert options(stack, "E003", "to") == ["E008"]
    assert submit(stack, "E003", {"to": "E008", "reason": "it is about the invoices"}) == ""
    assert task(stack, case_id).assignee == "E008"
    stack.deliver()
    assert "Assigned by Li Na" in json.dumps(stack.cards("E008")[0]["blocks"])
    assert not [one for card in stack.cards("E003") for one in elements(card["blocks"])]


def test_who_may_not_is_told_so(stack: Stack) -> None:
    case_id = opened(stack)
    card = stack.cards("E003")[0]
    copy = stack.slack.chat_postMessage(channel="#trueloop", text=card["text"], blocks=card["blocks"])
    for name, _, element in elements(copy["message"]["blocks"]):
        if element["action_id"] == "act:acknowledge":
            fields = {"as": stack.user("E009"), "channel": copy["channel"], "ts": copy["ts"], "element": name}
            stack.http.post("/embedded-slack/act", data=fields, headers=PAGE)

    def told() -> list[str]:
        shown = stack.workspace.messages.shown(copy["channel"], stack.user("E009"))
        return [message.text for message in shown if message.only_for]

    wait_until(told)
    assert "may not decide this" in told()[0]
    assert task(stack, case_id).acknowledged_by is None


def test_the_page_the_api_and_the_command_line_list_incidents(
    stack: Stack, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no incident is open" in stack.http.get("/incidents").text
    case_id = opened(stack)
    more = finding("s2", failed=[("quantities_in_range", "5 % is above 1 %.")])
    keep_incidents(stack.context.service, [more], {RED_LINE_RULE})
    clock.advance(timedelta(minutes=7))
    keep_incidents(stack.context.service, [replace(more, sighting="s3")], {RED_LINE_RULE})
    one = task(stack, case_id)
    stack.context.service.snooze(one.task_id, one.version, "E003", clock.now() + timedelta(hours=4), "later")
    english = stack.http.get("/incidents").text
    for part in (
        "fct_receipt_line", "quantities_in_range", "5 % is above 1 %.", "Supplier reject rate",
        "last good figures of 2026-11-14", "recorded 2 times", "Last seen", "snoozed", "Li Na",
    ):  # fmt: skip
        assert part in english, part
    chinese = stack.http.get("/incidents?lang=zh").text
    for part in ("供应商拒收率", "已暂缓", "最近合格数据：2026-11-14", "记录 2 次"):
        assert part in chinese, part
    (listed,) = stack.http.get("/api/v1/incidents").json()["incidents"]
    assert (listed["case_id"], listed["seen"], listed["standing"]) == (case_id, 2, "snoozed")
    assert listed["symptoms"] == ["metric_supplier_reject_rate"]
    assert datetime.fromisoformat(listed["last_seen_at"]) == clock.now()
    page = stack.http.get(f"/cases/{case_id}?lang=en").text
    assert "Last seen" in page and "Seen again, changed, recorded 2 times<small>What failed</small>" in page

    monkeypatch.setenv("TRUELOOP_HOME", str(stack.settings.home))
    shown = CliRunner().invoke(command_line, ["incidents"])
    assert shown.exit_code == 0, shown.output
    assert all(word in shown.output for word in (case_id, "fct_receipt_line", "snoozed", "Li Na"))
    said = json.loads(CliRunner().invoke(command_line, ["incidents", "--json"]).output)
    assert said[0]["failed"] == [{"check": "quantities_in_range", "sentence": "5 % is above 1 %."}]

    keep_incidents(stack.context.service, [], {RED_LINE_RULE})
    assert stack.http.get("/api/v1/incidents").json()["incidents"] == []
    assert stack.http.get("/api/v1/incidents?closed=true").json()["incidents"][0]["standing"] == "resolved"
    assert "well again" in stack.http.get("/incidents?closed=true&lang=en").text
    assert "There is no open incident." in CliRunner().invoke(command_line, ["incidents"]).output


def test_a_daemon_that_stays_away_is_an_incident_until_it_is_back(stack: Stack) -> None:
    service = stack.context.service
    status = DagsterStatus("")
    kicks: list[int] = []
    watch = HeartbeatWatch(service, lambda: status, lambda: kicks.append(1), patience=180)

    def subjects() -> list[str]:
        return [case.subject_id for case in service.cases(status="open")]

    assert not watch.step(0)
    status = DagsterStatus("Dagster's sensor daemon does not run (last heartbeat 09:00).")
    assert not watch.step(30)
    assert not watch.step(209), "it may just be starting"
    assert watch.step(210)
    assert not watch.step(240), "the same one, with nothing new to say"
    assert (subjects(), len(kicks)) == (["dagster"], 1)
    assert service.case(service.cases(status="open")[0].case_id).breaches == 1
    status = DagsterStatus("", sensors=(SensorStatus("watchdog_sensor", True, None, "OSError: disk full"),))
    assert watch.step(270)
    assert subjects() == []
    assert not watch.step(300)
    assert watch.step(480)
    assert subjects() == ["sensor/watchdog_sensor"]
    status = DagsterStatus("", sensors=(SensorStatus("watchdog_sensor", True, None, ""),))
    assert watch.step(500)
    assert subjects() == []
