"""The platform's own records as metrics: local days, later versions, and the same figures however they were built."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.adventureworks_platform import PackPlatform

MODELS = ["+metric_case_cycle_time", "+metric_sla_attainment", "+metric_report_failure_rate"]


@pytest.fixture
def pack(tmp_path: Path) -> Iterator[PackPlatform]:
    """The adventureworks pack without any file: the platform's source is there whatever the company's systems send."""
    landing = tmp_path / "landing"
    landing.mkdir()
    pack = PackPlatform(tmp_path / "home", landing)
    pack.ingest()
    yield pack
    pack.close()


def case(case_id: str, opened_at: str, closed_at: str | None = None, minutes: int | None = None) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "template_id": "supply_exception",
        "status": "open" if closed_at is None else "closed",
        "outcome": None if closed_at is None else "completed",
        "subject_kind": "supplier",
        "subject_id": "1510",
        "metric": "metric_supplier_reject_rate",
        "rule_id": "supplier_reject_rate_high",
        "opened_at": opened_at,
        "closed_at": closed_at,
        "working_minutes_open": minutes,
        "effective": None,
    }


def task(task_id: str, decided_at: str | None, *, breached: bool = False, role: str = "buyer") -> dict[str, Any]:
    return {
        "task_id": task_id,
        "case_id": "C1",
        "template_id": "supply_exception",
        "step_id": "supplier",
        "role": role,
        "assignee_id": "251",
        "created_at": "2026-11-16T17:00:00",
        "due_at": "2026-11-16T21:00:00",
        "decided_at": decided_at,
        "outcome": None if decided_at is None else "confirm",
        "working_minutes": None if decided_at is None else 60,
        "breached": breached,
        "rungs_fired": int(breached),
    }


def run(run_id: str, status: str, ended_at: str | None, job: str = "refresh_job") -> dict[str, Any]:
    return {
        "run_id": run_id,
        "job_name": job,
        "status": status,
        "started_at": "2026-11-16T17:00:00",
        "ended_at": ended_at,
        "batch_id": None,
        "case_id": None,
    }


def ratio(pack: PackPlatform, metric: str) -> Decimal:
    numerator, denominator = pack.row(f"select sum(numerator), sum(denominator) from metrics.{metric}")
    return Decimal(numerator) / Decimal(denominator)


def test_process_metrics_follow_the_history(pack: PackPlatform) -> None:
    pack.record(
        "cases",
        [
            # 06:30 UTC is still the evening before where the company sits (UTC-8).
            case("C1", "2026-11-16T17:00:00", "2026-11-18T06:30:00", 300),
            case("C2", "2026-11-16T17:00:00"),
        ],
    )
    pack.record(
        "tasks", [task("T1", "2026-11-16T20:00:00"), task("T2", "2026-11-17T20:00:00", breached=True), task("T3", None)]
    )
    pack.record(
        "runs",
        [
            run("R1", "SUCCESS", "2026-11-16T17:01:00"),
            run("R2", "FAILURE", "2026-11-16T17:01:00"),
            run("R3", "FAILURE", "2026-11-16T17:01:00", "replan_production_job"),
            run("R4", "STARTED", None),
        ],
    )
    pack.build(select=MODELS)
    assert pack.rows("select case_id, event_date from metrics.metric_case_cycle_time") == [("C1", date(2026, 11, 17))]
    assert ratio(pack, "metric_case_cycle_time") == 5
    assert ratio(pack, "metric_sla_attainment") == Decimal("0.5")
    assert ratio(pack, "metric_report_failure_rate") == Decimal("0.5")

    # C2 closes, C1 is reopened, T3 is decided by another role, and the run ends well.
    pack.record(
        "cases", [case("C1", "2026-11-16T17:00:00"), case("C2", "2026-11-16T17:00:00", "2026-11-19T20:00:00", 90)]
    )
    pack.record("tasks", [task("T3", "2026-11-18T20:00:00", role="cfo")])
    pack.record("runs", [run("R4", "SUCCESS", "2026-11-16T17:02:00")])
    pack.build(select=MODELS)
    assert pack.rows("select case_id, event_date from metrics.metric_case_cycle_time") == [("C2", date(2026, 11, 19))]
    assert ratio(pack, "metric_case_cycle_time") == Decimal("1.5")
    assert pack.rows("select role_id, sum(numerator) from metrics.metric_sla_attainment group by 1 order by 1") == [
        ("buyer", 1),
        ("cfo", 1),
    ]
    assert ratio(pack, "metric_report_failure_rate") == Decimal(1) / 3

    grown = pack.content(["conformed", "metrics"])
    pack.build(select=MODELS, full_refresh=True)
    assert pack.content(["conformed", "metrics"]) == grown


def test_telling_the_same_history_again_loads_nothing(pack: PackPlatform) -> None:
    history = [case("C1", "2026-11-16T17:00:00")]
    assert pack.record("cases", history).rows_loaded == 1
    assert pack.record("cases", history).batches == ()
