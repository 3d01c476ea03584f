"""``GET /api/v1/metrics``: published figures, with their state and the date as of which they hold."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from gateway.context import context_of, require_reader
from gateway.paging import Limit, Offset, Page
from gateway.problems import Problem, responses
from gateway.tokens import READ
from resources.serving import Snapshot


def _reader(request: Request) -> None:
    require_reader(request, READ)


router = APIRouter(prefix="/api/v1", tags=["metrics"], dependencies=[Depends(_reader)])
_SUBJECTS_SHOWN = 50

# `rows` is a word of SQL, so it is quoted.
METRIC_COLUMNS = """metric, label_en, label_zh, domain, owner_role, unit, decimals, direction, aggregation, window_days,
    state, reason, value, numerator, denominator, as_of, good_snapshot_id, definition_version, "rows" """


class Metric(BaseModel):
    """A governed metric as last published. `value` is null where there is no good figure to show."""

    metric: str = Field(
        description="Name of the metric; also its asset in Dagster.", examples=["metric_supplier_reject_rate"]
    )
    label_en: str
    label_zh: str
    domain: str = Field(description="profit, delivery, quality, production, supply, people or process.")
    owner_role: str
    unit: str = Field(description="percent (value x 100 is shown), days, hours, count, cny, ratio or score.")
    decimals: int = Field(description="Digits of the shown value.")
    direction: str = Field(description="Which way is better: up, down or none.")
    aggregation: str
    window_days: int | None = Field(description="The figure covers this many days up to as_of; null: all history.")
    state: str = Field(
        description="published; warning; held (the last good figures are shown); none_good (held back, none good yet); "
        "unavailable (this pack does not feed it)."
    )
    reason: str | None = Field(description="Why the state is not `published`.")
    value: float | None
    numerator: str | None = Field(description="Exact decimal.")
    denominator: str | None = Field(description="Exact decimal.")
    as_of: date | None
    good_snapshot_id: str | None = Field(description="The snapshot that the figures come from.")
    definition_version: int | None
    rows: int | None = Field(description="Rows at finest grain behind the figure.")


class MetricList(Page):
    snapshot_id: str
    published_at: datetime
    metrics: list[Metric]


class Period(BaseModel):
    period_start: date
    grain: str
    numerator: str | None
    denominator: str | None
    value: float | None


class Subject(BaseModel):
    dimension: str
    subject_id: str
    subject_label: str | None
    window_start: date | None
    window_end: date | None
    numerator: str | None
    denominator: str | None
    value: float | None
    rows: int | None


class MetricDetail(BaseModel):
    snapshot_id: str
    published_at: datetime
    metric: Metric
    periods: list[Period] = Field(description="By month, oldest first.")
    subjects: list[Subject] = Field(description="The most important subjects of each dimension, by denominator.")


@router.get("/metrics", response_model=MetricList, summary="List published metrics", responses=responses(401, 403, 503))
def list_metrics(
    request: Request,
    domain: Annotated[str | None, Query(description="Only this domain.", examples=["supply"])] = None,
    state: Annotated[str | None, Query(description="Only this state.", examples=["held"])] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> MetricList:
    """Every metric of the catalogue in the current snapshot, ordered by domain and name."""
    snapshot = context_of(request).published()
    found = [
        metric
        for metric in published_metrics(snapshot)
        if domain in (None, metric.domain) and state in (None, metric.state)
    ]
    return MetricList(
        total=len(found),
        limit=limit,
        offset=offset,
        snapshot_id=snapshot.id,
        published_at=snapshot.published_at,
        metrics=found[offset : offset + limit],
    )


@router.get(
    "/metrics/{name}",
    response_model=MetricDetail,
    summary="One metric in full",
    responses=responses(401, 403, 404, 503),
)
def show_metric(request: Request, name: Annotated[str, Path(examples=["metric_supplier_reject_rate"])]) -> MetricDetail:
    """A metric with its months and its most important subjects, from one snapshot."""
    snapshot = context_of(request).published()
    # The prefix may be left out, as on the command line.
    full = name if name.startswith("metric_") else f"metric_{name}"
    found = [_metric(row) for row in snapshot.rows(f"select {METRIC_COLUMNS} from metrics where metric = ?", [full])]
    if not found:
        raise Problem(404, f"There is no metric {name!r} in snapshot {snapshot.id}. `GET /api/v1/metrics` lists them.")
    periods = snapshot.rows(
        "select period_start, grain, numerator, denominator, value from metric_period where metric = ?"
        " order by grain, period_start",
        [full],
    )
    subjects = snapshot.rows(
        "with ranked as (select *, row_number() over (partition by dimension order by"
        " try_cast(denominator as double) desc nulls last, subject_id) as place from metric_subject where metric = ?)"
        " select dimension, subject_id, subject_label, window_start, window_end, numerator, denominator, value,"
        f' "rows" from ranked where place <= {_SUBJECTS_SHOWN} order by dimension, place',
        [full],
    )
    return MetricDetail(
        snapshot_id=snapshot.id,
        published_at=snapshot.published_at,
        metric=found[0],
        periods=[Period(**row) for row in periods],
        subjects=[Subject(**row) for row in subjects],
    )


def published_metrics(snapshot: Snapshot) -> list[Metric]:
    """All metrics of a snapshot, ordered by domain and name."""
    return [_metric(row) for row in snapshot.rows(f"select {METRIC_COLUMNS} from metrics order by domain, metric")]


def _metric(row: dict[str, Any]) -> Metric:
    text = {key: None if row[key] is None else str(row[key]) for key in ("numerator", "denominator")}
    return Metric(**(row | text))
