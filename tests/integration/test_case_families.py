"""Cases inside cases on both databases: opened, ended and taken back with the case that they belong to, at once."""

from __future__ import annotations

import contextlib
import json
import random
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from resources.clock import FixedClock
from tests.engine_world import MONDAY, calendar, human, people, service
from workflow_jobs.cases import OpenRequest, ancestors
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.lint_library import lint_library
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Template, load_template
from workflow_jobs.outgoing_message import CARD
from workflow_jobs.outgoing_people import card_of
from workflow_jobs.service import ProcessService
from workflow_jobs.slack.case_buttons import may_withdraw
from workflow_jobs.store.tables import outbox, service_step
from workflow_jobs.template_library import TemplateLibrary
from workflow_jobs.template_versions import TemplateVersions

T = "{en: T, zh: 题}"
FAULT = f"[{{name: fault, type: text, title: {T}, required: true}}]"
BACK = f"[{{id: go, title: {T}}}, {{id: back, title: {T}, returns_to: ask}}]"
WHY = f", form: [{{name: why, type: text, title: {T}, required: [back]}}]"


def template(name: str, steps: str, head: str = "") -> Template:
    text = (
        f"id: {name}\nversion: 1\ntitle: {T}\ndescription: {T}\nowner_role: plant_manager\n"
        f"opened_by: [people, cases]\n{head}steps:\n{steps}"
    )
    made = load_template(text, file=f"{name}.yaml")
    assert lint(made) == []
    return made


def process(name: str, other: str, extra: str = "") -> str:
    raci = "raci: {responsible: cfo, accountable: cfo}"
    return f"{{id: {name}, kind: process, title: {T}, {raci}, template: {other}{extra}}}"


INNER = template("inner", f"- {human('deep')}\n- {human('deeper', outcomes=BACK.replace('ask', 'deep'), extra=WHY)}\n")
TRIAL = template(
    "trial",
    f"- {human('make', extra=f', form: {FAULT}')}\n- {process('inside', 'inner')}\n",
    f"inputs:\n- {{name: limit, type: decimal, title: {T}, required: true}}\n",
)
RULES = "[{id: r, when: 'case.breaches > 5'}, {id: other, default: true}]"
AT_ONCE = template("at_once", f"- decision: {{id: d, title: {T}, accountable: cfo, rules: {RULES}}}\n")
TRY = process("try", "trial", ", passes: {limit: amount}, brings: {found: fault}")
CHECK = human("check", outcomes=BACK, extra=WHY)
PRODUCT = template(
    "product",
    f"- {human('ask')}\n"
    f"- fork: {{id: f, join: 2, branches: [[{TRY}], [{CHECK}], [{service('job')}]]}}\n"
    f"- {process('quick', 'at_once')}\n"
    f"- {human('close')}\n",
    f"inputs:\n- {{name: amount, type: decimal, title: {T}, required: true}}\nrequesters: [sales_rep]\n",
)
ALL = (INNER, TRIAL, AT_ONCE, PRODUCT)


def besides(said: Iterable[str]) -> list[str]:
    """What the linter says of these, but that they go on however another case ended: that is looked at here."""
    return [one for one in said if "may also end as" not in one]


class Company:
    """A service on one database with the templates above."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.clock = FixedClock(MONDAY)
        self.service = ProcessService(
            engine, clock=self.clock, templates=TemplateLibrary(ALL), directory=people, calendar=calendar()
        )

    def open(self, asked_by: str = "s1", name: str = "one") -> str:
        request = OpenRequest(
            template_id="product", rule_id=name, requested_by=asked_by, data={"amount": "1200"}, subject_id="P7"
        )
        return self.service.open_by_person(request).case_id

    def choose(self, case_id: str, step: str, outcome: str = "ok", **form: Any) -> CaseState:
        task = next(t for t in self.service.case(case_id).open_tasks if t.step_id == step)
        assert task.assignee is not None
        return self.service.decide_task(task.task_id, task.version, task.assignee, outcome, form).case

    def steps(self, case_id: str) -> dict[str, str]:
        return {step.step_id: step.status for step in self.service.case(case_id).steps.values()}

    def statuses(self) -> dict[str, str | None]:
        return {one.case_id: one.outcome for one in self.service.cases()}


@pytest.fixture
def company(ops_engine: Engine) -> Company:
    assert besides(map(str, lint_library(ALL))) == []
    return Company(ops_engine)


def test_a_case_opens_another_and_goes_on_when_it_has_ended(company: Company) -> None:
    case_id = company.open()
    after = company.choose(case_id, "ask")
    child = f"{case_id}-1"
    assert after.children == 1
    state = company.service.case(child)
    assert (state.template_id, state.parent_case_id, state.requested_by) == ("trial", case_id, "s1")
    assert (state.subject_id, dict(state.data)) == ("P7", {"limit": "1200"})
    company.choose(child, "make", fault="mould")
    assert company.service.case(f"{child}-1").parent_case_id == child
    company.choose(f"{child}-1", "deep")
    assert company.steps(case_id)["try"] == "active"
    company.choose(f"{child}-1", "deeper", "go")
    # The innermost ends, so does the one around it, and the outermost goes on: in one transaction.
    assert company.steps(child)["inside"] == "completed"
    assert company.steps(case_id)["try"] == "completed"
    assert company.service.case(case_id).data["found"] == "mould"
    result = company.choose(case_id, "check", "go")
    # The join of two is done, the job is not needed any more, and the quick process was over at once.
    assert result == company.service.case(case_id)
    assert (company.steps(case_id)["job"], company.steps(case_id)["quick"]) == ("cancelled", "completed")
    assert company.steps(case_id)["close"] == "active"
    assert company.service.due_service_steps() == []
    company.choose(case_id, "close")
    assert set(company.statuses().values()) == {"completed"}
    for one in company.service.cases():
        assert replay(company.service.events(one.case_id)) == company.service.case(one.case_id)


def test_a_withdrawal_takes_back_everything_that_the_case_opened(company: Company) -> None:
    case_id = company.open()
    company.choose(case_id, "ask")
    company.choose(f"{case_id}-1", "make", fault="x")
    with pytest.raises(Refused) as caught:
        company.service.withdraw_case(case_id, "b1", "x")
    assert caught.value.code == "not_allowed"
    state = company.service.withdraw_case(case_id, "s1", "not needed")
    assert (state.outcome, state.withdrawn_by) == ("withdrawn", "s1")
    assert set(company.statuses().values()) == {"withdrawn"}
    assert len(company.statuses()) == 3
    assert company.service.due_service_steps() == []
    assert company.service.tasks() == []


def test_who_asked_for_both_takes_back_the_whole_and_not_the_case_inside(company: Company) -> None:
    case_id = company.open()
    company.choose(case_id, "ask")
    child = f"{case_id}-1"
    with pytest.raises(Refused, match=f"withdraw {case_id} instead") as caught:
        company.service.withdraw_case(child, "s1", "no check, please")
    assert caught.value.code == "own_request"
    with pytest.raises(Refused, match="the role plant_manager may"):
        company.service.withdraw_case(child, "b1", "x")
    outer, inner = company.service.case(case_id), company.service.case(child)
    assert may_withdraw(outer, PRODUCT, "s1")
    assert not may_withdraw(inner, TRIAL, "s1")
    assert inner.is_open


def test_a_child_that_its_owner_takes_back_lets_its_parent_go_on(company: Company) -> None:
    case_id = company.open()
    company.choose(case_id, "ask")
    company.service.withdraw_case(f"{case_id}-1", "pm", "not needed")
    assert company.service.case(case_id).steps["try"].outcome == "withdrawn"
    assert company.service.case(case_id).is_open


def test_a_return_takes_the_other_case_back_and_opens_a_new_one(company: Company) -> None:
    case_id = company.open()
    company.choose(case_id, "ask")
    job = company.service.due_service_steps()[0]
    company.choose(case_id, "check", "back", why="wrong")
    assert company.statuses()[f"{case_id}-1"] == "withdrawn"
    company.choose(case_id, "ask")
    assert company.service.case(case_id).steps["try"].child_case_id == f"{case_id}-2"
    again = company.service.due_service_steps()
    assert [step.idempotency_key for step in again] == [f"{case_id}.job.2"]
    with company.engine.connect() as connection:
        rows = connection.execute(sa.select(service_step.c.idempotency_key, service_step.c.status)).all()
    assert dict((key, status) for key, status in rows) == {  # noqa: C402 - rows are no pairs to the type checker
        job.idempotency_key: "withdrawn",
        f"{case_id}.job.2": "requested",
    }
    with pytest.raises(Refused):
        company.service.complete_service(case_id, "job", "late", {}, idempotency_key=job.idempotency_key)


def test_nobody_opens_what_his_roles_do_not_ask_for(company: Company) -> None:
    for person in ("b1", "nobody"):
        with pytest.raises(Refused) as caught:
            company.open(asked_by=person)
        assert caught.value.code == "may_not_open"
        assert "sales_rep" in caught.value.sentence
    assert company.statuses() == {}


def test_ancestors_are_told_by_the_id() -> None:
    assert ancestors("C-000007") == []
    assert ancestors("C-000007-2-1") == ["C-000007", "C-000007-2"]


def test_parents_and_children_that_move_at_once_never_wait_for_each_other(company: Company) -> None:
    """Children end while their parents are withdrawn and return: no deadlock, and nothing is left under way."""
    cases = [company.open(name=f"race{number}") for number in range(4)]
    for case_id in cases:
        company.choose(case_id, "ask")
        company.choose(f"{case_id}-1", "make", fault="x")
    start = threading.Barrier(4)

    def work(seed: int) -> None:
        chance = random.Random(seed)
        start.wait()
        for _ in range(12):
            case_id = chance.choice(cases)
            with contextlib.suppress(Refused, StopIteration, LookupError):
                match chance.randrange(4):
                    case 0:
                        company.choose(f"{case_id}-1-1", chance.choice(("deep", "deeper")), chance.choice(("ok", "go")))
                    case 1:
                        company.choose(case_id, "check", chance.choice(("go", "back")), why="w")
                    case 2:
                        company.service.withdraw_case(case_id, "s1", "race")
                    case _:
                        company.choose(case_id, "ask")

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, seed) for seed in range(4)]:
            done.result(60)
    for one in company.service.cases():
        state = company.service.case(one.case_id)
        assert replay(company.service.events(one.case_id)) == state
        if state.parent_case_id is not None and state.is_open:
            parent = company.service.case(state.parent_case_id)
            assert parent.is_open
            assert any(s.child_case_id == one.case_id and s.status == "active" for s in parent.steps.values())


def test_a_wait_is_over_when_the_scan_finds_its_time_has_come(ops_engine: Engine) -> None:
    raci = "raci: {responsible: cfo, accountable: cfo}"
    wait = f"{{id: w, kind: wait, title: {T}, {raci}, until: {{clock: PT2H}}, signal: s}}"
    waiting = template("waiting", f"- {wait}\n- {human('z')}\n")
    clock = FixedClock(MONDAY)
    made = ProcessService(
        ops_engine, clock=clock, templates=TemplateLibrary((waiting,)), directory=people, calendar=calendar()
    )
    first = made.open_case(OpenRequest(template_id="waiting", rule_id="a")).case_id
    second = made.open_case(OpenRequest(template_id="waiting", rule_id="b")).case_id
    assert made.fire_due_rungs() == 0
    made.send_signal(second, "s", person_id="cfo")
    clock.advance(timedelta(hours=2))
    assert made.fire_due_rungs() == 1
    assert made.fire_due_rungs() == 0
    outcomes = [made.case(one).steps["w"].outcome for one in (first, second)]
    assert outcomes == ["elapsed", "signalled"]


@pytest.mark.parametrize("gone", [False, True])
def test_a_child_opens_with_a_version_that_takes_what_its_parent_passes(company: Company, gone: bool) -> None:
    case_id = company.open()
    more = f"inputs:\n- {{name: limit, type: decimal, title: {T}, required: true}}\n"
    newer = template(
        "trial", f"- {human('make')}\n", more + f"- {{name: more, type: text, title: {T}, required: true}}\n"
    )
    others = [one for one in ALL if one.id != "trial"]
    company.service._templates = TemplateLibrary(others if gone else [*others, newer])
    company.choose(case_id, "ask")
    child = company.service.case(f"{case_id}-1")
    assert (child.template_hash, child.steps["make"].status) == (TRIAL.hash, "active")


STRICT = template(
    "at_once", f"- {human('x')}\n", f"inputs:\n- {{name: more, type: text, title: {T}, required: true}}\n"
)


def refused(company: Company) -> str:
    """A product whose last process no version fits when its turn comes."""
    company.service._templates = TemplateLibrary([*(one for one in ALL if one.id != "at_once"), STRICT])
    case_id = company.open()
    company.choose(case_id, "ask")
    company.choose(f"{case_id}-1", "make", fault="mould")
    company.choose(f"{case_id}-1-1", "deep")
    company.choose(f"{case_id}-1-1", "deeper", "go")
    return case_id


def test_where_no_version_of_a_child_fits_the_decision_stands_and_a_person_is_asked(company: Company) -> None:
    case_id = refused(company)
    after = company.choose(case_id, "check", "go")
    assert (after.steps["check"].outcome, after.steps["quick"].status) == ("go", "failed")
    (task,) = after.open_tasks
    assert (task.step_id, task.purpose, task.assignee) == ("quick", "rescue", "cfo")
    why = after.steps["quick"].error or ""
    assert "'at_once' cannot be opened from here. The input more" in why and "Put a version in force" in why
    (card,) = asked_by(company, task)
    assert "Why it cannot be opened" in card and "The input more" in card
    assert [one for one in company.statuses() if one.startswith(f"{case_id}-")] == [f"{case_id}-1-1", f"{case_id}-1"]
    # Nothing was mended: it is asked once more, and nothing is lost on the way.
    again = company.choose(case_id, "quick", "retry")
    assert [one.status for one in again.tasks.values() if one.step_id == "quick"] == ["decided", "open"]
    company.service._templates = TemplateLibrary(ALL)
    done = company.choose(case_id, "quick", "retry")
    assert (done.steps["quick"].outcome, company.statuses()[f"{case_id}-4"]) == ("completed", "completed")
    assert company.choose(case_id, "close").status == "closed"
    assert replay(company.service.events(case_id)) == company.service.case(case_id)


def test_what_no_version_does_is_done_by_hand(company: Company) -> None:
    case_id = refused(company)
    company.choose(case_id, "check", "go")
    with pytest.raises(Refused, match="What was done"):
        company.choose(case_id, "quick", "done_by_hand")
    assert company.choose(case_id, "quick", "done_by_hand", comment="by telephone").steps["close"].status == "active"
    assert company.service.case(case_id).steps["quick"].outcome == "done_by_hand"
    assert replay(company.service.events(case_id)) == company.service.case(case_id)


def test_a_case_that_begins_with_another_opens_all_the_same_and_can_be_taken_back(company: Company) -> None:
    whole = template("whole", f"- {process('first', 'at_once')}\n")
    company.service._templates = TemplateLibrary([STRICT, whole])
    request = OpenRequest(template_id="whole", rule_id="w", requested_by="s1", subject_id="P9")
    state = company.service.case(company.service.open_by_person(request).case_id)
    assert (state.status, state.steps["first"].status, state.open_tasks[0].assignee) == ("open", "failed", "cfo")
    assert company.service.withdraw_case(state.case_id, "s1", "not needed").outcome == "withdrawn"
    assert company.service.tasks() == []


def test_processes_that_came_to_open_each_other_end_with_a_question(ops_engine: Engine) -> None:
    """The linter finds a circle in the folder; a rollback may make one of versions that never were there together."""
    first = template("whole", f"- {process('inner_part', 'inner')}\n- {human('end')}\n")
    later = template("whole", f"- {human('end')}\n")
    circular = template("inner", f"- {process('whole_part', 'whole')}\n")
    company = Company(ops_engine)
    company.service._templates = TemplateLibrary([first, INNER])
    request = OpenRequest(template_id="whole", rule_id="w", requested_by="s1", subject_id="P8")
    company.service.open_by_person(request)
    company.service._templates = TemplateLibrary([later, circular])
    versions = TemplateVersions(
        ops_engine,
        clock=company.clock,
        templates=TemplateLibrary([later, circular]),
        directory=people,
        calendar=calendar(),
    )
    assert "open each other for ever" in " ".join(versions.roll_back("whole", "qm", first.hash).notes)
    request = OpenRequest(template_id="whole", rule_id="w", requested_by="s1", subject_id="P9")
    case_id = company.service.open_by_person(request).case_id
    inside = company.service.case(f"{case_id}-1")
    assert (inside.template_id, inside.steps["whole_part"].status) == ("inner", "failed")
    why = inside.steps["whole_part"].error or ""
    assert why.startswith("These processes open each other for ever: whole > inner > whole.")
    (task,) = inside.open_tasks
    assert (task.step_id, task.purpose) == ("whole_part", "rescue")


def asked_by(company: Company, task: TaskState) -> list[str]:
    """The cards with which this was asked."""
    posted = sa.select(outbox.c.payload).where(outbox.c.kind == CARD, outbox.c.card_key == card_of(task))
    with company.engine.connect() as connection:
        return [json.dumps(payload) for payload in connection.scalars(posted)]


def test_a_rollback_says_which_processes_do_not_fit_in_each_other(ops_engine: Engine) -> None:
    limit = f"inputs:\n- {{name: limit, type: decimal, title: {T}, required: true}}\n"
    narrow = template(
        "trial", f"- {human('make', extra=f', form: {FAULT}')}\n", limit.replace("true}", "true, max: 5}")
    )
    company = Company(ops_engine)
    company.service._templates = TemplateLibrary([*(one for one in ALL if one.id != "trial"), narrow])
    company.open()
    versions = TemplateVersions(
        ops_engine, clock=company.clock, templates=TemplateLibrary(ALL), directory=people, calendar=calendar()
    )
    (note,) = besides(versions.roll_back("trial", "qm", narrow.hash).notes)
    assert "'amount' may be above the `max` 5 of the input 'limit' of 'trial'" in note
    assert besides(versions.roll_back("trial", "qm", TRIAL.hash).notes) == []
