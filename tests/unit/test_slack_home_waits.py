"""The Home tab's list of waits: a button for each, and fewer of them where Slack would not take all that text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine_world import Play, calendar, people, shipped
from workflow_jobs.engine.signals import awaited
from workflow_jobs.slack.home_tab import MOST_WAITS, HomeCase, HomeContent, HomeTask, HomeWait, home_view
from workflow_jobs.slack.wording import CardContext


def waiting(label: str) -> Play:
    play = Play(shipped("after_sales"))
    data = {"order_no": "SO-1", "request_kind": "return", "claim_amount": "500"}
    play.open(subject_label=label, requested_by="s1", data=data)
    return play


def drawn(label: str, language: str = "en", shown: int = MOST_WAITS, more: bool = False) -> tuple[list[Any], list[str]]:
    """The blocks with a button for a wait, and the headers with the lines below them."""
    play = waiting(label)
    late = [HomeTask(play.state, task, play.template, "red") for task in play.state.open_tasks] * 8
    play.choose("authorise", "authorised")
    (step,) = awaited(play.state)
    content = HomeContent(
        person_id="lm",
        now=play.now,
        address="http://127.0.0.1:8180",
        work=[],
        work_count=0,
        requests=[HomeCase(play.state, play.template)] * 8,
        request_count=9,
        late=late,
        late_count=9,
        department="R & D",
        waits=[HomeWait(play.state, step, play.template)] * shown,
        more_waits=more,
    )
    context = CardContext(language=language, zone=calendar().time_zone, name=people().name)
    blocks = home_view(content, context)["blocks"]
    buttons = [one for one in blocks if one.get("accessory", {}).get("action_id", "").startswith("wait:")]
    texts = [one["text"] if one["type"] == "header" else one["elements"][0] for one in blocks if _says(one)]
    return buttons, [one["text"] for one in texts]


def _says(block: dict[str, Any]) -> bool:
    return block["type"] in ("header", "context")


@pytest.mark.parametrize(("language", "heading"), [("en", "Say when it has happened (5)"), ("zh", "发生后请告知 (5)")])
def test_every_wait_has_its_own_button(language: str, heading: str) -> None:
    buttons, headers = drawn("SO-1", language)
    assert [one["accessory"]["action_id"] for one in buttons] == [f"wait:happened:{n}" for n in range(MOST_WAITS)]
    assert heading in headers


def test_what_is_not_shown_is_one_press_away() -> None:
    _, said = drawn("SO-1")
    assert sum("+1 · <http://127.0.0.1:8180/cases?status=any&amp;requester=lm|" in one for one in said) == 1
    assert sum("+1 · <http://127.0.0.1:8180/cases?department=R%20%26%20D|" in one for one in said) == 1


def test_long_texts_cost_waits_and_never_the_tab() -> None:
    buttons, headers = drawn("&" * 500)
    assert 0 < len(buttons) < MOST_WAITS
    assert f"Say when it has happened ({len(buttons)}+)" in headers


@pytest.mark.parametrize(
    ("language", "heading", "line"),
    [
        ("en", "Say when it has happened (0+)", "More cases may wait for your word; the board has them all."),
        ("zh", "发生后请告知 (0+)", "可能还有其他事件单等待您告知，请在看板查看。"),
    ],
)
def test_where_none_is_found_but_there_may_be_some_the_tab_says_so(language: str, heading: str, line: str) -> None:
    buttons, said = drawn("SO-1", language, shown=0, more=True)
    assert not buttons
    below = said[said.index(heading) + 1]
    assert below.startswith(f"{line} <http://127.0.0.1:8180/cases|")
    assert heading not in drawn("SO-1", language, shown=0)[1]
