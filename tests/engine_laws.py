"""What must hold of every case, whatever happens to it: looked at after every rule of the state machine."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from hypothesis.stateful import RuleBasedStateMachine, invariant

from tests.engine_fresh_clocks import told_wakes
from tests.engine_world import STAFF, Play
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.parts import Pause, Snooze
from workflow_jobs.engine.separation import objection, tasks_of_visit
from workflow_jobs.engine.state import state_from_json, state_to_json
from workflow_jobs.engine.template import AskingStep, HumanStep
from workflow_jobs.engine.tiers import stands_higher, tier_of


class Laws(RuleBasedStateMachine):
    """The laws of one case; what may happen to it is the subclass's."""

    play: Play
    checked = 0
    # Tasks whose clock was not open when a calendar changed: it is not computed anew.
    left_behind: frozenset[str] = frozenset()

    def look(self) -> None:
        """All invariants but the replay of the whole log, which costs the most."""
        self.one_decision_a_task_and_one_firing_a_rung()
        self.a_task_rests_within_its_bounds_and_with_a_timer_to_wake_it()
        self.no_pause_outlasts_what_rests()
        self.what_waits_ends_when_the_log_says_and_the_case_rests_as_long()
        self.nobody_decides_his_own_request_and_nobody_below_the_tier()
        self.an_open_task_is_asked_of_the_roles_of_the_version_in_force()
        self.what_goes_by_days_that_are_not_published_is_marked()
        self.nobody_has_two_voices()
        self.an_open_case_always_waits_for_something_that_can_come()
        self.blocks_hold_what_is_under_way()
        self.nothing_is_decided_but_by_people()
        self.no_case_goes_back_without_the_reason_that_its_choice_requires()

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
            offered: dict[str, Snooze | Pause] = {}
            if isinstance(step, HumanStep):
                offered |= {pause.id: pause for pause in step.actions.pauses}
                offered |= {"": step.actions.snooze} if step.actions.snooze else {}
            rests = [event for event in paused if event.task_id == task.task_id]
            assert len(rests) == task.pauses
            for reason, times in Counter(event.reason_id for event in rests).items():
                assert times <= offered[reason].times
            assert all(event.until - event.at <= offered[event.reason_id].at_most.clock() for event in rests)
            if task.status == "open" and task.paused_until is not None:
                assert task.next_rung_at == task.paused_until
            if task.task_id not in self.left_behind:
                sla = timedelta(seconds=task.sla_seconds)
                assert task.due_at >= self.play.calendar_in_force.add_working(task.created_at, sla)

    @invariant()
    def no_pause_outlasts_what_rests(self) -> None:
        """An open line of the ledger is that of an open task that rests, or of an open case that does."""
        if not hasattr(self, "play"):
            return
        state = self.play.state
        resting = [task.task_id for task in state.tasks.values() if task.paused_until is not None]
        assert all(state.tasks[one].status == "open" for one in resting)
        whole = [None] if state.paused_at is not None else []
        assert state.is_open or not whole
        under_way = [entry.task_id for entry in state.ledger if entry.ended_at is None]
        assert sorted(under_way, key=str) == sorted([*whole, *resting], key=str)
        assert all(entry.began_at <= entry.ended_at <= entry.until for entry in state.ledger if entry.ended_at)

    @invariant()
    def what_waits_ends_when_the_log_says_and_the_case_rests_as_long(self) -> None:
        if not hasattr(self, "play"):
            return
        state, told = self.play.state, told_wakes(self.play.log)
        assert all(step.wake_at == told[step.step_id] for step in state.waits)
        nodes = {step.step_id: layout_of(self.play.template).places[step.step_id].node for step in state.waits}
        resting = [one.wake_at for one in state.waits if getattr(nodes[one.step_id], "pauses_case", False)]
        if state.paused_at is not None:
            (entry,) = (one for one in state.ledger if one.task_id is None and one.ended_at is None)
            assert entry.until == state.paused_until
            assert all(at is not None and at <= entry.until for at in resting)

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
        for step_id in {task.step_id for task in self.play.state.open_tasks}:
            self.never_below_the_tier_that_the_case_needs_now(step_id)

    def never_below_the_tier_that_the_case_needs_now(self, step_id: str) -> None:
        """What is asked, and what of it is decided already, is the tier that the case needs, or a higher one."""
        step = layout_of(self.play.template).places[step_id].node
        tiers = step.tiers if isinstance(step, HumanStep) else ()
        asked = {task.tier for task in tasks_of_visit(self.play.state, step_id) if task.tier is not None}
        if tiers:
            (tier,) = asked
            needed, _ = tier_of(Flow("c1", self.play.state, self.play.now, self.play.env), cast(HumanStep, step))
            assert needed is not None
            assert tier == needed or stands_higher(tiers[tier], tiers[needed], self.play.directory)

    @invariant()
    def an_open_task_is_asked_of_the_roles_of_the_version_in_force(self) -> None:
        """So that who has it after a change of the template may decide it there too."""
        if not hasattr(self, "play"):
            return
        for task in self.play.state.open_tasks:
            step = layout_of(self.play.template).places[task.step_id].node
            assert isinstance(step, AskingStep)
            asked = (step.raci.responsible or step.raci.accountable, step.raci.accountable)
            named = all(isinstance(role, str) for role in asked)
            if named and task.tier is None and task.voter is None and task.added_by is None:
                assert (task.role, task.accountable) == asked

    @invariant()
    def what_goes_by_days_that_are_not_published_is_marked(self) -> None:
        if not hasattr(self, "play"):
            return
        by = self.play.calendar_in_force
        for task in self.play.state.open_tasks:
            assert task.task_id in self.left_behind or task.calendar_confirmed == by.confirmed(task.due_at)

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
            elif isinstance(event, e.TaskCancelled) and event.asked_afresh:
                decided[event.step_id] = []
            elif isinstance(event, (e.CaseReturned, e.CaseReopened)):
                decided |= {step_id: [] for step_id in event.undone}
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
        for task in state.open_tasks:
            assert state.steps[task.step_id].status in ("active", "failed")
            assert task in tasks_of_visit(state, task.step_id, task.purpose), "nothing of an earlier visit is asked"
            for person in (task.assignee, task.delegated_by):
                assert person is None or objection(self.play.template, state, task, person) is None

    @invariant()
    def no_case_goes_back_without_the_reason_that_its_choice_requires(self) -> None:
        if not hasattr(self, "play"):
            return
        outcomes: dict[str, str] = {}
        for event in self.play.log:
            if isinstance(event, e.StepCompleted):
                outcomes[event.step_id] = event.outcome
            elif isinstance(event, e.CaseReturned):
                node = layout_of(self.play.template).places[event.from_step].node
                assert isinstance(node, HumanStep)
                typed = [one for one in node.form if one.type == "text" and one.required_for(outcomes[event.from_step])]
                assert not typed or event.reason.strip()

    @invariant()
    def the_data_is_what_completed_steps_said(self) -> None:
        """A form counts when its step is done with that choice: in a vote the last one's, else that of all who agreed.
        Of a case whose effect failed only the inputs are left.

        Looked at by a fold of its own, which knows only what everybody typed and when steps were done.
        """
        if not hasattr(self, "play"):
            return
        layout, data = layout_of(self.play.template), dict[str, Any]()
        inputs = {field.name for field in self.play.template.inputs}
        said: dict[str, list[e.TaskDecided | e.DefaultTaken]] = {}
        for event in self.play.log:
            if isinstance(event, (e.StepEntered, e.CaseReturned)):
                data = {name: value for name, value in data.items() if name not in event.dropped}
            if isinstance(event, e.CaseReopened) and self.play.template.closes != "on_resolution":
                data = {name: value for name, value in data.items() if name in inputs}
            if isinstance(event, e.StepEntered) or (isinstance(event, e.TaskCancelled) and event.asked_afresh):
                said[event.step_id] = []
            elif isinstance(event, (e.TaskDecided, e.DefaultTaken)):
                said[event.step_id].append(event)
            elif isinstance(event, e.StepCompleted):
                node = layout.places[event.step_id].node
                if isinstance(node, HumanStep):
                    data |= _agreed(node, said[event.step_id], event.outcome)
            elif isinstance(event, (e.CaseOpened, e.BreachRecorded, e.RulesApplied, e.SignalReceived, e.ChildEnded)):
                data |= event.data
        assert self.play.state.data == data

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


def _agreed(step: HumanStep, said: Sequence[e.TaskDecided | e.DefaultTaken], outcome: str) -> dict[str, Any]:
    """What those typed who chose what the step came to, the later over the earlier; in a vote only the last of them.

    In a vote every choice but `approves` is one for `rejects`, and counts where nobody chose that itself. The clock may
    go back: what settles is last.
    """
    earlier = sorted(said[:-1], key=lambda one: (one.at, int(one.task_id.rpartition(".")[2])))
    approves = step.vote.approves if step.vote is not None else None
    everybody = (*earlier, said[-1])
    agreeing = [one for one in everybody if one.outcome == outcome]
    if not agreeing and approves is not None:
        agreeing = [one for one in everybody if one.outcome != approves]
    counting = agreeing[-1:] if step.vote is not None else agreeing
    return {name: value for one in counting if isinstance(one, e.TaskDecided) for name, value in one.form.items()}
