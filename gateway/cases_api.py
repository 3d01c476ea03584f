"""``GET /api/v1/cases``: cases with their tasks and what happened to them. Deciding happens in Slack, not here."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from gateway.context import GatewayContext, context_of, require_reader
from gateway.paging import Limit, Offset, Page
from gateway.problems import Problem, responses
from gateway.tokens import READ
from workflow_jobs.cases import CaseSummary, TaskSummary, UnknownCase
from workflow_jobs.engine.events import to_json

# Lists are cut here rather than in SQL: a page further down than this is a question for the warehouse's history.
MOST_CASES = 10_000


def _reader(request: Request) -> None:
    require_reader(request, READ)


router = APIRouter(prefix="/api/v1", tags=["cases"], dependencies=[Depends(_reader)])


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
    data: dict[str, Any] = Field(description="What was entered in the forms so far.")
    events: list[dict[str, Any]] = Field(description="Everything that happened, oldest first.")


@router.get("/cases", response_model=CaseList, summary="List cases", responses=responses(401, 403))
def list_cases(
    request: Request,
    status: Annotated[str | None, Query(description="Only this status.", examples=["open"])] = None,
    template: Annotated[str | None, Query(description="Only this template.", examples=["supply_exception"])] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> CaseList:
    """Cases, newest first."""
    found = context_of(request).service.cases(status=status, template=template, limit=MOST_CASES)
    return CaseList(
        total=len(found), limit=limit, offset=offset, cases=[_case(one) for one in found[offset : offset + limit]]
    )


@router.get(
    "/cases/{case_id}", response_model=CaseDetail, summary="One case in full", responses=responses(401, 403, 404)
)
def show_case(request: Request, case_id: Annotated[str, Path(max_length=64)]) -> CaseDetail:
    """A case with its tasks, the data entered so far and its log."""
    context = context_of(request)
    try:
        state = context.service.case(case_id)
    except UnknownCase:
        raise Problem(404, f"There is no case {case_id!r}. `GET /api/v1/cases` lists them.") from None
    found = context.service.cases(limit=MOST_CASES)
    summary = next(one for one in found if one.case_id == case_id)
    tasks = context.service.tasks(case_id=case_id, open_only=False)
    return CaseDetail(
        case=_case(summary),
        tasks=[_task(context, one) for one in tasks],
        data=dict(state.data),
        events=[to_json(event) for event in context.service.events(case_id)],
    )


def _case(summary: CaseSummary) -> Case:
    return Case(**asdict(summary))


def _task(context: GatewayContext, summary: TaskSummary) -> Task:
    body = asdict(summary)
    name = context.directory().name(summary.assignee) if summary.assignee else None
    return Task(**{field: body[field] for field in Task.model_fields if field in body}, assignee_name=name)
