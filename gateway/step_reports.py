"""Tells Dagster about completed steps over its web server, so that the gateway needs no Dagster instance of its own.

The web server takes one at a time. So the gateway reports only while few wait; the outbox sensor writes many at once.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gateway.dagster_connection import dagster_client
from workflow_jobs.step_completion import StepCompletion

FEW = 20


def report_completions(dagster_url: str, completions: list[StepCompletion], *, timeout: float = 10.0) -> None:
    """Report each completion as a runless materialisation of the step's asset.

    Raises httpx.HTTPError where Dagster does not take it; the outbox then tries again, from here or from the sensor.
    """
    with dagster_client(timeout) as client:
        for completion in completions:
            response = client.post(f"{dagster_url}/report_asset_materialization/", json=report_body(completion))
            response.raise_for_status()


def report_body(completion: StepCompletion) -> dict[str, Any]:
    """The body of the report: asset ``process/<template>/<step>``, with the case in the metadata and no partition."""
    facts = {key: value for key, value in asdict(completion).items() if value is not None}
    for no_fact in ("template_id", "step_id", "maybe_reported"):
        facts.pop(no_fact)
    return {
        "asset_key": ["process", completion.template_id, completion.step_id],
        "description": f"Case {completion.case_id}: {completion.outcome or 'completed'}",
        "metadata": facts | {"at": completion.at.isoformat()},
    }
