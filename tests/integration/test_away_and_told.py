"""Who is told and who may act on a day on which people are away, through the service, on both databases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from resources.departments import Department
from resources.people import Directory, Substitute
from tests.engine_world import human, people
from tests.integration.test_timekeeping import Shop
from workflow_jobs.engine.evolve import replay
from workflow_jobs.store.tables import outbox

RACI = (
    "accountable: plant_manager, consulted: [quality_manager], informed: [sales_manager], informs_at: [asked, decided]"
)


def away(*persons: str, named: tuple[str, str] | None = None) -> Directory:
    """The company on a day on which these are away; the first of `named` has named the second as substitute."""
    directory = people(dict.fromkeys(persons, ((date(2026, 11, 16),) * 2,)))
    return (
        directory
        if named is None
        else replace(directory, substitutes={named[0]: (Substitute(named[1], date.min, date.max),)})
    )


def told(shop: Shop, about: str) -> list[str]:
    """Who has a message of that key, as often as he has one."""
    with shop.engine.connect() as connection:
        found = connection.execute(sa.select(outbox.c.payload, outbox.c.dedupe_key).order_by(outbox.c.outbox_id))
        return [row.payload["to"]["person"] for row in found if f"/{about}" in row.dedupe_key]


def all_told(shop: Shop, abouts: Iterable[str]) -> dict[str, list[str]]:
    return {about: told(shop, about) for about in abouts}


def test_a_pool_reaches_who_is_there_and_news_reach_everybody(ops_engine: Engine) -> None:
    made = human("a", extra=", pool: true").replace("accountable: plant_manager", RACI)
    shop = Shop(ops_engine, f"- {made}\n", head="")
    shop.directory = away("b1", "qm", "sm", "pm", named=("b1", "f1"))
    case_id = shop.open()
    keys = ("claim/", "consulted/", "informed/asked/")
    assert all_told(shop, keys) == {"claim/": ["b2", "f1"], "consulted/": ["qm"], "informed/asked/": ["sm"]}
    claimed = shop.service.claim(f"{case_id}.a.1", 1, "f1")
    assert claimed.tasks[f"{case_id}.a.1"].substitute_for == "b1"
    done = shop.service.decide_task(f"{case_id}.a.1", 2, "f1", "ok", {}, "test").case
    assert done.status == "closed" and replay(shop.service.events(case_id)) == done
    assert told(shop, f"informed/{case_id}.a.1") == ["pm", "sm"]
    shop.directory = people()
    shop.clock.advance(timedelta(days=1))
    shop.service.reassign_absent()
    assert all_told(shop, keys) == {"claim/": ["b2", "f1"], "consulted/": ["qm"], "informed/asked/": ["sm"]}, "once"


def test_a_pool_of_people_who_are_all_away_asks_somebody_by_name_at_once(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, f"- {human('a', extra=', pool: true')}\n", head="")
    shop.directory = away("b1", "b2", named=("b2", "s1"))
    case_id = shop.open()
    (asked,) = shop.service.case(case_id).open_tasks
    assert (asked.assignee, asked.substitute_for, told(shop, "slack.card/C-")) == ("s1", "b2", ["s1"])
    shop.clock.advance(timedelta(hours=3))
    assert shop.service.hand_out_pools() == 0


def test_the_ladder_says_whether_a_department_has_a_channel_that_hears_it(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, f"- {human('a')}\n", "ladder:\n- {at: 100, action: escalate, to: department}\n")
    of_b1 = {"b1": replace(shop.directory.person("b1"), department_id="D1")}
    said: dict[str, dict[str, str]] = {}
    for channel in ("", "factory"):
        departments = {"D1": Department("D1", channel=channel)}
        shop.directory = replace(people(), people={**people().people, **of_b1}, departments=departments)
        case_id = shop.open(subject=f"in {channel}")
        shop.clock.advance(timedelta(days=1))
        assert shop.service.fire_due_rungs() == 1
        of_case = sa.select(outbox.c.card_key, outbox.c.payload).where(outbox.c.case_id == case_id)
        with ops_engine.connect() as connection:
            rows = connection.execute(of_case).tuples().all()
        texts = {str(key).removeprefix(f"ladder:{case_id}"): payload["text"] for key, payload in rows}
        said[channel] = {key: text for key, text in texts.items() if key.startswith(".a.1")}
        shop.service.decide_task(f"{case_id}.a.1", 1, "b1", "ok", {})
    assert {channel: sorted(keys) for channel, keys in said.items()} == {
        "": [".a.1"],
        "factory": [".a.1", ".a.1:#factory"],
    }
    assert "Escalated to the department's channel (there is none, so nobody was told there)" in said[""][".a.1"]
    assert "Escalated to the department's channel (#factory)" in said["factory"][".a.1"]
