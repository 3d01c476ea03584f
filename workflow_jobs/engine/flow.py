"""How a case moves through its template: enter a step, ask a person, complete, join, close.

A flow collects the events of one command and folds each into the state at once, so that what `decide` reasons on is
what a replay of the log will give. It takes no command itself: that is `decide`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from workflow_jobs.engine import assignment
from workflow_jobs.engine import events as e
from workflow_jobs.engine.conditions import ConditionError, case_variables, compile_condition
from workflow_jobs.engine.environment import Environment
from workflow_jobs.engine.evolve import evolve
from workflow_jobs.engine.layout import layout_of, node_of
from workflow_jobs.engine.parts import Raci, RoleRef, Rung, Tier
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Fork, HumanStep, Node, ServiceStep, Step


class Flow:
    """The events of one command on one case. `state` is always the fold of all events so far."""

    def __init__(self, case_id: str, state: CaseState | None, now: datetime, env: Environment) -> None:
        self.case_id = case_id
        self.now = now
        self.env = env
        self.layout = layout_of(env.template)
        self.events: list[e.Event] = []
        self._state = state
        self._loads = dict(env.loads)

    @property
    def state(self) -> CaseState:
        """The case as it stands after the events so far."""
        assert self._state is not None
        return self._state

    def emit(self, event: Callable[..., e.Event], **fields: Any) -> None:
        """Add an event at the next position and fold it."""
        seq = 1 if self._state is None else self._state.seq + 1
        made = event(case_id=self.case_id, seq=seq, at=self.now, **fields)
        self._state = evolve(self._state, made)
        self.events.append(made)

    def enter(self, entry: Node) -> None:
        """Start a step; a fork starts all its branches."""
        node = node_of(entry)
        before = self.state.steps.get(node.id)
        visit = before.visit + 1 if before else 1
        if isinstance(node, Fork):
            self.emit(e.StepEntered, step_id=node.id, kind="fork", visit=visit, branches=len(node.branches))
            for branch in node.branches:
                self.enter(branch[0])
            return
        self.emit(e.StepEntered, step_id=node.id, kind=node.kind, visit=visit)
        if isinstance(node, HumanStep):
            self.ask(node)
        else:
            self.request(node)

    def request(self, step: ServiceStep) -> None:
        """Ask for one more attempt of a service step's job; all attempts of a visit share the idempotency key."""
        known = self.state.steps[step.id]
        self.emit(
            e.ServiceRequested,
            step_id=step.id,
            job=step.job,
            idempotency_key=f"{self.case_id}.{step.id}.{known.visit}",
            attempt=known.attempt + 1,
            timeout_at=self.now + step.timeout.clock(),
        )

    def ask(self, step: Step, purpose: str = "decide") -> None:
        """Create a task for the person whom role, presence and load choose."""
        tier, note = self._tier(step)
        role, accountable = self._roles(step, tier)
        choice = self._whom(role, accountable, tiered=tier is not None)
        sla = step.sla.working(self.env.calendar.day_length)
        due = self.env.calendar.add_working(self.now, sla)
        reason = choice.reason if choice else f"nobody holds {role}"
        ladder = self.ladder(step)
        if choice:
            self._loads[choice.person_id] = self._loads.get(choice.person_id, 0.0) + assignment.task_weight(
                self.state.priority
            )
        self.emit(
            e.TaskCreated,
            task_id=f"{self.case_id}.{step.id}.{self.state.steps[step.id].tasks + 1}",
            step_id=step.id,
            role=role,
            accountable=accountable,
            assignee=choice.person_id if choice else None,
            assigned_because=f"{reason}; {note}" if note else reason,
            substitute_for=choice.substitute_for if choice else None,
            due_at=due,
            sla_seconds=int(sla.total_seconds()),
            calendar_confirmed=self.env.calendar.confirmed(due),
            next_rung_at=self._rung_time(self.now, sla, ladder, 0),
            version=1,
            tier=tier,
            purpose=purpose,
        )

    def complete(self, step_id: str, outcome: str) -> None:
        """Finish a step and go where its place in the template leads."""
        self.emit(e.StepCompleted, step_id=step_id, outcome=outcome)
        place = self.layout.places[step_id]
        if place.following is not None:
            self.enter(place.following)
        elif place.parent is not None:
            fork_id, branch = place.parent
            fork = self.state.steps[fork_id]
            remaining = fork.branches - len(fork.joined) - 1
            self.emit(e.BranchJoined, fork_id=fork_id, branch=branch, remaining=remaining)
            if remaining == 0:
                self.complete(fork_id, "joined")
        elif self.env.template.closes == "on_resolution":
            self.emit(e.ResolutionAwaited)
        else:
            self.close("completed")
            effect = self.env.template.effect
            if effect is not None:
                self.emit(e.EffectDue, due_at=self.now + effect.window.clock())

    def close(self, outcome: str, joined: str = "") -> None:
        """End the people's part; what is still under way is withdrawn."""
        reason = f"the case closed: {outcome}"
        for task in self.state.open_tasks:
            self.emit(e.TaskCancelled, task_id=task.task_id, step_id=task.step_id, reason=reason)
        for step in tuple(self.state.steps.values()):
            if step.status in ("active", "failed"):
                self.emit(e.StepCancelled, step_id=step.step_id, reason=reason)
        self.emit(e.CaseClosed, outcome=outcome, joined=joined)

    def reassign(self, task: TaskState) -> None:
        """Ask somebody present in place of an absent or missing assignee, if there is anybody."""
        choice = self._whom(task.role, task.accountable, tiered=task.tier is not None)
        if choice is None or choice.person_id == task.assignee or (task.assignee and not choice.present):
            return
        self.emit(
            e.TaskReassigned,
            task_id=task.task_id,
            version=task.version + 1,
            assignee=choice.person_id,
            assigned_because=choice.reason,
            previous=task.assignee,
            substitute_for=choice.substitute_for or task.assignee,
        )

    def pause(self, task: TaskState, person_id: str, until: datetime, reason: str) -> None:
        """Let the task rest until then: its due time moves by the working time in between."""
        resting = timedelta(seconds=task.paused_seconds) + self._working(self.now, until)
        self.emit(
            e.TaskPaused,
            task_id=task.task_id,
            person_id=person_id,
            until=until,
            reason=reason,
            due_at=self._at_percent(task, 100, resting),
        )

    def resume(self, task: TaskState, because: str, person_id: str | None = None) -> None:
        """Let the task's clock run again, and open the task again where it was withdrawn with its case."""
        began = min(at for at in (task.paused_at, task.closed_at) if at is not None)
        # The clock waited until the time that was asked for, however late the scan comes that finds it over.
        ended = self.now if task.paused_until is None or task.closed_at else min(self.now, task.paused_until)
        resting = timedelta(seconds=task.paused_seconds) + self._working(began, ended)
        ladder = self._ladder_of(task)
        at_rung = ladder[task.rung_index].at if task.rung_index < len(ladder) else None
        self.emit(
            e.TaskResumed,
            task_id=task.task_id,
            because=because,
            paused_seconds=int(resting.total_seconds()),
            due_at=self._at_percent(task, 100, resting),
            next_rung_at=None if at_rung is None else self._at_percent(task, at_rung, resting),
            person_id=person_id,
        )

    def assignable(self, task: TaskState) -> tuple[str, ...]:
        """Who may be handed the task: holders of its roles; where no tier binds it also those of the template's owner
        role, and of the further roles that the step names.
        """
        roles = [task.role, task.accountable]
        if task.tier is None:
            roles.append(self.env.template.owner_role)
            step = self.layout.places[task.step_id].node
            if isinstance(step, HumanStep) and not isinstance(step.actions.assign, bool):
                roles += step.actions.assign
        holders = (person for role in roles for person in self.env.directory.candidates(role))
        return tuple(dict.fromkeys(person for person in holders if person != self.state.requested_by))

    def fire(self, task: TaskState) -> None:
        """Fire the task's next rung, or pass over it where it has nothing to say any more."""
        assert task.next_rung_at is not None
        ladder = self._ladder_of(task)
        rung = ladder[task.rung_index]
        resting = timedelta(seconds=task.paused_seconds)
        after = ladder[task.rung_index + 1].at if task.rung_index + 1 < len(ladder) else None
        following = None if after is None else self._at_percent(task, after, resting)
        if rung.unless == "acknowledged" and task.acknowledged_by is not None:
            self.emit(
                e.RungSkipped,
                task_id=task.task_id,
                rung_index=task.rung_index,
                percent=rung.at,
                scheduled_at=task.next_rung_at,
                next_rung_at=following,
            )
            return
        self.emit(
            e.RungFired,
            task_id=task.task_id,
            rung_index=task.rung_index,
            percent=rung.at,
            action=rung.action,
            to=rung.to,
            to_person=self.person_for(rung.to, task),
            scheduled_at=task.next_rung_at,
            next_rung_at=following,
        )

    def person_for(self, to: str, task: TaskState | None) -> str | None:
        """Who a rung's target is today: somebody present where possible."""
        day = self._working_day()
        if to == "requester":
            return self.state.requested_by
        if to in ("assignee", "manager") and task is not None and task.assignee is not None:
            if to == "assignee":
                return task.assignee
            above = assignment.choose_substitute(
                (task.assignee,), day, {}, self.env.directory.absent_on, self.env.directory.manager_of
            )
            return above.person_id if above else self.env.directory.manager_of(task.assignee)
        if to == "owner":
            role = self.env.template.owner_role
        elif to.startswith("role:"):
            role = to.removeprefix("role:")
        else:  # accountable; also the assignee and his manager while nobody is assigned
            role = self._answerable(task)
        choice = self._choice([role], exclude=())
        return choice.person_id if choice else None

    def ladder(self, step: Step) -> tuple[Rung, ...]:
        """The step's own ladder, else the template's."""
        return step.ladder if step.ladder is not None else self.env.template.ladder

    def may_decide(self, task: TaskState, person_id: str) -> bool:
        """Whether the person is the assignee or holds a role of the task. Whose request it is is asked elsewhere."""
        holders = self.env.directory.candidates
        return person_id == task.assignee or any(person_id in holders(r) for r in (task.role, task.accountable))

    def _answerable(self, task: TaskState | None) -> str:
        if task is None:
            return self.env.template.owner_role
        step = self.layout.places[task.step_id].node
        if task.tier is None or not isinstance(step, HumanStep):
            return task.accountable
        return step.tiers[task.tier].accountable or self._named(step.raci.accountable)

    def _tier(self, step: Step) -> tuple[int | None, str]:
        """Index of the first tier that holds. A condition without an answer leads to the default tier, and is said."""
        if not isinstance(step, HumanStep) or not step.tiers:
            return None, ""
        variables = case_variables(self.env.template, self.state)
        try:
            for index, tier in enumerate(step.tiers):
                if tier.when is None or compile_condition(tier.when).holds(variables):
                    return index, f"tier {index + 1}: {tier.when or 'default'}"
        except ConditionError as error:
            return len(step.tiers) - 1, f"default tier, because {error}"
        return len(step.tiers) - 1, "default tier"

    def _roles(self, step: Step, tier: int | None) -> tuple[str, str]:
        """(responsible, accountable). In a tiered step only the tier's own roles count: no approval below its tier."""
        if tier is not None and isinstance(step, HumanStep):
            chosen: Tier = step.tiers[tier]
            return chosen.responsible, chosen.accountable or chosen.responsible
        raci: Raci = step.raci
        accountable = self._named(raci.accountable)
        return (self._named(raci.responsible) if raci.responsible else accountable), accountable

    def _named(self, role: RoleRef) -> str:
        if isinstance(role, str):
            return role
        named = self.state.data.get(role.input)
        return named if isinstance(named, str) and self.env.directory.candidates(named) else role.default

    def _whom(self, role: str, accountable: str, *, tiered: bool) -> assignment.Choice | None:
        roles = [role, accountable] if tiered else [role, accountable, self.env.template.owner_role]
        requester = self.state.requested_by
        return self._choice(roles, exclude=() if requester is None else (requester,))

    def _choice(self, roles: list[str], exclude: tuple[str, ...]) -> assignment.Choice | None:
        people = self.env.directory
        groups = [(role, people.candidates(role)) for role in dict.fromkeys(roles)]
        return assignment.assign(groups, self._working_day(), self._loads, people.absent_on, people.manager_of, exclude)

    def _working_day(self) -> date:
        """The day on which work next goes on: on a Friday night it is Monday's absences that matter."""
        return self.env.calendar.local_date(self.env.calendar.next_working(self.now))

    def _ladder_of(self, task: TaskState) -> tuple[Rung, ...]:
        step = self.layout.places[task.step_id].node
        assert not isinstance(step, Fork)
        return self.ladder(step)

    def _at_percent(self, task: TaskState, percent: int, resting: timedelta) -> datetime:
        """When that share of the task's working time is used, `resting` not counted."""
        sla = timedelta(seconds=task.sla_seconds)
        return self.env.calendar.add_working(task.created_at, sla * percent / 100 + resting)

    def _working(self, start: datetime, end: datetime) -> timedelta:
        return self.env.calendar.working_between(start, end) if end > start else timedelta(0)

    def _rung_time(self, start: datetime, sla: timedelta, ladder: tuple[Rung, ...], index: int) -> datetime | None:
        if index >= len(ladder):
            return None
        return self.env.calendar.add_working(start, sla * ladder[index].at / 100)
