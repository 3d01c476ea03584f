"""The ten stops of the loop, each with its real ids and figures: a supplier delivers two days late.

Drives a running stack from outside, as its users would: posts an event over the API, acts in the embedded Slack, and
otherwise only waits and reads. The order of the stops is that of the design; each is safe to repeat.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from gateway.slack_hands import NoSuchCardError, SlackHands
from gateway.tokens import create_token
from ops_assets.watching import subject_figure
from resources.clock import ShiftedClock
from resources.platform import Platform
from resources.serving import Snapshot
from resources.settings import Settings
from workflow_jobs.cases import CaseSummary, TaskSummary
from workflow_jobs.engine.events import EffectJudged, RungFired
from workflow_jobs.wiring import process_service

_T = TypeVar("_T")
METRIC = "metric_supplier_on_time_rate"
RULE = "supplier_on_time_rate_low"
TEMPLATE = "supply_exception"
LAST_STEP = "promise"
# What each person enters; a field that a form does not have is left out.
FORMS = {
    "judge": ("confirm", {"impact_amount": "42000.00", "exception_cause": "supplier_capacity", "judgement": "Real."}),
    "supplier": (
        "agreed",
        {"delivery_date": "{next_week}", "supplier_measure": "Second shift for two weeks."},
    ),
    "protect": ("covered", {}),
    "assess": ("approve", {"measure_cost": "1500.00", "cost_bearer": "supplier"}),
    "promise": ("updated", {"promised_date": "{next_week}", "customer_note": "Delivered three days later."}),
}
# On-time receipts that lift the supplier over its threshold again while the effect window runs.
RECOVERY_LINES = 12


class LoopNotClosedError(RuntimeError):
    """A stop was not reached; the sentence says what did not come."""


@dataclass(frozen=True)
class Story:
    """Who is late, and the event that says so (from the sample company's description)."""

    supplier_no: str
    po_no: str
    event: dict[str, Any]


class Walk:
    """Walks the loop on the stack of ``settings``; ``say`` takes one line at a time."""

    def __init__(self, settings: Settings, *, say: Callable[[str], None], patience: float = 300) -> None:
        self.settings = settings
        self.platform = Platform(settings)
        clock = self.platform.clock
        if not isinstance(clock, ShiftedClock):
            raise ValueError("The walk moves time forward, so it needs TRUELOOP_CLOCK=shifted.")
        self.clock = clock
        self.service = process_service(self.platform)
        self.hands = SlackHands(settings, self.clock)
        self.story = _story(settings.home / "sample.json")
        self._say = say
        self._patience = patience

    def close(self) -> None:
        self.hands.close()

    def all_stops(self) -> None:
        """All ten, in order. Raises LoopNotClosedError."""
        for stop in (
            self.collect,
            self.wake,
            self.model,
            self.audit,
            self.publish,
            self.detect,
            self.tell,
            self.decide,
            self.escalate,
            self.measure_again,
        ):
            stop()

    # -- the stops ----------------------------------------------------------------------------------------------------

    def collect(self) -> None:
        """1: the delivery event is posted; it is durable before the answer, and posting it twice changes nothing."""
        event = self.story.event
        body = {"event_id": event["event_id"], "table": event["table"], "row": event["row"]}
        first, second = self._post(event["source"], [body]), self._post(event["source"], [body])
        if second["accepted"]:
            raise LoopNotClosedError(f"the event {event['event_id']} was accepted twice")
        self._stop(
            1,
            "collect",
            f"event {event['event_id']}: {event['row']['quantity']} pieces of {self.story.po_no} received "
            f"{event['row']['received_at']}; accepted {first['accepted']}, again: {second['duplicates']} duplicate",
        )

    def wake(self) -> None:
        """2: the sensor sees it and starts a refresh."""
        run = self._poll("the refresh that loads the event", self._loaded_by)
        self._stop(2, "wake", f"run {run} of refresh_job loaded the event")

    def model(self) -> None:
        """3: the row is in the fact and in the metric."""
        with self.platform.warehouse.connection() as connection:
            row = connection.execute(
                "select cast(event_date as varchar), numerator, denominator from metrics.metric_supplier_on_time_rate "
                "where po_no = ?",
                [self.story.po_no],
            ).fetchone()
        if row is None:
            raise LoopNotClosedError(f"{METRIC} has no row for {self.story.po_no}")
        self._stop(3, "model & govern", f"{METRIC}: {self.story.po_no} due {row[0]} counts {row[1]:f} of {row[2]:f}")

    def audit(self) -> None:
        """4: the new state is audited."""
        snapshot = self._snapshot()
        rows = snapshot.rows("select severity, count(*) as n from checks group by severity order by severity")
        held = [
            row["metric"] for row in snapshot.rows("select metric from metrics where state in ('held', 'none_good')")
        ]
        counts = ", ".join(f"{row['n']} {row['severity']}" for row in rows)
        self._stop(4, "audit", f"{counts}; held back: {', '.join(held) or 'nothing'}")
        if METRIC in held:
            raise LoopNotClosedError(f"{METRIC} is held back")

    def publish(self) -> None:
        """5: an immutable snapshot carries the figure."""
        snapshot = self._snapshot()
        figures = self._supplier_row(snapshot)
        self._stop(
            5,
            "publish",
            f"snapshot {snapshot.id} as of {snapshot.as_of}: {figures['subject_label']} "
            f"{_whole(figures['numerator'])} of {_whole(figures['denominator'])} on time = {figures['value']:.2%}",
        )

    def detect(self) -> None:
        """6: the watch rule opens one case."""
        case = self._poll("the case", self._case)
        self._stop(6, "detect", f"rule {case.rule_id}: case {case.case_id} for {case.subject_label} ({case.status})")

    def tell(self) -> None:
        """7: the card is with the person whom role, absence and load choose."""
        case = self._require_case()
        task = self._poll("the first task", lambda: self._task(case, "judge"))
        person = self.service.directory().name(task.assignee or "")
        self._stop(
            7, "open a case", f"card of {task.task_id} sent to {person} ({task.role}), due {_local(task.due_at)}"
        )

    def decide(self) -> None:
        """8: people decide in Slack, step by step; the service step runs as a Dagster job."""
        case = self._require_case()
        for step in ("judge", "supplier", "protect", "assess"):
            task = self._poll(f"the task {step}", lambda step=step: self._task(case, step))  # type: ignore[misc]
            task = self._decided(task)
            person = self.service.directory().name(task.decided_by or "")
            self._stop(8, "decide", f"{step}: {person} said {task.outcome!r}")
            if step == "protect":
                state = self._poll("the production replan", lambda: self._replanned(case.case_id))
                self._stop(8, "decide", f"replan: run {state['run_id']}: {state['summary']}")

    def escalate(self) -> None:
        """9: nobody clicks; the ladder's rungs fire, each once. Then the last step is decided."""
        case = self._require_case()
        task = self._poll(f"the task {LAST_STEP}", lambda: self._task(case, LAST_STEP))
        if task.status == "open" and task.rungs_fired < 2:
            self.clock.advance_to(task.due_at + timedelta(minutes=1))
            self._poll("the reminder and the escalation", lambda: self._rungs(case.case_id, task.task_id))
        fired = self._rungs(case.case_id, task.task_id) or []
        names = self.service.directory()
        said = "; ".join(f"{rung.percent} %: {rung.action} -> {names.name(rung.to_person or '')}" for rung in fired)
        self._stop(9, "escalate", f"{task.task_id}: {said}")
        done = self._decided(task)
        self._stop(9, "escalate", f"{names.name(done.decided_by or '')} said {done.outcome!r} after all")

    def measure_again(self) -> None:
        """10: the case closes, is measured itself, and its effect is judged by the same figure a week later."""
        case = self._require_case()
        closed = self._poll("the end of the case", lambda: self._when(case.case_id, lambda c: c.closed_at is not None))
        self._stop(10, "act", f"case {case.case_id} closed with {closed.outcome!r} on {_local(closed.closed_at)}")
        if closed.effect_due_at is not None:
            # Judged are figures of the day on which the window ends: they are published before it is over.
            self.clock.advance_to(closed.effect_due_at - timedelta(minutes=1))
        # Before the case is measured, so that one refresh takes in its history and the new deliveries.
        wanted = self._deliver_on_time()
        cycle = self._poll("the case in the process metric", self._cycle_time)
        self._stop(10, "measure", f"metric_case_cycle_time: {cycle} working hours over closed cases")
        self._poll(
            "the supplier's new deliveries in the metric",
            lambda: self._snapshot().rows(f"select 1 as one from {METRIC} where po_no = ?", [wanted]) or None,
        )
        if subject_figure(self._snapshot(), METRIC, "supplier", self.story.supplier_no) is None:
            raise LoopNotClosedError(f"{METRIC} is not published")
        if closed.effect_due_at is not None:
            self.clock.advance_to(closed.effect_due_at + timedelta(minutes=1))
        judged = self._poll("the judgement of the effect", lambda: self._judged(case.case_id), self._patience * 2)
        figures = self._supplier_row(self._snapshot())
        self._stop(
            10,
            "measure again",
            f"{figures['subject_label']} stands at {figures['value']:.2%}: the case was "
            f"{'effective' if judged.effective else 'not effective'}",
        )
        cases = [one for one in self.service.cases(template=TEMPLATE) if one.subject_id == case.subject_id]
        if not judged.effective or len(cases) != 1:
            raise LoopNotClosedError(f"{len(cases)} cases, effective: {judged.effective}")

    # -- looking ------------------------------------------------------------------------------------------------------

    def _stop(self, number: int, name: str, sentence: str) -> None:
        self._say(f"{number:>2}  {name:<15} {sentence}")

    def _poll(self, what: str, look: Callable[[], _T | None], seconds: float | None = None) -> _T:
        limit = seconds or self._patience
        deadline = time.monotonic() + limit
        while True:
            found = look()
            if found is not None:
                return found
            if time.monotonic() > deadline:
                raise LoopNotClosedError(f"{what} did not come within {limit:.0f} s")
            time.sleep(0.5)

    def _post(self, source: str, events: list[dict[str, Any]]) -> dict[str, Any]:
        answer = httpx.post(
            f"{self.settings.gateway_url}/api/v1/events/{source}",
            json=events,
            headers={"Authorization": f"Bearer {self._token()}"},
            timeout=30,
            trust_env=False,
        )
        if answer.status_code != 202:
            raise LoopNotClosedError(f"the gateway refused the event: {answer.text}")
        body: dict[str, Any] = answer.json()
        return body

    def _token(self) -> str:
        path = self.settings.home / "demo_token"
        if not path.exists():
            made = create_token(self.platform.ops_engine, name="demo", clock=self.clock)
            path.touch(mode=0o600)
            path.write_text(made.text)
        return path.read_text()

    def _snapshot(self) -> Snapshot:
        snapshot = self.platform.snapshots.current()
        if snapshot is None:
            raise LoopNotClosedError("nothing is published")
        return snapshot

    def _loaded_by(self) -> str | None:
        """The refresh in whose snapshot the supplier's late line counts."""
        snapshot = self._snapshot()
        found = snapshot.rows(f"select 1 as one from {METRIC} where po_no = ?", [self.story.po_no])
        if not found:
            return None
        with DagsterInstance.from_config(str(self.settings.dagster_home)) as instance:
            runs = instance.get_runs(RunsFilter(job_name="refresh_job", statuses=[DagsterRunStatus.SUCCESS]))
        return runs[0].run_id if runs else None

    def _supplier_row(self, snapshot: Snapshot) -> dict[str, Any]:
        rows = snapshot.rows(
            "select * from metric_subject where metric = ? and dimension = 'supplier' and subject_id = ?",
            [METRIC, self.story.supplier_no],
        )
        if not rows:
            raise LoopNotClosedError(f"{METRIC} has no figure for {self.story.supplier_no}")
        return rows[0]

    def _case(self) -> CaseSummary | None:
        found = self.service.cases(template=TEMPLATE, subject_id=self.story.supplier_no)
        return found[0] if found else None

    def _require_case(self) -> CaseSummary:
        case = self._case()
        if case is None:
            raise LoopNotClosedError("there is no case")
        return case

    def _when(self, case_id: str, condition: Callable[[CaseSummary], bool]) -> CaseSummary | None:
        case = self._require_case()
        return case if case.case_id == case_id and condition(case) else None

    def _task(self, case: CaseSummary, step: str) -> TaskSummary | None:
        found = [task for task in self.service.tasks(case_id=case.case_id, open_only=False) if task.step_id == step]
        return found[0] if found else None

    def _decided(self, task: TaskSummary) -> TaskSummary:
        """Decide a task in Slack unless it is decided; a click that was lost with a killed process is made again."""

        def look() -> TaskSummary | None:
            now = self.service.task(task.task_id)
            if now.status != "open":
                return now
            outcome, form = FORMS[now.step_id]
            next_week = (self.clock.now().astimezone(self.platform.pack.zone) + timedelta(days=7)).date().isoformat()
            try:
                self.hands.press(now.assignee or "", now.task_id, outcome)
                self.hands.fill(
                    now.assignee or "", {name: value.format(next_week=next_week) for name, value in form.items()}
                )
            except (NoSuchCardError, httpx.HTTPError):
                return None  # the card is still in the outbox, or the gateway is starting again
            now = self.service.task(task.task_id)
            return now if now.status != "open" else None

        return self._poll(f"the decision on {task.task_id}", look)

    def _replanned(self, case_id: str) -> dict[str, Any] | None:
        for event in self.service.events(case_id):
            if type(event).__name__ == "ServiceCompleted":
                body = event.result  # type: ignore[attr-defined]
                return {"run_id": event.run_id, "summary": body.get("summary", "")}  # type: ignore[attr-defined]
        return None

    def _rungs(self, case_id: str, task_id: str) -> list[RungFired] | None:
        fired = [e for e in self.service.events(case_id) if isinstance(e, RungFired) and e.task_id == task_id]
        return fired if len(fired) >= 2 else None

    def _judged(self, case_id: str) -> EffectJudged | None:
        judged = [e for e in self.service.events(case_id) if isinstance(e, EffectJudged)]
        return judged[-1] if judged else None

    def _cycle_time(self) -> str | None:
        rows = self._snapshot().rows(
            "select value_text from metrics where metric = 'metric_case_cycle_time' and value_text is not null"
        )
        return str(rows[0]["value_text"]) if rows else None

    def _deliver_on_time(self) -> str:
        """The supplier delivers on time again: new order lines and their receipts, as events with fixed ids.

        Returns the number of the last order.
        """
        day = self.clock.now().astimezone(self.platform.pack.zone).date()
        row = self.story.event["row"]
        lines, receipts = [], []
        for number in range(1, RECOVERY_LINES + 1):
            po_no = f"PO{day.year}99{number:04d}"
            lines.append(_event("po", po_no, "purchase_order_lines", _order_line(po_no, row, self.story, day)))
            receipts.append(_event("gr", po_no, "receipts", _receipt(po_no, row, day)))
        self._post("erp", lines)
        self._post("wms", receipts)
        return po_no


def _event(kind: str, po_no: str, table: str, row: dict[str, Any]) -> dict[str, Any]:
    return {"event_id": f"demo-{kind}-{po_no}", "table": table, "row": row}


def _order_line(po_no: str, late: dict[str, Any], story: Story, day: date) -> dict[str, Any]:
    return {
        "po_no": po_no,
        "line_no": 1,
        "supplier_no": story.supplier_no,
        "item_no": f"M-{int(late['sku'].removeprefix('SKU'))}",
        "ordered_on": (day - timedelta(days=5)).isoformat(),
        "due_date": day.isoformat(),
        "quantity": 10,
        "unit_price": "10.0000",
        "contract_price": "10.0000",
    }


def _receipt(po_no: str, late: dict[str, Any], day: date) -> dict[str, Any]:
    return {
        **late,
        "receipt_no": f"GR{po_no.removeprefix('PO')}-01-1",
        "po_no": po_no,
        "po_line_no": 1,
        "received_at": f"{day.isoformat()} 08:00:00",
        "quantity": 10,
        "rejected_quantity": 0,
    }


def _story(path: Path) -> Story:
    body = json.loads(path.read_text(encoding="utf-8"))["story"]
    return Story(supplier_no=body["supplier_no"], po_no=body["po_no"], event=body["event"])


def _local(instant: datetime | None) -> str:
    return "-" if instant is None else f"{instant:%Y-%m-%d %H:%M} UTC"


def _whole(text: str) -> str:
    return text.split(".", maxsplit=1)[0]
