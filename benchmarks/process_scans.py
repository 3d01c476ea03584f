"""How long the look for due timers takes, with very many tasks open: it should cost what is due, not what is open."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import process_company as company
from benchmarks.process_crowd import add_tasks, make_due
from benchmarks.process_steps import Postgres, Sqlite
from benchmarks.spread import Spread, table
from resources.ops_database import open_engine, reading
from workflow_jobs.store import due_rows, pool_rows

OPEN = (10_000, 100_000, 1_000_000)
_DUE = 10
_LOOKS = 200


@dataclass
class ScanTimes:
    """Milliseconds of each look, by (database, open tasks, due tasks)."""

    milliseconds: dict[tuple[str, int, int], list[float]] = field(default_factory=dict)


def measure(work: Path, sizes: tuple[int, ...], say: Callable[[str], None]) -> ScanTimes:
    """Look ``_LOOKS`` times for what is due, with every number of open tasks on both databases."""
    times = ScanTimes()
    work.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        databases = (Sqlite(work), Postgres(stack.enter_context(company.postgres())))
        for database in databases:
            engine = open_engine(database.fresh())
            there = 0
            for size in sizes:
                # In steps: what was there stays.
                service = company.service_on(engine)
                case = company.open_case(service, f"scan-{size}")
                add_tasks(engine, case.case_id, size - there, due=company.MONDAY + timedelta(days=1))
                there = size
                now = company.MONDAY + timedelta(hours=1)
                times.milliseconds[database.name, size, 0] = _looks(engine, now, 0)
                make_due(engine, _DUE, now - timedelta(minutes=1))
                times.milliseconds[database.name, size, _DUE] = _looks(engine, now, _DUE)
                make_due(engine, 0, now)
                with engine.begin() as connection:
                    connection.exec_driver_sql(
                        "UPDATE process_task SET next_rung_at = due_at, claim_until = due_at "
                        f"WHERE next_rung_at <= '{now:%Y-%m-%d %H:%M:%S}'"
                    )
                say(f"looks for due timers on {database.name} with {size:,} open tasks")
            engine.dispose()
    return times


def _looks(engine: sa.Engine, now: datetime, due: int) -> list[float]:
    found: list[float] = []
    for _ in range(_LOOKS):
        began = time.perf_counter()
        with reading(engine) as connection:
            cases = due_rows.due(connection, "rungs", now, due_rows.START, 500)
            due_rows.due(connection, "services", now, due_rows.START, 500)
            due_rows.due(connection, "timers", now, due_rows.START, 500)
            claims = pool_rows.due_claims(connection, now)
        found.append((time.perf_counter() - began) * 1000)
        if (len(cases), len(claims)) != (due, due):
            raise RuntimeError(f"{due} tasks should be due, and as many unclaimed; found: {len(cases)}, {len(claims)}")
    return found


def scans_text(times: ScanTimes) -> str:
    """One line for each database and number of open tasks."""
    rows = []
    for database, size in dict.fromkeys((database, size) for database, size, _ in times.milliseconds):
        spreads = [Spread.of(times.milliseconds[database, size, due]).text("ms") for due in (0, _DUE)]
        rows.append([database, f"{size:,}", *spreads])
    return "Look for due timers\n\n" + table(["database", "open tasks", "nothing due", f"{_DUE} due"], rows)


def scans_json(times: ScanTimes) -> list[dict[str, Any]]:
    """Medians and extremes in milliseconds."""
    return [
        {"database": database, "open": size, "due": due, "milliseconds": Spread.of(values).to_json()}
        for (database, size, due), values in times.milliseconds.items()
    ]
