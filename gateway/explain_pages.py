"""The page ``/metrics/{name}/explain``: a gap as a waterfall, its parts, the rows behind each; and its slot on the
metric's own page.

Belongs here: addresses and what the templates show. What a reader may see is ops_assets.governed_explanations.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from gateway.context import require_reader
from gateway.explain_api import Against, Asking, Period, Where, asking, csv_response
from gateway.explain_words import (
    cause_short,
    cause_text,
    exact_number,
    figure_text,
    gap_text,
    input_text,
    parts_sum,
    side_text,
    span_code,
    span_text,
)
from gateway.figure_rows import figure_rows_page
from gateway.metric_lines import Reading
from gateway.pages import language_of, page, snapshot_read
from gateway.problems import Problem
from gateway.tokens import READ
from gateway.words import Language, chosen, text
from ops_assets.access import AccessRefused
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.reconciliation.answer import OURS, Explanation, Part, Span
from ops_assets.reconciliation.explain import ExplainError

router = APIRouter(include_in_schema=False)
_PAGE_ROWS = 100
_EXPORT_ROWS = 10_000
_PARTS_DRAWN = 12


@router.get("/metrics/{name}/explain")
def explain_page(
    request: Request,
    name: str,
    claim: str = "",
    against: Against = OURS,
    period: Period = None,
    where: Where = [],  # noqa: B006 - FastAPI copies the default
) -> Response:
    """One claim (the first where none is named) against ours or another claim; without claims, the figure's rows."""
    asked, line = _asked(request, name)
    metric, language = asked.metric, language_of(request)
    if line.refused:
        return page(request, "explain_none.html", status=403, line=line, metric=metric, note="")
    if not metric.claims:
        # Cards lead here for the rows behind their figure, whether or not there is a gap to explain.
        return figure_rows_page(request, asked, line, where=where, note=text(language, "explain_none_rows"))
    claim = claim or next((one.name for one in metric.claims if one.name != against), metric.claims[0].name)
    try:
        found: Explanation = asked.explain(claim, against, period, where)
    except Problem as problem:
        return page(request, "explain_none.html", status=problem.status, line=line, metric=metric, note=problem.detail)
    address = _Address(metric, claim, against, period, where)
    return page(
        request,
        "explain.html",
        line=line,
        metric=metric,
        snapshot=asked.snapshot,
        found=found,
        ours=side_text(language, found, "ours"),
        theirs=side_text(language, found, "theirs"),
        waterfall=_waterfall(language, metric, found, address),
        parts=[_part(language, metric, found, part, address) for part in found.parts],
        total=_total(language, metric, found),
        figures=_figures(language, metric, found),
        gap=gap_text(language, metric, found.gap, short=True),
        span=span_text(language, found.span),
        claims=[(one.name, chosen(language, one.label), one.name == claim) for one in metric.claims],
        others=[
            (OURS, text(language, "explain_ours"), against == OURS),
            *((one.name, chosen(language, one.label), one.name == against) for one in metric.claims),
        ],
        periods=_periods(language, asked.explanations.spans(metric), found.span, period),
        conditions=[*where, ""] if where else [""],
        key=next((column for column in metric.grain if column != "event_date"), metric.grain[0]),
    )


@router.get("/metrics/{name}/explain/rows")
def rows_page(
    request: Request,
    name: str,
    claim: str,
    part: str,
    against: Against = OURS,
    period: Period = None,
    where: Where = [],  # noqa: B006 - FastAPI copies the default
    offset: Annotated[int, Query(ge=0, le=10_000)] = 0,
    form: Annotated[str, Query(alias="format")] = "",
) -> Response:
    """The rows behind one part; with ``format=csv`` as a file."""
    asked, line = _asked(request, name)
    metric, language = asked.metric, language_of(request)
    address = _Address(metric, claim, against, period, where)
    limit = _EXPORT_ROWS if form == "csv" else _PAGE_ROWS
    table = asked.rows(claim, against, period, where, part, limit=limit, offset=0 if form == "csv" else offset)
    if form == "csv":
        return csv_response(table, f"{metric.name}-{claim}")
    found: Explanation = asked.explain(claim, against, period, where)
    shown = found.part(part)
    # A sum has no denominator of its own to move.
    columns = [column for column in table.columns if found.ratio or column != "denominator"]
    names = {"ours": side_text(language, found, "ours"), "theirs": side_text(language, found, "theirs")}
    return page(
        request,
        "explain_rows.html",
        line=line,
        metric=metric,
        found=found,
        cause=part if shown is None else cause_text(language, metric, found, shown),
        about="" if shown is None or not shown.input else input_text(language, metric, shown.input),
        part=None if shown is None else _part(language, metric, found, shown, address),
        span=span_text(language, found.span),
        headings=[(column, _heading(language, column, names)) for column in columns],
        rows=[[_cell(language, metric, column, row[column]) for column in columns] for row in table.dicts()],
        hidden=table.hidden.sentence(language),
        back=address.page(),
        csv=address.rows(part, format="csv"),
        before=address.rows(part, offset=max(0, offset - _PAGE_ROWS)) if offset else "",
        after=address.rows(part, offset=offset + _PAGE_ROWS) if table.more else "",
    )


@router.get("/metrics/{name}/part/claims")
def claims_part(request: Request, name: str) -> Response:
    """On the metric's page: every claim with its figure and gap, and the consistency score with its deductions."""
    require_reader(request, READ)
    asked = asking(request, snapshot_read(request), name)
    metric, language = asked.metric, language_of(request)
    if not metric.claims:
        return page(request, "_claims.html", lines=[], note=text(language, "explain_none"), score=None)
    try:
        found = [asked.explanations.explain(metric, asked.question(one.name, OURS, None, ()), asked.reader)
                 for one in metric.claims]  # fmt: skip
    except AccessRefused as refused:
        return page(request, "_claims.html", lines=[], note=str(refused), score=None)
    except ExplainError as error:
        return page(request, "_claims.html", lines=[], note=str(error), score=None)
    lines = [
        {
            "label": side_text(language, one, "theirs"),
            "department": claim.department,
            "figure": figure_text(language, metric, one.theirs.value),
            "gap": gap_text(language, metric, one.gap, short=True),
            "same": not one.parts,
            "largest": cause_text(language, metric, one, one.parts[0]) if one.parts else "",
            "href": _Address(metric, claim.name, OURS, None, ()).page(),
        }
        for claim, one in zip(metric.claims, found, strict=True)
    ]
    return page(request, "_claims.html", lines=lines, note="", score=_score(asked, language))


class _Address:
    """Addresses of the pages about one question."""

    def __init__(
        self, metric: MetricDefinition, claim: str, against: str, period: str | None, where: Sequence[str]
    ) -> None:
        self._base = f"/metrics/{metric.name}/explain"
        self._asked = [("claim", claim)]
        self._asked += [("against", against)] if against != OURS else []
        self._asked += [("period", period)] if period else []
        self._asked += [("where", one) for one in where if one.strip()]

    def page(self) -> str:
        return f"{self._base}?{urlencode(self._asked)}"

    def rows(self, part: str, **more: object) -> str:
        asked = [*self._asked, ("part", part), *((key, str(value)) for key, value in more.items())]
        return f"{self._base}/rows?{urlencode(asked)}"


def _asked(request: Request, name: str) -> tuple[Asking, Any]:
    require_reader(request, READ)
    snapshot = snapshot_read(request)
    asked = asking(request, snapshot, name)
    (line,) = Reading(request, snapshot).lines([asked.metric.name])
    return asked, line


def _waterfall(
    language: Language, metric: MetricDefinition, found: Explanation, address: _Address
) -> dict[str, Any] | None:
    """The gap for charts.js; None where it is not defined or there is none."""
    if found.gap is None or not found.parts or found.ours.value is None or found.theirs.value is None:
        return None
    scale = 100 if metric.unit == "percent" else 1
    drawn, rest = found.parts[:_PARTS_DRAWN], found.parts[_PARTS_DRAWN:]
    steps = [
        {
            "label": cause_short(language, metric, part),
            "value": float((part.amount or Fraction(0)) * scale),
            "text": gap_text(language, metric, part.amount),
            "href": address.rows(part.id),
        }
        for part in drawn
    ]
    if rest:
        small = sum((part.amount or Fraction(0) for part in rest), Fraction(0))
        steps.append(
            {
                "label": text(language, "explain_smaller", count=len(rest)),
                "value": float(small * scale),
                "text": gap_text(language, metric, small),
                "tone": "quiet",
            }
        )
    return {
        "start": _end(language, metric, side_text(language, found, "ours"), found.ours.value * scale, found.ours.value),
        "steps": steps,
        "end": _end(
            language, metric, side_text(language, found, "theirs"), found.theirs.value * scale, found.theirs.value
        ),
    }


def _end(language: Language, metric: MetricDefinition, label: str, drawn: Fraction, value: Fraction) -> dict[str, Any]:
    return {"label": label, "value": float(drawn), "text": figure_text(language, metric, value)}


def _part(
    language: Language, metric: MetricDefinition, found: Explanation, part: Part, address: _Address
) -> dict[str, Any]:
    return {
        "id": part.id,
        "cause": cause_text(language, metric, found, part),
        "amount": gap_text(language, metric, part.amount),
        "numerator": exact_number(part.numerator),
        "denominator": exact_number(part.denominator),
        "rows": f"{part.rows:,}",
        "href": address.rows(part.id),
    }


def _total(language: Language, metric: MetricDefinition, found: Explanation) -> dict[str, str]:
    whole, numerator, denominator = parts_sum(found)
    return {
        "amount": gap_text(language, metric, whole),
        "numerator": exact_number(numerator),
        "denominator": exact_number(denominator),
        "missing_numerator": exact_number(found.imbalance[0]),
        "missing_denominator": exact_number(found.imbalance[1]),
    }


def _figures(language: Language, metric: MetricDefinition, found: Explanation) -> list[dict[str, str]]:
    return [
        {
            "label": side_text(language, found, side),
            "value": figure_text(language, metric, figure.value),
            "made": exact_number(figure.numerator) + (f" / {exact_number(figure.denominator)}" if found.ratio else ""),
            "rows": f"{figure.rows:,}",
        }
        for side, figure in (("ours", found.ours), ("theirs", found.theirs))
    ]


def _periods(language: Language, spans: Sequence[Span], shown: Span, asked: str | None) -> list[tuple[str, str, bool]]:
    """The compared periods to choose from: code, words, and whether it is the one shown."""
    found: list[tuple[str, str, bool]] = []
    for number, span in enumerate(spans):
        code = span_code(span) if number else ""
        words = span_text(language, span)
        found.append((code, f"{text(language, 'explain_window')}: {words}" if not number else words, span == shown))
    if asked and not any(chosen_one for _, _, chosen_one in found):
        found.append((asked, span_text(language, shown), True))
    return found


def _score(asked: Asking, language: Language) -> dict[str, Any] | None:
    """The metric's consistency score and what it was reduced by; None before it was computed."""
    tables = asked.snapshot.rows("select 1 from information_schema.tables where table_name = 'consistency'")
    rows = tables and asked.snapshot.rows(
        "select score, deductions from consistency where metric = ?", [asked.metric.name]
    )
    if not rows or rows[0]["score"] is None:
        return None
    deductions = json.loads(rows[0]["deductions"] or "[]")
    return {"score": f"{rows[0]['score']:.1f}", "deductions": deductions}


def _heading(language: Language, column: str, names: dict[str, str]) -> str:
    key = f"column_{column}"
    words = text(language, key, **names)
    return column.replace("_", " ").capitalize() if words == key else words


def _cell(language: Language, metric: MetricDefinition, column: str, value: object) -> str:
    if value is None:
        return "–"
    if column == "part" and isinstance(value, Fraction):
        return gap_text(language, metric, value)
    if isinstance(value, Fraction):
        return exact_number(value)
    if column in ("ours", "theirs"):
        return exact_number(Fraction(str(value)))
    return str(value)
