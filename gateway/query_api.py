"""``POST /api/v1/metrics/query``: figures by dimension and period, asked for as structured data and never as SQL.

Belongs here: HTTP (formats, statuses, the description of body and answer). What a query means is ops_assets.semantic.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any, get_args

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from gateway.context import context_of, reader_of
from gateway.problems import Problem, responses
from ops_assets.semantic.formats import MEDIA_TYPES, Format
from ops_assets.semantic.query import MetricQuery, QueryError, Reason

router = APIRouter(prefix="/api/v1", tags=["metrics"])
FORMATS: tuple[Format, ...] = get_args(Format)
_NO_SUCH_FIELD = f"There is no such field; a query takes {', '.join(MetricQuery.model_fields)}, and never SQL"
_STATUS: dict[Reason, int] = {
    "unknown": 422, "invalid": 422, "too_large": 422, "too_slow": 422, "unavailable": 409, "forbidden": 403,
    "busy": 429,
}  # fmt: skip


class TrustState(BaseModel):
    state: str = Field(description="trusted, degraded, held, stale or unavailable.")
    score: float | None = Field(description="0 to 100.")
    since: datetime | None
    sentence_en: str
    sentence_zh: str


class AnsweredMetric(BaseModel):
    """A metric of the answer, and how far its figures can be relied on."""

    metric: str
    label_en: str
    label_zh: str
    unit: str
    decimals: int
    aggregation: str
    owner_role: str = Field(description="Who answers for the figure.")
    definition_version: int
    as_of: date | None
    state: str = Field(description="published, warning or held (the last good figures are shown).")
    reason: str | None
    figures_from: str | None = Field(description="The snapshot that the figures come from: an older one while held.")
    trust: TrustState


class AnsweredFigure(BaseModel):
    value: float | None
    text: str | None = Field(description="As people see it: percent times 100, rounded to the metric's decimals.")
    numerator: str | None = Field(description="Exact decimal.")
    denominator: str | None = Field(description="Exact decimal.")


class AnsweredMember(BaseModel):
    id: str | None
    label: str | None


class AnsweredRow(BaseModel):
    period_start: date | None
    dimensions: dict[str, AnsweredMember]
    figures: dict[str, AnsweredFigure] = Field(description="By metric.")


class QueryAnswer(BaseModel):
    """Figures of one snapshot, with the definitions that made it; never a mix of two versions."""

    snapshot_id: str
    definitions: str = Field(description="Digest of all definitions behind the snapshot.")
    published_at: datetime
    first_day: date | None = Field(alias="from", description="null: from the beginning.")
    to: date
    grain: str | None
    figure: str
    dimensions: list[str]
    metrics: list[AnsweredMetric]
    rows: list[AnsweredRow]
    more: bool = Field(description="The limit cut rows off.")
    hidden: str | None = Field(description="What the reader's role does not show, in one sentence.")


def answer_content(description: str) -> dict[str, Any]:
    """The OpenAPI entry of an answer in all formats."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    others = {media_type: binary for form, media_type in MEDIA_TYPES.items() if form != "json"}
    return {"description": description, "content": others}


def _body_schema() -> dict[str, Any]:
    """The query's JSON schema in one piece: references would point into the OpenAPI document."""
    schema = MetricQuery.model_json_schema(by_alias=True)
    parts = schema.pop("$defs", {})

    def inlined(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                part = parts[node["$ref"].rsplit("/", 1)[-1]]
                return inlined({**part, **{key: value for key, value in node.items() if key != "$ref"}})
            return {key: inlined(value) for key, value in node.items()}
        return [inlined(one) for one in node] if isinstance(node, list) else node

    found: dict[str, Any] = inlined(schema)
    return found


@router.post(
    "/metrics/query",
    response_model=QueryAnswer,
    summary="Query metrics by dimension and period",
    responses={200: answer_content("The figures."), **responses(400, 401, 403, 406, 409, 413, 422, 429, 503)},
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _body_schema()}}}},
)
async def query_metrics(request: Request) -> Response:
    """Figures split by dimensions and periods, as JSON, CSV or Arrow (`Accept`, or `?format=`)."""
    query, form = parsed(await request.body()), wanted_format(request)
    if "authorization" not in request.headers:
        # What was answered before needs no thread; looking a token up does.
        context = context_of(request)
        kept = context.queries.kept(query, reader_of(request), form, context.published())
        if kept is not None:
            return _response(kept, query, form)
    return await run_in_threadpool(respond, request, query, form)


def parsed(body: bytes) -> MetricQuery:
    """The query in a JSON body. Raises Problem 400 or 422 that names every wrong field."""
    try:
        return MetricQuery.model_validate_json(body)
    except ValidationError as error:
        raise invalid(error) from error


def invalid(error: ValidationError) -> Problem:
    """What is wrong with a query's form, field by field."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if any(one["type"] == "json_invalid" for one in found):
        return Problem(400, f"The body is not valid JSON: {found[0]['msg'].removeprefix('Invalid JSON: ')}.")
    errors = [
        {
            "where": ".".join(str(part)[:60] for part in one["loc"]) or "body",
            "message": _NO_SUCH_FIELD if one["type"] == "extra_forbidden" else one["msg"],
        }
        for one in found
    ]
    detail = "; ".join(f"{one['where']}: {one['message']}" for one in errors[:3])
    return Problem(422, f"The query is not as described at /docs. {detail}.", errors=errors[:20])


def respond(request: Request, query: MetricQuery, form: Format, *, named_in_path: bool = False) -> Response:
    """Answer a query from the current snapshot. Raises Problem."""
    context = context_of(request)
    reader = reader_of(request)
    try:
        body = context.queries.encoded(query, reader, form, context.published())
    except QueryError as error:
        raise _problem(
            error, 404 if named_in_path and error.reason == "unknown" and not error.where else None
        ) from error
    return _response(body, query, form)


def _response(body: bytes, query: MetricQuery, form: Format) -> Response:
    headers = {"Vary": "Accept, Authorization", "Cache-Control": "private, no-cache"}
    if form != "json":
        name = query.metrics[0] if re.fullmatch(r"[a-z0-9_]+", query.metrics[0]) else "figures"
        ending = "csv" if form == "csv" else "arrows"
        headers["Content-Disposition"] = f'attachment; filename="{name}.{ending}"'
    return Response(body, media_type=MEDIA_TYPES[form], headers=headers)


def _problem(error: QueryError, status: int | None = None) -> Problem:
    more: dict[str, Any] = {}
    if error.where:
        more["where"] = error.where
    if error.near:
        more["near"] = list(error.near)
    headers = {"Retry-After": "2"} if error.reason == "busy" else None
    return Problem(status or _STATUS[error.reason], error.sentence, headers=headers, **more)


def wanted_format(request: Request) -> Format:
    """``?format=`` before ``Accept``; JSON where neither asks for anything. Raises Problem 406 or 422."""
    asked = request.query_params.get("format")
    if asked is not None:
        for form in FORMATS:
            if asked == form:
                return form
        raise Problem(422, f"`format` is one of {', '.join(FORMATS)}.")
    accepted = [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "*/*").split(",")]
    for kind in accepted:
        for form, media_type in MEDIA_TYPES.items():
            if kind == media_type:
                return form
    if any(kind in {"*/*", "application/*", "", "text/html"} for kind in accepted):
        return "json"
    raise Problem(406, f"Answers come as {', '.join(MEDIA_TYPES.values())}.")
