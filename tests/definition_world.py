"""A checkout of the dbt project that tests may edit, one change of a definition in it, and the case's service jobs.

The change: receipts of fewer than 100 pieces count no more in the supplier reject rate.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from resources.platform import Platform
from resources.settings import DBT_PROJECT_DIR
from workflow_jobs.jobs import service_jobs
from workflow_jobs.wiring import process_service

METRIC = "metric_supplier_reject_rate"
SQL = f"models/metrics/{METRIC}.sql"
YML = f"models/metrics/{METRIC}.yml"
FORMULA = "sum(rejected quantity) / sum(received quantity)"
NEW_FORMULA = f"{FORMULA}, receipts of 100 pieces and more"
OWNER_ROLE = "quality_manager"


def copied_checkout(folder: Path) -> Path:
    """A copy of the dbt project, as an engineer's checkout."""
    shutil.copytree(DBT_PROJECT_DIR, folder, ignore=shutil.ignore_patterns("target", "logs"))
    return folder


def changed_files(checkout: Path) -> dict[str, str]:
    """The change: the model, its formula, and its unit test, by path in the project."""
    sql = (checkout / SQL).read_text(encoding="utf-8")
    yml = (checkout / YML).read_text(encoding="utf-8")
    expected = "        - {receipt_no: G2, event_date: 2026-01-16"
    assert "and order_matched" in sql
    assert FORMULA in yml
    assert expected in yml
    kept = [line for line in yml.splitlines() if not line.startswith(expected)]
    return {
        SQL: sql.replace("and order_matched", "and order_matched and received_quantity >= 100"),
        YML: "\n".join(kept).replace(f'"{FORMULA}"', f'"{NEW_FORMULA}"') + "\n",
    }


def write_files(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def people_with(platform: Platform, role: str) -> list[dict[str, Any]]:
    """The people of the published snapshot who hold a role, by id."""
    current = platform.snapshots.current()
    assert current is not None
    return current.rows(
        "select person_id, login, name from people join person_roles using (person_id) where role = ? order by all",
        [role],
    )


def run_service_steps(platform: Platform) -> int:
    """Run the jobs that cases wait for in this process, as the sensor would; how many ran. Raises what a job raises."""
    jobs = {job.name: job for job in service_jobs()}
    steps = process_service(platform).due_service_steps()
    for step in steps:
        config = {"case_id": step.case_id, "step_id": step.step_id, "idempotency_key": step.idempotency_key}
        jobs[step.job].execute_in_process(
            run_config={"ops": {step.job.removesuffix("_job"): {"config": config}}},
            resources={"platform": platform},
        )
    return len(steps)
