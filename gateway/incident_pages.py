"""The page ``/incidents`` and ``GET /api/v1/incidents``: one line for each root cause."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from gateway.context import context_of, reader_of
from gateway.governed_cases import GovernedCases
from gateway.pages import language_of, page
from gateway.paging import Limit, Offset, Page
from gateway.problems import responses
from workflow_jobs.incident_list import IncidentLine, incident_list

MOST_INCIDENTS = 2_000
router = APIRouter()


class Incident(BaseModel):
    """One root cause with everything that fails because of it. Instants are UTC."""

    case_id: str
    kind: str = Field(description="asset, source, sensor, schedule, job, error or daemon.")
    subject_id: str = Field(examples=["fct_delivery"])
    label: str
    standing: str = Field(description="open, acknowledged, snoozed, waiting (for the check), resolved or joined.")
    opened_at: datetime
    closed_at: datetime | None
    seen: int = Field(
        description="How often it was recorded: when it began, came back or changed, and each time that a run or a "
        "sensor failed."
    )
    last_seen_at: datetime | None = Field(description="When its cause was last found.")
    reopened: int = Field(description="How often it came back.")
    owner_role: str
    assignee: str | None = Field(description="A person id; a pseudonym for readers who do not see who works on cases.")
    assignee_name: str | None
    due_at: datetime | None
    snoozed_until: datetime | None
    failed: list[dict[str, Any]] = Field(
        description="Checks that failed, with what was observed where the reader sees the figures."
    )
    held: list[dict[str, Any]] = Field(description="Metrics held back, with the date of their last good figures.")
    symptoms: list[str] = Field(description="What fails because of it.")
    cause: str | None = Field(
        description="The cause that was stated, if one was; empty for readers who may not see what was entered."
    )
    part_of: str | None = Field(description="The incident that it became part of.")
    took_in: list[str] = Field(description="Incidents that became part of it.")


class IncidentList(Page):
    incidents: list[Incident]


@router.get(
    "/api/v1/incidents",
    response_model=IncidentList,
    summary="List incidents",
    tags=["cases"],
    responses=responses(401, 403),
)
def list_incidents(
    request: Request,
    closed: Annotated[bool, Query(description="Also those that are closed.")] = False,
    limit: Limit = 100,
    offset: Offset = 0,
) -> IncidentList:
    """Root causes of what fails, newest first."""
    context = context_of(request)
    governed = GovernedCases(context, reader_of(request))
    found = incident_list(context.service, closed=closed, limit=MOST_INCIDENTS)
    shown = [_incident(governed, line) for line in found[offset : offset + limit]]
    return IncidentList(total=len(found), limit=limit, offset=offset, incidents=shown)


@router.get("/incidents", include_in_schema=False)
def incidents_page(request: Request, closed: Annotated[bool, Query()] = False) -> Response:
    context = context_of(request)
    governed = GovernedCases(context, reader_of(request), language_of(request))
    lines = incident_list(context.service, closed=closed, limit=MOST_INCIDENTS)
    return page(
        request,
        "incidents.html",
        incidents=[_incident(governed, line) for line in lines[:200]],
        total=len(lines),
        closed=closed,
        chinese=language_of(request) == "zh",
    )


def _incident(governed: GovernedCases, line: IncidentLine) -> Incident:
    """The line as its reader may see it."""
    body = {key: value for key, value in asdict(line).items() if key in Incident.model_fields}
    for key in ("subject_id", "label"):
        body[key] = governed.subject(line.metric, line.kind, body[key]) or ""
    if not governed.sees_findings(line):
        body["failed"] = [{**one, "sentence": ""} for one in line.failed]
    if not governed.sees_entries(line):
        body["cause"] = None
    body["assignee"] = governed.person(line.assignee)
    return Incident(**body, assignee_name=governed.named(line.assignee) or None)
