"""The process service on both databases: one transaction a call, one open case, one decision, clocks that fire once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.engine_world import people
from tests.process_world import World
from workflow_jobs.cases import Observed, UnknownCase, UnknownTask
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.state import CaseState
from workflow_jobs.store.tables import case, case_event, outbox, task


@pytest.fixture
def world(ops_engine: Engine) -> World:
    return World(ops_engine)


def _count(engine: Engine, table: sa.Table) -> int:
    with engine.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_a_case_runs_from_breach_to_effect(world: World) -> None:
    opened = world.open()
    assert opened.created
    state = world.to_the_end(opened.case_id)
    assert (state.status, state.outcome) == ("watching_effect", "completed")
    assert replay(world.service.events(opened.case_id)) == world.service.case(opened.case_id)
    observed: list[tuple[str, str, str | None]] = []

    def observe(case: CaseState) -> Observed:
        observed.append((case.case_id, case.metric, case.observed))
        return Observed("0.05", date(2026, 11, 23))

    assert world.service.judge_due_effects(observe, "snap-9") == 0
    world.clock.advance(timedelta(days=7))
    assert world.service.judge_due_effects(observe, "snap-9") == 1
    assert observed == [(opened.case_id, "metric_supplier_reject_rate", "0.0931")]
    assert world.service.case(opened.case_id).status == "effective"
    assert world.service.judge_due_effects(observe, "snap-9") == 0
    (line,) = world.service.cases(status="effective")
    assert (line.case_id, line.effective) == (opened.case_id, True)


def test_a_case_is_not_judged_by_figures_from_before_its_window_is_over(world: World) -> None:
    case_id = world.open().case_id
    closed_on = world.to_the_end(case_id).closed_at
    assert closed_on is not None
    world.clock.advance(timedelta(days=7))
    stale = Observed("0.05", (closed_on + timedelta(days=1)).date())
    assert world.service.judge_due_effects(lambda _case: stale, "snap-2") == 0
    state = world.service.case(case_id)
    assert (state.status, state.effect_due_at) == ("watching_effect", world.clock.now() + timedelta(days=1))
    world.clock.advance(timedelta(days=1))
    fresh = Observed("0.05", world.clock.now().date())
    assert world.service.judge_due_effects(lambda _case: fresh, "snap-3") == 1
    assert world.service.case(case_id).status == "effective"
    with world.engine.connect() as connection:
        said = " ".join(map(str, connection.execute(sa.select(outbox.c.payload)).scalars()))
    assert "Figures as of 2026-11-24" in said


def test_the_same_breach_changes_nothing_and_a_later_one_is_recorded(world: World) -> None:
    first = world.open(snapshot="a")
    events = _count(world.engine, case_event)
    again = world.open(snapshot="a")
    assert (again.case_id, again.created) == (first.case_id, False)
    assert _count(world.engine, case_event) == events
    world.open(snapshot="b", observed="0.12")
    state = world.service.case(first.case_id)
    assert (state.breaches, state.latest_observed, state.latest_snapshot_id) == (2, "0.12", "b")
    assert _count(world.engine, case) == 1
    # A figure is published with every refresh: while it stays, nothing happened.
    events = _count(world.engine, case_event)
    assert world.open(snapshot="c", observed="0.120").case_id == first.case_id
    assert _count(world.engine, case_event) == events
    world.open(snapshot="d", observed="0.13")
    assert world.service.case(first.case_id).breaches == 3


def test_a_case_takes_breaches_in_until_its_effect_is_judged(world: World) -> None:
    first = world.open(snapshot="a")
    world.to_the_end(first.case_id)
    assert world.open(snapshot="b", observed="0.12").case_id == first.case_id
    assert world.service.case(first.case_id).breaches == 2
    world.clock.advance(timedelta(days=7))
    assert world.service.judge_effect(first.case_id, "0.05", "snap-9").status == "effective"
    second = world.open(snapshot="c")
    assert second.created and second.case_id != first.case_id


def test_a_dismissed_breach_comes_back_only_when_it_got_worse(world: World) -> None:
    first = world.open(snapshot="a")
    task = world.task(first.case_id, "judge")
    world.service.decide_task(
        task.task_id, task.version, task.assignee or "", "reject", {"judgement": "Wrong unit."}, "test"
    )
    assert world.service.case(first.case_id).outcome == "closed_no_action"
    for observed in ("0.0931", "0.0900"):
        again = world.open(snapshot=f"b{observed}", observed=observed)
        assert (again.case_id, again.created) == (first.case_id, False)
    assert world.service.cases(status="open") == []
    worse = world.open(snapshot="d", observed="0.0932")
    assert worse.created


def test_a_failed_effect_reopens_the_case_and_takes_the_open_key_again(world: World) -> None:
    opened = world.open()
    world.to_the_end(opened.case_id)
    world.clock.advance(timedelta(days=7))
    assert world.service.judge_effect(opened.case_id, "0.2", "snap-9").status == "open"
    assert world.open(snapshot="snap-10") == type(opened)(opened.case_id, created=False)


def test_two_callers_open_one_case(world: World) -> None:
    results = _at_once(6, lambda n: world.open(snapshot=f"s{n % 2}"))
    assert len({r.case_id for r in results}) == 1
    assert sum(r.created for r in results) == 1
    assert _count(world.engine, case) == 1


def test_of_two_decisions_at_the_same_moment_one_wins_and_the_other_hears_who(world: World) -> None:
    case_id = world.open().case_id
    judge = world.task(case_id, "judge")
    form = {"judgement": "no"}

    def decide(n: int) -> Any:
        who = ("q1", "q2", "qm")[n % 3]
        try:
            return world.service.decide_task(judge.task_id, judge.version, who, "reject", form, "test")
        except Refused as refused:
            return refused

    results = _at_once(6, decide)
    won = [r for r in results if not isinstance(r, Refused)]
    lost = [r for r in results if isinstance(r, Refused)]
    assert len(won) == 1 and len(lost) == 5
    assert {r.code for r in lost} == {"already_decided"}
    winner = won[0].task.decided_by
    name = world.directory.name(winner)
    assert all(name in r.sentence or "You decided" in r.sentence for r in lost)
    assert Counter(type(e).__name__ for e in world.service.events(case_id))["TaskDecided"] == 1


def _at_once(count: int, work: Any) -> list[Any]:
    barrier = threading.Barrier(count)
    results: list[Any] = [None] * count

    def run(n: int) -> None:
        barrier.wait()
        try:
            results[n] = work(n)
        except Exception as error:  # noqa: BLE001 - what a thread raised is what the test looks at
            results[n] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors = [r for r in results if isinstance(r, Exception) and not isinstance(r, Refused)]
    assert errors == []
    return results


@contextmanager
def _meanwhile(engine: Engine, act: Callable[[], object]) -> Iterator[None]:
    """Let ``act`` happen once, between the reading of a case by the next command and its writing."""
    done: list[bool] = []

    # On SQLite the reading is over before the writing locks; on PostgreSQL it goes on in the same transaction.
    on_sqlite = engine.dialect.name == "sqlite"

    def when_read(_connection: sa.engine.Connection, *statement: Any) -> None:
        if not done and (on_sqlite or statement[1].startswith("UPDATE process_case")):
            done.append(True)
            act()

    moment = "rollback" if on_sqlite else "before_cursor_execute"
    sa.event.listen(engine, moment, when_read)
    try:
        yield
    finally:
        sa.event.remove(engine, moment, when_read)
    assert done, "no command looked at a case before it wrote"


def test_a_command_that_another_overtook_is_decided_by_how_the_case_stands_then(world: World) -> None:
    case_id = world.open().case_id
    judge = world.task(case_id, "judge")
    with _meanwhile(world.engine, lambda: world.open(snapshot="snap-2", observed="0.11")):
        world.decide(case_id, "judge")
    events = world.service.events(case_id)
    names = [type(event).__name__ for event in events]
    assert names.index("BreachRecorded") < names.index("TaskDecided")
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    state = world.service.case(case_id)
    assert (replay(events), state.breaches, state.tasks[judge.task_id].status) == (state, 2, "decided")
    with world.engine.connect() as connection:
        keys = connection.execute(sa.select(outbox.c.dedupe_key).where(outbox.c.case_id == case_id)).scalars().all()
    assert not [key for key in keys if int(key.split("/")[1]) > state.seq]


def test_a_decision_that_another_overtook_hears_who_decided(world: World) -> None:
    case_id = world.open().case_id
    judge = world.task(case_id, "judge")
    with (
        _meanwhile(world.engine, lambda: world.decide(case_id, "judge")),
        pytest.raises(Refused, match="decided this already"),
    ):
        world.service.decide_task(judge.task_id, judge.version, judge.assignee or "", "reject", {"judgement": "late"})
    decided = [one for one in world.service.events(case_id) if type(one).__name__ == "TaskDecided"]
    assert len(decided) == 1


def test_what_could_be_decided_is_known_without_deciding_it(world: World) -> None:
    case_id = world.open().case_id
    judge = world.task(case_id, "judge")
    asked = (judge.task_id, judge.version, judge.assignee or "")
    confirmed = {"impact_amount": "60000", "exception_cause": "transport"}
    world.service.require_decidable(*asked, "confirm", confirmed)  # somebody is chosen for the steps after it
    with pytest.raises(Refused, match="fill in"):
        world.service.require_decidable(*asked, "confirm", {})
    assert world.task(case_id, "judge").version == judge.version
    assert world.service.case(case_id).steps.keys() == {"judge"}


def test_a_refusal_writes_nothing(world: World) -> None:
    case_id = world.open().case_id
    before = [_count(world.engine, t) for t in (case_event, task, outbox)]
    judge = world.task(case_id, "judge")
    with pytest.raises(Refused, match="may not decide"):
        world.service.decide_task(judge.task_id, judge.version, "s1", "reject", {"judgement": "x"})
    with pytest.raises(Refused, match="fill in"):
        world.service.decide_task(judge.task_id, judge.version, judge.assignee or "", "confirm", {})
    with pytest.raises(UnknownTask, match="no task 'nope'"):
        world.service.decide_task("nope", 1, "q1", "reject", {})
    with pytest.raises(UnknownCase, match="no case 'C-9'"):
        world.service.case("C-9")
    for unkept in ("C\0", "C\ud800"):  # a key that no database keeps
        for look in (world.service.case, world.service.summary, world.service.task):
            with pytest.raises(LookupError):
                look(unkept)
        with pytest.raises(UnknownTask):
            world.service.decide_task(unkept, 1, "q1", "reject", {})
        assert world.service.cases(subject_id=unkept) == []
        assert world.service.service_step(unkept) is None
    assert [_count(world.engine, t) for t in (case_event, task, outbox)] == before


def test_each_rung_fires_once_whatever_the_number_of_sensors(world: World) -> None:
    case_id = world.open().case_id
    assert world.service.fire_due_rungs() == 0
    world.clock.advance(timedelta(hours=5))  # 14:30: 80 % of four working hours are over
    counts = _at_once(4, lambda _n: world.service.fire_due_rungs())
    assert sum(counts) == 1
    world.clock.advance(timedelta(days=3))
    assert world.service.fire_due_rungs() == 3
    assert world.service.fire_due_rungs() == 0
    row = world.service.tasks(case_id=case_id)[0]
    assert (row.rungs_fired, row.breached, row.next_rung_at) == (4, True, None)


def test_a_broken_case_does_not_stop_the_clocks_of_others(world: World) -> None:
    broken, sound = world.open("S1").case_id, world.open("S2").case_id
    with world.engine.begin() as connection:
        connection.execute(case.update().where(case.c.case_id == broken).values(state={"state_version": 99}))
    world.clock.advance(timedelta(hours=5))
    with pytest.raises(ExceptionGroup, match="1 case"):
        world.service.fire_due_rungs()
    assert world.service.tasks(case_id=sound)[0].rungs_fired == 1


def test_a_service_step_is_requested_again_until_its_attempts_are_used_up(world: World) -> None:
    case_id = world.open().case_id
    world.decide(case_id, "judge")
    world.decide(case_id, "supplier")
    (step,) = world.service.due_service_steps()
    assert (step.job, step.attempt, step.template_id) == ("replan_production_job", 1, "supply_exception")
    world.service.fail_service(case_id, step.step_id, "run-1", "boom", attempt=1)
    (again,) = world.service.due_service_steps()
    assert (again.idempotency_key, again.attempt) == (step.idempotency_key, 2)
    assert again.run_key != step.run_key
    world.clock.advance(timedelta(minutes=31))
    assert world.service.fire_due_rungs() == 1  # the attempt's time is over
    world.clock.advance(timedelta(minutes=31))
    world.service.fire_due_rungs()
    assert world.service.due_service_steps() == []
    rescue = world.task(case_id, "replan")
    assert rescue.purpose == "rescue"
    world.service.decide_task(rescue.task_id, rescue.version, rescue.assignee or "", "done_by_hand", {"comment": "x"})
    outcome = world.service.service_step(step.idempotency_key)
    assert outcome is not None and outcome.status == "failed"
    with pytest.raises(Refused):
        world.service.complete_service(case_id, "replan", "run-9", {}, idempotency_key=step.idempotency_key)


def test_a_result_is_kept_and_given_once(world: World) -> None:
    case_id = world.open().case_id
    world.decide(case_id, "judge")
    world.decide(case_id, "supplier")
    (step,) = world.service.due_service_steps()
    world.service.complete_service(case_id, "replan", "run-1", {"moves": [1]}, idempotency_key=step.idempotency_key)
    outcome = world.service.service_step(step.idempotency_key)
    assert outcome is not None
    assert (outcome.status, outcome.run_id, outcome.result) == ("done", "run-1", {"moves": [1]})
    with pytest.raises(Refused) as refused:
        world.service.complete_service(case_id, "replan", "run-2", {}, idempotency_key=step.idempotency_key)
    assert refused.value.code == "step_not_waiting"
    assert world.service.due_service_steps() == []


def test_an_incident_closes_when_its_check_passes(world: World) -> None:
    assert world.service.resolve_incident("red", "m") is None
    opened = world.open("m", template_id="data_incident", rule_id="red", data={"owner_role": "plant_manager"})
    assert world.task(opened.case_id, "explain").assignee == "pm"
    assert world.service.resolve_incident("red", "m", snapshot_id="s2") == opened.case_id
    assert world.service.case(opened.case_id).outcome == "resolved"
    assert world.service.tasks() == []


def test_work_goes_to_the_person_with_the_least_open_work(world: World) -> None:
    assignees = Counter(world.task(world.open(f"S{n}").case_id, "judge").assignee for n in range(6))
    assert assignees == {"q1": 3, "q2": 3}


def test_tasks_move_when_their_assignee_is_away(world: World) -> None:
    case_id = world.open().case_id
    was = world.task(case_id, "judge")
    assert world.service.reassign_absent() == 0
    day = date(2026, 11, 16)
    world.directory = people({was.assignee or "": ((day, day),)})
    assert world.service.reassign_absent() == 1
    now = world.task(case_id, "judge")
    assert now.assignee != was.assignee and now.version == was.version + 1
    with pytest.raises(Refused, match="latest card"):
        world.service.decide_task(was.task_id, was.version, now.assignee or "", "reject", {"judgement": "x"})


def test_working_minutes_and_lateness_are_kept_beside_the_task(world: World) -> None:
    case_id = world.open().case_id
    world.clock.advance(timedelta(hours=3, minutes=30))  # 13:00, lunch: 2.5 working hours
    world.decide(case_id, "judge")
    judge = next(t for t in world.service.tasks(case_id=case_id, open_only=False) if t.step_id == "judge")
    assert (judge.working_minutes, judge.breached) == (150, False)


def test_a_modal_is_refused_for_a_card_that_is_stale(world: World) -> None:
    case_id = world.open().case_id
    judge = world.task(case_id, "judge")
    view = world.service.decision_modal(judge.task_id, judge.version, "confirm")
    assert view["callback_id"] == "decide"
    with pytest.raises(Refused, match="latest card"):
        world.service.decision_modal(judge.task_id, judge.version + 1, "confirm")
    with pytest.raises(Refused, match="no choice"):
        world.service.decision_modal(judge.task_id, judge.version, "perhaps")
    world.decide(case_id, "judge")
    with pytest.raises(Refused, match="decided this already"):
        world.service.decision_modal(judge.task_id, judge.version, "confirm")


def test_the_row_of_one_case_is_read_however_many_are_newer(world: World) -> None:
    first, second = (world.open(subject).case_id for subject in ("S1", "S2"))
    assert [one.case_id for one in world.service.cases(limit=1)] == [second]
    assert [world.service.summary(one).subject_id for one in (first, second)] == ["S1", "S2"]
    with pytest.raises(UnknownCase):
        world.service.summary("C-9")
