"""A whole gateway for tests: a state folder, a small published snapshot, the real application on a real port.

Only Dagster's web server is played, by ``FakeDagster``: it answers the status question and records reported steps.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import uvicorn
from fastapi import FastAPI, Request
from slack_sdk import WebClient

from gateway.app import create_app
from gateway.context import GatewayContext
from gateway.embedded_slack.members import member_id
from gateway.embedded_slack.workspace import Workspace
from resources.clock import Clock
from resources.serving import SnapshotInfo, SnapshotStore
from resources.settings import Settings
from workflow_jobs.cases import OpenRequest

METRIC = "metric_supplier_reject_rate"
# person, name, title, department, manager, roles
PEOPLE = [
    ("E001", "陈建国", "General manager", "Management", None, ["ceo", "plant_manager"]),
    ("E002", "Zhou Min", "Quality manager", "Quality", "E001", ["quality_manager"]),
    ("E003", "Li Na", "Quality engineer", "Quality", "E002", ["quality_engineer"]),
    ("E004", "Wang Fang", "Purchasing manager", "Purchasing", "E001", ["purchasing_manager"]),
    ("E005", "Zhang Wei", "Buyer", "Purchasing", "E004", ["buyer"]),
    ("E006", "Liu Yang", "Planner", "Production", "E001", ["production_planner", "production_manager"]),
    ("E007", "Sun Li", "Finance analyst", "Finance", "E008", ["finance_analyst"]),
    ("E008", "Zhao Lei", "Finance manager", "Finance", "E001", ["finance_manager", "cfo", "data_owner"]),
    ("E009", "Xu Jing", "Sales representative", "Sales", "E010", ["sales_representative", "account_manager"]),
    ("E010", "Ma Chao", "Sales manager", "Sales", "E001", ["sales_manager"]),
    ("E011", "He Ping", "Logistics coordinator", "Logistics", "E001", ["logistics_coordinator", "logistics_manager"]),
]
_METRICS = [
    (METRIC, "Supplier reject rate", "供应商拒收率", "supply", "percent", 4, "published", None, 0.0312384, "3.1238"),
    ("metric_order_gross_margin", "Order gross margin", "订单毛利率", "profit", "percent", 2, "held",
     "Red line: 4 order lines have no cost. Figures of 2026-11-14 are shown.", 0.2331, "23.31"),
    ("metric_order_to_cash_days", "Order-to-cash time", "订单到回款天数", "delivery", "days", 1, "warning",
     "Timeliness: invoices are two days old.", 41.27, "41.3"),
    ("metric_inventory_on_hand", "Inventory on hand", "库存金额", "production", "cny", 0, "published", None, 18234551.0,
     "18234551"),
    ("metric_customer_satisfaction", "Customer satisfaction", "客户满意度", "delivery", "score", 1, "unavailable",
     "Not available in this pack: needs survey_answer.", None, None),
    ("metric_case_cycle_time", "Case cycle time", "事件单周期", "process", "hours", 1, "none_good",
     "Held back: no case closed yet.", None, None),
]  # fmt: skip


def publish_snapshot(
    store: SnapshotStore, *, sequence: int = 1, clock: Clock, figure: str | None = None
) -> SnapshotInfo:
    """Build a snapshot of the served tables, commit it and switch to it; ``figure`` becomes every metric's value."""
    info = SnapshotInfo(
        f"20261116-{sequence:06d}", sequence, clock.now(), date(2026, 11, 15), "dongchen", sequence,
        ("metric_order_gross_margin",),
    )  # fmt: skip
    built = store.root / f"{info.id}.building"
    built.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(built)) as db:
        db.execute(
            "create table metrics (metric varchar, label_en varchar, label_zh varchar, domain varchar,"
            " owner_role varchar, unit varchar, decimals integer, direction varchar, aggregation varchar,"
            " window_days integer, state varchar, reason varchar, value double, value_text varchar,"
            " numerator varchar, denominator varchar, as_of date,"
            ' good_snapshot_id varchar, definition_version integer, "rows" bigint)'
        )
        for name, en, zh, domain, unit, decimals, state, reason, value, text in _METRICS:
            given = value is not None
            shown = figure if figure and given else text
            db.execute(
                "insert into metrics values (?, ?, ?, ?, 'quality_manager', ?, ?, 'down', 'ratio', 90, ?, ?, ?, ?, ?,"
                " ?, ?, ?, 1, ?)",
                [name, en, zh, domain, unit, decimals, state, reason, value, shown, "276.300000" if given else None,
                 "8845.000000" if given else None, info.as_of if given else None, info.id if given else None,
                 8845 if given else 0],
            )  # fmt: skip
        db.execute(
            "create table metric_period (metric varchar, period_start date, grain varchar, numerator varchar,"
            " denominator varchar, value double, value_text varchar, rows bigint)"
        )
        for month in (8, 9, 10):
            db.execute(
                "insert into metric_period values (?, ?, 'month', '10.000000', '400.000000', 0.025, '2.5000', 12)",
                [METRIC, date(2026, month, 1)],
            )
        db.execute(
            "create table metric_subject (metric varchar, dimension varchar, subject_id varchar, subject_label varchar,"
            " window_start date, window_end date, numerator varchar, denominator varchar, value double, rows bigint)"
        )
        for number in range(60):
            db.execute(
                "insert into metric_subject values (?, 'supplier', ?, ?, ?, ?, '9.310000', ?, 0.0931, 4)",
                [METRIC, f"V-{number:04d}", f"Supplier {number}", info.as_of - timedelta(days=89), info.as_of,
                 f"{100 + number}.000000"],
            )  # fmt: skip
        db.execute(
            "create table metric_detail (metric varchar, name varchar, label_en varchar, label_zh varchar,"
            " value varchar)"
        )
        db.execute("create table metric_part (metric varchar, period_start date, file varchar, rows bigint)")
        db.execute(
            "create table checks (check_name varchar, asset varchar, metrics varchar[], dimension varchar,"
            " severity varchar, passed boolean, observed double, threshold double, sentence varchar,"
            " description varchar)"
        )
        db.execute(
            "create table people (person_id varchar, name varchar, email varchar, login varchar, title varchar,"
            " department_id varchar, department_name varchar, manager_id varchar, country varchar)"
        )
        db.execute("create table person_roles (person_id varchar, role varchar)")
        db.execute("create table absences (person_id varchar, starts_on date, ends_on date)")
        for person, name, title, department, manager, roles in PEOPLE:
            db.execute(
                "insert into people values (?, ?, '', ?, ?, ?, ?, ?, 'CN')",
                [person, name, person.lower(), title, department[:3], department, manager],
            )
            for role in roles:
                db.execute("insert into person_roles values (?, ?)", [person, role])
    store.commit(info, built)
    store.switch(info.id)
    return info


@dataclass
class FakeDagster:
    """What Dagster's web server would answer."""

    url: str
    healthy: bool = True
    reported: list[dict[str, Any]] = field(default_factory=list)

    def application(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.post("/graphql")
        def graphql() -> dict[str, Any]:
            daemon = {"required": True, "healthy": self.healthy, "lastHeartbeatTime": 1794792600.0,
                      "lastHeartbeatErrors": []}  # fmt: skip
            sensor = {"status": "RUNNING", "ticks": [{"timestamp": 1794792600.0, "status": "SKIPPED", "error": None}]}
            return {
                "data": {
                    "instance": {
                        "daemonHealth": {
                            "allDaemonStatuses": [daemon | {"daemonType": kind} for kind in ("SENSOR", "SCHEDULER")]
                        }
                    },
                    "repositoriesOrError": {
                        "__typename": "RepositoryConnection",
                        "nodes": [{"sensors": [{"name": "outbox_sensor", "sensorState": sensor}]}],
                    },
                }
            }

        @app.post("/report_asset_materialization/")
        async def report(request: Request) -> dict[str, Any]:
            self.reported.append(await request.json())
            return {}

        return app


@dataclass
class Stack:
    """A running gateway. ``slack`` speaks to its embedded Slack with the bot's token, as the platform does."""

    settings: Settings
    clock: Clock
    app: FastAPI
    dagster: FakeDagster
    http: httpx.Client

    @property
    def context(self) -> GatewayContext:
        context = self.app.state.context
        assert isinstance(context, GatewayContext)
        return context

    @property
    def workspace(self) -> Workspace:
        workspace = self.app.state.workspace
        assert isinstance(workspace, Workspace)
        return workspace

    @property
    def slack(self) -> WebClient:
        client = WebClient(
            token=self.workspace.secrets.bot_token, base_url=self.settings.slack_api_base_url, retry_handlers=[]
        )
        client.proxy = None
        return client

    def open_case(self, subject: str = "V-0007", label: str = "Huaxin Castings") -> str:
        """Open a supply exception as the watch rule would, and deliver its messages."""
        case_id = self.open_case_undelivered(subject, label)
        self.deliver()
        return case_id

    def open_case_undelivered(self, subject: str = "V-0007", label: str = "Huaxin Castings") -> str:
        """Open a supply exception; its messages stay in the outbox."""
        result = self.context.service.open_case(
            OpenRequest(
                template_id="supply_exception",
                rule_id="supplier_reject_rate_high",
                subject_kind="supplier",
                subject_id=subject,
                subject_label=label,
                metric=METRIC,
                direction="above",
                observed="0.0931",
                threshold="0.08",
                snapshot_id="20261116-000001",
                as_of=date(2026, 11, 15),
            )
        )
        return result.case_id

    def deliver(self) -> None:
        """Send the outbox and wait until nothing waits in it."""
        from workflow_jobs.delivery.outbox import outbox_status

        self.app.state.delivery.kick()
        wait_until(lambda: _is_empty(outbox_status(self.context.engine, self.clock)))

    def open_task(self, case_id: str, step: str) -> Any:
        tasks = self.context.service.tasks(case_id=case_id)
        return next(task for task in tasks if task.step_id == step)

    def user(self, person_id: str) -> str:
        """Slack user id of a person."""
        self.workspace.refresh_members()
        return member_id(person_id)

    def dm(self, person_id: str) -> str:
        """Channel id of the person's direct messages."""
        return self.workspace.conversations.direct(self.user(person_id))[0].id

    def cards(self, person_id: str) -> list[dict[str, Any]]:
        """Messages in a person's direct messages, newest first."""
        found: list[dict[str, Any]] = self.slack.conversations_history(channel=self.dm(person_id))["messages"]
        return found


def _is_empty(status: Any) -> bool:
    return bool(status.pending + status.sending == 0)


def wait_until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    """Wait for something another thread does; fails the test when it does not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(app: FastAPI, port: int) -> Iterator[None]:
    """Run an application under uvicorn in a thread of this process."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, ws="none", timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        assert server.started, "the server did not start"
        yield
    finally:
        server.should_exit = True
        thread.join(15)


@contextmanager
def running_stack(home: Path, clock: Clock, *, published: bool = True, **settings: Any) -> Iterator[Stack]:
    """A gateway on the state folder ``home``, with the fake Dagster beside it."""
    chosen = Settings(home=home, source_pack="dongchen", gateway_port=free_port(), dagster_port=free_port(), **settings)
    if published:
        publish_snapshot(SnapshotStore(chosen.serving_dir), clock=clock)
    dagster = FakeDagster(chosen.dagster_url)
    app = create_app(chosen, clock=clock)
    with (
        serving(dagster.application(), chosen.dagster_port),
        serving(app, chosen.gateway_port),
        httpx.Client(base_url=chosen.gateway_url, trust_env=False, timeout=20) as http,
    ):
        yield Stack(chosen, clock, app, dagster, http)
