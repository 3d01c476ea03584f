"""What every call of the process service is tried with when its process is killed, and the children that die.

A scenario prepares cases, and acts: one service call. As a module it reads orders from a pipe, one line of JSON each
with ``call``, ``url``, ``now``, ``given`` and ``point``, forks a child that acts and dies at the point, and answers
with the child's exit code; without a point it answers with the points that the call passed. A forked child costs
milliseconds, a fresh interpreter seconds.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from resources import fault_points
from resources.clock import FixedClock
from resources.ops_database import open_engine
from resources.people import Directory
from tests.engine_world import MONDAY, calendar, human, people, service, shipped, small
from workflow_jobs.cases import Observed, OpenRequest
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Template, load_template
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.service import ProcessService
from workflow_jobs.template_library import TemplateLibrary

_TITLE = "{en: T, zh: 题}"
_ACTIONS = (
    "acknowledge: true, assign: true, delegate: true, add_approver: true, release: true, "
    "snooze: {at_most: P2D, times: 2}, pauses: [{id: supplier, title: {en: S, zh: 供}, at_most: P5D, times: 2}]"
)


def _template(name: str, steps: str, head: str = "") -> Template:
    text = small(steps, head).text.replace("id: small", f"id: {name}", 1)
    return load_template(text, file=f"{name}.yaml")


@cache
def templates() -> TemplateLibrary:
    look = human("look", "buyer", f", actions: {{{_ACTIONS}}}").replace(
        "accountable: plant_manager", "accountable: plant_manager, consulted: [quality_engineer]"
    )
    wait = (
        f"{{id: rest, kind: wait, title: {_TITLE}, raci: {{accountable: plant_manager}}, until: {{working: P10D}}, "
        "signal: heard}"
    )
    fields = ", ".join(f"{{name: {name}, type: text, title: {_TITLE}}}" for name in ("why", "what"))
    learnt = f", form: [{fields}]"
    by_people = "opened_by: [people, rules]\n"
    return TemplateLibrary(
        [
            _template("asks", f"- {look}\n- {human('after', 'finance_analyst')}\n", by_people),
            _template(
                "rates", f"- {human('look', extra=learnt)}\n", "learning: {cause: why, remedy: what, rating: true}\n"
            ),
            _template("pools", f"- {human('look', 'buyer', ', pool: true')}\n- {human('after')}\n"),
            _template("rests", f"- {wait}\n- {human('after')}\n"),
            _template("runs", f"- {service('job')}\n- {human('after')}\n"),
            _template("breaks", f"- {human('mend')}\n", "closes: on_resolution\nreopens_within: P7D\n"),
            shipped("supply_exception"),
        ]
    )


def build(
    engine: sa.Engine, now: datetime, *, directory: Callable[[], Directory], working: WorkingCalendar
) -> ProcessService:
    return ProcessService(
        engine,
        clock=FixedClock(now),
        templates=templates(),
        directory=directory,
        calendar=working,
        pack="small",
        channel="ops",
    )


def opened(service: ProcessService, template_id: str, subject: str = "S1", **more: Any) -> CaseState:
    return service.case(service.open_case(request(template_id, subject, **more)).case_id)


def request(template_id: str, subject: str = "S1", **more: Any) -> OpenRequest:
    values: dict[str, Any] = {
        "template_id": template_id,
        "rule_id": template_id,
        "subject_id": subject,
        "metric": "metric_supplier_reject_rate",
        "direction": "above",
        "observed": "0.0931",
        "threshold": "0.08",
        "snapshot_id": "snap-1",
    }
    return OpenRequest(**{**values, **more})


@dataclass(frozen=True)
class Scenario:
    """``prepare`` makes the cases and gives plain JSON for ``act``, which is the call. It acts ``later``, among
    ``people`` and by ``working`` time of its own where the call is about these.
    """

    prepare: Callable[[ProcessService], Any]
    act: Callable[[ProcessService, Any], object]
    later: timedelta = timedelta(minutes=5)
    people: Callable[[], Directory] = people
    working: Callable[[], WorkingCalendar] = calendar

    def acting(self, engine: sa.Engine, now: datetime) -> ProcessService:
        return build(engine, now, directory=self.people, working=self.working())


def _task(case: CaseState) -> TaskState:
    return case.open_tasks[0]


def _looking(service: ProcessService) -> list[Any]:
    """A case at its first question: task id, version, person."""
    task = _task(opened(service, "asks"))
    return [task.task_id, task.version, task.assignee]


def _snoozed(service: ProcessService) -> list[Any]:
    task_id, version, person = _looking(service)
    service.snooze(task_id, version, person, MONDAY + timedelta(hours=9), "later")
    return [task_id, version, person]


def _pooled(service: ProcessService) -> list[Any]:
    task = _task(opened(service, "pools"))
    return [task.task_id, task.version]


def _claimed(service: ProcessService) -> list[Any]:
    task_id, version = _pooled(service)
    task = service.claim(task_id, version, "b1").tasks[task_id]
    return [task_id, task.version, "b1"]


def _over(service: ProcessService) -> list[Any]:
    case = opened(service, "rates")
    task = _task(case)
    service.decide_task(task.task_id, task.version, task.assignee or "", "ok")
    return [case.case_id, task.assignee]


def _running(service: ProcessService) -> list[Any]:
    case = opened(service, "runs")
    return [case.case_id, case.steps["job"].idempotency_key]


def _watched(service: ProcessService) -> list[Any]:
    case = opened(service, "supply_exception", as_of=date(2026, 11, 15))
    steps: Mapping[str, tuple[str, dict[str, Any]]] = {
        "judge": ("confirm", {"impact_amount": "60000", "exception_cause": "transport"}),
        "supplier": ("agreed", {"delivery_date": "2026-12-01", "supplier_measure": "Two lorries more"}),
        "protect": ("covered", {}),
        "assess": ("approve", {"measure_cost": "1200.50", "cost_bearer": "supplier"}),
        "promise": ("kept", {}),
    }
    while case.is_open:
        if case.waiting_services:
            step = case.waiting_services[0]
            case = service.complete_service(case.case_id, step.step_id, "run", {}, idempotency_key=step.idempotency_key)
            continue
        task = _task(case)
        outcome, form = steps[task.step_id]
        case = service.decide_task(task.task_id, task.version, task.assignee or "", outcome, form).case
    return [case.case_id]


def _two_broken(service: ProcessService) -> list[Any]:
    return [opened(service, "breaks", subject).case_id for subject in ("S1", "S2")]


def _with_marks(service: ProcessService) -> list[Any]:
    service.keep_clocks()
    return _looking(service)


def _longer_hours() -> WorkingCalendar:
    return WorkingCalendar("CN", hours=("08:00-12:00", "13:00-19:00"), first_year=2023, last_year=2030)


def _without_b1() -> Directory:
    return people({"b1": ((date(2026, 11, 16), date(2026, 11, 30)),)})


def _nothing(_service: ProcessService) -> list[Any]:
    return []


SCENARIOS: Mapping[str, Scenario] = {
    "open_case": Scenario(_nothing, lambda s, _: s.open_case(request("supply_exception"))),
    "open_by_person": Scenario(_nothing, lambda s, _: s.open_by_person(request("asks", requested_by="s1"))),
    "decide_task": Scenario(_looking, lambda s, g: s.decide_task(g[0], g[1], g[2], "ok")),
    "acknowledge": Scenario(_looking, lambda s, g: s.acknowledge(g[0], g[2])),
    "snooze": Scenario(_looking, lambda s, g: s.snooze(g[0], g[1], g[2], MONDAY + timedelta(hours=9), "later")),
    "pause": Scenario(
        _looking, lambda s, g: s.pause(g[0], g[1], g[2], "supplier", MONDAY + timedelta(hours=9), "no answer yet")
    ),
    "wake": Scenario(_snoozed, lambda s, g: s.wake(g[0], g[2])),
    "assign": Scenario(_looking, lambda s, g: s.assign(g[0], g[1], g[2], "b2", "knows it")),
    "delegate": Scenario(_looking, lambda s, g: s.delegate(g[0], g[1], g[2], "f1", "knows it")),
    "add_approver": Scenario(_looking, lambda s, g: s.add_approver(g[0], g[1], g[2], "f1", "too much for me")),
    "answer_consultation": Scenario(_looking, lambda s, g: s.answer_consultation(g[0], "q1", "It is the mould.")),
    "claim": Scenario(_pooled, lambda s, g: s.claim(g[0], g[1], "b1")),
    "release": Scenario(_looking, lambda s, g: s.release(g[0], g[1], g[2], "no time")),
    "hand_out_pools": Scenario(_pooled, lambda s, _: s.hand_out_pools(), later=timedelta(hours=5)),
    "rate_case": Scenario(_over, lambda s, g: s.rate_case(g[0], g[1], 4, "went well")),
    "complete_service": Scenario(
        _running, lambda s, g: s.complete_service(g[0], "job", "run", {"moves": []}, idempotency_key=g[1])
    ),
    "fail_service": Scenario(
        _running, lambda s, g: s.fail_service(g[0], "job", "run", "no answer", attempt=1, idempotency_key=g[1])
    ),
    "send_signal": Scenario(
        lambda s: [opened(s, "rests").case_id], lambda s, g: s.send_signal(g[0], "heard", person_id="pm")
    ),
    "withdraw_case": Scenario(_looking, lambda s, g: s.withdraw_case(g[0].rpartition(".look")[0], "pm", "not needed")),
    "resolve_incident": Scenario(_two_broken, lambda s, _: s.resolve_incident("breaks", "S1", snapshot_id="snap-2")),
    "join_incident": Scenario(_two_broken, lambda s, g: s.join_incident(g[1], g[0])),
    "judge_effect": Scenario(_watched, lambda s, g: s.judge_effect(g[0], "0.09", "snap-9"), later=timedelta(days=8)),
    "judge_due_effects": Scenario(
        _watched,
        lambda s, _: s.judge_due_effects(lambda _case: Observed("0.09", None), "snap-9"),
        later=timedelta(days=8),
    ),
    "fire_due_rungs": Scenario(
        lambda s: [opened(s, "supply_exception").case_id], lambda s, _: s.fire_due_rungs(), later=timedelta(hours=5)
    ),
    "reassign_absent": Scenario(_looking, lambda s, _: s.reassign_absent(), people=_without_b1),
    "keep_clocks": Scenario(_with_marks, lambda s, _: s.keep_clocks(), working=_longer_hours),
    "note_seen": Scenario(_two_broken, lambda s, g: s.note_seen(g)),
    "mark_timer_scan": Scenario(_nothing, lambda s, _: s.mark_timer_scan(MONDAY)),
}
# Calls that change nothing.
READS = frozenset(
    {
        "last_seen",
        "last_timer_scan",
        "opens_a_case",
        "require_decidable",
        "require_sendable",
        "said_by",
        "wait_modal",
        "waits_for",
    }
)


def _act(order: dict[str, Any], engine: sa.Engine) -> list[str]:
    scenario = SCENARIOS[order["call"]]
    acting = scenario.acting(engine, datetime.fromisoformat(order["now"]).astimezone(UTC))
    passed = fault_points.record()
    fault_points.arm(order["point"])
    scenario.act(acting, order["given"])
    return passed


def main() -> None:
    calendar()
    _longer_hours()
    templates()
    engines: dict[str, sa.Engine] = {}
    for line in sys.stdin:
        order = json.loads(line)
        # An engine opens no connection before it is used, so its children share none.
        engine = engines.setdefault(order["url"], open_engine(order["url"]))
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(write, json.dumps(_act(order, engine)).encode())
            except BaseException:  # noqa: BLE001 - the exit code tells the parent
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            passed = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps({"code": code, "passed": json.loads(passed or "[]")}), flush=True)


if __name__ == "__main__":
    main()
