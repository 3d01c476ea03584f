"""A process service on a real database with a small company, for tests of store, outbox, cards and history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Engine

from resources.clock import FixedClock
from resources.people import Directory
from tests.engine_world import JOBS, MONDAY, ROLES, calendar, people
from workflow_jobs.cases import OpenRequest, OpenResult
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.service import ProcessService
from workflow_jobs.slack.wording import MetricFigure
from workflow_jobs.template_library import load_library

_MIGRATIONS = Path(__file__).parents[1] / "resources" / "migrations"

# How each step of supply_exception is decided on the way to its regular end.
REGULAR: Mapping[str, tuple[str, dict[str, Any]]] = {
    "judge": ("confirm", {"impact_amount": "60000", "exception_cause": "transport"}),
    "supplier": ("agreed", {"delivery_date": "2026-12-01", "supplier_measure": "Two lorries more"}),
    "protect": ("covered", {}),
    "assess": ("approve", {"measure_cost": "1200.50", "cost_bearer": "supplier"}),
    "promise": ("kept", {}),
}


@dataclass
class World:
    """Service, clock and people of one test."""

    engine: Engine
    clock: FixedClock = field(default_factory=lambda: FixedClock(MONDAY))
    directory: Directory = field(default_factory=people)
    language: str = "en"

    def __post_init__(self) -> None:
        self.service = ProcessService(
            self.engine,
            clock=self.clock,
            templates=load_library(known_roles=ROLES, known_jobs=JOBS),
            directory=lambda: self.directory,
            calendar=calendar(),
            pack="small",
            channel="ops",
            language=self.language,
            figures=lambda _metric: MetricFigure("Supplier reject rate", "供应商拒收率", "percent", 2),
        )

    @property
    def ops_engine(self) -> Engine:
        return self.engine

    def open(self, subject: str = "S1", snapshot: str = "snap-1", **changes: Any) -> OpenResult:
        return self.service.open_case(request(subject, snapshot, **changes))

    def task(self, case_id: str, step: str) -> TaskState:
        return next(t for t in self.service.case(case_id).open_tasks if t.step_id == step)

    def decide(self, case_id: str, step: str, *, person: str | None = None) -> CaseState:
        task = self.task(case_id, step)
        outcome, form = REGULAR[step]
        who = person or task.assignee or ""
        return self.service.decide_task(task.task_id, task.version, who, outcome, form, "test").case

    def serve(self, case_id: str) -> CaseState:
        step = next(s for s in self.service.due_service_steps() if s.case_id == case_id)
        return self.service.complete_service(
            case_id, step.step_id, "run-1", {"moves": []}, idempotency_key=step.idempotency_key
        )

    def to_the_end(self, case_id: str) -> CaseState:
        for step in ("judge", "supplier", "protect"):
            self.decide(case_id, step)
        self.serve(case_id)
        self.decide(case_id, "assess")
        return self.decide(case_id, "promise")


def request(subject: str = "S1", snapshot: str = "snap-1", **changes: Any) -> OpenRequest:
    values: dict[str, Any] = {
        "template_id": "supply_exception",
        "rule_id": "supplier_reject_rate_high",
        "subject_kind": "supplier",
        "subject_id": subject,
        "subject_label": f"Supplier {subject}",
        "metric": "metric_supplier_reject_rate",
        "direction": "above",
        "observed": "0.0931",
        "threshold": "0.08",
        "snapshot_id": snapshot,
        "as_of": date(2026, 11, 15),
    }
    return OpenRequest(**{**values, **changes})


def upgrade_from(engine: Engine, revision: str) -> None:
    """Take the database back to a revision, its rows kept, and upgrade it again."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
        command.upgrade(config, "head")
