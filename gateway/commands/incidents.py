"""`./trueloop incidents`: root causes that are open, what each holds back, and who looks after it."""

from __future__ import annotations

from dataclasses import asdict

import typer

from gateway.commands.context import JSON_OPTION, open_platform
from gateway.terminal import show
from workflow_jobs.incident_list import incident_list
from workflow_jobs.wiring import process_service

_COLUMNS = {
    "case_id": "INCIDENT",
    "label": "ROOT CAUSE",
    "standing": "STATE",
    "seen": "RECORDED",
    "opened_at": "SINCE (UTC)",
    "last_seen_at": "LAST SEEN (UTC)",
    "what": "WHAT FAILED",
    "held_back": "HELD BACK",
    "symptoms_count": "SYMPTOMS",
    "who": "WITH",
    "part_of": "PART OF",
}


def incidents(
    closed: bool = typer.Option(False, "--all", help="Also those that are closed."),
    limit: int = typer.Option(200, min=1),
    as_json: bool = JSON_OPTION,
) -> None:
    """Root causes of what fails, newest first: one line each, however many symptoms it has."""
    service = process_service(open_platform())
    names = service.directory()
    lines = incident_list(service, closed=closed, limit=limit)
    if as_json:
        show([asdict(line) for line in lines], {}, as_json=True, empty="")
        return
    rows = [
        {
            **asdict(line),
            "what": [str(one.get("check", "")) for one in line.failed],
            "held_back": [str(one.get("en") or one.get("metric")) for one in line.held],
            "symptoms_count": len(line.symptoms),
            "who": names.name(line.assignee) if line.assignee else f"nobody ({line.owner_role})",
        }
        for line in lines
    ]
    show(rows, _COLUMNS, as_json=False, empty="There is no open incident." if not closed else "There is no incident.")
