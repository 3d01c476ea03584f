"""Scans on both databases: they read what is due alone, and what fails keeps nothing behind it from its turn."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.engine_world import MONDAY, human, people, service
from tests.integration.test_timekeeping import Shop
from tests.process_world import upgrade_from
from workflow_jobs.cases import Observed, OpenRequest
from workflow_jobs.engine import events as e
from workflow_jobs.engine.state import STATE_VERSION, CaseState
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.store import due_rows, pool_rows
from workflow_jobs.store.due_rows import START
from workflow_jobs.store.tables import case, task

LADDER = "ladder:\n- {at: 100, action: escalate, to: manager}\n"
EFFECT = "effect: {metric_from: trigger, window: P1D, rule: 'value < threshold', on_failure: escalate}\n"
POOL = f"- {human('a', extra=', pool: true, actions: {snooze: {at_most: P5D, times: 2}}')}\n"


def break_cases(shop: Shop, monkeypatch: pytest.MonkeyPatch, broken: Collection[str]) -> None:
    on_case = shop.service._on_case

    def fails(name: str, case_id: str, *given: Any, **more: Any) -> Any:
        if case_id in broken:
            raise RuntimeError("this case cannot be moved")
        return on_case(name, case_id, *given, **more)

    monkeypatch.setattr(shop.service, "_on_case", fails)


def told(group: pytest.ExceptionInfo[ExceptionGroup[Exception]]) -> list[str]:
    return [note for one in group.value.exceptions for note in one.__notes__]


def fired(shop: Shop, cases: Collection[str]) -> list[int]:
    return [len(shop.events(case_id, e.RungFired)) for case_id in cases]


def test_cases_that_always_fail_hold_back_none_behind_them(ops_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(ops_engine, f"- {human('a')}\n", LADDER)
    cases = [shop.open(f"S{n}") for n in range(5)]
    shop.clock.advance(timedelta(days=2))
    break_cases(shop, monkeypatch, cases[:3])
    with pytest.raises(ExceptionGroup, match="fire_due_rungs failed for 3 case") as caught:
        shop.service.fire_due_rungs(2)
    assert told(caught) == [f"case {one}" for one in cases[:3]]
    assert fired(shop, cases) == [0, 0, 0, 1, 1]
    with pytest.raises(ExceptionGroup, match="failed for 3 case"):
        shop.service.fire_due_rungs(2)
    shop.restart()
    assert shop.service.fire_due_rungs(2) == 3, "as soon as they can be moved"


def test_a_scan_whose_time_is_over_is_gone_on_with_by_the_next_one(
    ops_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(ops_engine, f"- {human('a')}\n", LADDER)
    cases = [shop.open(f"S{n}") for n in range(4)]
    shop.clock.advance(timedelta(days=2))
    break_cases(shop, monkeypatch, cases[:2])
    for _ in range(2):
        with pytest.raises(ExceptionGroup, match="failed for 1 case"):
            shop.service.fire_due_rungs(enough=lambda: True)
    assert [shop.service.fire_due_rungs(enough=lambda: True) for _ in range(2)] == [1, 1]
    assert fired(shop, cases) == [0, 0, 1, 1]
    shop.restart()
    assert shop.service.fire_due_rungs() == 0, "that scan ends behind what failed"
    assert shop.service.fire_due_rungs() == 2, "and the next one begins at the front"


def test_an_effect_that_cannot_be_judged_or_read_stops_no_other(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, f"- {human('a')}\n", EFFECT)
    figures: dict[str, Any] = {
        "metric": "m",
        "direction": "above",
        "observed": "0.5",
        "threshold": "0.1",
        "snapshot_id": "s1",
    }
    requests = [OpenRequest(template_id="small", rule_id="r", subject_id=f"S{n}", **figures) for n in range(4)]
    cases = [shop.service.open_case(request).case_id for request in requests]
    for case_id in cases:
        shop.service.decide_task(f"{case_id}.a.1", 1, "b1", "ok", {})
    with ops_engine.begin() as connection:
        connection.execute(
            case.update().where(case.c.case_id == cases[0]).values(state={"state_version": STATE_VERSION})
        )
    shop.clock.advance(timedelta(days=2))

    def observe(state: CaseState) -> Observed:
        if state.case_id == cases[1]:
            raise ValueError("no such figure")
        return Observed("0.01", None)

    with pytest.raises(ExceptionGroup, match="failed for 2 case") as caught:
        shop.service.judge_due_effects(observe, "snap-2", 1)
    assert told(caught) == [f"case {one}" for one in cases[:2]]
    assert [shop.service.case(one).status for one in cases[1:]] == ["watching_effect", "effective", "effective"]


def test_each_scan_finds_what_is_due_by_pages_and_nothing_else(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, f"- {human('a')}\n- {service('s')}\n", LADDER + "sla: P1D\n" + EFFECT)
    cases = [shop.open(f"S{n}") for n in range(3)]
    now = shop.clock.now()
    with ops_engine.connect() as connection:
        assert all(due_rows.due(connection, scan, now, START, 9) == [] for scan in ("rungs", "timers", "services"))
        later = now + timedelta(days=3)
        first = due_rows.due(connection, "rungs", later, START, 2)
        rest = due_rows.due(connection, "rungs", later, first[-1][0], 2)
        assert [case_id for _, case_id in (*first, *rest)] == cases
        assert due_rows.due(connection, "rungs", later, rest[-1][0], 2) == []
    for case_id in cases:
        shop.service.decide_task(f"{case_id}.a.1", 1, "b1", "ok", {})
    with ops_engine.connect() as connection:
        late = due_rows.due(connection, "services", now + timedelta(hours=1), START, 9)
        assert [case_id for _, case_id in late] == cases
        assert due_rows.due(connection, "rungs", later, START, 9) == []
    (one, *others) = shop.service.due_service_steps(1)
    assert others == []
    behind = due_rows.Place(one.timeout_at, one.idempotency_key)
    assert [step.case_id for step in shop.service.due_service_steps(9, behind)] == cases[1:]


# -- what nobody claims --------------------------------------------------------------------------------------------


def claim_until(shop: Shop, task_id: str) -> datetime | None:
    with shop.engine.connect() as connection:
        found: datetime | None = connection.execute(
            sa.select(task.c.claim_until).where(task.c.task_id == task_id)
        ).scalar_one()
        return found


def test_a_row_says_until_when_its_task_may_be_claimed(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, POOL, head="")
    task_id = f"{shop.open()}.a.1"
    until = datetime(2026, 11, 16, 3, 30, tzinfo=UTC)
    assert claim_until(shop, task_id) == until, "half of four hours"
    shop.service.claim(task_id, 1, "b1")
    assert claim_until(shop, task_id) is None
    shop.service.release(task_id, 2, "b1")
    assert claim_until(shop, task_id) == until
    shop.service.snooze(task_id, 3, "b2", MONDAY + timedelta(days=1), "later")
    assert claim_until(shop, task_id) is None, "it rests"
    shop.clock.advance(timedelta(days=1))
    shop.service.fire_due_rungs()
    again = claim_until(shop, task_id)
    assert again is not None and again == until + timedelta(days=1)
    shop.clock.advance(again - shop.clock.now())
    assert shop.service.hand_out_pools() == 1
    assert claim_until(shop, task_id) is None


def test_a_task_of_before_the_column_is_looked_at_once_and_handed_out_in_time(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, POOL, head="")
    task_id = f"{shop.open()}.a.1"
    until = claim_until(shop, task_id)
    taken = f"{shop.open('S2')}.a.1"
    shop.service.claim(taken, 1, "b1")
    upgrade_from(ops_engine, "0009")
    assert (claim_until(shop, task_id), claim_until(shop, taken)) == (MONDAY, None)
    assert shop.service.hand_out_pools() == 0
    assert claim_until(shop, task_id) == until
    shop.clock.advance(timedelta(hours=2))
    assert shop.service.hand_out_pools() == 1


def test_another_calendar_moves_the_time_to_claim_also_where_the_due_time_stays(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, POOL, head="")
    shop.calendars = {"default": hours("09:30-11:30", "13:30-17:30")}
    shop.restart()
    task_id = f"{shop.open()}.a.1"
    shop.service.keep_clocks()
    before = shop.service.task(task_id)
    assert claim_until(shop, task_id) == datetime(2026, 11, 16, 3, 30, tzinfo=UTC)
    shop.calendars = {"default": hours("09:30-10:30", "12:30-17:30")}
    shop.restart()
    assert shop.service.keep_clocks() == 0
    assert shop.service.task(task_id).due_at == before.due_at
    assert claim_until(shop, task_id) == datetime(2026, 11, 16, 5, 30, tzinfo=UTC)


def hours(*shifts: str) -> WorkingCalendar:
    return WorkingCalendar("CN", week={"mon-fri": list(shifts)}, first_year=2024, last_year=2028)


def test_a_pool_that_nobody_can_take_holds_back_no_other(ops_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(ops_engine, POOL, head="")
    cases = [shop.open(f"S{n}") for n in range(3)]
    shop.clock.advance(timedelta(hours=3))
    break_cases(shop, monkeypatch, cases[:1])
    with pytest.raises(ExceptionGroup, match="hand_out_pools failed for 1 case"):
        shop.service.hand_out_pools()
    with ops_engine.connect() as connection:
        left = [one.case_id for one in pool_rows.due_claims(connection, shop.clock.now())]
    assert left == cases[:1]


def test_who_is_away_is_asked_instead_although_a_case_before_fails(
    ops_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(ops_engine, f"- {human('a')}\n", head="")
    cases = [shop.open(f"S{n}") for n in range(3)]
    gone = ((date(2026, 11, 16), date(2026, 11, 20)),)
    shop.directory = people(dict.fromkeys(("b1", "b2", "bm"), gone))
    break_cases(shop, monkeypatch, cases[:1])
    with pytest.raises(ExceptionGroup, match="reassign_absent failed for 1 case"):
        shop.service.reassign_absent(enough=lambda: True)
    assert [shop.service.reassign_absent(enough=lambda: True) for _ in cases[1:]] == [1, 1]
