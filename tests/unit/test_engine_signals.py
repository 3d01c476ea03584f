"""Who may say that what a wait waits for has happened, and that a word about one wait never ends another."""

from __future__ import annotations

import pytest

from tests.engine_world import Play, human, people, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.signals import awaited, may_say, roles_who_may, wait_key, wait_step
from workflow_jobs.engine.template import Template

T = "{en: The goods, zh: 货物}"
LEAD = "{input: lead, default: quality_manager}"
INPUT = f"inputs: [{{name: lead, type: role, title: {T}}}]\n"
BACK = f"[{{id: good, title: {T}}}, {{id: again, title: {T}, returns_to: rest}}]"
WHY = f", form: [{{name: why, type: text, title: {T}, required: [again]}}]"


def resting(raci: str = "{responsible: buyer, accountable: it_manager}", head: str = "") -> Template:
    wait = f"{{id: rest, kind: wait, title: {T}, raci: {raci}, until: {{working: P5D}}, signal: come}}"
    return small(f"- {wait}\n- {human('look', 'quality_engineer', WHY, BACK)}\n", head)


def refused(play: Play, **said: str | None) -> Refused:
    with pytest.raises(Refused) as caught:
        play.do(c.SendSignal(signal="come", **said))  # type: ignore[arg-type]
    return caught.value


def test_the_responsible_the_accountable_and_the_owner_may_say_it_and_nobody_else() -> None:
    play = Play(resting())
    play.open()
    step = wait_step(play.template, "rest")
    assert step is not None
    assert roles_who_may(play.template, play.state, people(), step) == ("buyer", "it_manager", "plant_manager")
    may = {person for person in people().people if may_say(play.template, play.state, people(), step, person)}
    assert may == {"b1", "b2", "im", "pm"}
    assert refused(play, person_id="q1").code == "not_allowed"


@pytest.mark.parametrize(("named", "role"), [("cfo", "cfo"), ("nobody_has_it", "quality_manager")])
def test_a_role_that_the_case_names_is_meant_where_anybody_holds_it(named: str, role: str) -> None:
    play = Play(resting(f"{{accountable: {LEAD}}}", INPUT))
    play.open(data={"lead": named})
    step = wait_step(play.template, "rest")
    assert step is not None
    assert roles_who_may(play.template, play.state, people(), step) == (role, "plant_manager")


def test_a_word_about_one_visit_never_ends_the_next_one() -> None:
    play = Play(resting())
    play.open()
    (first,) = awaited(play.state)
    assert wait_key(first) == "rest.1"
    assert "no wait 'look.1'" in refused(play, person_id="b1", wait="look.1").sentence
    play.do(c.SendSignal(signal="come", person_id="b1", wait="rest.1"))
    said = refused(play, person_id="b1", wait="rest.1")
    assert (said.code, "said already" in said.sentence) == ("stale_wait", True)
    play.choose("look", "again", why="Too few")
    assert [wait_key(one) for one in awaited(play.state)] == ["rest.2"]
    said = refused(play, person_id="b1", wait="rest.1")
    assert (said.code, "waited for anew" in said.sentence) == ("stale_wait", True)
    play.wait(days=9).do(c.FireTimers())
    assert "its time was over" in refused(play, wait="rest.2").sentence
    # Who names no wait means whichever there is.
    assert refused(play).code == "signal_not_awaited"


def test_a_word_after_the_case_was_taken_back_is_refused() -> None:
    play = Play(resting())
    play.open(requested_by="s1")
    play.do(c.WithdrawCase(person_id="s1", reason="Not needed"))
    assert refused(play, wait="rest.1").code == "case_closed"


def test_the_wait_and_the_signal_must_belong_together() -> None:
    play = Play(resting())
    play.open()
    with pytest.raises(Refused) as caught:
        play.do(c.SendSignal(signal="other", wait="rest.1"))
    assert caught.value.code == "signal_not_awaited"
