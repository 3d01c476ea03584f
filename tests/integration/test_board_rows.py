"""The board's statements on both databases: where cases stand, what is like them, what was sent about them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.engine_world import small
from tests.integration.test_template_walks import EVERYTHING
from tests.process_world import World
from tests.template_walks import Walks
from workflow_jobs.case_board import BoardFilter
from workflow_jobs.engine.state import CaseState
from workflow_jobs.sla_clock import light_of, used_share
from workflow_jobs.store.tables import case, service_step, task
from workflow_jobs.template_library import TemplateLibrary


@pytest.fixture
def world(ops_engine: sa.Engine) -> World:
    return World(ops_engine)


def standing(world: World, **asked: Any) -> dict[tuple[str, str], int]:
    columns, _, _ = world.service.board(BoardFilter(**asked), each=5)
    return {(column.kind, column.step_id): column.cases for column in columns}


def found(world: World, **asked: Any) -> set[str]:
    return {place.case_id for place in world.service.board(BoardFilter(**asked), each=50)[1]}


def test_places_follow_cases_through_their_process(world: World) -> None:
    first, second = world.open("S1").case_id, world.open("S2").case_id
    assert standing(world) == {("task", "judge"): 2}
    world.decide(first, "judge")
    assert standing(world) == {("task", "judge"): 1, ("task", "supplier"): 1, ("task", "protect"): 1}
    world.decide(first, "supplier")
    assert standing(world) == {("task", "judge"): 1, ("service", "replan"): 1, ("task", "protect"): 1}
    world.decide(first, "protect")
    world.serve(first)
    world.decide(first, "assess")
    world.decide(first, "promise")
    assert standing(world) == {("task", "judge"): 1}
    assert standing(world, status="watching_effect") == {("rest", ""): 1}
    assert standing(world, status=None) == {("task", "judge"): 1, ("rest", ""): 1}
    assert found(world, status=None, step=("supply_exception", "")) == {first}
    assert found(world, status=None, step=("supply_exception", "judge")) == {second}


class _Watched(Walks):
    """A walker that looks after every step whether the rows of all cases say rightly which of them rest."""

    seen: set[bool]

    def reload(self, case_id: str) -> CaseState:
        state = super().reload(case_id)
        with self.engine.connect() as connection:
            for told, true in connection.execute(_WHO_RESTS).tuples():
                assert told == true
                self.seen.add(told)
        return state


_WHO_RESTS = sa.select(
    case.c.rests,
    sa.and_(
        case.c.status == "open",
        ~sa.exists().where(task.c.case_id == case.c.case_id, task.c.status == "open"),
        ~sa.exists().where(service_step.c.case_id == case.c.case_id, service_step.c.status == "requested"),
    ),
)


def test_a_case_rests_while_nobody_is_asked_and_no_job_runs(ops_engine: sa.Engine) -> None:
    """On some ways through a process with people, a job, a wait, returns and withdrawals."""
    template = small(EVERYTHING, head="opened_by: [people]\n")
    walks = _Watched(template, ops_engine, library=TemplateLibrary([template]))
    walks.seen = set()
    for _ in range(6):
        walks.walk()
    assert walks.seen == {True, False}


def test_filters_and_the_order_of_columns(world: World) -> None:
    cases = []
    for number in range(6):
        cases.append(world.open(f"S{number}").case_id)
        world.clock.advance(timedelta(minutes=10))
    columns, places, states = world.service.board(BoardFilter(), each=4)
    assert (columns[0].cases, columns[0].overdue) == (6, 0)
    assert [place.case_id for place in places] == cases[:4]
    assert set(states) == set(cases[:4])
    _, rest, _ = world.service.board(BoardFilter(), each=4, offset=4)
    assert [place.case_id for place in rest] == cases[4:]
    (person, *_) = world.service.waited_for()
    assert found(world, assignees=frozenset({person})) == {one.case_id for one in world.service.tasks(person)}
    assert found(world, assignees=frozenset()) == set()
    assert found(world, words="supplier s3") == {cases[3]}
    assert found(world, words="%") == found(world, words="_") == set()
    hidden = frozenset({("metric_supplier_reject_rate", "supplier")})
    assert found(world, words="supplier s3", hidden_subjects=hidden) == set()
    assert found(world, words=cases[2], hidden_subjects=hidden) == {cases[2]}
    assert found(world, priority="high") == set(cases)
    assert found(world, priority="low") == found(world, template_id="data_incident") == set()
    world.clock.advance(timedelta(days=1))
    assert world.service.board(BoardFilter(), each=1)[0][0].overdue == 6


def test_a_share_ends_at_one_when_the_task_is_due_and_pauses_do_not_count(world: World) -> None:
    case_id = world.open().case_id
    task, calendar = world.task(case_id, "judge"), world.service.calendar()
    assert used_share(task, task.created_at, calendar) == pytest.approx(0)
    assert used_share(task, task.due_at, calendar) == pytest.approx(1)
    half = calendar.add_working(task.created_at, timedelta(seconds=task.sla_seconds / 2))
    assert used_share(task, half, calendar) == pytest.approx(0.5)
    assert light_of(0.79, overdue=False) == "green"
    assert light_of(0.8, overdue=False) == light_of(1.0, overdue=False) == "amber"
    assert light_of(0.2, overdue=True) == "red"


def test_candidates_for_similar_cases_have_ended_and_follow_the_same_template(world: World) -> None:
    ended = world.open("S1").case_id
    world.to_the_end(ended)
    others = [world.open("S1", rule_id="another_rule"), world.open("S2"), world.open("S3", rule_id="another_rule")]
    found = {one: [two.case_id for two in world.service.similar_cases(world.service.case(one))] for one in
             (ended, *(other.case_id for other in others))}  # fmt: skip
    assert found == {ended: [], **{other.case_id: [ended] for other in others}}


def test_messages_changes_and_templates(world: World) -> None:
    before = world.service.last_change()
    case_id = world.open().case_id
    assert world.service.last_change() > before
    sent = world.service.messages(case_id)
    assert sent[0].to == "#ops"
    assert world.task(case_id, "judge").assignee in {message.to for message in sent}
    assert {message.status for message in sent} == {"pending"}
    assert len(world.service.messages(case_id, limit=1)) == 1
    assert set(world.service.templates_used()) == {"supply_exception"}
    assert set(world.service.states([case_id, "C-999999"])) == {case_id}
