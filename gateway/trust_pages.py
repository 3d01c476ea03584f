"""Two parts of a metric's page: whether the figure may be trusted, and what moved it.

Belongs here: gathering and layout. The formulas are ops_assets.checks.scores and ops_assets.checks.movement_parts.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from gateway.context import context_of, reader_of
from gateway.pages import language_of, page, snapshot_read
from gateway.problems import Problem
from gateway.words import text
from ops_assets.access import AccessRefused
from ops_assets.definition_bundle import bundle_of
from ops_assets.governed_figures import GovernedFigures
from ops_assets.movement import DimensionMovement, MovementError, Part, default_periods, movement_of
from ops_assets.periods import PeriodError, parse_period
from ops_assets.trust import trust_detail
from ops_assets.watch_words import FigureForm, form_of
from resources.serving import Snapshot

router = APIRouter(include_in_schema=False)
_BARS = 8
_Period = Annotated[str, Query(max_length=30)]


@router.get("/metrics/{name}/part/trust")
def trust_part(request: Request, name: str) -> Response:
    """The state, the score by dimension with every deduction, what holds it down, since when."""
    context, reader, snapshot = context_of(request), reader_of(request), snapshot_read(request)
    _row(snapshot, name)
    figures = GovernedFigures(bundle_of(context.snapshots, snapshot), context.access)
    detail = trust_detail(snapshot, name, context.clock.now())
    return page(
        request,
        "_trust.html",
        trust=detail.trust,
        dimensions=detail.dimensions,
        # What a check of a metric found is a figure of it.
        unseen={one for one in {name, *figures.bundle.metrics} if figures.refusal(reader, one)},
    )


@router.get("/metrics/{name}/part/movement")
def movement_part(request: Request, name: str, older: _Period = "", newer: _Period = "") -> Response:
    """What moved the figure from ``older`` to ``newer`` (months; default: the last whole month and the one before)."""
    context, language, snapshot = context_of(request), language_of(request), snapshot_read(request)
    reader = reader_of(request)
    row = _row(snapshot, name)
    form = form_of(row)
    values: dict[str, Any] = {
        "address": f"/metrics/{name}/part/movement",
        "snapshot": snapshot.id,
        "periods": _months(snapshot, name),
        "older": older,
        "newer": newer,
        "sentence": "",
        "charts": [],
    }
    try:
        before, after = default_periods(row["as_of"] or snapshot.as_of)
        before, after = parse_period(older) if older else before, parse_period(newer) if newer else after
        values |= {"older": before.label, "newer": after.label}
        figures = GovernedFigures(bundle_of(context.snapshots, snapshot), context.access)
        found = movement_of(snapshot, figures, reader, name, before, after)
    except MovementError as error:
        return page(request, "_movement.html", **values | {"sentence": error.words.get(language)})
    except (PeriodError, AccessRefused) as error:
        return page(request, "_movement.html", **values | {"sentence": str(error)})
    points = text(language, "unit_points")
    values |= {
        "line": text(
            language, "movement_line", old=form.text(found.old), older=before.label, new=form.text(found.new),
            newer=after.label, moved=form.points(found.moved, points),
        ),
        "charts": [_chart(language, form, one, row["direction"]) for one in found.dimensions],
        "hidden": found.hidden.sentence(language),
    }  # fmt: skip
    return page(request, "_movement.html", **values)


def _row(snapshot: Snapshot, name: str) -> dict[str, Any]:
    rows = snapshot.rows("select as_of, unit, decimals, direction from metrics where metric = ?", [name])
    if not rows:
        raise Problem(404, f"There is no metric {name!r} in snapshot {snapshot.id}; /metrics lists all.")
    return rows[0]


def _months(snapshot: Snapshot, name: str) -> list[str]:
    rows = snapshot.rows(
        "select period_start from metric_period where metric = ? and grain = 'month' order by period_start desc",
        [name],
    )
    return [f"{row['period_start']:%Y-%m}" for row in rows]


def _chart(language: str, form: FigureForm, one: DimensionMovement, direction: str) -> dict[str, Any]:
    """The largest contributions as bars, the others in one."""
    key = f"dimension_{one.dimension}"
    label = text(language, key)
    bars = [_bar(language, form, part, direction) for part in one.parts[:_BARS]]
    rest = one.parts[_BARS:]
    if rest:
        total = sum((part.contribution.total for part in rest), Fraction(0))
        bars.append(
            {
                "label": text(language, "movement_others", count=len(rest)),
                "value": _drawn(form, total),
                "text": form.points(total, text(language, "unit_points")),
                "tone": "quiet",
            }
        )
    return {
        "dimension": one.dimension,
        "label": one.dimension.replace("_", " ") if label == key else label,
        "data": {"bars": bars},
    }


def _bar(language: str, form: FigureForm, part: Part, direction: str) -> dict[str, Any]:
    each, points = part.contribution, text(language, "unit_points")
    total, rate, mix = (form.points(value, points) for value in (each.total, each.rate, each.mix))
    bar: dict[str, Any] = {
        "label": part.label,
        "value": _drawn(form, each.total),
        "text": text(language, "movement_part", total=total, rate=rate, mix=mix) if each.mix else total,
    }
    if direction != "none" and each.total:
        bar["tone"] = "good" if (each.total > 0) == (direction == "up") else "bad"
    return bar


def _drawn(form: FigureForm, value: Fraction) -> float:
    """In the unit that is shown: percentages in points."""
    return float(value * 100 if form.unit == "percent" else value)
