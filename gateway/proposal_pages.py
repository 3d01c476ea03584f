"""Pages on changes of definitions: all proposals, one proposal whole, and a metric's history of versions.

Belongs here: what these pages show. Does not belong here: deciding (that is done on the owner's card in Slack), and
computing anything: review and shadow figures are shown as they were kept, as far as the reader may see them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.context import GatewayContext, context_of, reader_of
from gateway.governed_cases import GovernedCases
from gateway.pages import language_of, page
from gateway.problems import Problem
from gateway.words import Language, text
from ops_assets.access import AccessRefused, Hidden
from ops_assets.definition_change.proposals import Proposal, Proposals, UnknownProposalError
from ops_assets.definition_change.register import Register
from ops_assets.figures import with_unit

router = APIRouter(include_in_schema=False)
_BARS = 12


@router.get("/proposals")
def proposals_page(request: Request) -> Response:
    context, language = context_of(request), language_of(request)
    governed = _governed(request)
    rows = [_line(context, governed, language, proposal) for proposal in Proposals(context.engine).all()]
    return page(request, "proposals.html", rows=rows)


@router.get("/proposals/{proposal_id}")
def proposal_page(request: Request, proposal_id: str) -> Response:
    context, language = context_of(request), language_of(request)
    governed = _governed(request)
    kept = Proposals(context.engine)
    try:
        proposal = kept.get(proposal_id)
    except UnknownProposalError as error:
        raise Problem(404, str(error)) from error
    return page(
        request,
        "proposal.html",
        line=_line(context, governed, language, proposal),
        proposal=proposal,
        metrics=[_metric(governed, language, proposal, entry) for entry in proposal.review["metrics"]],
        approvals=_approvals(context, governed, kept, proposal),
    )


@router.get("/metrics/{name}/part/changes")
def changes_part(request: Request, name: str) -> Response:
    context, language = context_of(request), language_of(request)
    try:
        governed = _governed(request)
    except AccessRefused as refused:
        return page(request, "_changes.html", name=name, rows=[], waiting=[], refused=str(refused))
    rows = [
        {
            "version": change.version,
            "kind": change.kind,
            "at": change.at,
            "by": governed.named(change.by or None),
            "approved_by": governed.named(change.approved_by or None),
            "reason": _written(governed, change.reason),
            "case": change.case_id,
            "proposal": change.proposal_id,
        }
        for change in Register(context.engine).history(name)
    ]
    waiting = [
        _line(context, governed, language, proposal)
        for proposal in Proposals(context.engine).all(name)
        if _status(context, proposal) in {"proposed", "compared"}
    ]
    return page(request, "_changes.html", name=name, rows=rows, waiting=waiting, refused="")


def _governed(request: Request) -> GovernedCases:
    """What the reader may see of a proposal: it is decided in cases, and its figures are those of its metrics."""
    return GovernedCases(context_of(request), reader_of(request), language_of(request))


def _written(governed: GovernedCases, words: str) -> str:
    """What people wrote: it may name whom the reader does not see."""
    return words if governed.sees_people else ""


def _line(context: GatewayContext, governed: GovernedCases, language: Language, proposal: Proposal) -> dict[str, Any]:
    return {
        "id": proposal.proposal_id,
        "metrics": [(entry["metric"], _label(language, entry)) for entry in proposal.review["metrics"]],
        "by": governed.named(proposal.proposed_by),
        "at": proposal.at,
        "reason": _written(governed, proposal.reason),
        "status": _status(context, proposal),
        "note": _written(governed, proposal.note),
    }


def _status(context: GatewayContext, proposal: Proposal) -> str:
    """The proposal's state; a rejection stands in its case alone."""
    if proposal.status in {"published", "stale"}:
        return proposal.status
    for approval in Proposals(context.engine).approvals(proposal.proposal_id):
        if approval.case_id and context.service.case(approval.case_id).outcome == "rejected":
            return "rejected"
    return proposal.status


def _approvals(
    context: GatewayContext, governed: GovernedCases, kept: Proposals, proposal: Proposal
) -> list[dict[str, Any]]:
    found = []
    for approval in kept.approvals(proposal.proposal_id):
        case = context.service.case(approval.case_id) if approval.case_id else None
        decided = [task for task in case.tasks.values() if task.step_id == "approve"] if case is not None else []
        last = decided[-1] if decided else None
        found.append(
            {
                "role": approval.role,
                "case": approval.case_id,
                "outcome": last.outcome if last is not None else None,
                "who": governed.named(last.decided_by or last.assignee) if last is not None else "",
                "at": last.decided_at if last is not None else None,
                "note": _written(governed, str(last.form.get("decision_note") or "")) if last is not None else "",
            }
        )
    return found


def _metric(
    governed: GovernedCases, language: Language, proposal: Proposal, entry: Mapping[str, Any]
) -> dict[str, Any]:
    name = entry["metric"]
    figures = (proposal.shadow.get("metrics") or {}).get(name)
    refused = governed.refusal(name, language)
    body: dict[str, Any] = {
        "name": name,
        "label": _label(language, entry),
        "version": entry["old_version"],
        "fields": entry["fields"],
        "models": entry["models"],
        "figures": None,
        "refused": refused or "",
    }
    if figures is None or refused is not None:
        return body
    unit = figures["unit"]
    tables = [("month", text(language, "proposal_by_month"), figures["periods"], None)]
    hidden = Hidden()
    for dimension, found in figures["dimensions"].items():
        rows, hidden = _subjects(governed, name, dimension, found["subjects"])
        label = text(language, f"dimension_{dimension}")
        named = dimension.replace("_", " ") if label == f"dimension_{dimension}" else label
        heading = text(language, "proposal_by_dimension").format(dimension=named)
        tables.append((dimension, heading, rows, found["count"]))
    body["figures"] = {
        "old": with_unit(unit, figures["old"]["text"]),
        "new": with_unit(unit, figures["new"]["text"]),
        "hidden": hidden.sentence(language),
        "tables": [
            {
                "id": f"{name}-{key}",
                "heading": heading,
                "count": count,
                "rows": [_row(row, unit) for row in rows],
                "chart": _chart(rows, unit),
            }
            for key, heading, rows, count in tables
            if rows
        ],
    }
    return body


def _subjects(
    governed: GovernedCases, metric: str, dimension: str, rows: Iterable[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], Hidden]:
    """The rows of one dimension as the reader may see them."""
    named = [{**row, "dimension": dimension, "subject_id": row["id"], "subject_label": row["label"]} for row in rows]
    seen, hidden = governed.subject_figures(metric, named)
    return [{**row, "id": row["subject_id"], "label": row["subject_label"]} for row in seen], hidden


def _row(row: Mapping[str, Any], unit: str) -> dict[str, str]:
    scale = 100 if unit == "percent" else 1
    change = row["change"]
    return {
        "label": row["label"],
        "old": with_unit(unit, row["old"]),
        "new": with_unit(unit, row["new"]),
        "change": "–" if change is None else with_unit(unit, f"{change * scale:+.4g}"),
    }


def _chart(rows: list[Mapping[str, Any]], unit: str) -> dict[str, Any]:
    """Old and new beside each other, for the first rows."""
    scale = 100 if unit == "percent" else 1
    bars = []
    for row in rows[:_BARS]:
        for side, tone in (("old", "quiet"), ("new", "")):
            value = row[f"{side}_value"]
            bar = {
                "label": row["label"] if side == "old" else f"→ {row['label']}",
                "value": None if value is None else value * scale,
                "text": with_unit(unit, row[side]),
            }
            bars.append(bar | ({"tone": tone} if tone else {}))
    return {"bars": bars}


def _label(language: Language, entry: Mapping[str, Any]) -> str:
    return str(entry["label_zh" if language == "zh" else "label_en"])
