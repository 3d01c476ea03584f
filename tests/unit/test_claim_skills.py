"""A task that nobody has and that takes skills: who has them claims it, and others only where nobody there has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from tests.engine_world import MONDAY, Play, human, people, small
from tests.unit.test_outgoing_people import sent, to_whom
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.refusal import Refused

TODAY = ((date(2026, 11, 16),) * 2,)
POOL = ", pool: true, skills: [german, customs], actions: {release: true}"
BOTH = frozenset({"german", "customs"})
OPENING = c.OpenCase(case_id="c1", rule_id="r", requested_by="s1")


def pooled(skills: Mapping[str, frozenset[str]], away: tuple[str, ...] = ()) -> Play:
    staff = replace(people(dict.fromkeys(away, TODAY)), skills=dict(skills))
    return Play(small(f"- {human('look', extra=POOL)}\n"), now=MONDAY, directory=staff)


def claim(play: Play, person: str) -> None:
    play.do(c.ClaimTask(task_id="c1.look.1", task_version=play.task("look").version, person_id=person))


def test_who_lacks_a_skill_is_refused_while_somebody_with_all_of_them_is_there() -> None:
    play = pooled({"b1": frozenset({"german"}), "b2": BOTH})
    assert to_whom(sent(play, OPENING), "claim/") == ["b2"]
    with pytest.raises(Refused) as refused:
        claim(play, "b1")
    assert refused.value.code == "claim_invalid"
    assert "skills that you do not have (customs)" in refused.value.sentence
    assert "customs" in refused.value.said("zh")
    claim(play, "b2")
    assert play.task("look").assignee == "b2"


@pytest.mark.parametrize(
    ("skills", "away"),
    [
        ({}, ()),
        ({"b1": frozenset({"german"}), "b2": frozenset({"customs"})}, ()),
        ({"b2": BOTH}, ("b2",)),
        ({"q1": BOTH, "s1": BOTH}, ()),
    ],
    ids=["nobody has them", "nobody has all of them", "who has them is away", "others have them"],
)
def test_anybody_of_the_role_claims_it_where_nobody_there_has_the_skills(
    skills: Mapping[str, frozenset[str]], away: tuple[str, ...]
) -> None:
    play = pooled(skills, away)
    assert to_whom(sent(play, OPENING), "claim/") == [one for one in ("b1", "b2") if one not in away]
    claim(play, "b1")
    assert play.task("look").assignee == "b1"


def test_who_answers_for_the_step_claims_it_where_he_alone_has_the_skills() -> None:
    play = pooled({"pm": BOTH})
    assert to_whom(sent(play, OPENING), "claim/") == ["pm"]
    with pytest.raises(Refused):
        claim(play, "b1")
    claim(play, "pm")


def test_who_gave_it_back_keeps_nobody_from_it() -> None:
    play = pooled({"b2": BOTH})
    play.do(OPENING)
    claim(play, "b2")
    back = c.ReleaseTask(task_id="c1.look.1", task_version=play.task("look").version, person_id="b2")
    assert to_whom(sent(play, back), "claim/") == ["b1", "b2"]
    claim(play, "b1")
    assert play.task("look").assignee == "b1"
