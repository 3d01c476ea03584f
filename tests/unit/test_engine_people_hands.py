"""A task goes from hand to hand: transferred, delegated and advised, claimed, given back, and further approved."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.engine_world import MONDAY, Play, human, people, service, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.template import Template

ANSWERS = (
    "[{id: approve, style: primary, title: {en: A, zh: 批}}, {id: hold, title: {en: H, zh: 缓}}, "
    "{id: reject, style: danger, title: {en: R, zh: 驳}, ends_case: rejected}]"
)
AMOUNT = ", form: [{name: amount, type: decimal, title: {en: Amount, zh: 金额}, required: [approve]}]"
WHOLE_WEEK = (date(2026, 11, 16), date(2026, 11, 22))


def offering(actions: str, extra: str = AMOUNT) -> Template:
    return small(f"- {human('look', 'buyer', f', actions: {{{actions}}}{extra}', ANSWERS)}\n- {human('after')}\n")


ALL = "assign: true, delegate: true, add_approver: true, release: true, snooze: {at_most: P2D}"


@pytest.fixture
def play() -> Play:
    return Play(offering(ALL), now=MONDAY).open()


def do(play: Play, command: type[Any], by: str, task_id: str = "c1.look.1", **more: Any) -> tuple[e.Event, ...]:
    version = more.pop("version", play.state.tasks[task_id].version)
    return play.do(command(task_id=task_id, task_version=version, person_id=by, **more))


def refusal(play: Play, command: type[Any], by: str, task_id: str = "c1.look.1", **more: Any) -> Refused:
    before = play.state
    with pytest.raises(Refused) as refused:
        do(play, command, by, task_id, **more)
    assert play.state is before
    return refused.value


def decide(play: Play, by: str, outcome: str, task_id: str = "c1.look.1", **form: Any) -> tuple[e.Event, ...]:
    return do(play, c.DecideTask, by, task_id, outcome=outcome, form=form)


# --- delegate --------------------------------------------------------------------------------------------------------


def test_a_delegate_advises_and_the_assignee_decides(play: Play) -> None:
    do(play, c.DelegateTask, "b1", to="f1", reason=" knows the figures ")
    task = play.state.tasks["c1.look.1"]
    assert (task.assignee, task.delegated_by, task.version) == ("f1", "b1", 2)
    (advised,) = decide(play, "f1", "approve", amount="12.5")
    assert isinstance(advised, e.TaskAdvised)
    task = play.state.tasks["c1.look.1"]
    assert (task.status, task.assignee, task.delegated_by) == ("open", "b1", None)
    assert task.advice is not None and (task.advice.person_id, task.advice.outcome) == ("f1", "approve")
    assert task.advice.form == {"amount": "12.5"} and "amount" not in play.state.data
    decide(play, "b1", "approve", amount="12")
    decided = play.state.tasks["c1.look.1"]
    assert (decided.decided_by, decided.acting_for, play.state.data["amount"]) == ("b1", None, "12")
    assert replay(play.log) == play.state


def test_the_delegate_does_nothing_else_with_the_task(play: Play) -> None:
    do(play, c.DelegateTask, "b1", to="f1", reason="figures")
    for command, more in (
        (c.AssignTask, {"to": "b2"}),
        (c.ReleaseTask, {}),
        (c.DelegateTask, {"to": "f2", "reason": "x"}),
        (c.AddApprover, {"to": "f2", "reason": "x"}),
        (c.SnoozeTask, {"until": MONDAY.replace(hour=9), "reason": "x"}),
    ):
        assert refusal(play, command, "f1", **more).code in ("not_allowed", "transfer_invalid")
    assert "not passed on" in refusal(play, c.DelegateTask, "b1", to="f2", reason="x").sentence


def test_the_delegate_neither_wakes_nor_acknowledges_what_stays_with_the_assignee(play: Play) -> None:
    do(play, c.DelegateTask, "b1", to="f1", reason="figures")
    do(play, c.SnoozeTask, "b1", until=MONDAY.replace(hour=9), reason="x")
    for command in (c.WakeTask, c.Acknowledge):
        with pytest.raises(Refused, match="the task stays with Wu One"):
            play.do(command(task_id="c1.look.1", person_id="f1"))
    play.do(c.Acknowledge(task_id="c1.look.1", person_id="b1"))
    play.do(c.WakeTask(task_id="c1.look.1", person_id="b1"))
    task = play.state.tasks["c1.look.1"]
    assert (task.assignee, task.acknowledged_by, task.paused_until) == ("f1", "b1", None)


def test_who_is_asked_for_advice_is_not_asked_for_his_approval_too(play: Play) -> None:
    do(play, c.DelegateTask, "b1", to="f1", reason="figures")
    refused = refusal(play, c.AddApprover, "b1", to="f1", reason="x")
    assert refused.sentence == "Wei One has a task of this step already: nobody decides it twice."


def test_the_assignee_may_decide_or_take_back_what_he_delegated(play: Play) -> None:
    do(play, c.DelegateTask, "b1", to="f1", reason="figures")
    do(play, c.AssignTask, "b1", to="b1")
    task = play.state.tasks["c1.look.1"]
    assert (task.assignee, task.delegated_by) == ("b1", None)
    do(play, c.DelegateTask, "b1", to="f1", reason="figures")
    decide(play, "b1", "hold")
    assert play.state.tasks["c1.look.1"].acting_for is None


def test_who_decides_a_delegated_task_in_the_assignees_place_acts_for_the_assignee(play: Play) -> None:
    do(play, c.DelegateTask, "b1", to="f1", reason="figures")
    decide(play, "pm", "hold")
    assert play.state.tasks["c1.look.1"].acting_for == "b1"


def test_advice_goes_to_the_substitute_of_an_assignee_who_is_away(play: Play) -> None:
    do(play, c.DelegateTask, "b1", to="f1", reason="figures")
    play.directory = people({"b1": (WHOLE_WEEK,)})
    assert play.do(c.ReassignAbsent()) == (), "it is with the delegate, who is there"
    (advised,) = decide(play, "f1", "hold")
    assert isinstance(advised, e.TaskAdvised)
    assert (advised.back_to, advised.substitute_for) == ("b2", "b1")
    assert play.state.tasks["c1.look.1"].substitute_for == "b1"


def test_a_delegate_who_becomes_absent_gives_the_task_back(play: Play) -> None:
    do(play, c.DelegateTask, "b1", to="f1", reason="figures")
    play.directory = people({"f1": (WHOLE_WEEK,)})
    play.do(c.ReassignAbsent())
    task = play.state.tasks["c1.look.1"]
    assert (task.assignee, task.delegated_by, task.substitute_for) == ("b1", None, None)


def test_if_both_are_away_the_task_goes_to_a_substitute(play: Play) -> None:
    do(play, c.DelegateTask, "b1", to="f1", reason="figures")
    play.directory = people({"f1": (WHOLE_WEEK,), "b1": (WHOLE_WEEK,)})
    play.do(c.ReassignAbsent())
    task = play.state.tasks["c1.look.1"]
    assert (task.assignee, task.delegated_by, task.substitute_for) == ("b2", None, "b1")


@pytest.mark.parametrize(
    ("command", "by", "to", "reason", "code", "sentence"),
    [
        (c.DelegateTask, "b2", "f1", "x", "not_allowed", "Only who has the task may do this: it is with Wu One."),
        (c.DelegateTask, "b1", "b1", "x", "transfer_invalid", "Choose somebody else than yourself."),
        (c.DelegateTask, "b1", "f1", " ", "form_incomplete", "Please fill in: Reason."),
        (c.DelegateTask, "b1", "f1", "x" * 501, "form_invalid", "too long"),
        (c.DelegateTask, "b1", "ghost", "x", "transfer_invalid", "does not know 'ghost'"),
        (c.DelegateTask, "b1", "s1", "x", "transfer_invalid", "It is Shen One's own request"),
        (c.DelegateTask, "b1", "f2", "x", "transfer_invalid", "Wei Two is away on 2026-11-16."),
        (c.AddApprover, "b2", "f1", "x", "not_allowed", "Only who has the task may do this: it is with Wu One."),
        (c.AddApprover, "b1", "s1", "x", "transfer_invalid", "It is Shen One's own request"),
        (c.AddApprover, "b1", "f2", "x", "transfer_invalid", "Wei Two is away"),
        (c.AddApprover, "b1", "ghost", "x", "transfer_invalid", "does not know 'ghost'"),
        (c.AddApprover, "b1", "f1", "", "form_incomplete", "Please fill in: Reason."),
        (c.DelegateTask, "s1", "f1", "x", "own_request", "This is your own request"),
        (c.AddApprover, "f1", "f1", "x", "not_allowed", "may not decide this"),
    ],
)
def test_whom_one_may_not_ask(command: type[Any], by: str, to: str, reason: str, code: str, sentence: str) -> None:
    play = Play(offering(ALL), now=MONDAY, directory=people({"f2": (WHOLE_WEEK,)})).open(requested_by="s1")
    refused = refusal(play, command, by, to=to, reason=reason)
    assert refused.code == code
    assert sentence in refused.sentence


def test_a_list_of_roles_limits_who_may_be_asked() -> None:
    play = Play(offering("delegate: [cfo], add_approver: [cfo], assign: [cfo]"), now=MONDAY).open()
    for command in (c.DelegateTask, c.AddApprover):
        assert "it takes the role cfo" in refusal(play, command, "b1", to="f1", reason="x").sentence
    assert refusal(play, c.AssignTask, "b1", to="f1").code == "transfer_invalid"
    do(play, c.AssignTask, "b1", to="cfo")
    assert play.state.tasks["c1.look.1"].assignee == "cfo"


def test_what_a_template_does_not_offer_is_refused() -> None:
    play = Play(offering("acknowledge: true"), now=MONDAY).open()
    for command, more in (
        (c.DelegateTask, {"to": "f1", "reason": "x"}),
        (c.AddApprover, {"to": "f1", "reason": "x"}),
        (c.AssignTask, {"to": "b2"}),
        (c.ReleaseTask, {}),
    ):
        assert refusal(play, command, "b1", **more).code == "action_not_offered"


def test_a_stale_card_hands_nothing_over(play: Play) -> None:
    do(play, c.AssignTask, "b1", to="b2")
    for command, more in (
        (c.DelegateTask, {"to": "f1", "reason": "x"}),
        (c.AddApprover, {"to": "f1", "reason": "x"}),
        (c.AssignTask, {"to": "b1"}),
        (c.ReleaseTask, {}),
        (c.ClaimTask, {}),
        (c.DecideTask, {"outcome": "hold"}),
    ):
        assert refusal(play, command, "b2", version=1, **more).code == "stale_task"


# --- pools ------------------------------------------------------------------------------------------------------------

POOLED = small(f"- {human('look', 'buyer', ', pool: true', ANSWERS)}\n")


def test_a_pooled_task_is_nobodys_until_somebody_of_its_role_claims_it() -> None:
    play = Play(POOLED, now=MONDAY).open()
    task = play.state.tasks["c1.look.1"]
    assert (task.assignee, task.pooled, task.assigned_because) == (None, True, "whoever of buyer claims it")
    assert refusal(play, c.ClaimTask, "f1").code == "not_allowed"
    play.do(c.ReassignAbsent())
    assert play.state.tasks["c1.look.1"].assignee is None, "it waits to be claimed, nobody is away"
    do(play, c.ClaimTask, "b2")
    task = play.state.tasks["c1.look.1"]
    assert (task.assignee, task.pooled, task.version) == ("b2", False, 2)
    assert refusal(play, c.ClaimTask, "b1").sentence == "Wu Two has it already."
    assert refusal(play, c.ClaimTask, "b2").sentence == "You have it already."
    do(play, c.ReleaseTask, "b2", reason="no time")
    assert play.state.tasks["c1.look.1"].pooled
    assert refusal(play, c.ReleaseTask, "b2").code == "not_allowed", "nobody has it"
    do(play, c.ClaimTask, "b1")
    decide(play, "b1", "approve")
    assert play.state.outcome == "completed"


def test_the_requester_does_not_claim_and_a_pool_without_anybody_is_none() -> None:
    play = Play(POOLED, now=MONDAY).open(requested_by="b1")
    assert refusal(play, c.ClaimTask, "b1").code == "own_request"
    single = Play(small(f"- {human('look', 'cfo', ', pool: true', ANSWERS)}\n"), now=MONDAY).open(requested_by="cfo")
    task = single.state.tasks["c1.look.1"]
    assert not task.pooled and task.assignee is not None, "nobody could claim it: somebody is asked by name"


def test_what_nobody_claims_in_half_its_time_is_handed_out() -> None:
    play = Play(POOLED, now=MONDAY, loads={"b1": 3.0}).open()
    play.wait(minutes=119)
    assert play.do(c.HandOutPool()) == ()
    play.wait(minutes=1)
    (moved,) = play.do(c.HandOutPool())
    assert isinstance(moved, e.TaskReassigned)
    assert moved.assignee == "b2" and moved.assigned_because.startswith("nobody claimed it; buyer: ")
    assert play.do(c.HandOutPool()) == ()
    # Who gives it back gets it again only if there is nobody else.
    do(play, c.ReleaseTask, "b2")
    play.do(c.HandOutPool())
    assert play.state.tasks["c1.look.1"].assignee == "b1"


def test_releasing_needs_somebody_else_who_may_claim_it() -> None:
    play = Play(offering("release: true"), now=MONDAY).open(requested_by="b2")
    refused = refusal(play, c.ReleaseTask, "b1")
    assert (refused.code, refused.sentence) == ("claim_invalid", "Nobody else may claim it: nobody else holds buyer.")


def test_a_voice_is_not_given_back_to_others() -> None:
    vote = ", actions: {release: true}, vote: {needed: all, approves: approve, rejects: reject}"
    play = Play(small(f"- {human('look', 'buyer', vote, ANSWERS)}\n"), now=MONDAY).open()
    assert refusal(play, c.ReleaseTask, "b1").code == "claim_invalid"


# --- added approvers --------------------------------------------------------------------------------------------------


def added(play: Play, *persons: str) -> list[str]:
    for person in persons:
        do(play, c.AddApprover, "b1", to=person, reason="beyond me")
    return [task.task_id for task in play.state.open_tasks if task.added_by is not None]


def test_the_step_goes_on_only_when_added_approvers_have_approved_too(play: Play) -> None:
    first, second = added(play, "f1", "cfo")
    assert play.state.tasks[first].added_by == "b1"
    decide(play, "f1", "approve", first, amount="1")
    decide(play, "b1", "approve", amount="2")
    assert play.state.steps["look"].status == "active"
    decide(play, "cfo", "approve", second, amount="3")
    assert play.state.steps["look"].outcome == "approve"
    counted = [event for event in play.log if isinstance(event, e.VoteCounted)]
    assert [(one.approvals, one.needed, one.voters, one.outcome) for one in counted] == [
        (1, 3, 3, None),
        (2, 3, 3, None),
        (3, 3, 3, "approve"),
    ]
    assert play.state.data["amount"] == "3"
    assert play.task("after")


@pytest.mark.parametrize("before", [True, False])
def test_an_added_approvers_rejection_is_the_steps(play: Play, before: bool) -> None:
    (only,) = added(play, "f1")
    if not before:
        decide(play, "b1", "approve", amount="2")
    decide(play, "f1", "reject", only)
    assert (play.state.status, play.state.outcome) == ("closed", "rejected")


@pytest.mark.parametrize(
    ("own", "other", "outcome"),
    [("approve", "hold", "hold"), ("hold", "approve", "hold"), ("approve", "approve", "approve")],
)
@pytest.mark.parametrize("added_first", [True, False])
def test_the_less_affirmative_choice_stands_whoever_comes_first(
    play: Play, own: str, other: str, outcome: str, added_first: bool
) -> None:
    (only,) = added(play, "f1")
    turns = [("b1", own, "c1.look.1"), ("f1", other, only)]
    for person, choice, task_id in reversed(turns) if added_first else turns:
        decide(play, person, choice, task_id, amount="1")
    assert play.state.steps["look"].outcome == outcome


def test_added_approvers_are_bounded_different_and_decide_themselves(play: Play) -> None:
    (only,) = added(play, "f1")
    assert "has a task of this step already" in refusal(play, c.AddApprover, "b1", to="f1", reason="x").sentence
    assert refusal(play, c.AddApprover, "f1", only, to="f2", reason="x").code == "transfer_invalid"
    # Holding the step's role is not enough to approve in an added approver's place, and his task is not handed on.
    assert refusal(play, c.DecideTask, "b2", only, outcome="approve").code == "not_allowed"
    assert refusal(play, c.AssignTask, "f1", only, to="b2").code == "transfer_invalid"
    assert refusal(play, c.ReleaseTask, "f1", only).code == "claim_invalid"
    assert refusal(play, c.DecideTask, "b1", only, outcome="approve").code == "has_a_voice"
    decide(play, "f1", "approve", only, amount="1")
    assert "Wei One decided here before" in refusal(play, c.AddApprover, "b1", to="f1", reason="x").sentence
    added(play, "f2", "cfo", "fm", "sm")
    assert "5 approvers were added already" in refusal(play, c.AddApprover, "b1", to="im", reason="x").sentence


def test_an_absent_approvers_substitute_approves(play: Play) -> None:
    (only,) = added(play, "f1")
    play.directory = people({"f1": (WHOLE_WEEK,)})
    play.do(c.ReassignAbsent())
    task = play.state.tasks[only]
    assert (task.assignee, task.substitute_for) == ("fm", "f1"), "his manager, and nobody of the step's role"


def test_in_a_vote_an_added_approval_is_needed_besides_the_quorum() -> None:
    vote = ", actions: {add_approver: true}, vote: {voters: [quality_manager, sales_manager, it_manager], needed: 2, "
    template = small(f"- {human('look', 'buyer', vote + 'approves: approve, rejects: reject}', ANSWERS)}\n")
    for last, outcome in (("approve", "completed"), ("reject", "rejected")):
        play = Play(template, now=MONDAY).open()
        do(play, c.AddApprover, "qm", to="f1", reason="beyond me")
        decide(play, "qm", "approve")
        decide(play, "sm", "approve", "c1.look.2")
        assert play.state.is_open, "two of three voters are not enough without the added approval"
        decide(play, "f1", last, "c1.look.4")
        assert play.state.outcome == outcome
        counted = [event for event in play.log if isinstance(event, e.VoteCounted)]
        assert (counted[-1].needed, counted[-1].voters) == (3, 4)


def test_where_the_first_decision_counts_nobody_is_added() -> None:
    vote = ", actions: {add_approver: true}, vote: {voters: [quality_manager, sales_manager], needed: any}"
    play = Play(small(f"- {human('look', 'buyer', vote, ANSWERS)}\n"), now=MONDAY).open()
    refused = refusal(play, c.AddApprover, "qm", to="f1", reason="x")
    assert refused.code == "transfer_invalid" and "first decision counts" in refused.sentence


def test_a_rescue_is_neither_delegated_nor_further_approved() -> None:
    play = Play(small(f"- {service('job', 1)}\n"), now=MONDAY).open()
    play.do(c.FailService(step_id="job", run_id="r1", error="boom"))
    for command in (c.DelegateTask, c.AddApprover):
        refused = refusal(play, command, "o1", "c1.job.1", to="f1", reason="x")
        assert refused.code == "action_not_offered"


def test_a_late_delegated_task_goes_up_to_the_manager_of_who_is_to_decide() -> None:
    ladder = ", ladder: [{at: 50, action: escalate, to: manager}, {at: 100, action: remind, to: assignee}]"
    play = Play(offering("delegate: true", ladder), now=MONDAY).open()
    do(play, c.DelegateTask, "b1", to="f1", reason="x")
    play.wait(hours=8)
    play.do(c.FireRungs())
    assert [event.to_person for event in play.log if isinstance(event, e.RungFired)] == ["bm", "f1"]
