"""People pass tasks on, vote, answer and rate through the service, on both databases, one at a time and all at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy.engine import Engine

from resources.clock import FixedClock
from tests.engine_world import MONDAY, calendar, human, people
from workflow_jobs.cases import OpenRequest
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Template, load_template
from workflow_jobs.service import ProcessService
from workflow_jobs.template_library import TemplateLibrary

T = "{en: T, zh: 题}"
CHOICES = f"[{{id: approve, style: primary, title: {T}}}, {{id: reject, style: danger, title: {T}}}]"
NOTE = f", form: [{{name: note, type: text, title: {T}}}, {{name: cure, type: text, title: {T}}}]"
HANDS = ", actions: {delegate: true, add_approver: true, release: true}"


def template(name: str, steps: str, head: str = "") -> Template:
    text = (
        f"id: {name}\nversion: 1\ntitle: {T}\ndescription: {T}\nowner_role: plant_manager\n"
        f"opened_by: [people, rules]\n{head}steps:\n{steps}"
    )
    made = load_template(text, file=f"{name}.yaml")
    assert lint(made) == []
    return made


HANDED = template(
    "handed", f"- {human('look', 'buyer', HANDS + NOTE, CHOICES)}\n", "learning: {cause: note, remedy: cure}\n"
)
POOL = template("pool", f"- {human('look', 'buyer', ', pool: true', CHOICES)}\n")
VOTES = ", vote: {voters: [quality_manager, sales_manager, it_manager], needed: 2, approves: approve, rejects: reject}"
VOTE = template("vote", f"- {human('sign', 'buyer', VOTES, CHOICES)}\n")


class Company:
    """A service on one database with the templates above."""

    def __init__(self, engine: Engine) -> None:
        self.clock = FixedClock(MONDAY)
        self.service = ProcessService(
            engine,
            clock=self.clock,
            templates=TemplateLibrary((HANDED, POOL, VOTE)),
            directory=people,
            calendar=calendar(),
        )

    def open(self, name: str, subject: str = "x", priority: str | None = None) -> str:
        request = OpenRequest(
            template_id=name, rule_id=f"people/{name}", subject_id=subject, requested_by="s1", priority=priority
        )
        return self.service.open_case(request).case_id

    def tasks(self, case_id: str) -> tuple[TaskState, ...]:
        return self.service.case(case_id).open_tasks

    def decide(self, task: TaskState, person: str, outcome: str = "approve") -> CaseState:
        return self.service.decide_task(task.task_id, task.version, person, outcome, {}, "test").case


@pytest.fixture
def company(ops_engine: Engine) -> Company:
    return Company(ops_engine)


def test_a_task_is_delegated_advised_given_back_claimed_further_approved_and_the_case_rated(company: Company) -> None:
    service = company.service
    case_id = company.open("handed")
    (task,) = company.tasks(case_id)
    service.delegate(task.task_id, 1, "b1", "f1", "knows the figures")
    service.decide_task(task.task_id, 2, "f1", "reject", {"note": "dear"}, "test")
    (task,) = company.tasks(case_id)
    assert task.assignee == "b1" and task.advice is not None and task.advice.form == {"note": "dear"}
    service.release(task.task_id, task.version, "b1", "no time")
    assert [line.assignee for line in service.tasks(case_id=case_id)] == [None]
    service.claim(task.task_id, task.version + 1, "b2")
    assert [line.assignee for line in service.tasks(case_id=case_id)] == ["b2"]
    service.add_approver(task.task_id, task.version + 2, "b2", "cfo", "beyond me")
    mine, other = company.tasks(case_id)
    company.decide(mine, "b2")
    assert company.decide(other, "cfo").outcome == "completed"
    service.rate_case(case_id, "f1", 2, "slow")
    with pytest.raises(Refused):
        service.rate_case(case_id, "b1", 2)
    state = service.case(case_id)
    assert state.ratings["f1"].score == 2
    assert replay(service.events(case_id)) == state


def test_what_nobody_claims_is_handed_out_urgent_first_and_left_alone_before(company: Company) -> None:
    service = company.service
    cases = [company.open("pool", subject, priority) for subject, priority in (("1", "normal"), ("2", "urgent"))]
    assert service.reassign_absent() == 0
    company.clock.advance(timedelta(minutes=119))
    assert service.hand_out_pools() == 0
    company.clock.advance(timedelta(minutes=1))
    assert service.hand_out_pools() == 2
    # The urgent one was handed out first and went to the smaller id; the other has less work.
    assert [company.tasks(one)[0].assignee for one in cases] == ["b2", "b1"]
    assert service.hand_out_pools() == 0


def test_of_voters_who_decide_at_the_same_moment_each_is_counted_once(company: Company) -> None:
    persons = ("qm", "sm", "im")
    for _ in range(3):
        case_id = company.open("vote")
        tasks = {task.assignee: task for task in company.tasks(case_id)}
        refused = _at_once([partial(company.decide, tasks[one], one) for one in (*persons, *persons)])
        state = company.service.case(case_id)
        # Two approvals settle it; the third voter's task is withdrawn, and second clicks are refused.
        assert (state.outcome, state.steps["sign"].approvals, len(refused)) == ("completed", 2, 4)
        assert sum(task.status == "decided" for task in state.tasks.values()) == 2
        assert replay(company.service.events(case_id)) == state


def test_of_two_who_claim_at_the_same_moment_one_has_it(company: Company) -> None:
    case_id = company.open("pool")
    (task,) = company.tasks(case_id)
    refused = _at_once([partial(company.service.claim, task.task_id, 1, one) for one in ("b1", "b2")])
    assert [one.code for one in refused] == ["stale_task"]
    assert company.tasks(case_id)[0].assignee in ("b1", "b2")


def _at_once(calls: Sequence[Callable[[], object]]) -> list[Refused]:
    """Make all calls from threads that start together; the refusals. Anything else that goes wrong is raised."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> Refused | None:
        barrier.wait()
        try:
            call()
        except Refused as refused:
            return refused
        return None

    with ThreadPoolExecutor(len(calls)) as pool:
        return [refused for refused in pool.map(run, calls) if refused is not None]
