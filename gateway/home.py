"""The home page: what Trueloop is, where everything is, how the metrics stand and which cases are open."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response

from gateway.context import GatewayContext, context_of, reader_of, require_reader
from gateway.governed_cases import GovernedCases
from gateway.health import look
from gateway.metric_lines import MetricLine, Reading
from gateway.pages import language_of, page
from gateway.tokens import READ
from gateway.words import Language
from ops_assets.access import AccessRefused, Reader

router = APIRouter(include_in_schema=False)
_CASES_SHOWN = 25


@router.get("/")
def home(request: Request) -> Response:
    reader = reader_of(request)
    context, language = context_of(request), language_of(request)
    return page(
        request,
        "home.html",
        pack=context.pack.title,
        places=_places(context),
        **_metrics(request),
        **_cases(context, reader, language),
    )


@router.get("/part/status")
def status(request: Request) -> Response:
    """The state of the parts; the page loads it after itself, since asking Dagster may take a moment."""
    require_reader(request, READ)
    return page(request, "_status.html", readiness=look(context_of(request)))


def _places(context: GatewayContext) -> list[dict[str, str]]:
    settings = context.settings
    slack = (
        {"key": "place_slack", "address": "/embedded-slack/"}
        if settings.slack_embedded
        else {"key": "place_real_slack", "address": "https://slack.com/"}
    )
    has_docs = (settings.dbt_docs_dir / "index.html").is_file()
    return [
        {"key": "place_board", "address": "/board", "note": "place_board_text"},
        {"key": "place_metrics", "address": "/metrics", "note": "place_metrics_text"},
        {"key": "place_cases", "address": "/cases", "note": "place_cases_text"},
        {"key": "place_dagster", "address": settings.dagster_url + "/", "note": "place_dagster_text"},
        slack | {"note": f"{slack['key']}_text"},
        {
            "key": "place_dbt",
            "address": "/dbt/" if has_docs else "",
            "note": "place_dbt_text" if has_docs else "place_dbt_missing",
        },
        {"key": "place_api", "address": "/docs", "note": "place_api_text"},
    ]


def _metrics(request: Request) -> dict[str, Any]:
    snapshot = context_of(request).snapshots.current()
    if snapshot is None:
        return {"snapshot": None, "domains": []}
    domains: dict[str, list[MetricLine]] = {}
    for line in Reading(request, snapshot).lines():
        domains.setdefault(line.domain, []).append(line)
    return {"snapshot": snapshot, "domains": list(domains.items())}


def _cases(context: GatewayContext, reader: Reader, language: Language) -> dict[str, Any]:
    try:
        governed = GovernedCases(context, reader)
    except AccessRefused:
        return {"cases": [], "more_cases": 0}
    found = context.service.cases(status="open", limit=_CASES_SHOWN)
    states = context.service.states([case.case_id for case in found])
    directory = context.directory()
    now, zone = context.clock.now(), _zone(context)
    shown = []
    for case in found:
        state = states.get(case.case_id)
        if state is None:
            continue
        tasks = state.open_tasks
        waits = [governed.person(directory.name(task.assignee)) or "" for task in tasks if task.assignee]
        due = min((task.due_at for task in tasks), default=None)
        sure = all(task.calendar_confirmed for task in tasks if task.due_at == due)
        shown.append(
            {
                "id": case.case_id,
                "title": f"{context.service.template_of(state).title.get(language)} {case.case_id}",
                "subject": governed.subject(case.metric, case.subject_kind, case.subject_label or case.subject_id)
                or case.metric,
                "waits": ", ".join(dict.fromkeys(filter(None, waits))),
                "due": _local(due, zone) if due else "",
                "confirmed": sure,
                "overdue": due is not None and due < now,
                "opened": _local(case.opened_at, zone),
            }
        )
    return {"cases": shown, "more_cases": context.service.count_cases("open") - len(shown)}


def _zone(context: GatewayContext) -> ZoneInfo:
    return ZoneInfo(context.pack.time_zone)


def _local(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%m-%d %H:%M}"
