"""Pools on days on which holders of the role are away: asked by name at once where nobody is there, and whom they named
may claim.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from resources.people import Directory, Person, directory
from resources.people_file import PeopleFile, PersonEntry, SubstituteEntry
from tests.engine_world import MONDAY, STAFF, Play, human, small
from tests.unit.test_outgoing_people import sent, to_whom
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.template import Template

POOL = small(f"- {human('look', extra=', pool: true')}\n")
RELEASED = ", pool: true, actions: {release: true}"


def company(away: tuple[str, ...], named: Mapping[str, str], skills: Mapping[str, tuple[str, ...]] = {}) -> Directory:
    """The test company on days on which some are away, with the substitutes whom people named."""
    entries = {
        one: PersonEntry(
            substitutes=[SubstituteEntry(person=named[one])] if one in named else [], skills=list(skills.get(one, ()))
        )
        for one in {*named, *skills}
    }
    return directory(
        (Person(person_id=i, name=name, manager_id=boss) for i, (name, boss, _) in STAFF.items()),
        ((i, role) for i, (_, _, roles) in STAFF.items() for role in roles),
        ((one, date(2026, 11, 1), date(2026, 12, 31)) for one in away),
        notes=PeopleFile(people=entries),
    )


def opened(people: Directory, template: Template = POOL, **more: Any) -> Play:
    return Play(template, now=MONDAY, directory=people).open(**more)


def claim(play: Play, person: str) -> None:
    task = play.task("look")
    play.do(c.ClaimTask(task_id=task.task_id, task_version=task.version, person_id=person))


def refused(play: Play, person: str) -> str:
    with pytest.raises(Refused) as caught:
        claim(play, person)
    return caught.value.code


@pytest.mark.parametrize(
    ("named", "asked", "instead"), [({}, "bm", "b1"), ({"b2": "f1"}, "f1", "b2"), ({"b1": "f1"}, "f1", "b1")]
)
def test_where_no_holder_is_there_somebody_is_asked_by_name_at_once(
    named: Mapping[str, str], asked: str, instead: str
) -> None:
    task = opened(company(("b1", "b2"), named)).task("look")
    assert (task.assignee, task.pooled, task.substitute_for) == (asked, False, instead)
    assert task.assigned_because.startswith("nobody is there to claim it; buyer: ")


def test_one_who_is_kept_from_it_is_nobody_who_is_there() -> None:
    assert opened(company(("b2",), {}), requested_by="b1").task("look").assignee == "bm"


def test_whom_an_absent_holder_named_claims_in_his_place() -> None:
    play = opened(company(("b1",), {"b1": "f1"}))
    assert play.task("look").pooled
    assert refused(play, "f2") == "not_allowed"
    claim(play, "f1")
    task = play.task("look")
    assert (task.assignee, task.substitute_for, task.pooled) == ("f1", "b1", False)
    play.choose("look", "ok", "f1")
    assert play.state.outcome == "completed" and replay(play.log) == play.state


def test_the_chain_of_substitutes_goes_through_those_who_are_away_alone() -> None:
    play = opened(company(("b1", "f1"), {"b1": "f1", "f1": "f2", "f2": "s1"}))
    assert refused(play, "s1") == "not_allowed"
    claim(play, "f2")
    assert play.task("look").substitute_for == "b1"


def test_a_holder_who_was_named_claims_as_himself() -> None:
    play = opened(company(("b1",), {"b1": "b2"}))
    claim(play, "b2")
    assert play.task("look").substitute_for is None


def test_nobody_claims_his_own_request_and_nobody_in_the_place_of_who_asked() -> None:
    assert refused(opened(company(("b1",), {"b1": "f1"}), requested_by="f1"), "f1") == "own_request"
    assert refused(opened(company(("b1",), {"b1": "f1"}), requested_by="b1"), "f1") == "not_allowed"


def test_who_decided_a_step_that_is_separate_does_not_stand_in() -> None:
    separate = human("look", extra=", pool: true, separate_from: [first]")
    play = opened(company(("b1",), {"b1": "f1"}), small(f"- {human('first', 'finance_analyst')}\n- {separate}\n"))
    play.choose("first", "ok", "f1")
    assert refused(play, "f1") == "decided_before"


def test_below_a_tier_nobody_stands_in() -> None:
    tiers = ", tiers: [{default: true, responsible: buyer, accountable: purchasing_manager}], actions: {release: true}"
    play = opened(company(("b1",), {"b1": "f1"}), small(f"- {human('look', extra=tiers)}\n"))
    task = play.task("look")
    assert task.assignee == "b2" and task.tier == 0
    with pytest.raises(Refused, match="all others who hold buyer are away"):
        play.do(c.ReleaseTask(task_id=task.task_id, task_version=1, person_id="b2"))


def test_a_task_is_given_back_only_where_somebody_else_is_there_to_claim_it() -> None:
    template = small(f"- {human('look', extra=RELEASED)}\n")
    for named, free in (({}, False), ({"b1": "f1"}, True)):
        play = opened(company(("b1",), named), template)
        claim(play, "b2")
        give = c.ReleaseTask(task_id="c1.look.1", task_version=2, person_id="b2")
        if free:
            play.do(give)
            claim(play, "f1")
        else:
            with pytest.raises(Refused, match="all others who hold buyer are away"):
                play.do(give)
        assert play.task("look").assignee == ("f1" if free else "b2")


def test_skills_count_for_who_stands_in_too() -> None:
    template = small(f"- {human('look', extra=', pool: true, skills: [metrology]')}\n")
    play = opened(company(("b1",), {"b1": "f1"}, {"f1": ("metrology",)}), template)
    assert refused(play, "b2") == "claim_invalid", "he lacks what one who is there has"
    claim(play, "f1")


def test_who_may_claim_in_somebodys_place_is_told_in_whose() -> None:
    play = Play(POOL, now=MONDAY, directory=company(("b1",), {"b1": "f1"}))
    out = sent(play, c.OpenCase(case_id="c1", rule_id="r"))
    assert to_whom(out, "claim/") == ["b2", "f1"]
    texts = {one.payload["to"]["person"]: str(one.payload["blocks"]) for one in out if "/claim/" in one.dedupe_key}
    assert "in place of Wu One" in texts["f1"] and "in place of" not in texts["b2"]
    play = Play(POOL, now=MONDAY, directory=company(("b1", "b2"), {"b1": "f1"}))
    out = sent(play, c.OpenCase(case_id="c1", rule_id="r"))
    assert (to_whom(out, "c1.look.1"), to_whom(out, "claim/")) == (["f1"], [])
