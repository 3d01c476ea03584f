"""kill -9 of the running processes at random moments, while people click and cases open: nothing is lost or doubled."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode

import httpx
import pytest
import sqlalchemy as sa

from gateway.embedded_slack.interactions import sign
from gateway.embedded_slack.members import member_id
from resources.clock import ShiftedClock
from resources.ops_database import reading
from resources.platform import Platform
from resources.serving import SnapshotStore
from resources.settings import Settings
from resources.slack_connection import embedded_secrets
from tests.faults.process_fleet import CASES_VARIABLE, ROLES
from tests.gateway_stack import FakeDagster, free_port, publish_snapshot, serving, wait_until
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.outgoing_message import CARD, MESSAGE, STEP_COMPLETED
from workflow_jobs.service import ProcessService
from workflow_jobs.slack.decision_buttons import ButtonValue
from workflow_jobs.store.tables import outbox
from workflow_jobs.wiring import process_service

ROOT = Path(__file__).resolve().parents[2]
_KILLS, _SOAK_KILLS = 10, 100
_FORMS: dict[str, tuple[str, dict[str, str]]] = {
    "judge": ("confirm", {"impact_amount": "42000.50", "exception_cause": "supplier_quality"}),
    "supplier": ("agreed", {"delivery_date": "2026-12-01", "supplier_measure": "Two lorries more"}),
    "protect": ("covered", {}),
    "assess": ("approve", {"measure_cost": "1200.50", "cost_bearer": "supplier"}),
    "promise": ("kept", {}),
}
_CHOICES = {"exception_cause", "cost_bearer"}


@dataclass
class Fleet:
    """The processes of one platform."""

    settings: Settings
    cases: int
    log: IO[bytes]
    running: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        environment = {
            **os.environ,
            "TRUELOOP_HOME": str(self.settings.home),
            "TRUELOOP_DATABASE_URL": self.settings.database_url,
            "TRUELOOP_GATEWAY_PORT": str(self.settings.gateway_port),
            "TRUELOOP_DAGSTER_PORT": str(self.settings.dagster_port),
            "TRUELOOP_CLOCK": "shifted",
            CASES_VARIABLE: str(self.cases),
        }
        self._mother = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.process_fleet"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )

    def start(self, role: str) -> None:
        assert self._mother.stdin is not None and self._mother.stdout is not None
        self._mother.stdin.write(f"{role}\n")
        self._mother.stdin.flush()
        self.running[role] = int(self._mother.stdout.readline())

    def kill(self, role: str) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.running.pop(role), signal.SIGKILL)

    def close(self) -> None:
        assert self._mother.stdin is not None and self._mother.stdout is not None
        for role in list(self.running):
            self.kill(role)
        self._mother.stdin.close()
        self._mother.wait(timeout=30)
        self._mother.stdout.close()


@dataclass
class People:
    """Everybody at once: presses what is open, again and again until Slack is answered, as Slack itself does."""

    settings: Settings
    service: ProcessService
    http: httpx.Client
    accepted: dict[tuple[str, int], str] = field(default_factory=dict)

    def click_everything(self, deadline: float) -> None:
        for task in self.service.tasks(limit=50):
            if time.monotonic() > deadline:
                return
            if task.assignee is not None and task.step_id in _FORMS:
                self._click(task.task_id, task.version, task.step_id, task.assignee)

    def _click(self, task_id: str, version: int, step: str, person: str) -> None:
        outcome, form = _FORMS[step]
        button = ButtonValue(task_id, version, outcome, form=True).to_json(self.service.card_context().seal)
        body = urlencode({"payload": json.dumps(_submission(button, form, person))}).encode()
        timestamp = int(time.time())
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": str(timestamp),
            "X-Slack-Signature": sign(embedded_secrets(self.settings.home).signing_secret, timestamp, body),
        }
        try:
            answer = self.http.post("/slack/events", content=body, headers=headers)
        except httpx.HTTPError:
            return
        # A refusal comes back as a modal that says so; what was accepted closes the modal.
        if answer.status_code == 200 and not answer.content.strip(b'{}"'):
            self.accepted[task_id, version] = person


def _submission(button: str, form: dict[str, str], person: str) -> dict[str, Any]:
    values = {}
    for name, value in form.items():
        answer: dict[str, Any] = {"type": "plain_text_input", "value": value}
        if name in _CHOICES:
            answer = {"type": "static_select", "selected_option": {"value": value}}
        elif name == "delivery_date":
            answer = {"type": "datepicker", "selected_date": value}
        values[f"field:{name}"] = {f"field:{name}": answer}
    view = {
        "type": "modal",
        "callback_id": "decide",
        "private_metadata": button,
        "blocks": [],
        "state": {"values": values},
    }
    return {"type": "view_submission", "team": {"id": "T1"}, "user": {"id": member_id(person)}, "view": view}


def test_nothing_is_lost_or_doubled_whoever_is_killed(
    pytestconfig: pytest.Config, tmp_path: Path, ops_url: str
) -> None:
    kills = _SOAK_KILLS if pytestconfig.getoption("--soak") else _KILLS
    cases = max(8, kills // 2)
    chance = random.Random(20261122 + len(ops_url))
    settings = Settings(
        home=tmp_path / "home",
        source_pack="dongchen",
        database_url=ops_url,
        gateway_port=free_port(),
        dagster_port=free_port(),
        clock="shifted",
    )
    clock = ShiftedClock(settings.clock_path)
    publish_snapshot(SnapshotStore(settings.serving_dir), clock=clock)
    platform = Platform(settings)
    platform.claim_state_folder()
    service = process_service(platform)
    platform.ops_engine.connect().close()
    dagster = FakeDagster(settings.dagster_url)
    killed: Counter[str] = Counter()
    with ExitStack() as stack:
        stack.enter_context(serving(dagster.application(), settings.dagster_port))
        http = stack.enter_context(httpx.Client(base_url=settings.gateway_url, trust_env=False, timeout=5))
        log = stack.enter_context((tmp_path / "fleet.log").open("wb"))
        fleet = Fleet(settings, cases, log)
        stack.callback(fleet.close)
        crowd = People(settings, service, http)
        for role in ROLES:
            fleet.start(role)
        for _ in range(kills):
            crowd.click_everything(time.monotonic() + chance.uniform(0.2, 1.0))
            victim = chance.choice(list(fleet.running))
            fleet.kill(victim)
            killed[victim] += 1
            # Working time passes, so that rungs come due, and what was to be tried again is tried.
            clock.advance_to(clock.now() + timedelta(minutes=chance.choice((1, 30, 240))))
            fleet.start(victim)
        wait_until(lambda: _quiet(platform, service, crowd, clock, cases), 120)
    _consistent(service, crowd)
    _delivered(platform, dagster, sum(killed.values()))
    print(f"{dict(killed)} killed on {platform.ops_engine.dialect.name}, {len(crowd.accepted)} decisions acknowledged")
    platform.ops_engine.dispose()


def _quiet(platform: Platform, service: ProcessService, crowd: People, clock: ShiftedClock, cases: int) -> bool:
    """Go on until every case is decided and everything was sent; time passes for what is tried again later."""
    crowd.click_everything(time.monotonic() + 1)
    clock.advance_to(clock.now() + timedelta(minutes=2))
    found = service.cases(limit=1_000)
    with reading(platform.ops_engine) as connection:
        waiting = connection.execute(
            sa.select(sa.func.count()).select_from(outbox).where(outbox.c.status.in_(("pending", "sending")))
        ).scalar_one()
    return len(found) == cases and all(case.status == "watching_effect" for case in found) and waiting == 0


def _consistent(service: ProcessService, crowd: People) -> None:
    decided: dict[tuple[str, int], str] = {}
    for one in service.cases(limit=1_000):
        state, events = service.case(one.case_id), service.events(one.case_id)
        assert [event.seq for event in events] == list(range(1, state.seq + 1))
        assert replay(events) == state
        rungs = Counter((event.task_id, event.rung_index) for event in events if isinstance(event, e.RungFired))
        assert all(count == 1 for count in rungs.values()), "a rung fired twice"
        decisions = [event for event in events if isinstance(event, e.TaskDecided)]
        assert len({event.task_id for event in decisions}) == len(decisions) == len(_FORMS)
        decided |= {(event.task_id, event.version): event.person_id for event in decisions}
        stored = {(t.task_id, t.status, t.version) for t in service.tasks(case_id=one.case_id, open_only=False)}
        assert stored == {(t.task_id, t.status, t.version) for t in state.tasks.values()}
    subjects = Counter(one.subject_id for one in service.cases(limit=1_000))
    assert set(subjects.values()) == {1}, "a breach opened two cases"
    assert crowd.accepted.items() <= decided.items(), "a decision that was acknowledged is lost"


def _delivered(platform: Platform, dagster: FakeDagster, kills: int) -> None:
    with platform.ops_engine.connect() as connection:
        rows = connection.execute(sa.select(outbox)).mappings().all()
    assert Counter(row["status"] for row in rows if row["status"] == "dead") == {}
    posted = _posted(platform.settings.home)
    wanted = {row["delivery_id"] for row in rows if row["kind"] in (CARD, MESSAGE) and row["status"] == "sent"}
    assert set(posted) == wanted, "a message is missing in Slack, or nobody sent it"
    repeated = {delivery: count for delivery, count in posted.items() if count > 1}
    # One stays only where a process is killed in the very moment between seeing a repetition and removing it.
    assert set(repeated.values()) <= {2} and len(repeated) <= 1 + kills // 20, f"messages stand there twice: {repeated}"
    completions = Counter((r["metadata"]["case_id"], r["metadata"]["event_seq"]) for r in dagster.reported)
    reported = {
        (row["payload"]["case_id"], row["payload"]["event_seq"]) for row in rows if row["kind"] == STEP_COMPLETED
    }
    assert set(completions) == reported, "a completed step is missing in Dagster"
    assert max(completions.values()) <= 1 + kills


def _posted(home: Path) -> Counter[str]:
    """How often each delivery stands in the embedded Slack."""
    with closing(sqlite3.connect(home / "embedded_slack.db")) as database:
        found = database.execute("select metadata from message where metadata is not null").fetchall()
    return Counter(json.loads(metadata)["event_payload"]["delivery_id"] for (metadata,) in found)
