"""The way through a template: enter a step, start a job, complete, join, go back, close.

Belongs here: what follows what. Whom a step asks is `asking`; when its clock runs out is `clocks`; which rules of a
decision hold is `decisions`. Steps that need nobody (decisions, waits that are over) follow one another inside one
command; only a person's decision leads backwards, so no command goes round in circles.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from workflow_jobs.engine import asking, children, clocks, decisions, waits
from workflow_jobs.engine import events as e
from workflow_jobs.engine.conditions import filled_fields
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.layout import branches_of, inside, node_of
from workflow_jobs.engine.parts import FormField, Outcome
from workflow_jobs.engine.separation import tasks_of_visit
from workflow_jobs.engine.template import (
    Block,
    Decision,
    Fork,
    HumanStep,
    Node,
    ProcessStep,
    ServiceStep,
    WaitStep,
)
from workflow_jobs.engine.values import Plain

UNDER_WAY = ("active", "failed")
WITHDRAWN = "withdrawn"


def enter(flow: Flow, entry: Node) -> None:
    """Start a step; a fork starts all its branches, a decision those of the rules that hold."""
    node = node_of(entry)
    before = flow.state.steps.get(node.id)
    visit = before.visit + 1 if before else 1
    if isinstance(node, Fork):
        _enter_fork(flow, node, visit)
        return
    if isinstance(node, Decision):
        _enter_decision(flow, node, visit)
        return
    dropped: tuple[str, ...] = ()
    if before is not None and before.status == "undone" and isinstance(node, HumanStep):
        own = {field.name for field in node.form}
        dropped = tuple(name for name in _dropped(flow, (node.id,)) if name in own)
    flow.emit(e.StepEntered, step_id=node.id, kind=node.kind, visit=visit, dropped=dropped)
    if isinstance(node, HumanStep):
        asking.ask(flow, node)
    elif isinstance(node, ServiceStep):
        request(flow, node)
    elif isinstance(node, WaitStep):
        _wait(flow, node)
    else:
        open_child(flow, node)


def _enter_fork(flow: Flow, fork: Fork, visit: int) -> None:
    needed = 0 if fork.needed == len(fork.branches) else fork.needed
    flow.emit(e.StepEntered, step_id=fork.id, kind="fork", visit=visit, branches=len(fork.branches), needed=needed)
    _start(flow, fork, visit, range(len(fork.branches)))


def _enter_decision(flow: Flow, decision: Decision, visit: int) -> None:
    read = decisions.read_table(flow, decision)
    flow.emit(e.StepEntered, step_id=decision.id, kind="decision", visit=visit, branches=len(read.taken))
    rules = tuple(decision.rules[number].id for number in read.taken)
    flow.emit(
        e.RulesApplied, step_id=decision.id, rules=rules, branches=read.taken, data=dict(read.data), note=read.note
    )
    _start(flow, decision, visit, read.taken)


def _start(flow: Flow, block: Block, visit: int, branches: Collection[int]) -> None:
    """Start branches; one without a step joins at once. What is joined before all have started starts no more."""
    for number in branches:
        known = flow.state.steps[block.id]
        if known.status != "active" or known.visit != visit:
            return
        sequence = branches_of(block)[number]
        if sequence:
            enter(flow, sequence[0])
        else:
            _join(flow, block.id, number)


def request(flow: Flow, step: ServiceStep) -> None:
    """Ask for one more attempt of a service step's job; all attempts of a visit share the idempotency key."""
    known = flow.state.steps[step.id]
    flow.emit(
        e.ServiceRequested,
        step_id=step.id,
        job=step.job,
        idempotency_key=f"{flow.case_id}.{step.id}.{known.visit}",
        attempt=known.attempt + 1,
        timeout_at=flow.now + step.timeout.clock(),
    )


def _wait(flow: Flow, step: WaitStep) -> None:
    day = waits.stated_day(flow, step)
    wake_at, note = waits.wake_time(flow, step, flow.now, day)
    flow.emit(
        e.WaitStarted,
        step_id=step.id,
        wake_at=wake_at,
        signal=step.signal or "",
        pauses_case=step.pauses_case,
        note=note,
        day=day,
        calendar_confirmed=waits.is_confirmed(flow, step, wake_at),
    )
    if wake_at <= flow.now:
        complete(flow, step.id, "elapsed")
    elif step.pauses_case:
        clocks.pause_case(flow, step, wake_at)


def open_child(flow: Flow, step: ProcessStep) -> None:
    """Ask for another case, with what this one knows now."""
    flow.emit(
        e.ChildRequested,
        step_id=step.id,
        child_case_id=children.next_child_id(flow.state),
        template_id=step.template,
        data=children.passed(step, flow.state),
    )


def conclude(
    flow: Flow, step: HumanStep, outcome: Outcome, person_id: str, form: Mapping[str, Plain] | None = None
) -> None:
    """What a settled outcome of a human step leads to: the end of the case, a step before it, or the next one."""
    if outcome.ends_case is not None:
        flow.emit(e.StepCompleted, step_id=step.id, outcome=outcome.id)
        close(flow, outcome.ends_case)
    elif outcome.returns_to is not None:
        flow.emit(e.StepCompleted, step_id=step.id, outcome=outcome.id)
        _go_back(flow, step.id, outcome.returns_to, person_id, _reason(step.form, outcome.id, form or {}))
    else:
        complete(flow, step.id, outcome.id)


def reason_field(fields: Collection[FormField], outcome: str) -> FormField | None:
    """The field that says why the case returns: the first text that this outcome requires."""
    return next((field for field in fields if field.type == "text" and field.required_for(outcome)), None)


def _reason(fields: Collection[FormField], outcome: str, form: Mapping[str, Plain]) -> str:
    field = reason_field(fields, outcome)
    return str(form.get(field.name, "")) if field is not None else ""


def _go_back(flow: Flow, from_step: str, to_step: str, person_id: str, reason: str) -> None:
    """Withdraw and undo everything from the target on, in its sequence and inside it, and do the target again."""
    place = flow.layout.places[to_step]
    region = {step for entry in place.sequence[place.position :] for step in inside(entry)}
    cancel(flow, region, f"the case returned to {to_step}")
    flow.emit(
        e.CaseReturned,
        from_step=from_step,
        to_step=to_step,
        person_id=person_id,
        reason=reason,
        undone=_to_undo(flow, region),
        dropped=_dropped(flow, region, from_step),
    )
    enter(flow, place.sequence[place.position])


def begin_again(flow: Flow, reason: str) -> None:
    """Open the case again at its first step, as after a return to it: whatever was done is to be done again."""
    everything = flow.layout.places.keys()
    flow.emit(
        e.CaseReopened,
        reopened=flow.state.reopened + 1,
        reason=reason,
        undone=_to_undo(flow, everything),
        dropped=_dropped(flow, everything),
    )
    clocks.start_case(flow)
    enter(flow, flow.env.template.steps[0])


def _to_undo(flow: Flow, region: Collection[str]) -> tuple[str, ...]:
    """Which of these steps were done, in the order of the file; also those withdrawn after somebody had decided there,
    as in a vote: nobody is bound by that any more.
    """

    def decided(step_id: str) -> bool:
        return any(task.decided_by is not None for task in tasks_of_visit(flow.state, step_id))

    return tuple(
        step_id
        for step_id in flow.layout.places
        if step_id in region
        and ((status := _status(flow, step_id)) == "completed" or (status == "cancelled" and decided(step_id)))
    )


def _dropped(flow: Flow, region: Collection[str], from_step: str = "") -> tuple[str, ...]:
    """Fields of the case that only steps filled which are to be done again. What sends the case back has just been
    said, and stays until its own step is asked again.
    """
    filled: dict[str, list[str]] = {}
    for name, owner in filled_fields(flow.env.template):
        filled.setdefault(name, []).append(owner)
    return tuple(
        name
        for name, owners in filled.items()
        if name in flow.state.data and not any(_still_says(flow, owner, region, from_step) for owner in owners)
    )


def _still_says(flow: Flow, owner: str, region: Collection[str], from_step: str) -> bool:
    if owner in ("", from_step):
        return True
    return owner not in region and _status(flow, owner) == "completed"


def _status(flow: Flow, step_id: str) -> str:
    known = flow.state.steps.get(step_id)
    return known.status if known is not None else ""


def complete(flow: Flow, step_id: str, outcome: str) -> None:
    """Finish a step and go where its place in the template leads."""
    flow.emit(e.StepCompleted, step_id=step_id, outcome=outcome)
    place = flow.layout.places[step_id]
    if place.following is not None:
        enter(flow, place.following)
    elif place.parent is not None:
        _join(flow, *place.parent)
    elif flow.env.template.closes == "on_resolution":
        flow.emit(e.ResolutionAwaited)
    else:
        close(flow, "completed")
        effect = flow.env.template.effect
        if effect is not None:
            flow.emit(e.EffectDue, due_at=flow.now + effect.window.clock())


def _join(flow: Flow, block_id: str, branch: int) -> None:
    """A branch is done; once enough are, what is under way in the others is withdrawn and the block is done."""
    block = flow.state.steps[block_id]
    remaining = (block.needed or block.branches) - len(block.joined) - 1
    flow.emit(e.BranchJoined, fork_id=block_id, branch=branch, remaining=remaining)
    if remaining > 0:
        return
    node = flow.layout.places[block_id].node
    assert isinstance(node, Fork | Decision)
    if block.needed:
        others = {step for sequence in branches_of(node) for entry in sequence for step in inside(entry)}
        cancel(flow, others, f"{block_id} goes on without it")
    complete(flow, block_id, "joined" if isinstance(node, Fork) else "+".join(block.rules))


def cancel(flow: Flow, steps: Collection[str] | None, reason: str) -> None:
    """Withdraw what is under way in these steps (None: in all): questions, jobs, waits, other cases."""
    for task in flow.state.open_tasks:
        if steps is None or task.step_id in steps:
            asking.withdraw(flow, task, reason)
    for step in tuple(flow.state.steps.values()):
        if step.status in UNDER_WAY and (steps is None or step.step_id in steps):
            flow.emit(e.StepCancelled, step_id=step.step_id, reason=reason)
            node = flow.layout.places[step.step_id].node
            if isinstance(node, WaitStep) and node.pauses_case:
                clocks.resume_case(flow, node)


def close(flow: Flow, outcome: str, joined: str = "") -> None:
    """End the people's part; what is still under way is withdrawn."""
    withdrawn = tuple(step_id for step_id in flow.layout.places if _status(flow, step_id) in UNDER_WAY)
    cancel(flow, None, f"the case closed: {outcome}")
    flow.emit(e.CaseClosed, outcome=outcome, joined=joined, withdrawn=withdrawn)


def withdrawn_with_case(flow: Flow) -> tuple[str, ...]:
    """The steps that were under way when the case was closed, in the order of the file.

    A log that does not say which is read by the instants: good enough unless the clock stood still before.
    """
    if flow.state.withdrawn is not None:
        return flow.state.withdrawn
    ended = flow.state.closed_at
    found: set[str] = set()
    for step_id, place in flow.layout.places.items():
        known = flow.state.steps.get(step_id)
        if known is None or known.status != "cancelled" or known.completed_at != ended:
            continue
        # What a join had withdrawn at the same instant lies in a fork that was done by then.
        if place.parent is None or place.parent[0] in found:
            found.add(step_id)
    return tuple(step_id for step_id in flow.layout.places if step_id in found)


def go_on(flow: Flow, under_way: Collection[str]) -> None:
    """Let an open case go on with these steps, which were withdrawn with it; from its first step if there are none.

    People get their tasks back; a job, a wait and another case are begun anew.
    """
    nodes = [flow.layout.places[step_id].node for step_id in under_way]
    for node in nodes:
        if isinstance(node, Fork | Decision):
            flow.emit(e.StepResumed, step_id=node.id)
    again = []
    for node in nodes:
        ended = flow.state.steps[node.id].completed_at
        # What a return withdrew at the same instant was asked in an earlier visit, and is not asked again.
        purpose = "rescue" if isinstance(node, ServiceStep | ProcessStep) else "decide"
        tasks = [task for task in tasks_of_visit(flow.state, node.id, purpose) if task.status == "cancelled"]
        tasks = [task for task in tasks if task.closed_at == ended]
        for task in tasks:
            clocks.resume(flow, task, "reopened")
        if not tasks and not isinstance(node, Fork | Decision):
            again.append(node.id)
    for step_id in again:
        # An earlier one of these may have been over at once, and its join have gone on without this one.
        place = flow.layout.places[step_id]
        if place.parent is None or _status(flow, place.parent[0]) == "active":
            enter(flow, place.sequence[place.position])
    if not under_way:
        enter(flow, flow.env.template.steps[0])
