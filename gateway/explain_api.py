"""``GET /api/v1/metrics/{name}/explain``: why other departments' figures differ, exact and with its rows.

Belongs here: HTTP (parameters, statuses, the description of answers). What a reader sees is
ops_assets.governed_explanations, how it is computed ops_assets.reconciliation.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.context import context_of, reader_of
from gateway.problems import Problem, responses
from ops_assets.definition_bundle import bundle_of
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.governed_explanations import GovernedExplanations, Question
from ops_assets.governed_rows import Table
from ops_assets.reconciliation.answer import OURS, rounded_text
from ops_assets.reconciliation.explain import ExplainError, parse_span
from ops_assets.reconciliation.spec import ComparisonError
from resources.serving import Snapshot

router = APIRouter(prefix="/api/v1", tags=["metrics"])
_Name = Annotated[str, Path(examples=["metric_order_gross_margin"])]
_Claim = Annotated[str, Query(max_length=100, examples=["sales"])]
Against = Annotated[
    str,
    Query(max_length=100, description="`ours`, or another claim: what the gap is measured from.", examples=["ours"]),
]
Period = Annotated[
    str | None,
    Query(
        max_length=40,
        description="`window` (the headline's), `all`, `2026-10`, `2026-10-31` or `2026-10-01..2026-10-15`.",
        examples=["window"],
    ),
]
Where = Annotated[
    list[str],
    Query(
        max_length=8,
        description="A key value that rows are narrowed to, as `column=value`; may be repeated.",
        examples=[["order_no=SO2026102226"]],
    ),
]


class Words(BaseModel):
    en: str
    zh: str


class ExplainedPeriod(BaseModel):
    grain: str = Field(description="window, month, day or range.")
    start: date
    first: date | None = Field(description="First day; null: from the beginning.")
    last: date


class ExplainedFigure(BaseModel):
    numerator: str = Field(description='Exact, as "p/q" or a whole number.')
    denominator: str
    rows: int
    value: str | None = Field(description="Exact; null where there is nothing to divide by.")
    value_number: float | None


class ExplainedPart(BaseModel):
    """One cause's part of the gap, computed from its own rows."""

    id: str = Field(description="Names the part; its rows are at `/explain/rows?part=`.")
    place: str = Field(description="The side that it is about: ours, theirs or both.")
    cause: str = Field(
        description="only_here, counted_twice, other_period, input_differs, input_missing, rule_differs or "
        "figure_departs."
    )
    input: str
    label: Words
    numerator: str = Field(description="What it moves in the numerator, exact.")
    denominator: str
    part: str | None = Field(description="Its part of the gap, exact; null where the gap is not defined.")
    part_value: float | None
    rows: int


class Imbalance(BaseModel):
    numerator: str
    denominator: str


class ExplainedClaim(BaseModel):
    """A claim against ours, or against another claim. The gap is theirs minus ours."""

    metric: str
    claim: str
    claim_label: Words
    against: str
    against_label: Words
    period: ExplainedPeriod
    where: dict[str, str]
    ours: ExplainedFigure
    theirs: ExplainedFigure
    gap: str | None
    gap_value: float | None
    parts: list[ExplainedPart]
    balanced: bool = Field(description="The parts add up to the gap exactly, in numerator and denominator.")
    imbalance: Imbalance


class ExplainAnswer(BaseModel):
    snapshot_id: str
    published_at: datetime
    metric: str
    definition_version: int
    explanations: list[ExplainedClaim]


class RowsAnswer(BaseModel):
    snapshot_id: str
    metric: str
    columns: list[str]
    rows: list[list[Any]] = Field(description="In the order of `columns`; exact numbers are texts.")
    more: bool = Field(description="There are further rows: raise `offset`.")
    hidden: str | None = Field(description="What the reader's role does not show, in one sentence.")


@router.get(
    "/metrics/{name}/explain",
    response_model=ExplainAnswer,
    summary="Explain why other departments' figures differ",
    responses=responses(401, 403, 404, 422, 503),
)
def explain_metric(
    request: Request,
    name: _Name,
    claim: Annotated[str | None, Query(max_length=100, description="All claims when left out.")] = None,
    against: Against = OURS,
    period: Period = None,
    where: Where = [],  # noqa: B006 - FastAPI copies the default
) -> dict[str, Any]:
    """The gap of a claim with its parts, each from its own rows; exact numbers as text."""
    snapshot = context_of(request).published()
    asked = asking(request, snapshot, name)
    claims = [claim] if claim is not None else [one.name for one in asked.metric.claims if one.name != against]
    found = [asked.explain(one, against, period, where) for one in claims]
    return {
        "snapshot_id": snapshot.id,
        "published_at": snapshot.published_at,
        "metric": asked.metric.name,
        "definition_version": asked.metric.version,
        "explanations": [one.to_json() for one in found],
    }


@router.get(
    "/metrics/{name}/explain/rows",
    response_model=RowsAnswer,
    summary="The rows behind a part of a gap",
    responses={
        200: {"description": "The rows.", "content": {"text/csv": {"schema": {"type": "string"}}}},
        **responses(401, 403, 404, 422, 503),
    },
)
def explain_rows(
    request: Request,
    name: _Name,
    claim: _Claim,
    part: Annotated[str, Query(max_length=200, examples=["counted_twice.theirs."])],
    against: Against = OURS,
    period: Period = None,
    where: Where = [],  # noqa: B006 - FastAPI copies the default
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    offset: Annotated[int, Query(ge=0, le=10_000)] = 0,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Any:
    """The rows that make a part, the largest movement first, as the reader's role may see them."""
    snapshot = context_of(request).published()
    asked = asking(request, snapshot, name)
    table = asked.rows(claim, against, period, where, part, limit=limit, offset=offset)
    if form == "csv":
        return csv_response(table, f"{asked.metric.name}-{claim}")
    return {
        "snapshot_id": snapshot.id,
        "metric": asked.metric.name,
        "columns": list(table.columns),
        "rows": [[plain(value) for value in row] for row in table.rows],
        "more": table.more,
        "hidden": table.hidden.sentence() or None,
    }


class Asking:
    """One request about one metric of one snapshot, by its reader. Errors become problems with what can be asked."""

    def __init__(self, request: Request, snapshot: Snapshot, name: str) -> None:
        context = context_of(request)
        self.snapshot = snapshot
        self.reader = reader_of(request)
        self.explanations = GovernedExplanations(snapshot, bundle_of(context.snapshots, snapshot), context.access)
        try:
            self.metric: MetricDefinition = self.explanations.metric(name)
        except ExplainError as error:
            raise Problem(404, str(error)) from error

    def question(self, claim: str, against: str, period: str | None, where: Sequence[str]) -> Question:
        row = self.snapshot.rows("select as_of, window_days from metrics where metric = ?", [self.metric.name])
        if not row or row[0]["as_of"] is None:
            raise ExplainError(f"{self.metric.name} has no published figure, so there is nothing to compare.")
        span = None if not period else parse_span(period, row[0]["as_of"], row[0]["window_days"])
        return Question(claim, against or OURS, span, tuple(condition(one) for one in where if one.strip()))

    def explain(self, claim: str, against: str, period: str | None, where: Sequence[str]) -> Any:
        try:
            question = self.question(claim, against, period, where)
            return self.explanations.explain(self.metric, question, self.reader)
        except (ExplainError, ComparisonError) as error:
            raise Problem(422, str(error)) from error

    def rows(
        self,
        claim: str,
        against: str,
        period: str | None,
        where: Sequence[str],
        part: str,
        *,
        limit: int,
        offset: int = 0,
    ) -> Table:
        try:
            question = self.question(claim, against, period, where)
            return self.explanations.rows(self.metric, question, part, self.reader, limit=limit, offset=offset)
        except (ExplainError, ComparisonError) as error:
            raise Problem(422, str(error)) from error


def asking(request: Request, snapshot: Snapshot, name: str) -> Asking:
    """Raises Problem 401, 403, or 404 for an unknown metric."""
    return Asking(request, snapshot, name)


def condition(text: str) -> tuple[str, str]:
    """``order_no=SO1``. Raises ExplainError."""
    column, equals, value = text.partition("=")
    if not equals or not column.strip():
        raise ExplainError(f"{text!r} is no condition; write column=value, such as order_no=SO1.")
    return column.strip(), value.strip()


def csv_response(table: Table, stem: str) -> Response:
    """The table as a CSV file for download."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(table.columns)
    writer.writerows([_csv_cell(value) for value in row] for row in table.rows)
    headers = {"Content-Disposition": f'attachment; filename="{stem}.csv"'}
    # A byte order mark, so that spreadsheets read Chinese right.
    return Response("\ufeff" + lines.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def decimal_text(value: Fraction) -> str:
    """For spreadsheets, which know no fractions: exact where the decimals end within 15 digits, else rounded there."""
    shown = rounded_text(value, percent=False, decimals=15) or "0"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def plain(value: object) -> object:
    """A cell for JSON: exact numbers as text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)


def _csv_cell(value: object) -> object:
    """A cell for CSV. A text that a spreadsheet would take for a formula is quoted."""
    if value is None:
        return ""
    if isinstance(value, Fraction):
        return decimal_text(value)
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@"):
        return f"'{value}"
    return plain(value)
