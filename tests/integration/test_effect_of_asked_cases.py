"""A case that a person opens is judged by the figure that its template names, as published when it opened."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy.engine import Engine

from resources.clock import FixedClock
from tests.engine_world import MONDAY, calendar, human, people, small
from workflow_jobs.cases import Observed, OpenRequest
from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.template import Template
from workflow_jobs.service import ProcessService
from workflow_jobs.slack.wording import MetricFigure
from workflow_jobs.template_library import TemplateLibrary

ASKED = (
    "opened_by: [people]\n"
    "effect: {{metric_from: {source}, {metric}window: P7D, rule: 'value < baseline', on_failure: escalate}}\n"
)


def asked(source: str = "template", metric: str = "metric: metric_lead_time, ") -> Template:
    return small(f"- {human('look')}\n", head=ASKED.format(source=source, metric=metric))


def service_of(engine: Engine, template: Template, figure: MetricFigure | None, clock: FixedClock) -> ProcessService:
    return ProcessService(
        engine,
        clock=clock,
        templates=TemplateLibrary([template]),
        directory=people,
        calendar=calendar(),
        figures=lambda _metric: figure,
    )


@pytest.mark.parametrize(("after", "status"), [("6.5", "effective"), ("7.25", "ineffective")])
def test_the_figure_when_it_opened_is_the_baseline(ops_engine: Engine, after: str, status: str) -> None:
    clock = FixedClock(MONDAY)
    figure = MetricFigure("Lead time", unit="days", value=Decimal("7.25"), snapshot_id="snap-1")
    service = service_of(ops_engine, asked(), figure, clock)
    opened = service.open_by_person(
        OpenRequest(template_id="small", rule_id="asked/1", subject_id="X", requested_by="s1")
    )
    state = service.case(opened.case_id)
    assert (state.metric, state.observed, state.snapshot_id) == ("metric_lead_time", "7.25", "snap-1")
    (task,) = state.open_tasks
    service.decide_task(task.task_id, task.version, task.assignee or "", "ok")
    clock.advance(timedelta(days=7))
    watched = []

    def observe(case: CaseState) -> Observed:
        watched.append((case.metric, case.subject_kind, case.observed))
        return Observed(after, None)

    assert service.judge_due_effects(observe, "snap-2") == 1
    assert watched == [("metric_lead_time", "", "7.25")]
    assert service.case(opened.case_id).status == status


def test_without_a_published_figure_the_metric_is_kept_and_nothing_is_made_up(ops_engine: Engine) -> None:
    service = service_of(ops_engine, asked(), None, FixedClock(MONDAY))
    opened = service.open_by_person(OpenRequest(template_id="small", rule_id="asked/1", requested_by="s1"))
    state = service.case(opened.case_id)
    assert (state.metric, state.observed) == ("metric_lead_time", None)


def test_a_trigger_of_its_own_comes_first(ops_engine: Engine) -> None:
    template = asked("trigger")
    figure = MetricFigure("Lead time", value=Decimal(7), snapshot_id="snap-1")
    service = service_of(ops_engine, template, figure, FixedClock(MONDAY))
    triggered = OpenRequest(template_id="small", rule_id="r", subject_id="X", metric="metric_other", observed="0.5")
    state = service.case(service.open_case(triggered).case_id)
    assert (state.metric, state.observed) == ("metric_other", "0.5")


@pytest.mark.parametrize(("source", "why"), [("template", "the template says by which"), ("trigger", "people open it")])
def test_the_linter_wants_a_metric_where_there_is_no_trigger(source: str, why: str) -> None:
    assert any(why in finding.message for finding in lint(asked(source, metric="")))
