"""Whoever opens a case in Slack reads which case it is, what it begins with and who has that: once."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.engine_world import MONDAY, Play, calendar, human, service, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.template import Template
from workflow_jobs.outgoing import messages
from workflow_jobs.outgoing_message import CARD, Outgoing
from workflow_jobs.outgoing_writer import Telling
from workflow_jobs.slack.wording import CardContext

LOOK = human("look", "buyer")
INFORMED = LOOK.replace(
    "accountable: plant_manager", "accountable: plant_manager, informed: [sales_rep], informs_at: [asked]"
)
RACI = "raci: {responsible: buyer, accountable: plant_manager}"
WAIT = f"{{id: goods, kind: wait, title: {{en: Goods, zh: 到货}}, {RACI}, until: {{working: P2D}}}}"


def opened(template: Template, *, via: str = "slack", language: str = "en", **asked: Any) -> list[Outgoing]:
    """The messages of opening a case, for sales (s1) where nothing else is said."""
    play = Play(template, now=MONDAY)
    opening: dict[str, Any] = {"case_id": "c1", "rule_id": "opened_in_slack:V1", "requested_by": "s1"}
    events = play.do(c.OpenCase(**{**opening, **asked}))
    telling = Telling(
        template=template,
        people=play.directory,
        context=CardContext(
            language=language,
            zone=calendar().time_zone,
            name=play.directory.name,
            address="https://trueloop.example.com",
        ),
        address=lambda person: f"{person}@small.example",
        channel="ops",
        today=date(2026, 11, 16),
        working_minutes=lambda _task: None,
        via=via,
    )
    return messages(None, play.state, events, telling, {})


def to(out: list[Outgoing], person: str) -> list[Outgoing]:
    return [one for one in out if one.kind == CARD and one.payload["to"].get("person") == person]


def words(one: Outgoing) -> str:
    return "\n".join(block["text"]["text"] for block in one.payload["blocks"] if block["type"] == "section")


def test_who_opens_a_case_reads_its_number_its_page_its_first_step_and_who_has_it() -> None:
    (told,) = to(opened(small(f"- {LOOK}\n")), "s1")
    assert words(told) == (
        "*You opened: Small: Small*\n"
        "*Case*: c1 · <https://trueloop.example.com/cases/c1|Case and evidence>\n"
        "*It begins with*\n"
        "• look: Wu One (buyer). Due: Mon 2026-11-16 15:00 (Asia/Shanghai)"
    )
    kinds = [block["type"] for block in told.payload["blocks"]]
    assert kinds == ["section", "section", "context"], "nothing is said to be shortened"
    assert (told.card_key, told.payload["with_case"]) == ("person:c1:s1", True), "what is told him later stands below"
    (zh,) = to(opened(small(f"- {LOOK}\n"), language="zh"), "s1")
    assert "您已发起" in words(zh) and "首先进行" in words(zh)


def test_of_branches_votes_pools_waits_and_jobs_each_is_said() -> None:
    vote = human("vote", "buyer", ", vote: {needed: any}")
    branches = ", ".join(f"[{one}]" for one in (human("pool", "buyer", ", pool: true"), vote, WAIT, service("s")))
    fork = f"- fork: {{id: f, join: all, branches: [{branches}]}}\n"
    lines = words(to(opened(small(fork)), "s1")[0]).splitlines()[3:]
    assert [line.split(". Due")[0] for line in lines] == [
        "• pool: Waits to be claimed (buyer)",
        "• vote: Wu One (buyer), Wu Two (buyer)",
        "• Goods: Waited for until: Wed 2026-11-18 09:30 (Asia/Shanghai)",
        "• s: runs by itself",
    ]


def test_who_is_informed_of_the_first_step_is_not_told_of_it_twice() -> None:
    out = opened(small(f"- {INFORMED}\n"))
    assert [one.dedupe_key for one in to(out, "s1")] == [f"c1/1/{CARD}/opened/s1"]
    assert len(to(out, "s2")) == 1, "the others of the role hear of it as before"


def test_nobody_is_told_what_he_did_not_open_in_slack() -> None:
    template = small(f"- {LOOK}\n")
    assert to(opened(template, via="token:erp"), "s1") == []
    assert to(opened(template, requested_by=None), "s1") == []
    assert to(opened(template, parent_case_id="c0", parent_step_id="p"), "s1") == []
