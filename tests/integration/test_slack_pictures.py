"""Cards with the picture of their metric's trend, uploaded as Slack wants it; a picture never holds a card back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.embedded_slack.faults import Fault
from resources.clock import FixedClock
from resources.slack import SlackClient, SlackRefused
from tests.gateway_stack import METRIC, Stack, publish_snapshot, running_stack
from workflow_jobs.cases import OpenRequest

TREND = (
    "The last months of Supplier reject rate, 2026-08 – 2026-10: 2.5000 % → 2.5000 % "
    "(all subjects together; limit 8.0000 %, above the picture)"
)


@pytest.fixture
def stack(tmp_path: Path, clock: FixedClock) -> Iterator[Stack]:
    with running_stack(tmp_path / "home", clock) as running:
        yield running


def images(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [block for block in message["blocks"] if block["type"] == "image"]


def test_a_card_shows_its_metrics_trend_and_leads_to_the_evidence(stack: Stack) -> None:
    case_id = stack.open_case()
    (card,) = stack.cards("E003")
    (image,) = images(card)
    assert image["alt_text"] == image["title"]["text"] == TREND
    file_id = image["slack_file"]["id"]
    shown = stack.http.get(f"/embedded-slack/files/{file_id}")
    assert (shown.headers["content-type"], shown.content[:4]) == ("image/png", b"\x89PNG")
    page = stack.http.get(f"/embedded-slack/?as={stack.user('E003')}").text
    assert f'src="/embedded-slack/files/{file_id}"' in page and f"<figcaption>{TREND}</figcaption>" in page
    assert f"/cases/{case_id}|Case and evidence>" in str(card) and f"/metrics/{METRIC}/explain|" in str(card)
    # The same figures are the same picture: it is uploaded once, and an update keeps it.
    stack.open_case("V-0008", "Other")
    assert {images(one)[0]["slack_file"]["id"] for one in stack.cards("E003")} == {file_id}
    stack.context.service.acknowledge(stack.open_task(case_id, "judge").task_id, "E003")
    stack.deliver()
    assert all(images(one) for one in stack.cards("E003"))
    # Another snapshot with the same months draws the same bytes.
    publish_snapshot(stack.context.snapshots, sequence=2, clock=stack.clock)
    stack.open_case("V-0009", "Third")
    assert {images(one)[0]["slack_file"]["id"] for one in stack.cards("E003")} == {file_id}


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal"])
@pytest.mark.parametrize("kind", ["error", "server_error", "rate_limited"])
def test_a_picture_that_fails_holds_no_card_back(stack: Stack, method: str, kind: Any) -> None:
    for _ in range(8):
        stack.workspace.faults.plan(method, Fault(kind))
    stack.open_case()
    (card,) = stack.cards("E003")
    assert not images(card)


def test_a_picture_that_slack_does_not_take_yet_is_left_out(stack: Stack) -> None:
    stack.open_case()
    with stack.workspace.database.writing() as connection:
        connection.execute("update file set complete = 0")
    case_id = stack.open_case("V-0008", "Other")
    newest = next(one for one in stack.cards("E003") if case_id in str(one))
    assert not images(newest)


def test_no_picture_where_there_is_no_trend(stack: Stack) -> None:
    request = OpenRequest(
        template_id="supply_exception", rule_id="other", subject_label="Other", metric="metric_order_gross_margin"
    )
    stack.context.service.open_case(request)
    stack.deliver()
    (card,) = stack.cards("E003")
    assert not images(card)


def test_a_private_file_needs_the_apps_token_and_a_limit_is_kept(stack: Stack) -> None:
    client = SlackClient(stack.workspace.secrets.bot_token, base_url=stack.settings.slack_api_base_url)
    file_id = client.upload("x.txt", b"content", "title")
    address = client.file(file_id)["url_private"]
    assert client.download(address, 7) == b"content"
    with pytest.raises(SlackRefused, match="file_too_large"):
        client.download(address, 6)
    stranger = SlackClient("xoxb-other", base_url=stack.settings.slack_api_base_url)
    with pytest.raises(SlackRefused, match="no_file"):
        stranger.download(address, 100)
    with pytest.raises(SlackRefused, match="bad_url"):
        client.download("http://slack.example.com/file", 100)
