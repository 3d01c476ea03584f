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


def case(case_id: str, opened_at: str) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "template_id": "supply_exception",
        "status": "open",
        "outcome": None,
        "subject_kind": "supplier",
        "subject_id": "1510",
        "metric": "metric_supplier_reject_rate",
        "rule_id": "supplier_reject_rate_high",
        "opened_at": opened_at,
        "closed_at": None,
        "working_minutes_open": None,
        "effective": None,
        "judged_at": None,
        "returns": 0,
    }


def closing(case_id: str, number: int, closed_at: str, minutes: int, returns: int = 0) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "closing": number,
        "template_id": "supply_exception",
        "outcome": "completed",
        "began_at": "2026-11-16T17:00:00",
        "closed_at": closed_at,
        "working_minutes": minutes,
        "returns": returns,
    }


def judgement(case_id: str, number: int, at: str, effective: bool | None) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "judgement": number,
        "template_id": "supply_exception",
        "metric": "metric_supplier_reject_rate",
        "effective": effective,
        "judged_at": at,
        "figures_as_of": at[:10],
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
        "purpose": "decide",
        "ended_at": decided_at,
        "by_default": False,
    }


def visit(step: str, number: int, ended_at: str | None, minutes: tuple[int, int], **more: Any) -> dict[str, Any]:
    """``minutes``: working and waiting."""
    return {
        "case_id": "C1",
        "step_id": step,
        "visit": number,
        "template_id": "supply_exception",
        "kind": "human",
        "status": "active" if ended_at is None else "completed",
        "outcome": None if ended_at is None else "confirm",
        "role": "buyer",
        "assignee_id": "251",
        "entered_at": "2026-11-16T17:00:00",
        "ended_at": ended_at,
        "again": None,
        "sent_back": False,
        "returned_to": None,
        "return_status": None,
        "reassignments": 0,
        "rungs_fired": 0,
        "working_minutes": None if ended_at is None else minutes[0],
        "waiting_minutes": None if ended_at is None else minutes[1],
        **more,
    }


def rating(person: str, score: int, at: str) -> dict[str, Any]:
    return {"case_id": "C1", "person_id": person, "template_id": "supply_exception", "score": score, "rated_at": at}


def open_work(day: str, person: str, tasks: int, overdue: int = 0) -> dict[str, Any]:
    return {
        "stated_on": day,
        "template_id": "supply_exception",
        "step_id": "supplier",
        "role": "buyer",
        "assignee_id": person,
        "stated_at": f"{day}T20:00:00",
        "open_tasks": tasks,
        "weight": f"{tasks * 1.5:.4f}",
        "overdue_tasks": overdue,
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
    # 06:30 UTC is still the evening before where the company sits (UTC-8).
    pack.record("closings", [closing("C1", 1, "2026-11-18T06:30:00", 300)])
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

    # C2 closes, C1 that was reopened closes once more, T3 is decided by another role, and the run ends well.
    pack.record("closings", [closing("C1", 2, "2026-11-19T21:00:00", 60), closing("C2", 1, "2026-11-19T20:00:00", 90)])
    pack.record("tasks", [task("T3", "2026-11-18T20:00:00", role="cfo")])
    pack.record("runs", [run("R4", "SUCCESS", "2026-11-16T17:02:00")])
    pack.build(select=MODELS)
    assert pack.rows("select case_id, closing, event_date from metrics.metric_case_cycle_time order by all") == [
        ("C1", 1, date(2026, 11, 17)),
        ("C1", 2, date(2026, 11, 19)),
        ("C2", 1, date(2026, 11, 19)),
    ]
    assert ratio(pack, "metric_case_cycle_time") == Decimal("2.5")
    assert pack.rows("select role_id, sum(numerator) from metrics.metric_sla_attainment group by 1 order by 1") == [
        ("buyer", 1),
        ("cfo", 1),
    ]
    assert ratio(pack, "metric_report_failure_rate") == Decimal(1) / 3

    grown = pack.content(["conformed", "metrics"])
    pack.build(select=MODELS, full_refresh=True)
    assert pack.content(["conformed", "metrics"]) == grown


VISITS = ["metric_step_cycle_time", "metric_step_waiting_time", "metric_case_rating", "metric_open_workload"]
CASES = ["metric_missed_approvals", "metric_case_return_rate", "metric_effective_case_share"]


def figures(pack: PackPlatform) -> dict[str, tuple[Any, ...]]:
    names = [name for name in (*VISITS, *CASES) if name != "metric_open_workload"]
    return {
        name: pack.row(f"select cast(sum(numerator) as int), cast(sum(denominator) as int) from metrics.{name}")
        for name in names
    }


def test_visits_ratings_returns_and_load_follow_the_history(pack: PackPlatform) -> None:
    models = [f"+{name}" for name in (*VISITS, *CASES)]
    pack.record(
        "closings", [closing("C1", 1, "2026-11-18T20:00:00", 300, 2), closing("C2", 1, "2026-11-18T20:00:00", 60)]
    )
    pack.record("judgements", [judgement("C1", 1, "2026-11-20T17:00:00", False)])
    pack.record("judgements", [judgement("C2", 1, "2026-11-20T17:00:00", None)])
    pack.record("tasks", [task("T1", "2026-11-16T20:00:00"), task("T2", None, breached=True)])
    pack.record("step_visits", [visit("judge", 1, "2026-11-16T20:00:00", (180, 120)), visit("judge", 2, None, (0, 0))])
    pack.record("step_visits", [visit("job", 1, "2026-11-16T20:00:00", (60, 0), kind="service", assignee_id=None)])
    pack.record("ratings", [rating("251", 2, "2026-11-19T20:00:00"), rating("250", 5, "2026-11-19T20:00:00")])
    pack.record("open_work", [open_work("2026-11-16", "251", 2), open_work("2026-11-17", "251", 3, 1)])
    pack.build(select=models)
    assert figures(pack) == {
        "metric_step_cycle_time": (240, 120),
        "metric_step_waiting_time": (120, 60),
        "metric_case_rating": (7, 2),
        "metric_missed_approvals": (1, 2),
        "metric_case_return_rate": (1, 2),
        "metric_effective_case_share": (0, 1),
    }
    latest = "select cast(sum(numerator) as int), sum(weight) from metrics.metric_open_workload where event_date = "
    assert pack.row(f"{latest} date '2026-11-17'") == (3, Decimal("4.5"))

    # The late task is decided late, the second visit ends, a rating is changed, the work is done. The case that had not
    # worked worked the second time.
    pack.record("closings", [closing("C1", 2, "2026-11-21T20:00:00", 20)])
    pack.record("judgements", [judgement("C1", 2, "2026-11-28T17:00:00", True)])
    pack.record("tasks", [task("T2", "2026-11-19T20:00:00", breached=True)])
    pack.record("step_visits", [visit("judge", 2, "2026-11-19T20:00:00", (30, 30), again="returned")])
    pack.record("ratings", [rating("251", 4, "2026-11-20T20:00:00")])
    pack.record("open_work", [open_work("2026-11-17", "251", 0)])
    pack.build(select=models)
    assert figures(pack)["metric_effective_case_share"] == (1, 2)
    assert figures(pack)["metric_case_return_rate"] == (1, 3)
    assert figures(pack)["metric_step_cycle_time"] == (270, 180)
    assert figures(pack)["metric_case_rating"] == (9, 2)
    assert pack.row("select fate, event_date from metrics.metric_missed_approvals where numerator = 1") == (
        "late",
        date(2026, 11, 16),
    )
    assert pack.row(f"{latest} date '2026-11-17'") == (0, Decimal(0))

    grown = pack.content(["conformed", "metrics"])
    pack.build(select=models, full_refresh=True)
    assert pack.content(["conformed", "metrics"]) == grown


def test_telling_the_same_history_again_loads_nothing(pack: PackPlatform) -> None:
    history = [case("C1", "2026-11-16T17:00:00")]
    assert pack.record("cases", history).rows_loaded == 1
    assert pack.record("cases", history).batches == ()
