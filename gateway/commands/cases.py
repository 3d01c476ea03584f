"""`./trueloop cases`: cases of the processes and what happened in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import typer

from gateway.commands.context import JSON_OPTION, open_platform
from gateway.terminal import one_sentence_errors, show, show_one
from workflow_jobs.cases import UnknownCase
from workflow_jobs.engine.events import to_json
from workflow_jobs.wiring import process_service

app = typer.Typer(no_args_is_help=True, help="Cases of the processes.")
_COLUMNS = {
    "case_id": "CASE",
    "template_id": "PROCESS",
    "subject_label": "SUBJECT",
    "status": "STATUS",
    "outcome": "OUTCOME",
    "waiting_for": "WAITING FOR",
    "opened_at": "OPENED (UTC)",
    "closed_at": "CLOSED (UTC)",
}

_PEOPLE = ("assignee", "decided_by", "person_id", "requested_by")
_GIST = ("step_id", *_PEOPLE, "outcome", "action", "observed", "run_id", "reason")


@app.command("list")
def list_cases(
    status: str | None = typer.Option(None, help="Only cases with this status, such as open."),
    template: str | None = typer.Option(None, help="Only cases of this process template."),
    limit: int = typer.Option(200, min=1),
    as_json: bool = JSON_OPTION,
) -> None:
    """Cases, newest first, with the people they wait for."""
    service = process_service(open_platform())
    names = service.directory()
    found = service.cases(status=status, template=template, limit=limit)
    waiting: dict[str, list[str]] = {}
    for case_id, state in service.states([case.case_id for case in found]).items():
        for task in state.open_tasks:
            who = names.name(task.assignee) if task.assignee else f"nobody ({task.role})"
            waiting.setdefault(case_id, []).append(f"{who} ({task.step_id})")
    rows = [{**asdict(case), "waiting_for": waiting.get(case.case_id, [])} for case in found]
    show(rows, _COLUMNS, as_json=as_json, empty="There are no such cases.")


@app.command("show")
@one_sentence_errors(UnknownCase)
def show_case(case_id: str, as_json: bool = JSON_OPTION) -> None:
    """One case whole: its facts, its tasks and its log."""
    service = process_service(open_platform())
    state = service.case(case_id)
    names = service.directory()
    log = [to_json(event) for event in service.events(case_id)]
    short = [
        {"seq": event["seq"], "at": _instant(event["at"]), "type": event["type"], "what": _gist(event, names.name)}
        for event in log
    ]
    body: dict[str, Any] = {
        "case": state.case_id,
        "process": state.template_id,
        "subject": state.subject_label,
        "metric": state.metric,
        "status": state.status,
        "outcome": state.outcome,
        "data": dict(state.data),
        "tasks": [
            {
                "task": task.task_id,
                "step": task.step_id,
                "who": names.name(task.assignee) if task.assignee else "-",
                "status": task.status,
                "outcome": task.outcome or "-",
                "due_at": task.due_at,
            }
            for task in service.tasks(case_id=case_id, open_only=False)
        ],
        "log": log if as_json else short,
    }
    show_one(body, as_json=as_json)


def _gist(event: Mapping[str, Any], name: Callable[[str], str]) -> str:
    """What a line of the log says of an event: people by name, instants with their zone."""
    said = {key: str(event[key]) for key in _GIST if event.get(key)}
    said |= {key: name(said[key]) for key in _PEOPLE if key in said}
    if event["type"] == "ClockRecomputed":
        said |= {"from": _instant(event["previous_due_at"]), "to": _instant(event["due_at"])}
    return ", ".join(f"{key}={value}" for key, value in said.items())


def _instant(written: Any) -> str:
    """An instant of the log (ISO text, UTC) as a person reads it."""
    return f"{str(written)[:19].replace('T', ' ')} UTC"
