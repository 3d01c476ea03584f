"""``GET /api/v1/metrics``: published figures, with their state and the date as of which they hold.

Belongs here: the list, and one metric in full or split as its parameters say. Queries over several metrics, and what
an answer looks like, are gateway.query_api's.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field, ValidationError

from gateway.context import context_of, reader_of
from gateway.metric_search import search_metrics
from gateway.paging import Limit, Offset, Page
from gateway.problems import Problem, responses
from gateway.query_api import QueryAnswer, TrustState, answer_content, invalid, respond, wanted_format
from ops_assets.access import Reader
from ops_assets.checks.trust import Trust
from ops_assets.definition_bundle import bundle_of
from ops_assets.governed_figures import GovernedFigures
from ops_assets.semantic.formats import Format
from ops_assets.semantic.plan import near_names
from ops_assets.semantic.query import MOST_ROWS, Grain, MetricQuery, Order, TimeRange
from ops_assets.trust import trust_of
from resources.serving import Snapshot

router = APIRouter(prefix="/api/v1", tags=["metrics"])
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
    trust: TrustState | None = Field(None, description="Whether the figure may be relied on now.")
    hidden: str | None = Field(None, description="Why the reader's role gets no figure, in one sentence.")


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
    hidden: str | None = Field(None, description="What the reader's role does not show, in one sentence.")


@router.get("/metrics", response_model=MetricList, summary="List published metrics", responses=responses(401, 403, 503))
def list_metrics(
    request: Request,
    domain: Annotated[str | None, Query(description="Only this domain.", examples=["supply"])] = None,
    state: Annotated[str | None, Query(description="Only this state.", examples=["held"])] = None,
    search: Annotated[
        str | None,
        Query(
            description="Only what these words find, best first; English or Chinese, as on the page `/metrics`.",
            examples=["reject rate"],
            max_length=200,
        ),
    ] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> MetricList:
    """Every metric of the catalogue in the current snapshot, ordered by domain and name."""
    context = context_of(request)
    snapshot = context.published()
    found = [
        metric
        for metric in _shown(request, snapshot, published_metrics(snapshot))
        if domain in (None, metric.domain) and state in (None, metric.state)
    ]
    if search is not None:
        results = search_metrics(context.snapshots, snapshot, search, context.settings.search_embedder)
        places = {result.name: place for place, result in enumerate(results)}
        found = sorted((metric for metric in found if metric.metric in places), key=lambda one: places[one.metric])
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
    response_model=MetricDetail | QueryAnswer,
    summary="One metric in full, or split by period and dimension",
    responses={
        200: answer_content("The metric; with any parameter, its figures as `POST /api/v1/metrics/query` gives them."),
        **responses(401, 403, 404, 406, 409, 422, 429, 503),
    },
)
def show_metric(
    request: Request,
    name: Annotated[str, Path(examples=["metric_supplier_reject_rate"])],
    grain: Annotated[Grain | None, Query(description="Split by period; weeks begin on Monday.")] = None,
    first: Annotated[date | None, Query(alias="from", description="First day.")] = None,
    last: Annotated[date | None, Query(alias="to", description="Last day, inclusive.")] = None,
    dimension: Annotated[list[str], Query(description="Split by these dimensions.", max_length=3)] = [],  # noqa: B006
    figure: Annotated[
        Literal["period", "window", "to_date"], Query(description="See the query's `figure`.")
    ] = "period",
    order: Annotated[
        list[str], Query(description="`period`, a dimension or the metric; `-` before it turns it round.", max_length=4)
    ] = [],  # noqa: B006
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows at most.")] = 1_000,
    form: Annotated[Format | None, Query(alias="format", description="Instead of `Accept`.")] = None,
) -> Any:
    """A metric with its months and its most important subjects; with any parameter or another format, its figures split
    as the parameters say.
    """
    wanted = wanted_format(request)
    if wanted == "json" and not set(request.query_params) - {"format"}:
        return _detail(request, name)
    try:
        query = MetricQuery(
            metrics=(name,),
            dimensions=tuple(dimension),
            grain=grain,
            time_range=TimeRange(first=first, last=last) if first or last else None,
            figure=figure,
            order=tuple(Order(by=by.removeprefix("-"), direction="desc" if by[:1] == "-" else "asc") for by in order),
            limit=limit,
        )
    except ValidationError as error:
        raise invalid(error) from error
    return respond(request, query, wanted, named_in_path=True)


def _detail(request: Request, name: str) -> MetricDetail:
    snapshot = context_of(request).published()
    reader = reader_of(request)
    # The prefix may be left out, as on the command line.
    full = name if name.startswith("metric_") else f"metric_{name}"
    metrics = published_metrics(snapshot)
    found = _shown(request, snapshot, [metric for metric in metrics if metric.metric == full])
    if not found:
        near = near_names(full, [metric.metric for metric in metrics])
        hint = f"Did you mean {', '.join(near)}?" if near else "`GET /api/v1/metrics` lists them."
        raise Problem(404, f"There is no metric {name[:100]!r} in snapshot {snapshot.id}. {hint}", near=near)
    (metric,) = found
    if metric.hidden is not None:
        raise Problem(403, metric.hidden)
    periods = snapshot.rows(
        "select period_start, grain, numerator, denominator, value from metric_period where metric = ?"
        " order by grain, period_start",
        [full],
    )
    ranked = snapshot.rows(
        "with ranked as (select *, row_number() over (partition by dimension order by"
        " try_cast(denominator as double) desc nulls last, subject_id) as place from metric_subject where metric = ?)"
        " select dimension, subject_id, subject_label, window_start, window_end, numerator, denominator, value,"
        f' "rows" from ranked where place <= {_SUBJECTS_SHOWN} order by dimension, place',
        [full],
    )
    subjects, hidden = _figures(request, snapshot).subjects(reader, full, ranked)
    return MetricDetail(
        snapshot_id=snapshot.id,
        published_at=snapshot.published_at,
        metric=metric,
        periods=[Period(**row) for row in periods],
        subjects=[Subject(**row) for row in subjects],
        hidden=hidden.sentence() or None,
    )


def _figures(request: Request, snapshot: Snapshot) -> GovernedFigures:
    context = context_of(request)
    return GovernedFigures(bundle_of(context.snapshots, snapshot), context.access)


def _shown(request: Request, snapshot: Snapshot, metrics: list[Metric]) -> list[Metric]:
    """The metrics with their trust, and without the figures that the reader may not see."""
    figures, reader = _figures(request, snapshot), reader_of(request)
    trust = trust_of(snapshot, context_of(request).clock.now())
    return [_for_reader(metric, trust.get(metric.metric), figures, reader) for metric in metrics]


def _for_reader(metric: Metric, trust: Trust | None, figures: GovernedFigures, reader: Reader) -> Metric:
    more: dict[str, Any] = {}
    if trust is not None:
        more["trust"] = TrustState(
            state=trust.state, score=trust.score, since=trust.since,
            sentence_en=trust.sentence("en"), sentence_zh=trust.sentence("zh"),
        )  # fmt: skip
    refusal = figures.refusal(reader, metric.metric)
    if refusal is not None:
        more |= {"hidden": refusal, "value": None, "numerator": None, "denominator": None, "reason": None}
    return metric.model_copy(update=more)


def published_metrics(snapshot: Snapshot) -> list[Metric]:
    """All metrics of a snapshot, ordered by domain and name."""
    return [_metric(row) for row in snapshot.rows(f"select {METRIC_COLUMNS} from metrics order by domain, metric")]


def _metric(row: dict[str, Any]) -> Metric:
    text = {key: None if row[key] is None else str(row[key]) for key in ("numerator", "denominator")}
    return Metric(**(row | text))
