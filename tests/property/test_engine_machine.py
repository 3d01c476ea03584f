"""Random templates under random people, clicks, jobs and clocks: what must hold of every case, always."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.engine_templates import templates
from tests.engine_world import MONDAY, STAFF, Play, calendar, people, shipped, to_the_end
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.children import waiting_for
from workflow_jobs.engine.evolve import fold, replay
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.parts import FormField
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.state import CaseState, TaskState, state_from_json, state_to_json
from workflow_jobs.engine.template import HumanStep, Template

PERSONS = tuple(STAFF)
STEPS: Counter[str] = Counter()
SEEN: Counter[str] = Counter()
# How often each kind of thing happens in a long life; of an incident people decide less and let rest more.
OTHER = (2, 10, 6, 3, 2, 6, 5, 0.6, 3, 2, 1, 2)
INCIDENT = (1, 1, 6, 3, 2, 0, 2, 2, 3, 6, 2, 3)


class Cases(RuleBasedStateMachine):
    """One case of a random template."""

    play: Play
    checked = 0

    @initialize(
        template=templates(),
        requester=st.none() | st.sampled_from(PERSONS),
        day=st.sampled_from(("2026-11-10", "2026-11-18", "2026-12-24")),
        note=st.booleans(),
    )
    def start(self, template: Template, requester: str | None, day: str, note: bool) -> None:
        data = {"day": day, "note": "n"} if note else {"day": day}
        self.play = Play(template, now=MONDAY).open(requested_by=requester, data=data)

    def attempt(self, command: c.Command) -> None:
        """Do it or be refused; a refusal changes nothing."""
        STEPS[type(command).__name__] += 1
        before, length = self.play.current, len(self.play.log)
        try:
            self.play.do(command)
        except Refused:
            assert self.play.current is before
            assert len(self.play.log) == length

    @rule(
        pick=st.integers(0, 50),
        version=st.integers(0, 2),
        person=st.none() | st.sampled_from(PERSONS),
        outcome=st.sampled_from(("go", "go", "go", "back", "back", "stop", "retry", "done_by_hand", "fly")),
        amount=st.sampled_from(("1", "49999.99", "50000", "x")),
        clicks=st.integers(1, 2),
    )
    def click(self, pick: int, version: int, person: str | None, outcome: str, amount: str, clicks: int) -> None:
        tasks = list(self.play.state.tasks.values())
        task = tasks[pick % len(tasks)]
        who = person or task.assignee or "pm"
        fields = {field.name for field in question_of(self.play.template, task).form}
        typed = {"amount": amount, "comment": "done", "why": "not yet"}
        form = {name: value for name, value in typed.items() if name in fields}
        # Version 0 stands for the current one, so that most clicks are not stale.
        command = c.DecideTask(
            task_id=task.task_id, task_version=version or task.version, person_id=who, outcome=outcome, form=form
        )
        for _ in range(clicks):
            self.attempt(command)

    @rule(steps=st.integers(1, 4))
    def people_work(self, steps: int) -> None:
        """Assignees decide what is theirs, so that cases get far."""
        for task in self.play.state.open_tasks[:steps]:
            if task.assignee is not None and self.play.state.tasks[task.task_id].status == "open":
                STEPS["DecideTask"] += 1
                self.finish(task)

    @rule(hours=st.floats(-5, 200, allow_nan=False))
    def time_passes(self, hours: float) -> None:
        self.play.now += timedelta(hours=hours)

    @rule(times=st.integers(1, 3))
    def scan(self, times: int) -> None:
        for _ in range(times):
            self.attempt(c.FireRungs())
            self.attempt(c.FireTimers())
        self.attempt(c.TimeOutServices())

    @rule(pick=st.integers(0, 9), person=st.none() | st.sampled_from(PERSONS), sent=st.booleans())
    def something_happens_outside(self, pick: int, person: str | None, sent: bool) -> None:
        """A signal comes, or the time that a step waits for; also one that nothing waits for."""
        waits = self.play.state.waits
        if not waits or sent:
            signal = waits[pick % len(waits)].signal if waits else "signal_w1"
            self.attempt(c.SendSignal(signal=signal, data={"note": "it came"}, person_id=person))
            return
        self.play.now = max(self.play.now, waits[pick % len(waits)].wake_at or self.play.now)
        self.attempt(c.FireTimers())

    @rule(
        pick=st.integers(0, 9), outcome=st.sampled_from(("completed", "stopped", "withdrawn")), number=st.integers(0, 3)
    )
    def another_case_ends(self, pick: int, outcome: str, number: int) -> None:
        opened = [event.child_case_id for event in self.play.log if isinstance(event, e.ChildRequested)]
        child = opened[pick % len(opened)] if opened and number else f"c1-{number}"
        self.attempt(c.EndChild(child_case_id=child, outcome=outcome, data={"found": "x", "other": 1}))

    @rule(person=st.sampled_from(PERSONS), really=st.integers(0, 9))
    def withdraw(self, person: str, really: int) -> None:
        who = self.play.state.requested_by if really == 0 else person
        if really < 3:
            self.attempt(c.WithdrawCase(person_id=who or person, reason="not needed" if really else ""))

    @rule(away=st.sets(st.sampled_from(PERSONS), max_size=20), days=st.integers(0, 10))
    def absences_change(self, away: set[str], days: int) -> None:
        span = (date(2026, 11, 1), date(2026, 11, 16) + timedelta(days=days))
        self.play.directory = people(dict.fromkeys(away, (span,)))
        self.attempt(c.ReassignAbsent())

    @rule(
        pick=st.integers(0, 9), run_id=st.sampled_from(("r1", "r2", "r3")), how=st.sampled_from(("ok", "fail", "final"))
    )
    def job_answers(self, pick: int, run_id: str, how: str) -> None:
        services = [s for s in self.play.state.steps.values() if s.kind == "service"]
        if not services:
            self.attempt(c.CompleteService(step_id="h1", run_id=run_id))
            return
        step = services[pick % len(services)].step_id
        if how == "ok":
            self.attempt(c.CompleteService(step_id=step, run_id=run_id, result={"n": 1}))
        else:
            self.attempt(c.FailService(step_id=step, run_id=run_id, error="boom", final=how == "final"))

    @rule(
        snapshot=st.sampled_from(("s1", "s2", "s3")), observed=st.sampled_from(("0.5", "0.9", None)), wait=st.booleans()
    )
    def figures_arrive(self, snapshot: str, observed: str | None, wait: bool) -> None:
        due = self.play.state.effect_due_at
        if wait and due is not None:
            self.play.now = max(self.play.now, due)
        self.attempt(c.RecordBreach(observed=observed, snapshot_id=snapshot))
        self.attempt(c.JudgeEffect(observed=observed, snapshot_id=snapshot))

    @rule(pick=st.integers(0, 50), person=st.none() | st.sampled_from(PERSONS))
    def acknowledge(self, pick: int, person: str | None) -> None:
        tasks = list(self.play.state.tasks.values())
        task = tasks[pick % len(tasks)]
        self.attempt(c.Acknowledge(task_id=task.task_id, person_id=person or task.assignee or "pm"))

    @rule(really=st.integers(0, 9))
    def check_passes(self, really: int) -> None:
        if really == 0:
            self.attempt(c.ResolveIncident())
        elif really == 1:
            self.attempt(c.JoinIncident(into="c2"))

    @rule(pick=st.integers(0, 50), person=st.none() | st.sampled_from(PERSONS), hours=st.integers(-1, 80))
    def snooze(self, pick: int, person: str | None, hours: int) -> None:
        tasks = list(self.play.state.tasks.values())
        task = tasks[pick % len(tasks)]
        who, until = person or task.assignee or "pm", self.play.now + timedelta(hours=hours)
        self.attempt(
            c.SnoozeTask(
                task_id=task.task_id, task_version=task.version, person_id=who, until=until, reason="x" if hours else ""
            )
        )

    @rule(pick=st.integers(0, 50), person=st.sampled_from(PERSONS), to=st.sampled_from(PERSONS))
    def hand_over(self, pick: int, person: str, to: str) -> None:
        tasks = list(self.play.state.tasks.values())
        task = tasks[pick % len(tasks)]
        who = task.assignee or person
        self.attempt(c.AssignTask(task_id=task.task_id, task_version=task.version, person_id=who, to=to))
        self.attempt(c.WakeTask(task_id=task.task_id, person_id=person))

    @rule(snapshot=st.sampled_from(("s4", "s5")))
    def cause_is_back(self, snapshot: str) -> None:
        self.attempt(c.ReopenIncident(observed=None, snapshot_id=snapshot, data={"failed": [snapshot]}))

    @invariant()
    def replaying_the_log_gives_the_live_state(self) -> None:
        if hasattr(self, "play"):
            assert replay(self.play.log) == self.play.state
            new = self.play.log[self.checked :]
            assert [e.from_json(body) for body in json.loads(json.dumps([e.to_json(event) for event in new]))] == new
            self.checked = len(self.play.log)
            assert state_from_json(json.loads(json.dumps(state_to_json(self.play.state)))) == self.play.state

    @invariant()
    def one_decision_a_task_and_one_firing_a_rung(self) -> None:
        if not hasattr(self, "play"):
            return
        decided = Counter(event.task_id for event in self.play.log if isinstance(event, e.TaskDecided))
        passed = (e.RungFired, e.RungSkipped)
        fired = [(event.task_id, event.rung_index) for event in self.play.log if isinstance(event, passed)]
        assert not decided or max(decided.values()) == 1
        assert len(set(fired)) == len(fired)
        for task in self.play.state.tasks.values():
            assert [rung for task_id, rung in fired if task_id == task.task_id] == list(range(task.rung_index))

    @invariant()
    def a_task_rests_within_its_bounds_and_with_a_timer_to_wake_it(self) -> None:
        if not hasattr(self, "play"):
            return
        paused = [event for event in self.play.log if isinstance(event, e.TaskPaused)]
        for task in self.play.state.tasks.values():
            step = layout_of(self.play.template).places[task.step_id].node
            offered = step.actions.snooze if isinstance(step, HumanStep) else None
            rests = [event for event in paused if event.task_id == task.task_id]
            assert len(rests) == task.pauses <= (offered.times if offered else 0)
            assert all(event.until - event.at <= offered.at_most.clock() for event in rests if offered)
            if task.status == "open" and task.paused_until is not None:
                assert task.next_rung_at == task.paused_until
            assert task.due_at >= calendar().add_working(task.created_at, timedelta(seconds=task.sla_seconds))

    @invariant()
    def nobody_decides_his_own_request_and_nobody_below_the_tier(self) -> None:
        if not hasattr(self, "play"):
            return
        for task in self.play.state.tasks.values():
            if task.decided_by is not None:
                assert task.decided_by != self.play.state.requested_by
                roles = set(STAFF[task.decided_by][2])
                assert task.decided_by == task.assignee or roles & {task.role, task.accountable}
            if task.assigned_by is not None and task.tier is not None:
                assert set(STAFF[task.assignee or ""][2]) & {task.role, task.accountable}
            assert task.assignee is None or task.assignee != self.play.state.requested_by
            if task.tier is not None:
                step = layout_of(self.play.template).places[task.step_id].node
                assert isinstance(step, HumanStep)
                tier = step.tiers[task.tier]
                assert (task.role, task.accountable) == (tier.responsible, tier.accountable or tier.responsible)
                if task.status == "open":
                    data = self.play.state.data
                    amount = Decimal(str(data.get("amount", data.get("impact_amount"))))
                    bounds = (50_000, 500_000)[: len(step.tiers) - 1]
                    assert task.tier == sum(amount >= bound for bound in bounds)

    @invariant()
    def an_open_case_always_waits_for_something_that_can_come(self) -> None:
        if not hasattr(self, "play"):
            return
        state = self.play.state
        if state.is_open:
            children = [step for step in state.steps.values() if step.kind == "process" and step.status == "active"]
            timed = all(step.wake_at is not None for step in state.waits)
            assert state.open_tasks or state.waiting_services or state.awaiting_resolution or state.waits or children
            assert timed and (not state.waits or state.next_timer_at is not None)
        else:
            assert not state.open_tasks
            assert all(step.status in ("completed", "cancelled", "undone") for step in state.steps.values())

    @invariant()
    def blocks_hold_what_is_under_way(self) -> None:
        """What is active lies in active blocks, and an active block still waits for branches."""
        if not hasattr(self, "play"):
            return
        state, layout = self.play.state, layout_of(self.play.template)
        for step in state.steps.values():
            if step.status not in ("active", "failed"):
                continue
            place = layout.places[step.step_id]
            if place.parent is not None:
                assert state.steps[place.parent[0]].status == "active"
            if step.kind in ("fork", "decision"):
                assert len(step.joined) == len(set(step.joined)) < (step.needed or step.branches)
            if step.kind == "human":
                assert any(task.step_id == step.step_id for task in state.open_tasks)

    @invariant()
    def nothing_is_decided_but_by_people(self) -> None:
        """A human step is done because its task was decided by a person, or by the ladder that its template states."""
        if not hasattr(self, "play"):
            return
        decided: set[str] = set()
        for event in self.play.log:
            if isinstance(event, (e.TaskDecided, e.DefaultTaken)):
                decided.add(event.step_id)
                assert not isinstance(event, e.TaskDecided) or event.person_id in STAFF
            elif isinstance(event, e.StepEntered):
                decided.discard(event.step_id)
            elif isinstance(event, e.StepCompleted):
                node = layout_of(self.play.template).places[event.step_id].node
                assert not isinstance(node, HumanStep) or event.step_id in decided

    def teardown(self) -> None:
        """Every started case can still end: from wherever it is, plain work leads to the end."""
        if not hasattr(self, "play"):
            return
        play = self.play
        SEEN.update(play.names())
        play.directory = people()
        for _ in range(200):
            state = play.state
            if not state.is_open:
                return
            play.do(c.ReassignAbsent())
            children = [step.child_case_id for step in state.steps.values() if step.kind == "process"]
            awaited = [child for child in children if child and waiting_for(state, child)]
            if state.waiting_services:
                play.do(c.CompleteService(step_id=state.waiting_services[0].step_id, run_id="end"))
            elif state.waits:
                play.now = max(play.now, *(step.wake_at or play.now for step in state.waits))
                play.do(c.FireTimers())
            elif awaited:
                play.do(c.EndChild(child_case_id=awaited[0], outcome="completed"))
            elif state.open_tasks:
                self.finish(play.state.open_tasks[0])
            else:
                play.do(c.ResolveIncident())
        raise AssertionError(f"the case does not end: {play.state}")

    def finish(self, task: TaskState) -> None:
        """Decide a task as its assignee would: the first choice, with a form filled in as its fields ask."""
        question = question_of(self.play.template, task)
        outcome = question.outcomes[0].id
        form = {f.name: _typical(f) for f in question.form if f.required_for(outcome)}
        assert task.assignee is not None, "with everybody back at work there is always somebody to ask"
        self.play.do(
            c.DecideTask(
                task_id=task.task_id,
                task_version=self.play.state.tasks[task.task_id].version,
                person_id=task.assignee,
                outcome=outcome,
                form=form,
            )
        )


def _typical(field: FormField) -> Any:
    samples: dict[str, Any] = {"decimal": "50000", "integer": 1, "date": "2026-12-01", "boolean": True}
    return field.options[0].value if field.options else samples.get(field.type, "text")


def test_what_must_hold_of_every_case(pytestconfig: pytest.Config) -> None:
    soak = bool(pytestconfig.getoption("--soak", default=False))
    STEPS.clear()
    SEEN.clear()
    run_state_machine_as_test(
        Cases,
        settings=settings(
            max_examples=20_000 if soak else 80,
            stateful_step_count=50 if soak else 40,
            deadline=None,
            # The same walks each time here, so that "it gets far" below is no matter of luck; new ones in the soak.
            derandomize=not soak,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        ),
    )
    print(f"{sum(STEPS.values())} commands: {dict(STEPS)}; events: {dict(SEEN)}")
    # The walk is worth nothing if it never gets far.
    assert {"TaskDecided", "RungFired", "ServiceRequested", "BranchJoined", "CaseClosed"} <= SEEN.keys()


def test_long_lives_of_the_shipped_templates(pytestconfig: pytest.Config) -> None:
    """The same rules drawn by weight, mostly sensible, so that cases close, fail their effect and open again."""
    lives = 12_000 if pytestconfig.getoption("--soak", default=False) else 120
    chance = random.Random(11)
    STEPS.clear()
    SEEN.clear()
    for _ in range(lives):
        machine = Cases()
        template = shipped(chance.choice(("supply_exception", "supply_exception", "data_incident")))
        machine.play = Play(template).open(requested_by=chance.choice((None, *PERSONS)))
        for _ in range(chance.randrange(20, 90)):
            match chance.choices(range(12), INCIDENT if template.id == "data_incident" else OTHER)[0]:
                case 0:
                    outcome = chance.choice(("confirm", "reject", "approve", "taken"))
                    machine.click(chance.randrange(50), chance.randrange(3), chance.choice(PERSONS), outcome, "1", 2)
                case 1:
                    machine.people_work(1)
                case 2:
                    machine.time_passes(chance.uniform(-2, 30))
                case 3:
                    machine.scan(2)
                case 4:
                    machine.absences_change(set(chance.sample(PERSONS, 8)), chance.randrange(5))
                case 5:
                    run_id = f"r{chance.randrange(30)}"
                    machine.job_answers(0, run_id, chance.choice(("ok", "fail", "fail", "final")))
                case 6:
                    machine.figures_arrive(f"s{chance.randrange(99)}", chance.choice(("0.5", "0.6", "0.9", None)), True)
                case 7:
                    machine.check_passes(chance.randrange(2))
                case 9:
                    machine.snooze(
                        chance.randrange(50), chance.choice((None, None, *PERSONS)), chance.randrange(-1, 80)
                    )
                case 10:
                    machine.hand_over(chance.randrange(50), chance.choice(PERSONS), chance.choice(PERSONS))
                case 11:
                    machine.cause_is_back(f"b{chance.randrange(99)}")
                case 8:
                    machine.acknowledge(chance.randrange(50), chance.choice((None, *PERSONS[:4])))
            machine.one_decision_a_task_and_one_firing_a_rung()
            machine.a_task_rests_within_its_bounds_and_with_a_timer_to_wake_it()
            machine.nobody_decides_his_own_request_and_nobody_below_the_tier()
            machine.an_open_case_always_waits_for_something_that_can_come()
        machine.replaying_the_log_gives_the_live_state()
        machine.teardown()
    print(f"{sum(STEPS.values())} commands: {dict(STEPS)}; events: {dict(SEEN)}")
    assert SEEN.keys() == e.EVENT_TYPES.keys(), "every kind of event is lived through"


@pytest.mark.parametrize("cut", range(0, 30, 3))
def test_folding_in_two_parts_is_folding_at_once(cut: int) -> None:
    log = to_the_end(Play(shipped("supply_exception"))).log
    assert len(log) > 20
    middle: CaseState | None = fold(None, log[: cut + 1])
    assert fold(middle, log[cut + 1 :]) == replay(log)
