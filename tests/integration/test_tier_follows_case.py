"""A watch rule finds a case worse while its approval waits, through the service, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from resources.clock import FixedClock
from tests.engine_world import MONDAY, calendar, people, small
from tests.process_world import World, request
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.service import ProcessService
from workflow_jobs.store.tables import outbox, task
from workflow_jobs.template_library import TemplateLibrary

T = "{en: T, zh: 题}"
APPROVAL = (
    f"  - {{id: approve, kind: human, title: {T}, raci: {{accountable: plant_manager}}, sla: PT4H, tiers: ["
    "{when: 'case.observed != null && case.observed < 0.1', responsible: finance_analyst}, "
    f"{{default: true, responsible: cfo}}], outcomes: [{{id: ok, title: {T}}}]}}\n"
)


def test_a_later_figure_takes_the_approval_to_the_tier_that_it_needs(ops_engine: Engine) -> None:
    service = ProcessService(
        ops_engine,
        clock=FixedClock(MONDAY),
        templates=TemplateLibrary([small(APPROVAL)]),
        directory=people,
        calendar=calendar(),
        pack="small",
        channel="ops",
    )
    case_id = service.open_case(request(template_id="small", observed="0.09")).case_id
    (low,) = service.case(case_id).open_tasks
    assert low.assignee == "f1"
    assert service.open_case(request(snapshot="snap-2", template_id="small", observed="0.60")).case_id == case_id
    with pytest.raises(Refused, match="it takes the role cfo now"):
        service.decide_task(low.task_id, low.version, "f1", "ok", {}, "test")
    (high,) = service.case(case_id).open_tasks
    assert high.assignee == "cfo"
    assert replay(service.events(case_id)) == service.case(case_id)
    with ops_engine.connect() as connection:
        stored = dict(connection.execute(sa.select(task.c.task_id, task.c.status)).tuples().all())
        cards = connection.execute(sa.select(outbox.c.card_key, outbox.c.payload)).tuples().all()
    assert stored == {low.task_id: "cancelled", high.task_id: "open"}
    told = [str(payload) for key, payload in cards if key == f"task:{low.task_id}:1"]
    assert "Withdrawn: the case has changed and now needs approval by" in told[-1]
    assert f"task:{high.task_id}:1" in [key for key, _ in cards]
    assert service.decide_task(high.task_id, high.version, "cfo", "ok", {}, "test").case.outcome == "completed"


def test_a_case_without_effect_begins_afresh(ops_engine: Engine) -> None:
    world = World(ops_engine)
    case_id = world.open().case_id
    first = world.to_the_end(case_id)
    assert {"impact_amount", "measure_cost", "cost_bearer"} <= first.data.keys()
    world.clock.advance(timedelta(days=7))
    again = world.service.judge_effect(case_id, "0.2", "snap-9")
    assert again.data == {"as_of": "2026-11-15"}, "what it was opened with"
    assert replay(world.service.events(case_id)) == world.service.case(case_id) == again
    assert world.to_the_end(case_id).status == "watching_effect"
