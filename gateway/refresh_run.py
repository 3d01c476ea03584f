"""Starts one refresh as a Dagster run in a process of its own and waits for its end.

Works whether `make up` is running or not: the run is recorded in the same Dagster instance, and the warehouse's lock
keeps it apart from runs that sensors start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from resources.dagster_home import prepare_dagster_home
from resources.settings import PROJECT_ROOT, Settings

REQUEST_TAG = "trueloop/request"
PID_TAG = "trueloop/pid"


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended. ``step_failures`` are sentences of the failed steps, the audit's red lines among them."""

    run_id: str
    status: str
    published: bool
    step_failures: tuple[str, ...]


def run_job(
    settings: Settings, job: str, *, progress: Callable[[str], None] | None = None, tags: dict[str, str] | None = None
) -> RunOutcome:
    """Execute ``job`` of definitions.py and wait. Raises RuntimeError when the run could not even be created."""
    home = prepare_dagster_home(settings)
    request = uuid.uuid4().hex
    command = [
        sys.executable,
        "-m",
        "dagster",
        "job",
        "execute",
        "-f",
        str(PROJECT_ROOT / "definitions.py"),
        "-d",
        str(PROJECT_ROOT),
        "-j",
        job,
        "--tags",
        json.dumps({REQUEST_TAG: request, **(tags or {})}),
    ]
    environment = {**os.environ, "DAGSTER_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    last_lines: list[str] = []
    with subprocess.Popen(
        command, cwd=PROJECT_ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            last_lines = [*last_lines[-30:], line.rstrip()]
            sentence = _progress_sentence(line)
            if sentence and progress is not None:
                progress(sentence)
    outcome = _outcome(str(home), request)
    if outcome is None:
        raise RuntimeError("The run could not be started:\n" + "\n".join(last_lines))
    return outcome


def _progress_sentence(line: str) -> str | None:
    """The message of one of Dagster's log lines, when it was written for people (context.log.info and above)."""
    parts = line.rstrip().split(" - ")
    if len(parts) >= 7 and parts[2] in {"INFO", "WARNING"} and parts[3] != "system":
        return " - ".join(parts[6:])
    return None


def _outcome(dagster_home: str, request: str) -> RunOutcome | None:
    from dagster import DagsterEventType, DagsterInstance, RunsFilter

    with DagsterInstance.from_config(dagster_home) as instance:
        runs = instance.get_runs(RunsFilter(tags={REQUEST_TAG: request}), limit=1)
        if not runs:
            return None
        run = runs[0]
        failures, published = [], False
        for entry in instance.all_logs(
            run.run_id, of_type={DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_SUCCESS}
        ):
            event = entry.dagster_event
            if event is None:
                continue
            if event.event_type is DagsterEventType.STEP_SUCCESS:
                published = published or event.step_key == "published_snapshot"
            else:
                error = event.step_failure_data.error
                failures.append(f"{event.step_key}: {error.message.strip() if error else 'failed'}")
        return RunOutcome(run.run_id, run.status.value, published, tuple(failures))
