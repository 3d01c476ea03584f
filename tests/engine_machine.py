"""The state machine of random cases: what people, jobs, clocks and other cases may do.

Each rule is one kind of thing that may happen, sensible or not: what is not allowed must be refused and change nothing.
What must hold after every rule is in engine_laws. The tests that run it are in property/test_engine_machine.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from resources.people import Substitute
from tests.engine_fresh_clocks import fresh_due, fresh_wake
from tests.engine_laws import Laws
from tests.engine_templates import another_version, templates
from tests.engine_world import MONDAY, STAFF, Play, people
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.children import waiting_for
from workflow_jobs.engine.evolve import fold
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.migration import fits, migrate
from workflow_jobs.engine.parts import Duration, FormField
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.state import StepState, TaskState
from workflow_jobs.engine.template import AskingStep, HumanStep, Template, WaitStep
from workflow_jobs.engine.working_time import WorkingCalendar

PERSONS = tuple(STAFF)
PARENT = "c0"
NAMED = {
    one: (Substitute(other, date.min, date.max),)
    for one, other in {"q2": "b1", "b2": "f1", "f2": "s1", "s2": "q1", "b1": "s2", "f1": "d1"}.items()
}
CALENDARS: Sequence[Mapping[str, Any]] = (
    {},
    {"days_off": (date(2026, 11, 17), date(2026, 11, 18), date(2026, 12, 1)), "confirmed_through": date(2026, 11, 18)},
    {"extra_days": (date(2026, 11, 21), date(2026, 11, 22))},
    {"hours": ("08:00-20:00",)},
)
STEPS: Counter[str] = Counter()
SEEN: Counter[str] = Counter()


@cache
def changed_calendar(which: int) -> WorkingCalendar:
    """One of several that a company may change to."""
    return WorkingCalendar("CN", first_year=2023, last_year=2030, **CALENDARS[which])


class Cases(Laws):
    """One case of a random template."""

    @initialize(
        template=templates(),
        requester=st.none() | st.sampled_from(PERSONS),
        day=st.sampled_from(("2026-11-10", "2026-11-18", "2026-12-24")),
        note=st.booleans(),
        parent=st.none() | st.just(PARENT),
    )
    def start(self, template: Template, requester: str | None, day: str, note: bool, parent: str | None) -> None:
        data = {"day": day, "note": "n"} if note else {"day": day}
        self.play = Play(template, now=MONDAY).open(requested_by=requester, data=data, parent_case_id=parent)

    def human_step(self, task: TaskState) -> HumanStep | None:
        """The step whose own question the task puts; None where a job's failure is rescued."""
        step = layout_of(self.play.template).places[task.step_id].node
        return step if isinstance(step, HumanStep) else None

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
        outcome=st.sampled_from(("go", "go", "go", "back", "back", "stop", "no", "retry", "done_by_hand", "fly")),
        amount=st.sampled_from(("1", "49999.99", "50000", "x")),
        clicks=st.integers(1, 2),
    )
    def click(self, pick: int, version: int, person: str | None, outcome: str, amount: str, clicks: int) -> None:
        tasks = list(self.play.state.tasks.values())
        task = tasks[pick % len(tasks)]
        who = person or task.assignee or "pm"
        # A reason is given where one is asked for, and not else.
        form_of = question_of(self.play.template, task).form
        fields = {field.name for field in form_of if not field.name.startswith("why") or field.required_for(outcome)}
        typed = {"amount": amount, "comment": "done", f"why_{task.step_id}": "not yet"}
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
            heard = {signal.replace("signal", "heard"): "it came"}
            self.attempt(c.SendSignal(signal=signal, data=heard, person_id=person))
            return
        self.play.now = max(self.play.now, waits[pick % len(waits)].wake_at or self.play.now)
        self.attempt(c.FireTimers())

    @rule(
        pick=st.integers(0, 9), outcome=st.sampled_from(("completed", "stopped", "withdrawn")), number=st.integers(0, 3)
    )
    def another_case_ends(self, pick: int, outcome: str, number: int) -> None:
        """Another case ends, or turns out not to be one that can be opened."""
        opened = [event.child_case_id for event in self.play.log if isinstance(event, e.ChildRequested)]
        child = opened[pick % len(opened)] if opened and number else f"c1-{number}"
        if number == 3:
            # In service this comes with the command that asked for the case; here the step has waited for a while.
            self.attempt(c.RefuseChild(child_case_id=child, reason="The input limit is missing."))
            return
        self.attempt(c.EndChild(child_case_id=child, outcome=outcome, data={"found": "x", "other": 1}))

    @rule(how=st.integers(0, 5), pick=st.integers(0, 9))
    def template_changes(self, how: int, pick: int) -> None:
        """Move the case to another version of its template, whole or not at all."""
        play = self.play
        new = another_version(play.template, how, pick)
        if new is None:
            return
        STEPS["migrate"] += 1
        if not play.state.is_open or fits(play.state, play.template, new).reasons:
            with pytest.raises(Refused):
                migrate(play.state, play.template, new, play.now, play.env, "im")
            return
        env = replace(play.env, template=new)
        events = migrate(play.state, play.template, new, play.now, env, "im")
        play.template, play.current = new, fold(play.current, events)
        play.log += events
        for event in events:
            if isinstance(event, e.WaitRecomputed):
                self.ends_as_worked_out_anew(play.state.steps[event.step_id])

    def ends_as_worked_out_anew(self, wait: StepState) -> None:
        """What would be over already is over now."""
        play = self.play
        node = layout_of(play.template).places[wait.step_id].node
        assert isinstance(node, WaitStep) and wait.wake_at is not None
        fresh = fresh_wake(play.log, wait.step_id, node.until, play.calendar_in_force)
        assert wait.wake_at == fresh if fresh > play.now else wait.wake_at <= play.now

    @rule(which=st.integers(0, len(CALENDARS) - 1))
    def calendar_changes(self, which: int) -> None:
        """The working calendar becomes another one, and clocks and waits say what those worked out anew say."""
        play = self.play
        play.calendars = {"default": changed_calendar(which)}
        self.attempt(c.RecomputeClocks(reason="changed"))
        if not play.state.is_open:
            self.left_behind |= play.state.tasks.keys()
            return
        self.left_behind = frozenset(task.task_id for task in play.state.tasks.values() if task.status != "open")
        for task in play.state.open_tasks:
            sla = _sla(play.template, task)
            assert task.due_at == fresh_due(play.log, task.task_id, sla, play.calendar_in_force)
        if play.template.sla is not None:
            assert play.state.due_at == fresh_due(play.log, None, play.template.sla, play.calendar_in_force)
        for wait in play.state.waits:
            self.ends_as_worked_out_anew(wait)
        assert play.do(c.RecomputeClocks(reason="changed")) == (), "twice changes nothing"

    @rule(person=st.sampled_from(PERSONS), really=st.integers(0, 9))
    def withdraw(self, person: str, really: int) -> None:
        who = self.play.state.requested_by if really == 0 else person
        if really < 3:
            self.attempt(c.WithdrawCase(person_id=who or person, reason="" if really == 1 else "not needed"))

    @rule(really=st.integers(0, 9))
    def its_parent_ends(self, really: int) -> None:
        """The case that opened this one is over, or says so although it did not open it."""
        if really < 2:
            self.attempt(c.EndWithParent(parent_case_id=PARENT if really else "c9", reason="the other case closed"))

    @rule(away=st.sets(st.sampled_from(PERSONS), max_size=20), days=st.integers(0, 10))
    def absences_change(self, away: set[str], days: int) -> None:
        """Some are away, and some have named a substitute."""
        span = (date(2026, 11, 1), date(2026, 11, 16) + timedelta(days=days))
        self.play.directory = replace(people(dict.fromkeys(away, (span,))), substitutes=NAMED)
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
        snapshot=st.sampled_from(("s1", "s2", "s3")),
        observed=st.sampled_from(("0.5", "0.9", None)),
        note=st.sampled_from((None, "n", "m")),
        wait=st.booleans(),
    )
    def figures_arrive(self, snapshot: str, observed: str | None, note: str | None, wait: bool) -> None:
        due = self.play.state.effect_due_at
        if wait and due is not None:
            self.play.now = max(self.play.now, due)
        noted = any(field.name == "note" for field in self.play.template.inputs)
        data = {"note": note} if noted and note is not None else {}
        self.attempt(c.RecordBreach(observed=observed, snapshot_id=snapshot, data=data))
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

    @rule(pick=st.integers(0, 50), person=st.none() | st.sampled_from(PERSONS), hours=st.integers(-1, 60))
    def stop_the_clock(self, pick: int, person: str | None, hours: int) -> None:
        """The clock of a task waits for a reason that its step states; hours below none stand for all it allows."""
        tasks = list(self.play.state.tasks.values())
        task = tasks[pick % len(tasks)]
        step = self.human_step(task)
        stated = step.actions.pauses if step is not None else ()
        until = self.play.now + timedelta(hours=hours) if hours >= 0 else None
        who = person or task.delegated_by or task.assignee or "pm"
        reason = stated[0].id if stated else "outside"
        at = {"task_id": task.task_id, "person_id": who, "reason_id": reason}
        self.attempt(c.PauseTask(**at, task_version=task.version, until=until))

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
        able = [*holders, *(named.person_id for one in holders for named in NAMED.get(one, ()))]
        who = person or task.delegated_by or task.assignee or (able[pick % len(able)] if able else "pm")
        at = {"task_id": task.task_id, "person_id": who}
        match how:
            case "delegate":
                self.attempt(c.DelegateTask(**at, task_version=task.version, to=to, reason="x"))
            case "add":
                self.attempt(c.AddApprover(**at, task_version=task.version, to=to, reason="x"))
            case "claim":
                self.attempt(c.ClaimTask(**at, task_version=task.version))
                self.claimed_by_one_of_the_role_or_in_the_place_of_one(self.play.log[-1])
            case _:
                self.attempt(c.ReleaseTask(**at, task_version=task.version))

    def claimed_by_one_of_the_role_or_in_the_place_of_one(self, event: e.Event) -> None:
        if not isinstance(event, e.TaskClaimed):
            return
        play, task = self.play, self.play.state.tasks[event.task_id]
        holders = {role: play.directory.candidates(role) for role in (task.role, task.accountable)}
        if event.substitute_for is None:
            assert any(event.person_id in those for those in holders.values())
        else:
            day = play.calendar_in_force.work_date(event.at)
            assert event.substitute_for in holders[task.role] and event.substitute_for != play.state.requested_by
            assert play.directory.absent_on(event.substitute_for, day)
            assert not play.directory.absent_on(event.person_id, day) and task.tier is None

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

    def teardown(self) -> None:
        """Every started case can still end: from wherever it is, plain work leads to the end."""
        if not hasattr(self, "play"):
            return
        play = self.play
        SEEN.update(play.names())
        STEPS["asked afresh"] += sum(isinstance(event, e.TaskCancelled) and event.asked_afresh for event in play.log)
        STEPS["begun again"] += sum(isinstance(event, e.CaseReopened) and bool(event.undone) for event in play.log)
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
            if not by_itself and play.state.parent_case_id is not None:
                # Who asked for both may take back the whole only, and this case ends with it.
                play.do(c.EndWithParent(parent_case_id=play.state.parent_case_id, reason="nobody to ask"))
            else:
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


def _sla(template: Template, task: TaskState) -> Duration:
    step = layout_of(template).places[task.step_id].node
    assert isinstance(step, AskingStep)
    return step.sla


def _typical(field: FormField) -> Any:
    samples: dict[str, Any] = {"decimal": "50000", "integer": 1, "date": "2026-12-01", "boolean": True}
    return field.options[0].value if field.options else samples.get(field.type, "text")
