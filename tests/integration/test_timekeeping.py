"""What passes with time, on both databases: timers once however many look, changed calendars, who is asked first."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from resources.clock import FixedClock
from resources.departments import Department
from resources.people import Directory, Substitute
from tests.engine_world import MONDAY, calendar, human, people, small
from workflow_jobs.cases import OpenRequest
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.template import Template
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.service import ProcessService
from workflow_jobs.store.tables import case_event, outbox, task

WAIT = (
    "{id: w, kind: wait, title: {en: Samples, zh: 样品}, raci: {accountable: plant_manager}, "
    "until: {clock: P1D}, pauses_case: true}"
)
PAUSES = ", actions: {pauses: [{id: supplier, title: {en: Waiting, zh: 等}, at_most: P5D}]}"
HEAD = (
    "ladder:\n- {at: 100, action: reassign, to: manager}\n- {at: 200, action: default, outcome: ok, to: owner}\n"
    "sla: P2D\ncase_ladder:\n- {at: 50, action: remind, to: owner}\n- {at: 100, action: escalate, to: 'role:ceo'}\n"
)


class Templates:
    def __init__(self, template: Template) -> None:
        self.template = template

    def get(self, _template_id: str) -> Template:
        return self.template


class Shop:
    """A service with a template of its own; `restart` is another process on the same database."""

    def __init__(self, engine: Engine, steps: str, head: str = HEAD) -> None:
        self.engine = engine
        self.clock = FixedClock(MONDAY)
        self.directory: Directory = people()
        self.template = small(steps, head)
        self.calendars: dict[str, WorkingCalendar] = {"default": calendar()}
        self.restart()

    def restart(self) -> None:
        self.service = ProcessService(
            self.engine,
            clock=self.clock,
            templates=Templates(self.template),
            directory=lambda: self.directory,
            calendar=self.calendars["default"],
            calendars=self.calendars,
        )

    def open(self, subject: str = "S1", priority: str | None = None) -> str:
        request = OpenRequest(
            template_id="small",
            rule_id="r",
            subject_kind="supplier",
            subject_id=subject,
            snapshot_id="s1",
            priority=priority,
        )
        return self.service.open_case(request).case_id

    def events(self, case_id: str, kind: type[e.Event]) -> list[e.Event]:
        return [event for event in self.service.events(case_id) if isinstance(event, kind)]

    def at_once(self, work: Callable[[ProcessService], int]) -> int:
        """Four processes do the same at the same moment; the sum of what they say."""
        found: list[int] = []
        services = [self.service]
        for _ in range(3):
            self.restart()
            services.append(self.service)
        threads = [threading.Thread(target=lambda one=one: found.append(work(one))) for one in services]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        return sum(found)


def test_timers_of_tasks_and_cases_fire_once_however_many_look(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, f"- {human('a')}\n- {WAIT}\n- {human('b')}\n")
    case_id = shop.open()
    shop.clock.advance(timedelta(days=1, hours=1))
    # The hand-over at 100 %, the outcome taken at 200 %, and half of the case's time, in whatever order.
    assert shop.at_once(lambda service: service.fire_due_rungs()) == 3
    state = shop.service.case(case_id)
    assert (state.steps["a"].outcome, state.tasks[f"{case_id}.a.1"].by_default) == ("ok", True)
    assert state.paused_at is not None
    shop.clock.advance(timedelta(hours=20))
    assert shop.service.fire_due_rungs() == 0, "the case rests"
    shop.clock.advance(timedelta(hours=5))
    assert shop.at_once(lambda service: service.fire_due_rungs()) == 1, "the wait is over"
    assert shop.service.case(case_id).paused_at is None
    shop.clock.advance(timedelta(days=20))
    while shop.at_once(lambda service: service.fire_due_rungs()):
        pass
    state = shop.service.case(case_id)
    assert (state.status, state.outcome) == ("closed", "completed"), (
        "the template took the outcome of the last step too"
    )
    rungs = [(one.task_id, one.percent) for one in shop.events(case_id, e.RungFired) if isinstance(one, e.RungFired)]
    assert rungs == [(f"{case_id}.{step}.1", percent) for step in "ab" for percent in (100, 200)]
    own = [one.percent for one in shop.events(case_id, e.CaseRungFired) if isinstance(one, e.CaseRungFired)]
    assert own in ([50], [50, 100])
    assert replay(shop.service.events(case_id)) == state


def test_a_stated_pause_is_kept_and_ends_by_itself(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, f"- {human('a', extra=PAUSES)}\n")
    case_id = shop.open()
    shop.service.pause(f"{case_id}.a.1", 1, "b1", "supplier", comment="Waiting for S1")
    shop.clock.advance(timedelta(days=4))
    assert shop.service.fire_due_rungs() == 2, "the case's own"
    shop.restart()
    shop.clock.advance(timedelta(days=1))
    assert shop.service.fire_due_rungs() == 0
    (entry,) = shop.service.case(case_id).ledger
    assert (entry.reason, entry.ended_at) == ("Waiting for S1", MONDAY + timedelta(days=5))
    (row,) = shop.service.tasks(case_id=case_id)
    assert row.due_at == shop.service.case(case_id).tasks[row.task_id].due_at > MONDAY + timedelta(days=5)


def test_changed_calendars_move_all_open_clocks_once_and_in_pieces(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, f"- {human('a').replace('PT4H', 'P2D')}\n")
    closed = shop.open("S0")
    shop.service.decide_task(f"{closed}.a.1", 1, "b1", "ok", {})
    cases = [shop.open(f"S{n}") for n in range(1, 6)]
    assert shop.service.keep_clocks() == 0, "the first look only notes what is in force"
    assert shop.service.keep_clocks() == 0
    day_off = date(2026, 11, 17)
    shop.calendars = {"default": WorkingCalendar("CN", days_off=[day_off], first_year=2024, last_year=2028)}
    shop.restart()
    moved = [shop.service.keep_clocks(limit=2) for _ in range(4)]
    assert moved == [4, 4, 2, 0], "two clocks a case: its own and its task's"
    for case_id in cases:
        told = shop.events(case_id, e.ClockRecomputed)
        assert len(told) == 2
        (row,) = shop.service.tasks(case_id=case_id)
        assert row.due_at == datetime(2026, 11, 19, 1, 30, tzinfo=UTC)
        assert shop.service.case(case_id).due_at == row.due_at
    assert shop.events(closed, e.ClockRecomputed) == []


def test_a_wait_ends_when_the_changed_calendar_says(ops_engine: Engine) -> None:
    wait = "{id: w, kind: wait, title: {en: W, zh: 等}, raci: {accountable: plant_manager}, until: {working: P1D}}"
    shop = Shop(ops_engine, f"- {wait}\n- {human('a')}\n", head="")
    case_id = shop.open()
    shop.service.keep_clocks()
    shop.calendars = {"default": WorkingCalendar("CN", days_off=[date(2026, 11, 17)], first_year=2024, last_year=2028)}
    shop.restart()
    assert [shop.service.keep_clocks() for _ in range(2)] == [1, 0]
    shop.clock.advance(timedelta(days=1))
    assert shop.service.fire_due_rungs() == 0, "Tuesday is a holiday now"
    shop.clock.advance(timedelta(days=1))
    assert shop.service.fire_due_rungs() == 1
    assert shop.service.case(case_id).steps["w"].outcome == "elapsed"


def test_a_calendar_that_is_taken_back_half_way_leaves_every_clock_as_it_was(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, f"- {human('a').replace('PT4H', 'P2D')}\n", head="")
    cases = [shop.open(f"S{n}") for n in range(1, 4)]
    shop.service.keep_clocks()
    day_off = WorkingCalendar("CN", days_off=[date(2026, 11, 17)], first_year=2024, last_year=2028)
    for calendars, moved in (({"default": day_off}, 2), ({"default": calendar()}, 2)):
        shop.calendars = calendars
        shop.restart()
        assert shop.service.keep_clocks(limit=2) == moved
    assert [shop.service.keep_clocks(limit=2) for _ in range(2)] == [0, 0]
    for case_id in cases:
        (row,) = shop.service.tasks(case_id=case_id)
        assert row.due_at == MONDAY + timedelta(days=2)


def test_a_case_that_fails_keeps_no_other_clock_from_moving_and_is_tried_again(
    ops_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(ops_engine, f"- {human('a')}\n", head="")
    broken, other = sorted([shop.open("S1"), shop.open("S2")])
    shop.service.keep_clocks()
    day_off = WorkingCalendar("CN", days_off=[date(2026, 11, 16)], first_year=2024, last_year=2028)
    shop.calendars = {"default": day_off}
    shop.restart()
    on_case = shop.service._on_case

    def fails(name: str, case_id: str, *given: Any, **more: Any) -> Any:
        if case_id == broken:
            raise RuntimeError("this case cannot be read")
        return on_case(name, case_id, *given, **more)

    monkeypatch.setattr(shop.service, "_on_case", fails)
    with pytest.raises(ExceptionGroup, match="1 case"):
        shop.service.keep_clocks(limit=1)
    assert shop.service.keep_clocks(limit=1) == 1
    assert shop.service.tasks(case_id=other)[0].due_at == datetime(2026, 11, 17, 6, 30, tzinfo=UTC)
    assert shop.service.keep_clocks(limit=1) == 0, "that was all of them"
    with pytest.raises(ExceptionGroup, match="1 case"):
        shop.service.keep_clocks(limit=1)
    shop.restart()
    assert shop.service.keep_clocks(limit=1) == 1, "as soon as it can be read"
    assert shop.service.tasks(case_id=broken)[0].due_at == datetime(2026, 11, 17, 6, 30, tzinfo=UTC)
    assert shop.service.keep_clocks(limit=1) == 0


def test_who_gets_a_calendar_takes_his_tasks_along_and_nobody_known_changes_nothing(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, f"- {human('a')}\n")
    shop.calendars["night"] = WorkingCalendar("CN", week={"mon-fri": ["22:00-06:00"]}, first_year=2024, last_year=2028)
    shop.restart()
    case_id = shop.open()
    shop.service.keep_clocks()
    shop.directory = Directory(people={})
    assert shop.service.keep_clocks() == 0, "nothing is published: who follows what is not known"
    shop.directory = replace(people(), calendars={"b1": "night"})
    assert shop.service.keep_clocks() == 1
    (row,) = shop.service.tasks(case_id=case_id)
    assert row.due_at == datetime(2026, 11, 16, 18, 0, tzinfo=UTC), "two in the morning"


def test_whoever_works_in_another_time_zone_reads_his_own(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, f"- {human('a', extra=', actions: {snooze: {at_most: P2D}}')}\n", head="")
    shop.calendars["berlin"] = WorkingCalendar("DE", time_zone="Europe/Berlin", first_year=2024, last_year=2028)
    shop.directory = replace(people(), calendars={"b1": "berlin"})
    shop.restart()
    task_id = f"{shop.open()}.a.1"
    with ops_engine.connect() as connection:
        asked = sa.select(outbox.c.payload).where(outbox.c.card_key == f"task:{task_id}:1")
        card = json.dumps(connection.execute(asked).scalar_one())
    assert "Mon 2026-11-16 14:30 (Europe/Berlin)" in card, "four hours from nine, with the hour and a half at noon"
    modals = [
        json.dumps(modal)
        for reader in ("b1", "b2")
        for modal in (
            shop.service.decision_modal(task_id, 1, "ok", "en", reader),
            shop.service.action_modal(task_id, 1, "snooze", "en", reader),
        )
    ]
    assert [("Europe/Berlin" in one, "Asia/Shanghai" in one) for one in modals] == [(True, False)] * 2 + [
        (False, True)
    ] * 2
    assert shop.service.card_context(reader="b1").abroad and not shop.service.card_context().abroad


def test_urgent_work_is_handed_on_first_then_what_waits_longest(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, f"- {human('a')}\n", head="")
    order = ["low", "normal", "urgent", "high"]
    cases = {}
    for priority in order:
        cases[priority] = shop.open(priority, priority=priority)
        shop.clock.advance(timedelta(minutes=1))
    gone = ((date(2026, 11, 16), date(2026, 11, 20)),)
    shop.directory = people(dict.fromkeys(("b1", "b2", "bm"), gone))
    assert shop.service.reassign_absent() == 4
    with ops_engine.connect() as connection:
        moved = sa.select(case_event.c.case_id).where(case_event.c.type == "TaskReassigned")
        told = connection.execute(moved.order_by(case_event.c.event_no)).scalars().all()
    assert told == [cases[priority] for priority in ("urgent", "high", "normal", "low")]


def test_a_substitute_whom_the_absent_person_named_gets_his_task(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, f"- {human('a')}\n", head="")
    case_id = shop.open()
    today = date(2026, 11, 16)
    shop.directory = replace(
        people({"b1": ((today, today),)}), substitutes={"b1": (Substitute("s1", today, date(2026, 11, 20)),)}
    )
    assert shop.service.reassign_absent() == 1
    moved = shop.service.case(case_id).tasks[f"{case_id}.a.1"]
    assert (moved.assignee, moved.substitute_for) == ("s1", "b1")
    decided = shop.service.decide_task(moved.task_id, moved.version, "s1", "ok", {})
    assert decided.case.status == "closed", "he may decide in the other's place"


def test_the_task_of_somebody_who_has_left_goes_to_somebody_else(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, f"- {human('a')}\n", head="")
    case_id = shop.open()
    assert shop.service.reassign_absent() == 0
    stay = {person_id: person for person_id, person in people().people.items() if person_id != "b1"}
    shop.directory = replace(people(), people=stay, roles={**people().roles, "buyer": ("b2",)})
    assert shop.service.reassign_absent() == 1
    moved = shop.service.case(case_id).tasks[f"{case_id}.a.1"]
    assert (moved.assignee, moved.substitute_for) == ("b2", "b1")
    assert shop.service.reassign_absent() == 0


def test_a_department_hears_in_its_own_channel_in_one_message(ops_engine: Engine) -> None:
    head = "ladder:\n- {at: 50, action: remind, to: department}\n- {at: 100, action: escalate, to: department}\n"
    shop = Shop(ops_engine, f"- {human('a')}\n", head)
    bought = replace(shop.directory.person("b1"), department_id="D3")
    departments = {"D3": Department("D3", parent_id="D1"), "D1": Department("D1", channel="factory")}
    shop.directory = replace(shop.directory, people={**shop.directory.people, "b1": bought}, departments=departments)
    shop.open()
    shop.clock.advance(timedelta(days=1))
    assert shop.service.fire_due_rungs() == 2
    with ops_engine.connect() as connection:
        rows = connection.execute(sa.select(outbox.c.kind, outbox.c.card_key, outbox.c.payload).order_by("outbox_id"))
        told = [row for row in rows if str(row.card_key).endswith(":#factory")]
    assert [row.kind for row in told] == ["slack.card", "slack.update"]
    assert told[0].payload["to"] == {"channel": "factory"}
    assert "100 %" in str(told[1].payload) and "50 %" in str(told[1].payload)


def test_nobody_is_asked_again_for_a_task_that_waits_to_be_claimed(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, f"- {human('a', extra=', pool: true')}\n", head="")
    shop.open()
    with ops_engine.connect() as connection:
        assert connection.execute(sa.select(task.c.assignee, task.c.pooled)).one() == (None, True)
    assert shop.service.reassign_absent() == 0


def test_the_scan_leaves_a_mark(ops_engine: Engine) -> None:
    shop = Shop(ops_engine, f"- {human('a')}\n")
    assert shop.service.last_timer_scan() is None
    for at in (datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 17, tzinfo=UTC)):
        shop.service.mark_timer_scan(at)
        shop.restart()
        assert shop.service.last_timer_scan() == at


@pytest.mark.parametrize("jump", [timedelta(days=-3), timedelta(days=400)])
def test_a_jump_of_the_clock_fires_nothing_twice(ops_engine: Engine, jump: timedelta) -> None:
    shop = Shop(ops_engine, f"- {human('a')}\n", head="ladder:\n- {at: 50, action: remind, to: assignee}\n")
    case_id = shop.open()
    shop.clock.advance(timedelta(hours=3))
    assert shop.service.fire_due_rungs() == 1
    shop.clock.advance(jump)
    assert shop.service.fire_due_rungs() == 0
    shop.clock.advance(timedelta(hours=1) - jump)
    assert shop.service.fire_due_rungs() == 0
    assert len(shop.events(case_id, e.RungFired)) == 1
