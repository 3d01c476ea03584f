"""``GET /api/v1/cases``: cases with their tasks and what happened to them. Deciding happens in Slack, not here."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from gateway.context import GatewayContext, context_of, reader_of
from gateway.governed_cases import GovernedCases
from gateway.paging import Limit, Offset, Page
from gateway.problems import Problem, responses
from ops_assets.access import Reader
from workflow_jobs.cases import CaseSummary, TaskSummary, UnknownCase
from workflow_jobs.engine.events import to_json


def _reader(request: Request) -> Reader:
    return reader_of(request)


Asking = Annotated[Reader, Depends(_reader)]
router = APIRouter(prefix="/api/v1", tags=["cases"])


class Case(BaseModel):
    """One case. Instants are UTC."""

    case_id: str
    template_id: str = Field(examples=["supply_exception"])
    status: str = Field(description="open, closed, watching_effect, effective, ineffective or cancelled.")
    outcome: str | None
    rule_id: str = Field(description="The watch rule that opened it.")
    subject_kind: str
    subject_id: str
    subject_label: str
    metric: str
    priority: str
    opened_at: datetime
    changed_at: datetime
    closed_at: datetime | None
    effect_due_at: datetime | None = Field(description="When the metric is looked at again.")
    effective: bool | None = Field(description="Whether the case moved the metric; null while that is not known.")


class Task(BaseModel):
    """One task of a case. Instants are UTC."""

    task_id: str
    step_id: str
    role: str
    assignee: str | None
    assignee_name: str | None
    status: str
    version: int
    created_at: datetime
    due_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    outcome: str | None
    working_minutes: int | None = Field(description="Working time that it took.")
    breached: bool = Field(description="Whether it was decided after its due time.")


class CaseList(Page):
    cases: list[Case]


class CaseDetail(BaseModel):
    case: Case
    tasks: list[Task] = Field(description="In the order in which they are due.")
    data: dict[str, Any] = Field(
        description="What was entered in the forms so far, and why a watch rule opened the case: `why`, `evidence`, "
        "and as `contributors` what moved the figure most. Empty for readers who may not see all of it."
    )
    events: list[dict[str, Any]] = Field(description="Everything that happened, oldest first.")


@router.get("/cases", response_model=CaseList, summary="List cases", responses=responses(401, 403))
def list_cases(
    request: Request,
    reader: Asking,
    status: Annotated[str | None, Query(description="Only this status.", examples=["open"])] = None,
    template: Annotated[str | None, Query(description="Only this template.", examples=["supply_exception"])] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> CaseList:
    """Cases, newest first."""
    context = context_of(request)
    governed = GovernedCases(context, reader)
    found = context.service.cases(status=status, template=template, limit=limit, offset=offset)
    total = context.service.count_cases(status, template)
    return CaseList(total=total, limit=limit, offset=offset, cases=[_case(governed, one) for one in found])


@router.get(
    "/cases/{case_id}", response_model=CaseDetail, summary="One case in full", responses=responses(401, 403, 404)
)
def show_case(request: Request, reader: Asking, case_id: Annotated[str, Path(max_length=64)]) -> CaseDetail:
    """A case with its tasks, the data entered so far and its log."""
    context = context_of(request)
    governed = GovernedCases(context, reader)
    try:
        state, summary = context.service.case(case_id), context.service.summary(case_id)
    except UnknownCase:
        raise Problem(404, f"There is no case {case_id!r}. `GET /api/v1/cases` lists them.") from None
    tasks = context.service.tasks(case_id=case_id, open_only=False)
    return CaseDetail(
        case=_case(governed, summary),
        tasks=[_task(context, governed, one) for one in tasks],
        data=governed.entered(state, state.data),
        events=governed.events(state, [to_json(event) for event in context.service.events(case_id)]),
    )


def _case(governed: GovernedCases, summary: CaseSummary) -> Case:
    seen = {
        key: governed.subject(summary.metric, summary.subject_kind, getattr(summary, key)) or ""
        for key in ("subject_id", "subject_label")
    }
    return Case(**asdict(summary) | seen)


def _task(context: GatewayContext, governed: GovernedCases, summary: TaskSummary) -> Task:
    body = {key: value for key, value in asdict(summary).items() if key in Task.model_fields}
    name = context.directory().name(summary.assignee) if summary.assignee else None
    assignee = governed.person(summary.assignee)
    return Task(
        **body
        | {
            "assignee": assignee,
            # One pseudonym for id and name, so that two people of one name stay two.
            "assignee_name": name if assignee == summary.assignee else assignee,
            "decided_by": governed.person(summary.decided_by),
        }
    )
