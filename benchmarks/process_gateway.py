"""Clicks and the board of cases through the real gateway, as a process of its own, on both databases.

Clicks are signed requests as Slack sends them; each takes a decision with a form, and is acknowledged once it is
committed. Meanwhile the gateway delivers what the decisions say to its embedded Slack. Then the board is asked for,
with very many open cases.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa

from benchmarks import process_company as company
from benchmarks.process_crowd import add_cases
from benchmarks.spread import Spread, table
from benchmarks.stack import free_ports
from gateway.embedded_slack.interactions import sign
from gateway.embedded_slack.members import member_id
from resources.clock import SystemClock
from resources.platform import Platform
from resources.serving import SnapshotStore
from resources.settings import PROJECT_ROOT, Settings
from resources.slack_connection import embedded_secrets
from tests.gateway_stack import METRIC, publish_snapshot
from workflow_jobs.cases import OpenRequest
from workflow_jobs.service import ProcessService
from workflow_jobs.slack.decision_buttons import ButtonValue
from workflow_jobs.store.tables import outbox
from workflow_jobs.wiring import process_service

RATE = 50  # clicks a second
_WARM = 20
_PAGES = 40
# What a search finds: a handful; nothing, after a look at everything; every case.
_SEARCHES = ("q=0007", "q=nowhere", "q=supplier")
_FILTERS = ("", "priority=high", "template=supply_exception", "at=supply_exception:judge", *_SEARCHES)


@dataclass
class GatewayTimes:
    """Milliseconds of each click until it is acknowledged, and of each board page by its query, on one database."""

    acknowledged: list[float] = field(default_factory=list)
    refused: int = 0
    pages: dict[str, list[float]] = field(default_factory=dict)
    cases: int = 0


def measure(work: Path, clicks: int, cases: int, say: Callable[[str], None]) -> dict[str, GatewayTimes]:
    """Click ``clicks`` times at 50 a second, then ask for boards of ``cases`` open cases; by name of the database."""
    found = {"SQLite": measure_on(work / "sqlite", None, clicks, cases, lambda words: say(f"{words} on SQLite"))}
    with company.postgres() as server:
        url = server.replace("postgresql+psycopg2://", "postgresql://", 1)
        found["PostgreSQL"] = measure_on(
            work / "postgresql", url, clicks, cases, lambda words: say(f"{words} on PostgreSQL")
        )
    return found


def measure_on(work: Path, database: str | None, clicks: int, cases: int, say: Callable[[str], None]) -> GatewayTimes:
    """The same on one database, by its URL; None is the SQLite file of the state folder ``work``."""
    times = GatewayTimes(cases=cases)
    gateway, dagster = free_ports(2)
    settings = Settings(home=work, source_pack="dongchen", gateway_port=gateway, dagster_port=dagster)
    if database is not None:
        settings = settings.model_copy(update={"database_url": database})
    publish_snapshot(SnapshotStore(settings.serving_dir), clock=SystemClock())
    platform = Platform(settings)
    platform.claim_state_folder()
    service = process_service(platform)
    with _gateway(settings):
        bodies = [_body(service, f"V-{number:05d}") for number in range(clicks + _WARM)]
        with platform.ops_engine.begin() as connection:
            # The cards of the openings are not what is measured; delivering them would take longer than the clicks.
            connection.execute(sa.delete(outbox))
        for body in bodies[:_WARM]:
            _click(settings, body)
        say(f"opened {clicks:,} cases")
        _click_at_rate(settings, bodies[_WARM:], times)
        say(f"clicked {clicks:,} times")
        case_id = service.open_case(_request("V-board")).case_id
        directory = platform.people()
        add_cases(platform.ops_engine, case_id, cases, sorted(directory.people))
        say(f"opened {cases:,} more")
        someone = next(iter(directory.people.values()))
        of_people = (f"person={someone.person_id}", urlencode({"department": someone.department_name}))
        for query in (*_FILTERS, *of_people):
            times.pages[query] = [_page(settings, query) for _ in range(_PAGES)]
        say("asked for boards")
    platform.ops_engine.dispose()
    return times


def gateway_text(by_database: dict[str, GatewayTimes]) -> str:
    """Percentiles of clicks and pages, for each database."""
    rows = []
    for database, times in by_database.items():
        clicks = times.acknowledged
        rows.append([database, f"{len(clicks):,} clicks at {RATE}/s, {times.refused} refused", *_percentiles(clicks)])
        rows += [[database, f"/cases?{query}", *_percentiles(found)] for query, found in times.pages.items()]
    cases = max(times.cases for times in by_database.values())
    head = f"Clicks until they are acknowledged, and board pages with {cases:,} open cases, in milliseconds"
    return f"{head}\n\n" + table(["database", "", "p50", "p95", "p99", "most"], rows)


def gateway_json(by_database: dict[str, GatewayTimes]) -> dict[str, Any]:
    """Every single value."""
    return {
        database: {
            "acknowledged_ms": Spread.of(times.acknowledged).to_json(),
            "refused": times.refused,
            "cases": times.cases,
            "pages_ms": {query: Spread.of(found).to_json() for query, found in times.pages.items()},
        }
        for database, times in by_database.items()
    }


def _percentiles(values: list[float]) -> list[str]:
    ordered = sorted(values)
    return [f"{ordered[min(len(ordered) - 1, int(len(ordered) * share))]:.1f}" for share in (0.5, 0.95, 0.99, 1.0)]


def _request(subject: str) -> OpenRequest:
    return OpenRequest(
        template_id="supply_exception",
        rule_id="supplier_reject_rate_high",
        subject_kind="supplier",
        subject_id=subject,
        subject_label=f"Supplier {subject}",
        metric=METRIC,
        direction="above",
        observed="0.0931",
        threshold="0.08",
        snapshot_id="20261116-000001",
        as_of=date(2026, 11, 15),
    )


def _body(service: ProcessService, subject: str) -> bytes:
    """Open a case; the request with which its first decision is submitted."""
    case = service.case(service.open_case(_request(subject)).case_id)
    (task,) = case.open_tasks
    answers: dict[str, dict[str, Any]] = {
        "impact_amount": {"type": "plain_text_input", "value": "42000.50"},
        "exception_cause": {"type": "static_select", "selected_option": {"value": "supplier_quality"}},
    }
    metadata = ButtonValue(task.task_id, task.version, "confirm", form=True).to_json(service.seal)
    payload = {
        "type": "view_submission",
        "team": {"id": "T1"},
        "user": {"id": member_id(task.assignee or "")},
        "view": {
            "type": "modal",
            "callback_id": "decide",
            "private_metadata": metadata,
            "blocks": [],
            "state": {"values": {f"field:{name}": {f"field:{name}": answer} for name, answer in answers.items()}},
        },
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def _click_at_rate(settings: Settings, bodies: list[bytes], times: GatewayTimes) -> None:
    """Send each click at its time, whether or not those before it were answered."""
    lock = threading.Lock()
    began = time.perf_counter()

    def one(number: int, body: bytes) -> None:
        took, refused = _click(settings, body)
        with lock:
            times.acknowledged.append(took)
            times.refused += refused

    threads = []
    for number, body in enumerate(bodies):
        time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        threads.append(threading.Thread(target=one, args=(number, body)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def _click(settings: Settings, body: bytes) -> tuple[float, bool]:
    timestamp = int(time.time())
    secret = embedded_secrets(settings.home).signing_secret
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": str(timestamp),
        "X-Slack-Signature": sign(secret, timestamp, body),
    }
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", settings.gateway_port, timeout=30)
    connection.request("POST", "/slack/events", body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    # What is refused comes back as a modal that says why.
    return (time.perf_counter() - began) * 1000, answer.status != 200 or bool(content.strip(b'{}"'))


def _page(settings: Settings, query: str) -> float:
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", settings.gateway_port, timeout=60)
    connection.request("GET", f"/cases?{query}")
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"/cases?{query}: {answer.status} {content[:300]!r}")
    return (time.perf_counter() - began) * 1000


@contextmanager
def _gateway(settings: Settings) -> Iterator[None]:
    environment = {
        **os.environ,
        "TRUELOOP_HOME": str(settings.home),
        "TRUELOOP_SOURCE_PACK": settings.source_pack,
        "TRUELOOP_DATABASE_URL": settings.database_url,
        "TRUELOOP_GATEWAY_PORT": str(settings.gateway_port),
        "TRUELOOP_DAGSTER_PORT": str(settings.dagster_port),
        "TRUELOOP_LOCAL_READER_ROLE": "analyst",
    }
    log = (settings.home / "gateway.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway"], cwd=PROJECT_ROOT, env=environment, stdout=log, stderr=log
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                _page(settings, "")
                break
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()
