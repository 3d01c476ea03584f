"""The running platform as three processes that can be killed at any moment: gateway, delivery and timers.

As a module it reads one role a line from a pipe, forks that process and answers with its process id; everything is
loaded beforehand, so that a process starts in tenths of a second. The embedded Slack is part of the gateway, as always.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date

import uvicorn

from gateway.app import create_app
from gateway.step_reports import report_completions
from resources.platform import Platform
from resources.settings import load_settings
from resources.slack import SlackClient
from resources.slack_connection import slack_connection
from tests.gateway_stack import METRIC
from workflow_jobs.cases import OpenRequest
from workflow_jobs.delivery.outbox import deliver_due
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.service import ProcessService
from workflow_jobs.wiring import library, process_service

CASES_VARIABLE = "TRUELOOP_TEST_CASES"
_PAUSE = 0.05


def gateway() -> None:
    settings = load_settings()
    uvicorn.run(create_app(settings), host="127.0.0.1", port=settings.gateway_port, log_config=None, access_log=False)


def delivery() -> None:
    """What Dagster's outbox sensor does, without pause."""
    platform = Platform(load_settings())
    connection = slack_connection(platform.settings)
    slack = SlackClient(connection.bot_token, base_url=connection.base_url, timeout=5)
    while True:
        deliver_due(
            platform.ops_engine,
            clock=platform.clock,
            slack=slack,
            report=lambda done: report_completions(platform.settings.dagster_url, done),
            limit=20,
        )
        time.sleep(_PAUSE)


def timers() -> None:
    """What the sensors do that open cases, fire timers and run service steps, without pause."""
    service = process_service(Platform(load_settings()))
    wanted = int(os.environ[CASES_VARIABLE])
    number = 0
    while True:
        # After a kill all requests come again, as from a sensor whose cursor was not kept.
        if number < wanted:
            service.open_case(request(number))
            number += 1
        service.fire_due_rungs()
        service.reassign_absent()
        _serve(service)
        time.sleep(_PAUSE)


def request(number: int) -> OpenRequest:
    """The n-th breach that opens a case."""
    return OpenRequest(
        template_id="supply_exception",
        rule_id="supplier_reject_rate_high",
        subject_kind="supplier",
        subject_id=f"V-{number:04d}",
        subject_label=f"Supplier {number}",
        metric=METRIC,
        direction="above",
        observed="0.0931",
        threshold="0.08",
        snapshot_id="20261116-000001",
        as_of=date(2026, 11, 15),
    )


def _serve(service: ProcessService) -> None:
    for step in service.due_service_steps():
        key = step.idempotency_key
        try:
            service.complete_service(step.case_id, step.step_id, f"run-{key}", {"moves": []}, idempotency_key=key)
        except Refused:
            continue


ROLES: Mapping[str, Callable[[], None]] = {"gateway": gateway, "delivery": delivery, "timers": timers}


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    library(load_settings().templates_dir)
    # Nobody waits for the killed.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                ROLES[line.strip()]()
            finally:
                os._exit(1)
        print(child, flush=True)


if __name__ == "__main__":
    main()
