"""The state machine of random cases: what people, jobs, clocks and other cases may do, and what must hold always.

Each rule is one kind of thing that may happen, sensible or not: what is not allowed must be refused and change nothing.
Each invariant is looked at after every rule. The tests that run it are in property/test_engine_machine.py.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.engine_templates import templates
from tests.engine_world import MONDAY, STAFF, Play, calendar, people
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.children import waiting_for
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.parts import FormField
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.separation import tasks_of_visit
from workflow_jobs.engine.state import TaskState, state_from_json, state_to_json
from workflow_jobs.engine.template import HumanStep, Template

PERSONS = tuple(STAFF)
STEPS: Counter[str] = Counter()
SEEN: Counter[str] = Counter()


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

    def human_step(self, task: TaskState) -> HumanStep | None:
        """The step whose own question the task puts; None where a job's failure is rescued."""
        step = layout_of(self.play.template).places[task.step_id].node
        return step if isinstance(step, HumanStep) else None

    def look(self) -> None:
        """All invariants but the replay of the whole log, which costs the most."""
        self.one_decision_a_task_and_one_firing_a_rung()
        self.a_task_rests_within_its_bounds_and_with_a_timer_to_wake_it()
        self.nobody_decides_his_own_request_and_nobody_below_the_tier()
        self.nobody_has_two_voices()
        self.an_open_case_always_waits_for_something_that_can_come()
        self.blocks_hold_what_is_under_way()
        self.nothing_is_decided_but_by_people()

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
            self.attempt(c.SendSignal(signal=signal, data={"heard": "it came"}, person_id=person))
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

    @rule(
        pick=st.integers(0, 50),
        how=st.sampled_from(("delegate", "add", "claim", "release")),
        person=st.none() | st.sampled_from(PERSONS),
        to=st.sampled_from(PERSONS),
    )
    def pass_on(self, pick: int, how: str, person: str | None, to: str) -> None:
        """Somebody asks for advice or a further approval, or takes a task that nobody has, or gives one back."""
        tasks = list(self.play.state.tasks.values())
        task = tasks[pick % len(tasks)]
        holders = self.play.directory.candidates(task.role)
        who = person or task.delegated_by or task.assignee or (holders[0] if holders else "pm")
        at = {"task_id": task.task_id, "person_id": who}
        match how:
            case "delegate":
                self.attempt(c.DelegateTask(**at, task_version=task.version, to=to, reason="x"))
            case "add":
                self.attempt(c.AddApprover(**at, task_version=task.version, to=to, reason="x"))
            case "claim":
                self.attempt(c.ClaimTask(**at, task_version=task.version))
            case _:
                self.attempt(c.ReleaseTask(**at, task_version=task.version))

    @rule(pick=st.integers(0, 50), person=st.sampled_from(("lm", "lm", *PERSONS)), score=st.integers(0, 6))
    def people_say(self, pick: int, person: str, score: int) -> None:
        """Somebody answers what he is consulted on, or rates the process; allowed or not."""
        tasks = list(self.play.state.tasks.values())
        task = tasks[pick % len(tasks)]
        self.attempt(c.AnswerConsultation(task_id=task.task_id, person_id=person, text="I think so"))
        self.attempt(c.RateCase(person_id=task.decided_by or person, score=score))

    @rule()
    def pools_are_handed_out(self) -> None:
        self.attempt(c.HandOutPool())

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
                own = task.decided_by in (task.assignee, task.delegated_by)
                assert own or (roles & {task.role, task.accountable} and task.added_by is None)
            if task.assigned_because.startswith("assigned by") and task.tier is not None:
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
    def nobody_has_two_voices(self) -> None:
        """In one visit of a step nobody decides twice, a vote settles once, and who is kept from it does not decide."""
        if not hasattr(self, "play"):
            return
        decided: dict[str, list[str]] = {}
        settled: dict[str, str] = {}
        layout = layout_of(self.play.template)
        for event in self.play.log:
            if isinstance(event, e.StepEntered):
                decided[event.step_id] = []
                settled.pop(event.step_id, None)
            elif isinstance(event, e.TaskDecided):
                node = layout.places[event.step_id].node
                if isinstance(node, HumanStep):
                    others = [person for other in node.separate_from for person in decided.get(other, ())]
                    assert event.person_id not in (*others, *decided[event.step_id])
                    assert event.step_id not in settled
                    decided[event.step_id].append(event.person_id)
            elif isinstance(event, e.VoteCounted) and event.outcome is not None:
                assert event.step_id not in settled
                settled[event.step_id] = event.outcome
            elif isinstance(event, e.StepCompleted) and event.step_id in settled:
                assert event.outcome == settled[event.step_id]
        for step_id in self.play.state.steps:
            asked = [task for task in tasks_of_visit(self.play.state, step_id) if task.status == "open"]
            hands = [one for task in asked for one in (task.assignee, task.delegated_by) if one is not None]
            assert len(hands) == len(set(hands))
            assert self.play.state.requested_by not in hands

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
            elif play.state.open_tasks:
                self.end_a_task()
            else:
                play.do(c.ResolveIncident())
        raise AssertionError(f"the case does not end: {play.state}")

    def end_a_task(self) -> None:
        """Decide what somebody has, claim what nobody has; a vote that lacks people is ended with its case."""
        play = self.play
        mine = next((task for task in play.state.open_tasks if task.assignee is not None), None)
        pool = next((task for task in play.state.open_tasks if task.pooled), None)
        if mine is not None:
            self.finish(mine)
        elif pool is not None:
            play.now = max(play.now, pool.due_at + timedelta(days=20))
            play.do(c.FireRungs())
            play.do(c.HandOutPool())
        else:
            assert all(task.voter is not None or self.separate(task) for task in play.state.open_tasks)
            by_itself = play.template.closes == "on_resolution"
            play.do(c.ResolveIncident() if by_itself else c.WithdrawCase(person_id="pm", reason="nobody to ask"))

    def separate(self, task: TaskState) -> bool:
        step = self.human_step(task)
        return step is not None and bool(step.separate_from)

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
