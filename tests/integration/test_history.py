"""The process's own history on its way to the warehouse: changed rows only, each version once, none passed over."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ops_assets.ingestion.ledger import inbox_event
from resources.clock import FixedClock
from tests.engine_world import MONDAY, calendar, human, people, small
from tests.process_world import World
from workflow_jobs.cases import OpenRequest
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.history import export_history, export_run, process_history
from workflow_jobs.service import ProcessService
from workflow_jobs.template_library import TemplateLibrary


@pytest.fixture
def world(ops_engine: Engine) -> World:
    return World(ops_engine)


def _inbox(world: World) -> list[tuple[str, str, dict[str, object]]]:
    with world.engine.connect() as connection:
        found = connection.execute(
            sa.select(inbox_event.c.table_name, inbox_event.c.event_id, inbox_event.c.row).order_by(inbox_event.c.id)
        )
        return [(table, event_id, json.loads(row)) for table, event_id, row in found.tuples()]


def test_rows_say_what_the_case_was(world: World) -> None:
    case_id = world.open().case_id
    world.clock.advance(timedelta(hours=1))
    world.decide(case_id, "judge")
    history = process_history(world.engine, world.service)
    (case,) = history["cases"]
    assert case == {
        "case_id": case_id,
        "template_id": "supply_exception",
        "status": "open",
        "outcome": None,
        "subject_kind": "supplier",
        "subject_id": "S1",
        "metric": "metric_supplier_reject_rate",
        "rule_id": "supplier_reject_rate_high",
        "opened_at": "2026-11-16 01:30:00",
        "closed_at": None,
        "working_minutes_open": None,
        "effective": None,
        "judged_at": None,
        "returns": 0,
    }
    judge = next(t for t in history["tasks"] if t["step_id"] == "judge")
    assert (judge["outcome"], judge["working_minutes"], judge["breached"]) == ("confirm", 60, False)
    assert judge["decided_at"] == judge["ended_at"] == "2026-11-16 02:30:00"
    assert (judge["purpose"], judge["by_default"]) == ("decide", False)
    assert {t["step_id"] for t in history["tasks"]} == {"judge", "supplier", "protect"}
    visits = {row["step_id"]: row for row in history["step_visits"]}
    assert set(visits) == {"judge", "supplier", "protect"}
    judged = visits["judge"]
    assert (judged["visit"], judged["kind"], judged["status"], judged["outcome"]) == (
        1,
        "human",
        "completed",
        "confirm",
    )
    # Nobody had said that he looks at it before he decided.
    assert (judged["working_minutes"], judged["waiting_minutes"]) == (60, 60)
    assert (visits["supplier"]["status"], visits["supplier"]["working_minutes"]) == ("active", None)


def test_a_case_that_is_opened_again_keeps_its_closings_and_judgements(world: World) -> None:
    case_id = world.open().case_id
    world.clock.advance(timedelta(hours=2))
    world.to_the_end(case_id)
    start = process_history(world.engine, world.service)
    ((closing,), judgements) = start["closings"], start["judgements"]
    assert (closing["closing"], closing["working_minutes"], closing["outcome"]) == (1, 120, "completed")
    assert judgements == []
    world.clock.advance(timedelta(days=7))
    assert world.service.judge_effect(case_id, "0.2", "snap-9", date(2026, 11, 23)).status == "open"
    world.clock.advance(timedelta(hours=1))
    failed = process_history(world.engine, world.service, start.cursor)
    assert failed["closings"] == []
    (judged,) = failed["judgements"]
    assert (judged["judgement"], judged["effective"], judged["figures_as_of"]) == (1, False, "2026-11-23")
    world.to_the_end(case_id)
    world.clock.advance(timedelta(days=7))
    assert world.service.judge_effect(case_id, "0.05", "snap-10").status == "effective"
    whole = process_history(world.engine, world.service)
    # The time in which the case was closed is no round's, nor is that from noon on.
    assert [(row["closing"], row["working_minutes"]) for row in whole["closings"]] == [(1, 120), (2, 30)]
    assert [(row["judgement"], row["effective"]) for row in whole["judgements"]] == [(1, False), (2, True)]
    assert closing in whole["closings"] and judged in whole["judgements"]


def test_a_visit_is_counted_by_the_calendar_of_its_task(ops_engine: Engine) -> None:
    night = WorkingCalendar("CN", first_year=2026, last_year=2026, hours=("20:00-23:00",))
    service = ProcessService(
        ops_engine,
        clock=(clock := FixedClock(MONDAY)),
        templates=TemplateLibrary([small(f"- {human('work')}\n- {human('after', 'sales_rep')}\n")]),
        directory=lambda: replace(people(), calendars={"b1": "night", "b2": "night"}),
        calendar=calendar(),
        calendars={"night": night},
    )
    case_id = service.open_case(OpenRequest(template_id="small", rule_id="r", subject_id="S1")).case_id
    clock.advance(timedelta(days=1))
    for _step in ("work", "after"):
        (task,) = service.case(case_id).open_tasks
        service.decide_task(task.task_id, task.version, task.assignee or "", "ok")
        clock.advance(timedelta(days=1))
    visits = {row["step_id"]: row for row in process_history(ops_engine, service)["step_visits"]}
    (work, after) = sorted(service.tasks(case_id=case_id, open_only=False), key=lambda one: one.step_id, reverse=True)
    # Three hours in the evening, whatever the company's day is.
    assert visits["work"]["working_minutes"] == visits["work"]["waiting_minutes"] == work.working_minutes == 180
    assert visits["after"]["working_minutes"] == after.working_minutes == 450


def test_a_later_export_has_only_what_changed(world: World) -> None:
    first, second = world.open("S1").case_id, world.open("S2").case_id
    start = process_history(world.engine, world.service)
    assert process_history(world.engine, world.service, start.cursor).cursor == start.cursor
    world.decide(second, "judge")
    changed = process_history(world.engine, world.service, start.cursor)
    assert [row["case_id"] for row in changed["cases"]] == [second]
    assert {row["case_id"] for row in changed["tasks"]} == {second}
    assert first not in str(changed.tables)


def test_the_export_hands_every_version_over_once(world: World) -> None:
    case_id = world.open().case_id
    # The case, its task, the visit, and the open work of its step: once as the day begins, once as the task came.
    assert export_history(world, world.service) == 5
    assert len(_inbox(world)) == 4
    assert export_history(world, world.service) == 0
    world.to_the_end(case_id)
    export_history(world, world.service)
    rows = _inbox(world)
    assert len({event_id for _, event_id, _ in rows}) == len(rows)
    last = [row for table, _, row in rows if table == "cases"][-1]
    assert (last["status"], last["outcome"], last["working_minutes_open"]) == ("watching_effect", "completed", 0)
    decided = {row["step_id"] for table, _, row in rows if table == "tasks" and row["decided_at"]}
    assert decided == {"judge", "supplier", "protect", "assess", "promise"}


def test_no_change_is_passed_over_while_others_write(world: World) -> None:
    cases = [world.open(f"S{n}").case_id for n in range(8)]

    def work(mine: list[str]) -> None:
        for case_id in mine:
            world.to_the_end(case_id)

    threads = [threading.Thread(target=work, args=(cases[n::2],)) for n in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        export_history(world, world.service)
    for thread in threads:
        thread.join()
    export_history(world, world.service)
    latest: dict[object, object] = {}
    for table, _, row in _inbox(world):
        if table == "cases":
            latest[row["case_id"]] = row["status"]
    assert latest == dict.fromkeys(cases, "watching_effect")


def _rows(world: World, table: str) -> list[dict[str, object]]:
    return [row for name, _, row in _inbox(world) if name == table]


def test_open_work_is_stated_as_it_changes_and_on_every_day(world: World) -> None:
    case_id = world.open().case_id
    export_history(world, world.service)
    (stated,) = _rows(world, "open_work")
    assignee = world.task(case_id, "judge").assignee
    assert (stated["stated_on"], stated["step_id"], stated["assignee_id"]) == ("2026-11-16", "judge", assignee)
    assert (stated["open_tasks"], stated["overdue_tasks"]) == (1, 0)
    world.clock.advance(timedelta(days=1))
    export_history(world, world.service)
    assert [row["stated_on"] for row in _rows(world, "open_work")] == ["2026-11-16", "2026-11-17"]
    world.decide(case_id, "judge")
    export_history(world, world.service)
    latest = {(row["stated_on"], row["step_id"]): row["open_tasks"] for row in _rows(world, "open_work")}
    assert latest == {
        ("2026-11-16", "judge"): 1,
        ("2026-11-17", "judge"): 0,
        ("2026-11-17", "supplier"): 1,
        ("2026-11-17", "protect"): 1,
    }


def test_a_person_who_lost_his_task_has_no_open_work_any_more(world: World) -> None:
    case_id = world.open().case_id
    export_history(world, world.service)
    task = world.task(case_id, "judge")
    today = world.clock.now().date()
    world.directory = people({task.assignee or "": ((today, today),)})
    assert world.service.reassign_absent() == 1
    export_history(world, world.service)
    other = world.task(case_id, "judge").assignee
    assert other != task.assignee
    latest = {row["assignee_id"]: row["open_tasks"] for row in _rows(world, "open_work")}
    assert latest == {task.assignee: 0, other: 1}


def test_a_term_that_passes_without_an_event_is_told_once(world: World) -> None:
    world.open()
    export_history(world, world.service)
    assert [row["breached"] for row in _rows(world, "tasks")] == [False]
    world.clock.advance(timedelta(days=3))
    export_history(world, world.service)
    assert [row["breached"] for row in _rows(world, "tasks")] == [False, True]
    before = len(_inbox(world))
    world.clock.advance(timedelta(minutes=1))
    assert export_history(world, world.service) == 0
    assert len(_inbox(world)) == before


def test_a_finished_run_is_handed_over_once(world: World) -> None:
    for _ in range(2):
        export_run(
            world,
            run_id="r1",
            job_name="refresh_job",
            status="FAILURE",
            started_at=1_700_000_000.0,
            ended_at=1_700_000_060.5,
            tags={"trueloop/batch": "b-1"},
        )
    ((table, _, row),) = _inbox(world)
    assert table == "runs"
    assert (row["started_at"], row["ended_at"]) == ("2023-11-14 22:13:20", "2023-11-14 22:14:20.500000")
    assert (row["batch_id"], row["case_id"]) == ("b-1", None)
