"""The linter on cases that could not end, or go on as if all were well: requests that nobody is left to decide, and
other processes that ended without being completed.
"""

from __future__ import annotations

import pytest

from tests.engine_world import JOBS, ROLES, Play, human, service, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.lint_library import lint_library
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.template import Template, load_template

T = "{en: T, zh: 题}"
ASKED = "opened_by: [people]\nrequesters: [{}]\nwithdrawn_by: [{}]\n"
YES_NO = f"[{{id: agree, title: {T}}}, {{id: refuse, title: {T}, ends_case: refused}}]"


def of_ceo(step: str, requesters: str = "ceo", withdrawn_by: str = "") -> Template:
    """A process of the chief executive: whatever else is not said, his role decides, answers and owns."""
    made = small(f"- {step}\n", ASKED.format(requesters, withdrawn_by)).text
    return load_template(made.replace("plant_manager", "ceo"), file="small.yaml")


def voted(voters: str, needed: str = "all") -> str:
    vote = f", vote: {{voters: [{voters}], needed: {needed}, approves: agree, rejects: refuse}}"
    return human("a", "ceo", extra=vote, outcomes=YES_NO)


TIERS = ", tiers: [{when: case.breaches > 2, responsible: cfo}, {default: true, responsible: ceo}]"
TIERED = human("a", "ceo", extra=TIERS).replace("responsible: ceo, accountable", "accountable", 1)
DEFAULT = ", ladder: [{at: 100, action: default, to: owner, outcome: ok}]"
HANDED_ON = ", ladder: [{at: 100, action: reassign, to: 'role:cfo'}]"
JOB = service("a").replace("production_planner", "ceo").replace("production_manager", "ceo")


def test_the_only_one_who_may_decide_hangs_his_own_request() -> None:
    """What the finding is about: nobody is asked, and nobody may take the case back."""
    template = of_ceo(human("a", "ceo"))
    (finding,) = lint(template, ROLES, JOBS)
    assert (finding.line, finding.step) == (template.line("steps", 0, "raci"), "a")
    assert "all who may decide here (ceo) may ask for the case too" in finding.message
    play = Play(template).open(requested_by="ceo")
    assert play.task("a").assignee is None
    with pytest.raises(Refused, match="not taken back"):
        play.do(c.WithdrawCase(person_id="ceo", reason="a mistake"))


@pytest.mark.parametrize(
    ("step", "requesters", "where"),
    [
        (voted("ceo, cfo"), "ceo, cfo", "vote"),
        (voted("ceo, ceo", needed="2"), "ceo", "vote"),
        (TIERED, "ceo", "tiers"),
        (JOB, "ceo", "raci"),
    ],
)
def test_a_step_that_needs_him_who_asks_is_found(step: str, requesters: str, where: str) -> None:
    template = of_ceo(step, requesters)
    (finding,) = lint(template, ROLES, JOBS)
    path = ("steps", 0, where, 1) if where == "tiers" else ("steps", 0, where)
    assert finding.line == template.line(*path)
    assert "nobody decides his own request" in finding.message


@pytest.mark.parametrize(
    ("step", "requesters", "withdrawn_by"),
    [
        (human("a", "ceo"), "ceo", "requester"),
        (human("a", "ceo"), "ceo", "owner"),
        (human("a", "ceo"), "buyer", ""),
        (human("a", "cfo"), "ceo", ""),
        (human("a", "cfo"), "ceo, cfo", ""),  # one of them asks, the other decides
        (human("a", "ceo", extra=DEFAULT), "ceo", ""),
        (human("a", "ceo", extra=HANDED_ON), "ceo", ""),
        (voted("ceo, cfo"), "buyer", ""),
        (voted("ceo, cfo", needed="1"), "ceo, cfo", ""),
        (TIERED, "buyer", ""),
    ],
)
def test_where_somebody_is_left_or_the_case_is_taken_back_nothing_is_found(
    step: str, requesters: str, withdrawn_by: str
) -> None:
    assert lint(of_ceo(step, requesters, withdrawn_by), ROLES, JOBS) == []


PROCESS = (
    f"{{id: p, kind: process, title: {T}, raci: {{responsible: buyer, accountable: plant_manager}}, template: check}}"
)
LOOKS = (
    f"decision: {{id: d, title: {T}, accountable: cfo, rules: "
    f"[{{id: done, when: 'outcomes.p == \"completed\"', steps: [{human('pay')}]}}, {{id: other, default: true}}]}}"
)
TIER = ", tiers: [{when: 'outcomes.p != \"withdrawn\"', responsible: buyer}, {default: true, responsible: cfo}]"
FORK = f"fork: {{id: f, join: all, branches: [[{human('b')}], [{PROCESS}]]}}"


def opening(*steps: str) -> Template:
    return small("".join(f"- {step}\n" for step in steps))


def check(withdrawn_by: str = "requester, owner", outcomes: str = "") -> Template:
    body = small(f"- {human('look', outcomes=outcomes)}\n", f"opened_by: [cases]\nwithdrawn_by: [{withdrawn_by}]\n")
    return load_template(body.text.replace("id: small", "id: check"), file="check.yaml")


def test_a_case_goes_on_when_the_other_was_withdrawn_and_the_linter_says_so() -> None:
    template = opening(PROCESS, human("pay"))
    (finding,) = lint_library((template, check()))
    assert (finding.file, finding.line, finding.step) == ("small.yaml", template.line("steps", 0, "template"), "p")
    assert "'check' may also end as withdrawn, and this case goes on all the same: ask `outcomes.p`" in finding.message
    play = Play(template).open()
    play.do(c.EndChild(child_case_id="c1-1", outcome="withdrawn", data={}))
    assert play.task("pay").assignee is not None


@pytest.mark.parametrize(
    ("steps", "other", "says"),
    [
        ((PROCESS, human("pay")), check("requester", YES_NO), "may also end as refused, and"),
        ((PROCESS, human("pay")), check("owner", YES_NO), "may also end as withdrawn or refused, and"),
        ((FORK, human("pay")), check(), "may also end as withdrawn"),
        ((PROCESS, LOOKS), check(), ""),
        ((PROCESS, human("pay", extra=TIER).replace("responsible: buyer, ", "", 1)), check(), ""),
        ((human("pay"), PROCESS), check(), ""),  # nothing comes after it
        ((FORK,), check(), ""),
        # Who asked for both takes back only the whole: this one always completes.
        ((PROCESS, human("pay")), check("requester"), ""),
    ],
)
def test_the_outcome_of_another_process_is_looked_at(steps: tuple[str, ...], other: Template, says: str) -> None:
    template = opening(*steps)
    assert lint(template, ROLES, JOBS) == []
    findings = [str(one) for one in lint_library((template, other))]
    assert len(findings) == bool(says)
    assert all(says in one for one in findings)
