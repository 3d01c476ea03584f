"""Moving a running case to another version of its template: whether it fits, and what happens then. Pure.

A case fits where everything that it has visited stands in the new version as well, what is under way stands at the same
place and asks the same, nothing that is done would come again, and what still has to be decided can be decided by what
the case knows. Which version is in force, and which cases to move, is the caller's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from workflow_jobs.engine import clocks, separation, tier_changes, waits
from workflow_jobs.engine import events as e
from workflow_jobs.engine.conditions import compile_condition, conditions_of, field_kinds, filled_fields
from workflow_jobs.engine.environment import Environment
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.layout import Layout, Place, branches_of, layout_of, node_of
from workflow_jobs.engine.parts import RoleRef, Rung
from workflow_jobs.engine.refusal import EngineError, Refused
from workflow_jobs.engine.state import CaseState, StepState, TaskState
from workflow_jobs.engine.template import (
    AskingStep,
    Block,
    Decision,
    Fork,
    HumanStep,
    Node,
    ProcessStep,
    ServiceStep,
    Step,
    Template,
    Until,
    WaitStep,
)


@dataclass(frozen=True, slots=True)
class Fit:
    """`reasons` say what would not fit; none: the case can be moved. `notes` say what moving it means."""

    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()


def fits(state: CaseState, old: Template, new: Template) -> Fit:
    """Whether an open case that follows `old` can go on with `new`. Raises EngineError for another template's case."""
    if state.template_hash != old.hash or old.id != new.id:
        raise EngineError(f"case {state.case_id} follows {state.template_hash} of {state.template_id}")
    if new.hash == old.hash:
        return Fit((f"it follows version {new.version} already",))
    if not state.is_open:
        return Fit((f"it is {state.status}: only open cases are moved",))
    comparison = _Comparison(state, old, new)
    return Fit(tuple(comparison.reasons()), tuple(comparison.notes()))


def migrate(
    state: CaseState, old: Template, new: Template, now: datetime, env: Environment, person_id: str
) -> tuple[e.Event, ...]:
    """The events that move the case; open tasks stay, and their clocks where the new version gives the same time.

    `env` has the new template; `person_id` gave the command. Raises Refused(does_not_fit) with every reason.
    """
    fit = fits(state, old, new)
    if fit.reasons:
        raise Refused.to_program("does_not_fit", f"The case {state.case_id} cannot be moved: {'; '.join(fit.reasons)}.")
    if env.template.hash != new.hash:
        raise EngineError("the environment must have the template that the case is moved to")
    flow = Flow(state.case_id, state, now, env)
    flow.emit(e.TemplateMigrated, from_hash=old.hash, to_hash=new.hash, person_id=person_id)
    reason = f"version {new.version} of the template"
    for task in state.open_tasks:
        before, after = _asking(old, task.step_id), _asking(new, task.step_id)
        ladders = before.ladder if before.ladder is not None else old.ladder, clocks.ladder_of_step(flow, after)
        if before.sla != after.sla or ladders[0] != ladders[1]:
            _recompute_task(flow, task, after, ladders, reason)
    if old.sla != new.sla or old.case_ladder != new.case_ladder:
        _recompute_case(flow, old, new, reason)
    for step in flow.state.waits:
        was, now_is = _until(old, step.step_id), _until(new, step.step_id)
        if was != now_is:
            waits.recompute(flow, step, reason, same_date=was.date == now_is.date)
    tier_changes.ask_again(flow)
    return tuple(flow.events)


def _recompute_task(
    flow: Flow,
    task: TaskState,
    step: AskingStep,
    ladders: tuple[tuple[Rung, ...], tuple[Rung, ...]],
    reason: str,
) -> None:
    calendar = flow.env.calendar_named(task.calendar)
    sla = int(step.sla.working(calendar.day_length).total_seconds())
    clock = (calendar, sla)
    resting = timedelta(seconds=task.paused_seconds)
    due = task.due_at
    if sla != task.sla_seconds:
        # As when a calendar changes: what was late when a rest began stays late.
        due = clocks.at_percent(flow, task, 100, clocks.counted_rests(task, calendar), clock)
    index = _rung_index(task.rung_index, *ladders)
    following = task.paused_until or clocks.rung_time(flow, task, index, resting, clock)
    flow.emit(
        e.ClockRecomputed,
        task_id=task.task_id,
        due_at=due,
        next_rung_at=following,
        calendar=task.calendar,
        calendar_confirmed=calendar.confirmed(due),
        previous_due_at=task.due_at,
        reason=reason,
        sla_seconds=sla,
        rung_index=index,
    )


def _recompute_case(flow: Flow, old: Template, new: Template, reason: str) -> None:
    state = flow.state
    if state.due_at is None:
        clocks.start_case(flow)
        return
    calendar = flow.env.calendar_named(state.calendar)
    sla = state.sla_seconds
    if new.sla is not None:
        sla = int(new.sla.working(calendar.day_length).total_seconds())
    resting = timedelta(seconds=state.paused_seconds)
    due = state.due_at
    if sla != state.sla_seconds:
        due = clocks.case_at_percent(flow, 100, clocks.moving_rests(state), (calendar, sla))
    ladder = new.case_ladder if new.sla is not None else ()
    index = _rung_index(state.rung_index, old.case_ladder, ladder)
    following = None
    if state.paused_at is None and index < len(ladder):
        following = clocks.case_rung_time(flow, index, resting, (calendar, sla))
    flow.emit(
        e.ClockRecomputed,
        task_id=None,
        due_at=due,
        next_rung_at=following,
        calendar=state.calendar,
        calendar_confirmed=calendar.confirmed(due),
        previous_due_at=state.due_at,
        reason=reason,
        sla_seconds=sla,
        rung_index=index,
    )


def _rung_index(index: int, old: tuple[Rung, ...], new: tuple[Rung, ...]) -> int:
    """The first rung of the new ladder above those that have fired, so that none fires twice."""
    fired = old[min(index, len(old)) - 1].at if index and old else 0
    return sum(rung.at <= fired for rung in new)


def _asking(template: Template, step_id: str) -> AskingStep:
    node = layout_of(template).places[step_id].node
    assert isinstance(node, HumanStep | ServiceStep | ProcessStep)
    return node


def _until(template: Template, step_id: str) -> Until:
    node = layout_of(template).places[step_id].node
    assert isinstance(node, WaitStep)
    return node.until


@dataclass
class _Comparison:
    """An open case, and where it stands in two versions of its template."""

    state: CaseState
    old: Template
    new: Template

    def __post_init__(self) -> None:
        self.before, self.after = layout_of(self.old), layout_of(self.new)
        self.under_way = [step for step in self.state.steps.values() if step.status in ("active", "failed")]
        here = [step.step_id for step in self.under_way]
        self.ahead_before = _ahead(self.before, here)
        self.ahead = _ahead(self.after, here)

    def reasons(self) -> Iterator[str]:
        gone = list(self._gone())
        yield from gone
        if self.old.closes != self.new.closes:
            yield f"the new version closes {self.new.closes.replace('_', ' ')}, this case {self.old.closes}"
        yield from self._types()
        if gone:
            return  # what is compared below needs every step in both
        for step in self.under_way:
            yield from self._step(step)
        yield from self._moved()
        yield from self._kept()
        done = {step.step_id for step in self.state.steps.values() if step.status == "completed"}
        for step_id in sorted((self.ahead & done) - self.ahead_before):
            yield f"step {step_id} is done, and would come again in the new version"
        if self.state.awaiting_resolution:
            for step_id in sorted(self.after.places.keys() - self.state.steps.keys() - self.before.places.keys()):
                yield f"all steps of this case are done, so step {step_id} of the new version would never be"
        yield from self._unknown()

    def notes(self) -> Iterator[str]:
        here = {step.step_id for step in self.under_way}
        for step_id, place in self.after.places.items():
            known = step_id in self.before.places or step_id in here or step_id in self.ahead
            if not known and not self.state.awaiting_resolution and self._was_there(place):
                yield f"step {step_id} of the new version stands before where the case is: it is passed over"
        for task in self.state.open_tasks:
            old, new = self.before.places[task.step_id].node, self.after.places.get(task.step_id)
            if new is None or not isinstance(old, HumanStep | ServiceStep):
                continue
            if isinstance(new.node, HumanStep | ServiceStep) and old.sla != new.node.sla:
                yield f"step {task.step_id} has {new.node.sla} instead of {old.sla}: its due time is computed anew"
        for step in self.state.waits:
            was, now = self.before.places[step.step_id].node, self.after.places.get(step.step_id)
            if now is None or not isinstance(was, WaitStep) or not isinstance(now.node, WaitStep):
                continue
            if was.until != now.node.until:
                spans = f"{_span(now.node.until)} instead of {_span(was.until)}"
                yield f"step {step.step_id} waits {spans}: when it is over is computed anew from its beginning"
        if self.old.sla != self.new.sla:
            yield f"the whole case has {self.new.sla or 'no time of its own'} instead of {self.old.sla or 'none'}"

    def _was_there(self, place: Place) -> bool:
        """Whether the case has gone into the branch in which the place lies: its steps would have come by now."""
        if place.parent is None:
            return True
        block, branch = place.parent
        step = self.state.steps.get(block)
        if block not in self.before.places or step is None or step.status not in ("active", "completed"):
            return False
        return (step.kind == "fork" or branch in step.started) and self._was_there(self.after.places[block])

    def _gone(self) -> Iterator[str]:
        for step in self.state.steps.values():
            place = self.after.places.get(step.step_id)
            what = "under way" if step.status in ("active", "failed") else step.status
            if place is None:
                yield f"step {step.step_id} ({what}) is not in the new version"
            elif _kind(place.node) != step.kind:
                yield f"step {step.step_id} ({what}) is {step.kind} here and {_kind(place.node)} in the new version"

    def _types(self) -> Iterator[str]:
        old, new = field_kinds(self.old), field_kinds(self.new)
        for name in self.state.data:
            if name in old and name in new and old[name] != new[name]:
                yield f"field {name} holds {old[name]}, the new version takes {new[name]}"
        for field in self.new.inputs:
            if field.required is True and self.state.data.get(field.name) is None:
                yield f"the new version needs the input {field.name}, which this case was not given"

    def _moved(self) -> Iterator[str]:
        blocks = {step.step_id for step in self.under_way if step.kind in ("fork", "decision")}
        for step in self.state.steps.values():
            old, new = _enclosing(self.before, step.step_id), _enclosing(self.after, step.step_id)
            counts = step.status in ("active", "failed") or any(block in blocks for block, _ in old)
            if counts and old != new:
                yield f"step {step.step_id} stands {_where(old)}, in the new version {_where(new)}"

    def _kept(self) -> Iterator[str]:
        """A task must not end up with somebody whom the new version does not ask, or keeps from deciding it."""
        for step_id in dict.fromkeys(task.step_id for task in self.state.open_tasks):
            was, now = (_roles(layout.places[step_id].node) for layout in (self.before, self.after))
            if was != now:
                yield f"step {step_id} is asked of {_who(was)}, in the new version of {_who(now)}"
        for task in self.state.open_tasks:
            for person in (task.assignee, task.delegated_by):
                if person is None or separation.objection(self.old, self.state, task, person) is not None:
                    continue
                if separation.objection(self.new, self.state, task, person) is not None:
                    yield f"step {task.step_id} is with {person}, who may not decide it in the new version"

    def _step(self, step: StepState) -> Iterator[str]:
        old, new = self.before.places[step.step_id].node, self.after.places[step.step_id].node
        match old, new:
            case HumanStep(), HumanStep():
                yield from self._question(old, new)
            case ServiceStep(), ServiceStep() if old.job != new.job and step.status == "active":
                yield f"step {step.step_id} waits for {old.job}, in the new version for {new.job}"
            case WaitStep(), WaitStep():
                if (old.signal, old.pauses_case) != (new.signal, new.pauses_case):
                    other = "waits for another signal, or rests the clock otherwise, in the new version"
                    yield f"step {step.step_id} {other}"
                day = new.until.date
                if day is not None and day != old.until.date and self.state.data.get(day) is None:
                    yield f"step {step.step_id} waits for the date {day}, which this case was not given"
            # One that could not be opened is not waited for: another version may be what mends it.
            case ProcessStep(), ProcessStep() if step.status == "failed":
                pass
            case ProcessStep(), ProcessStep() if (old.template, old.brings) != (new.template, new.brings):
                yield f"step {step.step_id} waits for another process, or brings other fields, in the new version"
            case Fork(), Fork() if (old.needed, len(old.branches)) != (new.needed, len(new.branches)):
                yield f"fork {step.step_id} is under way and has other branches, or another join, in the new version"
            case Decision(), Decision():
                here, there = [r.id for r in old.rules], [r.id for r in new.rules]
                if any(here[i : i + 1] != there[i : i + 1] for i in step.started) or old.policy != new.policy:
                    yield f"decision {step.step_id} is under way and has other rules in the new version"

    def _question(self, old: HumanStep, new: HumanStep) -> Iterator[str]:
        for outcome in old.outcomes:
            other = new.outcome(outcome.id)
            if other is None:
                yield f"step {old.id} offers {outcome.id!r}, the new version does not"
            elif (other.ends_case, other.returns_to) != (outcome.ends_case, outcome.returns_to):
                yield f"step {old.id}: {outcome.id!r} leads elsewhere in the new version"
        if old.tiers != new.tiers:
            yield f"step {old.id} is asked by its tiers, which the new version changes"
        if old.vote != new.vote:
            yield f"step {old.id} is voted on, or not, in another way in the new version"
        yield from dict.fromkeys(self._typed(new))

    def _typed(self, step: HumanStep) -> Iterator[str]:
        """What was typed in forms that become data only when every voice of the step is there."""
        old, new = field_kinds(self.old), field_kinds(self.new)
        for task in separation.tasks_of_visit(self.state, step.id):
            if task.status == "cancelled":
                continue
            for name in (*task.form, *(task.advice.form if task.advice is not None else ())):
                if name in old and name in new and old[name] != new[name]:
                    yield f"step {step.id}: {name} was typed as {old[name]}, the new version takes {new[name]}"
            if task.outcome is not None:
                for field in step.form:
                    if field.required_for(task.outcome) and task.form.get(field.name) in (None, ""):
                        yield f"step {step.id}: {task.outcome!r} was chosen without {field.name}, which it needs there"

    def _unknown(self) -> Iterator[str]:
        """Conditions and dates to come that go by what the case does not know and nobody will be asked for."""
        coming = self.ahead | {step.step_id for step in self.under_way}
        known = set(self.state.data) | {name for name, owner in filled_fields(self.new) if owner in coming}
        decided = coming | {s.step_id for s in self.state.steps.values() if s.outcome is not None}
        for step_id in (one for one in self.after.places if one in self.ahead):
            for owner, name in _goes_by(self.after.places[step_id].node):
                missing = (
                    (owner == "data" and name not in known)
                    or (owner == "outcomes" and name not in decided)
                    or (owner == "results" and name not in coming and name not in self.state.results)
                )
                if missing:
                    yield f"step {step_id} goes by {owner}.{name}, which this case will never know"


def _ahead(layout: Layout, here: list[str]) -> set[str]:
    """Ids of all steps and blocks that may still come after those under way, returns not counted."""
    coming: set[str] = set()
    for step_id in here:
        place: Place | None = layout.places.get(step_id)
        while place is not None:
            for entry in place.sequence[place.position + 1 :]:
                coming |= _inside(entry)
            place = layout.places[place.parent[0]] if place.parent is not None else None
    return coming


def _inside(entry: Node) -> set[str]:
    node = node_of(entry)
    if not isinstance(node, Fork | Decision):
        return {node.id}
    return {node.id}.union(*(_inside(inner) for branch in branches_of(node) for inner in branch))


def _enclosing(layout: Layout, step_id: str) -> tuple[tuple[str, int], ...]:
    """The blocks around a step with its branch in each, innermost first."""
    found: list[tuple[str, int]] = []
    parent = layout.places[step_id].parent
    while parent is not None:
        found.append(parent)
        parent = layout.places[parent[0]].parent
    return tuple(found)


def _where(enclosing: tuple[tuple[str, int], ...]) -> str:
    if not enclosing:
        return "in the main sequence"
    return "in " + " of ".join(f"branch {branch + 1} of {block}" for block, branch in enclosing)


def _kind(node: Step | Block) -> str:
    if isinstance(node, Fork):
        return "fork"
    return "decision" if isinstance(node, Decision) else node.kind


def _goes_by(node: Step | Block) -> Iterator[tuple[str, str]]:
    """What is read when the place comes: by each condition, and the date of a wait."""
    for source in conditions_of(node):
        yield from sorted(compile_condition(source).members)
    if isinstance(node, WaitStep) and node.until.date is not None:
        yield "data", node.until.date


def _roles(node: Step | Block) -> tuple[RoleRef, RoleRef]:
    """Who is asked by an asking step that has no tiers, and who answers for it."""
    assert isinstance(node, AskingStep)
    return node.raci.responsible or node.raci.accountable, node.raci.accountable


def _who(roles: tuple[RoleRef, RoleRef]) -> str:
    asked, answers = (one if isinstance(one, str) else f"the role in {one.input} (else {one.default})" for one in roles)
    return f"{asked} ({answers} answers for it)" if asked != answers else asked


def _span(until: Until) -> str:
    if until.date is not None:
        return f"for the date {until.date}"
    return f"{until.working} of working time" if until.working is not None else f"{until.clock} of clock time"
