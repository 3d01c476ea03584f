"""`./trueloop outbox`: messages that were given up, and sending them again."""

from __future__ import annotations

from dataclasses import asdict

import typer

from gateway.commands.context import JSON_OPTION, open_platform
from gateway.terminal import fail, print_json, show
from workflow_jobs.delivery.dead_letters import dead_letters
from workflow_jobs.delivery.outbox import resend_dead

app = typer.Typer(no_args_is_help=True, help="Messages on their way to Slack and Dagster.")
_COLUMNS = {"outbox_id": "ID", "case_id": "CASE", "to": "TO", "text": "MESSAGE", "attempts": "ATTEMPTS", "why": "WHY"}


@app.command("dead")
def dead(limit: int = typer.Option(200, min=1), as_json: bool = JSON_OPTION) -> None:
    """Messages that were given up after repeated failures, oldest first, with the reason and what to do."""
    platform = open_platform()
    rows = [
        asdict(one) | {"why": one.why_zh if platform.settings.language == "zh" else one.why_en}
        for one in dead_letters(platform.ops_engine, limit)
    ]
    show(rows, _COLUMNS, as_json=as_json, empty="No message was given up.")


@app.command("resend")
def resend(
    outbox_id: list[int] = typer.Argument(None, help="Ids of messages that were given up; see `outbox dead`."),
    everything: bool = typer.Option(False, "--all", help="All of them."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Give messages fresh attempts; the running platform sends them. One that had arrived is recognised."""
    if everything == bool(outbox_id):
        fail("Name the messages by id, or all of them with --all.")
    platform = open_platform()
    count = resend_dead(platform.ops_engine, platform.clock, None if everything else outbox_id)
    if not everything and count < len(set(outbox_id)):
        fail(f"{count} of {len(set(outbox_id))} are sent again; the others are no dead letters (any more).")
    if as_json:
        print_json({"resent": count})
        return
    print(f"{count} messages are sent again.")
